//! The page of the user's hand: what it shows of the examples, and the twins that it waits for.

use std::sync::Arc;

use crate::{
    drawing::sign::Label,
    recognition::{normalization::Gray28, twins::Twins},
    teaching::hand::{Hand, Specimen},
    ui::{
        action::Key,
        command::Command,
        event::Effects,
        layout::HitTarget,
        state::{ExampleView, HandPage, Overlay, State},
    },
};

impl State {
    /// The user's hand, while its page is open.
    pub fn hand(&self) -> Option<&Arc<Hand>> {
        self.shows_hand().then_some(&self.hand_page.hand)
    }

    pub(super) fn shows_hand(&self) -> bool {
        self.overlay == Some(Overlay::Hand)
    }

    /// The twins that are shown.
    pub fn twins(&self) -> Option<&Arc<Twins>> {
        self.hand_page.twins.as_ref()
    }

    /// The digits whose twins the page is to show; `None` while it is closed.
    pub fn digits_of_hand(&self) -> Option<Vec<(u8, Gray28)>> {
        self.hand().map(|hand| hand.pixels())
    }

    /// Shows the twins of the digits of the hand.
    pub fn show_twins(&mut self, twins: Arc<Twins>) {
        (self.hand_page.twins, self.hand_page.note) = (Some(twins), None);
    }

    /// Says in place of the twins what they wait for, or why there are none.
    pub fn show_twins_note(&mut self, note: impl Into<String>) {
        self.hand_page.note = Some(note.into());
    }

    /// Looks at the examples anew, if the page shows them.
    pub(super) fn look_at_hand(&mut self) {
        if !self.shows_hand() {
            return;
        }
        let specimens = self.examples.iter().filter_map(specimen);
        let hand = Hand::of(specimens);
        if hand != *self.hand_page.hand {
            self.hand_page = HandPage {
                hand: Arc::new(hand),
                ..HandPage::default()
            };
        }
    }

    /// What a key does on the page that it does not do elsewhere.
    pub(super) fn key_on_hand(&mut self, key: Key) -> Option<Effects> {
        (self.shows_hand() && key == Key::Letter('S')).then(|| self.activate(HitTarget::SavePoster))
    }

    /// Asks for the poster, if there is anything on it.
    pub(super) fn save_poster(&mut self) -> Effects {
        if self.can_save_poster() {
            self.message = None;
            self.commands.push(Command::SavePoster);
        }
        Effects::REPAINT
    }

    pub(super) fn can_save_poster(&self) -> bool {
        self.shows_hand() && !self.hand_page.hand.is_empty()
    }

    /// The page in words: a sentence for each digit.
    pub(super) fn hand_in_words(&self) -> String {
        let hand = &self.hand_page.hand;
        if hand.is_empty() {
            return EMPTY.to_owned();
        }
        let lines = hand.0.iter().enumerate().map(|(digit, own)| match own {
            Some(own) => format!("{digit}. {}.", own.remark),
            None => format!("{digit}. {}.", how_to_add(digit)),
        });
        lines.collect::<Vec<_>>().join("\n")
    }
}

/// How to begin.
pub(super) const EMPTY: &str =
    "Draw a digit on the canvas, then press its key, 0 to 9. Here you will see how you write it.";

/// How a digit without an example gets one.
pub(super) fn how_to_add(digit: usize) -> String {
    let article = if digit == 8 { "an" } else { "a" };
    format!("Draw {article} {digit}, then press {digit}")
}

fn specimen(example: &ExampleView) -> Option<(u8, Specimen)> {
    let Label::Digit(digit) = example.label else {
        return None;
    };
    let (pixels, ink) = (example.pixels, example.ink.clone());
    Some((digit, Specimen { pixels, ink }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::{
            sign::SignName,
            strokes::{Ink, PEN, Stroke},
        },
        geometry::Point,
        recognition::normalization::normalize_ink,
        ui::{Action, Event, Modifiers, Opening},
    };

    fn example(label: impl Into<Label>, x: f32) -> ExampleView {
        let line = Stroke::new(vec![Point::new(x, 100.0), Point::new(280.0, 460.0)], PEN);
        let ink: Ink = [line].into_iter().collect();
        ExampleView {
            pixels: normalize_ink(&ink).unwrap(),
            label: label.into(),
            ink: Some(ink),
        }
    }

    fn window(examples: Vec<ExampleView>) -> State {
        let mut state = State::new(960, 640, Opening::Blank);
        state.show_examples(Arc::new(examples));
        state
    }

    fn typed(state: &mut State, key: Key) -> Effects {
        let modifiers = Modifiers::default();
        state.apply(Event::KeyPressed { key, modifiers })
    }

    fn click(state: &mut State, target: HitTarget) -> Effects {
        let control = state
            .controls()
            .into_iter()
            .find(|control| control.target == target)
            .unwrap();
        let (x, y) = (control.rect.x as f32 + 3.0, control.rect.y as f32 + 3.0);
        state.apply(Event::PointerPressed { x, y }) | state.apply(Event::PointerReleased { x, y })
    }

    #[test]
    fn the_page_opens_and_closes_and_the_canvas_stays_where_it_is() {
        let mut state = window(vec![example(1, 280.0)]);
        let canvas = state.layout().canvas;
        assert!(state.hand().is_none() && state.digits_of_hand().is_none());
        for close in [Key::Escape, Key::Letter('P')] {
            typed(&mut state, Key::Letter('P'));
            assert_eq!(state.digits_of_hand().unwrap().len(), 1);
            typed(&mut state, close);
            assert_eq!((state.overlay(), state.layout().canvas), (None, canvas));
        }
        state.act(Action::Examples);
        click(&mut state, HitTarget::Action(Action::Hand));
        assert!(state.hand().is_some(), "from the list of examples");
        click(&mut state, HitTarget::Close);
        assert_eq!(state.overlay(), None);
        state.act(Action::Help);
        click(&mut state, HitTarget::Action(Action::Hand));
        assert!(state.hand().is_some(), "from the menu");
        state.apply(Event::PointerPressed { x: 1.0, y: 1.0 });
        assert!(state.hand().is_some(), "a click beside its cells does not close it");
    }

    #[test]
    fn the_page_follows_the_examples_and_forgets_twins_of_others() {
        let mut state = window(vec![example(1, 280.0), example(SignName::new("pi").unwrap(), 50.0)]);
        state.act(Action::Hand);
        let hand = Arc::clone(state.hand().unwrap());
        assert_eq!(hand.pixels().len(), 1, "a sign is no digit");
        state.show_twins_note("Wait");
        state.show_twins(Arc::default());
        assert!(state.hand_page.note.is_none());
        state.show_examples(Arc::new(vec![example(1, 280.0)]));
        assert!(state.twins().is_some(), "the digits are the same");
        state.show_examples(Arc::new(vec![example(1, 280.0), example(7, 150.0)]));
        assert!(state.twins().is_none() && state.hand().unwrap().pixels().len() == 2);
    }

    #[test]
    fn the_poster_is_saved_by_button_and_key_if_there_is_a_digit() {
        let mut state = window(vec![example(1, 280.0)]);
        typed(&mut state, Key::Letter('S'));
        assert_eq!(state.take_commands(), [], "there is no drawing to save");
        state.act(Action::Hand);
        typed(&mut state, Key::Letter('S'));
        click(&mut state, HitTarget::SavePoster);
        assert_eq!(state.take_commands(), [Command::SavePoster, Command::SavePoster]);
        state.show_examples(Arc::default());
        typed(&mut state, Key::Letter('S'));
        state.press(HitTarget::SavePoster);
        assert_eq!(state.take_commands(), []);
        assert!(
            state
                .controls()
                .iter()
                .any(|control| control.target == HitTarget::SavePoster && !control.is_enabled)
        );
    }

    #[test]
    fn tab_reaches_every_button() {
        let mut state = window(vec![example(1, 280.0)]);
        state.act(Action::Hand);
        let mut seen = Vec::new();
        for _ in 0..2 {
            typed(&mut state, Key::Tab);
            seen.extend(state.focused().map(|(focus, _)| focus));
        }
        let expected = [HitTarget::SavePoster, HitTarget::Close].map(crate::ui::Focus::Target);
        assert_eq!(seen, expected);
        typed(&mut state, Key::Enter);
        assert_eq!(state.overlay(), None);
    }

    #[test]
    fn the_page_in_words_has_a_sentence_for_each_digit() {
        let mut state = window(vec![example(8, 280.0)]);
        state.act(Action::Hand);
        let words = state.answer_in_words();
        let lines: Vec<&str> = words.lines().collect();
        assert_eq!((lines.len(), lines[3]), (10, "3. Draw a 3, then press 3."));
        assert!(
            lines[8].starts_with("8. ") && lines[8].contains("of 100 eights"),
            "{}",
            lines[8]
        );
        state.show_examples(Arc::default());
        assert_eq!(state.answer_in_words(), EMPTY);
        assert_eq!(how_to_add(8), "Draw an 8, then press 8");
    }
}
