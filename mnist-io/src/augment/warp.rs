//! Where each pixel of a changed image comes from, and what it becomes: affine changes and interpolation.

use std::ops::Range;

use super::elastic::Elastic;

/// Coordinates are fixed-point with this many bits behind the point.
const FRACTION_BITS: u32 = 32;
pub(super) const ONE: i64 = 1 << FRACTION_BITS;

/// Weights between neighbouring pixels are 0 to 256: the top bits of the fraction.
const WEIGHT_BITS: u32 = 8;
const WEIGHT_ONE: u32 = 1 << WEIGHT_BITS;

/// For each pixel of the result, where in the source it comes from, in fixed-point pixels: the
/// inverse of the affine change.
#[derive(Clone, Copy, Debug)]
pub(super) struct SourceMap {
    /// The source's x and y for the result's first pixel.
    pub(super) origin: [i64; 2],
    /// What one step to the right in the result adds to the source's x and y.
    right: [i64; 2],
    /// What one step down adds.
    down: [i64; 2],
}

impl SourceMap {
    /// The inverse of: `scale` by x and y, `shear` x by y, rotate by `angle` (radians, clockwise as
    /// y points down), all about the image's centre, then translate by x and y.
    pub(super) fn new(
        height: usize,
        width: usize,
        angle: f64,
        scale: [f64; 2],
        shear: f64,
        translation: [f64; 2],
    ) -> Self {
        let (sin, cos) = angle.sin_cos();
        // Unrotate, unshear, unscale a step to the right (1, 0) and one down (0, 1).
        let right = [(cos + shear * sin) / scale[0], -sin / scale[1]];
        let down = [(sin - shear * cos) / scale[0], cos / scale[1]];
        let centre = [
            width.saturating_sub(1) as f64 / 2.0,
            height.saturating_sub(1) as f64 / 2.0,
        ];
        let first = [-centre[0] - translation[0], -centre[1] - translation[1]];
        let origin = [0, 1].map(|axis| centre[axis] + first[0] * right[axis] + first[1] * down[axis]);
        Self {
            origin: origin.map(fixed),
            right: right.map(fixed),
            down: down.map(fixed),
        }
    }
}

fn fixed(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

/// A displacement as a coordinate; 16 bits behind the point are more than it needs.
#[inline]
fn bend(pixels: f32) -> i64 {
    const BITS: u32 = 16;
    i64::from((pixels * (1 << BITS) as f32) as i32) << (FRACTION_BITS - BITS)
}

/// An image's ink in the form that interpolation reads: one entry for each square of four neighbouring
/// pixels, those of the black border included. So one load brings all that one result needs, and no
/// border is a special case.
pub(super) struct Neighbours {
    pub(super) height: usize,
    pub(super) width: usize,
    /// What part of the image has ink; the rest is not kept.
    ink: InkBox,
    /// A row of black pixels.
    blank: Vec<u8>,
    /// Room for a row.
    columns: Vec<u8>,
    /// From the black pixel before the ink to the one behind it, in rows of `width + 2`.
    squares: Vec<Square>,
}

/// The smallest rectangle that holds an image's ink; nothing high and wide where there is none.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
struct InkBox {
    left: usize,
    top: usize,
    width: usize,
    height: usize,
}

impl InkBox {
    /// The box of an image of that width, which is above 0; `columns` is room for one row.
    fn of(image: &[u8], columns: &mut [u8]) -> Self {
        let width = columns.len();
        let inked = |pixel: &u8| *pixel != 0;
        let (Some(first), Some(last)) = (image.iter().position(inked), image.iter().rposition(inked)) else {
            return Self::default();
        };
        let (top, bottom) = (first / width, last / width + 1);
        columns.fill(0);
        for row in image[top * width..bottom * width].chunks_exact(width) {
            for (column, &pixel) in columns.iter_mut().zip(row) {
                *column |= pixel;
            }
        }
        // There is ink between these.
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

/// Two rows of two pixels. A row's number is in 16 bits of the word, the upper row's in the low ones.
#[derive(Clone, Copy, Default)]
struct Square {
    /// The left pixels, times `WEIGHT_ONE`.
    left: u32,
    /// What the right pixels have more than the left ones; it may borrow across the rows and wrap,
    /// which the sum with `left` undoes.
    rise: u32,
}

/// The squares between two rows of ink: with the black pixel before it, those within, with the one behind it, and a black
/// one.
fn fill_squares(above: &[u8], below: &[u8], squares: &mut [Square]) {
    let (mut before_above, mut before_below) = (0, 0);
    let behind = above.len();
    for ((square, &above), &below) in squares.iter_mut().zip(above).zip(below) {
        *square = Square::new([before_above, above], [before_below, below]);
        (before_above, before_below) = (above, below);
    }
    squares[behind] = Square::new([before_above, 0], [before_below, 0]);
    squares[behind + 1] = Square::default();
}

impl Square {
    fn new([left_above, right_above]: [u8; 2], [left_below, right_below]: [u8; 2]) -> Self {
        let left = u32::from(left_above) | u32::from(left_below) << 16;
        let right = u32::from(right_above) | u32::from(right_below) << 16;
        Self {
            left: left << WEIGHT_BITS,
            rise: right.wrapping_sub(left),
        }
    }

    /// The brightness so far to the right and below, with weights under `WEIGHT_ONE`.
    #[inline]
    fn interpolate(self, right: u32, below: u32) -> u8 {
        // Both rows at once; 255 · 256 fits in 16 bits.
        let rows = self.left.wrapping_add(self.rise.wrapping_mul(right));
        let (upper, lower) = (rows & 0xffff, rows >> 16);
        let sum = (upper << WEIGHT_BITS).wrapping_add(lower.wrapping_sub(upper).wrapping_mul(below));
        ((sum + (1 << (2 * WEIGHT_BITS - 1))) >> (2 * WEIGHT_BITS)) as u8
    }
}

impl Neighbours {
    pub(super) fn new(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            ink: InkBox::default(),
            blank: vec![0; width],
            columns: vec![0; width],
            squares: vec![Square::default(); (height + 2) * (width + 2)],
        }
    }

    pub(super) fn load(&mut self, image: &[u8]) {
        let (height, width) = (self.height, self.width);
        assert_eq!(image.len(), height * width, "image of another size");
        if image.is_empty() {
            return;
        }
        self.ink = InkBox::of(image, &mut self.columns);
        let ink = self.ink;
        let row = |y: usize| &image[(ink.top + y) * width + ink.left..][..ink.width];
        let mut above = &self.blank[..ink.width];
        let mut rows = self.squares.chunks_exact_mut(width + 2);
        for (y, squares) in rows.by_ref().take(ink.height + 1).enumerate() {
            let below = if y < ink.height {
                row(y)
            } else {
                &self.blank[..ink.width]
            };
            fill_squares(above, below, &mut squares[..ink.width + 2]);
            above = below;
        }
        if let Some(behind) = rows.next() {
            behind[..ink.width + 2].fill(Square::default());
        }
    }

    /// Interpolates the result's pixels.
    pub(super) fn sample(&self, map: &SourceMap, mut elastic: Option<&mut Elastic>, result: &mut [u8]) {
        assert_eq!(result.len(), self.height * self.width, "result of another size");
        // Places count from the black border before the ink. Weights are cut to `WEIGHT_BITS`; half of their last bit
        // makes that rounding.
        let half = ONE / i64::from(2 * WEIGHT_ONE);
        let before = [self.ink.left, self.ink.top].map(|before| (before as i64) << FRACTION_BITS);
        let mut start = [0, 1].map(|axis| map.origin[axis] + ONE + half - before[axis]);
        let reach = Reach::new(self.ink, map);
        for (line, pixels) in result.chunks_exact_mut(self.width.max(1)).enumerate() {
            match &mut elastic {
                None => {
                    let reached = reach.of_row(start, self.width);
                    let first = reached.start as i64;
                    pixels[..reached.start].fill(0);
                    pixels[reached.end..].fill(0);
                    let start = [0, 1].map(|axis| start[axis] + first * map.right[axis]);
                    self.sample_straight(start, map.right, &mut pixels[reached]);
                }
                Some(elastic) => {
                    let (across, down) = elastic.row(line);
                    self.sample_bent(start, map.right, pixels, across, down);
                }
            }
            start = [start[0] + map.down[0], start[1] + map.down[1]];
        }
    }

    /// Interpolates pixels from a place on, each a step further; none is beyond the border around the ink.
    fn sample_straight(&self, start: [i64; 2], step: [i64; 2], pixels: &mut [u8]) {
        let [mut x, mut y] = start.map(i64::cast_unsigned);
        for pixel in pixels {
            *pixel = self.square(x, y).interpolate(weight(x), weight(y));
            x = x.wrapping_add_signed(step[0]);
            y = y.wrapping_add_signed(step[1]);
        }
    }

    /// Interpolates pixels from a place on, each a step further and displaced by itself.
    fn sample_bent(&self, [mut x, mut y]: [i64; 2], step: [i64; 2], pixels: &mut [u8], across: &[f32], down: &[f32]) {
        // Places before the black border are negative, which unsigned is very large; so one minimum moves them and those
        // behind the ink to the border behind it.
        let right_border = (self.ink.width as u64 + 1) << FRACTION_BITS;
        let lower_border = (self.ink.height as u64 + 1) << FRACTION_BITS;
        for (pixel, (&across, &down)) in pixels.iter_mut().zip(across.iter().zip(down)) {
            let column = (x + bend(across)).cast_unsigned().min(right_border);
            let line = (y + bend(down)).cast_unsigned().min(lower_border);
            *pixel = self.square(column, line).interpolate(weight(column), weight(line));
            x += step[0];
            y += step[1];
        }
    }

    #[inline]
    fn square(&self, x: u64, y: u64) -> Square {
        let (column, row) = (x >> FRACTION_BITS, y >> FRACTION_BITS);
        self.squares[row as usize * (self.width + 2) + column as usize]
    }
}

/// Which pixels of a row of the result may come from the ink, where nothing is bent.
struct Reach {
    /// The place behind the ink on each axis; places count from the black border before it.
    behind: [f64; 2],
    /// Steps to the right that move the place on each axis by one.
    steps: [f64; 2],
}

impl Reach {
    fn new(ink: InkBox, map: &SourceMap) -> Self {
        let behind = [ink.width, ink.height].map(|size| (size as u64 + 1) << FRACTION_BITS);
        Self {
            behind: behind.map(|place| place as f64),
            steps: map.right.map(|step| 1.0 / step as f64),
        }
    }

    /// The pixels of the row that starts at this place.
    fn of_row(&self, start: [i64; 2], width: usize) -> Range<usize> {
        let (mut into, mut out) = (-1.0, f64::INFINITY);
        for (axis, start) in start.into_iter().enumerate() {
            let start = start as f64;
            // A row that keeps to its place on this axis reaches the ink after no or infinitely many steps.
            let (one, other) = (
                -start * self.steps[axis],
                (self.behind[axis] - start) * self.steps[axis],
            );
            into = one.min(other).max(into);
            out = one.max(other).min(out);
        }
        // The first pixel behind either place; what lies right on the border is as black as what is beyond it.
        let [first, end] = [into, out].map(|steps| ((steps + 1.0) as i32).max(0) as usize);
        let end = end.min(width);
        first.min(end)..end
    }
}

/// The weight of the next pixel: the fraction's top bits.
#[inline]
fn weight(place: u64) -> u32 {
    (place >> (FRACTION_BITS - WEIGHT_BITS)) as u32 & (WEIGHT_ONE - 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn warp(image: &[u8], height: usize, width: usize, map: &SourceMap) -> Vec<u8> {
        let mut source = Neighbours::new(height, width);
        source.load(image);
        let mut result = vec![99; image.len()];
        source.sample(map, None, &mut result);
        result
    }

    /// The plain twin: applies the changes step by step to the coordinates, in `f64`.
    fn naive(
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
        let centre = [(width as f64 - 1.0) / 2.0, (height as f64 - 1.0) / 2.0];
        let mut result = Vec::new();
        for row in 0..height {
            for column in 0..width {
                let x = column as f64 - translation[0] - centre[0];
                let y = row as f64 - translation[1] - centre[1];
                let (x, y) = (x * angle.cos() + y * angle.sin(), y * angle.cos() - x * angle.sin());
                let x = x - shear * y;
                let (x, y) = (x / scale[0] + centre[0], y / scale[1] + centre[1]);
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
    fn no_change_changes_nothing() {
        for (height, width) in [(1, 1), (2, 2), (3, 2), (28, 28), (5, 31)] {
            let image: Vec<u8> = (0..height * width).map(|i| (i * 37 + 1) as u8).collect();
            let map = SourceMap::new(height, width, 0.0, UNIT, 0.0, [0.0, 0.0]);
            assert_eq!(warp(&image, height, width, &map), image);
        }
    }

    #[test]
    fn the_ink_is_found_wherever_it_is() {
        let (width, height) = (5, 4);
        let corners = (0..width * height).flat_map(|one| (one..width * height).map(move |other| (one, other)));
        for (one, other) in corners {
            let mut image = vec![0; width * height];
            (image[one], image[other]) = (1, 255);
            let (xs, ys) = ([one % width, other % width], [one / width, other / width]);
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
    fn a_quarter_turn_moves_every_pixel_clockwise() {
        let image = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        let map = SourceMap::new(3, 3, 90f64.to_radians(), UNIT, 0.0, [0.0, 0.0]);
        assert_eq!(warp(&image, 3, 3, &map), [7, 4, 1, 8, 5, 2, 9, 6, 3]);
    }

    #[test]
    fn translation_moves_right_and_down_and_lets_black_in() {
        let image = [10, 20, 30, 40, 50, 60];
        let map = SourceMap::new(2, 3, 0.0, UNIT, 0.0, [1.0, 1.0]);
        assert_eq!(warp(&image, 2, 3, &map), [0, 0, 0, 0, 10, 20]);
        let map = SourceMap::new(2, 3, 0.0, UNIT, 0.0, [-0.5, 0.0]);
        assert_eq!(warp(&image, 2, 3, &map), [15, 25, 15, 45, 55, 30]);
        let map = SourceMap::new(2, 3, 0.0, UNIT, 0.0, [4096.0, -4096.0]);
        assert_eq!(warp(&image, 2, 3, &map), [0; 6]);
    }

    #[test]
    fn a_larger_scale_makes_a_larger_digit() {
        let mut image = vec![0; 15 * 15];
        for y in 6..9 {
            image[y * 15 + 6..][..3].fill(255);
        }
        let ink = |scale| {
            let map = SourceMap::new(15, 15, 0.0, scale, 0.0, [0.0, 0.0]);
            let pixels = warp(&image, 15, 15, &map);
            pixels.iter().map(|&p| f64::from(p)).sum::<f64>() / (9.0 * 255.0)
        };
        assert!((ink([2.0, 2.0]) - 4.0).abs() < 0.2, "{}", ink([2.0, 2.0]));
        assert!((ink([1.0, 2.0]) - 2.0).abs() < 0.1, "{}", ink([1.0, 2.0]));
    }

    proptest! {
        #[test]
        fn interpolation_agrees_with_the_plain_twin(
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
            let map = SourceMap::new(height, width, angle, scale, shear, translation);
            let expected = naive(image, (height, width), angle, scale, shear, translation);
            for (found, expected) in warp(image, height, width, &map).into_iter().zip(expected) {
                // Two weights, each off by half of 1/256, times 255; and half for the rounding.
                let off = (f64::from(found) - expected).abs();
                prop_assert!(off <= 1.51, "{found} for {expected}");
            }
        }
    }
}
