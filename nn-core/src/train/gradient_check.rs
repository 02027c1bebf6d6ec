//! A check of gradients against differences of the loss, for layers and losses of the user's own.

use super::gradients::{gradients, input_gradient};
use crate::{
    error::Result,
    loss::{Loss, Targets},
    network::Network,
};

/// Most values of a tensor, and of the inputs, that are compared.
const MOST: usize = 100;
/// The step of the differences: a compromise between the rounding of an f32 loss and kinks, of which larger steps cross more.
const STEP: f32 = 0.003;
/// The share of a tensor's largest gradient that counts as no gradient at all.
const NEGLIGIBLE: f32 = 0.05;
/// How many times the rounding of a difference a gradient has to be to count.
const ROUNDINGS: f32 = 60.0;
/// The share of a gradient by which it may leave a straight line within a step, unless there is a kink.
const TOLERANCE: f32 = 0.03;

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
/// gradient, or to 5 % of the largest one of the tensor. Use a small network and a few samples.
///
/// A kink of the loss near a value, as those of ReLU and max pooling, shows as a jump of the gradient there. Such a value is
/// skipped.
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
    let mut check = GradientCheck {
        worst: 0.0,
        worst_at: "nowhere".to_owned(),
        compared: 0,
        skipped: 0,
    };
    let mut moved = network.clone();
    for (tensor, gradient) in analytic.tensors.iter().enumerate() {
        let values = network.parameter(&gradient.name)?.to_vec();
        check.compare(
            (&gradient.name, analytic.loss),
            &gradient.values,
            &values,
            |values, index| {
                moved.set_parameter(&gradient.name, values)?;
                let gradients = gradients(&moved, inputs, targets, loss)?;
                Ok((gradients.loss, gradients.tensors[tensor].values[index]))
            },
        )?;
        moved.set_parameter(&gradient.name, &values)?;
    }
    let gradient = input_gradient(network, inputs, targets, loss)?;
    check.compare(("inputs", analytic.loss), &gradient, inputs, |inputs, index| {
        let gradient = input_gradient(network, inputs, targets, loss)?[index];
        Ok((gradients(network, inputs, targets, loss)?.loss, gradient))
    })?;
    Ok(check)
}

impl GradientCheck {
    /// Compares the gradient of the loss, which is `here` now, with respect to some values. `at` gives the loss and one
    /// value of its gradient elsewhere.
    fn compare(
        &mut self,
        (name, here): (&str, f32),
        gradient: &[f32],
        values: &[f32],
        mut at: impl FnMut(&[f32], usize) -> Result<(f32, f32)>,
    ) -> Result<()> {
        let rounding = f32::EPSILON * here.abs() / STEP;
        let largest = gradient
            .iter()
            .fold(0.0, |largest: f32, value| largest.max(value.abs()));
        let least = (NEGLIGIBLE * largest).max(ROUNDINGS * rounding).max(f32::MIN_POSITIVE);
        let mut values = values.to_vec();
        for index in (0..values.len()).step_by(values.len().div_ceil(MOST).max(1)) {
            let (value, gradient) = (values[index], gradient[index]);
            let mut difference = |step: f32| {
                let mut moved = |to: f32| {
                    values[index] = to;
                    at(&values, index)
                };
                let (low, high) = (value - step, value + step);
                let (before, after) = (moved(low)?, moved(high)?);
                values[index] = value;
                Result::Ok(Difference {
                    slope: (after.0 - before.0) / (high - low),
                    changes: [before.1 - gradient, after.1 - gradient],
                })
            };
            let (coarse, fine) = (difference(STEP)?, difference(STEP / 2.0)?);
            let scale = gradient.abs().max(fine.slope.abs()).max(least);
            if Difference::have_kink(&coarse, &fine, TOLERANCE * scale) {
                self.skipped += 1;
                continue;
            }
            // Richardson's extrapolation: the error of a difference falls with the square of the step.
            let numeric = fine.slope + (fine.slope - coarse.slope) / 3.0;
            let error = (gradient - numeric).abs() / scale;
            self.compared += 1;
            if error > self.worst || error.is_nan() {
                self.worst = error;
                self.worst_at = format!("{name}[{index}]");
            }
        }
        Ok(())
    }
}

/// A step from a value to both sides.
struct Difference {
    /// The difference of the loss, divided by that of the value.
    slope: f32,
    /// How much the gradient changes from the value to either side.
    changes: [f32; 2],
}

impl Difference {
    /// Whether the gradient jumps within a step: where it does not, half the step changes it half as much.
    fn have_kink(coarse: &Self, fine: &Self, tolerance: f32) -> bool {
        let changes = coarse.changes.iter().zip(fine.changes);
        changes
            .into_iter()
            .any(|(coarse, fine)| (coarse - 2.0 * fine).abs() > tolerance)
    }
}
