//! How a training run ends: its result, or why it failed and what it had learned.

use std::{error, fmt};

use nn_core::Network;

use crate::{error::Error, training::report::Evaluation};

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// All epochs are complete.
    Finished,
    /// [`Task::stop`](crate::training::session::Task::stop) was set.
    Stopped,
    /// [`Task::until_accuracy`](crate::training::session::Task::until_accuracy) was reached.
    Reached,
    /// [`Task::patience`](crate::training::session::Task::patience) was at its end.
    NoProgress,
    /// An error ended training.
    Failed,
}

/// Result of a training run.
#[derive(Clone, Debug)]
pub struct Trained {
    /// The network with the best weights: those of the epoch with the highest validation accuracy; the last ones
    /// without validation images; those that reached an accuracy that was to be reached.
    pub network: Network,
    /// The epoch of the weights, from 1.
    pub epoch: usize,
    /// Number of epochs started, including those before the run was resumed.
    pub epochs: usize,
    /// Evaluation on the validation images, if there are any.
    pub validation: Option<Evaluation>,
    /// Evaluation on the test set.
    pub test: Evaluation,
    /// Temperature that the logits were divided by; `None` if they were not calibrated.
    pub temperature: Option<f64>,
    /// Training time in seconds, without evaluations and without the time before the run was resumed.
    pub seconds: f64,
    /// Why training ended.
    pub stop_reason: StopReason,
}

/// Why a training run failed, and what it had learned until then.
#[derive(Debug)]
pub struct Failed {
    /// What failed.
    pub error: Error,
    /// The best weights so far; `None` before the end of the first epoch.
    pub best: Option<Box<Trained>>,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}

impl error::Error for Failed {}

impl From<Error> for Failed {
    fn from(error: Error) -> Self {
        Failed { error, best: None }
    }
}

impl From<nn_core::Error> for Failed {
    fn from(error: nn_core::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<mnist_io::Error> for Failed {
    fn from(error: mnist_io::Error) -> Self {
        Error::from(error).into()
    }
}

impl From<Failed> for Error {
    fn from(failed: Failed) -> Self {
        failed.error
    }
}
