//! What the window says and asks under the panel: a message with its Undo button, or what a drawing is that the network is
//! not sure of.

use crate::{
    graphics::canvas::Rect,
    ui::{
        action::Action,
        layout::HitTarget,
        recognized_digit::RecognizedDigit,
        state::{Overlay, State},
    },
};

impl State {
    /// The message under the panel.
    pub fn message(&self) -> Option<&str> {
        self.message.as_deref()
    }

    /// Shows a message under the panel until the next action.
    pub fn show_message(&mut self, message: impl Into<String>) {
        self.message = Some(message.into());
        self.offered_undo = None;
    }

    /// Takes the message away.
    pub fn clear_message(&mut self) {
        (self.message, self.offered_undo) = (None, None);
    }

    /// Adds to the message a button that undoes what it tells, by that action.
    pub fn offer_undo(&mut self, action: Action) {
        self.offered_undo = Some(action);
    }

    /// The action of the message's Undo button.
    pub fn offered_undo(&self) -> Option<Action> {
        let is_shown = self.message.is_some() && !self.is_corrected;
        self.offered_undo.filter(|_| is_shown)
    }

    /// The place of the Undo button: beside the message, or in the head of the examples.
    pub(super) fn undo_button(&self) -> Rect {
        let layout = &self.layout;
        layout.undo_button(match self.overlay {
            Some(Overlay::Examples) => {
                let (button, gap) = (layout.hand_button(), layout.scaled(8.0) as i32);
                Rect::new(button.x - gap, button.y, 0, button.height)
            }
            Some(Overlay::Hand) => layout.hand.foot,
            _ => layout.status,
        })
    }

    /// Whether the window asks what the selected digit is: the user has called it wrong, or the network is not sure of it and
    /// nothing else is in the place.
    pub fn asks(&self) -> bool {
        let is_unsure = self
            .selected_digit()
            .is_some_and(|digit| digit.is_classified() && !digit.prediction.known);
        let is_free = self.message.is_none() && !self.shows_why();
        self.can_teach() && self.shows_prediction() && (self.is_corrected || (is_unsure && is_free))
    }

    /// The question what the selected digit is, and of a number which one.
    pub(super) fn asked(&self) -> String {
        match (self.selected_index(), self.digits.len()) {
            (Some(index), count @ 2..) => format!("What is number {} of {count}?", index + 1),
            _ => "What is it?".to_owned(),
        }
    }

    /// The place of the button that calls a reading wrong, while there is one.
    pub(super) fn wrong_button(&self) -> Option<Rect> {
        let is_read = self.selected_digit().is_some() && !self.is_blank();
        (is_read && self.shows_prediction()).then_some(self.layout.wrong_button)
    }

    /// That button at a window position, where a click can ask.
    pub(super) fn wrong_button_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let is_over = self.wrong_button().is_some_and(|rect| rect.contains(x, y));
        (is_over && self.can_teach()).then_some(HitTarget::Wrong)
    }

    /// The button that opens the dialog for a name, at a window position: beside the question.
    pub(super) fn name_button_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let is_over = self.layout.name_answer.contains(x, y);
        (is_over && self.asks()).then_some(HitTarget::Action(Action::NameSign))
    }

    /// Whether something of a number is not read, or keeps its row from being answered.
    pub(super) fn is_in_question(&self, digit: &RecognizedDigit) -> bool {
        digit.is_unread() || (!digit.prediction.known && self.is_unreadable(digit.line))
    }

    /// The answer to that question at a window position.
    pub(super) fn answer_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        let answers = (0..).zip(&self.layout.answers);
        let (digit, _) = answers.into_iter().find(|(_, rect)| rect.contains(x, y))?;
        self.asks().then_some(HitTarget::Answer(digit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::{
            sign::Label,
            strokes::{CANVAS_BOUNDS, Ink},
        },
        geometry::Point,
        recognition::{prediction::Prediction, segmentation::Mark},
        ui::{
            Command, Effects, Event, Focus, Key, Modifiers, Opening, RecognizedDigit,
            scene::{item::Item, scene},
            theme::Theme,
        },
    };

    /// A window with a dot that is read, surely or not, as a digit or as a mark.
    fn window(known: bool, mark: Option<Mark>) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 280.0));
        ink.pen_up(Point::new(280.0, 280.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let prediction = Prediction {
            probabilities: [0.1; 10],
            signs: Vec::new(),
            known,
            microseconds: 1.0,
        };
        let digit = RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS);
        state.show_digits(vec![digit.placed(0, mark)]);
        state
    }

    fn click(state: &mut State, rect: Rect) -> Effects {
        let (x, y) = (rect.x as f32 + 2.0, rect.y as f32 + 2.0);
        state.apply(Event::PointerPressed { x, y }) | state.apply(Event::PointerReleased { x, y })
    }

    #[test]
    fn over_the_examples_only_their_removal_is_undone_and_still_after_they_close() {
        for close in [Key::Escape, Key::Letter('N')] {
            let mut state = window(true, None);
            let press = |state: &mut State, key| {
                let modifiers = Modifiers::default();
                state.apply(Event::KeyPressed { key, modifiers })
            };
            press(&mut state, Key::Letter('N'));
            press(&mut state, Key::Letter('Z'));
            assert!(
                state.take_commands().is_empty() && !state.is_blank(),
                "nothing was removed"
            );
            state.show_message("Removed 1 example; none left");
            state.offer_undo(Action::RestoreExamples);
            let mut closed = state.clone();
            press(&mut state, Key::Letter('Z'));
            assert_eq!(state.take_commands(), [Command::RestoreExamples]);
            press(&mut closed, close);
            assert_eq!(closed.overlay(), None);
            assert!(closed.is_enabled(Action::RestoreExamples), "{close:?}");
            press(&mut closed, Key::Escape);
            assert!(
                !closed.is_enabled(Action::RestoreExamples),
                "the message is closed by itself"
            );
        }
    }

    #[test]
    fn answers_label_a_digit_that_the_network_is_not_sure_of() {
        for digit in [0, 4, 9] {
            let mut state = window(false, None);
            assert!(state.asks());
            let rect = state.layout().answers[digit];
            assert_eq!(click(&mut state, rect), Effects::REPAINT);
            assert_eq!(
                state.take_commands(),
                [Command::AddExample(Label::Digit(digit as u8), 0)]
            );
        }
    }

    #[test]
    fn a_mark_that_is_not_read_is_asked_about_wherever_it_stands() {
        let mut state = window(false, Some(Mark::Unknown));
        assert!(state.asks());
        let unread = state.digits()[0].clone();
        let digit = window(true, None).digits()[0].clone();
        state.show_digits(vec![digit.clone(), unread, digit]);
        assert!(state.asks() && state.selected_index() == Some(1));
        let rect = state.layout().answers[4];
        click(&mut state, rect);
        assert_eq!(state.take_commands(), [Command::AddExample(Label::Digit(4), 1)]);
    }

    #[test]
    fn nothing_is_asked_where_no_answer_is_needed_or_possible() {
        let mut told = window(false, None);
        told.show_message("Saved");
        let mut explained = window(false, None);
        explained.act(Action::Why);
        let mut other_panel = window(false, None);
        other_panel.act(Action::Layers);
        let mut covered = window(false, None);
        covered.act(Action::Help);
        let (sure, mark) = (window(true, None), window(false, Some(Mark::Minus)));
        for mut state in [sure, mark, told, explained, other_panel, covered] {
            assert!(!state.asks());
            let rect = state.layout().answers[3];
            click(&mut state, rect);
            assert_eq!(state.take_commands(), []);
        }
    }

    #[test]
    fn a_sure_reading_is_called_wrong_and_corrected_where_it_stands() {
        let shown = |state: &State| {
            scene(state, &Theme::DARK)
                .iter()
                .any(|item| matches!(item, Item::Text { text, .. } if text == "What is it?"))
        };
        for end in 0..5 {
            let mut state = window(true, None);
            state.show_message("Fine-tuned on 1 example");
            state.offer_undo(Action::UndoExample);
            let wrong = state.wrong_button().unwrap();
            click(&mut state, wrong);
            assert!(state.asks() && shown(&state) && state.offered_undo().is_none());
            // Fine-tuning that ends meanwhile moves nothing.
            state.show_message("Fine-tuned on 2 examples");
            state.show_digits(state.digits().to_vec());
            assert!(state.asks() && state.wrong_button() == Some(wrong));
            let press = |state: &mut State, key| {
                let modifiers = Modifiers::default();
                state.apply(Event::KeyPressed { key, modifiers });
            };
            let answer = state.layout().answers[4];
            match end {
                0 => {
                    click(&mut state, answer);
                }
                1 => press(&mut state, Key::Digit(4)),
                2 => press(&mut state, Key::Escape),
                3 => {
                    click(&mut state, wrong);
                }
                _ => {
                    while state.focused().map(|(focus, _)| focus) != Some(Focus::Target(HitTarget::Answer(4))) {
                        press(&mut state, Key::Tab);
                    }
                    press(&mut state, Key::Enter);
                }
            }
            assert!(!state.asks() && !shown(&state), "{end}");
            let taught = matches!(end, 0 | 1 | 4).then_some(Command::AddExample(Label::Digit(4), 0));
            assert_eq!(state.take_commands(), taught.into_iter().collect::<Vec<_>>(), "{end}");
        }
    }

    #[test]
    fn the_question_says_which_digit_of_a_number_it_means() {
        let mut state = window(true, None);
        let digit = state.digits()[0].clone();
        state.show_digits(vec![digit.clone(), digit]);
        let wrong = state.wrong_button().unwrap();
        click(&mut state, wrong);
        assert!(state.asks() && state.asked() == "What is number 2 of 2?");
        let stroke = state.layout().canvas;
        click(&mut state, stroke);
        assert!(!state.is_corrected, "a new stroke is no answer");
    }

    #[test]
    fn one_button_undoes_what_the_message_tells() {
        let mut state = window(true, None);
        assert_eq!(state.offered_undo(), None);
        state.show_examples(std::sync::Arc::new(vec![crate::ui::ExampleView {
            pixels: [0; 784],
            label: Label::Digit(3),
            ink: None,
        }]));
        for (action, command) in [
            (Action::UndoExample, Command::UndoExample),
            (Action::RestoreExamples, Command::RestoreExamples),
        ] {
            state.show_message("Done");
            let button = state.undo_button();
            click(&mut state, button);
            assert_eq!(state.take_commands(), [], "nothing is offered yet");
            state.offer_undo(action);
            click(&mut state, button);
            assert_eq!(state.take_commands(), [command]);
            assert_eq!(state.offered_undo(), None, "the message is gone");
        }
    }
}
