//! Layout of the window: a rectangle for each element, at any window size.

mod elements;
mod grid;
mod hand;
mod layers;
mod menu;
mod naming;
mod overlays;
mod prediction;
mod tool_bars;
mod training;

use self::grid::{FINGER, Grid};
pub use self::{
    elements::{BarRow, Button, DEFAULT_SIZE, Focus, HitTarget, MIN_SIZE, MenuEntry, MenuRow, Panel},
    grid::text_scale,
    hand::{CardPlaces, HandPlaces, REMARK_LINE},
    layers::LayerRow,
    menu::MENU_PADDING,
    naming::NamingPlaces,
    tool_bars::{BAR_ICON, BAR_LABEL_GAP},
    training::TrainingPlaces,
};
use crate::{
    drawing::{
        sign::SignName,
        strokes::{CANVAS, PENS},
    },
    geometry::{Bounds, Point},
    graphics::canvas::Rect,
    ui::action::Action,
};

/// The place of every element in a window of one size.
///
/// All rectangles but the overlay and the top bar around its buttons are disjoint. All lie inside the window, or inside [`MIN_SIZE`] if the window is
/// smaller.
#[derive(Debug, Clone, PartialEq)]
pub struct Layout {
    /// The window's width and height, in pixels.
    pub window: (usize, usize),
    /// Scale of text and gaps, relative to a window of [`DEFAULT_SIZE`].
    pub scale: f32,
    /// The content of the panel.
    pub active_panel: Panel,
    /// The bar over the whole width.
    pub top_bar: Rect,
    /// Whether the buttons of the top bar have labels.
    pub has_labels: bool,
    /// Whether those have icons too.
    pub has_icons: bool,
    /// The lines between the groups of the top bar.
    pub separators: Vec<Rect>,
    /// The square drawing area.
    pub canvas: Rect,
    /// The buttons: top bar, draw tools, and those of the training panel.
    pub buttons: Vec<Button>,
    /// The slider for the pen's width.
    pub slider: Rect,
    /// The panel beside or below the canvas.
    pub panel: Rect,
    /// Caption of the prediction.
    pub prediction_caption: Rect,
    /// The button beside it that says that the prediction is wrong.
    pub wrong_button: Rect,
    /// The predicted digit, large.
    pub prediction: Rect,
    /// The probability of the predicted digit.
    pub confidence: Rect,
    /// A remark on the prediction, such as its runner-up.
    pub remark: Rect,
    /// The room for a number in place of the predicted digit.
    pub number: Rect,
    /// The probability of the number, and a remark on it.
    pub number_remarks: [Rect; 2],
    /// Caption of the network input.
    pub network_input_caption: Rect,
    /// The network input: a whole number of screen pixels for each of its own.
    pub network_input: Rect,
    /// The bar chart of the probabilities: of the ten digits, and of the signs.
    pub bars: Vec<BarRow>,
    /// Caption of the bar chart.
    pub bars_caption: Rect,
    /// The room for messages and questions under the panel.
    pub notice: Rect,
    /// The status line in that room.
    pub status: Rect,
    /// The question what a drawing is.
    pub question: Rect,
    /// The button beside it that names a sign.
    pub name_answer: Rect,
    /// The ten digits to answer it with.
    pub answers: [Rect; 10],
    /// The two lines of text on a blank canvas.
    pub hint: [Rect; 2],
    /// The invitation to draw on a blank canvas, and two buttons beside it.
    pub welcome: [Rect; 3],
    /// The dialog over the window, while one is open.
    pub overlay: Rect,
    /// The page of the user's hand.
    pub hand: HandPlaces,
    /// The rows of the menu in the dialog.
    pub menu: Vec<MenuRow>,
    /// The gap between the edge of a dialog and its content.
    pub dialog_padding: i32,
    /// Whether fingers press what it places.
    pub for_fingers: bool,
    /// Grids for examples in the overlay, from few large cells to many small ones.
    example_grids: Vec<Vec<Rect>>,
    /// The room for the bar chart.
    chart: Rect,
    grid: Grid,
}

impl Layout {
    /// The layout of a window of `width` × `height` pixels, with text and gaps enlarged by `zoom` as far as they fit.
    pub fn new(width: usize, height: usize, zoom: f32, active_panel: Panel) -> Self {
        Layout::on(Grid::new(width, height, zoom), (width, height), active_panel)
    }

    /// The scale of the layout of a window of that size, for fingers on a screen of a density or for a pointer.
    pub(super) fn scale_of((width, height): (usize, usize), zoom: f32, fingers: Option<f32>) -> f32 {
        match fingers {
            None => Grid::new(width, height, zoom).scale,
            Some(density) => Grid::for_fingers(width, height, zoom, density).scale,
        }
    }

    /// The layout for fingers, on a screen with `density` pixels in one of a style sheet.
    pub fn for_fingers(width: usize, height: usize, zoom: f32, density: f32, active_panel: Panel) -> Self {
        let grid = Grid::for_fingers(width, height, zoom, density);
        Layout::on(grid, (width, height), active_panel)
    }

    fn on(grid: Grid, window: (usize, usize), active_panel: Panel) -> Self {
        let areas = grid.areas(active_panel);
        let head = grid.head(areas.columns.map_or(areas.panel, |[left, _]| left));
        let chart = areas.columns.map_or(head.below, |[_, right]| grid.beside_head(right));
        let bar = grid.top_bar();
        let (tools, slider) = grid.tools(areas.toolbar);
        let mut buttons = [bar.buttons, tools].concat();
        let mut panel = areas.panel;
        if active_panel == Panel::Training {
            let row = grid.take_button_row(&areas, &mut panel);
            buttons.extend(grid.row(&[Action::Pause, Action::SlowMotion, Action::Stop], row, grid.px(6.0)));
        }
        let overlay = grid.overlay();
        Layout {
            window,
            scale: grid.scale,
            active_panel,
            top_bar: bar.rect,
            has_labels: bar.has_labels,
            has_icons: bar.has_icons,
            separators: bar.separators,
            canvas: areas.canvas,
            buttons,
            slider,
            panel,
            prediction_caption: head.prediction_caption,
            wrong_button: head.wrong_button,
            prediction: head.prediction,
            confidence: head.confidence,
            remark: head.remark,
            number: head.number,
            number_remarks: head.number_remarks,
            network_input_caption: head.network_input_caption,
            network_input: head.network_input,
            bars_caption: grid.bars_caption(chart),
            bars: grid.bars(chart, 10, 1),
            notice: areas.notice,
            status: grid.status(areas.notice),
            question: grid.questions(areas.notice)[0],
            name_answer: grid.questions(areas.notice)[1],
            hand: grid.hand(),
            answers: grid.answers(areas.notice),
            hint: grid.hint(areas.canvas),
            welcome: grid.welcome(areas.canvas),
            menu: grid.menu(overlay),
            example_grids: grid.example_grids(overlay),
            overlay,
            dialog_padding: grid.dialog_padding(),
            for_fingers: grid.for_fingers,
            chart,
            grid,
        }
    }

    /// The same with rows for these signs in the bar chart.
    #[must_use]
    pub(super) fn with_signs(mut self, signs: &[SignName]) -> Self {
        let longest = signs.iter().map(|name| name.as_str().chars().count()).max();
        self.bars = self.grid.bars(self.chart, 10 + signs.len(), longest.unwrap_or(1));
        self
    }

    /// The width and height that are laid out, in pixels: at least those of the smallest window.
    pub fn size(&self) -> (i32, i32) {
        (self.grid.width, self.grid.height)
    }

    /// Changes the actions of the buttons below the training panel.
    pub(super) fn offer(&mut self, actions: [Action; 3]) {
        if self.active_panel != Panel::Training {
            return;
        }
        for (button, action) in self.buttons.iter_mut().rev().zip(actions.into_iter().rev()) {
            button.action = action;
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

    /// The action of the menu at a window position.
    pub fn menu_target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let row = self.menu.iter().find(|row| row.rect.contains(x, y));
        row.and_then(|row| match row.entry {
            MenuEntry::Action(action) => Some(HitTarget::Action(action)),
            MenuEntry::Heading(_) | MenuEntry::DigitKeys => None,
        })
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

    /// The button that closes the overlay, for fingers: keys close it, and so does a press beside it, for which there is no
    /// room.
    pub fn close_button(&self) -> Option<Rect> {
        let (side, edge) = (self.grid.px(FINGER), self.grid.px(4.0));
        let (x, y) = (self.overlay.right() - side - edge, self.overlay.y + edge);
        self.for_fingers.then_some(Rect::new(x, y, side, side))
    }

    /// The dialog that names a sign, with room for that many names given before.
    pub fn naming(&self, names: usize) -> NamingPlaces {
        self.grid.naming(names)
    }

    /// The Undo button, with its right end in the middle of that place's right side.
    pub(super) fn undo_button(&self, beside: Rect) -> Rect {
        let (width, height) = (self.grid.px_or(64.0, 80.0), self.grid.px_or(26.0, FINGER));
        let middle = beside.y + beside.height / 2;
        Rect::new(beside.right() - width, middle - height / 2, width, height)
    }

    /// The button in the head of the list of examples that opens the page of the user's hand.
    pub fn hand_button(&self) -> Rect {
        let (width, height) = (self.grid.px(88.0), self.grid.px_or(26.0, FINGER));
        let inner = self.overlay.inset(self.dialog_padding);
        let right = self.close_button().map_or(inner.right(), |close| close.x);
        Rect::new(right - width, inner.y, width, height)
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recognition::normalization::SIDE;

    /// All rectangles that must be disjoint.
    fn places(layout: &Layout) -> Vec<Rect> {
        let mut places = vec![
            layout.canvas,
            layout.prediction_caption,
            layout.wrong_button,
            layout.prediction,
            layout.confidence,
            layout.remark,
            layout.network_input_caption,
            layout.network_input,
            layout.bars_caption,
            layout.notice,
            layout.slider,
        ];
        if layout.active_panel != Panel::Prediction {
            places = vec![layout.canvas, layout.panel, layout.notice, layout.slider];
        } else {
            places.extend(layout.bars.iter().flat_map(|row| [row.digit, row.track, row.percent]));
        }
        places.extend(layout.buttons.iter().map(|button| button.rect));
        places.extend(&layout.separators);
        places
    }

    const PANELS: [Panel; 3] = [Panel::Prediction, Panel::Layers, Panel::Training];

    fn laid_out(width: usize, height: usize) -> Layout {
        Layout::new(width, height, 1.0, Panel::Prediction)
    }

    fn inside(outer: Rect, inner: Rect) -> bool {
        !inner.is_empty() && outer.intersection(&inner) == inner
    }

    fn check(width: usize, height: usize) {
        for zoom in [0.85, 1.0, 1.5, 2.0] {
            let layouts = PANELS.map(|panel| Layout::new(width, height, zoom, panel));
            layouts.iter().for_each(check_one);
            assert!(
                layouts.iter().all(|layout| layout.canvas == layouts[0].canvas),
                "it jumps"
            );
        }
    }

    fn check_one(layout: &Layout) {
        check_places(layout);
        assert!(layout.example_grid(50).len() >= 50);
        for pair in layout.bars.windows(2) {
            assert_eq!(pair[0].row.bottom(), pair[1].row.y);
        }
        assert!(layout.canvas.y > layout.top_bar.bottom() && layout.panel.y > layout.top_bar.bottom());
    }

    /// Checks the layout for fingers: also that nothing is too small to press.
    fn check_for_fingers(width: usize, height: usize, zoom: f32, density: f32) {
        let layouts = PANELS.map(|panel| (panel, Layout::for_fingers(width, height, zoom, density, panel)));
        let canvas = layouts[0].1.canvas;
        for (panel, layout) in layouts {
            assert_eq!(layout.canvas, canvas, "it jumps");
            check_places(&layout);
            let case = format!("{width}×{height}, {density}, {panel:?}");
            let unit = layout.scale;
            let is_large = |rect: Rect, side: f32| rect.width.min(rect.height) as f32 + 1.0 >= side * unit;
            for button in &layout.buttons {
                // Eight in a row of the narrowest screen.
                let side = if button.action.is_in_top_bar() { 41.0 } else { FINGER };
                assert!(is_large(button.rect, side), "{button:?}, {case}");
            }
            let names = layout.naming(8);
            let often = [
                layout.welcome[1],
                layout.welcome[2],
                names.field,
                names.accept,
                names.chips[7],
                names.close,
            ];
            let page = [layout.hand_button(), layout.hand.save, layout.hand.close];
            let closing = [layout.close_button().unwrap(), layout.undo_button(layout.status)];
            for rect in often.into_iter().chain(closing).chain(page) {
                assert!(is_large(rect, FINGER), "{rect:?}, {case}");
            }
            let rows = layout.bars.iter().map(|bar| bar.row);
            let rows = rows.chain(layout.menu.iter().map(|row| row.rect)).chain(layout.answers);
            let rows = rows.chain(names.digits);
            for row in rows.chain([layout.wrong_button, layout.name_answer]) {
                assert!(is_large(row, 24.0), "{row:?}, {case}");
            }
            assert!(
                layout.canvas.width as f32 >= 200.0 * unit,
                "{:?}, {case}",
                layout.canvas
            );
            assert!(
                layout.example_grid(50).iter().all(|&cell| is_large(cell, FINGER)),
                "{case}"
            );
        }
    }

    #[test]
    fn fingers_have_room_on_every_screen() {
        for (width, height) in [
            (390, 844),
            (360, 740),
            (375, 553),
            (412, 785),
            (320, 568),
            (768, 1024),
            (1280, 800),
        ] {
            for density in [1, 2, 3] {
                for zoom in [0.85, 1.0, 2.0] {
                    let density_of_screen = density as f32;
                    check_for_fingers(density * width, density * height, zoom, density_of_screen);
                    check_for_fingers(density * height, density * width, zoom, density_of_screen);
                }
            }
        }
    }

    /// Checks what any layout has to be.
    fn check_places(layout: &Layout) {
        let (width, height) = layout.window;
        let window = Rect::new(0, 0, width as i32, height as i32);
        let places = places(layout);
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
        assert!(inside(window, layout.overlay) && layout.example_grid(12).len() >= 12);
        for count in [0, 12, 50, 5_000] {
            assert!(
                layout
                    .example_grid(count)
                    .iter()
                    .all(|&example| inside(layout.overlay, example))
            );
        }
        check_rows(layout);
        check_notice(layout);
        assert!(layout.buttons.iter().all(|button| button.rect.width >= 22));
        for button in &layout.buttons {
            let is_in_bar = inside(layout.top_bar, button.rect);
            assert_eq!(is_in_bar, Action::is_in_top_bar(button.action), "{:?}", button.action);
        }
        for (i, row) in layout.menu.iter().enumerate() {
            assert!(inside(layout.overlay, row.rect) && row.rect.height >= 20, "{row:?}");
            let others = &layout.menu[i + 1..];
            assert!(others.iter().all(|other| other.rect.intersection(&row.rect).is_empty()));
        }
        for part in layout.hint.into_iter().chain(layout.welcome) {
            assert!(inside(layout.canvas, part));
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
            let disjoint = [
                layout.notice,
                layout.bars_caption,
                layout.confidence,
                layout.remark,
                layout.network_input,
            ];
            assert!(
                disjoint.iter().all(|other| bar.row.intersection(other).is_empty()),
                "{bar:?}"
            );
            let (x, y) = (bar.row.x + bar.row.width / 2, bar.row.y + bar.row.height / 2);
            assert_eq!(layout.bar_at(x as f32, y as f32), Some(digit));
        }
        for (i, bar) in layout.bars.iter().enumerate() {
            let mut others = layout.bars[..i].iter();
            assert!(
                others.all(|other| other.row.intersection(&bar.row).is_empty()),
                "{bar:?}"
            );
        }
    }

    /// Checks that the status line, or the question above its answers, is in the room for it.
    fn check_notice(layout: &Layout) {
        assert!(inside(layout.notice, layout.status) && inside(layout.notice, layout.question));
        for (i, &answer) in layout.answers.iter().enumerate() {
            assert!(
                inside(layout.notice, answer) && answer.width >= 18 && answer.height >= 26,
                "{answer:?}"
            );
            let mut others = layout.answers[..i].iter().chain([&layout.question]);
            assert!(others.all(|other| other.intersection(&answer).is_empty()), "{answer:?}");
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
    fn buttons_have_labels_where_there_is_room() {
        let [both, labels, icons] = [(true, true), (true, false), (false, true)];
        for (size, zoom, expected) in [
            (MIN_SIZE, 1.0, labels),
            ((760, 640), 1.0, labels),
            (DEFAULT_SIZE, 1.0, both),
            (DEFAULT_SIZE, 2.0, labels),
            ((1920, 1080), 1.0, both),
            ((1920, 1080), 2.0, both),
            ((1000, 1400), 2.0, labels),
        ] {
            let layout = Layout::new(size.0, size.1, zoom, Panel::Prediction);
            assert_eq!((layout.has_labels, layout.has_icons), expected, "{size:?} at {zoom}");
        }
        let narrow = Layout::for_fingers(600, 900, 1.0, 1.0, Panel::Prediction);
        assert_eq!((narrow.has_labels, narrow.has_icons), icons);
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
