//! What the recogniser makes of one picture, and what anything that reads pictures looks like from outside.

use crate::recognition::normalization::Grey28;

/// What was read in one picture.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// The probability of each digit from 0 to 9; they sum to 1.
    pub probabilities: [f32; 10],
    /// Whether the picture looks like a digit at all; if not, the answer is "I don't know".
    pub known: bool,
    /// How long the reading took, in microseconds.
    pub microseconds: f32,
}

impl Reading {
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
pub trait Reader {
    /// Reads one normalised picture.
    fn read(&mut self, pixels: &Grey28) -> Reading;
}

impl<F: FnMut(&Grey28) -> Reading> Reader for F {
    fn read(&mut self, pixels: &Grey28) -> Reading {
        self(pixels)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(probabilities: [f32; 10]) -> Reading {
        Reading {
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
            let reading = reading(probabilities);
            assert_eq!(usize::from(reading.digit()), digit);
            assert_eq!(reading.probability(), 0.55);
        }
    }

    #[test]
    fn the_smaller_of_equals_wins() {
        assert_eq!(reading([0.1; 10]).digit(), 0);
    }
}
