//! State changes caused by events and actions.

use crate::{
    geometry::Point,
    ui::{
        action::{Action, Key, Modifiers},
        command::Command,
        event::{Effects, Event},
        layout::{HitTarget, Panel},
        state::{Held, Overlay, State, Tool},
    },
};

/// Factor by which a key changes the pen's width.
const PEN_STEP: f32 = 1.25;

/// Within this distance of pixels, the pointer has not moved on.
const SAME_PLACE: f32 = 4.0;

impl State {
    /// Handles an event and returns what must follow.
    pub fn apply(&mut self, event: Event) -> Effects {
        match event {
            Event::PointerMoved { x, y } => self.pointer_moved(x, y),
            Event::PointerPressed { x, y } => self.pointer_moved(x, y) | self.pointer_pressed(x, y),
            Event::PointerReleased { x, y } => self.pointer_moved(x, y) | self.pointer_released(x, y),
            Event::KeyPressed { key, modifiers } => self.key_pressed(key, modifiers),
            Event::Resized { width, height } => self.resized(width, height),
        }
    }

    /// Performs an action if it is available. Actions on the drawing or the network close the help overlay.
    pub fn act(&mut self, action: Action) -> Effects {
        if !self.is_enabled(action) {
            return Effects::default();
        }
        self.message = None;
        let keeps_help_open = matches!(
            action,
            Action::Help | Action::Examples | Action::Quit | Action::Theme | Action::ZoomIn | Action::ZoomOut
        );
        if self.overlay == Some(Overlay::Help) && !keeps_help_open {
            self.overlay = None;
            return self.perform(action) | Effects::REPAINT;
        }
        self.perform(action)
    }

    fn perform(&mut self, action: Action) -> Effects {
        match action {
            Action::Undo => self.changed(|state| state.history.undo(&mut state.document)),
            Action::Redo => self.changed(|state| state.history.redo(&mut state.document)),
            Action::Clear => {
                self.history.record(&self.document);
                self.document.ink.clear();
                self.document.image = None;
                self.held = None;
                Effects::RECOGNIZE
            }
            Action::Eraser => {
                self.tool = if self.tool == Tool::Pen {
                    Tool::Eraser
                } else {
                    Tool::Pen
                };
                Effects::REPAINT
            }
            Action::Thinner => self.set_pen(self.ink().pen() / PEN_STEP),
            Action::Thicker => self.set_pen(self.ink().pen() * PEN_STEP),
            Action::Theme => {
                self.dark = !self.dark;
                Effects::REPAINT
            }
            Action::ZoomIn => {
                self.set_zoom(self.zoom_index + 1);
                Effects::RECOGNIZE
            }
            Action::ZoomOut => {
                self.set_zoom(self.zoom_index - 1);
                Effects::RECOGNIZE
            }
            Action::Help => self.toggle(Overlay::Help),
            Action::Examples => self.toggle(Overlay::Examples),
            Action::Layers => {
                let panel = match self.layout.active_panel {
                    Panel::Layers if self.is_training() => Panel::Training,
                    Panel::Layers => Panel::Prediction,
                    _ => Panel::Layers,
                };
                self.show_panel(panel);
                Effects::RECOGNIZE
            }
            Action::Why => {
                self.shows_why = !self.shows_why;
                Effects::REPAINT
            }
            Action::Quit => Effects::QUIT,
            Action::Open => self.send(Command::Open),
            Action::Save => self.send(Command::Save),
            Action::SaveNetwork => self.send(Command::SaveNetwork),
            Action::RandomDigit => self.send(Command::RandomDigit),
            Action::NextMisclassified => self.send(Command::NextMisclassified),
            Action::UndoExample => self.send(Command::UndoExample),
            Action::RemoveAllExamples => self.send(Command::RemoveAllExamples),
            Action::RestoreExamples => self.send(Command::RestoreExamples),
            Action::Train => self.send(Command::Train),
            Action::Pause => self.send(Command::Pause),
            Action::Stop => self.send(Command::Stop),
            Action::RestoreBuiltIn => {
                self.progress = None;
                self.show_panel(Panel::Prediction);
                self.send(Command::RestoreBuiltIn)
            }
        }
    }

    fn send(&mut self, command: Command) -> Effects {
        self.commands.push(command);
        Effects::REPAINT
    }

    fn changed(&mut self, change: impl Fn(&mut State) -> bool) -> Effects {
        self.held = None;
        if change(self) {
            Effects::RECOGNIZE
        } else {
            Effects::default()
        }
    }

    fn toggle(&mut self, overlay: Overlay) -> Effects {
        self.overlay = if self.overlay == Some(overlay) {
            None
        } else {
            Some(overlay)
        };
        self.document.ink.lift();
        self.held = None;
        Effects::REPAINT
    }

    /// Closes what is open last: the overlay, or else the panel in place of the prediction, unless it shows training under
    /// way; and the message.
    fn close(&mut self) -> Effects {
        self.message = None;
        let is_other_panel = self.layout.active_panel != Panel::Prediction && !self.is_training();
        if self.overlay.take().is_none() && is_other_panel {
            self.show_panel(Panel::Prediction);
        }
        Effects::REPAINT
    }

    fn set_pen(&mut self, width: f32) -> Effects {
        self.document.ink.set_pen(width);
        Effects::REPAINT
    }

    fn key_pressed(&mut self, key: Key, modifiers: Modifiers) -> Effects {
        if let (Key::Digit(digit), false) = (key, modifiers.control) {
            return self.teach(digit);
        }
        if key == Key::Escape {
            return self.close();
        }
        Action::for_key(key, modifiers).map_or(Effects::default(), |action| self.act(action))
    }

    /// Labels the selected digit, if that is possible.
    fn teach(&mut self, digit: u8) -> Effects {
        if !self.can_teach() {
            return Effects::default();
        }
        self.message = None;
        self.send(Command::AddExample(digit))
    }

    /// Everything in the scene that depends on the pointer.
    fn pointer_dependents(&self) -> impl PartialEq + use<> {
        (
            self.hovered(),
            self.pressed(),
            self.eraser_circle(),
            self.selected_index(),
        )
    }

    fn pointer_moved(&mut self, x: f32, y: f32) -> Effects {
        let before = self.pointer_dependents();
        self.pointer = Some((x, y));
        self.removed_at = self.removed_at.filter(|at| (x - at.0).hypot(y - at.1) <= SAME_PLACE);
        let point = self.layout.canvas_point(x, y);
        if self.document.ink.pen_move(point) {
            return Effects::RECOGNIZE;
        }
        match self.held {
            Some(Held::Slider) => return self.set_pen(self.layout.pen_at(x)),
            Some(Held::Eraser { last, has_erased }) => return self.erase(last, point, has_erased),
            _ => {}
        }
        if self.pointer_dependents() == before {
            Effects::default()
        } else {
            Effects::REPAINT
        }
    }

    fn pointer_pressed(&mut self, x: f32, y: f32) -> Effects {
        if let Some(target) = self.target_at(x, y) {
            self.held = Some(Held::Button(target));
            return Effects::REPAINT;
        }
        if self.overlay.take().is_some() {
            return Effects::REPAINT;
        }
        if self.layout.slider.contains(x, y) {
            self.held = Some(Held::Slider);
            return self.set_pen(self.layout.pen_at(x));
        }
        if !self.layout.canvas.contains(x, y) {
            return Effects::default();
        }
        let point = self.layout.canvas_point(x, y);
        self.message = None;
        match self.tool {
            Tool::Pen => {
                self.history.record(&self.document);
                self.document.ink.pen_down(point);
                Effects::RECOGNIZE
            }
            Tool::Eraser => self.erase(point, point, false),
        }
    }

    /// Erases along a line; the first change of a drag is recorded in the history.
    fn erase(&mut self, from: Point, to: Point, has_erased: bool) -> Effects {
        let before = (!has_erased).then(|| self.document.clone());
        let erased = self.document.ink.erase(from, to, self.eraser_radius());
        if let Some(before) = before.filter(|_| erased) {
            self.history.record(&before);
        }
        self.held = Some(Held::Eraser {
            last: to,
            has_erased: has_erased || erased,
        });
        if erased { Effects::RECOGNIZE } else { Effects::REPAINT }
    }

    fn pointer_released(&mut self, x: f32, y: f32) -> Effects {
        if self.ink().is_drawing() {
            let added = self.document.ink.pen_up(self.layout.canvas_point(x, y));
            return if added { Effects::RECOGNIZE } else { Effects::REPAINT };
        }
        let target = self.pressed();
        match self.held.take() {
            None => Effects::default(),
            Some(Held::Eraser { .. }) => Effects::REPAINT,
            Some(_) => Effects::REPAINT | target.map_or(Effects::default(), |target| self.activate(target)),
        }
    }

    fn activate(&mut self, target: HitTarget) -> Effects {
        match target {
            HitTarget::Action(action) => self.act(action),
            // A second click at the same place is not meant for the example that has come there.
            HitTarget::Example(_) if self.removed_at.is_some() => Effects::default(),
            HitTarget::Example(index) => {
                self.removed_at = self.pointer;
                self.send(Command::RemoveExample(index))
            }
            HitTarget::Bar(digit) | HitTarget::Answer(digit) => self.teach(digit),
            HitTarget::Digit(index) => {
                self.chosen = Some(index);
                Effects::REPAINT
            }
        }
    }

    fn resized(&mut self, width: usize, height: usize) -> Effects {
        // A minimized window may report a size of zero.
        if self.layout.window == (width, height) || width == 0 || height == 0 {
            return Effects::default();
        }
        self.lay_out((width, height), self.layout.active_panel);
        Effects::REPAINT
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        drawing::strokes::{CANVAS, CANVAS_BOUNDS},
        imaging::gray_image::GrayImage,
        recognition::{
            normalization::{normalize, normalize_ink},
            prediction::Prediction,
            segmentation::Mark,
        },
        ui::{RecognizedDigit, state::Opening},
    };

    fn window(opening: Opening) -> State {
        State::new(960, 640, opening)
    }

    /// The window position at fractions of the canvas's width and height.
    fn on_canvas(state: &State, x: f32, y: f32) -> (f32, f32) {
        let canvas = state.layout().canvas;
        (
            canvas.x as f32 + x * canvas.width as f32,
            canvas.y as f32 + y * canvas.height as f32,
        )
    }

    fn on_button(state: &State, action: Action) -> (f32, f32) {
        let buttons = &state.layout().buttons;
        let rect = buttons.iter().find(|button| button.action == action).unwrap().rect;
        (rect.x as f32 + 5.0, rect.y as f32 + 5.0)
    }

    fn moved(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerMoved { x, y })
    }

    fn pressed(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerPressed { x, y })
    }

    fn released(state: &mut State, (x, y): (f32, f32)) -> Effects {
        state.apply(Event::PointerReleased { x, y })
    }

    fn typed(state: &mut State, key: Key) -> Effects {
        state.apply(Event::KeyPressed {
            key,
            modifiers: Modifiers::default(),
        })
    }

    /// Draws a vertical stroke.
    fn draw_one(state: &mut State) {
        let (from, to) = (on_canvas(state, 0.5, 0.2), on_canvas(state, 0.5, 0.8));
        assert_eq!(pressed(state, from), Effects::RECOGNIZE);
        assert_eq!(released(state, to), Effects::RECOGNIZE);
    }

    fn click(state: &mut State, action: Action) -> Effects {
        let position = on_button(state, action);
        pressed(state, position) | released(state, position)
    }

    #[test]
    fn drawings_are_in_canvas_units_at_any_window_size() {
        for (width, height) in [(640, 480), (960, 640), (1920, 1080), (700, 1400)] {
            let mut state = State::new(width, height, Opening::Blank);
            draw_one(&mut state);
            let points = state.ink().strokes()[0].points();
            assert!(points[0].distance(Point::new(0.5 * CANVAS, 0.2 * CANVAS)) < 0.01);
            assert!(points[1].distance(Point::new(0.5 * CANVAS, 0.8 * CANVAS)) < 0.01);
        }
    }

    #[test]
    fn strokes_may_leave_the_canvas_and_return() {
        let mut state = window(Opening::Blank);
        let (start, outside, end) = (
            on_canvas(&state, 0.5, 0.9),
            on_canvas(&state, 0.7, 1.5),
            on_canvas(&state, 0.9, 0.9),
        );
        pressed(&mut state, start);
        assert_eq!(moved(&mut state, outside), Effects::RECOGNIZE);
        assert!(
            state.pointer_acts_on_canvas() && state.hovered().is_none(),
            "the pen is still drawing"
        );
        let button = on_button(&state, Action::Clear);
        moved(&mut state, button);
        assert_eq!(state.hovered(), None);
        released(&mut state, end);
        assert_eq!(state.ink().strokes().len(), 1);
        assert_eq!(state.ink().strokes()[0].points().len(), 4);
        let here = on_canvas(&state, 0.2, 0.2);
        assert_eq!(moved(&mut state, here), Effects::default(), "the pen is up");
    }

    #[test]
    fn strokes_continue_while_the_window_is_resized() {
        let mut state = window(Opening::Blank);
        let start = on_canvas(&state, 0.25, 0.25);
        pressed(&mut state, start);
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::REPAINT
        );
        assert_eq!(
            state.apply(Event::Resized {
                width: 1500,
                height: 900
            }),
            Effects::default()
        );
        let end = on_canvas(&state, 0.75, 0.75);
        released(&mut state, end);
        let points = state.ink().strokes()[0].points();
        assert!(points[0].distance(Point::new(140.0, 140.0)) < 0.01);
        assert!(points[1].distance(Point::new(420.0, 420.0)) < 0.01);
    }

    #[test]
    fn presses_outside_all_targets_do_nothing() {
        let mut state = window(Opening::Blank);
        for position in [(1.0, 1.0), (-50.0, -50.0), (959.0, 639.0), (1e9, 1e9), (f32::NAN, 3.0)] {
            assert_eq!(
                pressed(&mut state, position) | moved(&mut state, (5.0, 5.0)) | released(&mut state, position),
                Effects::default()
            );
        }
        assert!(state.is_blank());
    }

    #[test]
    fn keys_and_buttons_have_the_same_effect() {
        let keys = [
            (Action::Clear, vec![Key::Letter('C'), Key::Delete, Key::Backspace]),
            (Action::Undo, vec![Key::Letter('Z')]),
            (Action::Redo, vec![Key::Letter('Y')]),
        ];
        for (action, keys) in keys {
            let mut by_button = window(Opening::Blank);
            draw_one(&mut by_button);
            draw_one(&mut by_button);
            by_button.act(Action::Undo);
            let before = by_button.clone();
            let effects = click(&mut by_button, action);
            for key in keys {
                let mut by_key = before.clone();
                let key_effects = typed(&mut by_key, key);
                assert_eq!(by_key.ink(), by_button.ink());
                assert_eq!(
                    (key_effects.recognize, key_effects.quit),
                    (effects.recognize, effects.quit),
                    "{key:?}"
                );
            }
        }
    }

    #[test]
    fn buttons_act_when_released_over_them() {
        let mut state = window(Opening::Blank);
        draw_one(&mut state);
        let (button, elsewhere) = (on_button(&state, Action::Clear), on_canvas(&state, 0.5, 0.5));
        assert_eq!(moved(&mut state, button), Effects::REPAINT);
        assert_eq!(state.hovered(), Some(HitTarget::Action(Action::Clear)));
        assert_eq!(pressed(&mut state, button), Effects::REPAINT);
        assert_eq!(state.pressed(), Some(HitTarget::Action(Action::Clear)));
        moved(&mut state, elsewhere);
        assert_eq!((state.pressed(), state.pointer_acts_on_canvas()), (None, false));
        released(&mut state, elsewhere);
        assert!(!state.is_blank(), "released elsewhere");
        assert_eq!(click(&mut state, Action::Clear), Effects::RECOGNIZE);
        assert!(state.is_blank());
    }

    /// Shows a digit for what is drawn, or a mark.
    fn show_digit(state: &mut State, mark: Option<Mark>) {
        let prediction = Prediction {
            probabilities: [0.1; 10],
            known: true,
            microseconds: 1.0,
        };
        let digit = RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS);
        state.show_digits(vec![digit.placed(0, mark)]);
    }

    fn on_bar(state: &State, digit: usize) -> (f32, f32) {
        let row = state.layout().bars[digit].row;
        (row.x as f32 + 1.0, (row.bottom() - 1) as f32)
    }

    #[test]
    fn clicks_on_bars_and_digit_keys_label_the_drawing() {
        for digit in [0, 3, 9] {
            let mut state = window(Opening::Blank);
            draw_one(&mut state);
            show_digit(&mut state, None);
            let (bar, elsewhere) = (on_bar(&state, digit), on_canvas(&state, 0.5, 0.5));
            assert_eq!(moved(&mut state, bar), Effects::REPAINT);
            assert_eq!(state.hovered(), Some(HitTarget::Bar(digit as u8)));
            pressed(&mut state, bar);
            moved(&mut state, elsewhere);
            released(&mut state, elsewhere);
            assert_eq!(state.take_commands(), [], "released elsewhere");
            assert_eq!(pressed(&mut state, bar) | released(&mut state, bar), Effects::REPAINT);
            typed(&mut state, Key::Digit(digit as u8));
            assert_eq!(state.take_commands(), [Command::AddExample(digit as u8); 2]);
        }
    }

    #[test]
    fn nothing_is_labeled_where_no_digit_is_shown() {
        let blank = window(Opening::Blank);
        let mut unread = blank.clone();
        draw_one(&mut unread);
        let mut mark = unread.clone();
        show_digit(&mut mark, Some(Mark::Minus));
        let mut other_panel = unread.clone();
        show_digit(&mut other_panel, None);
        let mut cleared = other_panel.clone();
        cleared.act(Action::Clear);
        let mut help = other_panel.clone();
        help.act(Action::Help);
        other_panel.act(Action::Layers);
        for mut state in [blank, unread, mark, cleared, help, other_panel.clone()] {
            let bar = on_bar(&state, 3);
            moved(&mut state, bar);
            assert_eq!(state.hovered(), None);
            if state.layout().active_panel == Panel::Prediction {
                typed(&mut state, Key::Digit(3));
            }
            pressed(&mut state, bar);
            released(&mut state, bar);
            assert_eq!(state.take_commands(), []);
        }
        typed(&mut other_panel, Key::Digit(3));
        assert_eq!(
            other_panel.take_commands(),
            [Command::AddExample(3)],
            "the key works beside any panel"
        );
    }

    #[test]
    fn unavailable_actions_are_disabled() {
        let mut state = window(Opening::Blank);
        assert!(!state.is_enabled(Action::Clear) && !state.is_enabled(Action::Undo) && state.is_enabled(Action::Quit));
        for key in [
            Key::Letter('C'),
            Key::Letter('Z'),
            Key::Letter('Y'),
            Key::Delete,
            Key::Letter('X'),
            Key::Digit(3),
        ] {
            assert_eq!(typed(&mut state, key), Effects::default());
        }
        draw_one(&mut state);
        assert!(state.is_enabled(Action::Clear) && state.is_enabled(Action::Undo));
    }

    #[test]
    fn clearing_while_drawing_ends_the_stroke() {
        let mut state = window(Opening::Blank);
        let (start, end) = (on_canvas(&state, 0.2, 0.2), on_canvas(&state, 0.8, 0.8));
        pressed(&mut state, start);
        assert_eq!(typed(&mut state, Key::Letter('C')), Effects::RECOGNIZE);
        assert_eq!(
            (moved(&mut state, end), released(&mut state, end)),
            (Effects::default(), Effects::default())
        );
        assert!(state.is_blank() && state.network_input().is_none());
    }

    #[test]
    fn network_input_is_the_normalized_drawing() {
        let mut state = window(Opening::Blank);
        assert_eq!(state.network_input(), None);
        draw_one(&mut state);
        assert_eq!(state.network_input(), normalize_ink(state.ink()));
        assert!(state.network_input().is_some());
    }

    #[test]
    fn images_can_be_drawn_on_and_cleared() {
        let bar = GrayImage::new(
            100,
            100,
            (0..10_000).map(|i| if i % 100 / 10 == 5 { 255 } else { 0 }).collect(),
        );
        let mut state = window(Opening::Image(bar.clone()));
        assert_eq!(state.network_input(), normalize(&bar));
        assert!(state.is_enabled(Action::Clear) && !state.is_enabled(Action::Undo));
        let image_alone = state.network_input();
        let (from, to) = (on_canvas(&state, 0.1, 0.5), on_canvas(&state, 0.9, 0.5));
        pressed(&mut state, from);
        released(&mut state, to);
        assert_ne!(state.network_input(), image_alone);
        typed(&mut state, Key::Letter('Z'));
        assert_eq!(state.network_input(), image_alone);
        typed(&mut state, Key::Letter('C'));
        assert!(state.is_blank() && state.network_input().is_none());
    }

    fn events() -> impl Strategy<Value = Event> {
        let position = || (-100.0..1100.0f32, -100.0..800.0f32);
        let key = prop_oneof![
            Just(Key::Letter('C')),
            Just(Key::Letter('Z')),
            Just(Key::Letter('Y')),
            Just(Key::Letter('E')),
            Just(Key::Letter('H')),
            Just(Key::Letter('N')),
            Just(Key::Letter('L')),
            Just(Key::Digit(7)),
            Just(Key::Plus),
            Just(Key::Escape),
            Just(Key::Delete),
        ];
        prop_oneof![
            8 => position().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => position().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => position().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            1 => (key, any::<bool>(), any::<bool>()).prop_map(|(key, control, shift)| {
                Event::KeyPressed { key, modifiers: Modifiers { control, shift } }
            }),
            1 => (0..1400usize, 0..1000usize).prop_map(|(width, height)| Event::Resized { width, height }),
        ]
    }

    #[test]
    fn erasing_nothing_records_no_history() {
        let mut state = window(Opening::Blank);
        draw_one(&mut state);
        draw_one(&mut state);
        state.act(Action::Undo);
        state.act(Action::Eraser);
        let (beside, over, end) = (
            on_canvas(&state, 0.1, 0.1),
            on_canvas(&state, 0.5, 0.1),
            on_canvas(&state, 0.5, 0.5),
        );
        assert_eq!(
            pressed(&mut state, beside) | released(&mut state, beside),
            Effects::REPAINT
        );
        assert!(state.is_enabled(Action::Redo));
        pressed(&mut state, over);
        let before = state.ink().clone();
        assert_eq!(moved(&mut state, end), Effects::RECOGNIZE);
        state.act(Action::Help);
        let erased = state.ink().clone();
        assert_ne!(erased.strokes(), before.strokes());
        let lower = on_canvas(&state, 0.5, 0.8);
        moved(&mut state, lower);
        assert_eq!(
            state.ink().strokes(),
            erased.strokes(),
            "the help overlay covers the canvas"
        );
        assert!(!state.is_enabled(Action::Redo));
        state.act(Action::Undo);
        assert_eq!(state.ink().strokes(), before.strokes());
    }

    #[test]
    fn a_size_of_zero_is_ignored() {
        let mut state = window(Opening::Blank);
        for (width, height) in [(0, 0), (0, 300), (300, 0)] {
            assert_eq!(state.apply(Event::Resized { width, height }), Effects::default());
            assert_eq!(state.layout().window, (960, 640));
        }
    }

    #[test]
    fn help_closes_when_an_action_changes_the_drawing() {
        let mut state = window(Opening::default());
        draw_one(&mut state);
        state.act(Action::Help);
        state.act(Action::Theme);
        assert_eq!(state.overlay(), Some(Overlay::Help));
        let effects = state.act(Action::Undo);
        assert_eq!(
            (effects, state.overlay()),
            (Effects::RECOGNIZE | Effects::REPAINT, None)
        );
        assert!(state.is_blank());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(100))]

        #[test]
        fn invariants_hold_after_any_events(events in proptest::collection::vec(events(), 0..80)) {
            let mut state = window(Opening::Blank);
            for event in events {
                let before = state.ink().clone();
                let effects = state.apply(event);
                prop_assert!(effects.recognize || state.ink().strokes() == before.strokes());
                prop_assert!(!effects.recognize || effects.repaint);
            }
            prop_assert_eq!(state.is_blank(), state.network_input().is_none());
        }
    }
}
