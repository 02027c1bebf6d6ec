//! Why a digit is read as it is: how much each part of its ink speaks for each digit.
//!
//! By occlusion (Zeiler and Fergus, 2014, "Visualizing and Understanding Convolutional Networks", section 4.2): where a
//! patch of the network input is blanked, what the log-odds of a digit lose is what the patch spoke for it.

use crate::{
    error::Error,
    recognition::{
        model::{DIGITS, Model},
        normalization::{Gray28, PIXELS, SIDE},
        predictor::Predictor,
    },
};

/// Width and height of a patch, in pixels: about twice the thickness of a stroke.
const PATCH: usize = 5;
/// Distance from a patch to the next, in pixels.
const STRIDE: usize = 2;
/// Images of a batch.
const BATCH: usize = 64;
/// Log-odds that a patch must change at least to be shown in full color. With less, all of the ink says little.
const LEAST_PEAK: f32 = 1.0;

/// How much each pixel of a network input speaks for each digit.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pixels: Gray28,
    /// The change of log-odds, digit by digit.
    support: Vec<[f32; PIXELS]>,
}

impl Explanation {
    /// The network input that is explained.
    pub fn pixels(&self) -> &Gray28 {
        &self.pixels
    }

    /// An explanation of these parts: the network input, and the change of log-odds at each pixel, digit by digit.
    #[cfg(feature = "app")]
    pub(crate) fn from_parts(pixels: Gray28, support: Vec<[f32; PIXELS]>) -> Self {
        Explanation { pixels, support }
    }

    /// The change of log-odds at each pixel, digit by digit.
    #[cfg(feature = "app")]
    pub(crate) fn parts(&self) -> &[[f32; PIXELS]] {
        &self.support
    }

    /// How much each pixel speaks for a digit, from −1, against it, to 1; 0 for a digit above 9.
    pub fn support(&self, digit: u8) -> [f32; PIXELS] {
        let Some(support) = self.support.get(usize::from(digit)) else {
            return [0.0; PIXELS];
        };
        let peak = support.iter().fold(LEAST_PEAK, |peak, value| peak.max(value.abs()));
        support.map(|value| value / peak)
    }
}

/// Computes explanations of what a model reads.
///
/// ```
/// use digit_pad::recognition::{explanation::Explainer, model::Model};
///
/// let mut bar = [0; 784];
/// (4..24).for_each(|y| bar[28 * y + 13..][..3].fill(255));
/// let explanation = Explainer::new(Model::embedded()?)?.explain(&bar)?;
/// assert!(explanation.support(1)[28 * 14 + 14] > 0.0, "the bar speaks for a one");
/// # Ok::<(), digit_pad::Error>(())
/// ```
#[derive(Debug)]
pub struct Explainer {
    predictor: Predictor,
}

impl Explainer {
    /// An explainer of a model.
    ///
    /// # Errors
    /// If the model does not take 28×28 gray pixels, or its classes are not the digits.
    pub fn new(model: Model) -> Result<Self, Error> {
        model.check_digits("use a model of digits")?;
        Ok(Explainer {
            predictor: Predictor::new(model, BATCH)?,
        })
    }

    /// Explains the reading of a normalized image.
    ///
    /// # Errors
    /// [`Error::NotFinite`] if the model's outputs are not finite.
    pub fn explain(&mut self, pixels: &Gray28) -> Result<Explanation, Error> {
        let corners = patches(pixels);
        let mut images = vec![*pixels];
        images.extend(corners.iter().map(|&corner| without_patch(pixels, corner)));
        let odds = self.log_odds(&images)?;
        let (whole, occluded) = odds.split_first().expect("there is the image itself");
        let mut support = vec![[0.0; PIXELS]; DIGITS];
        let mut covered = [0.0; PIXELS];
        for (&corner, odds) in corners.iter().zip(occluded) {
            for pixel in patch(corner) {
                covered[pixel] += 1.0;
                for digit in 0..DIGITS {
                    support[digit][pixel] += whole[digit] - odds[digit];
                }
            }
        }
        for (value, &covered) in support.iter_mut().flat_map(|values| values.iter_mut().zip(&covered)) {
            *value /= f32::max(covered, 1.0);
        }
        Ok(Explanation {
            pixels: *pixels,
            support,
        })
    }

    /// The log-odds of each digit against all others, image by image.
    ///
    /// # Errors
    /// As [`explain`](Self::explain).
    pub(super) fn log_odds(&mut self, images: &[Gray28]) -> Result<Vec<[f32; DIGITS]>, Error> {
        let mut all = Vec::with_capacity(images.len());
        for batch in images.chunks(BATCH) {
            let logits = self.predictor.logits(batch.as_flattened())?;
            all.extend(logits.chunks_exact(DIGITS).map(log_odds));
        }
        Ok(all)
    }
}

/// The log-odds of each digit against all others.
fn log_odds(logits: &[f32]) -> [f32; DIGITS] {
    std::array::from_fn(|digit| {
        let others = || (0..DIGITS).filter(|&other| other != digit).map(|other| logits[other]);
        let largest = others().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = others().map(|logit| (logit - largest).exp()).sum();
        logits[digit] - largest - sum.ln()
    })
}

/// The upper left corners of patches that cover ink.
fn patches(pixels: &Gray28) -> Vec<(usize, usize)> {
    let starts = || (0..=SIDE - PATCH).step_by(STRIDE).chain([SIDE - PATCH]);
    let corners = starts().flat_map(|top| starts().map(move |left| (left, top)));
    corners
        .filter(|&corner| patch(corner).any(|pixel| pixels[pixel] > 0))
        .collect()
}

/// The pixels of a patch.
fn patch((left, top): (usize, usize)) -> impl Iterator<Item = usize> {
    (top..top + PATCH).flat_map(move |y| (left..left + PATCH).map(move |x| y * SIDE + x))
}

fn without_patch(pixels: &Gray28, corner: (usize, usize)) -> Gray28 {
    let mut image = *pixels;
    patch(corner).for_each(|pixel| image[pixel] = 0);
    image
}

#[cfg(test)]
mod tests {
    use nn_core::{Network, Tensor};

    use super::*;

    /// A model whose logit of a digit is a pixel's brightness times a weight.
    fn model_of(weights: &[(usize, usize, f32)]) -> Model {
        let mut network = Network::zeroed("784 | dense 10".parse().unwrap()).unwrap();
        let mut values = vec![0.0; DIGITS * PIXELS];
        for &(digit, pixel, weight) in weights {
            values[digit * PIXELS + pixel] = weight;
        }
        let tensor = |name: &str, shape: Vec<usize>, values| Tensor {
            name: name.to_owned(),
            shape,
            values,
        };
        let tensors = [
            tensor("0.weight", vec![DIGITS, PIXELS], values),
            tensor("0.bias", vec![DIGITS], vec![0.0; DIGITS]),
        ];
        network.set_tensors(&tensors).unwrap();
        let mut content = nn_core::Model::new(network);
        content.scaling = Some(nn_core::Scaling { mean: 0.0, std: 1.0 });
        content.into()
    }

    #[test]
    fn ink_supports_the_digit_that_it_makes_likely_and_no_other() {
        let (here, there) = (SIDE * 10 + 10, SIDE * 20 + 20);
        let mut explainer = Explainer::new(model_of(&[(3, here, 4.0), (7, there, 2.0)])).unwrap();
        let mut pixels = [0; PIXELS];
        (pixels[here], pixels[there]) = (255, 255);
        let explanation = explainer.explain(&pixels).unwrap();
        let (three, seven, zero) = (explanation.support(3), explanation.support(7), explanation.support(0));
        assert!(
            three[here] > 0.5 && three[there] < 0.0,
            "{} {}",
            three[here],
            three[there]
        );
        assert!(seven[there] > 0.5 && seven[here] < 0.0);
        assert!(zero[here] < 0.0 && zero[there] < 0.0);
        assert_eq!((three[0], explanation.support(12)[here]), (0.0, 0.0));
        assert!(three.iter().all(|value| (-1.0..=1.0).contains(value)));
    }

    #[test]
    fn a_blank_image_says_nothing() {
        let mut explainer = Explainer::new(model_of(&[(3, 5, 4.0)])).unwrap();
        let explanation = explainer.explain(&[0; PIXELS]).unwrap();
        assert!((0..10).all(|digit| explanation.support(digit) == [0.0; PIXELS]));
    }

    #[test]
    fn every_pixel_is_in_a_patch() {
        let mut covered = [false; PIXELS];
        patches(&[1; PIXELS])
            .into_iter()
            .flat_map(patch)
            .for_each(|pixel| covered[pixel] = true);
        assert_eq!(covered, [true; PIXELS]);
    }

    #[test]
    fn log_odds_of_extreme_logits_are_finite() {
        let odds = log_odds(&[1e30, 0.0, -1e30, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]);
        assert!(odds.iter().all(|value| value.is_finite()), "{odds:?}");
        let equal = log_odds(&[7.0; 10]);
        assert!((equal[0] + 9f32.ln()).abs() < 1e-6);
    }

    #[test]
    fn models_of_other_things_are_refused() {
        let network = Network::new("100 | dense 10".parse().unwrap(), 0).unwrap();
        assert!(Explainer::new(nn_core::Model::new(network).into()).is_err());
    }
}
