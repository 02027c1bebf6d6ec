//! Losses that training minimizes, each with its gradient.

mod cross_entropy;
mod regression;
mod softmax;

pub use cross_entropy::cross_entropy;
pub use regression::mean_squared_error;
pub use softmax::{argmax, softmax};

use crate::error::{Error, Result};

/// The loss that a [`Trainer`](crate::Trainer) minimizes, averaged over the batch.
///
/// ```
/// use nn_core::Loss;
/// let mut gradient = [0.0; 2];
/// let smoothed = Loss::CrossEntropy { label_smoothing: 0.5 };
/// // Half of the target is spread evenly, which makes it 0.75 and 0.25.
/// assert_eq!(smoothed.of_sample(&[0.0, 0.0], 0, 1.0, &mut gradient), 2f32.ln());
/// assert_eq!(gradient, [-0.25, 0.25]);
/// assert_eq!(Loss::MeanSquaredError.of_sample(&[3.0, 2.0], 0, 1.0, &mut gradient), 4.0);
/// assert_eq!(gradient, [2.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// [`cross_entropy()`], as PyTorch's `nn.CrossEntropyLoss(label_smoothing=...)`.
    CrossEntropy {
        /// Fraction of the target that is spread evenly over all classes, in `0..1`; 0 for none (Szegedy et al., 2016,
        /// "Rethinking the Inception Architecture for Computer Vision", section 7).
        label_smoothing: f32,
    },
    /// [`mean_squared_error`], as PyTorch's `nn.MSELoss` against one-hot targets.
    MeanSquaredError,
}

impl Default for Loss {
    /// Cross-entropy without label smoothing.
    fn default() -> Self {
        Self::CrossEntropy { label_smoothing: 0.0 }
    }
}

impl Loss {
    /// The loss of one sample; writes its gradient with respect to the logits, times `scale`.
    ///
    /// `logits` and `gradient` are `[classes]`.
    ///
    /// # Panics
    /// If the lengths differ or `target` is not an index of `logits`.
    pub fn of_sample(&self, logits: &[f32], target: usize, scale: f32, gradient: &mut [f32]) -> f32 {
        match *self {
            Self::CrossEntropy { label_smoothing: 0.0 } => cross_entropy(logits, target, scale, gradient),
            Self::CrossEntropy { label_smoothing } => {
                cross_entropy::smoothed_cross_entropy(logits, target, label_smoothing, scale, gradient)
            }
            Self::MeanSquaredError => mean_squared_error(logits, target, scale, gradient),
        }
    }

    /// Checks the range of each setting.
    ///
    /// # Errors
    /// [`Error::Setting`] for the first one that is out of range.
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
