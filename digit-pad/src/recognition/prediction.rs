//! Predictions, and the trait of everything that predicts.

use crate::recognition::{model::DIGITS, normalization::Gray28, signs::Sign};

/// The prediction for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Probability of each digit from 0 to 9; they sum to 1.
    pub probabilities: [f32; DIGITS],
    /// Whether the classifier is sure. If not, the image may not be a digit at all.
    pub known: bool,
    /// Time of the prediction in microseconds; 0 where there is no clock.
    pub microseconds: f32,
}

impl Prediction {
    /// The most probable digit; the smaller one of equals.
    pub fn digit(&self) -> u8 {
        let mut best = 0;
        for digit in 1..DIGITS {
            if self.probabilities[digit] > self.probabilities[best] {
                best = digit;
            }
        }
        best as u8
    }

    /// Probability of the most probable digit.
    pub fn probability(&self) -> f32 {
        self.probabilities[usize::from(self.digit())]
    }
}

/// A classifier of normalized images: the recognizer, or any function, as in tests.
pub trait Classifier {
    /// Classifies one normalized image.
    fn classify(&mut self, pixels: &Gray28) -> Prediction;

    /// The most probable sign of arithmetic for a normalized image, and its probability; `None` if it knows no signs.
    fn classify_sign(&mut self, _pixels: &Gray28) -> Option<(Sign, f32)> {
        None
    }
}

impl<F: FnMut(&Gray28) -> Prediction> Classifier for F {
    fn classify(&mut self, pixels: &Gray28) -> Prediction {
        self(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prediction(probabilities: [f32; 10]) -> Prediction {
        Prediction {
            probabilities,
            known: true,
            microseconds: 0.0,
        }
    }

    #[test]
    fn the_most_probable_digit_wins() {
        for digit in 0..10 {
            let mut probabilities = [0.05; 10];
            probabilities[digit] = 0.55;
            let prediction = prediction(probabilities);
            assert_eq!(usize::from(prediction.digit()), digit);
            assert_eq!(prediction.probability(), 0.55);
        }
    }

    #[test]
    fn the_smaller_of_equals_wins() {
        assert_eq!(prediction([0.1; 10]).digit(), 0);
    }
}
