//! Reports of a training run: after each step and after each epoch.

use std::time::Duration;

use mnist_io::Dataset;
use nn_core::BatchReport;

/// Evaluation of a network on labeled images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Evaluation {
    /// Mean cross-entropy, without label smoothing.
    pub loss: f64,
    /// Fraction of images that are recognized.
    pub accuracy: f64,
    /// Number of images.
    pub count: usize,
}

impl From<nn_core::Evaluation> for Evaluation {
    /// # Panics
    ///
    /// If the targets were not classes.
    fn from(evaluation: nn_core::Evaluation) -> Self {
        Evaluation {
            loss: evaluation.loss,
            accuracy: evaluation.accuracy.expect("targets are classes"),
            count: evaluation.count,
        }
    }
}

/// Progress after a step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepReport {
    /// The epoch, from 1.
    pub epoch: usize,
    /// Number of steps taken, in all epochs.
    pub steps: u64,
    /// Number of those steps that were taken before the run was resumed.
    pub resumed_steps: u64,
    /// Number of steps of the whole run.
    pub total_steps: u64,
    /// Mean training loss in this epoch so far.
    pub loss: f64,
    /// Training accuracy in this epoch so far, each batch measured before its step.
    pub accuracy: f64,
    /// Training images per second in this epoch so far.
    pub images_per_second: f64,
    /// Training time in this epoch so far, in seconds.
    pub seconds: f64,
}

/// Result of an epoch.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct EpochReport {
    /// Report of its last step.
    pub step: StepReport,
    /// Accuracy on the validation images, if there are any.
    pub validation_accuracy: Option<f64>,
    /// Mean loss on the validation images, if there are any.
    pub validation_loss: Option<f64>,
    /// Whether the network does no better than one that gives each image the frequencies of the classes.
    pub guesses: bool,
}

/// An event of a training run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum TrainingEvent {
    /// A step was taken.
    Step(StepReport),
    /// An epoch ended, or training was stopped in it.
    Epoch(EpochReport),
}

/// Sums of an epoch so far.
pub(super) struct EpochTotals {
    epoch: usize,
    resumed_steps: u64,
    total_steps: u64,
    pub(super) images: usize,
    steps: usize,
    loss: f64,
    correct: usize,
    pub(super) time: Duration,
}

impl EpochTotals {
    pub(super) fn new(epoch: usize, resumed_steps: u64, total_steps: u64) -> Self {
        EpochTotals {
            epoch,
            resumed_steps,
            total_steps,
            images: 0,
            steps: 0,
            loss: 0.0,
            correct: 0,
            time: Duration::ZERO,
        }
    }

    /// The sums of the next epoch.
    pub(super) fn next_epoch(&self) -> Self {
        EpochTotals::new(self.epoch + 1, self.resumed_steps, self.total_steps)
    }

    pub(super) fn add(&mut self, step: &BatchReport, time: Duration) {
        self.images += step.samples;
        self.steps += 1;
        self.loss += f64::from(step.loss) * step.samples as f64;
        self.correct += step.correct.unwrap_or_default();
        self.time += time;
    }

    /// Whether a whole epoch of many steps taught nothing: its loss is that of the best constant answer, the entropy of
    /// the classes, and its accuracy that of naming the most frequent class.
    pub(super) fn guesses(&self, train: &Dataset) -> bool {
        const FEWEST_STEPS: usize = 100;
        let frequencies = train
            .class_counts()
            .into_iter()
            .map(|count| count as f64 / train.len() as f64);
        let (entropy, highest) = frequencies
            .filter(|share| *share > 0.0)
            .fold((0.0, 0.0_f64), |(entropy, highest), share| {
                (entropy - share * share.ln(), highest.max(share))
            });
        let (loss, accuracy) = (self.loss / self.images as f64, self.correct as f64 / self.images as f64);
        self.steps >= FEWEST_STEPS && entropy > 0.0 && loss > 0.98 * entropy && accuracy < 1.2 * highest
    }

    /// The report after that many steps of the run.
    pub(super) fn report(&self, steps: u64) -> StepReport {
        let images = self.images as f64;
        StepReport {
            epoch: self.epoch,
            steps,
            resumed_steps: self.resumed_steps,
            total_steps: self.total_steps,
            loss: self.loss / images,
            accuracy: self.correct as f64 / images,
            images_per_second: images / self.time.as_secs_f64(),
            seconds: self.time.as_secs_f64(),
        }
    }
}
