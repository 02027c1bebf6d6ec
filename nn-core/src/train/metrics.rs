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

use std::{cmp::Reverse, collections::BTreeMap, fmt};

use crate::{
    error::counted,
    loss::{Target, argmax},
};

/// Most classes of a matrix that is printed cell by cell.
const MAX_PRINTED: usize = 20;

/// A confusion matrix: how often each class was taken for each class.
///
/// Its memory grows with the pairs that occur, so it also counts thousands of classes. It prints as a table, and more than
/// 20 classes as their accuracy and the most frequent errors.
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
/// println!("{confusion}");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Confusion {
    classes: usize,
    /// Counts by label and prediction, without zeros; the prediction `classes` stands for none.
    counts: BTreeMap<(usize, usize), u64>,
}

impl Confusion {
    /// An empty matrix of `classes` classes.
    #[must_use]
    pub const fn new(classes: usize) -> Self {
        let counts = BTreeMap::new();
        Self { classes, counts }
    }

    /// Adds a sample: its prediction is the class of its largest output, and none if an output is NaN. The label of a
    /// target that has values is the class of the largest one.
    pub fn add(&mut self, outputs: &[f32], target: Target<'_>) {
        let label = match target {
            Target::Class(class) => class,
            Target::Values(values) => argmax(values),
        };
        if outputs.iter().any(|output| output.is_nan()) {
            self.count_cell(label, self.classes);
        } else {
            self.record(label, argmax(outputs));
        }
    }

    /// Adds a prediction. It does not count if it or the label is not one of the classes, as an ignored class may be.
    pub fn record(&mut self, label: usize, prediction: usize) {
        if prediction < self.classes {
            self.count_cell(label, prediction);
        }
    }

    fn count_cell(&mut self, label: usize, prediction: usize) {
        if label < self.classes {
            *self.counts.entry((label, prediction)).or_default() += 1;
        }
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// How often class `label` was taken for class `prediction`; 0 if one of them is not a class.
    #[must_use]
    pub fn get(&self, label: usize, prediction: usize) -> u64 {
        if prediction < self.classes {
            self.cell(label, prediction)
        } else {
            0
        }
    }

    fn cell(&self, label: usize, prediction: usize) -> u64 {
        self.counts.get(&(label, prediction)).copied().unwrap_or(0)
    }

    /// Number of samples of class `label` without a prediction, since an output was NaN.
    #[must_use]
    pub fn without_prediction(&self, label: usize) -> u64 {
        self.cell(label, self.classes)
    }

    /// Number of samples.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.values().sum()
    }

    /// Number of correct predictions.
    #[must_use]
    pub fn correct(&self) -> u64 {
        let cells = self
            .counts
            .iter()
            .filter(|((label, prediction), _)| label == prediction);
        cells.map(|(_, count)| count).sum()
    }

    /// Share of correct predictions; `None` without samples.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.count())
    }

    /// The wrong predictions that occur, as label, prediction and count: the most frequent first, then by class.
    #[must_use]
    pub fn errors(&self) -> Vec<(usize, usize, u64)> {
        let cells = self.counts.iter();
        let is_error = |label: usize, prediction: usize| label != prediction && prediction < self.classes;
        let errors = cells.filter(|&(&(label, prediction), _)| is_error(label, prediction));
        let mut errors: Vec<_> = errors
            .map(|(&(label, prediction), &count)| (label, prediction, count))
            .collect();
        errors.sort_by_key(|&(_, _, count)| Reverse(count));
        errors
    }

    /// Correct share of the predictions of a class; `None` if there are none.
    #[must_use]
    pub fn precision(&self, class: usize) -> Option<f64> {
        self.precisions().get(class).copied().flatten()
    }

    /// Correct share of the samples of a class; `None` if there are none.
    #[must_use]
    pub fn recall(&self, class: usize) -> Option<f64> {
        self.recalls().get(class).copied().flatten()
    }

    /// The [precision](Self::precision) of each class.
    #[must_use]
    pub fn precisions(&self) -> Vec<Option<f64>> {
        self.correct_shares(|(_, prediction)| prediction)
    }

    /// The [recall](Self::recall) of each class.
    #[must_use]
    pub fn recalls(&self) -> Vec<Option<f64>> {
        self.correct_shares(|(label, _)| label)
    }

    /// The correct share of each class's predictions, or of its samples.
    fn correct_shares(&self, class_of: impl Fn((usize, usize)) -> usize) -> Vec<Option<f64>> {
        let mut totals = vec![0; self.classes];
        for (&cell, count) in &self.counts {
            if let Some(total) = totals.get_mut(class_of(cell)) {
                *total += count;
            }
        }
        let totals = totals.into_iter().enumerate();
        totals
            .map(|(class, total)| ratio(self.cell(class, class), total))
            .collect()
    }

    /// Mean [precision](Self::precision) of the classes that occur as labels or predictions; 0 for those that are never
    /// predicted. `None` without samples.
    #[must_use]
    pub fn macro_precision(&self) -> Option<f64> {
        self.mean(|precision, _| precision)
    }

    /// Mean [recall](Self::recall) of the classes that occur as labels or predictions; 0 for those that are never
    /// labels. `None` without samples.
    #[must_use]
    pub fn macro_recall(&self) -> Option<f64> {
        self.mean(|_, recall| recall)
    }

    /// Mean over the classes that occur of their precision or recall.
    fn mean(&self, of_class: impl Fn(Option<f64>, Option<f64>) -> Option<f64>) -> Option<f64> {
        let (mut sum, mut classes) = (0.0, 0);
        for (precision, recall) in self.precisions().into_iter().zip(self.recalls()) {
            if precision.or(recall).is_some() {
                sum += of_class(precision, recall).unwrap_or(0.0);
                classes += 1;
            }
        }
        (classes > 0).then(|| sum / f64::from(classes))
    }

    /// Counts by label (rows) and prediction (columns), with precision and recall at the ends.
    fn write_table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let largest = self.counts.values().max().copied().unwrap_or(0);
        let width = largest.to_string().len().max(7) + 1;
        write!(f, "{:>9}", "label")?;
        for prediction in 0..self.classes {
            write!(f, "{prediction:>width$}")?;
        }
        writeln!(f, "{:>width$}", "recall")?;
        for (label, recall) in self.recalls().into_iter().enumerate() {
            write!(f, "{label:>9}")?;
            for prediction in 0..self.classes {
                write!(f, "{:>width$}", self.get(label, prediction))?;
            }
            writeln!(f, "{:>width$}", percent(recall))?;
        }
        write!(f, "precision")?;
        for precision in self.precisions() {
            write!(f, "{:>width$}", percent(precision))?;
        }
        Ok(())
    }
}

impl fmt::Display for Confusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let samples = counted(self.count() as usize, "sample");
        writeln!(f, "accuracy {} of {samples}", percent(self.accuracy()))?;
        let none: u64 = (0..self.classes).map(|label| self.without_prediction(label)).sum();
        if none > 0 {
            writeln!(f, "without a prediction, since an output is NaN: {none}")?;
        }
        if self.classes <= MAX_PRINTED {
            return self.write_table(f);
        }
        write!(f, "most frequent errors:")?;
        for (label, prediction, count) in self.errors().into_iter().take(MAX_PRINTED) {
            write!(f, "\n{count} times {prediction} for {label}")?;
        }
        Ok(())
    }
}

/// A share in percent, or a dash if there is none.
fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "-".to_owned(), |share| format!("{:.1} %", 100.0 * share))
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
    fn nan_is_no_prediction_and_wrong() {
        let mut confusion = Confusion::new(2);
        confusion.add(&[f32::NAN, 1.0], Target::Class(0));
        confusion.add(&[1.0, f32::NAN], Target::Class(1));
        confusion.add(&[1.0, 0.0], Target::Class(0));
        assert_eq!((confusion.count(), confusion.correct(), confusion.get(0, 0)), (3, 1, 1));
        assert_eq!((confusion.get(1, 0), confusion.get(0, 2)), (0, 0));
        assert_eq!([0, 1].map(|label| confusion.without_prediction(label)), [1, 1]);
        assert_eq!(confusion.recalls(), [Some(0.5), Some(0.0)]);
        assert_eq!(confusion.precisions(), [Some(1.0), None]);
        assert!(confusion.errors().is_empty());
        assert!(confusion.to_string().contains("an output is NaN: 2"), "{confusion}");
    }

    #[test]
    fn a_matrix_prints_as_a_table_or_by_its_errors() {
        let mut confusion = Confusion::new(3);
        for (label, prediction) in [(0, 0), (0, 0), (0, 1), (1, 1)] {
            confusion.record(label, prediction);
        }
        let lines = [
            "accuracy 75.0 % of 4 samples",
            "    label       0       1       2  recall",
            "        0       2       1       0  66.7 %",
            "        1       0       1       0 100.0 %",
            "        2       0       0       0       -",
            "precision 100.0 %  50.0 %       -",
        ];
        assert_eq!(confusion.to_string(), lines.join("\n"));
        let mut many = Confusion::new(30_000);
        for (label, prediction, times) in [(5, 29_999, 1), (7, 8, 3), (0, 0, 2)] {
            (0..times).for_each(|_| many.record(label, prediction));
        }
        let lines = [
            "accuracy 33.3 % of 6 samples",
            "most frequent errors:",
            "3 times 8 for 7",
            "1 times 29999 for 5",
        ];
        assert_eq!(many.to_string(), lines.join("\n"));
        assert_eq!(many.recalls()[7], Some(0.0));
        assert_eq!(
            Confusion::new(0).to_string().lines().next(),
            Some("accuracy - of 0 samples")
        );
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
