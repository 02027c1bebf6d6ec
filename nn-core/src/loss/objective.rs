//! What a training pass minimizes: the loss of a batch's targets, as their mean or their sum.

use super::{Loss, Target, Targets};
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

/// The loss of a sample, and its gradient multiplied by `scale`. NaN if the gradient is not finite, so that no step is taken
/// with it.
pub(crate) fn loss_of_sample(
    loss: &dyn Loss,
    outputs: &[f32],
    target: Target<'_>,
    scale: f32,
    gradient: &mut [f32],
) -> f32 {
    let value = loss.of_scaled_sample(outputs, target, scale, gradient);
    if all_finite(gradient) { value } else { f32::NAN }
}

/// Whether all values are finite. Reads them all, without a branch for each.
pub(crate) fn all_finite(values: &[f32]) -> bool {
    !values.iter().fold(false, |found, value| found | !value.is_finite())
}

impl Targets<'_> {
    /// Checks the targets of `batch` samples for a network and a loss. Returns the sum of the samples' weights.
    ///
    /// # Errors
    /// [`Error::Length`] if there are more or fewer targets or weights than samples; [`Error::Sample`] if the loss does
    /// not take a target, or a target or a weight is not finite.
    pub(crate) fn check(&self, loss: &dyn Loss, batch: usize, outputs: usize) -> Result<f64> {
        self.check_lengths(batch, outputs)?;
        let mut total = 0.0;
        for sample in 0..batch {
            let target = self.get(sample, outputs);
            let refuse = |reason| Error::sample(sample, reason);
            check_finite(target).map_err(refuse)?;
            loss.check_target(target, outputs).map_err(refuse)?;
            let weight = self.weight(sample);
            if !(weight >= 0.0 && weight.is_finite()) {
                let reason = format!("its weight is {weight}; a weight is a finite number of at least 0");
                return Err(refuse(reason));
            }
            total += f64::from(weight) * f64::from(loss.weight(target));
        }
        Ok(total)
    }
}

fn check_finite(target: Target<'_>) -> std::result::Result<(), String> {
    let Target::Values(values) = target else { return Ok(()) };
    match values.iter().position(|value| !value.is_finite()) {
        None => Ok(()),
        Some(output) => Err(format!("the target of output {output} is {}", values[output])),
    }
}
