//! Evaluation: precision and recall of each digit, calibration, and the worst misclassifications.

use crate::recognition::model::DIGITS;

/// Bins of equal width that probabilities are sorted into.
const BINS: usize = 10;

/// What was read in an image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Answer {
    /// Which image.
    pub index: usize,
    /// The digit that it is.
    pub label: u8,
    /// The digit that was read.
    pub digit: u8,
    /// The probability of the digit that was read.
    pub probability: f32,
}

impl Answer {
    /// Whether it was read rightly.
    #[must_use]
    pub fn is_correct(&self) -> bool {
        self.label == self.digit
    }
}

/// Counts of what was read, from which all figures follow.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    /// How often a digit (the row) was read as which (the column).
    confusion: [[u64; DIGITS]; DIGITS],
    bins: [Bin; BINS],
}

/// The answers whose probability lies in a range.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Bin {
    count: u64,
    correct: u64,
    /// The sum of their probabilities.
    confidence: f64,
}

impl Metrics {
    fn add(&mut self, answer: &Answer) {
        self.confusion[usize::from(answer.label)][usize::from(answer.digit)] += 1;
        let bin = &mut self.bins[bin_of(answer.probability)];
        bin.count += 1;
        bin.correct += u64::from(answer.is_correct());
        bin.confidence += f64::from(answer.probability);
    }

    /// How often a digit (the row) was read as which (the column).
    #[must_use]
    pub fn confusion(&self) -> &[[u64; DIGITS]; DIGITS] {
        &self.confusion
    }

    /// How many answers there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// How many of them were right.
    #[must_use]
    pub fn correct(&self) -> u64 {
        self.bins.iter().map(|bin| bin.correct).sum()
    }

    /// The share of them that were right; none without answers.
    #[must_use]
    pub fn accuracy(&self) -> Option<f64> {
        share(self.correct(), self.count())
    }

    /// For each digit the share of its answers that are right; none where it was never the answer.
    #[must_use]
    pub fn precision(&self) -> [Option<f64>; DIGITS] {
        std::array::from_fn(|digit| {
            let answers = self.confusion.iter().map(|row| row[digit]).sum();
            share(self.confusion[digit][digit], answers)
        })
    }

    /// For each digit the share of its images that are read rightly; none where it has no images.
    #[must_use]
    pub fn recall(&self) -> [Option<f64>; DIGITS] {
        std::array::from_fn(|digit| {
            let images = self.confusion[digit].iter().sum();
            share(self.confusion[digit][digit], images)
        })
    }

    /// The expected calibration error: how far, on the mean over all answers, their probability is from the share that
    /// is right among those of about that probability; none without answers. Ten bins of equal width, as in Guo,
    /// Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017.
    #[must_use]
    pub fn calibration_error(&self) -> Option<f64> {
        // count / N · |correct / count - confidence / count|, without the count that cancels.
        let gap = |bin: &Bin| (bin.correct as f64 - bin.confidence).abs();
        let count = self.count();
        (count > 0).then(|| self.bins.iter().map(gap).sum::<f64>() / count as f64)
    }
}

/// # Panics
/// If a label or a digit is none of the ten.
impl Extend<Answer> for Metrics {
    fn extend<I: IntoIterator<Item = Answer>>(&mut self, answers: I) {
        for answer in answers {
            self.add(&answer);
        }
    }
}

fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// A bin holds its upper bound, and the first one 0 as well.
fn bin_of(probability: f32) -> usize {
    let above = (probability * BINS as f32).ceil() as usize;
    above.saturating_sub(1).min(BINS - 1)
}

/// The wrong ones among the answers, at most `count`: the most confident first, of equals the earlier.
#[must_use]
pub fn worst_mistakes(answers: impl Iterator<Item = Answer>, count: usize) -> Vec<Answer> {
    let mut mistakes: Vec<Answer> = answers.filter(|answer| !answer.is_correct()).collect();
    mistakes.sort_by(|a, b| b.probability.total_cmp(&a.probability));
    mistakes.truncate(count);
    mistakes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn metrics(answers: &[(u8, u8, f32)]) -> Metrics {
        let mut metrics = Metrics::default();
        metrics.extend(answers.iter().map(|&(label, digit, probability)| Answer {
            index: 0,
            label,
            digit,
            probability,
        }));
        metrics
    }

    fn assert_close(found: Option<f64>, expected: f64) {
        let found = found.expect("a number");
        assert!((found - expected).abs() < 1e-6, "{found} is not {expected}");
    }

    #[test]
    fn without_answers_nothing_is_defined() {
        let none = Metrics::default();
        assert_eq!((none.count(), none.correct()), (0, 0));
        assert_eq!((none.precision(), none.recall()), ([None; DIGITS], [None; DIGITS]));
        assert_eq!((none.accuracy(), none.calibration_error()), (None, None));
    }

    #[test]
    fn precision_goes_by_answers_and_recall_by_images() {
        // Of three threes two are read, a four is taken for the third three, and no seven is ever read.
        let metrics = metrics(&[(3, 3, 0.9), (3, 3, 0.9), (3, 4, 0.6), (4, 3, 0.6), (7, 3, 0.6)]);
        let (precision, recall) = (metrics.precision(), metrics.recall());
        assert_eq!((precision[3], recall[3]), (Some(0.5), Some(2.0 / 3.0)));
        assert_eq!((precision[4], recall[4]), (Some(0.0), Some(0.0)));
        assert_eq!((precision[7], recall[7]), (None, Some(0.0)));
        assert_eq!((precision[0], recall[0]), (None, None));
        assert_eq!((metrics.confusion()[3][4], metrics.confusion()[4][3]), (1, 1));
        assert_eq!(
            (metrics.count(), metrics.correct(), metrics.accuracy()),
            (5, 2, Some(0.4))
        );
    }

    #[test]
    fn calibration_is_as_calculated_by_hand() {
        // Sure and right: no error. Sure and wrong: nothing but error.
        assert_close(metrics(&[(1, 1, 1.0)]).calibration_error(), 0.0);
        assert_close(metrics(&[(1, 2, 1.0)]).calibration_error(), 1.0);
        // One bin: four answers of 0.75, three of them right.
        let fair = [(0, 0, 0.75), (1, 1, 0.75), (2, 2, 0.75), (3, 4, 0.75)];
        assert_close(metrics(&fair).calibration_error(), 0.0);
        // In one bin errors cancel: |1 - (0.92 + 0.98) / 2| = 0.05 = |1/1 · 0.05|.
        assert_close(metrics(&[(5, 5, 0.92), (6, 6, 0.98)]).calibration_error(), 0.05);
        // Two bins: 3/5 · |2/3 - 0.95| + 2/5 · |1/2 - 0.55| = 0.17 + 0.02.
        let two = [(0, 0, 0.94), (0, 0, 0.95), (0, 1, 0.96), (0, 0, 0.54), (0, 1, 0.56)];
        assert_close(metrics(&two).calibration_error(), 0.19);
    }

    #[test]
    fn bins_hold_their_upper_bounds() {
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
            assert_eq!(bin_of(probability), bin, "{probability}");
        }
    }

    #[test]
    fn the_most_confident_mistakes_are_the_worst() {
        let answer = |index, digit, probability| Answer {
            index,
            label: 4,
            digit,
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
            let mistakes = worst_mistakes(answers.into_iter(), count);
            mistakes.iter().map(|mistake| mistake.index).collect()
        };
        assert_eq!(order(3), [1, 4, 3]);
        assert_eq!(order(9), [1, 4, 3, 0]);
    }
}
