//! What a training pass minimizes: the loss of a batch's targets, as their mean or their sum.

use super::{Loss, Targets};
use crate::error::{Error, Result};

/// The loss of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Objective<'a> {
    pub(crate) targets: Targets<'a>,
    pub(crate) loss: &'a dyn Loss,
    pub(crate) reduction: Reduction,
}

/// How the losses of samples become one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reduction {
    /// Their sum, divided by that of their weights.
    Mean,
    /// Their sum, for a mean over several batches whose weights are not yet known.
    Sum,
}

impl Objective<'_> {
    /// Checks the targets of a batch; returns the sum of the samples' weights, by which the loss is divided.
    ///
    /// # Errors
    /// As [`Targets::check`], and [`Error::NoWeight`] if no sample counts.
    pub(crate) fn check(&self, batch: usize, outputs: usize) -> Result<f64> {
        let total = self.targets.check(self.loss, batch, outputs)?;
        if total > 0.0 && total.is_finite() {
            return Ok(total);
        }
        Err(Error::NoWeight { batch, total })
    }

    /// The factor of the gradients of a batch with this sum of weights.
    pub(crate) fn scale(&self, weight: f64) -> f64 {
        match self.reduction {
            Reduction::Mean => 1.0 / weight,
            Reduction::Sum => 1.0,
        }
    }
}
