//! Bilinear resampling of an image through an affine map and an optional displacement field.

use std::ops::Range;

use super::{
    affine::{FRACTION_BITS, InverseAffine, ONE},
    elastic::Elastic,
};

/// The number of bits of interpolation weights: the top bits of the fraction.
const WEIGHT_BITS: u32 = 8;
const WEIGHT_ONE: u32 = 1 << WEIGHT_BITS;

/// Resamples images of one size by bilinear interpolation.
///
/// The image is stored as one entry for each 2×2 block of neighboring pixels, including a black border. A single load
/// then has all inputs of an output pixel, and the border needs no special case.
pub(super) struct Resampler {
    pub(super) height: usize,
    pub(super) width: usize,
    /// The part of the image that is stored; the rest is black.
    ink: InkBox,
    /// A row of black pixels.
    blank: Vec<u8>,
    /// Scratch space for one row.
    columns: Vec<u8>,
    /// From the black pixel before the ink to the one after it, in rows of `width + 2`.
    blocks: Vec<Block>,
}

/// The bounding box of the ink; zero height and width for a black image.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct InkBox {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl InkBox {
    /// Finds the bounding box; `columns` is scratch space of the image's width, which must be above 0.
    fn of(image: &[u8], columns: &mut [u8]) -> Self {
        let width = columns.len();
        let is_ink = |pixel: &u8| *pixel != 0;
        let (Some(first), Some(last)) = (image.iter().position(is_ink), image.iter().rposition(is_ink)) else {
            return Self::default();
        };
        let (top, bottom) = (first / width, last / width + 1);
        columns.fill(0);
        for row in image[top * width..bottom * width].chunks_exact(width) {
            for (column, &pixel) in columns.iter_mut().zip(row) {
                *column |= pixel;
            }
        }
        let left = columns.iter().take_while(|column| **column == 0).count();
        let blank = columns.iter().rev().take_while(|column| **column == 0).count();
        Self {
            left,
            top,
            width: width - blank - left,
            height: bottom - top,
        }
    }
}

/// A 2×2 block of pixels; each word has the upper row in its low 16 bits and the lower row in its high 16 bits.
#[derive(Clone, Copy, Default)]
struct Block {
    /// The left pixels times `WEIGHT_ONE`.
    left: u32,
    /// Right minus left pixels. May borrow across the rows and wrap, which adding `left` reverses.
    slope: u32,
}

/// Fills a row of blocks from two rows of pixels, with a black pixel before them and two after them.
fn fill_blocks(above: &[u8], below: &[u8], blocks: &mut [Block]) {
    let (mut before_above, mut before_below) = (0, 0);
    let end = above.len();
    for ((block, &above), &below) in blocks.iter_mut().zip(above).zip(below) {
        *block = Block::new([before_above, above], [before_below, below]);
        (before_above, before_below) = (above, below);
    }
    blocks[end] = Block::new([before_above, 0], [before_below, 0]);
    blocks[end + 1] = Block::default();
}

impl Block {
    fn new([left_above, right_above]: [u8; 2], [left_below, right_below]: [u8; 2]) -> Self {
        let left = u32::from(left_above) | u32::from(left_below) << 16;
        let right = u32::from(right_above) | u32::from(right_below) << 16;
        Self {
            left: left << WEIGHT_BITS,
            slope: right.wrapping_sub(left),
        }
    }

    /// Interpolates with the weights of the right column and the lower row, each below `WEIGHT_ONE`.
    #[inline]
    fn interpolate(self, right: u32, below: u32) -> u8 {
        // Both rows at once: 255 · 256 fits in 16 bits.
        let rows = self.left.wrapping_add(self.slope.wrapping_mul(right));
        let (upper, lower) = (rows & 0xffff, rows >> 16);
        let sum = (upper << WEIGHT_BITS).wrapping_add(lower.wrapping_sub(upper).wrapping_mul(below));
        ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
    }
}

impl Resampler {
    pub(super) fn new(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            ink: InkBox::default(),
            blank: vec![0; width],
            columns: vec![0; width],
            blocks: vec![Block::default(); (height + 2) * (width + 2)],
        }
    }

    /// Loads the input image, `[height, width]`.
    pub(super) fn load(&mut self, image: &[u8]) {
        let (height, width) = (self.height, self.width);
        assert_eq!(image.len(), height * width, "the image has another size");
        if image.is_empty() {
            return;
        }
        self.ink = InkBox::of(image, &mut self.columns);
        let ink = self.ink;
        let row = |y: usize| &image[(ink.top + y) * width + ink.left..][..ink.width];
        let mut above = &self.blank[..ink.width];
        let mut rows = self.blocks.chunks_exact_mut(width + 2);
        for (y, blocks) in rows.by_ref().take(ink.height + 1).enumerate() {
            let below = if y < ink.height {
                row(y)
            } else {
                &self.blank[..ink.width]
            };
            fill_blocks(above, below, &mut blocks[..ink.width + 2]);
            above = below;
        }
        if let Some(after) = rows.next() {
            after[..ink.width + 2].fill(Block::default());
        }
    }

    /// Computes the output image from the loaded image, with an optional displacement field.
    pub(super) fn sample(&self, map: &InverseAffine, mut elastic: Option<&mut Elastic>, output: &mut [u8]) {
        assert_eq!(output.len(), self.height * self.width, "the output has another size");
        // Coordinates are relative to the black border before the ink. Weights are truncated to `WEIGHT_BITS`; adding
        // half of the last bit rounds them.
        let half = ONE / i64::from(2 * WEIGHT_ONE);
        let offset = [self.ink.left, self.ink.top].map(|offset| (offset as i64) << FRACTION_BITS);
        let mut start = [0, 1].map(|axis| map.origin[axis] + ONE + half - offset[axis]);
        let clip = RowClip::new(self.ink, map);
        for (y, pixels) in output.chunks_exact_mut(self.width.max(1)).enumerate() {
            match &mut elastic {
                None => {
                    let inside = clip.row(start, self.width);
                    let first = inside.start as i64;
                    pixels[..inside.start].fill(0);
                    pixels[inside.end..].fill(0);
                    let start = [0, 1].map(|axis| start[axis] + first * map.right[axis]);
                    self.sample_straight(start, map.right, &mut pixels[inside]);
                }
                Some(elastic) => {
                    let (dx, dy) = elastic.row(y);
                    self.sample_displaced(start, map.right, pixels, dx, dy);
                }
            }
            start = [start[0] + map.down[0], start[1] + map.down[1]];
        }
    }

    /// Interpolates a row of pixels; all coordinates must be within the border around the ink.
    fn sample_straight(&self, start: [i64; 2], step: [i64; 2], pixels: &mut [u8]) {
        let [mut x, mut y] = start.map(i64::cast_unsigned);
        for pixel in pixels {
            *pixel = self.block(x, y).interpolate(weight(x), weight(y));
            x = x.wrapping_add_signed(step[0]);
            y = y.wrapping_add_signed(step[1]);
        }
    }

    /// Interpolates a row of pixels with a displacement `(dx, dy)` for each.
    fn sample_displaced(&self, [mut x, mut y]: [i64; 2], step: [i64; 2], pixels: &mut [u8], dx: &[f32], dy: &[f32]) {
        // A coordinate before the border is negative, hence very large as unsigned. A single minimum thus moves
        // coordinates on either side of the ink to the black border after it.
        let right_border = (self.ink.width as u64 + 1) << FRACTION_BITS;
        let lower_border = (self.ink.height as u64 + 1) << FRACTION_BITS;
        for (pixel, (&dx, &dy)) in pixels.iter_mut().zip(dx.iter().zip(dy)) {
            let input_x = (x + fixed_displacement(dx)).cast_unsigned().min(right_border);
            let input_y = (y + fixed_displacement(dy)).cast_unsigned().min(lower_border);
            *pixel = self
                .block(input_x, input_y)
                .interpolate(weight(input_x), weight(input_y));
            x += step[0];
            y += step[1];
        }
    }

    /// Returns the block whose upper left pixel contains the coordinates.
    #[inline]
    fn block(&self, x: u64, y: u64) -> Block {
        let (column, row) = (x >> FRACTION_BITS, y >> FRACTION_BITS);
        self.blocks[row as usize * (self.width + 2) + column as usize]
    }
}

/// Clips rows of the output to the pixels that may have ink, without displacement.
struct RowClip {
    /// The coordinate after the ink on each axis, relative to the black border before it.
    end: [f64; 2],
    /// Steps to the right per unit of the coordinate on each axis.
    steps: [f64; 2],
}

impl RowClip {
    fn new(ink: InkBox, map: &InverseAffine) -> Self {
        let end = [ink.width, ink.height].map(|size| (size as u64 + 1) << FRACTION_BITS);
        Self {
            end: end.map(|coordinate| coordinate as f64),
            steps: map.right.map(|step| 1.0 / step as f64),
        }
    }

    /// Returns the range of pixels for the row that starts at these coordinates.
    fn row(&self, start: [i64; 2], width: usize) -> Range<usize> {
        let (mut enter, mut leave) = (-1.0, f64::INFINITY);
        for (axis, start) in start.into_iter().enumerate() {
            let start = start as f64;
            // If the coordinate on this axis is constant, the steps are infinite.
            let (a, b) = (-start * self.steps[axis], (self.end[axis] - start) * self.steps[axis]);
            enter = a.min(b).max(enter);
            leave = a.max(b).min(leave);
        }
        // The first pixels after these positions; a pixel exactly on the border is black.
        let [first, end] = [enter, leave].map(|steps| ((steps + 1.0) as i32).max(0) as usize);
        let end = end.min(width);
        first.min(end)..end
    }
}

/// Returns the weight of the next pixel: the top bits of the fraction.
#[inline]
fn weight(coordinate: u64) -> u32 {
    (coordinate >> (FRACTION_BITS - WEIGHT_BITS)) as u32 & (WEIGHT_ONE - 1)
}

/// Converts a displacement in pixels to fixed point; 16 fraction bits are sufficient.
#[inline]
fn fixed_displacement(pixels: f32) -> i64 {
    const BITS: u32 = 16;
    i64::from((pixels * (1 << BITS) as f32) as i32) << (FRACTION_BITS - BITS)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn resample(image: &[u8], height: usize, width: usize, map: &InverseAffine) -> Vec<u8> {
        let mut resampler = Resampler::new(height, width);
        resampler.load(image);
        let mut result = vec![99; image.len()];
        resampler.sample(map, None, &mut result);
        result
    }

    /// The reference implementation: transforms coordinates step by step in `f64`.
    fn reference(
        image: &[u8],
        (height, width): (usize, usize),
        angle: f64,
        scale: [f64; 2],
        shear: f64,
        translation: [f64; 2],
    ) -> Vec<f64> {
        let at = |x: f64, y: f64| {
            let inside = x >= 0.0 && y >= 0.0 && x < width as f64 && y < height as f64;
            if inside {
                f64::from(image[y as usize * width + x as usize])
            } else {
                0.0
            }
        };
        let center = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
        let mut result = Vec::new();
        for row in 0..height {
            for column in 0..width {
                let x = column as f64 - translation[0] - center[0];
                let y = row as f64 - translation[1] - center[1];
                let (x, y) = (x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin());
                let x = x - shear * y;
                let (x, y) = (x / scale[0] + center[0], y / scale[1] + center[1]);
                let (left, top) = (x.floor(), y.floor());
                let (right, below) = (x - left, y - top);
                let upper = at(left, top) * (1.0 - right) + at(left + 1.0, top) * right;
                let lower = at(left, top + 1.0) * (1.0 - right) + at(left + 1.0, top + 1.0) * right;
                result.push(upper * (1.0 - below) + lower * below);
            }
        }
        result
    }

    const UNIT: [f64; 2] = [1.0, 1.0];

    #[test]
    fn identity_leaves_images_unchanged() {
        for (height, width) in [(1, 1), (2, 2), (3, 2), (28, 28), (5, 31)] {
            let image: Vec<u8> = (0..height * width).map(|i| (i * 37 + 1) as u8).collect();
            let map = InverseAffine::new(height, width, 0.0, UNIT, 0.0, [0.0, 0.0]);
            assert_eq!(resample(&image, height, width, &map), image);
        }
    }

    #[test]
    fn bounding_box_contains_all_ink() {
        let (width, height) = (5, 4);
        let corners = (0..width * height).flat_map(|a| (a..width * height).map(move |b| (a, b)));
        for (a, b) in corners {
            let mut image = vec![0; width * height];
            (image[a], image[b]) = (1, 255);
            let (xs, ys) = ([a % width, b % width], [a / width, b / width]);
            let (left, top) = (xs[0].min(xs[1]), ys[0].min(ys[1]));
            let expected = InkBox {
                left,
                top,
                width: xs[0].max(xs[1]) - left + 1,
                height: ys[0].max(ys[1]) - top + 1,
            };
            assert_eq!(InkBox::of(&image, &mut [9; 5]), expected);
        }
        assert_eq!(InkBox::of(&[0; 20], &mut [9; 5]), InkBox::default());
    }

    #[test]
    fn rotation_by_90_degrees_is_clockwise() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let map = InverseAffine::new(3, 3, 90f64.to_radians(), UNIT, 0.0, [0.0, 0.0]);
        assert_eq!(resample(&image, 3, 3, &map), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
    }

    #[test]
    fn translation_moves_right_and_down_over_black() {
        let image = [10, 20, 30, 40, 50, 60];
        let map = InverseAffine::new(2, 3, 0.0, UNIT, 0.0, [1.0, 1.0]);
        assert_eq!(resample(&image, 2, 3, &map), [0, 0, 0, 0, 10, 20]);
        let map = InverseAffine::new(2, 3, 0.0, UNIT, 0.0, [-0.5, 0.0]);
        assert_eq!(resample(&image, 2, 3, &map), [15, 25, 15, 45, 55, 30]);
        let map = InverseAffine::new(2, 3, 0.0, UNIT, 0.0, [4096.0, -4096.0]);
        assert_eq!(resample(&image, 2, 3, &map), [0; 6]);
    }

    #[test]
    fn larger_scale_gives_a_larger_digit() {
        let mut image = vec![0; 15 * 15];
        for y in 6..9 {
            image[y * 15 + 6..][..3].fill(255);
        }
        let ink = |scale| {
            let map = InverseAffine::new(15, 15, 0.0, scale, 0.0, [0.0, 0.0]);
            let pixels = resample(&image, 15, 15, &map);
            pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / (9.0 * 255.0)
        };
        assert!((ink([2.0, 2.0]) - 4.0).abs() < 0.2, "{}", ink([2.0, 2.0]));
        assert!((ink([1.0, 2.0]) - 2.0).abs() < 0.1, "{}", ink([1.0, 2.0]));
    }

    proptest! {
        #[test]
        fn interpolation_agrees_with_the_reference(
            height in 1usize..9,
            width in 1usize..9,
            angle in -180f64..180.0,
            scale in [0.5f64..2.0, 0.5f64..2.0],
            shear in -1f64..1.0,
            translation in [-4f64..4.0, -4f64..4.0],
            pixels in prop::collection::vec(any::<u8>(), 64),
        ) {
            let image = &pixels[..height * width];
            let angle = angle.to_radians();
            let map = InverseAffine::new(height, width, angle, scale, shear, translation);
            let expected = reference(image, (height, width), angle, scale, shear, translation);
            for (found, expected) in resample(image, height, width, &map).into_iter().zip(expected) {
                // Two weights, each with an error of half of 1/256, times 255, plus one half for rounding.
                let off = (f64::from(found) - expected).abs();
                prop_assert!(off <= 1.51, "{found} for {expected}");
            }
        }
    }
}
