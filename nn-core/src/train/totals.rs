//! Sums of loss and accuracy over batches.

use crate::exec::BatchReport;

/// The batches whose gradients have been added up since the last step.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Accumulated {
    pub(super) totals: Totals,
    /// Samples, including those of weight 0.
    pub(super) rows: usize,
}

/// Sums over the reports of batches.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) batches: usize,
    /// Losses of samples, times their weights.
    loss: f64,
    weight: f64,
    /// `None` if targets of some batch were values.
    correct: Option<usize>,
    pub(super) samples: usize,
}

impl Totals {
    pub(super) fn add(&mut self, report: &BatchReport) {
        self.correct = if self.batches == 0 {
            report.correct
        } else {
            self.correct.zip(report.correct).map(|(sum, correct)| sum + correct)
        };
        self.batches += 1;
        self.loss += f64::from(report.loss) * report.weight;
        self.weight += report.weight;
        self.samples += report.samples;
    }

    /// Mean loss; `None` without batches.
    pub(super) fn loss(&self) -> Option<f64> {
        (self.batches > 0).then(|| self.loss / self.weight)
    }

    /// Share of correct samples; `None` without batches, or where targets were values.
    pub(super) fn accuracy(&self) -> Option<f64> {
        self.correct.map(|correct| correct as f64 / self.samples as f64)
    }

    /// All batches as one; `None` without batches.
    pub(super) fn report(&self) -> Option<BatchReport> {
        Some(BatchReport {
            loss: self.loss()? as f32,
            correct: self.correct,
            samples: self.samples,
            weight: self.weight,
        })
    }
}
