//! Layout of the window: a rectangle for everything, for any window size.

use crate::{
    drawing::strokes::{CANVAS, PENS},
    geometry::{Bounds, Point},
    graphics::canvas::Rect,
    recognition::normalization::SIDE,
    ui::action::Action,
};

/// The window's size when it opens, in pixels.
pub const DEFAULT_SIZE: (usize, usize) = (960, 640);

/// A smaller window shows the upper left part of this size, in pixels.
pub const LEAST_SIZE: (usize, usize) = (640, 480);

/// No window is wider or higher, in pixels: the window systems' own limit.
const MOST: usize = 32_767;

/// How much smaller than in a window of [`DEFAULT_SIZE`] everything may be.
const LEAST_SCALE: f32 = 0.85;

/// One digit's line among the probabilities.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BarRow {
    /// The digit's name.
    pub digit: Rect,
    /// The whole length of the bar.
    pub track: Rect,
    /// The probability in figures.
    pub percent: Rect,
}

/// A button and what it does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Button {
    /// What happens when it is pressed.
    pub action: Action,
    /// Where it is.
    pub rect: Rect,
}

/// What the panel beside the canvas shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Panel {
    /// What was read.
    Prediction,
    /// Every layer of the network.
    Layers,
    /// A network in training.
    Training,
}

/// What can be pressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HitTarget {
    /// A button.
    Action(Action),
    /// The lesson of this number, to be forgotten.
    Example(usize),
}

/// Where everything lies in a window of one size. Rectangles do not overlap and lie inside the window, or inside
/// [`LEAST_SIZE`] if the window is smaller; except for what lies over the window.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The window's width and height, in pixels.
    pub window: (usize, usize),
    /// How much larger texts and gaps are than in a window of [`DEFAULT_SIZE`].
    pub scale: f32,
    /// What the panel shows.
    pub shown: Panel,
    /// The square to draw on.
    pub canvas: Rect,
    /// The buttons: the tools under the canvas, what else there is under the panel, and those of the panel.
    pub buttons: Vec<Button>,
    /// Where the pen's width is set.
    pub slider: Rect,
    /// What was read, every layer, or a network in training.
    pub panel: Rect,
    /// The caption of the answer.
    pub answer_caption: Rect,
    /// The answer in large.
    pub answer: Rect,
    /// How probable the answer is.
    pub certainty: Rect,
    /// What to think of it.
    pub verdict: Rect,
    /// The caption of the picture that the network sees.
    pub seen_caption: Rect,
    /// The picture that the network sees: whole screen pixels for each of its own.
    pub seen: Rect,
    /// The ten probabilities.
    pub bars: [BarRow; 10],
    /// The line under the panel.
    pub status: Rect,
    /// The two lines of text on an empty canvas.
    pub hint: [Rect; 2],
    /// What lies over the window, when something does.
    pub overlay: Rect,
    /// Places for lessons in there: few large ones, and more and more smaller ones.
    examples: Vec<Vec<Rect>>,
}

impl Layout {
    /// The layout for a window of `width` · `height` pixels, with everything `zoom` times as large as usual, as far as
    /// it fits.
    pub fn new(width: usize, height: usize, zoom: f32, shown: Panel) -> Self {
        let grid = Grid::new(width.clamp(LEAST_SIZE.0, MOST), height.clamp(LEAST_SIZE.1, MOST), zoom);
        let areas = grid.areas(shown);
        let answer = grid.answer(areas.panel);
        let (mut buttons, slider) = grid.tools(areas.toolbar);
        buttons.extend(grid.row(&Action::MORE, areas.footer));
        let mut panel = areas.panel;
        if shown == Panel::Training {
            let row = grid.foot(&mut panel);
            buttons.extend(grid.row(&[Action::Pause, Action::Stop, Action::RestoreBuiltIn], row));
        }
        let overlay = grid.overlay();
        Layout {
            window: (width, height),
            scale: grid.scale,
            shown,
            canvas: areas.canvas,
            buttons,
            slider,
            panel,
            answer_caption: answer.caption,
            answer: answer.digit,
            certainty: answer.certainty,
            verdict: answer.verdict,
            seen_caption: answer.seen_caption,
            seen: answer.seen,
            bars: grid.bars(areas.panel, answer.bottom),
            status: areas.status,
            hint: grid.hint(areas.canvas),
            examples: grid.examples(overlay),
            overlay,
        }
    }

    /// `length` pixels of the default window, here.
    pub fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    /// Canvas units to a pixel of the window.
    pub fn canvas_unit(&self) -> f32 {
        CANVAS / self.canvas.width as f32
    }

    /// The place on the canvas under a pixel of the window; beyond the canvas if the pixel is.
    pub fn canvas_point(&self, x: f32, y: f32) -> Point {
        let unit = self.canvas_unit();
        Point::new((x - self.canvas.x as f32) * unit, (y - self.canvas.y as f32) * unit)
    }

    /// A rectangle of the canvas in pixels of the window; what lies beyond the canvas is cut off.
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

    /// The button under a pixel of the window.
    pub fn target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let button = self.buttons.iter().find(|button| button.rect.contains(x, y));
        button.map(|button| HitTarget::Action(button.action))
    }

    /// Places for so many lessons, as large as they can be; where there is not room for all, as many as there can be.
    pub fn examples(&self, count: usize) -> &[Rect] {
        let enough = self.examples.iter().find(|places| places.len() >= count);
        enough.or(self.examples.last()).map_or(&[], Vec::as_slice)
    }

    /// The line along which the slider's knob moves: its ends and its height.
    pub fn slider_track(&self) -> (f32, f32, f32) {
        let (inset, rect) = (0.5 * self.scaled(22.0), self.slider);
        let middle = rect.y as f32 + 0.5 * rect.height as f32;
        (rect.x as f32 + inset, rect.right() as f32 - inset, middle)
    }

    /// The width of the pen, in canvas units, that the slider has at a pixel of the window.
    pub fn pen_at(&self, x: f32) -> f32 {
        let (left, right, _) = self.slider_track();
        PENS.0 + (PENS.1 - PENS.0) * ((x - left) / (right - left)).clamp(0.0, 1.0)
    }

    /// Where the slider's knob is for a width of the pen.
    pub fn knob_at(&self, pen: f32) -> f32 {
        let (left, right, _) = self.slider_track();
        left + (right - left) * (pen - PENS.0) / (PENS.1 - PENS.0)
    }
}

/// The measures that all places are made of, in pixels of this window.
struct Grid {
    width: i32,
    height: i32,
    scale: f32,
}

/// The parts of the window: the canvas with the buttons under it, and the panel with what was read.
struct Areas {
    canvas: Rect,
    toolbar: Rect,
    panel: Rect,
    status: Rect,
    footer: Rect,
}

/// The head of the panel: the answer and the picture that it was read from.
struct Answer {
    caption: Rect,
    digit: Rect,
    certainty: Rect,
    verdict: Rect,
    seen_caption: Rect,
    seen: Rect,
    bottom: i32,
}

impl Grid {
    fn new(width: usize, height: usize, zoom: f32) -> Self {
        let fit = |size: (usize, usize)| (width as f32 / size.0 as f32).min(height as f32 / size.1 as f32);
        let usual = fit(DEFAULT_SIZE);
        // What is drawn and read gains more from a large window than captions and buttons do.
        let usual = if usual < 1.0 {
            usual.max(LEAST_SCALE)
        } else {
            1.0 + 0.6 * (usual - 1.0)
        };
        Grid {
            width: width as i32,
            height: height as i32,
            scale: (usual * zoom).max(LEAST_SCALE).min(LEAST_SCALE * fit(LEAST_SIZE)),
        }
    }

    fn scaled(&self, length: f32) -> f32 {
        length * self.scale
    }

    fn px(&self, length: f32) -> i32 {
        self.scaled(length).round() as i32
    }

    /// The panel beside the canvas, or below it where that leaves the canvas larger.
    fn areas(&self, shown: Panel) -> Areas {
        let (margin, gap) = (self.px(24.0), self.px(28.0));
        let toolbar = self.px(12.0) + self.px(44.0);
        let (room_x, room_y) = (self.width - 2 * margin, self.height - 2 * margin);
        let (least, most) = match shown {
            Panel::Prediction => (self.px(264.0), self.px(380.0)),
            Panel::Layers | Panel::Training => (self.px(310.0).max(room_x * 4 / 10), room_x * 6 / 10),
        };
        let beside = (room_y - toolbar).min(room_x - gap - least);
        let below = room_x.min(room_y - toolbar - gap - self.px(480.0));
        if beside >= below {
            self.panel_beside(beside, (room_x - gap - beside).min(most))
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

    /// Divides a place into the panel and the line at its foot.
    fn with_status(&self, whole: Rect) -> (Rect, Rect) {
        let (line, gap) = (self.px(20.0), self.px(14.0));
        let panel = Rect::new(whole.x, whole.y, whole.width, whole.height - line - gap);
        (panel, Rect::new(whole.x, whole.bottom() - line, whole.width, line))
    }

    /// The tools, and the slider between them. The last keeps to the right: it is not to be pressed by mistake.
    fn tools(&self, toolbar: Rect) -> (Vec<Button>, Rect) {
        let (gap, side) = (self.px(8.0), toolbar.height);
        let at = |x: i32| Rect::new(x, toolbar.y, side, side);
        let xs = [
            toolbar.x,
            toolbar.x + side + gap,
            toolbar.x + 2 * (side + gap),
            toolbar.right() - side,
        ];
        let buttons = Action::TOOLS.into_iter().zip(xs);
        let slider_x = toolbar.x + 3 * (side + gap);
        let room = toolbar.right() - side - gap - slider_x;
        let slider = Rect::new(slider_x, toolbar.y, room.min(self.px(180.0)), side);
        (
            buttons.map(|(action, x)| Button { action, rect: at(x) }).collect(),
            slider,
        )
    }

    /// Buttons side by side, from edge to edge.
    fn row(&self, actions: &[Action], place: Rect) -> Vec<Button> {
        let (count, gap) = (actions.len() as i32, self.px(6.0));
        let left = |i: i32| place.x + i * (place.width + gap) / count;
        let button = |(i, &action): (i32, &Action)| Button {
            action,
            rect: Rect::new(left(i), place.y, left(i + 1) - gap - left(i), place.height),
        };
        (0..).zip(actions).map(button).collect()
    }

    /// Takes a row of buttons off the foot of the panel.
    fn foot(&self, panel: &mut Rect) -> Rect {
        let (height, gap) = (self.px(40.0), self.px(12.0));
        panel.height -= height + gap;
        Rect::new(panel.x, panel.bottom() + gap, panel.width, height)
    }

    fn overlay(&self) -> Rect {
        let (width, height) = (self.px(720.0).min(self.width), self.px(500.0).min(self.height));
        Rect::new((self.width - width) / 2, (self.height - height) / 2, width, height)
    }

    /// Each size takes a whole number of pixels for one of a lesson's.
    fn examples(&self, overlay: Rect) -> Vec<Vec<Rect>> {
        let largest = (self.px(60.0) / SIDE as i32).max(1);
        let sizes = (1..=largest).rev();
        sizes
            .map(|times| self.examples_of(SIDE as i32 * times, overlay))
            .collect()
    }

    fn examples_of(&self, side: i32, overlay: Rect) -> Vec<Rect> {
        let (padding, head, gap) = (self.px(28.0), self.px(96.0), self.px(10.0));
        let label = self.px(20.0);
        let columns = (overlay.width - 2 * padding + gap) / (side + gap);
        let rows = (overlay.height - head - padding + gap) / (side + label + gap);
        let place = |i: i32| {
            let (x, y) = (
                i % columns.max(1) * (side + gap),
                i / columns.max(1) * (side + label + gap),
            );
            Rect::new(overlay.x + padding + x, overlay.y + head + y, side, side + label)
        };
        (0..columns * rows).map(place).collect()
    }

    fn answer(&self, panel: Rect) -> Answer {
        let caption_height = self.px(18.0);
        // Its capitals begin where the canvas begins.
        let caption_y = panel.y - self.px(4.0);
        let top = panel.y + self.px(22.0);
        let side = SIDE as i32 * (self.px(112.0) / SIDE as i32);
        let seen = Rect::new(panel.right() - side, top, side, side);
        let seen_caption_width = side.max(self.px(116.0));
        let seen_caption = Rect::new(
            panel.right() - seen_caption_width,
            caption_y,
            seen_caption_width,
            caption_height,
        );
        let caption = Rect::new(panel.x, caption_y, seen_caption.x - panel.x, caption_height);
        let digit = Rect::new(panel.x, top, self.px(84.0).min(side), side);
        let gap = self.px(16.0);
        let text_x = digit.right() + gap;
        let text_width = seen.x - gap - text_x;
        let (certainty, verdict, bottom) = if text_width >= self.px(112.0) {
            let (line, small_line) = (self.px(40.0), self.px(22.0));
            let y = top + (side - line - small_line) / 2;
            let certainty = Rect::new(text_x, y, text_width, line);
            (
                certainty,
                Rect::new(text_x, y + line, text_width, small_line),
                top + side,
            )
        } else {
            let (y, line, half) = (top + side + self.px(10.0), self.px(24.0), panel.width * 45 / 100);
            let certainty = Rect::new(panel.x, y, half, line);
            (
                certainty,
                Rect::new(panel.x + half, y, panel.width - half, line),
                y + line,
            )
        };
        Answer {
            caption,
            digit,
            certainty,
            verdict,
            seen_caption,
            seen,
            bottom,
        }
    }

    /// The last bar ends where the canvas ends, unless the rows would stand too far apart.
    fn bars(&self, panel: Rect, answer_bottom: i32) -> [BarRow; 10] {
        let top = answer_bottom + self.px(32.0);
        let room = (panel.bottom() - top) as f32;
        let thickness = (0.036 * room).clamp(self.scaled(8.0), self.scaled(20.0)).round();
        let pitch = ((room - thickness) / 9.0).min(self.scaled(64.0));
        let text_height = (pitch as i32 - 1).min(self.px(20.0));
        let (digit_width, percent_width, gap) = (self.px(16.0), self.px(52.0), self.px(10.0));
        let (track_x, percent_x) = (panel.x + digit_width + gap, panel.right() - percent_width);
        std::array::from_fn(|i| {
            let y = top + (i as f32 * pitch).round() as i32;
            let track = Rect::new(track_x, y, percent_x - gap - track_x, thickness as i32);
            let text_y = y + (track.height - text_height) / 2;
            BarRow {
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

    /// Everything that has a place of its own; texts inside buttons and on the canvas belong to those.
    fn places(layout: &Layout) -> Vec<Rect> {
        let mut places = vec![
            layout.canvas,
            layout.answer_caption,
            layout.answer,
            layout.certainty,
            layout.verdict,
            layout.seen_caption,
            layout.seen,
            layout.status,
            layout.slider,
        ];
        if layout.shown != Panel::Prediction {
            places = vec![layout.canvas, layout.panel, layout.status, layout.slider];
        } else {
            places.extend(layout.bars.iter().flat_map(|row| [row.digit, row.track, row.percent]));
        }
        places.extend(layout.buttons.iter().map(|button| button.rect));
        places
    }

    fn usual(width: usize, height: usize) -> Layout {
        Layout::new(width, height, 1.0, Panel::Prediction)
    }

    fn inside(outer: Rect, inner: Rect) -> bool {
        !inner.is_empty() && outer.intersection(&inner) == inner
    }

    fn check(width: usize, height: usize) {
        for side in [Panel::Prediction, Panel::Layers, Panel::Training] {
            for zoom in [0.85, 1.0, 1.5, 2.0] {
                check_one(width, height, zoom, side);
            }
        }
    }

    fn check_one(width: usize, height: usize, zoom: f32, shown: Panel) {
        let layout = Layout::new(width, height, zoom, shown);
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
        assert_eq!(layout.seen.width % SIDE as i32, 0);
        assert!(inside(window, layout.overlay) && layout.examples(12).len() >= 12 && layout.examples(50).len() >= 50);
        for count in [0, 12, 50, 5_000] {
            assert!(
                layout
                    .examples(count)
                    .iter()
                    .all(|&example| inside(layout.overlay, example))
            );
        }
        assert!(layout.buttons.iter().all(|button| button.rect.width >= 22));
        for hint in layout.hint {
            assert!(inside(layout.canvas, hint));
        }
    }

    proptest! {
        #[test]
        fn nothing_overlaps_or_leaves_the_window(width in 640..=3840usize, height in 480..=2160usize) {
            check(width, height);
        }

        #[test]
        fn canvas_points_are_those_under_the_pointer(x in -500.0..2500.0f32, y in -500.0..2500.0f32) {
            let layout = Layout::new(1280, 800, 1.0, Panel::Prediction);
            let point = layout.canvas_point(x, y);
            let unit = layout.canvas.width as f32 / CANVAS;
            prop_assert!((layout.canvas.x as f32 + point.x * unit - x).abs() < 0.01);
            prop_assert!((layout.canvas.y as f32 + point.y * unit - y).abs() < 0.01);
        }
    }

    #[test]
    fn the_sizes_that_people_have() {
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
        assert!(usual(DEFAULT_SIZE.0, DEFAULT_SIZE.1).canvas.width >= 500);
        assert!(usual(640, 480).canvas.width >= 320);
        assert!(usual(1920, 1080).canvas.width >= 900);
        assert!(usual(1080, 1920).canvas.width >= 1000);
    }

    #[test]
    fn a_window_that_is_too_small_is_laid_out_as_the_smallest() {
        for (width, height) in [(0, 0), (1, 1), (639, 100)] {
            let layout = usual(width, height);
            assert_eq!(layout.canvas, usual(640, 480).canvas);
            assert_eq!(layout.window, (width, height));
        }
    }
}
