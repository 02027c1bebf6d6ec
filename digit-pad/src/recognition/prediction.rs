//! Predictions, and the trait of everything that predicts.

use crate::recognition::normalization::Gray28;

/// What was read in one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// The probability of each digit from 0 to 9; they sum to 1.
    pub probabilities: [f32; 10],
    /// Whether the picture looks like a digit at all; if not, the answer is "I don't know".
    pub known: bool,
    /// How long the reading took, in microseconds.
    pub microseconds: f32,
}

impl Prediction {
    /// The most probable digit; the smaller one of two that are equally probable.
    pub fn digit(&self) -> u8 {
        let mut best = 0;
        for digit in 1..10 {
            if self.probabilities[digit] > self.probabilities[best] {
                best = digit;
            }
        }
        best as u8
    }

    /// The probability of the most probable digit.
    pub fn probability(&self) -> f32 {
        self.probabilities[usize::from(self.digit())]
    }
}

/// Anything that reads digits: the recogniser, or a stand-in in tests.
pub trait Classifier {
    /// Reads one normalised picture.
    fn classify(&mut self, pixels: &Gray28) -> Prediction;
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
