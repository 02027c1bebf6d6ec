//! The random parameters of one sample, drawn in a fixed order.
//!
//! Every draw is made whatever the configuration, so changing one setting does not change the effect of the others.

use rand::{Rng, RngExt};

use super::{affine::InverseAffine, config::Augmentation, digit_styles::Style};
use crate::classes::DIGITS;

/// The parameters of one sample, except those of the elastic distortion and of distractors.
#[derive(Clone, Copy, Debug)]
pub(super) struct Params {
    pub(super) affine: InverseAffine,
    pub(super) appearance: Appearance,
}

/// The parameters of the transforms before and after resampling.
#[derive(Clone, Copy, Debug)]
pub(super) struct Appearance {
    /// The label of a distractor, if one replaces the image.
    pub(super) distractor: Option<usize>,
    pub(super) style: Option<Style>,
    /// Increase of the stroke width on each side in pixels; negative for a thinner stroke.
    pub(super) thicker: f32,
    pub(super) contrast: f32,
}

impl Params {
    /// Draws the parameters for an image of `height × width`.
    pub(super) fn draw(augmentation: &Augmentation, rng: &mut impl Rng, height: usize, width: usize) -> Self {
        Self {
            affine: draw_affine(augmentation, rng, height, width),
            appearance: Appearance::draw(augmentation, rng),
        }
    }
}

fn draw_affine(augmentation: &Augmentation, rng: &mut impl Rng, height: usize, width: usize) -> InverseAffine {
    let mut between = |min: f32, max: f32| f64::from(min) + f64::from(max - min) * f64::from(rng.random::<f32>());
    let angle = between(-augmentation.rotation, augmentation.rotation).to_radians();
    let (min_scale, max_scale) = augmentation.scale;
    InverseAffine::new(
        height,
        width,
        angle,
        [between(min_scale, max_scale), between(min_scale, max_scale)],
        between(-augmentation.shear, augmentation.shear),
        [
            between(-augmentation.translation, augmentation.translation),
            between(-augmentation.translation, augmentation.translation),
        ],
    )
}

impl Appearance {
    fn draw(augmentation: &Augmentation, rng: &mut impl Rng) -> Self {
        let mut between = |min: f32, max: f32| min + (max - min) * rng.random::<f32>();
        let is_styled = between(0.0, 1.0) < augmentation.digit_styles;
        let thicker = between(-augmentation.thinner, augmentation.thicker);
        let contrast = between(1.0, augmentation.contrast);
        let is_distractor = between(0.0, 1.0) < augmentation.distractors;
        let label = usize::from(rng.random_range(0..DIGITS as u8));
        let style = Style::draw(rng);
        Self {
            distractor: is_distractor.then_some(augmentation.distractor_label.unwrap_or(label)),
            style: is_styled.then_some(style),
            thicker,
            contrast,
        }
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::{super::affine::ONE, *};

    #[test]
    fn translations_cover_their_range() {
        let augmentation = Augmentation::none().translation(2.0);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let shifts: Vec<f64> = (0..1000)
            .flat_map(|_| draw_affine(&augmentation, &mut rng, 28, 28).origin)
            .map(|origin| origin as f64 / ONE as f64)
            .collect();
        assert!(shifts.iter().all(|shift| shift.abs() <= 2.0));
        assert!(shifts.iter().any(|&shift| shift < -1.9));
        assert!(shifts.iter().any(|&shift| shift > 1.9));
        let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
        assert!(mean.abs() < 0.1, "{mean}");
    }
}
