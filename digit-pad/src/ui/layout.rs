//! Layout of the window: a rectangle for each element, at any window size.

use crate::{
    drawing::strokes::{CANVAS, PENS},
    geometry::{Bounds, Point},
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::action::Action,
};

/// Initial size of the window, in pixels.
pub const DEFAULT_SIZE: (usize, usize) = (960, 640);

/// Smallest size that is laid out, in pixels; a smaller window shows its upper left part.
pub const MIN_SIZE: (usize, usize) = (640, 480);

/// Largest width or height of a window, in pixels: the limit of window systems.
const MAX_SIDE: usize = 32_767;

/// Smallest scale of text and gaps, relative to a window of [`DEFAULT_SIZE`].
const MIN_SCALE: f32 = 0.85;

/// The scale of text and gaps in a window that is `ratio` times as large as one of [`DEFAULT_SIZE`]. They grow more slowly
/// than the window, which leaves more room for the canvas.
pub fn text_scale(ratio: f32) -> f32 {
    1.0 + 0.6 * (ratio - 1.0)
}

/// The row of one digit in the bar chart of probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRow {
    /// The whole row, up to the next one.
    pub row: Rect,
    /// The digit.
    pub digit: Rect,
    /// The full length of the bar.
    pub track: Rect,
    /// The probability as a percentage.
    pub percent: Rect,
}

/// A button.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// The action that it triggers.
    pub action: Action,
    /// Its place in the window.
    pub rect: Rect,
}

/// The content of the panel beside the canvas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// The prediction.
    Prediction,
    /// The activations of every layer.
    Layers,
    /// The progress of training.
    Training,
}

/// Something that can be clicked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitTarget {
    /// A button.
    Action(Action),
    /// The example at this index; a click removes it.
    Example(usize),
    /// The row of this digit in the bar chart; a click labels the selected digit with it.
    Bar(u8),
}

/// The place of every element in a window of one size.
///
/// All rectangles but the overlay are disjoint. All lie inside the window, or inside [`MIN_SIZE`] if the window is
/// smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The window's width and height, in pixels.
    pub window: (usize, usize),
    /// Scale of text and gaps, relative to a window of [`DEFAULT_SIZE`].
    pub scale: f32,
    /// The content of the panel.
    pub active_panel: Panel,
    /// The square drawing area.
    pub canvas: Rect,
    /// The buttons: toolbar, footer, and those of the training panel.
    pub buttons: Vec<Button>,
    /// The slider for the pen's width.
    pub slider: Rect,
    /// The panel beside or below the canvas.
    pub panel: Rect,
    /// Caption of the prediction.
    pub prediction_caption: Rect,
    /// The predicted digit, large.
    pub prediction: Rect,
    /// The probability of the predicted digit.
    pub confidence: Rect,
    /// A remark on the prediction, such as its runner-up.
    pub remark: Rect,
    /// Caption of the network input.
    pub network_input_caption: Rect,
    /// The network input: a whole number of screen pixels for each of its own.
    pub network_input: Rect,
    /// The bar chart of the ten probabilities.
    pub bars: [BarRow; 10],
    /// The status line under the panel.
    pub status: Rect,
    /// The two lines of text on a blank canvas.
    pub hint: [Rect; 2],
    /// The dialog over the window, while one is open.
    pub overlay: Rect,
    /// Grids for examples in the overlay, from few large cells to many small ones.
    example_grids: Vec<Vec<Rect>>,
}

impl Layout {
    /// The layout of a window of `width` × `height` pixels, with text and gaps enlarged by `zoom` as far as they fit.
    pub fn new(width: usize, height: usize, zoom: f32, active_panel: Panel) -> Self {
        let grid = Grid::new(
            width.clamp(MIN_SIZE.0, MAX_SIDE),
            height.clamp(MIN_SIZE.1, MAX_SIDE),
            zoom,
        );
        let areas = grid.areas(active_panel);
        let head = grid.head(areas.panel);
        let (mut buttons, slider) = grid.tools(areas.toolbar);
        buttons.extend(grid.row(&Action::FOOTER, areas.footer));
        let mut panel = areas.panel;
        if active_panel == Panel::Training {
            let row = grid.take_button_row(&mut panel);
            buttons.extend(grid.row(&[Action::Pause, Action::Stop, Action::RestoreBuiltIn], row));
        }
        let overlay = grid.overlay();
        Layout {
            window: (width, height),
            scale: grid.scale,
            active_panel,
            canvas: areas.canvas,
            buttons,
            slider,
            panel,
            prediction_caption: head.prediction_caption,
            prediction: head.prediction,
            confidence: head.confidence,
            remark: head.remark,
            network_input_caption: head.network_input_caption,
            network_input: head.network_input,
            bars: grid.bars(areas.panel, head.bottom),
            status: areas.status,
            hint: grid.hint(areas.canvas),
            example_grids: grid.example_grids(overlay),
            overlay,
        }
    }

    /// Scales a length given in pixels of a window of [`DEFAULT_SIZE`].
    pub fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    /// Canvas units per window pixel.
    pub fn canvas_unit(&self) -> f32 {
        CANVAS / self.canvas.width as f32
    }

    /// Converts a window position to canvas units; outside the canvas too.
    pub fn canvas_point(&self, x: f32, y: f32) -> Point {
        let unit = self.canvas_unit();
        Point::new((x - self.canvas.x as f32) * unit, (y - self.canvas.y as f32) * unit)
    }

    /// Converts a rectangle from canvas units to window pixels, clipped to the canvas.
    pub fn on_canvas(&self, bounds: Bounds) -> Rect {
        let px = |units: f32| (units / self.canvas_unit()).round() as i32;
        let rect = Rect::new(
            self.canvas.x + px(bounds.left),
            self.canvas.y + px(bounds.top),
            px(bounds.right) - px(bounds.left),
            px(bounds.bottom) - px(bounds.top),
        );
        rect.intersection(&self.canvas)
    }

    /// The button at a window position.
    pub fn target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let button = self.buttons.iter().find(|button| button.rect.contains(x, y));
        button.map(|button| HitTarget::Action(button.action))
    }

    /// The digit whose row of the bar chart is at a window position.
    pub fn bar_at(&self, x: f32, y: f32) -> Option<u8> {
        (0..)
            .zip(&self.bars)
            .find(|(_, bar)| bar.row.contains(x, y))
            .map(|(digit, _)| digit)
    }

    /// The grid with the largest cells that holds `count` examples, or else the one with the most cells.
    pub fn example_grid(&self, count: usize) -> &[Rect] {
        let enough = self.example_grids.iter().find(|grid| grid.len() >= count);
        enough.or(self.example_grids.last()).map_or(&[], Vec::as_slice)
    }

    /// The button that puts back removed examples: at the end of the status line, or of the head of the overlay.
    pub fn restore_button(&self, is_over_examples: bool) -> Rect {
        let (width, height) = (self.scaled(64.0).round() as i32, self.scaled(26.0).round() as i32);
        let (right, middle) = if is_over_examples {
            let inner = self.overlay.inset(self.scaled(28.0) as i32);
            (inner.right(), inner.y + height / 2)
        } else {
            (self.status.right(), self.status.y + self.status.height / 2)
        };
        Rect::new(right - width, middle - height / 2, width, height)
    }

    /// The track of the slider's knob: left end, right end and y.
    pub fn slider_track(&self) -> (f32, f32, f32) {
        let (inset, rect) = (0.5 * self.scaled(22.0), self.slider);
        let middle = rect.y as f32 + 0.5 * rect.height as f32;
        (rect.x as f32 + inset, rect.right() as f32 - inset, middle)
    }

    /// The pen width, in canvas units, for a slider knob at window position `x`.
    pub fn pen_at(&self, x: f32) -> f32 {
        let (left, right, _) = self.slider_track();
        PENS.0 + (PENS.1 - PENS.0) * ((x - left) / (right - left)).clamp(0.0, 1.0)
    }

    /// The x position of the slider's knob for a pen width.
    pub fn knob_at(&self, pen: f32) -> f32 {
        let (left, right, _) = self.slider_track();
        left + (right - left) * (pen - PENS.0) / (PENS.1 - PENS.0)
    }
}

/// Size and scale from which all rectangles are computed.
struct Grid {
    width: i32,
    height: i32,
    scale: f32,
}

/// The main areas of the window.
struct Areas {
    canvas: Rect,
    toolbar: Rect,
    panel: Rect,
    status: Rect,
    footer: Rect,
}

/// The upper part of the prediction panel.
struct PredictionHead {
    prediction_caption: Rect,
    prediction: Rect,
    confidence: Rect,
    remark: Rect,
    network_input_caption: Rect,
    network_input: Rect,
    bottom: i32,
}

impl Grid {
    fn new(width: usize, height: usize, zoom: f32) -> Self {
        let fit = |size: (usize, usize)| (width as f32 / size.0 as f32).min(height as f32 / size.1 as f32);
        let ratio = fit(DEFAULT_SIZE);
        let scale = if ratio < 1.0 {
            ratio.max(MIN_SCALE)
        } else {
            text_scale(ratio)
        };
        Grid {
            width: width as i32,
            height: height as i32,
            scale: (scale * zoom).max(MIN_SCALE).min(MIN_SCALE * fit(MIN_SIZE)),
        }
    }

    fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// Places the panel beside the canvas, or below it where that leaves a larger canvas.
    fn areas(&self, active_panel: Panel) -> Areas {
        let (margin, gap) = (self.px(24.0), self.px(28.0));
        let toolbar = self.px(12.0) + self.px(44.0);
        let (room_x, room_y) = (self.width - 2 * margin, self.height - 2 * margin);
        let (min_width, max_width) = match active_panel {
            Panel::Prediction => (self.px(264.0), self.px(380.0)),
            Panel::Layers | Panel::Training => (self.px(310.0).max(room_x * 4 / 10), room_x * 6 / 10),
        };
        let beside = (room_y - toolbar).min(room_x - gap - min_width);
        let below = room_x.min(room_y - toolbar - gap - self.px(480.0));
        if beside >= below {
            self.panel_beside(beside, (room_x - gap - beside).min(max_width))
        } else {
            let panel = (room_y - toolbar - gap - below).min(self.px(640.0));
            self.panel_below(below, panel)
        }
    }

    fn panel_beside(&self, side: i32, panel_width: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(28.0), self.px(12.0), self.px(44.0));
        let x = (self.width - side - gap - panel_width) / 2;
        let y = (self.height - side - toolbar_gap - toolbar_height) / 2;
        let (panel_x, toolbar_y) = (x + side + gap, y + side + toolbar_gap);
        let (panel, status) = self.with_status(Rect::new(panel_x, y, panel_width, side));
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel,
            status,
            footer: Rect::new(panel_x, toolbar_y, panel_width, toolbar_height),
        }
    }

    fn panel_below(&self, side: i32, panel_height: i32) -> Areas {
        let (gap, toolbar_gap, toolbar_height) = (self.px(28.0), self.px(12.0), self.px(44.0));
        let x = (self.width - side) / 2;
        let y = (self.height - side - toolbar_gap - toolbar_height - gap - panel_height) / 2;
        let toolbar_y = y + side + toolbar_gap;
        let panel_y = toolbar_y + toolbar_height + gap;
        let footer_y = panel_y + panel_height - toolbar_height;
        let (panel, status) = self.with_status(Rect::new(x, panel_y, side, footer_y - toolbar_gap - panel_y));
        Areas {
            canvas: Rect::new(x, y, side, side),
            toolbar: Rect::new(x, toolbar_y, side, toolbar_height),
            panel,
            status,
            footer: Rect::new(x, footer_y, side, toolbar_height),
        }
    }

    /// Splits an area into the panel and the status line under it.
    fn with_status(&self, area: Rect) -> (Rect, Rect) {
        let (line, gap) = (self.px(20.0), self.px(14.0));
        let panel = Rect::new(area.x, area.y, area.width, area.height - line - gap);
        (panel, Rect::new(area.x, area.bottom() - line, area.width, line))
    }

    /// The toolbar buttons and the pen slider. The last button, Clear, stands apart so that it is not hit by mistake.
    fn tools(&self, toolbar: Rect) -> (Vec<Button>, Rect) {
        let (gap, side) = (self.px(8.0), toolbar.height);
        let at = |x: i32| Rect::new(x, toolbar.y, side, side);
        let xs = [
            toolbar.x,
            toolbar.x + side + gap,
            toolbar.x + 2 * (side + gap),
            toolbar.right() - side,
        ];
        let buttons = Action::TOOLBAR.into_iter().zip(xs);
        let slider_x = toolbar.x + 3 * (side + gap);
        let room = toolbar.right() - side - gap - slider_x;
        let slider = Rect::new(slider_x, toolbar.y, room.min(self.px(180.0)), side);
        (
            buttons.map(|(action, x)| Button { action, rect: at(x) }).collect(),
            slider,
        )
    }

    /// Buttons of equal width that fill a row.
    fn row(&self, actions: &[Action], area: Rect) -> Vec<Button> {
        let (count, gap) = (actions.len() as i32, self.px(6.0));
        let left = |i: i32| area.x + i * (area.width + gap) / count;
        let button = |(i, &action): (i32, &Action)| Button {
            action,
            rect: Rect::new(left(i), area.y, left(i + 1) - gap - left(i), area.height),
        };
        (0..).zip(actions).map(button).collect()
    }

    /// Shortens the panel by a row of buttons at its bottom, and returns that row.
    fn take_button_row(&self, panel: &mut Rect) -> Rect {
        let (height, gap) = (self.px(40.0), self.px(12.0));
        panel.height -= height + gap;
        Rect::new(panel.x, panel.bottom() + gap, panel.width, height)
    }

    fn overlay(&self) -> Rect {
        let (width, height) = (self.px(720.0).min(self.width), self.px(500.0).min(self.height));
        Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height)
    }

    /// Grids of examples, each with a whole number of screen pixels for one of an example's, from largest to smallest.
    fn example_grids(&self, overlay: Rect) -> Vec<Vec<Rect>> {
        let largest = (self.px(60.0) / SIDE as i32).max(1);
        let sizes = (1..=largest).rev();
        sizes
            .map(|factor| self.grid_of_side(SIDE as i32 * factor, overlay))
            .collect()
    }

    fn grid_of_side(&self, side: i32, overlay: Rect) -> Vec<Rect> {
        let (padding, head, gap) = (self.px(28.0), self.px(96.0), self.px(10.0));
        let label = self.px(20.0);
        let columns = (overlay.width - 2 * padding + gap) / (side + gap);
        let rows = (overlay.height - head - padding + gap) / (side + label + gap);
        let cell = |i: i32| {
            let (x, y) = (
                i % columns.max(1) * (side + gap),
                i / columns.max(1) * (side + label + gap),
            );
            Rect::new(overlay.x + padding + x, overlay.y + head + y, side, side + label)
        };
        (0..columns * rows).map(cell).collect()
    }

    fn head(&self, panel: Rect) -> PredictionHead {
        let caption_height = self.px(18.0);
        // Aligns the tops of its capitals with the top of the canvas.
        let caption_y = panel.y - self.px(4.0);
        let top = panel.y + self.px(22.0);
        let side = SIDE as i32 * (self.px(112.0) / SIDE as i32);
        let network_input = Rect::new(panel.right() - side, top, side, side);
        let input_caption_width = side.max(self.px(116.0));
        let network_input_caption = Rect::new(
            panel.right() - input_caption_width,
            caption_y,
            input_caption_width,
            caption_height,
        );
        let prediction_caption = Rect::new(panel.x, caption_y, network_input_caption.x - panel.x, caption_height);
        let prediction = Rect::new(panel.x, top, self.px(84.0).min(side), side);
        let gap = self.px(16.0);
        let text_x = prediction.right() + gap;
        let text_width = network_input.x - gap - text_x;
        let (confidence, remark, bottom) = if text_width >= self.px(112.0) {
            let (line, small_line) = (self.px(40.0), self.px(22.0));
            let y = top + (side - line - small_line) / 2;
            let confidence = Rect::new(text_x, y, text_width, line);
            (
                confidence,
                Rect::new(text_x, y + line, text_width, small_line),
                top + side,
            )
        } else {
            let (y, line, half) = (top + side + self.px(10.0), self.px(24.0), panel.width * 45 / 100);
            let confidence = Rect::new(panel.x, y, half, line);
            (
                confidence,
                Rect::new(panel.x + half, y, panel.width - half, line),
                y + line,
            )
        };
        PredictionHead {
            prediction_caption,
            prediction,
            confidence,
            remark,
            network_input_caption,
            network_input,
            bottom,
        }
    }

    /// The bar chart. Its last row ends with the canvas, unless the rows would be too far apart.
    fn bars(&self, panel: Rect, head_bottom: i32) -> [BarRow; 10] {
        let top = head_bottom + self.px(32.0);
        let room = (panel.bottom() - top) as f32;
        let thickness = (0.036 * room).clamp(self.scaled(8.0), self.scaled(20.0)).round();
        let pitch = ((room - thickness) / 9.0).min(self.scaled(64.0));
        let text_height = (pitch as i32 - 1).min(self.px(20.0));
        let (digit_width, percent_width, gap) = (self.px(16.0), self.px(56.0), self.px(10.0));
        let (track_x, percent_x) = (panel.x + digit_width + gap, panel.right() - percent_width);
        let track_y = |i: usize| top + (i as f32 * pitch).round() as i32;
        let above = ((pitch - thickness) / 2.0) as i32;
        std::array::from_fn(|i| {
            let y = track_y(i);
            // The last row ends above the status line.
            let bottom = (track_y(i + 1) - above).min(panel.bottom() + self.px(12.0));
            let track = Rect::new(track_x, y, percent_x - gap - track_x, thickness as i32);
            let text_y = y + (track.height - text_height) / 2;
            BarRow {
                row: Rect::new(panel.x, y - above, panel.width, bottom - y + above),
                digit: Rect::new(panel.x, text_y, digit_width, text_height),
                track,
                percent: Rect::new(percent_x, text_y, percent_width, text_height),
            }
        })
    }

    fn hint(&self, canvas: Rect) -> [Rect; 2] {
        let (line, small_line) = (self.px(36.0), self.px(24.0));
        let y = canvas.y + (canvas.height - line - small_line) / 2;
        [
            Rect::new(canvas.x, y, canvas.width, line),
            Rect::new(canvas.x, y + line, canvas.width, small_line),
        ]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// All rectangles that must be disjoint.
    fn places(layout: &Layout) -> Vec<Rect> {
        let mut places = vec![
            layout.canvas,
            layout.prediction_caption,
            layout.prediction,
            layout.confidence,
            layout.remark,
            layout.network_input_caption,
            layout.network_input,
            layout.status,
            layout.slider,
        ];
        if layout.active_panel != Panel::Prediction {
            places = vec![layout.canvas, layout.panel, layout.status, layout.slider];
        } else {
            places.extend(layout.bars.iter().flat_map(|row| [row.digit, row.track, row.percent]));
        }
        places.extend(layout.buttons.iter().map(|button| button.rect));
        places
    }

    fn laid_out(width: usize, height: usize) -> Layout {
        Layout::new(width, height, 1.0, Panel::Prediction)
    }

    fn inside(outer: Rect, inner: Rect) -> bool {
        !inner.is_empty() && outer.intersection(&inner) == inner
    }

    fn check(width: usize, height: usize) {
        for panel in [Panel::Prediction, Panel::Layers, Panel::Training] {
            for zoom in [0.85, 1.0, 1.5, 2.0] {
                check_one(width, height, zoom, panel);
            }
        }
    }

    fn check_one(width: usize, height: usize, zoom: f32, panel: Panel) {
        let layout = Layout::new(width, height, zoom, panel);
        let window = Rect::new(0, 0, width as i32, height as i32);
        let places = places(&layout);
        for (i, &a) in places.iter().enumerate() {
            assert!(inside(window, a), "{width}×{height}: {a:?} leaves the window");
            for &b in &places[i + 1..] {
                assert!(
                    a.intersection(&b).is_empty(),
                    "{width}×{height}: {a:?} and {b:?} overlap"
                );
            }
        }
        assert_eq!(layout.canvas.width, layout.canvas.height, "{width}×{height}");
        assert_eq!(layout.network_input.width % SIDE as i32, 0);
        assert!(
            inside(window, layout.overlay)
                && layout.example_grid(12).len() >= 12
                && layout.example_grid(50).len() >= 50
        );
        for count in [0, 12, 50, 5_000] {
            assert!(
                layout
                    .example_grid(count)
                    .iter()
                    .all(|&example| inside(layout.overlay, example))
            );
        }
        check_rows(&layout);
        assert!(layout.buttons.iter().all(|button| button.rect.width >= 22));
        for hint in layout.hint {
            assert!(inside(layout.canvas, hint));
        }
    }

    /// Checks that each row of the bar chart holds its parts, is disjoint from all others, and is found in its middle.
    fn check_rows(layout: &Layout) {
        for (digit, bar) in (0..).zip(&layout.bars) {
            assert!(
                [bar.digit, bar.track, bar.percent]
                    .iter()
                    .all(|&part| inside(bar.row, part)),
                "{bar:?}"
            );
            let disjoint = [layout.status, layout.confidence, layout.remark, layout.network_input];
            assert!(
                disjoint.iter().all(|other| bar.row.intersection(other).is_empty()),
                "{bar:?}"
            );
            let (x, y) = (bar.row.x + bar.row.width / 2, bar.row.y + bar.row.height / 2);
            assert_eq!(layout.bar_at(x as f32, y as f32), Some(digit));
        }
        for pair in layout.bars.windows(2) {
            assert_eq!(pair[0].row.bottom(), pair[1].row.y);
        }
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_window(width in 640..=3840usize, height in 480..=2160usize) {
            check(width, height);
        }

        #[test]
        fn canvas_points_match_window_positions(x in -500.0..2500.0f32, y in -500.0..2500.0f32) {
            let layout = Layout::new(1280, 800, 1.0, Panel::Prediction);
            let point = layout.canvas_point(x, y);
            let unit = layout.canvas.width as f32 / CANVAS;
            prop_assert!((layout.canvas.x as f32 + point.x * unit - x).abs() < 0.01);
            prop_assert!((layout.canvas.y as f32 + point.y * unit - y).abs() < 0.01);
        }
    }

    #[test]
    fn common_and_extreme_sizes_are_laid_out() {
        for (width, height) in [
            (640, 480),
            (800, 600),
            DEFAULT_SIZE,
            (1280, 800),
            (1920, 1080),
            (2560, 1440),
            (3840, 2160),
        ] {
            check(width, height);
            check(height.max(640), width.clamp(480, 2160));
        }
        for (width, height) in [(640, 2160), (3840, 480), (32_767, 32_767)] {
            check(width, height);
        }
    }

    #[test]
    fn the_canvas_is_large() {
        assert!(laid_out(DEFAULT_SIZE.0, DEFAULT_SIZE.1).canvas.width >= 500);
        assert!(laid_out(640, 480).canvas.width >= 320);
        assert!(laid_out(1920, 1080).canvas.width >= 900);
        assert!(laid_out(1080, 1920).canvas.width >= 1000);
    }

    #[test]
    fn windows_below_the_minimum_use_its_layout() {
        for (width, height) in [(0, 0), (1, 1), (639, 100)] {
            let layout = laid_out(width, height);
            assert_eq!(layout.canvas, laid_out(640, 480).canvas);
            assert_eq!(layout.window, (width, height));
        }
    }
}
