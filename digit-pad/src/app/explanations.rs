//! Explanations of what the window shows: requested when they are wanted, shown when they are there.

use std::sync::Arc;

use crate::{
    app::{
        host::{Host, WorkerKind},
        message::{Answer, Reading, Request},
        worker::Worker,
    },
    drawing::strokes::Ink,
    error::Error,
    recognition::{model::Model, normalization::Gray28, placement::Placement},
    ui::{Effects, State, explained::Why},
};

/// The worker, and what it was asked last.
#[derive(Debug)]
pub(super) struct Explanations {
    worker: Worker,
    /// The model in use; copied for the first explanation.
    model: Option<Arc<Model>>,
    /// The reading that was explained last, or is being explained, and where it lies on the canvas.
    explained: Option<(Gray28, Placement)>,
}

impl Explanations {
    pub(super) fn new() -> Self {
        Explanations {
            worker: Worker::new(WorkerKind::Explanation),
            model: None,
            explained: None,
        }
    }

    /// Forgets what was explained, since another model is in use.
    pub(super) fn forget(&mut self) {
        (self.model, self.explained) = (None, None);
    }

    /// Whether an explanation is still to come.
    pub(super) fn is_busy(&self) -> bool {
        self.worker.is_busy()
    }

    /// Requests an explanation of the selected digit if the window is to show one, and shows what has come; never waits.
    /// `inks` are the strokes of the recognized digits, if they are drawn.
    ///
    /// # Errors
    /// If no worker can be started, or the model cannot be explained.
    pub(super) fn update(
        &mut self,
        state: &mut State,
        model: &Model,
        inks: &[Ink],
        host: &mut dyn Host,
    ) -> Result<Effects, Error> {
        self.request(state, model, inks, host)?;
        let Some(answer) = self.worker.poll() else {
            return Ok(Effects::default());
        };
        match answer {
            Answer::Explanation(explanation) => {
                let placement = self.explained.map(|(_, placement)| placement);
                let why = placement.map(|placement| Why {
                    explanation: *explanation,
                    placement,
                    added: None,
                });
                state.show_why(why.map(Arc::new));
            }
            Answer::AddedStrokes(added) => {
                let why = state.why().map(|why| Why::clone(why));
                let added = why.map(|why| Why {
                    added: Some(*added),
                    ..why
                });
                state.show_why(added.map(Arc::new));
            }
            Answer::Failed(error) => return Err(error),
            _ => {}
        }
        Ok(Effects::REPAINT)
    }

    fn request(&mut self, state: &State, model: &Model, inks: &[Ink], host: &mut dyn Host) -> Result<(), Error> {
        let explained = self.explained.as_ref().map(|(pixels, _)| pixels);
        let Some((index, digit)) = state.unexplained(explained) else {
            return Ok(());
        };
        self.explained = Placement::new(&digit.pixels, digit.inked).map(|placement| (digit.pixels, placement));
        let model = self.model.get_or_insert_with(|| Arc::new(model.clone()));
        let reading = Reading {
            model: Arc::clone(model),
            pixels: digit.pixels,
            ink: inks.get(index).cloned(),
        };
        self.worker.request(host, Request::Explain(Box::new(reading)))
    }
}
