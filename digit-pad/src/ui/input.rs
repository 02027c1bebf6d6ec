//! State changes caused by events and actions.

use crate::{
    drawing::sign::Label,
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

/// Factor by which a notch of the wheel changes the pen's width.
const WHEEL_STEP: f32 = 1.12;

/// Within this distance of pixels, the pointer shows the width of the pen where the wheel has changed it.
const SAME_PLACE: f32 = 4.0;

impl State {
    /// Handles an event and returns what must follow.
    pub fn apply(&mut self, event: Event) -> Effects {
        match event {
            Event::PointerMoved { x, y } => self.pointer_moved(x, y),
            Event::PointerPressed { x, y } => self.pointer_moved(x, y) | self.pointer_pressed(x, y),
            Event::PointerReleased { x, y } => self.pointer_moved(x, y) | self.pointer_released(x, y),
            Event::SecondaryPressed { x, y } => self.pointer_moved(x, y) | self.secondary_pressed(x, y),
            Event::SecondaryReleased { x, y } => self.pointer_moved(x, y) | self.secondary_released(),
            Event::WheelTurned { up, control } => self.wheel_turned(up, control),
            Event::KeyPressed { key, modifiers } => self.key_pressed(key, modifiers),
            Event::Typed(character) => self.typed(character),
            Event::Resized { width, height } => self.resized(width, height),
        }
    }

    /// Performs an action if it is available. Actions on the drawing or the network close the menu.
    pub fn act(&mut self, action: Action) -> Effects {
        let hides_drawing = matches!(self.overlay, Some(Overlay::Examples | Overlay::Hand));
        let action = match action {
            // What is undone there is what was done there, and not a stroke that is out of sight.
            Action::Undo if hides_drawing => match self.offered_undo() {
                Some(offered) => offered,
                None => return Effects::default(),
            },
            Action::Redo if hides_drawing => return Effects::default(),
            action => action,
        };
        if !self.is_enabled(action) {
            return self.refuse_zoom(action);
        }
        let closes = hides_drawing && matches!(action, Action::Examples | Action::Hand);
        if action != Action::Help && !closes {
            self.message = None;
        }
        let keeps_menu_open = matches!(
            action,
            Action::Help
                | Action::Examples
                | Action::Hand
                | Action::Quit
                | Action::Theme
                | Action::ZoomIn
                | Action::ZoomOut
                | Action::ResetZoom
        );
        if self.overlay == Some(Overlay::Menu) && !keeps_menu_open {
            (self.overlay, self.focus) = (None, None);
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
            Action::Motion => self.switch_motion(),
            Action::ZoomIn | Action::ZoomOut | Action::ResetZoom => self.zoom_by(action),
            Action::Help => self.toggle(Overlay::Menu),
            Action::Examples => self.toggle(Overlay::Examples),
            Action::Hand => {
                let effects = self.toggle(Overlay::Hand);
                self.look_at_hand();
                effects
            }
            Action::NameSign => self.open_naming(),
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
            Action::Paste => self.send(Command::Paste),
            Action::Save => self.send(Command::Save),
            Action::SaveNetwork => self.send(Command::SaveNetwork),
            Action::RandomDigit => self.send(Command::RandomDigit),
            Action::NextMisclassified => self.send(Command::NextMisclassified),
            Action::UndoExample => self.send(Command::UndoExample),
            Action::RemoveAllExamples => self.send(Command::RemoveAllExamples),
            Action::RestoreExamples => self.send(Command::RestoreExamples),
            Action::Train => self.send(Command::Train),
            Action::Pause => self.send(Command::Pause),
            Action::SlowMotion => self.send(Command::SlowMotion),
            Action::Stop => self.send(Command::Stop),
            Action::UseNetwork => {
                (self.trained_in_use, self.is_adopted) = (self.waiting_accuracy(), true);
                self.show_panel(Panel::Prediction);
                self.send(Command::UseNetwork)
            }
            Action::SaveGif => self.send(Command::SaveGif),
            Action::RestoreBuiltIn => {
                (self.progress, self.scrubbed, self.trained_in_use) = (None, None, None);
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
        (self.held, self.focus, self.scrolled_rows) = (None, None, 0);
        self.is_corrected = false;
        Effects::REPAINT
    }

    /// Takes back the question about a reading that was called wrong; or else drops the focus; or else closes the overlay, or
    /// the panel in place of the prediction, unless it shows training under way, or the explanation. The message stays over an
    /// overlay that closes: it may offer to undo what was done there.
    pub(super) fn close(&mut self) -> Effects {
        if self.overlay.is_none() && std::mem::take(&mut self.is_corrected) {
            self.focus = None;
            return Effects::REPAINT;
        }
        if self.overlay.is_none() {
            self.message = None;
        }
        let had_focus = self.focused().is_some();
        self.focus = None;
        if had_focus && self.overlay.is_none() {
            return Effects::REPAINT;
        }
        if self.overlay.is_none() && self.shows_activations() && self.opened_layer.take().is_some() {
            return Effects::REPAINT;
        }
        if self.overlay.take().is_none() {
            match self.layout.active_panel {
                Panel::Prediction => self.shows_why = false,
                _ if self.is_training() => {}
                _ => self.show_panel(Panel::Prediction),
            }
        }
        Effects::REPAINT
    }

    /// Sets the pen's width, in canvas units.
    pub fn set_pen(&mut self, width: f32) -> Effects {
        self.document.ink.set_pen(width);
        Effects::REPAINT
    }

    fn key_pressed(&mut self, key: Key, modifiers: Modifiers) -> Effects {
        if self.overlay == Some(Overlay::Naming) {
            return self.key_in_naming(key, modifiers.shift);
        }
        if key == Key::Tab {
            return self.move_focus(modifiers.shift);
        }
        if let Some(effects) = self.key_on_focused(key) {
            return effects;
        }
        if let (Key::Digit(digit), false) = (key, modifiers.control) {
            return if self.shows_hand() {
                self.look_up_digit(digit)
            } else {
                self.teach(Some(Label::Digit(digit)))
            };
        }
        if key == Key::Escape {
            return self.close();
        }
        if let Some(effects) = self.key_on_hand(key) {
            return effects;
        }
        Action::for_key(key, modifiers).map_or(Effects::default(), |action| self.act(action))
    }

    /// Labels the selected digit, if that is possible.
    fn teach(&mut self, label: Option<Label>) -> Effects {
        match (label, self.selected_index()) {
            (Some(label), Some(index)) if self.can_teach() => {
                (self.message, self.is_corrected) = (None, false);
                self.send(Command::AddExample(label, index))
            }
            _ => Effects::default(),
        }
    }

    /// Everything in the scene that depends on the pointer.
    fn pointer_dependents(&self) -> impl PartialEq + use<> {
        (
            self.hovered(),
            self.pressed(),
            self.eraser_circle(),
            self.pen_circle(),
            self.selected_index(),
        )
    }

    fn pointer_moved(&mut self, x: f32, y: f32) -> Effects {
        let before = self.pointer_dependents();
        self.pointer = Some((x, y));
        let is_here = |at: &(f32, f32)| (x - at.0).hypot(y - at.1) <= SAME_PLACE;
        self.pen_changed_at = self.pen_changed_at.filter(is_here);
        let point = self.layout.canvas_point(x, y);
        if self.document.ink.pen_move(point) {
            return Effects::RECOGNIZE;
        }
        match self.held {
            Some(Held::Slider) => return self.set_pen(self.layout.pen_at(x)),
            Some(Held::Scrubber) => {
                self.scrub(x);
                return Effects::REPAINT;
            }
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
        if self.focus.take().is_some() {
            return self.pointer_pressed(x, y) | Effects::REPAINT;
        }
        // The secondary button erases already.
        if matches!(self.held, Some(Held::Eraser { .. })) {
            return Effects::default();
        }
        self.pen_changed_at = None;
        // A second click is not meant for what the first one has uncovered.
        if self.is_misdirected_second_click(x, y) {
            return Effects::default();
        }
        if let Some(target) = self.target_at(x, y) {
            self.held = Some(Held::Button(target));
            return Effects::REPAINT;
        }
        if self.overlay.is_some() {
            // A click that misses a row or an example does not close the dialog.
            let is_inside = match self.overlay {
                Some(Overlay::Naming) => self.naming_places().dialog.contains(x, y),
                Some(Overlay::Hand) => true,
                _ => self.layout.overlay.contains(x, y),
            };
            self.overlay = self.overlay.filter(|_| is_inside);
            if !is_inside {
                self.note_click(None, (x, y));
            }
            return Effects::REPAINT;
        }
        if self.is_over_scrubber(x, y) {
            self.scrub(x);
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
        (self.message, self.is_corrected) = (None, false);
        self.was_touched = true;
        match self.tool {
            Tool::Pen => {
                self.press_answer(point);
                self.history.record(&self.document);
                self.document.ink.pen_down(point);
                Effects::RECOGNIZE
            }
            Tool::Eraser => self.erase(point, point, false),
        }
    }

    /// The secondary button erases while it is held, whatever the tool is.
    fn secondary_pressed(&mut self, x: f32, y: f32) -> Effects {
        let is_busy = self.held.is_some() || self.ink().is_drawing() || self.overlay.is_some();
        if is_busy || !self.layout.canvas.contains(x, y) {
            return Effects::default();
        }
        (self.message, self.pen_changed_at) = (None, None);
        let point = self.layout.canvas_point(x, y);
        self.erase(point, point, false)
    }

    fn secondary_released(&mut self) -> Effects {
        match self.held {
            Some(Held::Eraser { .. }) => {
                self.held = None;
                Effects::REPAINT
            }
            _ => Effects::default(),
        }
    }

    /// Zooms with Control, scrolls the examples, or changes the width of the pen over the canvas.
    fn wheel_turned(&mut self, up: bool, control: bool) -> Effects {
        match (control, self.overlay) {
            (true, _) => self.act(if up { Action::ZoomIn } else { Action::ZoomOut }),
            (false, Some(Overlay::Examples)) => self.scroll_examples(up),
            (false, None) if self.pointer_acts_on_canvas() && !self.ink().is_drawing() => {
                self.pen_changed_at = self.pointer;
                let factor = if up { WHEEL_STEP } else { 1.0 / WHEEL_STEP };
                self.set_pen(self.ink().pen() * factor)
            }
            _ => Effects::default(),
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
            let added = self.document.ink.pen_up(self.layout.canvas_point(x, y)) | self.accept_answer();
            return if added { Effects::RECOGNIZE } else { Effects::REPAINT };
        }
        let target = self.pressed();
        match self.held.take() {
            None => Effects::default(),
            Some(Held::Eraser { .. }) => Effects::REPAINT,
            Some(_) => {
                let Some(target) = target else {
                    return Effects::REPAINT;
                };
                self.note_click(Some(target), (x, y));
                Effects::REPAINT | self.activate(target)
            }
        }
    }

    pub(super) fn activate(&mut self, target: HitTarget) -> Effects {
        match target {
            HitTarget::Action(action) => self.act(action),
            HitTarget::Example(index) => self.send(Command::RemoveExample(index)),
            HitTarget::Bar(bar) => self.teach(self.label_of_bar(bar)),
            HitTarget::Answer(digit) if self.overlay == Some(Overlay::Naming) => self.teach_named(Label::Digit(digit)),
            HitTarget::Answer(digit) => self.teach(Some(Label::Digit(digit))),
            HitTarget::Sign(place) => self.choose_name(place),
            HitTarget::AcceptName => self.accept_name(),
            HitTarget::Wrong => {
                self.is_corrected = !self.is_corrected;
                Effects::REPAINT
            }
            HitTarget::SavePoster => self.save_poster(),
            HitTarget::Close => self.close(),
            HitTarget::EmptyTile(digit) => self.leave_hand_to_draw(digit),
            HitTarget::Digit(index) => {
                self.chosen = Some(index);
                Effects::REPAINT
            }
            HitTarget::Layer(layer) => {
                self.open_layer(layer);
                Effects::REPAINT
            }
            HitTarget::Map { .. } => Effects::REPAINT,
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
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::{
        drawing::strokes::{CANVAS, CANVAS_BOUNDS},
        imaging::gray_image::GrayImage,
        recognition::{
            activations::Tiles,
            normalization::{normalize, normalize_ink},
            prediction::Prediction,
            segmentation::Mark,
        },
        training::progress::{Progress, Snapshot},
        ui::{
            RecognizedDigit,
            layout::{MenuEntry, MenuRow},
            state::{ExampleView, Opening},
        },
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
            signs: Vec::new(),
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
        for (digit, mark) in [(0, None), (3, None), (9, None), (1, Some(Mark::Minus))] {
            let mut state = window(Opening::Blank);
            draw_one(&mut state);
            show_digit(&mut state, mark);
            let (bar, elsewhere) = (on_bar(&state, digit), on_canvas(&state, 0.5, 0.5));
            assert_eq!(moved(&mut state, bar), Effects::REPAINT);
            assert_eq!(state.hovered(), Some(HitTarget::Bar(digit as u8)));
            pressed(&mut state, bar);
            moved(&mut state, elsewhere);
            released(&mut state, elsewhere);
            assert_eq!(state.take_commands(), [], "released elsewhere");
            assert_eq!(pressed(&mut state, bar) | released(&mut state, bar), Effects::REPAINT);
            typed(&mut state, Key::Digit(digit as u8));
            assert_eq!(
                state.take_commands(),
                [digit, digit].map(|digit| Command::AddExample(Label::Digit(digit as u8), 0))
            );
        }
    }

    #[test]
    fn nothing_is_labeled_where_no_digit_is_shown() {
        let blank = window(Opening::Blank);
        let mut unread = blank.clone();
        draw_one(&mut unread);
        let mut other_panel = unread.clone();
        show_digit(&mut other_panel, None);
        let mut cleared = other_panel.clone();
        cleared.act(Action::Clear);
        let mut help = other_panel.clone();
        help.act(Action::Help);
        other_panel.act(Action::Layers);
        for mut state in [blank, unread, cleared, help, other_panel.clone()] {
            let bar = on_bar(&state, 3);
            moved(&mut state, bar);
            let hovered = state.hovered();
            assert!(!matches!(hovered, Some(HitTarget::Bar(_))), "{hovered:?}");
            if state.layout().active_panel == Panel::Prediction {
                typed(&mut state, Key::Digit(3));
            }
            pressed(&mut state, bar);
            released(&mut state, bar);
            // Where the menu covers the bars, a click may choose from it.
            assert!(!state.take_commands().contains(&Command::AddExample(Label::Digit(3), 0)));
        }
        typed(&mut other_panel, Key::Digit(3));
        assert_eq!(
            other_panel.take_commands(),
            [Command::AddExample(Label::Digit(3), 0)],
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

    #[test]
    fn the_secondary_button_erases_and_the_pen_stays() {
        let mut state = window(Opening::Blank);
        draw_one(&mut state);
        let (from, to) = (on_canvas(&state, 0.3, 0.5), on_canvas(&state, 0.7, 0.5));
        assert_eq!(
            state.apply(Event::SecondaryPressed { x: from.0, y: from.1 }),
            Effects::REPAINT
        );
        assert!(state.eraser_circle().is_some());
        pressed(&mut state, from);
        assert!(!state.ink().is_drawing(), "no stroke begins meanwhile");
        assert_eq!(moved(&mut state, to), Effects::RECOGNIZE);
        assert_eq!(state.ink().strokes().len(), 2, "the stroke is cut");
        assert_eq!(
            state.apply(Event::SecondaryReleased { x: to.0, y: to.1 }),
            Effects::REPAINT
        );
        assert_eq!((state.tool(), state.eraser_circle()), (Tool::Pen, None));
        state.act(Action::Undo);
        assert_eq!(state.ink().strokes().len(), 1);
        pressed(&mut state, from);
        let elsewhere = Event::SecondaryPressed { x: to.0, y: to.1 };
        state.apply(elsewhere);
        assert!(state.ink().is_drawing(), "a stroke goes on");
        let outside = Event::SecondaryPressed { x: 2.0, y: 2.0 };
        assert_eq!(window(Opening::Blank).apply(outside), Effects::default());
    }

    #[test]
    fn the_wheel_changes_the_pen_and_shows_its_width() {
        let mut state = window(Opening::Blank);
        let turned = |state: &mut State, up| state.apply(Event::WheelTurned { up, control: false });
        let pen = state.ink().pen();
        assert_eq!(
            turned(&mut state, true),
            Effects::default(),
            "the pointer is not over the canvas"
        );
        let middle = on_canvas(&state, 0.5, 0.5);
        moved(&mut state, middle);
        assert_eq!(turned(&mut state, true), Effects::REPAINT);
        assert!(state.ink().pen() > pen);
        let (x, y, radius) = state.pen_circle().unwrap();
        assert_eq!((x, y), middle);
        assert!((radius - 0.5 * state.ink().pen() / state.layout().canvas_unit()).abs() < 1e-3);
        turned(&mut state, false);
        turned(&mut state, false);
        assert!(state.ink().pen() < pen);
        let away = on_canvas(&state, 0.6, 0.5);
        assert_eq!(moved(&mut state, away), Effects::REPAINT);
        assert_eq!(state.pen_circle(), None, "the pointer has moved on");
        let slider = state.layout().slider;
        pressed(&mut state, (slider.x as f32 + 30.0, slider.y as f32 + 10.0));
        assert!(state.pen_circle().is_some());
        released(&mut state, (slider.x as f32 + 30.0, slider.y as f32 + 10.0));
        assert_eq!(state.pen_circle(), None);
    }

    #[test]
    fn the_wheel_zooms_with_control() {
        let mut state = window(Opening::Blank);
        let zoom = state.zoom_index();
        assert_eq!(
            state.apply(Event::WheelTurned {
                up: true,
                control: true
            }),
            Effects::RECOGNIZE
        );
        assert_eq!(state.zoom_index(), zoom + 1);
        for _ in 0..9 {
            state.apply(Event::WheelTurned {
                up: false,
                control: true,
            });
        }
        assert_eq!(state.zoom_index(), 0);
    }

    #[test]
    fn the_wheel_scrolls_examples_that_do_not_fit() {
        let mut state = window(Opening::Blank);
        let turned = |state: &mut State, up| state.apply(Event::WheelTurned { up, control: false });
        let example = |i| ExampleView {
            pixels: [0; 784],
            label: Label::Digit((i % 10) as u8),
            ink: None,
        };
        state.show_examples(Arc::new((0..3_000).map(example).collect()));
        state.act(Action::Examples);
        let shown = state.example_cells().len();
        assert_eq!(state.example_cells()[0].0, 2_999, "the newest comes first");
        assert_eq!(turned(&mut state, true), Effects::default());
        assert_eq!(turned(&mut state, false), Effects::REPAINT);
        let (first, rect) = state.example_cells()[0];
        assert!(first < 2_999 && state.example_cells().len() == shown);
        assert_eq!(
            state.target_at(rect.x as f32 + 1.0, rect.y as f32 + 1.0),
            Some(HitTarget::Example(first))
        );
        while turned(&mut state, false).repaint {}
        assert_eq!(state.example_cells().last().unwrap().0, 0, "the oldest is in reach");
        state.show_examples(Arc::new((0..4).map(example).collect()));
        assert_eq!(state.example_cells().len(), 4);
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
            Just(Key::Tab),
            Just(Key::Enter),
            Just(Key::Right),
            Just(Key::Delete),
        ];
        prop_oneof![
            8 => position().prop_map(|(x, y)| Event::PointerMoved { x, y }),
            3 => position().prop_map(|(x, y)| Event::PointerPressed { x, y }),
            2 => position().prop_map(|(x, y)| Event::PointerReleased { x, y }),
            1 => position().prop_map(|(x, y)| Event::SecondaryPressed { x, y }),
            1 => position().prop_map(|(x, y)| Event::SecondaryReleased { x, y }),
            1 => (any::<bool>(), any::<bool>()).prop_map(|(up, control)| Event::WheelTurned { up, control }),
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
        assert_eq!(state.ink().strokes(), erased.strokes(), "the menu covers the canvas");
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
    fn the_menu_closes_when_an_action_changes_the_drawing() {
        let mut state = window(Opening::default());
        draw_one(&mut state);
        state.act(Action::Help);
        state.act(Action::Theme);
        assert_eq!(state.overlay(), Some(Overlay::Menu));
        let effects = state.act(Action::Undo);
        assert_eq!(
            (effects, state.overlay()),
            (Effects::RECOGNIZE | Effects::REPAINT, None)
        );
        assert!(state.is_blank());
    }

    /// A position on the row of an action in the menu.
    fn on_row(state: &State, action: Action) -> (f32, f32) {
        let is_row = |row: &&MenuRow| row.entry == MenuEntry::Action(action);
        let rect = state.layout().menu.iter().find(is_row).unwrap().rect;
        (rect.x as f32 + 5.0, rect.y as f32 + 5.0)
    }

    /// A run that has ended after one step.
    fn ended() -> Progress {
        let mut progress = Progress {
            finished: true,
            test_accuracy: Some(0.99),
            ..Progress::default()
        };
        progress.keep(Snapshot {
            step: 1,
            seconds: 0.1,
            loss: 2.3,
            accuracy: 0.1,
            filters: Arc::new(Tiles {
                height: 0,
                width: 0,
                tiles: Vec::new(),
            }),
            reading: None,
        });
        progress
    }

    #[test]
    fn every_action_is_in_reach_of_a_click() {
        for action in Action::all().filter(|&action| action != Action::Help) {
            let mut state = window(Opening::Blank);
            draw_one(&mut state);
            draw_one(&mut state);
            state.act(Action::Undo);
            state.show_examples(Arc::new(vec![ExampleView {
                pixels: [0; 784],
                label: Label::Digit(3),
                ink: None,
            }]));
            state.show_message("Removed 1 example");
            state.offer_undo(Action::RestoreExamples);
            let needs_end = matches!(action, Action::UseNetwork | Action::SaveGif);
            let steers = matches!(action, Action::Pause | Action::SlowMotion | Action::Stop);
            if needs_end || steers || action == Action::RestoreBuiltIn {
                state.show_progress(Arc::default());
            }
            if needs_end {
                state.show_progress(Arc::new(ended()));
            }
            if action == Action::NameSign {
                let prediction = Prediction {
                    probabilities: [0.1; 10],
                    signs: Vec::new(),
                    known: true,
                    microseconds: 1.0,
                };
                state.show_digits(vec![RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS)]);
            }
            if action == Action::ResetZoom {
                state.act(Action::ZoomIn);
            }
            let mut by_key = state.clone();
            by_key.act(action);
            click(&mut state, Action::Help);
            let (at, is_enabled) = (on_row(&state, action), state.is_enabled(action));
            assert!(is_enabled, "{action:?}");
            moved(&mut state, at);
            assert_eq!(state.hovered(), Some(HitTarget::Action(action)));
            pressed(&mut state, at);
            released(&mut state, at);
            let found = (
                state.ink(),
                state.tool(),
                state.is_dark(),
                state.zoom_index(),
                state.shows_why(),
            );
            let expected = (
                by_key.ink(),
                by_key.tool(),
                by_key.is_dark(),
                by_key.zoom_index(),
                by_key.shows_why(),
            );
            assert_eq!(found, expected, "{action:?}");
            assert_eq!(state.take_commands(), by_key.take_commands(), "{action:?}");
            let stays = matches!(
                action,
                Action::Theme | Action::ZoomIn | Action::ZoomOut | Action::ResetZoom | Action::Quit
            );
            assert_eq!(state.overlay() == Some(Overlay::Menu), stays, "{action:?}");
        }
    }

    #[test]
    fn a_click_beside_the_menu_closes_it_and_one_on_a_disabled_row_does_nothing() {
        let mut state = window(Opening::Blank);
        state.act(Action::Help);
        let disabled = on_row(&state, Action::Clear);
        pressed(&mut state, disabled);
        released(&mut state, disabled);
        let heading = state.layout().menu[0].rect;
        pressed(&mut state, (heading.x as f32, heading.y as f32));
        assert_eq!(state.overlay(), Some(Overlay::Menu));
        pressed(&mut state, (2.0, 2.0));
        assert_eq!(state.overlay(), None);
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
