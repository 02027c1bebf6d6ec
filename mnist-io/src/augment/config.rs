//! The configuration of an augmentation and its valid ranges.

use crate::error::{Error, Result};

/// The maximum height and width of an image, so that fixed-point coordinates do not overflow.
pub(super) const MAX_SIDE: usize = 4096;

/// The maximum displacement of the elastic distortion in pixels.
pub(super) const MAX_DISPLACEMENT: f32 = 64.0;

/// The random augmentation of images.
///
/// The transforms are applied in this order, with parameters drawn uniformly for every image:
///
/// 1. replacement by a distractor, or an alternative digit style;
/// 2. stroke width;
/// 3. scale, shear, rotation and translation about the center of the image, and elastic distortion, with a single
///    bilinear interpolation; the background is black;
/// 4. contrast.
///
/// Distractors, digit styles and stroke width are for gray images, and [`Batches`](crate::Batches) leaves the first two
/// out unless the classes are digits. The other transforms are for images of any content.
///
/// [`default`](Self::default) is moderate and suits MNIST.
///
/// ```
/// use mnist_io::Augmentation;
///
/// let gentle = Augmentation::none().rotation(5.0).translation(1.0);
/// assert_ne!(gentle, Augmentation::default());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Augmentation {
    pub(super) rotation: f32,
    pub(super) scale: (f32, f32),
    pub(super) shear: f32,
    pub(super) translation: f32,
    pub(super) elastic: f32,
    pub(super) thinner: f32,
    pub(super) thicker: f32,
    pub(super) contrast: f32,
    pub(super) digit_styles: f32,
    pub(super) distractors: f32,
    pub(super) distractor_label: Option<usize>,
    pub(super) probability: f32,
}

impl Default for Augmentation {
    /// Returns ±12° of rotation, a scale from 0.85 to 1.15, ±0.2 of shear and ±2 pixels of translation.
    fn default() -> Self {
        Self::none()
            .rotation(12.0)
            .scale(0.85, 1.15)
            .shear(0.2)
            .translation(2.0)
    }
}

impl Augmentation {
    /// Returns the augmentation that leaves images unchanged.
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
            digit_styles: 0.0,
            distractors: 0.0,
            distractor_label: None,
            probability: 1.0,
        }
    }

    /// Sets the maximum rotation in degrees, in either direction: 0 to 180.
    #[must_use]
    pub const fn rotation(mut self, degrees: f32) -> Self {
        self.rotation = degrees;
        self
    }

    /// Sets the range of the scale factors, drawn separately for height and width: 0.1 to 10.
    #[must_use]
    pub const fn scale(mut self, min: f32, max: f32) -> Self {
        self.scale = (min, max);
        self
    }

    /// Sets the maximum horizontal shear, in pixels per pixel of distance from the center row: 0 to 2.
    #[must_use]
    pub const fn shear(mut self, factor: f32) -> Self {
        self.shear = factor;
        self
    }

    /// Sets the maximum translation along each axis in pixels: 0 to 4096.
    #[must_use]
    pub const fn translation(mut self, pixels: f32) -> Self {
        self.translation = pixels;
        self
    }

    /// Sets the maximum displacement of the elastic distortion along each axis in pixels: 0 to 64.
    ///
    /// The displacement field is smooth. Few pixels come near the maximum; a third of it is typical.
    #[must_use]
    pub const fn elastic(mut self, pixels: f32) -> Self {
        self.elastic = pixels;
        self
    }

    /// Sets by how many pixels a stroke may become thinner or thicker on each side: 0 to 1 each.
    ///
    /// The change is limited so that a stroke does not break and the loops of a digit do not close.
    #[must_use]
    pub const fn stroke_width(mut self, thinner: f32, thicker: f32) -> Self {
        self.thinner = thinner;
        self.thicker = thicker;
        self
    }

    /// Sets the maximum factor of contrast, which sharpens the edges of strokes: 1 to 16.
    #[must_use]
    pub const fn contrast(mut self, max_factor: f32) -> Self {
        self.contrast = max_factor;
        self
    }

    /// Sets the probability of an alternative digit style: 0 to 1.
    ///
    /// The styles are a zero with a slash, a seven with a bar, and a one with a base, a flag or both.
    #[must_use]
    pub const fn digit_styles(mut self, probability: f32) -> Self {
        self.digit_styles = probability;
        self
    }

    /// Sets the probability that an image is replaced by a distractor with a random label: 0 to 1.
    ///
    /// A distractor is not a digit, for example a scribble. Because its label is random, a network learns to give low
    /// confidence to such images, as with outlier exposure (Hendrycks et al., "Deep Anomaly Detection with Outlier
    /// Exposure", 2019).
    #[must_use]
    pub const fn distractors(mut self, probability: f32) -> Self {
        self.distractors = probability;
        self
    }

    /// Sets the label of every distractor, in place of a random one: for a loss that knows what to do with it.
    #[must_use]
    pub const fn distractor_label(mut self, label: usize) -> Self {
        self.distractor_label = Some(label);
        self
    }

    /// The label of every distractor, if it is not random.
    #[must_use]
    pub const fn label_of_distractors(&self) -> Option<usize> {
        self.distractor_label
    }

    /// Sets the probability that an image is augmented at all: 0 to 1.
    #[must_use]
    pub const fn probability(mut self, probability: f32) -> Self {
        self.probability = probability;
        self
    }

    /// Returns the augmentation without what is made for digits: digit styles and distractors.
    #[must_use]
    pub const fn for_any_class(mut self) -> Self {
        self.distractor_label = None;
        self.digit_styles(0.0).distractors(0.0)
    }

    /// Returns the augmentation without what is made for gray images of strokes.
    pub(super) const fn for_channels(self) -> Self {
        self.for_any_class().stroke_width(0.0, 0.0)
    }

    /// Checks that every setting is in its range.
    pub(crate) fn check(&self) -> Result<()> {
        let (min_scale, max_scale) = self.scale;
        for (setting, value, min, max) in [
            ("rotation", self.rotation, 0.0, 180.0),
            ("minimum scale", min_scale, 0.1, 10.0),
            ("maximum scale", max_scale, min_scale, 10.0),
            ("shear", self.shear, 0.0, 2.0),
            ("translation", self.translation, 0.0, MAX_SIDE as f32),
            ("elastic", self.elastic, 0.0, MAX_DISPLACEMENT),
            ("stroke_width thinner", self.thinner, 0.0, 1.0),
            ("stroke_width thicker", self.thicker, 0.0, 1.0),
            ("contrast", self.contrast, 1.0, 16.0),
            ("digit_styles", self.digit_styles, 0.0, 1.0),
            ("distractors", self.distractors, 0.0, 1.0),
            ("probability", self.probability, 0.0, 1.0),
        ] {
            // NaN is not in any range.
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
}
