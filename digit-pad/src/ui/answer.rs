//! How sure an answer is: sure, between two digits, or perhaps no digit at all.

use crate::recognition::{model::DIGITS, prediction::Prediction};

/// Smallest probability of a second digit that is worth a word.
const NOTABLE: f32 = 0.02;

/// Smallest probability of the two most probable digits together at which the drawing is one of these.
const ONE_OF_TWO: f32 = 0.8;

/// How sure a prediction is of its most probable digit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Sure; the second digit, if its probability is worth a word.
    Sure(Option<u8>),
    /// One of two digits: the most probable one or this.
    Or(u8),
    /// Perhaps no digit.
    NoDigit,
}

impl Answer {
    /// The answer that a prediction gives.
    pub fn of(prediction: &Prediction) -> Self {
        let probability = |digit: u8| prediction.probabilities[usize::from(digit)];
        let best = prediction.digit();
        let others = (0..DIGITS as u8).filter(|&digit| digit != best);
        // The smaller one of equals, as for the most probable digit.
        let second = others.reduce(|a, b| if probability(b) > probability(a) { b } else { a });
        let second = second.filter(|&digit| probability(digit) >= NOTABLE);
        match second {
            _ if prediction.known => Answer::Sure(second),
            Some(second) if probability(best) + probability(second) >= ONE_OF_TWO => Answer::Or(second),
            _ => Answer::NoDigit,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(known: bool, probabilities: &[(usize, f32)]) -> Answer {
        let mut all = [0.0; DIGITS];
        probabilities.iter().for_each(|&(digit, p)| all[digit] = p);
        Answer::of(&Prediction {
            probabilities: all,
            signs: Vec::new(),
            known,
            microseconds: 0.0,
        })
    }

    #[test]
    fn answers_have_three_grades() {
        for (known, probabilities, expected) in [
            (true, vec![(7, 0.999), (1, 0.001)], Answer::Sure(None)),
            (true, vec![(7, 0.97), (1, 0.03)], Answer::Sure(Some(1))),
            (true, vec![(0, 0.98), (9, 0.02)], Answer::Sure(Some(9))),
            (false, vec![(1, 0.55), (7, 0.43)], Answer::Or(7)),
            (false, vec![(9, 0.55), (0, 0.25)], Answer::Or(0)),
            (false, vec![(9, 0.55), (0, 0.24)], Answer::NoDigit),
            (false, vec![(3, 0.31), (5, 0.3), (8, 0.3)], Answer::NoDigit),
            // An ink that is no digit can look much like one.
            (false, vec![(3, 0.99), (5, 0.01)], Answer::NoDigit),
            (false, vec![(4, 0.5), (2, 0.5)], Answer::Or(4)),
            (false, vec![], Answer::NoDigit),
        ] {
            assert_eq!(answer(known, &probabilities), expected, "{probabilities:?}");
        }
    }

    #[test]
    fn the_second_digit_is_never_the_first_nor_chosen_by_values_that_are_not_finite() {
        for bad in [f32::NAN, f32::NEG_INFINITY, -1.0] {
            assert_eq!(answer(false, &[(0, bad), (1, bad)]), Answer::NoDigit, "{bad}");
            assert_eq!(answer(true, &[(5, 1.0), (6, bad)]), Answer::Sure(None), "{bad}");
        }
    }
}
