//! Losses of regression: mean squared error, mean absolute error, Huber loss. Each is the mean over the outputs.

use super::{Loss, Target, check_class, refuse_class};
use crate::error::{Error, Result};

/// Mean squared error: `Σᵢ (zᵢ - tᵢ)² / n`, with the gradient `2·(zᵢ - tᵢ) / n`, as PyTorch's `nn.MSELoss`.
///
/// Targets are values, or, with several outputs, classes, which are one-hot then.
///
/// ```
/// use nn_core::{Loss, Target, loss::MeanSquaredError};
/// let mut gradient = [0.0; 2];
/// assert_eq!(MeanSquaredError.of_sample(&[3.0, 2.0], Target::Values(&[1.0, 0.0]), &mut gradient), 4.0);
/// assert_eq!(gradient, [2.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanSquaredError;

impl Loss for MeanSquaredError {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        self.of_scaled_sample(outputs, target, 1.0, gradient)
    }

    fn of_scaled_sample(&self, outputs: &[f32], target: Target<'_>, scale: f32, gradient: &mut [f32]) -> f32 {
        errors(outputs, target, gradient);
        let count = outputs.len() as f32;
        let loss = gradient.iter().map(|error| error * error).sum::<f32>() / count;
        for value in gradient {
            *value *= 2.0 * scale / count;
        }
        loss
    }

    fn check_target(&self, target: Target<'_>, outputs: usize) -> std::result::Result<(), String> {
        match target {
            Target::Class(class) if outputs == 1 => Err(format!(
                "target {class} is a class, and the one-hot value of a single output is always 1; pass targets as f32, or give \
                 the network an output for each class"
            )),
            Target::Class(class) => check_class(class, outputs),
            Target::Values(_) => Ok(()),
        }
    }
}

/// Mean absolute error: `Σᵢ |zᵢ - tᵢ| / n`, with the gradient `sign(zᵢ - tᵢ) / n`, as PyTorch's `nn.L1Loss`.
///
/// Targets are values. Far-off samples pull less than with the squared error.
///
/// ```
/// use nn_core::{Loss, Target, loss::MeanAbsoluteError};
/// let mut gradient = [0.0; 2];
/// assert_eq!(MeanAbsoluteError.of_sample(&[3.0, 2.0], Target::Values(&[1.0, 6.0]), &mut gradient), 3.0);
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct MeanAbsoluteError;

impl Loss for MeanAbsoluteError {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        errors(outputs, target, gradient);
        let count = outputs.len() as f32;
        let loss = gradient.iter().map(|error| error.abs()).sum::<f32>() / count;
        for value in gradient {
            // `signum` of 0 is 1.
            *value = if *value == 0.0 { 0.0 } else { value.signum() / count };
        }
        loss
    }

    fn check_target(&self, target: Target<'_>, _outputs: usize) -> std::result::Result<(), String> {
        refuse_class(target, "MeanAbsoluteError")
    }
}

/// Huber loss: squared for errors `eᵢ = zᵢ - tᵢ` up to `delta`, linear beyond, as PyTorch's `nn.HuberLoss` (Huber, 1964,
/// "Robust Estimation of a Location Parameter"): the mean of `eᵢ²/2` or `delta·(|eᵢ| - delta/2)`.
///
/// Targets are values.
///
/// ```
/// use nn_core::{Loss, Target, loss::Huber};
/// let mut gradient = [0.0; 2];
/// assert_eq!(Huber::new(2.0).of_sample(&[1.0, 0.0], Target::Values(&[0.0, 5.0]), &mut gradient), 0.25 + 4.0);
/// assert_eq!(gradient, [0.5, -1.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Huber {
    /// The error at which the loss becomes linear, above 0.
    pub delta: f32,
}

impl Huber {
    /// A loss that is linear beyond errors of `delta`.
    #[must_use]
    pub const fn new(delta: f32) -> Self {
        Self { delta }
    }
}

impl Default for Huber {
    /// A `delta` of 1.
    fn default() -> Self {
        Self::new(1.0)
    }
}

impl Loss for Huber {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        errors(outputs, target, gradient);
        let (count, delta) = (outputs.len() as f32, self.delta);
        let of_error = |error: &f32| {
            let error = error.abs();
            if error <= delta {
                0.5 * error * error
            } else {
                delta * (error - 0.5 * delta)
            }
        };
        let loss = gradient.iter().map(of_error).sum::<f32>() / count;
        for value in gradient {
            *value = value.clamp(-delta, delta) / count;
        }
        loss
    }

    fn check_target(&self, target: Target<'_>, _outputs: usize) -> std::result::Result<(), String> {
        refuse_class(target, "Huber")
    }

    fn check(&self, _outputs: usize) -> Result<()> {
        if self.delta > 0.0 && self.delta.is_finite() {
            return Ok(());
        }
        Err(Error::Setting {
            name: "Huber delta",
            value: self.delta.to_string(),
            reason: "it has to be a finite number above 0",
        })
    }
}

/// Writes the outputs' errors `zᵢ - tᵢ`.
fn errors(outputs: &[f32], target: Target<'_>, errors: &mut [f32]) {
    errors.copy_from_slice(outputs);
    match target {
        Target::Class(class) => errors[class] -= 1.0,
        Target::Values(values) => {
            for (error, value) in errors.iter_mut().zip(values) {
                *error -= value;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_one_hot_for_the_squared_error() {
        let (mut by_class, mut by_values) = ([0.0; 3], [0.0; 3]);
        let outputs = [0.5, -1.0, 2.0];
        let loss = MeanSquaredError.of_sample(&outputs, Target::Class(1), &mut by_class);
        let values = Target::Values(&[0.0, 1.0, 0.0]);
        assert_eq!(loss, MeanSquaredError.of_sample(&outputs, values, &mut by_values));
        assert_eq!(by_class, by_values);
    }

    #[test]
    fn nan_is_propagated() {
        let losses: [&dyn Loss; 3] = [&MeanSquaredError, &MeanAbsoluteError, &Huber::default()];
        for loss in losses {
            let mut gradient = [0.0; 2];
            let found = loss.of_sample(&[f32::NAN, 0.0], Target::Values(&[0.0, 0.0]), &mut gradient);
            assert!(
                found.is_nan() && gradient[0].is_nan(),
                "{loss:?}: {found}, {gradient:?}"
            );
        }
    }
}
