//! Binary cross-entropy of logits: each output is a yes or no of its own, so a sample may have several labels.

use super::{Loss, Target, check_weights, refuse_class};
use crate::error::Result;

/// Binary cross-entropy of logits, the mean over the outputs, as PyTorch's `nn.BCEWithLogitsLoss`.
///
/// Each output is the logit of one label, so the network ends with `dense`: after a `sigmoid`, every probability would lie
/// between 0.5 and 0.73, as with PyTorch's loss. An output's target is the label's probability, 0 to 1: with `p = 1 / (1 + exp(-z))`, the
/// loss of an output is `-t·ln p - (1 - t)·ln(1 - p)`, and its gradient `p - t`. Use it for several labels a sample, or
/// for a yes or no with a single output.
///
/// ```
/// use nn_core::{Loss, Target, loss::BinaryCrossEntropy};
/// let mut gradient = [0.0; 2];
/// let loss = BinaryCrossEntropy::new().of_sample(&[0.0, 0.0], Target::Values(&[1.0, 0.0]), &mut gradient);
/// assert_eq!((loss, gradient), (2f32.ln(), [-0.25, 0.25]));
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct BinaryCrossEntropy {
    /// Factors of the first term for each output, PyTorch's `pos_weight`: above 1 where a label is rare. Empty for 1.
    pub positive_weights: Vec<f32>,
}

impl BinaryCrossEntropy {
    /// Every label counts alike.
    #[must_use]
    pub const fn new() -> Self {
        let positive_weights = Vec::new();
        Self { positive_weights }
    }

    /// Sets a factor for each output by which a label that is present counts more than one that is absent.
    #[must_use]
    pub fn with_positive_weights(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.positive_weights = weights.into();
        self
    }
}

impl Loss for BinaryCrossEntropy {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        let count = outputs.len() as f32;
        let mut loss = 0.0;
        for (index, (&z, dz)) in outputs.iter().zip(gradient).enumerate() {
            let target = target.value(index);
            let positive = target * self.positive_weights.get(index).copied().unwrap_or(1.0);
            let negative = 1.0 - target;
            // exp(-|z|) does not overflow.
            let small = (-z.abs()).exp();
            let [at_z, at_minus_z] = if z >= 0.0 { [1.0, small] } else { [small, 1.0] };
            // -ln p = softplus(-z) and -ln(1 - p) = softplus(z), where softplus(z) = max(z, 0) + ln(1 + exp(-|z|)).
            loss += positive * (-z).max(0.0) + negative * z.max(0.0) + (positive + negative) * small.ln_1p();
            *dz = (negative * at_z - positive * at_minus_z) / (1.0 + small) / count;
        }
        loss / count
    }

    /// Values from 0 to 1.
    fn check_target(&self, target: Target<'_>, _outputs: usize) -> std::result::Result<(), String> {
        refuse_class(target, "BinaryCrossEntropy")?;
        let Target::Values(values) = target else { return Ok(()) };
        match values.iter().position(|value| !(0.0..=1.0).contains(value)) {
            None => Ok(()),
            Some(output) => Err(format!(
                "the target of output {output} is {}, and targets of BinaryCrossEntropy are 0 to 1; use a loss of \
                 regression, such as MeanSquaredError, for other values",
                values[output]
            )),
        }
    }

    fn check(&self, outputs: usize) -> Result<()> {
        check_weights(
            ["positive weights", "a positive weight"],
            &self.positive_weights,
            outputs,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut gradient = [0.0; 2];
        let right = Target::Values(&[1.0, 0.0]);
        let loss = BinaryCrossEntropy::new().of_sample(&[1e30, -1e30], right, &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0, 0.0]));
        let wrong = Target::Values(&[0.0, 1.0]);
        let loss = BinaryCrossEntropy::new().of_sample(&[1e30, -1e30], wrong, &mut gradient);
        assert_eq!((loss, gradient), (1e30, [0.5, -0.5]));
    }

    #[test]
    fn nan_is_propagated() {
        let mut gradient = [0.0];
        let loss = BinaryCrossEntropy::new().of_sample(&[f32::NAN], Target::Values(&[0.0]), &mut gradient);
        assert!(loss.is_nan() && gradient[0].is_nan());
    }
}
