//! A second click at the same place is meant for what the first one hit, and not for what has come there since.

use crate::ui::{
    layout::HitTarget,
    state::{LastClick, State},
};

/// Time after a click in which a press at its place counts as a second one, in seconds.
const SECOND_CLICK: f32 = 0.5;

/// Within this distance, the pointer has not moved on, in pixels at scale 1: of a mouse, and of a finger.
const SAME_PLACE: (f32, f32) = (4.0, 22.0);

impl State {
    /// Keeps in mind a click that does something. Without a clock, no click is told from a second one.
    pub(super) fn note_click(&mut self, target: Option<HitTarget>, (x, y): (f32, f32)) {
        self.last_click = self.seconds.map(|seconds| LastClick {
            target,
            at: (x, y),
            seconds,
        });
    }

    /// Whether a press at a window position is the second one of a double click whose first has changed what is there.
    pub(super) fn is_misdirected_second_click(&self, x: f32, y: f32) -> bool {
        let (Some(click), Some(now)) = (self.last_click, self.seconds) else {
            return false;
        };
        let reach = if self.layout.for_fingers {
            SAME_PLACE.1
        } else {
            SAME_PLACE.0
        };
        let is_here = (x - click.at.0).hypot(y - click.at.1) <= self.layout.scaled(reach);
        let is_same = match self.target_at(x, y) {
            // The next example comes to the place of a removed one, and a drawing is labeled once.
            None | Some(HitTarget::Example(_) | HitTarget::Bar(_)) => false,
            target => target == click.target,
        };
        is_here && now < click.seconds + SECOND_CLICK && !is_same
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        drawing::{
            sign::Label,
            strokes::{CANVAS_BOUNDS, Ink},
        },
        geometry::Point,
        graphics::canvas::Rect,
        recognition::prediction::Prediction,
        training::progress::Progress,
        ui::{Action, Command, Event, ExampleView, Opening, Overlay, RecognizedDigit},
    };

    /// A window with a digit that is read for sure or not, whose clock runs.
    fn window(known: bool) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(280.0, 180.0));
        ink.pen_up(Point::new(280.0, 380.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        let prediction = Prediction {
            probabilities: [0.1; 10],
            signs: Vec::new(),
            known,
            microseconds: 1.0,
        };
        state.show_digits(vec![RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS)]);
        state.show_time(1.0);
        state
    }

    fn middle(rect: Rect) -> (f32, f32) {
        ((rect.x + rect.width / 2) as f32, (rect.y + rect.height / 2) as f32)
    }

    /// Clicks at a time.
    fn click(state: &mut State, (x, y): (f32, f32), seconds: f32) {
        state.show_time(seconds);
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x, y });
    }

    /// A window in which training has ended, and the place of the button that keeps the built-in network.
    fn trained() -> (State, (f32, f32)) {
        let mut state = window(true);
        state.show_progress(Arc::default());
        state.show_progress(Arc::new(Progress {
            finished: true,
            test_accuracy: Some(0.99),
            ..Progress::default()
        }));
        let buttons = &state.layout().buttons;
        let keep = buttons.iter().find(|button| button.action == Action::RestoreBuiltIn);
        let at = middle(keep.unwrap().rect);
        (state, at)
    }

    #[test]
    fn a_double_click_on_a_button_that_vanishes_does_not_teach_the_bar_under_it() {
        let (mut state, at) = trained();
        click(&mut state, at, 2.0);
        assert_eq!(state.take_commands(), [Command::RestoreBuiltIn]);
        // The bar of a 9 reaches to where the buttons were, at some size; so it is made sure of here.
        let bar = middle(state.layout().bars[7].row);
        state.note_click(Some(HitTarget::Action(Action::RestoreBuiltIn)), bar);
        click(&mut state, bar, 2.2);
        assert_eq!(state.take_commands(), [], "a second click");
        click(&mut state, bar, 2.6);
        assert_eq!(
            state.take_commands(),
            [Command::AddExample(Label::Digit(7), 0)],
            "a later one"
        );
    }

    #[test]
    fn an_answer_is_not_undone_by_its_own_second_click() {
        let mut state = window(false);
        let at = middle(state.undo_button());
        click(&mut state, at, 2.0);
        assert!(matches!(state.take_commands()[..], [Command::AddExample(..)]));
        state.show_message("Labeled");
        state.offer_undo(Action::UndoExample);
        state.show_examples(Arc::new(vec![example()]));
        click(&mut state, at, 2.1);
        assert_eq!(state.take_commands(), []);
        click(&mut state, at, 2.7);
        assert_eq!(state.take_commands(), [Command::UndoExample]);
    }

    fn example() -> ExampleView {
        ExampleView {
            pixels: [0; 784],
            label: Label::Digit(3),
            ink: None,
        }
    }

    #[test]
    fn a_double_click_removes_one_example_and_later_clicks_the_next_ones() {
        let mut state = window(true);
        state.show_examples(Arc::new(vec![example(); 4]));
        state.act(Action::Examples);
        let (_, rect) = state.example_cells()[0];
        for (seconds, removed) in [(2.0, 1), (2.2, 0), (2.6, 1), (2.8, 0), (9.0, 1)] {
            click(&mut state, middle(rect), seconds);
            assert_eq!(state.take_commands().len(), removed, "{seconds}");
        }
        let (_, other) = state.example_cells()[2];
        click(&mut state, middle(other), 9.1);
        assert_eq!(state.take_commands().len(), 1, "the pointer has moved on");
    }

    #[test]
    fn a_second_click_beside_a_dialog_or_on_the_welcome_draws_nothing() {
        let mut state = window(true);
        state.act(Action::Help);
        let beside = (
            state.layout().canvas.x as f32 + 4.0,
            state.layout().canvas.y as f32 + 4.0,
        );
        click(&mut state, beside, 2.0);
        assert_eq!(state.overlay(), None);
        click(&mut state, beside, 2.2);
        assert_eq!(state.ink().strokes().len(), 1);
        click(&mut state, beside, 2.6);
        assert_eq!(state.ink().strokes().len(), 2);
        let mut blank = State::new(960, 640, Opening::Blank);
        let random = middle(blank.welcome_buttons()[0].rect);
        click(&mut blank, random, 1.0);
        assert_eq!(blank.take_commands(), [Command::RandomDigit]);
        blank.was_touched = true;
        click(&mut blank, random, 1.2);
        assert!(blank.is_blank());
    }

    #[test]
    fn what_stays_can_be_clicked_as_fast_as_one_likes() {
        let mut state = window(true);
        let buttons = &state.layout().buttons;
        let theme = buttons.iter().find(|button| button.action == Action::Theme).unwrap();
        let at = middle(theme.rect);
        for i in 0..3 {
            click(&mut state, at, 2.0 + 0.1 * i as f32);
        }
        assert!(!state.is_dark());
        assert_eq!(state.overlay(), None::<Overlay>);
    }
}
