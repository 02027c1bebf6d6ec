//! What training makes small: softmax cross-entropy and mean squared error, each with its gradient.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// Which loss a [`Trainer`](crate::Trainer) makes small; the mean over the batch.
///
/// ```
/// use nn_core::Loss;
/// let mut gradient = [0.0; 2];
/// let smoothed = Loss::CrossEntropy { label_smoothing: 0.5 };
/// // The target is 0.75 and 0.25: half of it is spread evenly.
/// assert_eq!(smoothed.of_sample(&[0.0, 0.0], 0, 1.0, &mut gradient), 2f32.ln());
/// assert_eq!(gradient, [-0.25, 0.25]);
/// assert_eq!(Loss::MeanSquaredError.of_sample(&[3.0, 2.0], 0, 1.0, &mut gradient), 4.0);
/// assert_eq!(gradient, [2.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[non_exhaustive]
pub enum Loss {
    /// [`cross_entropy`], as PyTorch's `nn.CrossEntropyLoss(label_smoothing=...)`.
    CrossEntropy {
        /// The share of the target that is spread evenly over all classes, in `0..1`; 0 for none (Szegedy et al.,
        /// 2016, "Rethinking the Inception Architecture for Computer Vision", section 7).
        label_smoothing: f32,
    },
    /// [`mean_squared_error`], as PyTorch's `nn.MSELoss` against one-hot targets.
    MeanSquaredError,
}

impl Default for Loss {
    /// Cross-entropy without smoothing.
    fn default() -> Self {
        Self::CrossEntropy { label_smoothing: 0.0 }
    }
}

impl Loss {
    /// The loss of one sample, and its gradient with respect to the logits, times `scale`.
    ///
    /// # Panics
    /// If `gradient` has another length than `logits`, or `label` is no index of them.
    pub fn of_sample(&self, logits: &[f32], label: usize, scale: f32, gradient: &mut [f32]) -> f32 {
        match *self {
            Self::CrossEntropy { label_smoothing: 0.0 } => cross_entropy(logits, label, scale, gradient),
            Self::CrossEntropy { label_smoothing } => smoothed(logits, label, label_smoothing, scale, gradient),
            Self::MeanSquaredError => mean_squared_error(logits, label, scale, gradient),
        }
    }

    /// Refuses settings that make no sense.
    pub(crate) fn check(&self) -> Result<()> {
        match *self {
            Self::CrossEntropy { label_smoothing } if !(0.0..1.0).contains(&label_smoothing) => Err(Error::Setting {
                name: "label smoothing",
                value: label_smoothing.to_string(),
                reason: "it has to be at least 0 and less than 1",
            }),
            _ => Ok(()),
        }
    }
}

/// Turns logits into probabilities, in place: `pᵢ = exp(zᵢ) / Σⱼ exp(zⱼ)`.
///
/// The largest logit is subtracted first, so that no exponential overflows. A NaN among the logits gives NaN
/// throughout.
///
/// ```
/// let mut values = [1000.0, 1000.0];
/// nn_core::loss::softmax(&mut values);
/// assert_eq!(values, [0.5, 0.5]);
/// ```
pub fn softmax(logits: &mut [f32]) {
    exponentials(logits);
    let sum: f32 = logits.iter().sum();
    for value in logits {
        *value /= sum;
    }
}

/// Softmax cross-entropy of one sample: the loss `-ln p(label)`, and its gradient with respect to the logits,
/// `pᵢ - [i = label]`, times `scale`.
///
/// `gradient` has as many values as `logits`. The two are fused since the gradient of the pair is simpler, and far
/// more exact, than a product of theirs would be (Goodfellow et al., "Deep Learning", 2016, section 6.2.2.3).
///
/// # Panics
/// If the lengths differ or `label` is no index of `logits`.
///
/// ```
/// let mut gradient = [0.0; 2];
/// let loss = nn_core::loss::cross_entropy(&[0.0, 0.0], 1, 1.0, &mut gradient);
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
pub fn cross_entropy(logits: &[f32], label: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(logits);
    let largest = exponentials(gradient);
    let sum: f32 = gradient.iter().sum();
    for value in gradient.iter_mut() {
        *value *= scale / sum;
    }
    gradient[label] -= scale;
    sum.ln() - (logits[label] - largest)
}

/// Cross-entropy against a target of which the share `smoothing` is spread evenly over the classes. With the mean of
/// the logits `z̄`, the mean of `-ln pᵢ` is `-ln p(label) + z(label) - z̄`.
fn smoothed(logits: &[f32], label: usize, smoothing: f32, scale: f32, gradient: &mut [f32]) -> f32 {
    let sharp = cross_entropy(logits, label, scale, gradient);
    let classes = logits.len() as f32;
    for value in gradient.iter_mut() {
        *value -= scale * smoothing / classes;
    }
    gradient[label] += scale * smoothing;
    let mean = logits.iter().sum::<f32>() / classes;
    sharp + smoothing * (logits[label] - mean)
}

/// Mean squared error of one sample's outputs `z` against its one-hot target `t`: `Σᵢ (zᵢ - tᵢ)² / n`, and the gradient
/// with respect to the outputs, `2·(zᵢ - tᵢ) / n`, times `scale`.
///
/// # Panics
/// If the lengths differ or `label` is no index of `outputs`.
pub fn mean_squared_error(outputs: &[f32], label: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(outputs);
    gradient[label] -= 1.0;
    let count = outputs.len() as f32;
    let loss = gradient.iter().map(|error| error * error).sum::<f32>() / count;
    for value in gradient {
        *value *= 2.0 * scale / count;
    }
    loss
}

/// The index of the largest value, the first one where several are equal; 0 for an empty slice.
#[must_use]
pub fn argmax(values: &[f32]) -> usize {
    let better = |best: usize, index: usize| if values[index] > values[best] { index } else { best };
    (0..values.len()).reduce(better).unwrap_or(0)
}

/// Replaces each `z` by `exp(z - largest)`; returns the largest.
fn exponentials(values: &mut [f32]) -> f32 {
    let largest = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    for value in values {
        *value = (*value - largest).exp();
    }
    largest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut gradient = [0.0; 3];
        let loss = cross_entropy(&[1e30, -1e30, 0.0], 0, 1.0, &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0, 0.0, 0.0]));
    }

    #[test]
    fn nan_is_not_hidden() {
        let mut values = [0.0, f32::NAN, 1.0];
        assert!(cross_entropy(&values, 0, 1.0, &mut [0.0; 3]).is_nan());
        softmax(&mut values);
        assert!(values.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn argmax_takes_the_first_of_equals() {
        assert_eq!((argmax(&[1.0, 3.0, 3.0]), argmax(&[]), argmax(&[-1.0])), (1, 0, 0));
    }
}
