//! Odds of the signs that the user has taught, beside the digits.
//!
//! A sign has few examples, so nothing is trained for it: like a prototypical network (Snell et al., 2017, "Prototypical
//! Networks for Few-shot Learning"), it compares an image with the examples in the network's feature space, here with the
//! nearest one. What the network says of the digits counts too: an image that it reads surely as a digit must resemble an
//! example more to be read as a sign.

use crate::recognition::model::DIGITS;

/// Logistic regression of whether an image shows the sign: log-odds at cosine similarity 0.7 where the digits are even.
///
/// Fitted to the letters and digits in `data/` that people of the sites app and apa have drawn, with 1, 3 and 5 examples a
/// sign; other letters and digits weigh four times as much as the sign.
const LOG_ODDS: f32 = 1.2;
/// Cosine similarity at which that holds.
const AT_COSINE: f32 = 0.7;
/// Log-odds for each unit of cosine similarity.
const PER_COSINE: f32 = 26.4;
/// Log-odds for each unit of the log-odds of the most probable digit.
const PER_DIGIT: f32 = -0.72;
/// Most probability of a digit that counts, so that an example that looks like a digit can still be taught.
const SUREST_DIGIT: f32 = 0.9999;

/// The probabilities of the digits and of the signs, from those of the digits alone and the cosine similarity with the
/// nearest example of each sign. Together they sum to 1.
pub(super) fn with_signs(digits: [f32; DIGITS], cosines: &[f32]) -> ([f32; DIGITS], Vec<f32>) {
    let surest = digits.iter().copied().fold(0.0, f32::max).min(SUREST_DIGIT);
    let of_digit = PER_DIGIT * (surest / (1.0 - surest)).ln();
    let odds = |&cosine: &f32| (LOG_ODDS + PER_COSINE * (cosine - AT_COSINE) + of_digit).exp();
    let signs: Vec<f32> = cosines.iter().map(odds).collect();
    let all = 1.0 + signs.iter().sum::<f32>();
    (
        digits.map(|digit| digit / all),
        signs.into_iter().map(|sign| sign / all).collect(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Digits of which 3 has that probability.
    fn digits(three: f32) -> [f32; DIGITS] {
        let mut digits = [(1.0 - three) / 9.0; DIGITS];
        digits[3] = three;
        digits
    }

    #[test]
    fn all_probabilities_sum_to_one() {
        for (three, cosines) in [
            (0.3, &[][..]),
            (0.1, &[0.9, 0.2]),
            (1.0, &[1.0]),
            (0.5, &[-1.0, 0.0, 1.0]),
        ] {
            let (digits, signs) = with_signs(digits(three), cosines);
            let sum = digits.iter().chain(&signs).sum::<f32>();
            assert!((sum - 1.0).abs() < 1e-5, "{three} {cosines:?}: {sum}");
        }
    }

    #[test]
    fn a_sign_is_read_near_its_example_alone() {
        let sign = |three, cosine| with_signs(digits(three), &[cosine]).1[0];
        assert!(
            sign(0.2, 0.5) < 0.1,
            "an image that is no digit and not like the example"
        );
        assert!(sign(0.2, 0.8) > 0.9, "one that is no digit and like it");
        assert!(sign(1.0, 0.8) < 0.3, "a sure digit that is somewhat like it");
        assert!(
            sign(1.0, 1.0) > 0.9,
            "the example itself, though the network took it for a digit"
        );
    }

    #[test]
    fn without_a_sign_nearby_the_digits_stay_as_they_are() {
        let before = digits(0.9);
        let (after, _) = with_signs(before, &[0.1, f32::NEG_INFINITY]);
        assert!(
            after
                .iter()
                .zip(before)
                .all(|(after, before)| (after - before).abs() < 1e-5)
        );
    }
}
