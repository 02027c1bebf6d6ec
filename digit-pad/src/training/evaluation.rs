//! Evaluation: a confusion matrix, calibration error, and the most confident errors.

use nn_core::metrics::Confusion;

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
    confusion: Confusion,
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
            confusion: Confusion::new(classes),
            bins: [Bin::default(); BINS],
        }
    }

    fn add(&mut self, answer: &Answer) {
        let (most, classes) = (answer.label.max(answer.predicted), self.confusion.classes());
        assert!(most < classes, "class {most} of {classes} classes");
        self.confusion.record(answer.label, answer.predicted);
        let bin = &mut self.bins[bin_index(answer.probability)];
        bin.count += 1;
        bin.correct += u64::from(answer.is_correct());
        bin.confidence += f64::from(answer.probability);
    }

    /// How often each class was taken for each class: accuracy, precision and recall.
    #[must_use]
    pub fn confusion(&self) -> &Confusion {
        &self.confusion
    }

    /// Expected calibration error: the mean distance between the probability of predictions and the accuracy of those
    /// with about that probability, in ten equally wide bins (Guo, Pleiss, Sun and Weinberger, "On Calibration of
    /// Modern Neural Networks", 2017). `None` without predictions.
    #[must_use]
    pub fn calibration_error(&self) -> Option<f64> {
        // count / N · |correct / count - confidence / count|, where the count of the bin cancels out.
        let gap = |bin: &Bin| (bin.correct as f64 - bin.confidence).abs();
        let count = self.confusion.count();
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
        assert_eq!((none.confusion().count(), none.calibration_error()), (0, None));
    }

    #[test]
    fn predictions_are_counted_in_the_confusion_matrix() {
        let metrics = metrics(&[(3, 3, 0.9), (3, 3, 0.9), (3, 4, 0.6), (4, 3, 0.6)]);
        let confusion = metrics.confusion();
        assert_eq!(
            (confusion.get(3, 3), confusion.get(3, 4), confusion.get(4, 3)),
            (2, 1, 1)
        );
        assert_eq!((confusion.classes(), confusion.accuracy()), (8, Some(0.5)));
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
