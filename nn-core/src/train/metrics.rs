//! Metrics of predictions: confusion matrix with accuracy, precision and recall; top-k accuracy; mean absolute error.
//!
//! Each is a plain count to which samples are added, also from several data sets or threads; what has no samples is
//! `None`. [`evaluate_with`](crate::evaluate_with) shows them every sample of a source:
//!
//! ```
//! use nn_core::{Network, Samples, Workspace, evaluate_with, loss::CrossEntropy, metrics::{Confusion, TopK}};
//! let network = Network::new("2 | dense 3".parse()?, 42)?;
//! let mut samples = Samples::new(&[0.0, 1.0, 1.0, 0.0], &[0, 2]);
//! let mut workspace = Workspace::new(&network, 32)?;
//! let (mut confusion, mut top2) = (Confusion::new(3), TopK::new(2));
//! evaluate_with(&network, &mut samples, &CrossEntropy::new(), &mut workspace, |outputs, target| {
//!     confusion.add(outputs, target);
//!     top2.add(outputs, target);
//! })?;
//! assert_eq!(confusion.count(), 2);
//! assert!(top2.accuracy() >= confusion.accuracy());
//! # Ok::<(), nn_core::Error>(())
//! ```

use crate::loss::{Target, argmax};

/// A confusion matrix: how often each class was taken for each class.
///
/// ```
/// use nn_core::metrics::Confusion;
/// let mut confusion = Confusion::new(3);
/// for (label, prediction) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
///     confusion.record(label, prediction);
/// }
/// assert_eq!(confusion.accuracy(), Some(0.75));
/// assert_eq!((confusion.precision(1), confusion.recall(0)), (Some(0.5), Some(2.0 / 3.0)));
/// assert_eq!((confusion.precision(2), confusion.recall(2)), (None, None));
/// assert_eq!(confusion.macro_precision(), Some(0.75));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// `[classes, classes]`: labels are rows, predictions columns.
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty matrix of `classes` classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        let counts = vec![0; classes * classes];
        Self { classes, counts }
    }

    /// Adds a sample: its prediction is the class of its largest output. The label of a target that has values is the
    /// class of the largest one.
    pub fn add(&mut self, outputs: &[f32], target: Target<'_>) {
        let label = match target {
            Target::Class(class) => class,
            Target::Values(values) => argmax(values),
        };
        self.record(label, argmax(outputs));
    }

    /// Adds a prediction. It does not count if it or the label is not one of the classes, as an ignored class may be.
    pub fn record(&mut self, label: usize, prediction: usize) {
        if label < self.classes && prediction < self.classes {
            self.counts[label * self.classes + prediction] += 1;
        }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often class `label` was taken for class `prediction`.
    ///
    /// # Panics
    /// If one of them is not a class.
    #[must_use]
    pub fn get(&self, label: usize, prediction: usize) -> u64 {
        self.row(label)[prediction]
    }

    /// How often class `label` was taken for each class.
    ///
    /// # Panics
    /// If it is not a class.
    #[must_use]
    pub fn row(&self, label: usize) -> &[u64] {
        &self.counts[label * self.classes..][..self.classes]
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Number of correct predictions.
    #[must_use]
    pub fn correct(&self) -> u64 {
        (0..self.classes).map(|class| self.get(class, class)).sum()
    }

    /// Share of correct predictions; `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.count())
    }

    /// Correct share of the predictions of a class; `None` if there are none.
    ///
    /// # Panics
    /// If it is not a class.
    #[must_use]
    pub fn precision(&self, class: usize) -> Option<f64> {
        ratio(self.get(class, class), self.predictions(class))
    }

    /// Correct share of the samples of a class; `None` if there are none.
    ///
    /// # Panics
    /// If it is not a class.
    #[must_use]
    pub fn recall(&self, class: usize) -> Option<f64> {
        ratio(self.get(class, class), self.row(class).iter().sum())
    }

    /// Mean [precision](Self::precision) of the classes that occur as labels or predictions; 0 for those that are never
    /// predicted. `None` without samples.
    #[must_use]
    pub fn macro_precision(&self) -> Option<f64> {
        self.mean(Self::precision)
    }

    /// Mean [recall](Self::recall) of the classes that occur as labels or predictions; 0 for those that are never
    /// labels. `None` without samples.
    #[must_use]
    pub fn macro_recall(&self) -> Option<f64> {
        self.mean(Self::recall)
    }

    fn predictions(&self, class: usize) -> u64 {
        (0..self.classes).map(|label| self.get(label, class)).sum()
    }

    fn mean(&self, of_class: impl Fn(&Self, usize) -> Option<f64>) -> Option<f64> {
        let occurs = |class: &usize| self.recall(*class).or(self.precision(*class)).is_some();
        let classes: Vec<usize> = (0..self.classes).filter(occurs).collect();
        let sum: f64 = classes.iter().map(|&class| of_class(self, class).unwrap_or(0.0)).sum();
        (!classes.is_empty()).then(|| sum / classes.len() as f64)
    }
}

/// Top-k accuracy: how often the class of a sample is among the k largest outputs.
///
/// ```
/// use nn_core::{Target, metrics::TopK};
/// let mut top2 = TopK::new(2);
/// top2.add(&[0.1, 0.7, 0.2], Target::Class(2));
/// top2.add(&[0.1, 0.7, 0.2], Target::Class(0));
/// assert_eq!(top2.accuracy(), Some(0.5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopK {
    k: usize,
    correct: u64,
    count: u64,
}

impl TopK {
    /// No samples, to be counted by their `k` largest outputs.
    #[must_use]
    pub const fn new(k: usize) -> Self {
        let (correct, count) = (0, 0);
        Self { k, correct, count }
    }

    /// Adds a sample. Of equal outputs, those of lower index are the larger ones. A sample does not count if its target
    /// has values or is not the index of an output, as an ignored class may be.
    pub fn add(&mut self, outputs: &[f32], target: Target<'_>) {
        let Some((class, &output)) = target.class().and_then(|class| Some((class, outputs.get(class)?))) else {
            return;
        };
        let is_larger = |(index, value): (usize, &f32)| *value > output || (*value == output && index < class);
        let larger = outputs.iter().enumerate().filter(|&other| is_larger(other)).count();
        self.count += 1;
        // Nothing is larger than NaN, which is no prediction.
        self.correct += u64::from(larger < self.k && !output.is_nan());
    }

    /// Share of correct predictions; `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct, self.count)
    }
}

/// The mean absolute error of outputs, in the units of the targets.
///
/// ```
/// use nn_core::{Target, metrics::AbsoluteError};
/// let mut error = AbsoluteError::default();
/// error.add(&[1.0, 2.0], Target::Values(&[1.5, 0.5]));
/// assert_eq!(error.mean(), Some(1.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct AbsoluteError {
    sum: f64,
    count: u64,
}

impl AbsoluteError {
    /// Adds a sample: the error of each of its outputs. A class is one-hot.
    pub fn add(&mut self, outputs: &[f32], target: Target<'_>) {
        for (index, &output) in outputs.iter().enumerate() {
            self.sum += (f64::from(output) - f64::from(target.value(index))).abs();
        }
        self.count += outputs.len() as u64;
    }

    /// Mean over all outputs of all samples; `None` without samples.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_samples_metrics_are_undefined() {
        let none = Confusion::new(2);
        assert_eq!((none.count(), none.correct(), none.accuracy()), (0, 0, None));
        assert_eq!((none.precision(0), none.recall(1)), (None, None));
        assert_eq!((none.macro_precision(), none.macro_recall()), (None, None));
        assert_eq!((TopK::new(3).accuracy(), AbsoluteError::default().mean()), (None, None));
    }

    #[test]
    fn precision_counts_predictions_and_recall_labels() {
        let mut confusion = Confusion::new(10);
        // Two of three threes are correct, a four is taken for a three, and seven is never predicted.
        for (label, prediction) in [(3, 3), (3, 3), (3, 4), (4, 3), (7, 3), (255, 3), (3, 255)] {
            confusion.record(label, prediction);
        }
        assert_eq!(
            (confusion.precision(3), confusion.recall(3)),
            (Some(0.5), Some(2.0 / 3.0))
        );
        assert_eq!((confusion.precision(4), confusion.recall(4)), (Some(0.0), Some(0.0)));
        assert_eq!((confusion.precision(7), confusion.recall(7)), (None, Some(0.0)));
        assert_eq!((confusion.get(3, 4), confusion.get(4, 3)), (1, 1));
        assert_eq!(
            (confusion.count(), confusion.correct(), confusion.accuracy()),
            (5, 2, Some(0.4))
        );
        // Three classes occur.
        assert_eq!(confusion.macro_precision(), Some(0.5 / 3.0));
        assert_eq!(confusion.macro_recall(), Some(2.0 / 9.0));
    }

    #[test]
    fn outputs_are_compared_with_classes_and_values() {
        let mut confusion = Confusion::new(3);
        confusion.add(&[0.0, 2.0, 1.0], Target::Class(1));
        confusion.add(&[0.0, 2.0, 1.0], Target::Values(&[0.1, 0.2, 0.7]));
        assert_eq!((confusion.get(1, 1), confusion.get(2, 1), confusion.count()), (1, 1, 2));
    }

    #[test]
    fn top_k_breaks_ties_like_argmax_and_counts_no_nan() {
        let accuracy = |k, outputs: &[f32], class| {
            let mut top = TopK::new(k);
            top.add(outputs, Target::Class(class));
            top.accuracy()
        };
        let tied = [1.0, 1.0, 1.0];
        assert_eq!(
            [0, 1, 2].map(|class| accuracy(2, &tied, class)),
            [Some(1.0), Some(1.0), Some(0.0)]
        );
        assert_eq!(accuracy(3, &[f32::NAN, 1.0], 0), Some(0.0));
        assert_eq!(accuracy(0, &tied, 0), Some(0.0));
        assert_eq!(accuracy(9, &tied, 2), Some(1.0));
        assert_eq!(accuracy(1, &tied, 3), None);
    }
}
