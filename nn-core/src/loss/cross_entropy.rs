//! Softmax cross-entropy, with label smoothing, class weights and an ignored class.

use super::{Loss, Target, check_class, check_weights, softmax::exponentials};
use crate::error::{Error, Result};

/// The sum of a sample's target probabilities may differ from 1 by this much.
const SUM_TOLERANCE: f32 = 1e-3;

/// Softmax cross-entropy of logits, as PyTorch's `nn.CrossEntropyLoss`: the default loss of a trainer.
///
/// The outputs are logits, of at least two classes: end the network with `dense`, not with an activation such as `sigmoid`.
/// Targets are classes, or values: the probabilities of the classes, which add up to 1. The loss is `-Σᵢ wᵢ·tᵢ·ln pᵢ`, with
/// the softmax `p` of the outputs and the class weights `w`.
///
/// ```
/// use nn_core::{Loss, Target, loss::CrossEntropy};
/// let mut gradient = [0.0; 2];
/// let smoothed = CrossEntropy::new().with_label_smoothing(0.5);
/// // Half of the target is spread evenly, which makes it 0.75 and 0.25.
/// assert_eq!(smoothed.of_sample(&[0.0, 0.0], Target::Class(0), &mut gradient), 2f32.ln());
/// assert_eq!(gradient, [-0.25, 0.25]);
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct CrossEntropy {
    /// Fraction of the target that is spread evenly over all classes, in `0..1`; 0 for none (Szegedy et al., 2016,
    /// "Rethinking the Inception Architecture for Computer Vision", section 7).
    pub label_smoothing: f32,
    /// A weight for each class; empty for 1. The loss of a batch is divided by the sum of the weights of its target
    /// classes, or by the number of samples where targets are probabilities.
    pub class_weights: Vec<f32>,
    /// A class whose samples do not count; it need not be the index of an output. PyTorch's `ignore_index`.
    pub ignored_class: Option<usize>,
    /// A class whose samples belong to none of the network's; it need not be the index of an output. The target of each
    /// class is the same, so that the network learns to be sure of none, as in outlier exposure (Hendrycks et al., 2019, "Deep
    /// Anomaly Detection with Outlier Exposure").
    pub uniform_class: Option<usize>,
}

impl CrossEntropy {
    /// Without label smoothing, class weights, an ignored and a uniform class.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            label_smoothing: 0.0,
            class_weights: Vec::new(),
            ignored_class: None,
            uniform_class: None,
        }
    }

    /// Sets the fraction of the target that is spread evenly over all classes.
    #[must_use]
    pub fn with_label_smoothing(mut self, label_smoothing: f32) -> Self {
        self.label_smoothing = label_smoothing;
        self
    }

    /// Sets a weight for each class: above 1 where a class is rare.
    #[must_use]
    pub fn with_class_weights(mut self, weights: impl Into<Vec<f32>>) -> Self {
        self.class_weights = weights.into();
        self
    }

    /// Sets a class whose samples do not count.
    #[must_use]
    pub fn with_ignored_class(mut self, class: usize) -> Self {
        self.ignored_class = Some(class);
        self
    }

    /// Sets a class whose samples belong to none of the network's classes.
    ///
    /// ```
    /// use nn_core::{Loss, Target, loss::CrossEntropy};
    /// let mut gradient = [0.0; 2];
    /// let loss = CrossEntropy::new().with_uniform_class(2);
    /// loss.of_sample(&[4.0, 4.0], Target::Class(2), &mut gradient);
    /// assert_eq!(gradient, [0.0, 0.0]);
    /// ```
    #[must_use]
    pub fn with_uniform_class(mut self, class: usize) -> Self {
        self.uniform_class = Some(class);
        self
    }

    fn is_uniform(&self, target: Target<'_>) -> bool {
        self.uniform_class.is_some() && target.class() == self.uniform_class
    }

    fn class_weight(&self, class: usize) -> f32 {
        self.class_weights.get(class).copied().unwrap_or(1.0)
    }

    fn is_ignored(&self, target: Target<'_>) -> bool {
        self.ignored_class.is_some() && target.class() == self.ignored_class
    }

    /// The loss `-Σᵢ cᵢ·ln pᵢ` with any factors `c`.
    fn of_factors(outputs: &[f32], factor: impl Fn(usize) -> f32, scale: f32, gradient: &mut [f32]) -> f32 {
        gradient.copy_from_slice(outputs);
        let max = exponentials(gradient);
        let sum: f32 = gradient.iter().sum();
        let log = sum.ln();
        let factors: f32 = (0..outputs.len()).map(&factor).sum();
        let mut loss = 0.0;
        for (index, (value, output)) in gradient.iter_mut().zip(outputs).enumerate() {
            let factor = factor(index);
            *value = scale * (factors * (*value / sum) - factor);
            // An impossible class that is not the target has a logarithm of -∞, and 0·∞ is NaN.
            if factor != 0.0 {
                loss += factor * (log - (output - max));
            }
        }
        loss
    }
}

impl Loss for CrossEntropy {
    fn of_sample(&self, outputs: &[f32], target: Target<'_>, gradient: &mut [f32]) -> f32 {
        self.of_scaled_sample(outputs, target, 1.0, gradient)
    }

    fn of_scaled_sample(&self, outputs: &[f32], target: Target<'_>, scale: f32, gradient: &mut [f32]) -> f32 {
        let (smoothing, classes) = (self.label_smoothing, outputs.len() as f32);
        match target {
            target if self.is_ignored(target) => {
                gradient.fill(0.0);
                0.0
            }
            target if self.is_uniform(target) => {
                let factor = |index| self.class_weight(index) / classes;
                Self::of_factors(outputs, factor, scale, gradient)
            }
            Target::Class(class) if self.class_weights.is_empty() && smoothing == 0.0 => {
                cross_entropy(outputs, class, scale, gradient)
            }
            Target::Class(class) if self.class_weights.is_empty() => {
                smoothed_cross_entropy(outputs, class, smoothing, scale, gradient)
            }
            // The weight of a class's target is that of the class; smoothing has the weight of each class.
            Target::Class(class) => {
                let factor = |index| {
                    let target = if index == class { 1.0 - smoothing } else { 0.0 };
                    self.class_weight(index) * (target + smoothing / classes)
                };
                Self::of_factors(outputs, factor, scale, gradient)
            }
            Target::Values(values) => {
                let factor = |index| {
                    let target = (1.0 - smoothing) * values[index];
                    self.class_weight(index) * (target + smoothing / classes)
                };
                Self::of_factors(outputs, factor, scale, gradient)
            }
        }
    }

    fn weight(&self, target: Target<'_>) -> f32 {
        match target {
            target if self.is_ignored(target) => 0.0,
            target if self.is_uniform(target) => 1.0,
            Target::Class(class) => self.class_weight(class),
            Target::Values(_) => 1.0,
        }
    }

    /// Classes, or values that are probabilities.
    fn check_target(&self, target: Target<'_>, outputs: usize) -> std::result::Result<(), String> {
        match target {
            target if self.is_ignored(target) => Ok(()),
            target if self.is_uniform(target) && outputs > 1 => Ok(()),
            _ if outputs == 1 => Err(
                "CrossEntropy compares the outputs of a sample, and a single output always has a loss of 0; give the network \
                 an output for each class, or pass targets as f32 and use BinaryCrossEntropy for a yes or no, and a loss of \
                 regression, such as MeanSquaredError, for a number"
                    .to_owned(),
            ),
            Target::Class(class) => check_class(class, outputs),
            Target::Values(values) => check_probabilities(values),
        }
    }

    fn check(&self, outputs: usize) -> Result<()> {
        if !(0.0..1.0).contains(&self.label_smoothing) {
            return Err(Error::Setting {
                name: "label smoothing",
                value: self.label_smoothing.to_string(),
                reason: "it has to be at least 0 and less than 1",
            });
        }
        check_weights(["class weights", "a class weight"], &self.class_weights, outputs)
    }
}

fn check_probabilities(values: &[f32]) -> std::result::Result<(), String> {
    const HINT: &str = "values for CrossEntropy are the probabilities of the classes, at least 0 and 1 in sum; use a loss \
                        of regression, such as MeanSquaredError, for other values";
    if let Some(output) = values.iter().position(|&value| value < 0.0) {
        return Err(format!("the target of output {output} is {}; {HINT}", values[output]));
    }
    let sum: f32 = values.iter().sum();
    if (sum - 1.0).abs() <= SUM_TOLERANCE {
        return Ok(());
    }
    Err(format!("the targets add up to {sum}; {HINT}"))
}

/// Softmax cross-entropy of one sample: returns the loss `-ln p(target)` and writes its gradient with respect to the
/// logits, `scale·(pᵢ - [i = target])`.
///
/// `logits` and `gradient` are `[classes]`. Fusing softmax and logarithm makes the gradient both simpler and more
/// accurate than a product of theirs (Goodfellow et al., "Deep Learning", 2016, section 6.2.2.3).
///
/// # Panics
/// If the lengths differ or `target` is not an index of `logits`.
///
/// ```
/// let mut gradient = [0.0; 2];
/// let loss = nn_core::loss::cross_entropy(&[0.0, 0.0], 1, 1.0, &mut gradient);
/// assert!((loss - 2f32.ln()).abs() < 1e-6);
/// assert_eq!(gradient, [0.5, -0.5]);
/// ```
pub fn cross_entropy(logits: &[f32], target: usize, scale: f32, gradient: &mut [f32]) -> f32 {
    gradient.copy_from_slice(logits);
    let max = exponentials(gradient);
    let sum: f32 = gradient.iter().sum();
    for value in gradient.iter_mut() {
        *value *= scale / sum;
    }
    gradient[target] -= scale;
    sum.ln() - (logits[target] - max)
}

/// Cross-entropy against a target of which the fraction `smoothing` is spread evenly over the classes.
///
/// With the mean `z̄` of the logits, the mean of `-ln pᵢ` over the classes is `-ln p(target) + z(target) - z̄`.
fn smoothed_cross_entropy(logits: &[f32], target: usize, smoothing: f32, scale: f32, gradient: &mut [f32]) -> f32 {
    let loss = cross_entropy(logits, target, scale, gradient);
    let classes = logits.len() as f32;
    for value in gradient.iter_mut() {
        *value -= scale * smoothing / classes;
    }
    gradient[target] += scale * smoothing;
    let mean = logits.iter().sum::<f32>() / classes;
    loss + smoothing * (logits[target] - mean)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_logits_do_not_overflow() {
        let mut gradient = [0.0; 3];
        let loss = cross_entropy(&[1e30, -1e30, 0.0], 0, 1.0, &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0, 0.0, 0.0]));
        let loss = CrossEntropy::new().with_class_weights([2.0, 1.0, 1.0]);
        let loss = loss.of_sample(&[1e30, -1e30, 0.0], Target::Class(0), &mut gradient);
        assert_eq!((loss, gradient), (0.0, [0.0, 0.0, 0.0]));
    }

    #[test]
    fn nan_is_propagated() {
        let logits = [0.0, f32::NAN, 1.0];
        assert!(cross_entropy(&logits, 0, 1.0, &mut [0.0; 3]).is_nan());
        for target in [Target::Class(0), Target::Values(&[0.5, 0.0, 0.5])] {
            let loss = CrossEntropy::new().with_class_weights([1.0, 1.0, 2.0]);
            assert!(loss.of_sample(&logits, target, &mut [0.0; 3]).is_nan(), "{target:?}");
        }
    }

    #[test]
    fn an_ignored_class_has_no_loss_and_no_weight() {
        let loss = CrossEntropy::new().with_ignored_class(255);
        let (mut gradient, target) = ([7.0; 2], Target::Class(255));
        assert_eq!(loss.check_target(target, 2), Ok(()));
        assert_eq!(loss.of_sample(&[1.0, 0.0], target, &mut gradient), 0.0);
        assert_eq!((gradient, loss.weight(target)), ([0.0; 2], 0.0));
    }

    #[test]
    fn a_uniform_class_has_the_same_target_for_every_class() {
        let logits = [2.0, -1.0, 0.5, 0.25];
        for weights in [Vec::new(), vec![1.0, 2.0, 0.5, 3.0]] {
            let plain = CrossEntropy::new().with_class_weights(weights);
            let loss = plain.clone().with_label_smoothing(0.1).with_uniform_class(4);
            let (mut own, mut expected) = ([0.0; 4], [0.0; 4]);
            let value = loss.of_scaled_sample(&logits, Target::Class(4), 0.5, &mut own);
            let uniform = plain.of_scaled_sample(&logits, Target::Values(&[0.25; 4]), 0.5, &mut expected);
            assert_eq!((value, own), (uniform, expected));
            assert_eq!(loss.weight(Target::Class(4)), 1.0);
            assert_eq!(loss.check_target(Target::Class(4), 4), Ok(()));
            assert!(loss.check_target(Target::Class(5), 4).is_err());
        }
    }
}
