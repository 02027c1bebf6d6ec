//! A check of gradients against differences of the loss, for layers and losses of the user's own.

use super::gradients::{gradients, input_gradient};
use crate::{
    error::Result,
    loss::{Loss, Targets},
    network::Network,
};

/// Most values of a tensor, and of the inputs, that are compared.
const MOST: usize = 100;
/// The step of the differences: large enough that rounding of an f32 loss does not matter.
const STEP: f32 = 0.02;
/// The share of a tensor's largest gradient that counts as no gradient at all.
const NEGLIGIBLE: f32 = 0.05;
/// How many times the rounding of a difference a gradient has to be to count.
const ROUNDINGS: f32 = 40.0;

/// The result of [`check_gradients`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct GradientCheck {
    /// The largest relative error of a gradient. Above 0.05, it is wrong.
    pub worst: f32,
    /// Where that is: the tensor, or `inputs`, and the index of the value.
    pub worst_at: String,
    /// Number of gradients that were compared.
    pub compared: usize,
    /// Number of gradients that were not, since the loss has a kink there, as behind a ReLU.
    pub skipped: usize,
}

/// Compares the gradients of a batch's loss, with respect to parameters and inputs, with differences of the loss: up to
/// 100 values of each tensor. For a [`CustomLayer`](crate::CustomLayer) or a [`Loss`] of your own.
///
/// The loss is computed in f32, so only a clear error is found, such as a forgotten factor. The error is relative to the
/// gradient, or to 5 % of the largest one of the tensor. Use a small network with smooth layers and a few samples.
///
/// ```
/// use nn_core::{Network, check_gradients, loss::MeanSquaredError};
/// let network = Network::new("3 | dense 4 | tanh | dense 2".parse()?, 1)?;
/// let check = check_gradients(&network, &[0.5, -1.0, 2.0], &[1.0, 0.0], &MeanSquaredError)?;
/// assert!(check.worst < 0.05, "{check:?}");
/// # Ok::<(), nn_core::Error>(())
/// ```
///
/// # Errors
/// As [`gradients`].
pub fn check_gradients<'t>(
    network: &Network,
    inputs: &[f32],
    targets: impl Into<Targets<'t>>,
    loss: &dyn Loss,
) -> Result<GradientCheck> {
    let targets = targets.into();
    let analytic = gradients(network, inputs, targets, loss)?;
    let rounding = f32::EPSILON * analytic.loss.abs() / STEP;
    let mut check = GradientCheck {
        worst: 0.0,
        worst_at: "nowhere".to_owned(),
        compared: 0,
        skipped: 0,
    };
    let mut moved = network.clone();
    for gradient in &analytic.tensors {
        let values = network.parameter(&gradient.name)?.to_vec();
        check.compare((&gradient.name, rounding), &gradient.values, &values, |values| {
            moved.set_parameter(&gradient.name, values)?;
            Ok(gradients(&moved, inputs, targets, loss)?.loss)
        })?;
        moved.set_parameter(&gradient.name, &values)?;
    }
    let gradient = input_gradient(network, inputs, targets, loss)?;
    check.compare(("inputs", rounding), &gradient, inputs, |inputs| {
        Ok(gradients(network, inputs, targets, loss)?.loss)
    })?;
    Ok(check)
}

impl GradientCheck {
    /// Compares the gradient of the loss with respect to some values; `rounding` is that of a difference.
    fn compare(
        &mut self,
        (name, rounding): (&str, f32),
        gradient: &[f32],
        values: &[f32],
        mut loss: impl FnMut(&[f32]) -> Result<f32>,
    ) -> Result<()> {
        let largest = gradient
            .iter()
            .fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let least = (NEGLIGIBLE * largest).max(ROUNDINGS * rounding).max(f32::MIN_POSITIVE);
        let mut values = values.to_vec();
        for index in (0..values.len()).step_by(values.len().div_ceil(MOST).max(1)) {
            let mut slope = |step: f32| {
                let value = values[index];
                let mut at = |moved: f32| {
                    values[index] = moved;
                    let loss = loss(&values);
                    values[index] = value;
                    loss
                };
                let difference = at(value + step)? - at(value - step)?;
                Result::Ok(difference / (2.0 * step))
            };
            let (coarse, fine) = (slope(STEP)?, slope(STEP / 2.0)?);
            let scale = gradient[index].abs().max(fine.abs()).max(least);
            if (coarse - fine).abs() > 0.2 * scale {
                self.skipped += 1;
                continue;
            }
            // Richardson's extrapolation: the error of a difference falls with the square of the step.
            let numeric = fine + (fine - coarse) / 3.0;
            let error = (gradient[index] - numeric).abs() / scale;
            self.compared += 1;
            if error > self.worst || error.is_nan() {
                self.worst = error;
                self.worst_at = format!("{name}[{index}]");
            }
        }
        Ok(())
    }
}
