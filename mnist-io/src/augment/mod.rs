//! Seeded random augmentation of images.
//!
//! [`Augmenter::apply`] is the pipeline; each transform has a file of its own.

mod affine;
mod config;
mod digit_styles;
mod distractors;
mod elastic;
mod params;
mod resample;
mod stroke;

use std::{fmt, sync::Arc};

use rand::{RngExt, SeedableRng, rngs::ChaCha8Rng};

pub use self::config::Augmentation;
use self::{
    config::MAX_SIDE,
    elastic::Elastic,
    params::{Appearance, Params},
    resample::Resampler,
    stroke::{Ink, Morphology},
};
use crate::{
    error::{Error, Result},
    image_shape::ImageShape,
};

/// The minimum stroke width after thinning in pixels; thinner strokes break.
const MIN_STROKE_WIDTH: f32 = 1.8;

/// The maximum stroke width after thickening in pixels; thicker strokes close the loops of an eight.
const MAX_STROKE_WIDTH: f32 = 4.5;

/// The fraction of distractors that are taken from images, if there are any.
const TAKEN_DISTRACTORS: f32 = 0.8;

/// The number of words of the random stream reserved for each sample.
const WORDS_PER_SAMPLE: u128 = 1 << 16;

/// Keeps the random numbers of the augmentation apart from those of a shuffle with the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"augments");

/// Applies an [`Augmentation`] to images of one shape.
///
/// The result depends only on the seed, the epoch and the index of the sample, not on the order of calls, so each thread
/// can have its own augmenter. [`apply`](Self::apply) does not allocate.
///
/// ```
/// use mnist_io::{Augmentation, Augmenter, ImageShape};
///
/// let image = [0, 0, 0, 0, 255, 0, 0, 0, 0];
/// let mut augmented = [0; 9];
/// let mut augmenter = Augmenter::new(Augmentation::none(), ImageShape::gray(3, 3)?, 42)?;
/// augmenter.apply(0, 0, 7, &image, &mut augmented);
/// assert_eq!(augmented, image);
/// # Ok::<(), mnist_io::Error>(())
/// ```
pub struct Augmenter {
    augmentation: Augmentation,
    shape: ImageShape,
    rng: ChaCha8Rng,
    /// The image before resampling, `[channels, height, width]`.
    image: Vec<u8>,
    scratch: Vec<u8>,
    morphology: Morphology,
    /// `None` without elastic distortion.
    elastic: Option<Elastic>,
    resampler: Resampler,
    /// Images to take distractors from, `[count, height, width]`; may be empty.
    distractor_images: Arc<[u8]>,
}

impl Augmenter {
    /// Creates an augmenter for images of this shape; those with several channels keep their stroke width and style.
    ///
    /// # Errors
    /// [`Error::Augmentation`] if a setting is out of range; [`Error::ImageTooLarge`] if height or width is above 4096.
    pub fn new(augmentation: Augmentation, shape: ImageShape, seed: u64) -> Result<Self> {
        augmentation.check()?;
        let (height, width) = (shape.height(), shape.width());
        if height.max(width) > MAX_SIDE {
            let max = MAX_SIDE;
            return Err(Error::ImageTooLarge { height, width, max });
        }
        let is_elastic = augmentation.elastic > 0.0;
        Ok(Self {
            augmentation: match shape.channels() {
                1 => augmentation,
                _ => augmentation.for_channels(),
            },
            shape,
            rng: ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT),
            image: vec![0; shape.len()],
            scratch: vec![0; shape.plane()],
            morphology: Morphology::new(width),
            elastic: is_elastic.then(|| Elastic::new(height, width)),
            resampler: Resampler::new(height, width),
            distractor_images: Arc::from([]),
        })
    }

    /// Takes most distractors from these images, `[count, channels, height, width]`, and draws the others.
    pub(crate) fn with_distractor_images(mut self, images: Arc<[u8]>) -> Self {
        self.distractor_images = images;
        self
    }

    /// Writes the augmented image to `output` and returns its label.
    ///
    /// `image` and `output` are `[channels, height, width]`. `index` is the index of the sample in the data set. `label`
    /// is the class of the image, which selects its digit styles. The returned label differs from it only for a
    /// distractor.
    ///
    /// # Panics
    /// If an image does not have the shape given to [`new`](Self::new).
    pub fn apply(&mut self, epoch: u64, index: usize, label: usize, image: &[u8], output: &mut [u8]) -> usize {
        assert_eq!(image.len(), self.shape.len(), "the image has another shape");
        self.rng.set_stream(epoch);
        if !self.is_augmented(index) {
            output.copy_from_slice(image);
            return label;
        }
        self.rng.set_word_pos(index as u128 * WORDS_PER_SAMPLE);
        let (height, width) = (self.shape.height(), self.shape.width());
        let Params { affine, appearance } = Params::draw(&self.augmentation, &mut self.rng, height, width);
        // Drawn after the other parameters, so that enabling it does not change them.
        if let Some(elastic) = &mut self.elastic {
            elastic.draw(&mut self.rng, self.augmentation.elastic);
        }
        self.image.copy_from_slice(image);
        if appearance.distractor.is_some() && !self.take_distractor() {
            distractors::draw(&mut self.rng, label, &mut self.image, width, &mut self.scratch);
        }
        self.restyle(label, &appearance);
        let planes = self.image.chunks_exact(self.shape.plane());
        for (plane, output) in planes.zip(output.chunks_exact_mut(self.shape.plane())) {
            self.resampler.load(plane);
            self.resampler.sample(&affine, self.elastic.as_mut(), output);
        }
        if appearance.contrast > 1.0 {
            stroke::increase_contrast(output, appearance.contrast);
        }
        appearance.distractor.unwrap_or(label)
    }

    /// Takes a distractor from the images, unless it is to be drawn.
    fn take_distractor(&mut self) -> bool {
        let images = self.distractor_images.len() / self.shape.len();
        if images == 0 || self.rng.random::<f32>() >= TAKEN_DISTRACTORS {
            return false;
        }
        let index = self.rng.random_range(0..images as u32) as usize;
        self.image
            .copy_from_slice(&self.distractor_images[index * self.shape.len()..][..self.shape.len()]);
        true
    }

    /// Draws whether the sample is augmented.
    ///
    /// Uses the last word reserved for the sample, so that the probability does not change the other parameters.
    fn is_augmented(&mut self, index: usize) -> bool {
        let probability = self.augmentation.probability;
        if probability < 1.0 {
            self.rng.set_word_pos((index as u128 + 1) * WORDS_PER_SAMPLE - 1);
        }
        probability == 1.0 || self.rng.random::<f32>() < probability
    }

    /// Applies digit style and stroke width to `self.image`.
    fn restyle(&mut self, label: usize, appearance: &Appearance) {
        let width = self.shape.width();
        let style = appearance.style.filter(|_| appearance.distractor.is_none());
        let lost = style.map_or(0.0, |style| {
            style.apply(label, &mut self.image, width, &mut self.scratch)
        });
        let thicker = appearance.thicker + lost;
        if thicker == 0.0 {
            return;
        }
        let Some(ink) = Ink::measure(&self.image, width) else {
            return;
        };
        // At most one full step, even if a shrunk digit has lost more than that.
        let amount = |pixels: f32| (pixels.clamp(0.0, 1.0) * f32::from(stroke::FULL_STEP)).round() as u16;
        if thicker > 0.0 {
            let max = (MAX_STROKE_WIDTH - ink.stroke_width) / 2.0;
            self.morphology.dilate(&mut self.image, amount(max.min(thicker)));
        } else {
            let max = (ink.stroke_width - MIN_STROKE_WIDTH) / 2.0;
            self.morphology.erode(&mut self.image, amount(max.min(-thicker)));
        }
    }
}

impl fmt::Debug for Augmenter {
    /// Prints the image size and the settings, without the buffers.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Augmenter({}, {:?})", self.shape, self.augmentation)
    }
}

#[cfg(test)]
mod tests {
    use super::{config::MAX_DISPLACEMENT, *};

    fn augmenter(augmentation: Augmentation, height: usize, width: usize, seed: u64) -> Augmenter {
        Augmenter::new(augmentation, ImageShape::gray(height, width).unwrap(), seed).unwrap()
    }

    #[test]
    fn none_leaves_images_unchanged() {
        for (height, width) in [(1, 1), (2, 2), (3, 2), (28, 28), (5, 31)] {
            let image: Vec<u8> = (0..height * width).map(|i| (i * 37 + 1) as u8).collect();
            let mut changed = vec![0; image.len()];
            augmenter(Augmentation::none(), height, width, 1).apply(3, 7, 0, &image, &mut changed);
            assert_eq!(changed, image);
        }
    }

    #[test]
    fn probability_selects_images_without_changing_their_augmentation() {
        let image: Vec<u8> = (0..64).map(|i| (i * 37 + 1) as u8).collect();
        let augment_all = |probability| {
            let mut augmenter = augmenter(Augmentation::default().probability(probability), 8, 8, 5);
            let mut changed = vec![0; 64];
            let apply = |index| {
                augmenter.apply(2, index, 3, &image, &mut changed);
                changed.clone()
            };
            (0..2000).map(apply).collect::<Vec<_>>()
        };
        let always = augment_all(1.0);
        assert!(always.iter().all(|changed| *changed != image));
        assert!(augment_all(0.0).iter().all(|changed| *changed == image));
        let mut count = 0;
        for (changed, always) in augment_all(0.3).iter().zip(&always) {
            assert!(changed == always || *changed == image);
            count += usize::from(changed == always);
        }
        assert!((500..700).contains(&count), "{count}");
    }

    #[test]
    fn distractors_have_their_probability_and_random_labels() {
        let augmentation = Augmentation::none().distractors(0.3).digit_styles(1.0);
        let mut augmenter = augmenter(augmentation, 28, 28, 5);
        let mut image = vec![0; 784];
        image[14 * 28 + 8..14 * 28 + 20].fill(255);
        let mut labels = [0; 10];
        let mut distractors = 0;
        for index in 0..2000 {
            let mut changed = vec![0; 784];
            let label = augmenter.apply(1, index, 3, &image, &mut changed);
            let mut again = vec![0; 784];
            assert_eq!(augmenter.apply(1, index, 3, &image, &mut again), label);
            assert_eq!(changed, again);
            if changed == image {
                assert_eq!(label, 3);
            } else {
                distractors += 1;
                labels[label] += 1;
            }
        }
        assert!((500..700).contains(&distractors), "{distractors}");
        assert!(labels.iter().all(|count| (30..100).contains(count)), "{labels:?}");
    }

    #[test]
    fn distractors_may_have_a_label_of_their_own() {
        let random = Augmentation::none().distractors(0.5);
        let labeled = random.clone().distractor_label(10);
        assert_eq!(
            (random.label_of_distractors(), labeled.label_of_distractors()),
            (None, Some(10))
        );
        assert_eq!(labeled.clone().for_any_class().label_of_distractors(), None);
        let (mut random, mut labeled) = (augmenter(random, 28, 28, 5), augmenter(labeled, 28, 28, 5));
        let mut image = vec![0; 784];
        image[14 * 28 + 8..14 * 28 + 20].fill(255);
        let mut distractors = 0;
        for index in 0..200 {
            let (mut first, mut second) = (vec![0; 784], vec![0; 784]);
            random.apply(1, index, 3, &image, &mut first);
            let label = labeled.apply(1, index, 3, &image, &mut second);
            assert_eq!(first, second);
            assert_eq!(label, if second == image { 3 } else { 10 });
            distractors += usize::from(label == 10);
        }
        assert!((70..130).contains(&distractors), "{distractors}");
    }

    #[test]
    fn thicker_stroke_darkens_no_pixel() {
        // A ring. A slash that extends beyond it shrinks the ring, and the thinner stroke has to be compensated.
        let ring = |i: usize| {
            let (x, y) = ((i % 28) as f32 - 13.5, (i / 28) as f32 - 13.5);
            let distance = ((x / 0.8).powi(2) + y.powi(2)).sqrt() - 8.5;
            ((2.0 - distance.abs()).clamp(0.0, 1.0) * 253.0) as u8
        };
        let image: Vec<u8> = (0..784).map(ring).collect();
        let slashed = Augmentation::none().digit_styles(1.0);
        let mut as_it_is = augmenter(slashed.clone(), 28, 28, 1);
        let mut thicker = augmenter(slashed.stroke_width(0.0, 1.0), 28, 28, 1);
        let (mut before, mut after) = (vec![0; 784], vec![0; 784]);
        for index in 0..2000 {
            as_it_is.apply(0, index, 0, &image, &mut before);
            thicker.apply(0, index, 0, &image, &mut after);
            let darker = before
                .iter()
                .zip(&after)
                .filter(|(before, after)| after < before)
                .count();
            assert_eq!(darker, 0, "sample {index}");
        }
    }

    #[test]
    fn channels_are_transformed_alike() {
        let plane: Vec<u8> = (0..12 * 9).map(|i| (i * 37 % 251) as u8).collect();
        let everything = Augmentation::default()
            .elastic(2.0)
            .stroke_width(0.5, 0.5)
            .contrast(1.0)
            .digit_styles(1.0)
            .distractors(1.0);
        let shape = ImageShape::new(3, 12, 9).unwrap();
        let mut color = Augmenter::new(everything.clone(), shape, 4).unwrap();
        let mut gray = augmenter(everything.for_channels(), 12, 9, 4);
        let (mut found, mut expected) = (vec![0; 3 * 108], vec![0; 108]);
        for index in 0..20 {
            assert_eq!(color.apply(1, index, 7, &plane.repeat(3), &mut found), 7);
            gray.apply(1, index, 7, &plane, &mut expected);
            assert_eq!(found, expected.repeat(3));
            assert_ne!(expected, plane);
        }
    }

    #[test]
    fn error_names_the_setting_out_of_range() {
        let none = Augmentation::none;
        for (augmentation, setting) in [
            (none().rotation(f32::NAN), "rotation is NaN"),
            (none().rotation(-1.0), "rotation is -1"),
            (none().rotation(180.5), "rotation is 180.5"),
            (none().scale(0.0, 1.0), "minimum scale is 0"),
            (none().scale(1.1, 0.9), "maximum scale is 0.9"),
            (none().scale(1.0, f32::INFINITY), "maximum scale is inf"),
            (none().shear(3.0), "shear is 3"),
            (none().translation(1e9), "translation is 1000000000"),
            (none().elastic(f32::NAN), "elastic is NaN"),
            (none().elastic(-1.0), "elastic is -1"),
            (none().elastic(65.0), "elastic is 65"),
            (none().stroke_width(1.5, 0.0), "stroke_width thinner is 1.5"),
            (none().stroke_width(0.0, f32::NAN), "stroke_width thicker is NaN"),
            (none().contrast(0.5), "contrast is 0.5"),
            (none().contrast(f32::INFINITY), "contrast is inf"),
            (none().digit_styles(1.01), "digit_styles is 1.01"),
            (none().digit_styles(f32::NAN), "digit_styles is NaN"),
            (none().probability(1.5), "probability is 1.5"),
            (none().probability(f32::NAN), "probability is NaN"),
        ] {
            let error = Augmenter::new(augmentation, ImageShape::gray(28, 28).unwrap(), 0).unwrap_err();
            assert!(error.to_string().contains(setting), "{error}");
        }
        for (height, width) in [(MAX_SIDE + 1, 1), (1, usize::MAX)] {
            let error = Augmenter::new(none(), ImageShape::gray(height, width).unwrap(), 0).unwrap_err();
            assert!(matches!(error, Error::ImageTooLarge { .. }), "{error:?}");
        }
    }

    #[test]
    fn extreme_settings_do_not_overflow_at_the_largest_size() {
        let extreme = Augmentation::none()
            .rotation(180.0)
            .scale(0.1, 10.0)
            .shear(2.0)
            .translation(MAX_SIDE as f32)
            .elastic(MAX_DISPLACEMENT)
            .stroke_width(1.0, 1.0)
            .contrast(16.0)
            .digit_styles(1.0);
        for (height, width) in [(MAX_SIDE, 1), (1, MAX_SIDE), (MAX_SIDE, 16)] {
            let mut augmenter = augmenter(extreme.clone(), height, width, u64::MAX);
            let image = vec![255; height * width];
            let mut changed = vec![0; image.len()];
            for index in [0, 1, usize::MAX] {
                augmenter.apply(u64::MAX, index, 0, &image, &mut changed);
            }
        }
    }

    #[test]
    fn augmentation_depends_only_on_seed_epoch_and_index() {
        let image: Vec<u8> = (0..28 * 28).map(|i| (i % 251) as u8).collect();
        let changed = |augmenter: &mut Augmenter, epoch, index| {
            let mut changed = vec![0; image.len()];
            augmenter.apply(epoch, index, 0, &image, &mut changed);
            changed
        };
        let everything = Augmentation::default()
            .elastic(3.0)
            .stroke_width(0.5, 0.5)
            .contrast(3.0)
            .digit_styles(0.5);
        let augmenter = |seed| augmenter(everything.clone(), 28, 28, seed);

        let mut forward = augmenter(5);
        let mut seen = Vec::new();
        for epoch in 0..3 {
            for index in 0..4 {
                seen.push(((epoch, index), changed(&mut forward, epoch, index)));
            }
        }
        let mut backward = augmenter(5);
        for ((epoch, index), image) in seen.iter().rev() {
            assert_eq!(&changed(&mut backward, *epoch, *index), image);
        }
        let mut other = augmenter(6);
        seen.push(((0, 0), changed(&mut other, 0, 0)));
        for (i, (_, one)) in seen.iter().enumerate() {
            assert!(
                seen[..i].iter().all(|(_, two)| one != two),
                "{i} repeats an earlier image"
            );
        }
    }

    #[test]
    fn each_setting_changes_a_digit_moderately() {
        // A zero with soft edges.
        let pixel = |i: usize| {
            let (x, y) = ((i % 28) as f32 - 13.5, (i / 28) as f32 - 13.5);
            let off = (x * x / 49.0 + y * y / 81.0).sqrt() - 1.0;
            (255.0 * (1.6 - 7.0 * off.abs()).clamp(0.0, 1.0)) as u8
        };
        let image: Vec<u8> = (0..784).map(pixel).collect();
        let ink = |image: &[u8]| image.iter().map(|&pixel| f64::from(pixel)).sum::<f64>();
        let none = Augmentation::none;
        for augmentation in [
            none().rotation(10.0),
            none().scale(0.9, 1.1),
            none().shear(0.2),
            none().translation(2.0),
            none().elastic(3.0),
            none().stroke_width(0.5, 0.0),
            none().stroke_width(0.0, 0.5),
            none().contrast(4.0),
            none().digit_styles(1.0),
        ] {
            let mut augmenter = augmenter(augmentation.clone(), 28, 28, 1);
            let (mut changed, mut differ) = (vec![0; 784], 0);
            for index in 0..50 {
                augmenter.apply(0, index, 0, &image, &mut changed);
                differ += usize::from(changed != image);
                let ratio = ink(&changed) / ink(&image);
                assert!((0.5..2.0).contains(&ratio), "{ratio} by {augmentation:?}");
            }
            assert!(differ >= 45, "{differ} by {augmentation:?}");
        }
    }

    #[test]
    fn digit_styles_apply_to_zeros_ones_and_sevens() {
        let mut image = vec![0; 784];
        for y in 5..24 {
            image[y * 28 + 13..][..3].fill(255);
        }
        let mut augmenter = augmenter(Augmentation::none().digit_styles(0.25), 28, 28, 1);
        let mut restyled = |label| {
            let mut changed = vec![0; 784];
            let differs = |&index: &usize| {
                augmenter.apply(0, index, label, &image, &mut changed);
                changed != image
            };
            (0..1000).filter(differs).count()
        };
        for label in [2, 3, 4, 5, 6, 8, 9] {
            assert_eq!(restyled(label), 0);
        }
        for label in [1, 7] {
            assert!((200..300).contains(&restyled(label)), "{label}: {}", restyled(label));
        }
    }
}
