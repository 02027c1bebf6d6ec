//! Alternative digit styles that are rare in MNIST: zero with a slash, seven with a bar, one with a base or a flag.

use rand::{Rng, RngExt};

use super::stroke::{Ink, line};

/// The threshold for ink, relative to the brightest pixel.
const RELATIVE_THRESHOLD: f32 = 0.4;

/// The minimum height of a digit in pixels; on smaller digits, another stroke would only blur.
const MIN_HEIGHT: f32 = 8.0;

/// The minimum width in pixels of the hole of a zero, so that it is visible on both sides of a slash.
const MIN_HOLE: f32 = 5.0;

/// The maximum length of a slash, relative to the length at which it reaches the ring.
const MAX_SLASH: f32 = 2.0;

/// The maximum length of the flag of a slanted one, relative to its height; with a longer flag it looks like a seven.
const SHORT_FLAG: f32 = 0.2;

/// The random parameters of a style, each from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style([f32; 6]);

impl Style {
    /// Draws the parameters.
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        Self(std::array::from_fn(|_| rng.random()))
    }

    /// Maps a parameter to the range from `min` to `max`.
    fn between(&self, index: usize, min: f32, max: f32) -> f32 {
        min + (max - min) * self.0[index]
    }

    /// Changes the style of a zero, a one or a seven; other digits stay unchanged.
    ///
    /// Returns the decrease of the stroke width on each side in pixels. `scratch` has the size of the image.
    pub(super) fn apply(self, label: usize, image: &mut [u8], width: usize, scratch: &mut [u8]) -> f32 {
        if !matches!(label, 0 | 1 | 7) {
            return 0.0;
        }
        let Some(canvas) = Canvas::new(image, width) else {
            return 0.0;
        };
        match label {
            0 => return self.slash(canvas, scratch),
            1 => self.base_and_flag(canvas),
            _ => self.bar(canvas),
        }
        0.0
    }

    /// Adds a slash to a zero, in most cases rising to the right.
    ///
    /// A slash may end within the ring or extend beyond it. In the second case, the ring is shrunk so that the digit
    /// keeps its size.
    fn slash(self, mut canvas: Canvas<'_>, scratch: &mut [u8]) -> f32 {
        let [left, top, right, bottom] = canvas.bounds;
        let (half_width, half_height) = ((right - left) / 2.0, (bottom - top) / 2.0);
        let center = [(left + right) / 2.0, (top + bottom) / 2.0];
        let reach = self.between(0, 0.6, MAX_SLASH);
        let x = self.between(1, 0.15, 0.75) * half_width * reach;
        let y = self.between(2, 0.55, 0.8) * half_height * reach;
        let y = if self.0[3] < 0.75 { -y } else { y };
        let length = (x * x + y * y).sqrt();
        let hole = canvas.hole(center, [-y / length, x / length]);
        if hole < MIN_HOLE {
            return 0.0;
        }
        let size = half_width.max(half_height);
        let zoom = size / size.max(x).max(y.abs());
        let stroke_width = (canvas.stroke_width * self.between(4, 0.7, 1.0)).min(hole / 3.0);
        let center = canvas.shrink(zoom, center, scratch);
        let [x, y] = [x * zoom, y * zoom];
        canvas.line(
            [center[0] - x, center[1] - y],
            [center[0] + x, center[1] + y],
            stroke_width * zoom,
        );
        canvas.stroke_width * (1.0 - zoom) / 2.0
    }

    /// Adds a bar across the middle of the stem of a seven.
    fn bar(self, mut canvas: Canvas<'_>) {
        let [_, top, _, bottom] = canvas.bounds;
        let height = bottom - top;
        let y = top + height * self.between(0, 0.45, 0.62);
        let Some((left, right)) = canvas.run(y) else {
            return;
        };
        // A wide run is not a stem, or already has a bar.
        if right - left > 2.5 * canvas.stroke_width + 1.0 {
            return;
        }
        let x = (left + right) / 2.0;
        let half = height * self.between(1, 0.17, 0.3);
        let tilt = self.between(2, -0.12, 0.3) * half;
        let stroke_width = canvas.stroke_width * self.between(4, 0.7, 1.0);
        canvas.line([x - half, y + tilt], [x + half, y - tilt], stroke_width);
    }

    /// Adds a horizontal base, a flag down to the left from the top, or both, to a one.
    fn base_and_flag(self, mut canvas: Canvas<'_>) {
        let [_, top, _, bottom] = canvas.bounds;
        let height = bottom - top;
        let inset = canvas.stroke_width / 2.0 - 0.5;
        let (head, base) = (top + inset, bottom - inset);
        let (Some(at_head), Some(at_base)) = (canvas.run(head), canvas.run(base)) else {
            return;
        };
        let [at_head, at_base] = [at_head, at_base].map(|(left, right)| (left + right) / 2.0);
        let stroke_width = canvas.stroke_width * self.between(4, 0.7, 1.0);
        // On a strongly slanted stem, a flag would overlap it or turn it into a seven.
        let slant = (at_head - at_base).abs() / height;
        if self.0[0] < 0.67 {
            let half = height * self.between(1, 0.15, 0.28);
            canvas.line([at_base - half, base], [at_base + half, base], stroke_width);
        }
        if self.0[0] > 0.33 && slant < 0.45 {
            let max_length = if slant < 0.25 { 0.34 } else { SHORT_FLAG };
            let length = self.between(2, 0.1, max_length);
            let min_slope = if length > SHORT_FLAG { 0.35 } else { 0.6 };
            let along = height * length;
            let down = along * self.between(3, min_slope, 1.4);
            canvas.line([at_head - along, head + down], [at_head, head], stroke_width);
        }
    }
}

/// The image of a digit with its measurements.
struct Canvas<'a> {
    image: &'a mut [u8],
    width: usize,
    /// Left, top, right and bottom of the ink in pixels.
    bounds: [f32; 4],
    stroke_width: f32,
    brightest: f32,
    threshold: u8,
}

impl<'a> Canvas<'a> {
    /// Measures the digit; returns `None` if there is none or it is too small.
    fn new(image: &'a mut [u8], width: usize) -> Option<Self> {
        let ink = Ink::measure(image, width)?;
        let brightest = f32::from(ink.brightest);
        let threshold = (brightest * RELATIVE_THRESHOLD) as u8;
        let is_ink = |pixel: &u8| *pixel > threshold;
        let rows = image.chunks_exact(width);
        let top = rows.clone().position(|row| row.iter().any(is_ink))?;
        let bottom = image.len() / width - 1 - rows.clone().rev().position(|row| row.iter().any(is_ink))?;
        let left = rows.clone().filter_map(|row| row.iter().position(is_ink)).min()?;
        let right = rows.filter_map(|row| row.iter().rposition(is_ink)).max()?;
        let canvas = Self {
            bounds: [left, top, right, bottom].map(|coordinate| coordinate as f32),
            image,
            width,
            stroke_width: ink.stroke_width,
            brightest,
            threshold,
        };
        (canvas.bounds[3] - canvas.bounds[1] >= MIN_HEIGHT).then_some(canvas)
    }

    /// Returns the first and the last pixel with ink of the row at `y`.
    fn run(&self, y: f32) -> Option<(f32, f32)> {
        let row = self.image.chunks_exact(self.width).nth(y.round().max(0.0) as usize)?;
        let is_ink = |pixel: &u8| *pixel > self.threshold;
        Some((
            row.iter().position(is_ink)? as f32,
            row.iter().rposition(is_ink)? as f32,
        ))
    }

    /// Returns the width of the hole at a point, in pixels along a direction of length 1.
    fn hole(&self, point: [f32; 2], direction: [f32; 2]) -> f32 {
        let is_hole = |steps: f32| {
            let [x, y] = [0, 1].map(|axis| (point[axis] + steps * direction[axis]).round() as usize);
            let pixel = (x < self.width).then(|| self.image.get(y * self.width + x)).flatten();
            pixel.is_some_and(|pixel| *pixel <= self.threshold)
        };
        let distance = |sign: f32| {
            let steps = (0..self.width).map(|step| sign * step as f32);
            steps.take_while(|&steps| is_hole(steps)).count() as f32
        };
        (distance(1.0) + distance(-1.0) - 1.0).max(0.0)
    }

    /// Scales the image about its center by `zoom`, at most 1, and returns the new position of a point.
    fn shrink(&mut self, zoom: f32, point: [f32; 2], scratch: &mut [u8]) -> [f32; 2] {
        let height = self.image.len() / self.width;
        let center = [(self.width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0];
        if zoom < 1.0 {
            scratch.copy_from_slice(self.image);
            let pixel = |x: f32, y: f32| {
                let inside = (0.0..self.width as f32).contains(&x) && (0.0..height as f32).contains(&y);
                if inside {
                    f32::from(scratch[y as usize * self.width + x as usize])
                } else {
                    0.0
                }
            };
            let source = |coordinate: usize, axis: usize| (coordinate as f32 - center[axis]) / zoom + center[axis];
            for (y, row) in self.image.chunks_exact_mut(self.width).enumerate() {
                for (x, to) in row.iter_mut().enumerate() {
                    let (from_x, from_y) = (source(x, 0), source(y, 1));
                    let (left, top) = (from_x.floor(), from_y.floor());
                    let (right, below) = (from_x - left, from_y - top);
                    let mix = |y: f32| pixel(left, y) * (1.0 - right) + pixel(left + 1.0, y) * right;
                    *to = (mix(top) * (1.0 - below) + mix(top + 1.0) * below).round() as u8;
                }
            }
        }
        [0, 1].map(|axis| center[axis] + (point[axis] - center[axis]) * zoom)
    }

    /// Draws a line with the brightness of the digit.
    fn line(&mut self, from: [f32; 2], to: [f32; 2], stroke_width: f32) {
        line(self.image, self.width, (from, to), stroke_width, self.brightest);
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    /// Draws lines on an image.
    fn drawing(lines: &[([f32; 2], [f32; 2])]) -> Vec<u8> {
        let mut image = vec![0; 784];
        let mut canvas = Canvas {
            image: &mut image,
            width: 28,
            bounds: [4.0, 4.0, 23.0, 23.0],
            stroke_width: 2.5,
            brightest: 250.0,
            threshold: 100,
        };
        for &(from, to) in lines {
            canvas.line(from, to, 2.5);
        }
        image
    }

    fn ring() -> Vec<u8> {
        let corner = |i: i32| {
            let angle = f64::from(i) * std::f64::consts::TAU / 24.0;
            [(13.5 + 6.0 * angle.cos()) as f32, (13.5 + 9.0 * angle.sin()) as f32]
        };
        let lines: Vec<_> = (0..24).map(|i| (corner(i), corner(i + 1))).collect();
        drawing(&lines)
    }

    /// Applies a hundred random styles to the image.
    fn styled(label: usize, image: &[u8]) -> Vec<Vec<u8>> {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut draw = |_| {
            let mut image = image.to_vec();
            Style::draw(&mut rng).apply(label, &mut image, 28, &mut [0; 784]);
            image
        };
        (0..100).map(&mut draw).collect()
    }

    #[test]
    fn slashed_zero_keeps_ring_and_hole() {
        let ring = ring();
        let rows_of = |image: &[u8]| {
            (0..28)
                .filter(|y| image[y * 28..][..28].iter().any(|&pixel| pixel > 100))
                .count()
        };
        let mut smaller = 0;
        for slashed in styled(0, &ring) {
            // Beside the slash, the ring is on both sides of a hole.
            let row = &slashed[13 * 28..14 * 28];
            let is_ink = |x: &usize| row[*x] > 100;
            let runs = (0..27).filter(|x| !is_ink(x) && is_ink(&(x + 1))).count();
            assert!((1..=3).contains(&runs) && slashed[13 * 28 + 13] > 60, "{runs}");
            // The digit is as high as the ring was.
            assert!(rows_of(&slashed).abs_diff(rows_of(&ring)) <= 2);
            smaller += usize::from(slashed[13 * 28 + 7] < 100);
        }
        assert!((20..80).contains(&smaller), "{smaller} rings were shrunk");
    }

    #[test]
    fn shrinking_keeps_the_shape_and_thins_the_stroke() {
        let mut image = ring();
        let lost: Vec<_> = (0..100)
            .map(|seed| {
                let mut image = image.clone();
                Style::draw(&mut ChaCha8Rng::seed_from_u64(seed)).apply(0, &mut image, 28, &mut [0; 784])
            })
            .collect();
        assert!(lost.iter().all(|lost| (0.0..0.8).contains(lost)) && lost.contains(&0.0));
        let before: u32 = image.iter().map(|&pixel| u32::from(pixel)).sum();
        let mut canvas = Canvas::new(&mut image, 28).unwrap();
        assert_eq!(canvas.shrink(0.5, [13.5, 3.5], &mut [0; 784]), [13.5, 8.5]);
        let after: u32 = image.iter().map(|&pixel| u32::from(pixel)).sum();
        assert!((after as f32 / before as f32 - 0.25).abs() < 0.02);
        assert!(image[..6 * 28].iter().all(|&pixel| pixel == 0));
    }

    #[test]
    fn zero_with_a_narrow_hole_is_unchanged() {
        let narrow = drawing(&[([12.0, 5.0], [12.0, 22.0]), ([15.5, 5.0], [15.5, 22.0])]);
        assert!(styled(0, &narrow).iter().all(|image| image == &narrow));
    }

    #[test]
    fn one_gets_a_base_or_a_short_flag() {
        let one = drawing(&[([14.0, 5.0], [14.0, 23.0])]);
        let ink = |image: &[u8], rows: std::ops::Range<usize>| {
            image[rows.start * 28..rows.end * 28]
                .iter()
                .filter(|&&pixel| pixel > 100)
                .count()
        };
        let (mut bases, mut flags) = (0, 0);
        for image in styled(1, &one) {
            assert_ne!(image, one);
            bases += usize::from(ink(&image, 20..28) > ink(&one, 20..28));
            flags += usize::from(ink(&image, 4..14) > ink(&one, 4..14));
            // At the top, nothing far to the left, so it is not a seven.
            assert!((0..9).all(|x| image[5 * 28 + x] == 0));
        }
        assert!(
            bases > 50 && flags > 50 && bases < 100 && flags < 100,
            "{bases}, {flags}"
        );
    }

    #[test]
    fn seven_gets_one_bar() {
        let seven = drawing(&[([7.0, 5.0], [20.0, 5.0]), ([20.0, 5.0], [11.0, 23.0])]);
        for barred in styled(7, &seven) {
            assert_ne!(barred, seven);
            let changed =
                |rows: std::ops::Range<usize>| (rows.start * 28..rows.end * 28).any(|i| barred[i] != seven[i]);
            assert!(!changed(0..9) && !changed(20..28));
        }
    }

    #[test]
    fn other_digits_and_black_images_are_unchanged() {
        let ring = ring();
        for label in [2, 3, 4, 5, 6, 8, 9, 255] {
            assert!(styled(label, &ring).iter().all(|image| image == &ring));
        }
        for label in [0, 1, 7] {
            assert!(styled(label, &[0; 784]).iter().all(|image| image == &[0; 784]));
            let mut rng = ChaCha8Rng::seed_from_u64(1);
            Style::draw(&mut rng).apply(label, &mut [], 0, &mut []);
            Style::draw(&mut rng).apply(label, &mut [200; 12], 1, &mut [0; 12]);
            Style::draw(&mut rng).apply(label, &mut [200; 12], 12, &mut [0; 12]);
        }
    }
}
