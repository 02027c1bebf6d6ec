//! Strokes: measuring and changing their width, drawing lines, and contrast.

/// The amount of a full step of dilation or erosion.
pub(super) const FULL_STEP: u16 = 256;

/// Measurements of the strokes of an image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Ink {
    /// The stroke width in pixels.
    pub(super) stroke_width: f32,
    /// The value of the brightest pixel.
    pub(super) brightest: u8,
}

impl Ink {
    /// Measures an image; returns `None` if it is black.
    ///
    /// The stroke width is twice the area divided by the length of the outline, which is exact for a long line in any
    /// direction.
    pub(super) fn measure(image: &[u8], width: usize) -> Option<Self> {
        let brightest = image.iter().copied().max().filter(|&brightest| brightest > 0)?;
        let (mut area, mut across, mut down) = (0u32, 0u32, 0u32);
        let mut above: &[u8] = &[];
        for row in image.chunks_exact(width) {
            area += row.iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
            across += total_difference(row, &row[1..]) + u32::from(row[0]) + u32::from(row[width - 1]);
            down += if above.is_empty() {
                row.iter().map(|&pixel| u32::from(pixel)).sum()
            } else {
                total_difference(above, row)
            };
            above = row;
        }
        down += above.iter().map(|&pixel| u32::from(pixel)).sum::<u32>();
        let (across, down) = (across as f32, down as f32);
        let outline = (across * across + down * down).sqrt();
        Some(Self {
            stroke_width: 2.0 * area as f32 / outline,
            brightest,
        })
    }
}

/// Returns the sum of absolute differences.
fn total_difference(a: &[u8], b: &[u8]) -> u32 {
    a.iter().zip(b).map(|(&a, &b)| u32::from(a.abs_diff(b))).sum()
}

/// Fractional grayscale dilation and erosion with the four nearest neighbors.
pub(super) struct Morphology {
    width: usize,
    /// The current row with a black pixel at either end.
    line: Vec<u8>,
    /// The original of the row above.
    above: Vec<u8>,
    blank: Vec<u8>,
}

impl Morphology {
    pub(super) fn new(width: usize) -> Self {
        Self {
            width,
            line: vec![0; width + 2],
            above: vec![0; width],
            blank: vec![0; width],
        }
    }

    /// Moves each pixel toward the maximum of itself and its four neighbors, by `amount / FULL_STEP`.
    pub(super) fn dilate(&mut self, image: &mut [u8], amount: u16) {
        self.morph(image, u8::max, |pixel, brightest| {
            pixel + fraction(brightest - pixel, amount)
        });
    }

    /// Moves each pixel toward the minimum of itself and its four neighbors, by `amount / FULL_STEP`.
    pub(super) fn erode(&mut self, image: &mut [u8], amount: u16) {
        self.morph(image, u8::min, |pixel, darkest| {
            pixel - fraction(pixel - darkest, amount)
        });
    }

    fn morph(&mut self, image: &mut [u8], pick: impl Fn(u8, u8) -> u8, blend: impl Fn(u8, u8) -> u8) {
        let width = self.width;
        self.above.fill(0);
        let mut rest = image;
        while !rest.is_empty() {
            let (row, after) = rest.split_at_mut(width);
            let below = after.get(..width).unwrap_or(&self.blank);
            self.line[1..=width].copy_from_slice(row);
            let (left, right) = (&self.line[..width], &self.line[2..]);
            for (i, pixel) in row.iter_mut().enumerate() {
                let picked = pick(pick(left[i], right[i]), pick(self.above[i], below[i]));
                *pixel = blend(*pixel, pick(*pixel, picked));
            }
            self.above.copy_from_slice(&self.line[1..=width]);
            rest = after;
        }
    }
}

/// Returns `difference * amount / FULL_STEP`, rounded; the intermediate values fit in 16 bits.
#[inline]
fn fraction(difference: u8, amount: u16) -> u8 {
    ((u16::from(difference) * amount + FULL_STEP / 2) / FULL_STEP) as u8
}

/// Draws an anti-aliased line with round caps.
pub(super) fn line(
    image: &mut [u8],
    width: usize,
    (from, to): ([f32; 2], [f32; 2]),
    stroke_width: f32,
    brightness: f32,
) {
    let radius = stroke_width.max(1.0) / 2.0;
    let direction = [to[0] - from[0], to[1] - from[1]];
    let length_squared = (direction[0] * direction[0] + direction[1] * direction[1]).max(f32::MIN_POSITIVE);
    let bounds = |axis: usize| {
        let (low, high) = (from[axis].min(to[axis]), from[axis].max(to[axis]));
        (
            (low - radius).floor().max(0.0) as usize,
            (high + radius).ceil().max(0.0) as usize,
        )
    };
    let ((left, right), (top, bottom)) = (bounds(0), bounds(1));
    let rows = image.chunks_exact_mut(width).enumerate();
    for (y, row) in rows.skip(top).take(bottom + 1 - top) {
        for (x, pixel) in row.iter_mut().enumerate().skip(left).take(right + 1 - left) {
            let offset = [x as f32 - from[0], y as f32 - from[1]];
            let t = ((offset[0] * direction[0] + offset[1] * direction[1]) / length_squared).clamp(0.0, 1.0);
            let normal = [offset[0] - t * direction[0], offset[1] - t * direction[1]];
            let distance = (normal[0] * normal[0] + normal[1] * normal[1]).sqrt();
            let coverage = (radius + 0.5 - distance).clamp(0.0, 1.0);
            *pixel = (*pixel).max((coverage * brightness) as u8);
        }
    }
}

/// Multiplies the contrast about half of the maximum brightness, which sharpens edges without moving them.
pub(super) fn increase_contrast(image: &mut [u8], factor: f32) {
    let middle = f32::from(image.iter().copied().max().unwrap_or(0)) / 2.0;
    let table: [u8; 256] =
        std::array::from_fn(|pixel| (middle + factor * (pixel as f32 - middle)).clamp(0.0, 255.0).round() as u8);
    for pixel in image {
        *pixel = table[usize::from(*pixel)];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Draws a ring with soft edges.
    fn ring(radius: f32, width: f32) -> Vec<u8> {
        let pixel = |i: usize| {
            let from_center = ((i % 28) as f32 - 13.5).hypot((i / 28) as f32 - 13.5);
            let edge = width / 2.0 - (from_center - radius).abs();
            ((edge + 0.5).clamp(0.0, 1.0) * 250.0) as u8
        };
        (0..784).map(pixel).collect()
    }

    fn ink(image: &[u8]) -> u32 {
        image.iter().map(|&pixel| u32::from(pixel)).sum()
    }

    #[test]
    fn stroke_width_is_measured() {
        for width in [2.0, 3.0, 4.0] {
            let found = Ink::measure(&ring(8.0, width), 28).unwrap();
            assert!((found.stroke_width - width).abs() < 0.6, "{found:?} for {width}");
            assert_eq!(found.brightest, 250);
        }
        assert_eq!(Ink::measure(&[0; 784], 28), None);
        assert_eq!(Ink::measure(&[9], 1).unwrap().brightest, 9);
    }

    #[test]
    fn dilation_thickens_and_erosion_thins() {
        let image = ring(8.0, 3.0);
        let mut morphology = Morphology::new(28);
        let mut changed = |amount: i32| {
            let mut image = image.clone();
            let magnitude = amount.unsigned_abs() as u16;
            if amount < 0 {
                morphology.erode(&mut image, magnitude);
            } else {
                morphology.dilate(&mut image, magnitude);
            }
            image
        };
        assert_eq!(changed(0), image);
        let images: Vec<_> = (-256..=256).step_by(32).map(&mut changed).collect();
        for (thinner, thicker) in images.iter().zip(&images[1..]) {
            assert!(thinner.iter().zip(thicker).all(|(a, b)| a <= b));
            assert!(ink(thinner) < ink(thicker));
        }
    }

    #[test]
    fn pixels_outside_the_image_are_black() {
        let mut morphology = Morphology::new(2);
        let mut image = [100, 0, 0, 200];
        morphology.dilate(&mut image, FULL_STEP);
        assert_eq!(image, [100, 200, 200, 200]);
        morphology.erode(&mut image, FULL_STEP / 2);
        assert_eq!(image, [50, 100, 100, 100]);
    }

    #[test]
    fn contrast_keeps_the_position_of_edges() {
        let image: Vec<u8> = (0..=200).collect();
        let mut crisp = image.clone();
        increase_contrast(&mut crisp, 4.0);
        assert_eq!(
            (crisp[0], crisp[70], crisp[100], crisp[140], crisp[200]),
            (0, 0, 100, 255, 255)
        );
        let mut same = image.clone();
        increase_contrast(&mut same, 1.0);
        assert_eq!(same, image);
        increase_contrast(&mut [], 4.0);
    }
}
