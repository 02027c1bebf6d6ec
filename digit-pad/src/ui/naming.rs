//! The dialog that names what a drawing is, if that is no digit: a field for a name, and the names given before.

use crate::{
    drawing::sign::{Label, MAX_SIGN_NAME, SignName},
    graphics::canvas::Rect,
    ui::{
        action::Key,
        command::Command,
        event::Effects,
        layout::{Focus, HitTarget, NamingPlaces},
        state::{Naming, Overlay, State},
    },
};

/// Most signs that can be taught: their bars have room beside those of the digits.
pub(super) const MAX_SIGNS: usize = 8;

impl State {
    /// The signs with a bar, in the order in which they were taught.
    pub fn signs(&self) -> &[SignName] {
        &self.signs
    }

    /// Shows a bar for each of these signs.
    pub fn show_signs(&mut self, signs: &[SignName]) {
        let signs = &signs[..signs.len().min(MAX_SIGNS)];
        if self.signs != signs {
            self.signs = signs.to_vec();
            self.lay_out(self.layout.window, self.layout.active_panel);
        }
    }

    /// What the row of the bar chart at that place stands for: a digit, or behind the digits a sign.
    pub(super) fn label_of_bar(&self, bar: u8) -> Option<Label> {
        match usize::from(bar).checked_sub(10) {
            None => Some(Label::Digit(bar)),
            Some(sign) => self.signs.get(sign).cloned().map(Label::Sign),
        }
    }

    /// The names that the dialog offers: those of the examples and of the signs with a bar.
    pub(super) fn known_signs(&self) -> Vec<SignName> {
        let mut known = self.signs.clone();
        for example in self.examples.iter() {
            match &example.label {
                Label::Sign(name) if !known.contains(name) => known.push(name.clone()),
                _ => {}
            }
        }
        known.truncate(MAX_SIGNS);
        known
    }

    /// Opens the dialog for the selected digit.
    pub(super) fn open_naming(&mut self) -> Effects {
        if let Some(index) = self.selected_index() {
            let name = String::new();
            self.naming = Naming { name, index };
            self.overlay = Some(Overlay::Naming);
            (self.held, self.focus, self.is_corrected) = (None, None, false);
        }
        Effects::REPAINT
    }

    /// A character that was typed; nothing without the dialog.
    pub(super) fn typed(&mut self, character: char) -> Effects {
        let is_pressing = character == ' ' && self.focused().is_some();
        if self.overlay != Some(Overlay::Naming) || character.is_control() || is_pressing {
            return Effects::default();
        }
        self.focus = None;
        if self.naming.name.chars().count() < MAX_SIGN_NAME {
            self.naming.name.push(character);
        }
        Effects::REPAINT
    }

    /// What is typed in the dialog, and the place of its field; `None` without the dialog.
    #[must_use]
    pub fn name_field(&self) -> Option<(&str, Rect)> {
        let is_open = self.overlay == Some(Overlay::Naming);
        is_open.then_some((self.naming.name.as_str(), self.naming_places().field))
    }

    /// Takes over all that is typed in the dialog, from a field that edits by itself.
    pub fn set_name(&mut self, name: &str) -> Effects {
        self.naming.name.clear();
        let typed = name.chars().map(|character| self.typed(character));
        typed.fold(Effects::REPAINT, |effects, typed| effects | typed)
    }

    /// What a key does in the dialog; characters come by [`typed`](Self::typed).
    pub(super) fn key_in_naming(&mut self, key: Key, shift: bool) -> Effects {
        match (key, self.focused()) {
            (Key::Escape, _) => {
                (self.overlay, self.focus) = (None, None);
                Effects::REPAINT
            }
            (Key::Tab, _) => self.move_focus(shift),
            (Key::Enter | Key::Space, Some((Focus::Target(target), _))) => self.activate(target),
            (Key::Enter, _) => self.accept_name(),
            (Key::Backspace | Key::Delete, _) => {
                self.naming.name.pop();
                Effects::REPAINT
            }
            _ => Effects::default(),
        }
    }

    /// Whether what is typed is a name, so that it can be taught.
    pub(super) fn typed_label(&self) -> Option<Label> {
        let name = self.naming.name.trim();
        match name.as_bytes() {
            [digit @ b'0'..=b'9'] => Some(Label::Digit(digit - b'0')),
            _ => SignName::new(name).ok().map(Label::Sign),
        }
    }

    /// Teaches what is typed.
    pub(super) fn accept_name(&mut self) -> Effects {
        let Some(label) = self.typed_label() else {
            return Effects::default();
        };
        let known = self.known_signs();
        if let Label::Sign(name) = &label
            && known.len() >= MAX_SIGNS
            && !known.contains(name)
        {
            (self.overlay, self.focus) = (None, None);
            self.show_message(format!(
                "There are {MAX_SIGNS} signs already; remove the examples of one first (N)"
            ));
            return Effects::REPAINT;
        }
        self.teach_named(label)
    }

    /// Teaches the known sign at that place of the dialog.
    pub(super) fn choose_name(&mut self, place: usize) -> Effects {
        match self.known_signs().into_iter().nth(place) {
            Some(name) => self.teach_named(Label::Sign(name)),
            None => Effects::default(),
        }
    }

    pub(super) fn teach_named(&mut self, label: Label) -> Effects {
        (self.overlay, self.focus, self.message) = (None, None, None);
        self.commands.push(Command::AddExample(label, self.naming.index));
        Effects::REPAINT
    }

    /// The target in the dialog at a window position.
    pub(super) fn naming_target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let places = self.naming_places();
        let buttons = [(places.accept, HitTarget::AcceptName), (places.close, HitTarget::Close)];
        let digits = (0..)
            .zip(places.digits)
            .map(|(digit, rect)| (rect, HitTarget::Answer(digit)));
        let hit = buttons.into_iter().chain(digits).find(|(rect, _)| rect.contains(x, y));
        if let Some((_, target)) = hit {
            return Some(target);
        }
        let mut chips = self.sign_chips().into_iter();
        let hit = chips.position(|(_, rect)| rect.contains(x, y));
        hit.map(HitTarget::Sign)
    }

    /// The known signs with their places in the dialog.
    pub(super) fn sign_chips(&self) -> Vec<(SignName, Rect)> {
        self.known_signs().into_iter().zip(self.naming_places().chips).collect()
    }

    /// The places of the dialog.
    pub(super) fn naming_places(&self) -> NamingPlaces {
        self.layout.naming(self.known_signs().len())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        drawing::strokes::{CANVAS_BOUNDS, Ink},
        geometry::Point,
        recognition::prediction::{Prediction, SignProbability},
        ui::{Action, Event, ExampleView, Modifiers, Opening, RecognizedDigit},
    };

    fn name(text: &str) -> SignName {
        SignName::new(text).unwrap()
    }

    /// A window with a dot, read by a network that knows these signs.
    fn window(signs: &[&str]) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 280.0));
        ink.pen_up(Point::new(280.0, 280.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let names: Vec<SignName> = signs.iter().map(|text| name(text)).collect();
        state.show_signs(&names);
        let signs = names.into_iter().map(|name| SignProbability { name, probability: 0.0 });
        let prediction = Prediction {
            probabilities: [0.1; 10],
            signs: signs.collect(),
            known: false,
            microseconds: 1.0,
        };
        state.show_digits(vec![RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS)]);
        state
    }

    #[test]
    fn a_field_of_the_page_has_the_name_and_its_place() {
        let mut state = window(&[]);
        assert_eq!(state.name_field(), None);
        state.act(Action::NameSign);
        assert_eq!(state.name_field(), Some(("", state.naming_places().field)));
        state.set_name("a star, and more");
        assert_eq!(state.name_field().unwrap().0, "a star, and ");
        state.set_name("pi");
        press(&mut state, Key::Enter);
        let label = Label::Sign(name("pi"));
        assert_eq!(state.take_commands(), [Command::AddExample(label, 0)]);
        assert_eq!(state.name_field(), None);
    }

    fn press(state: &mut State, key: Key) -> Effects {
        state.apply(Event::KeyPressed {
            key,
            modifiers: Modifiers::default(),
        })
    }

    /// Types a text as the window reports it: each character, then its key.
    fn write(state: &mut State, text: &str) {
        for character in text.chars() {
            state.apply(Event::Typed(character));
            if character.is_ascii_alphabetic() {
                press(state, Key::Letter(character.to_ascii_uppercase()));
            }
        }
    }

    fn click(state: &mut State, rect: Rect) {
        let (x, y) = (rect.x as f32 + 3.0, rect.y as f32 + 3.0);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
    }

    fn taught(label: Label) -> [Command; 1] {
        [Command::AddExample(label, 0)]
    }

    #[test]
    fn a_typed_name_is_taught() {
        let mut state = window(&[]);
        write(&mut state, "a");
        assert_eq!(state.overlay(), Some(Overlay::Naming), "its key opens the dialog");
        assert_eq!(state.naming.name, "", "and is not typed into it");
        write(&mut state, "quit me");
        press(&mut state, Key::Backspace);
        write(&mut state, "y♥");
        press(&mut state, Key::Enter);
        assert_eq!(state.overlay(), None);
        assert_eq!(state.take_commands(), taught(Label::Sign(name("quit my♥"))));
    }

    #[test]
    fn a_typed_digit_is_that_digit() {
        let mut state = window(&[]);
        state.act(Action::NameSign);
        state.apply(Event::Typed('7'));
        press(&mut state, Key::Digit(7));
        press(&mut state, Key::Enter);
        assert_eq!(state.take_commands(), taught(Label::Digit(7)));
    }

    #[test]
    fn no_name_is_not_taught_and_escape_cancels() {
        let mut state = window(&[]);
        state.act(Action::NameSign);
        for text in ["", "   "] {
            write(&mut state, text);
            press(&mut state, Key::Enter);
            assert_eq!(state.overlay(), Some(Overlay::Naming));
        }
        press(&mut state, Key::Escape);
        assert_eq!((state.overlay(), state.take_commands()), (None, vec![]));
        write(&mut state, "b");
        assert_eq!(state.overlay(), None, "only its key opens it again");
    }

    #[test]
    fn names_end_at_twelve_characters() {
        let mut state = window(&[]);
        state.act(Action::NameSign);
        write(&mut state, "abcdefghijklmnop");
        press(&mut state, Key::Enter);
        assert_eq!(state.take_commands(), taught(Label::Sign(name("abcdefghijkl"))));
    }

    #[test]
    fn known_signs_are_offered_and_a_ninth_is_refused() {
        let mut state = window(&["A", "pi"]);
        let view = |label: &str| ExampleView {
            pixels: [0; 784],
            label: Label::Sign(name(label)),
            ink: None,
        };
        state.show_examples(Arc::new(["pi", "B", "C", "D", "E", "F", "G"].map(view).to_vec()));
        state.act(Action::NameSign);
        let chips = state.sign_chips();
        assert_eq!(chips.len(), MAX_SIGNS);
        click(&mut state, chips[2].1);
        assert_eq!(state.take_commands(), taught(Label::Sign(name("B"))));
        state.act(Action::NameSign);
        press(&mut state, Key::Tab);
        press(&mut state, Key::Enter);
        assert_eq!(state.take_commands(), taught(Label::Sign(name("A"))));
        state.act(Action::NameSign);
        write(&mut state, "ninth");
        let accept = state.naming_places().accept;
        click(&mut state, accept);
        assert!(state.take_commands().is_empty() && state.message().unwrap().contains("8 signs already"));
    }

    #[test]
    fn the_bar_of_a_sign_teaches_it_and_buttons_open_the_dialog() {
        let mut state = window(&["A", "pi"]);
        let row = state.layout().bars[11].row;
        click(&mut state, row);
        assert_eq!(state.take_commands(), taught(Label::Sign(name("pi"))));
        for is_told in [false, true] {
            if is_told {
                state.show_message("Saved");
            }
            let layout = state.layout();
            let [shown, wrong] = [layout.name_answer, layout.wrong_button];
            if is_told {
                click(&mut state, shown);
                assert_eq!(state.overlay(), None);
                click(&mut state, wrong);
            }
            click(&mut state, shown);
            assert_eq!(state.overlay(), Some(Overlay::Naming));
            // Beside the dialog.
            click(&mut state, Rect::new(1, 1, 4, 4));
            assert_eq!(state.overlay(), None);
        }
    }

    #[test]
    fn the_dialog_has_ten_digits_and_a_button_that_closes_it() {
        let mut state = window(&[]);
        for digit in [0, 9] {
            state.act(Action::NameSign);
            let rect = state.naming_places().digits[usize::from(digit)];
            click(&mut state, rect);
            assert_eq!(
                (state.overlay(), state.take_commands()),
                (None, taught(Label::Digit(digit)).to_vec())
            );
        }
        state.act(Action::NameSign);
        let close = state.naming_places().close;
        click(&mut state, close);
        assert_eq!((state.overlay(), state.take_commands()), (None, vec![]));
    }

    #[test]
    fn the_pointer_over_the_dialog_does_not_change_what_is_named() {
        let mut state = window(&[]);
        let digit = state.digits()[0].clone();
        let half = |left, right| crate::geometry::Bounds {
            left,
            right,
            ..CANVAS_BOUNDS
        };
        let [a, b] = [half(0.0, 280.0), half(280.0, 560.0)].map(|bounds| RecognizedDigit {
            bounds,
            ..digit.clone()
        });
        state.show_digits(vec![a, b]);
        state.act(Action::NameSign);
        assert_eq!(state.selected_index(), Some(1));
        let canvas = state.layout().canvas;
        let (x, y) = (canvas.x as f32 + 20.0, canvas.y as f32 + 20.0);
        state.apply(Event::PointerMoved { x, y });
        assert_eq!(state.selected_index(), Some(1));
        write(&mut state, "x");
        press(&mut state, Key::Enter);
        assert_eq!(state.take_commands(), [Command::AddExample(Label::Sign(name("x")), 1)]);
    }
}
