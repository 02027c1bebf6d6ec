//! Predictions, and the trait of everything that predicts.

use crate::{
    drawing::sign::{Label, SignName},
    recognition::{model::DIGITS, normalization::Gray28, signs::Sign},
};

/// Probability above which an image reads as a sign: it is then more likely than all digits together.
const SIGN: f32 = 0.5;

/// The probability of a sign that the user has taught.
#[derive(Debug, Clone, PartialEq)]
pub struct SignProbability {
    /// The sign's name.
    pub name: SignName,
    /// How likely the image shows it.
    pub probability: f32,
}

/// The prediction for one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Prediction {
    /// Probability of each digit from 0 to 9; with those of the signs they sum to 1.
    pub probabilities: [f32; DIGITS],
    /// Probability of each sign that the user has taught, in the order in which they were taught.
    pub signs: Vec<SignProbability>,
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

    /// The sign that the image reads as, if it reads as a sign.
    pub fn sign(&self) -> Option<&SignProbability> {
        self.signs.iter().find(|sign| sign.probability > SIGN)
    }

    /// What the image reads as: a sign, or the most probable digit.
    pub fn label(&self) -> Label {
        match self.sign() {
            Some(sign) => Label::Sign(sign.name.clone()),
            None => Label::Digit(self.digit()),
        }
    }

    /// Probability of a digit or a sign; 0 for a sign that was not taught.
    pub fn probability_of(&self, label: &Label) -> f32 {
        match label {
            Label::Digit(digit) => self.probabilities[usize::from(*digit)],
            Label::Sign(name) => {
                let sign = self.signs.iter().find(|sign| sign.name == *name);
                sign.map_or(0.0, |sign| sign.probability)
            }
        }
    }

    /// Probability of what the image reads as.
    pub fn probability(&self) -> f32 {
        let of_digit = || self.probabilities[usize::from(self.digit())];
        self.sign().map_or_else(of_digit, |sign| sign.probability)
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
            signs: Vec::new(),
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
    fn a_sign_is_read_where_it_is_likelier_than_all_digits_together() {
        let name = SignName::new("pi").unwrap();
        for (probability, label) in [(0.4, Label::Digit(3)), (0.6, Label::Sign(name.clone()))] {
            let mut prediction = prediction([0.0; 10]);
            prediction.probabilities[3] = 1.0 - probability;
            let other = SignName::new("A").unwrap();
            let sign = |name: &SignName, probability| SignProbability {
                name: name.clone(),
                probability,
            };
            prediction.signs = vec![sign(&other, 0.0), sign(&name, probability)];
            assert_eq!(prediction.label(), label);
            assert_eq!(prediction.probability(), 0.6);
            assert_eq!(prediction.digit(), 3);
        }
    }

    #[test]
    fn the_smaller_of_equals_wins() {
        assert_eq!(prediction([0.1; 10]).digit(), 0);
    }
}
