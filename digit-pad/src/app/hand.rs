//! The work behind the page of the user's hand: its twins are searched while it is open, and its poster is made.

use std::sync::Arc;

use crate::{
    app::{
        host::{Host, WorkerKind},
        message::{Answer, Request},
        worker::Worker,
    },
    error::Error,
    recognition::normalization::Gray28,
    teaching::examples::Examples,
    ui::{Effects, State},
};

/// The workers, and what they were asked last.
#[derive(Debug)]
pub(super) struct HandWork {
    twins: Worker,
    /// The digits whose twins were found last, or are searched.
    asked: Vec<(u8, Gray28)>,
    poster: Worker,
    /// Whether the poster is to be made once the twins are there.
    awaits_twins: bool,
}

impl HandWork {
    pub(super) fn new() -> Self {
        HandWork {
            twins: Worker::new(WorkerKind::Twins),
            asked: Vec::new(),
            poster: Worker::new(WorkerKind::Files),
            awaits_twins: false,
        }
    }

    /// Whether an answer is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.twins.is_busy() || self.poster.is_busy()
    }

    /// Searches the twins of the digits that the page shows, and shows what has come; never waits.
    ///
    /// # Errors
    /// If no worker can be started, or the training images cannot be had.
    pub(super) fn update(
        &mut self,
        state: &mut State,
        examples: &Examples,
        host: &mut dyn Host,
    ) -> Result<Effects, Error> {
        let effects = self.search(state, host)?;
        match self.twins.poll() {
            None => return Ok(effects),
            Some(Answer::Twins(twins)) => state.show_twins(Arc::from(twins)),
            Some(Answer::Note(note)) => state.show_twins_note(note),
            Some(Answer::Failed(error)) => {
                // Opening the page again tries again.
                state.show_twins_note(format!("No similar images: {error}"));
            }
            Some(_) => {}
        }
        if self.awaits_twins && !self.twins.is_busy() {
            self.request_poster(state, examples, host)?;
        }
        Ok(effects | Effects::REPAINT)
    }

    fn search(&mut self, state: &mut State, host: &mut dyn Host) -> Result<Effects, Error> {
        let Some(digits) = state.digits_of_hand() else {
            if state.twins().is_none() && !self.twins.is_busy() {
                self.asked.clear();
            }
            return Ok(Effects::default());
        };
        if digits == self.asked {
            return Ok(Effects::default());
        }
        self.asked.clone_from(&digits);
        if digits.is_empty() {
            self.twins.cancel();
            self.awaits_twins = false;
        } else {
            self.twins.request(host, Request::FindTwins(digits))?;
        }
        Ok(Effects::REPAINT)
    }

    /// Starts to make the poster, at once or when the twins are there. Does nothing while one is being made.
    ///
    /// # Errors
    /// If no worker can be started.
    pub(super) fn make_poster(
        &mut self,
        state: &mut State,
        examples: &Examples,
        host: &mut dyn Host,
    ) -> Result<Effects, Error> {
        if self.awaits_twins || self.poster.is_busy() {
            return Ok(Effects::default());
        }
        if self.twins.is_busy() {
            self.awaits_twins = true;
        } else {
            self.request_poster(state, examples, host)?;
        }
        state.show_message("Saving the poster…");
        Ok(Effects::REPAINT)
    }

    fn request_poster(&mut self, state: &State, examples: &Examples, host: &mut dyn Host) -> Result<(), Error> {
        self.awaits_twins = false;
        let twins = state.twins().map(Arc::clone).unwrap_or_default();
        self.poster.request(host, Request::Poster(examples.clone(), twins))
    }

    /// The poster, or what is said in its place, once it is there; never waits.
    pub(super) fn poll_poster(&mut self) -> Option<Answer> {
        self.poster.poll()
    }
}
