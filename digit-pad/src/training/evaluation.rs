//! Evaluation: accuracy, precision and recall of each class, calibration error, and the most confident errors.

use std::collections::BTreeMap;

/// Number of equally wide bins of probabilities.
const BINS: usize = 10;

/// The prediction for a labeled image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Index of the image.
    pub index: usize,
    /// The label.
    pub label: usize,
    /// The predicted class.
    pub predicted: usize,
    /// Probability of the predicted class.
    pub probability: f32,
}

impl Answer {
    /// Whether the prediction is correct.
    #[must_use]
    pub fn is_correct(&self) -> bool {
        self.label == self.predicted
    }
}

/// Counts of predictions, from which all metrics follow.
#[derive(Debug, Clone, PartialEq)]
pub struct Metrics {
    classes: usize,
    /// Counts by label and prediction, without zeros.
    confusion: BTreeMap<(usize, usize), u64>,
    bins: [Bin; BINS],
}

/// Predictions with a probability in some range.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: u64,
    correct: u64,
    /// Sum of the probabilities.
    confidence: f64,
}

impl Metrics {
    /// No predictions yet, of that many classes.
    #[must_use]
    pub fn new(classes: usize) -> Self {
        Metrics {
            classes,
            confusion: BTreeMap::new(),
            bins: [Bin::default(); BINS],
        }
    }

    fn add(&mut self, answer: &Answer) {
        let most = answer.label.max(answer.predicted);
        assert!(most < self.classes, "class {most} of {} classes", self.classes);
        *self.confusion.entry((answer.label, answer.predicted)).or_default() += 1;
        let bin = &mut self.bins[bin_index(answer.probability)];
        bin.count += 1;
        bin.correct += u64::from(answer.is_correct());
        bin.confidence += f64::from(answer.probability);
    }

    /// Number of classes.
    #[must_use]
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// Number of images with that label that were predicted as that class: a cell of the confusion matrix.
    #[must_use]
    pub fn confusion(&self, label: usize, predicted: usize) -> u64 {
        self.confusion.get(&(label, predicted)).copied().unwrap_or(0)
    }

    /// The largest count of a wrong prediction.
    #[must_use]
    pub fn most_frequent_error(&self) -> u64 {
        let errors = self
            .confusion
            .iter()
            .filter(|((label, predicted), _)| label != predicted);
        errors.map(|(_, &count)| count).max().unwrap_or(0)
    }

    /// Number of predictions.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// Number of correct predictions.
    #[must_use]
    pub fn correct(&self) -> u64 {
        self.bins.iter().map(|bin| bin.correct).sum()
    }

    /// Fraction of correct predictions; `None` without predictions.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        ratio(self.correct(), self.count())
    }

    /// Precision of each class: the correct fraction of its predictions; `None` where there are none.
    #[must_use]
    pub fn precision(&self) -> Vec<Option<f64>> {
        self.correct_share(|(_, predicted)| predicted)
    }

    /// Recall of each class: the correct fraction of its images; `None` where there are none.
    #[must_use]
    pub fn recall(&self) -> Vec<Option<f64>> {
        self.correct_share(|(label, _)| label)
    }

    /// The correct fraction of each class's predictions, or of its images.
    fn correct_share(&self, class_of: impl Fn((usize, usize)) -> usize) -> Vec<Option<f64>> {
        let mut totals = vec![0; self.classes];
        for (&cell, &count) in &self.confusion {
            totals[class_of(cell)] += count;
        }
        let share = |(class, &total): (usize, &u64)| ratio(self.confusion(class, class), total);
        totals.iter().enumerate().map(share).collect()
    }

    /// Expected calibration error: the mean distance between the probability of predictions and the accuracy of those
    /// with about that probability, in ten equally wide bins (Guo, Pleiss, Sun and Weinberger, "On Calibration of
    /// Modern Neural Networks", 2017). `None` without predictions.
    #[must_use]
    pub fn calibration_error(&self) -> Option<f64> {
        // count / N · |correct / count - confidence / count|, where the count of the bin cancels out.
        let gap = |bin: &Bin| (bin.correct as f64 - bin.confidence).abs();
        let count = self.count();
        (count > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / count as f64)
    }
}

/// # Panics
///
/// If a label or a prediction is not one of the classes.
impl Extend<Answer> for Metrics {
    fn extend<I: IntoIterator<Item = Answer>>(&mut self, answers: I) {
        for answer in answers {
            self.add(&answer);
        }
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Index of the bin of a probability. Bins include their upper bounds, and the first one 0.
fn bin_index(probability: f32) -> usize {
    let above = (probability * BINS as f32).ceil() as usize;
    above.saturating_sub(1).min(BINS - 1)
}

/// The errors among predictions, at most `count`: the most confident first, then by order.
#[must_use]
pub fn most_confident_errors(answers: impl Iterator<Item = Answer>, count: usize) -> Vec<Answer> {
    let mut errors: Vec<Answer> = answers.filter(|answer| !answer.is_correct()).collect();
    errors.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    errors.truncate(count);
    errors
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(answers: &[(usize, usize, f32)]) -> Metrics {
        let mut metrics = Metrics::new(8);
        metrics.extend(answers.iter().map(|&(label, predicted, probability)| Answer {
            index: 0,
            label,
            predicted,
            probability,
        }));
        metrics
    }

    fn assert_close(found: Option<f64>, expected: f64) {
        let found = found.expect("a number");
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn without_predictions_metrics_are_undefined() {
        let none = Metrics::new(3);
        assert_eq!((none.count(), none.correct(), none.most_frequent_error()), (0, 0, 0));
        assert_eq!((none.precision(), none.recall()), (vec![None; 3], vec![None; 3]));
        assert_eq!((none.accuracy(), none.calibration_error()), (None, None));
    }

    #[test]
    fn precision_counts_predictions_and_recall_images() {
        // Two of three threes are correct, a four is taken for a three, and seven is never predicted.
        let metrics = metrics(&[(3, 3, 0.9), (3, 3, 0.9), (3, 4, 0.6), (4, 3, 0.6), (7, 3, 0.6)]);
        let (precision, recall) = (metrics.precision(), metrics.recall());
        assert_eq!((precision[3], recall[3]), (Some(0.5), Some(2.0 / 3.0)));
        assert_eq!((precision[4], recall[4]), (Some(0.0), Some(0.0)));
        assert_eq!((precision[7], recall[7]), (None, Some(0.0)));
        assert_eq!((precision[0], recall[0]), (None, None));
        assert_eq!(
            (
                metrics.confusion(3, 4),
                metrics.confusion(4, 3),
                metrics.confusion(3, 3)
            ),
            (1, 1, 2)
        );
        assert_eq!(metrics.most_frequent_error(), 1);
        assert_eq!(
            (metrics.count(), metrics.correct(), metrics.accuracy()),
            (5, 2, Some(0.4))
        );
    }

    #[test]
    fn calibration_error_is_as_calculated_by_hand() {
        // Certain and correct: no error. Certain and wrong: an error of 1.
        assert_close(metrics(&[(1, 1, 1.0)]).calibration_error(), 0.0);
        assert_close(metrics(&[(1, 2, 1.0)]).calibration_error(), 1.0);
        // One bin: four predictions of 0.75, three of them correct.
        let fair = [(0, 0, 0.75), (1, 1, 0.75), (2, 2, 0.75), (3, 4, 0.75)];
        assert_close(metrics(&fair).calibration_error(), 0.0);
        // In one bin errors cancel: |1 - (0.92 + 0.98) / 2| = 0.05 = |1/1 · 0.05|.
        assert_close(metrics(&[(5, 5, 0.92), (6, 6, 0.98)]).calibration_error(), 0.05);
        // Two bins: 3/5 · |2/3 - 0.95| + 2/5 · |1/2 - 0.55| = 0.17 + 0.02.
        let two = [(0, 0, 0.94), (0, 0, 0.95), (0, 1, 0.96), (0, 0, 0.54), (0, 1, 0.56)];
        assert_close(metrics(&two).calibration_error(), 0.19);
    }

    #[test]
    fn bins_include_their_upper_bounds() {
        for (probability, bin) in [
            (0.0, 0),
            (0.1, 0),
            (0.11, 1),
            (0.5, 4),
            (0.51, 5),
            (0.91, 9),
            (1.0, 9),
            (1.1, 9),
        ] {
            assert_eq!(bin_index(probability), bin, "{probability}");
        }
    }

    #[test]
    fn the_most_confident_errors_come_first() {
        let answer = |index, predicted, probability| Answer {
            index,
            label: 4,
            predicted,
            probability,
        };
        let answers = [
            answer(0, 9, 0.4),
            answer(1, 9, 0.99),
            answer(2, 4, 1.0),
            answer(3, 7, 0.7),
            answer(4, 7, 0.99),
        ];
        let order = |count| -> Vec<usize> {
            let errors = most_confident_errors(answers.into_iter(), count);
            errors.iter().map(|error| error.index).collect()
        };
        assert_eq!(order(3), [1, 4, 3]);
        assert_eq!(order(9), [1, 4, 3, 0]);
    }
}
