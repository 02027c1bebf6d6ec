//! What may happen to a digit: seeded random changes that leave its class as it is.

mod elastic;
mod pen;
mod strangers;
mod styles;
mod warp;

use std::fmt;

use rand::{Rng, RngExt, SeedableRng, rngs::ChaCha8Rng};

use self::{
    elastic::Elastic,
    pen::{Ink, Thickness},
    styles::Style,
    warp::{Neighbours, SourceMap},
};
use crate::{Error, Result};

/// The largest side of an image, so that no coordinate overflows.
const MAX_SIDE: usize = 4096;

/// The longest displacement, in pixels.
const MAX_BEND: f32 = 64.0;

/// The widths between which strokes are made thinner or thicker, in pixels: a thinner one breaks, a
/// thicker one closes the loops of an eight.
const LEAST_STROKE: f32 = 1.8;
const MOST_STROKE: f32 = 4.5;

/// Classes that there are of digits.
const CLASSES: u8 = 10;

/// Every sample draws from its own stretch of the random stream, of 2^16 words.
const WORDS_PER_SAMPLE: u128 = 1 << 16;

/// Keeps the random numbers of the augmentation apart from those of a shuffle with the same seed.
const SEED_SALT: u64 = u64::from_le_bytes(*b"augments");

/// How far the images are changed, each by random amounts of its own.
///
/// First something that is no digit may take an image's place; or a zero, a one or a seven be drawn in
/// another style. The stroke is made thicker or thinner. Then the image is stretched along each axis,
/// slanted, turned and moved, in this order and about its centre, and bent; between pixels it is
/// interpolated, once for all of these, and outside it is black. Last, the edges may be made crisper. The
/// default is moderate and suits MNIST.
///
/// ```
/// use mnist_io::Augmentation;
///
/// let gentle = Augmentation::none().rotation(5.0).translation(1.0);
/// assert_ne!(gentle, Augmentation::default());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    rotation: f32,
    scale: (f32, f32),
    shear: f32,
    translation: f32,
    elastic: f32,
    thinner: f32,
    thicker: f32,
    contrast: f32,
    styles: f32,
    strangers: f32,
    share: f32,
}

impl Default for Augmentation {
    /// ±12° of rotation, 0.85 to 1.15 times the size, ±0.2 of shear, ±2 pixels of translation.
    fn default() -> Self {
        Self::none()
            .rotation(12.0)
            .scale(0.85, 1.15)
            .shear(0.2)
            .translation(2.0)
    }
}

impl Augmentation {
    /// No change at all.
    pub const fn none() -> Self {
        Self {
            rotation: 0.0,
            scale: (1.0, 1.0),
            shear: 0.0,
            translation: 0.0,
            elastic: 0.0,
            thinner: 0.0,
            thicker: 0.0,
            contrast: 1.0,
            styles: 0.0,
            strangers: 0.0,
            share: 1.0,
        }
    }

    /// Turns by up to so many degrees either way: 0 to 180.
    #[must_use]
    pub const fn rotation(mut self, degrees: f32) -> Self {
        self.rotation = degrees;
        self
    }

    /// Stretches height and width, each by a factor of its own, from `min` to `max`: 0.1 to 10.
    #[must_use]
    pub const fn scale(mut self, min: f32, max: f32) -> Self {
        self.scale = (min, max);
        self
    }

    /// Slants: moves each row sideways by up to so many times its distance from the centre: 0 to 2.
    #[must_use]
    pub const fn shear(mut self, factor: f32) -> Self {
        self.shear = factor;
        self
    }

    /// Moves by up to so many pixels along each axis: 0 to 4096.
    #[must_use]
    pub const fn translation(mut self, pixels: f32) -> Self {
        self.translation = pixels;
        self
    }

    /// Bends: displaces each place by up to so many pixels along each axis, and places near each
    /// other by nearly the same: 0 to 64. Few come near the limit; a third of it is usual.
    #[must_use]
    pub const fn elastic(mut self, pixels: f32) -> Self {
        self.elastic = pixels;
        self
    }

    /// Makes strokes thinner or thicker by up to so many pixels on either side: each 0 to 1. No stroke
    /// is made so thin that it breaks, nor so thick that it closes a digit's loops.
    #[must_use]
    pub const fn thickness(mut self, thinner: f32, thicker: f32) -> Self {
        self.thinner = thinner;
        self.thicker = thicker;
        self
    }

    /// Makes the edges of strokes up to so many times steeper, as a crisp pen draws them: 1 to 16.
    #[must_use]
    pub const fn contrast(mut self, steepest: f32) -> Self {
        self.contrast = steepest;
        self
    }

    /// Draws that share of the zeros with a slash, of the sevens with a bar, and of the ones with a
    /// foot, a flag or both: 0 to 1.
    #[must_use]
    pub const fn styles(mut self, probability: f32) -> Self {
        self.styles = probability;
        self
    }

    /// Puts something that is no digit, such as a scribble, in the place of that share of the images, each time with a
    /// label at random: 0 to 1. What is like none of the ten classes so comes to be like each of them a little, and the
    /// network learns not to be sure of it.
    #[must_use]
    pub const fn strangers(mut self, share: f32) -> Self {
        self.strangers = share;
        self
    }

    /// Changes that share of the images, and leaves the others as they are: 0 to 1.
    #[must_use]
    pub const fn share(mut self, share: f32) -> Self {
        self.share = share;
        self
    }

    fn check(&self) -> Result<()> {
        let (min_scale, max_scale) = self.scale;
        for (setting, value, min, max) in [
            ("rotation", self.rotation, 0.0, 180.0),
            ("the least scale", min_scale, 0.1, 10.0),
            ("the greatest scale", max_scale, min_scale, 10.0),
            ("shear", self.shear, 0.0, 2.0),
            ("translation", self.translation, 0.0, MAX_SIDE as f32),
            ("elastic", self.elastic, 0.0, MAX_BEND),
            ("thinner", self.thinner, 0.0, 1.0),
            ("thicker", self.thicker, 0.0, 1.0),
            ("contrast", self.contrast, 1.0, 16.0),
            ("styles", self.styles, 0.0, 1.0),
            ("strangers", self.strangers, 0.0, 1.0),
            ("share", self.share, 0.0, 1.0),
        ] {
            // Written so that NaN is out of range.
            if !(min..=max).contains(&value) {
                return Err(Error::Augmentation {
                    setting,
                    value,
                    min,
                    max,
                });
            }
        }
        Ok(())
    }

    /// Draws where the pixels of one image come from. The draws are the same whatever the settings,
    /// so that changing one of them leaves the others' effects alone.
    fn draw(&self, rng: &mut impl Rng, height: usize, width: usize) -> SourceMap {
        let mut between = |min: f32, max: f32| f64::from(min) + f64::from(max - min) * f64::from(rng.random::<f32>());
        let angle = between(-self.rotation, self.rotation).to_radians();
        let (min_scale, max_scale) = self.scale;
        SourceMap::new(
            height,
            width,
            angle,
            [between(min_scale, max_scale), between(min_scale, max_scale)],
            between(-self.shear, self.shear),
            [
                between(-self.translation, self.translation),
                between(-self.translation, self.translation),
            ],
        )
    }
}

/// What happens to the pen of one image.
#[derive(Clone, Copy, Debug)]
struct PenChange {
    /// A label for something that is no digit.
    stranger: Option<u8>,
    style: Option<Style>,
    /// Pixels to be added on either side of a stroke.
    thicker: f32,
    contrast: f32,
}

impl PenChange {
    /// Like [`Augmentation::draw`], always draws as many numbers.
    fn draw(augmentation: &Augmentation, rng: &mut impl Rng) -> Self {
        let mut between = |min: f32, max: f32| min + (max - min) * rng.random::<f32>();
        let chance = between(0.0, 1.0);
        let thicker = between(-augmentation.thinner, augmentation.thicker);
        let contrast = between(1.0, augmentation.contrast);
        let is_stranger = between(0.0, 1.0) < augmentation.strangers;
        let label = rng.random_range(0..CLASSES);
        let style = Style::draw(rng);
        Self {
            stranger: is_stranger.then_some(label),
            style: (chance < augmentation.styles).then_some(style),
            thicker,
            contrast,
        }
    }
}

/// Applies an [`Augmentation`] to images of one size.
///
/// What happens to a sample is decided by the seed, the epoch and the sample's index alone: neither
/// the order of the samples nor the number of threads (each with an `Augmenter` of its own) changes
/// it. Nothing is allocated after [`new`](Self::new).
///
/// ```
/// use mnist_io::{Augmentation, Augmenter};
///
/// let image = [0, 0, 0, 0, 255, 0, 0, 0, 0];
/// let mut changed = [0; 9];
/// let mut augmenter = Augmenter::new(Augmentation::none(), 3, 3, 42)?;
/// augmenter.apply(0, 0, 7, &image, &mut changed);
/// assert_eq!(changed, image);
/// # Ok::<(), mnist_io::Error>(())
/// ```
pub struct Augmenter {
    augmentation: Augmentation,
    rng: ChaCha8Rng,
    /// The image as another pen writes it.
    ink: Vec<u8>,
    scratch: Vec<u8>,
    thickness: Thickness,
    /// Nothing, where nothing is bent.
    elastic: Option<Elastic>,
    source: Neighbours,
}

impl Augmenter {
    /// An augmenter of `height × width` images.
    ///
    /// # Errors
    /// If a setting is out of its range, or a side of the images is above 4096 pixels.
    pub fn new(augmentation: Augmentation, height: usize, width: usize, seed: u64) -> Result<Self> {
        augmentation.check()?;
        if height.max(width) > MAX_SIDE {
            let max = MAX_SIDE;
            return Err(Error::AugmentedSize { height, width, max });
        }
        let bends = augmentation.elastic > 0.0;
        Ok(Self {
            augmentation,
            rng: ChaCha8Rng::seed_from_u64(seed ^ SEED_SALT),
            ink: vec![0; height * width],
            scratch: vec![0; height * width],
            thickness: Thickness::new(width),
            elastic: bends.then(|| Elastic::new(height, width)),
            source: Neighbours::new(height, width),
        })
    }

    /// Writes to `changed` what becomes of `image` in this epoch; both are `[height, width]`.
    /// `index` is the sample's place in the data set, and `label` its class, which says what styles
    /// there are to write it in. Returns its class from then on, which is another one only if
    /// something that is no digit has taken its place.
    ///
    /// # Panics
    /// If an image is not of the size given to [`new`](Self::new).
    pub fn apply(&mut self, epoch: u64, index: usize, label: u8, image: &[u8], changed: &mut [u8]) -> u8 {
        let (height, width) = (self.source.height, self.source.width);
        assert_eq!(image.len(), height * width, "image of another size");
        self.rng.set_stream(epoch);
        if !self.is_changed(index) {
            changed.copy_from_slice(image);
            return label;
        }
        self.rng.set_word_pos(index as u128 * WORDS_PER_SAMPLE);
        let map = self.augmentation.draw(&mut self.rng, height, width);
        let pen = PenChange::draw(&self.augmentation, &mut self.rng);
        // Last, so that whether it is drawn makes no difference to the others.
        if let Some(elastic) = &mut self.elastic {
            elastic.draw(&mut self.rng, self.augmentation.elastic);
        }
        self.ink.copy_from_slice(image);
        if pen.stranger.is_some() {
            strangers::draw(&mut self.rng, label, &mut self.ink, width, &mut self.scratch);
        }
        self.write_anew(label, &pen);
        self.source.load(&self.ink);
        self.source.sample(&map, self.elastic.as_mut(), changed);
        if pen.contrast > 1.0 {
            pen::steepen(changed, pen.contrast);
        }
        pen.stranger.unwrap_or(label)
    }

    /// Whether the sample is among those that are changed; drawn apart from what happens to them, so that changing the
    /// share leaves that alone.
    fn is_changed(&mut self, index: usize) -> bool {
        let share = self.augmentation.share;
        if share < 1.0 {
            self.rng.set_word_pos((index as u128 + 1) * WORDS_PER_SAMPLE - 1);
        }
        share == 1.0 || self.rng.random::<f32>() < share
    }

    fn write_anew(&mut self, label: u8, pen: &PenChange) {
        let width = self.source.width;
        let style = pen.style.filter(|_| pen.stranger.is_none());
        let lost = style.map_or(0.0, |style| style.apply(label, &mut self.ink, width, &mut self.scratch));
        let thicker = pen.thicker + lost;
        if thicker == 0.0 {
            return;
        }
        let Some(ink) = Ink::measure(&self.ink, width) else {
            return;
        };
        // A whole step at most: what a shrunk digit has lost may be more than that.
        let share = |pixels: f32| (pixels.clamp(0.0, 1.0) * f32::from(pen::WHOLE)).round() as u16;
        if thicker > 0.0 {
            let bearable = (MOST_STROKE - ink.width) / 2.0;
            self.thickness.dilate(&mut self.ink, share(bearable.min(thicker)));
        } else {
            let bearable = (ink.width - LEAST_STROKE) / 2.0;
            self.thickness.erode(&mut self.ink, share(bearable.min(-thicker)));
        }
    }
}

impl fmt::Debug for Augmenter {
    /// The settings and the size; the buffers say nothing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (height, width) = (self.source.height, self.source.width);
        write!(f, "Augmenter({height}×{width}, {:?})", self.augmentation)
    }
}

#[cfg(test)]
mod tests {
    use super::{warp::ONE, *};

    #[test]
    fn no_change_changes_nothing() {
        for (height, width) in [(1, 1), (2, 2), (3, 2), (28, 28), (5, 31)] {
            let image: Vec<u8> = (0..height * width).map(|i| (i * 37 + 1) as u8).collect();
            let mut changed = vec![0; image.len()];
            Augmenter::new(Augmentation::none(), height, width, 1)
                .unwrap()
                .apply(3, 7, 0, &image, &mut changed);
            assert_eq!(changed, image);
        }
    }

    #[test]
    fn the_share_of_images_is_changed_and_as_without_it() {
        let image: Vec<u8> = (0..64).map(|i| (i * 37 + 1) as u8).collect();
        let all_of = |share| {
            let mut augmenter = Augmenter::new(Augmentation::default().share(share), 8, 8, 5).unwrap();
            let mut changed = vec![0; 64];
            let apply = |index| {
                augmenter.apply(2, index, 3, &image, &mut changed);
                changed.clone()
            };
            (0..2000).map(apply).collect::<Vec<_>>()
        };
        let always = all_of(1.0);
        assert!(always.iter().all(|changed| *changed != image));
        assert!(all_of(0.0).iter().all(|changed| *changed == image));
        let mut count = 0;
        for (changed, always) in all_of(0.3).iter().zip(&always) {
            assert!(changed == always || *changed == image);
            count += usize::from(changed == always);
        }
        assert!((500..700).contains(&count), "{count}");
    }

    #[test]
    fn strangers_take_their_share_with_labels_at_random() {
        let augmentation = Augmentation::none().strangers(0.3).styles(1.0);
        let mut augmenter = Augmenter::new(augmentation, 28, 28, 5).unwrap();
        let mut image = vec![0; 784];
        image[14 * 28 + 8..14 * 28 + 20].fill(255);
        let mut labels = [0; 10];
        let mut strangers = 0;
        for index in 0..2000 {
            let mut changed = vec![0; 784];
            let label = augmenter.apply(1, index, 3, &image, &mut changed);
            let mut again = vec![0; 784];
            assert_eq!(augmenter.apply(1, index, 3, &image, &mut again), label);
            assert_eq!(changed, again);
            if changed == image {
                assert_eq!(label, 3);
            } else {
                strangers += 1;
                labels[usize::from(label)] += 1;
            }
        }
        assert!((500..700).contains(&strangers), "{strangers}");
        assert!(labels.iter().all(|count| (30..100).contains(count)), "{labels:?}");
    }

    #[test]
    fn a_thicker_pen_darkens_nothing() {
        // A ring, of which a slash that sticks out makes a smaller one, with a thinner line that is to be made up for.
        let ring = |i: usize| {
            let (x, y) = ((i % 28) as f32 - 13.5, (i / 28) as f32 - 13.5);
            let distance = ((x / 0.8).powi(2) + y.powi(2)).sqrt() - 8.5;
            ((2.0 - distance.abs()).clamp(0.0, 1.0) * 253.0) as u8
        };
        let image: Vec<u8> = (0..784).map(ring).collect();
        let slashed = Augmentation::none().styles(1.0);
        let mut as_it_is = Augmenter::new(slashed.clone(), 28, 28, 1).unwrap();
        let mut thicker = Augmenter::new(slashed.thickness(0.0, 1.0), 28, 28, 1).unwrap();
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
    fn images_without_pixels_are_left_alone() {
        for (height, width) in [(0, 0), (0, 3), (3, 0)] {
            Augmenter::new(Augmentation::default(), height, width, 1)
                .unwrap()
                .apply(0, 0, 0, &[], &mut []);
        }
    }

    #[test]
    fn settings_out_of_range_are_refused_by_name() {
        let none = Augmentation::none;
        for (augmentation, setting) in [
            (none().rotation(f32::NAN), "rotation is NaN"),
            (none().rotation(-1.0), "rotation is -1"),
            (none().rotation(180.5), "rotation is 180.5"),
            (none().scale(0.0, 1.0), "the least scale is 0"),
            (none().scale(1.1, 0.9), "the greatest scale is 0.9"),
            (none().scale(1.0, f32::INFINITY), "the greatest scale is inf"),
            (none().shear(3.0), "shear is 3"),
            (none().translation(1e9), "translation is 1000000000"),
            (none().elastic(f32::NAN), "elastic is NaN"),
            (none().elastic(-1.0), "elastic is -1"),
            (none().elastic(65.0), "elastic is 65"),
            (none().thickness(1.5, 0.0), "thinner is 1.5"),
            (none().thickness(0.0, f32::NAN), "thicker is NaN"),
            (none().contrast(0.5), "contrast is 0.5"),
            (none().contrast(f32::INFINITY), "contrast is inf"),
            (none().styles(1.01), "styles is 1.01"),
            (none().styles(f32::NAN), "styles is NaN"),
            (none().share(1.5), "share is 1.5"),
            (none().share(f32::NAN), "share is NaN"),
        ] {
            let error = Augmenter::new(augmentation, 28, 28, 0).unwrap_err();
            assert!(error.to_string().contains(setting), "{error}");
        }
        for (height, width) in [(MAX_SIDE + 1, 1), (1, usize::MAX)] {
            let error = Augmenter::new(none(), height, width, 0).unwrap_err();
            assert!(matches!(error, Error::AugmentedSize { .. }), "{error:?}");
        }
    }

    #[test]
    fn the_extremes_stay_in_range_at_the_largest_size() {
        let extreme = Augmentation::none()
            .rotation(180.0)
            .scale(0.1, 10.0)
            .shear(2.0)
            .translation(MAX_SIDE as f32)
            .elastic(MAX_BEND)
            .thickness(1.0, 1.0)
            .contrast(16.0)
            .styles(1.0);
        for (height, width) in [(MAX_SIDE, 1), (1, MAX_SIDE), (MAX_SIDE, 16)] {
            let mut augmenter = Augmenter::new(extreme.clone(), height, width, u64::MAX).unwrap();
            let image = vec![255; height * width];
            let mut changed = vec![0; image.len()];
            for index in [0, 1, usize::MAX] {
                augmenter.apply(u64::MAX, index, 0, &image, &mut changed);
            }
        }
    }

    #[test]
    fn seed_epoch_and_index_alone_decide() {
        let image: Vec<u8> = (0..28 * 28).map(|i| (i % 251) as u8).collect();
        let changed = |augmenter: &mut Augmenter, epoch, index| {
            let mut changed = vec![0; image.len()];
            augmenter.apply(epoch, index, 0, &image, &mut changed);
            changed
        };
        let everything = Augmentation::default()
            .elastic(3.0)
            .thickness(0.5, 0.5)
            .contrast(3.0)
            .styles(0.5);
        let augmenter = |seed| Augmenter::new(everything.clone(), 28, 28, seed).unwrap();

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
            assert!(seen[..i].iter().all(|(_, two)| one != two), "{i} again");
        }
    }

    #[test]
    fn each_setting_changes_a_digit_that_stays_one() {
        // A zero, soft at its edges.
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
            none().thickness(0.5, 0.0),
            none().thickness(0.0, 0.5),
            none().contrast(4.0),
            none().styles(1.0),
        ] {
            let mut augmenter = Augmenter::new(augmentation.clone(), 28, 28, 1).unwrap();
            let (mut changed, mut differ) = (vec![0; 784], 0);
            for index in 0..50 {
                augmenter.apply(0, index, 0, &image, &mut changed);
                differ += usize::from(changed != image);
                let share = ink(&changed) / ink(&image);
                assert!((0.5..2.0).contains(&share), "{share} by {augmentation:?}");
            }
            assert!(differ >= 45, "{differ} by {augmentation:?}");
        }
    }

    #[test]
    fn styles_are_for_their_share_of_zeros_ones_and_sevens() {
        let mut image = vec![0; 784];
        for y in 5..24 {
            image[y * 28 + 13..][..3].fill(255);
        }
        let mut augmenter = Augmenter::new(Augmentation::none().styles(0.25), 28, 28, 1).unwrap();
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

    #[test]
    fn draws_reach_most_of_their_range_and_no_further() {
        let augmentation = Augmentation::none().translation(2.0);
        let mut rng = ChaCha8Rng::seed_from_u64(0);
        let shifts: Vec<f64> = (0..1000)
            .flat_map(|_| augmentation.draw(&mut rng, 28, 28).origin)
            .map(|origin| origin as f64 / ONE as f64)
            .collect();
        assert!(shifts.iter().all(|shift| shift.abs() <= 2.0));
        assert!(shifts.iter().any(|&shift| shift < -1.9));
        assert!(shifts.iter().any(|&shift| shift > 1.9));
        let mean = shifts.iter().sum::<f64>() / shifts.len() as f64;
        assert!(mean.abs() < 0.1, "{mean}");
    }
}
