//! Training of a network from scratch, as the controller sees it.

use crate::{
    app::{
        host::{Host, WorkerKind},
        message::{Answer, Control, Request, TrainingUpdate},
        worker::Worker,
    },
    error::Error,
    recognition::normalization::Gray28,
    training::progress::Progress,
    ui::State,
};

/// The worker, and what it was told last.
#[derive(Debug)]
pub(super) struct Training {
    worker: Worker,
    /// The drawing whose reading is reported.
    watched: Option<Gray28>,
    /// What it was said to wait for.
    note: Option<String>,
}

/// What has come of a run.
#[derive(Debug)]
pub(super) enum Report {
    /// It has gone on, or ended.
    Update(Box<TrainingUpdate>),
    /// What it waits for, in words.
    Note(String),
}

impl Training {
    pub(super) fn new() -> Self {
        Training {
            worker: Worker::new(WorkerKind::Training),
            watched: None,
            note: None,
        }
    }

    /// Whether a run is under way.
    pub(super) fn is_busy(&self) -> bool {
        self.worker.is_busy()
    }

    /// Starts a run, in place of any earlier one.
    ///
    /// # Errors
    /// If no worker can be started.
    pub(super) fn start(&mut self, host: &mut dyn Host) -> Result<(), Error> {
        let seed = host.random();
        self.watched = None;
        self.worker.request(host, Request::Train(seed))
    }

    /// Discards the run.
    pub(super) fn cancel(&mut self) {
        self.worker.cancel();
    }

    /// Tells the run what to do.
    pub(super) fn control(&mut self, control: Control) {
        self.worker.control(control);
    }

    /// What it was said to wait for until now.
    pub(super) fn take_note(&mut self) -> Option<String> {
        self.note.take()
    }

    /// Reports how the network reads the selected digit from now on, and returns what has come; never waits.
    pub(super) fn poll(&mut self, state: &State) -> Option<Report> {
        let drawing = state.selected_digit().filter(|digit| digit.mark.is_none());
        let drawing = drawing.map(|digit| digit.pixels);
        if self.is_busy() && self.watched != drawing {
            self.watched = drawing;
            self.control(Control::Watch(drawing.map(Box::new)));
        }
        match self.worker.poll()? {
            Answer::Training(update) => Some(Report::Update(update)),
            Answer::Note(text) => Some(Report::Note(self.note.insert(text).clone())),
            Answer::Failed(error) => Some(Report::Update(Box::new(ended(state, &error)))),
            _ => None,
        }
    }
}

/// The end of a run that has failed.
fn ended(state: &State, error: &Error) -> TrainingUpdate {
    let progress = state.progress().map(|progress| Progress::clone(progress));
    TrainingUpdate {
        progress: Progress {
            finished: true,
            ..progress.unwrap_or_default()
        },
        network: None,
        failure: Some(error.to_string()),
    }
}
