//! Gray images and their resampling.

use crate::geometry::PixelRect;

/// A gray image, row by row from the top: 255 is ink, 0 is background.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GrayImage {
    width: usize,
    height: usize,
    pixels: Vec<u8>,
}

impl GrayImage {
    /// Makes an image from pixels, row by row from the top.
    ///
    /// # Panics
    ///
    /// If there are not `width` × `height` pixels.
    pub fn new(width: usize, height: usize, pixels: Vec<u8>) -> Self {
        assert_eq!(
            Some(pixels.len()),
            width.checked_mul(height),
            "number of pixels of a {width}×{height} image"
        );
        GrayImage { width, height, pixels }
    }

    /// Makes an image of zeros.
    pub fn blank(width: usize, height: usize) -> Self {
        GrayImage::new(width, height, vec![0; width * height])
    }

    /// Width in pixels.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Height in pixels.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The rectangle of all pixels.
    pub fn rect(&self) -> PixelRect {
        PixelRect {
            left: 0,
            top: 0,
            width: self.width,
            height: self.height,
        }
    }

    /// All pixels, row by row from the top.
    pub fn pixels(&self) -> &[u8] {
        &self.pixels
    }

    /// The pixels of row `y`.
    ///
    /// # Panics
    ///
    /// If `y` is not below the height.
    pub fn row(&self, y: usize) -> &[u8] {
        assert!(y < self.height, "row {y} of an image of {} rows", self.height);
        &self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// The pixels of row `y`, mutable.
    ///
    /// # Panics
    ///
    /// If `y` is not below the height.
    pub fn row_mut(&mut self, y: usize) -> &mut [u8] {
        assert!(y < self.height, "row {y} of an image of {} rows", self.height);
        &mut self.pixels[y * self.width..(y + 1) * self.width]
    }

    /// Scales `part` by `scale`, centered in as many whole pixels as needed: by averaging areas when shrinking, by
    /// linear interpolation when enlarging. Time is linear in the larger of both images.
    ///
    /// # Panics
    ///
    /// If `part` is empty or leaves the image, or `scale` is not positive.
    pub fn resampled(&self, part: PixelRect, scale: f32) -> Resampled {
        assert!(
            part.width > 0 && part.height > 0 && scale > 0.0,
            "{part:?} scaled by {scale}"
        );
        let columns = taps(part.width, scale);
        let rows = taps(part.height, scale);
        let mut grays = vec![0.0; columns.len() * rows.len()];
        for (line, row) in grays.chunks_exact_mut(columns.len()).zip(&rows) {
            for (k, row_weight) in row.weights.iter().enumerate() {
                let source = &self.row(part.top + row.first + k)[part.left..part.left + part.width];
                for (gray, column) in line.iter_mut().zip(&columns) {
                    *gray += row_weight * column.apply(source);
                }
            }
        }
        Resampled {
            width: columns.len(),
            height: rows.len(),
            grays,
        }
    }

    /// The part of `width` × `height` pixels from (left, top) on; zero outside the image.
    pub fn cropped(&self, left: usize, top: usize, width: usize, height: usize) -> GrayImage {
        let mut part = GrayImage::blank(width, height);
        let left = left.min(self.width);
        let columns = width.min(self.width - left);
        for y in 0..height.min(self.height.saturating_sub(top)) {
            part.pixels[y * width..y * width + columns].copy_from_slice(&self.row(top + y)[left..left + columns]);
        }
        part
    }

    /// Copies another image over this one at (left, top), clipped to this one.
    pub fn paste(&mut self, other: &GrayImage, left: usize, top: usize) {
        let left = left.min(self.width);
        let width = other.width.min(self.width - left);
        for y in 0..other.height.min(self.height.saturating_sub(top)) {
            let start = (top + y) * self.width + left;
            self.pixels[start..start + width].copy_from_slice(&other.row(y)[..width]);
        }
    }
}

/// A scaled part of an image, not yet rounded to bytes.
#[derive(Debug, Clone, PartialEq)]
pub struct Resampled {
    /// Width in pixels.
    pub width: usize,
    /// Height in pixels.
    pub height: usize,
    /// Gray values from 0 to 255, row by row from the top.
    pub grays: Vec<f32>,
}

impl Resampled {
    /// The largest gray value; 0 without pixels.
    pub fn peak(&self) -> f32 {
        self.grays.iter().copied().fold(0.0, f32::max)
    }

    /// Multiplies each gray value by `gain` and rounds it to a byte.
    pub fn to_image(&self, gain: f32) -> GrayImage {
        let pixels = self
            .grays
            .iter()
            .map(|gray| (gray * gain).round().min(255.0) as u8)
            .collect();
        GrayImage::new(self.width, self.height, pixels)
    }
}

/// One scaled pixel along an axis, as a weighted sum of source pixels.
struct Taps {
    first: usize,
    weights: Vec<f32>,
}

impl Taps {
    fn apply(&self, source: &[u8]) -> f32 {
        let source = &source[self.first..self.first + self.weights.len()];
        source
            .iter()
            .zip(&self.weights)
            .map(|(&pixel, weight)| f32::from(pixel) * weight)
            .sum()
    }
}

/// Taps that scale `length` source pixels to `length` · `scale` ones, centered in as many whole pixels as needed.
fn taps(length: usize, scale: f32) -> Vec<Taps> {
    // A length that is whole except for rounding must not spill into another pixel.
    const ROUNDING: f32 = 1e-3;
    let scaled = length as f32 * scale;
    let count = ((scaled - ROUNDING).ceil() as usize).max(1);
    let margin = 0.5 * (count as f32 - scaled);
    let tap = |i: usize| {
        let from = ((i as f32 - margin) / scale).clamp(0.0, length as f32);
        let to = ((i as f32 + 1.0 - margin) / scale).clamp(0.0, length as f32);
        if scale <= 1.0 {
            average(from, to, scale, length)
        } else {
            interpolate(from, to, scale, length)
        }
    };
    (0..count).map(tap).collect()
}

/// The average of the source over `from..to`, which may start and end within pixels. What is missing to a whole scaled
/// pixel counts as background.
fn average(from: f32, to: f32, scale: f32, length: usize) -> Taps {
    let first = (from.floor() as usize).min(length - 1);
    let last = (to.ceil() as usize).clamp(first + 1, length);
    let overlap = |k: usize| (to.min((k + 1) as f32) - from.max(k as f32)).max(0.0) * scale;
    Taps {
        first,
        weights: (first..last).map(overlap).collect(),
    }
}

/// The source at the middle of `from..to`, interpolated between the two nearest pixels, weighted by the fraction of a
/// scaled pixel that the interval covers.
fn interpolate(from: f32, to: f32, scale: f32, length: usize) -> Taps {
    let coverage = (to - from) * scale;
    let position = (0.5 * (from + to) - 0.5).clamp(0.0, (length - 1) as f32);
    let first = (position.floor() as usize).min(length.saturating_sub(2));
    let fraction = position - first as f32;
    let weights = if length == 1 {
        vec![coverage]
    } else {
        vec![coverage * (1.0 - fraction), coverage * fraction]
    };
    Taps { first, weights }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn images() -> impl Strategy<Value = GrayImage> {
        (1..40usize, 1..40usize).prop_flat_map(|(width, height)| {
            proptest::collection::vec(any::<u8>(), width * height)
                .prop_map(move |pixels| GrayImage::new(width, height, pixels))
        })
    }

    proptest! {
        #[test]
        fn scale_one_changes_nothing(image in images()) {
            prop_assert_eq!(image.resampled(image.rect(), 1.0).to_image(1.0), image);
        }

        #[test]
        fn shrinking_preserves_ink(image in images(), scale in 0.05..1.0f32) {
            let small = image.resampled(image.rect(), scale);
            let before: f32 = image.pixels().iter().map(|&p| f32::from(p)).sum();
            let after: f32 = small.grays.iter().sum::<f32>() / (scale * scale);
            prop_assert!((before - after).abs() <= 0.01 * before + 1.0, "{} became {}", before, after);
        }

        #[test]
        fn enlarging_by_whole_factors_keeps_plain_images(image in images(), times in 2..6usize) {
            let large = image.resampled(image.rect(), times as f32);
            prop_assert_eq!((large.width, large.height), (image.width() * times, image.height() * times));
            let plain = image.pixels().iter().all(|&p| p == image.pixels()[0]);
            prop_assert!(!plain || large.to_image(1.0).pixels().iter().all(|&p| p == image.pixels()[0]));
        }

        #[test]
        fn grays_stay_in_range(image in images(), scale in 0.05..8.0f32) {
            let scaled = image.resampled(image.rect(), scale);
            let peak = image.pixels().iter().copied().max().map_or(0.0, f32::from);
            prop_assert!(scaled.grays.iter().all(|&g| (0.0..=peak * 1.0001 + 0.001).contains(&g)));
            let expected = |length: usize| ((length as f32 * scale) - 1e-3).ceil().max(1.0) as usize;
            prop_assert_eq!((scaled.width, scaled.height), (expected(image.width()), expected(image.height())));
        }

        #[test]
        fn a_part_is_scaled_like_an_image_of_its_own(image in images(), scale in 0.1..3.0f32, cut in 0..8usize) {
            let part = PixelRect {
                left: cut.min(image.width() - 1),
                top: cut.min(image.height() - 1),
                width: image.width() - cut.min(image.width() - 1),
                height: image.height() - cut.min(image.height() - 1),
            };
            let rows = (part.top..image.height()).flat_map(|y| image.row(y)[part.left..].to_vec());
            let alone = GrayImage::new(part.width, part.height, rows.collect());
            prop_assert_eq!(image.resampled(part, scale), alone.resampled(alone.rect(), scale));
        }
    }

    proptest! {
        #[test]
        fn pasted_images_can_be_cropped_again(
            image in images(), other in images(), left in 0..50usize, top in 0..50usize,
        ) {
            let mut both = image.clone();
            both.paste(&other, left, top);
            let (width, height) =
                (image.width().saturating_sub(left).min(other.width()), image.height().saturating_sub(top).min(other.height()));
            prop_assert_eq!(both.cropped(left, top, width, height), other.cropped(0, 0, width, height));
            let outside = both.cropped(left, top, 60, 60);
            prop_assert!((width..60).all(|x| x < image.width().saturating_sub(left) || outside.row(0)[x] == 0));
            both.paste(&image.cropped(left, top, 50, 50).cropped(0, 0, width, height), left, top);
            prop_assert_eq!(both, image);
        }
    }

    #[test]
    fn halves_are_averages() {
        let image = GrayImage::new(4, 2, vec![0, 100, 200, 200, 100, 200, 40, 40]);
        assert_eq!(image.resampled(image.rect(), 0.5).grays, vec![100.0, 120.0]);
    }
}
