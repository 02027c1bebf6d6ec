//! What has come of a piece of work: effects, or a message for the user.

use crate::{
    app::message::{Answer, TestDigit},
    error::Error,
    ui::{Effects, State},
};

/// Shows what a worker says in place of its answer.
pub(super) fn note_or_failure(answer: Option<Answer>, state: &mut State) -> Effects {
    match answer {
        Some(Answer::Failed(error)) => effects_or_message(Err(error), state),
        Some(Answer::Note(text)) => {
            state.show_message(text);
            Effects::REPAINT
        }
        _ => Effects::default(),
    }
}

/// Places a test digit on the canvas.
pub(super) fn show_test_digit(digit: TestDigit, state: &mut State) -> Effects {
    let effects = state.place_image(digit.image);
    state.show_message(format!("Test digit {}: label {}", digit.index + 1, digit.label));
    effects
}

/// The effects of an outcome; an error is shown as a message.
pub(super) fn effects_or_message(outcome: Result<Effects, Error>, state: &mut State) -> Effects {
    outcome.unwrap_or_else(|error| {
        state.show_message(error.to_string());
        Effects::REPAINT
    })
}
