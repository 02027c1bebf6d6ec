//! The page of the user's hand: what it shows of the examples, and the twins that it waits for.

use std::sync::Arc;

use crate::{
    drawing::sign::Label,
    graphics::canvas::Rect,
    recognition::{normalization::Gray28, twins::Twins},
    teaching::hand::{Hand, Specimen},
    ui::{
        action::Key,
        command::Command,
        event::Effects,
        layout::{Focus, HitTarget},
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
            return self.how_to_begin().to_owned();
        }
        let lines = (0..).zip(&hand.0).map(|(digit, own)| match own {
            Some(own) => format!("{digit}. {}.", own.remark),
            None => format!("{digit}. {}.", self.how_to_add(digit)),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// The digits without an example, with their places on the page.
    pub(super) fn empty_tiles(&self) -> Vec<(u8, Rect)> {
        let (hand, page) = (&self.hand_page.hand, &self.layout.hand);
        let places = if hand.is_empty() { page.starts } else { page.cells };
        let tiles = (0..).zip(&hand.0).zip(places);
        tiles
            .filter_map(|((digit, own), place)| own.is_none().then_some((digit, place)))
            .collect()
    }

    /// Says of a digit what the page says, or how it gets there.
    pub(super) fn look_up_digit(&mut self, digit: u8) -> Effects {
        let hand = Arc::clone(&self.hand_page.hand);
        match hand.0.get(usize::from(digit)) {
            Some(Some(own)) => self.show_message(format!("{digit}. {}", own.remark)),
            Some(None) => {
                self.focus = Some(Focus::Target(HitTarget::EmptyTile(digit)));
                self.show_message(self.how_to_add_in_full(digit));
            }
            None => {}
        }
        Effects::REPAINT
    }

    /// Closes the page, so that a digit can be drawn that is missing there, and says how.
    pub(super) fn leave_hand_to_draw(&mut self, digit: u8) -> Effects {
        let effects = self.close();
        self.show_message(self.how_to_add_in_full(digit));
        effects
    }

    /// How to begin.
    pub(super) fn how_to_begin(&self) -> &'static str {
        if self.layout.for_fingers {
            "Draw a digit on the canvas, then tap its bar. Here you will see how you write it."
        } else {
            "Draw a digit on the canvas, then press its key, 0 to 9. Here you will see how you write it."
        }
    }

    /// How a digit without an example gets one.
    pub(super) fn how_to_add(&self, digit: u8) -> String {
        let article = if digit == 8 { "an" } else { "a" };
        if self.layout.for_fingers {
            format!("Draw {article} {digit}, then tap its bar")
        } else {
            format!("Draw {article} {digit}, then press {digit}")
        }
    }

    fn how_to_add_in_full(&self, digit: u8) -> String {
        let other_way = if self.layout.for_fingers {
            ""
        } else {
            " (or click its bar)"
        };
        format!("{}{other_way}", self.how_to_add(digit))
    }
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
        let expected = [HitTarget::SavePoster, HitTarget::Close].map(Focus::Target);
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
        assert_eq!(state.answer_in_words(), state.how_to_begin());
        assert_eq!(state.how_to_add(8), "Draw an 8, then press 8");
        state.set_fingers(Some(1.0));
        assert_eq!(state.how_to_add(3), "Draw a 3, then tap its bar");
        assert!(
            state
                .answer_in_words()
                .starts_with("Draw a digit on the canvas, then tap its bar.")
        );
    }

    #[test]
    fn an_empty_tile_closes_the_page_and_says_how_to_fill_it() {
        for (examples, fingers, says) in [
            (
                vec![example(1, 280.0)],
                None,
                "Draw a 7, then press 7 (or click its bar)",
            ),
            (vec![], None, "Draw a 7, then press 7 (or click its bar)"),
            (vec![], Some(1.0), "Draw a 7, then tap its bar"),
        ] {
            let mut state = window(examples.clone());
            state.set_fingers(fingers);
            let (ink, canvas) = (state.ink().clone(), state.layout().canvas);
            let examples = state.examples().len();
            state.act(Action::Hand);
            click(&mut state, HitTarget::EmptyTile(7));
            assert_eq!((state.overlay(), state.message()), (None, Some(says)));
            assert_eq!((state.ink(), state.layout().canvas), (&ink, canvas));
            assert_eq!((state.examples().len(), state.take_commands()), (examples, vec![]));
        }
        let mut state = window(vec![example(7, 280.0)]);
        state.act(Action::Hand);
        let tiles: Vec<u8> = state.empty_tiles().iter().map(|&(digit, _)| digit).collect();
        assert_eq!(tiles, [0, 1, 2, 3, 4, 5, 6, 8, 9]);
    }

    #[test]
    fn a_digit_key_on_the_page_goes_to_its_tile_or_says_what_the_page_says_of_it() {
        let mut state = window(vec![example(1, 280.0)]);
        state.act(Action::Hand);
        typed(&mut state, Key::Digit(1));
        let remark = state.hand().unwrap().0[1].as_ref().unwrap().remark.to_string();
        assert_eq!(state.message(), Some(format!("1. {remark}").as_str()));
        assert_eq!(state.focused(), None);
        typed(&mut state, Key::Digit(7));
        assert_eq!(state.message(), Some("Draw a 7, then press 7 (or click its bar)"));
        let tile = Focus::Target(HitTarget::EmptyTile(7));
        assert_eq!(state.focused(), Some((tile, state.layout().hand.cells[7])));
        assert!(state.hand().is_some() && state.take_commands().is_empty());
        typed(&mut state, Key::Enter);
        assert_eq!(state.overlay(), None);
        assert!(
            state.message().unwrap().starts_with("Draw a 7"),
            "Enter presses the tile"
        );
    }
}
