//! Ways to write a digit that a data set may not know: the slashed zero, the barred seven, the one
//! with a foot or a flag.

use rand::{Rng, RngExt};

use super::pen::{Ink, line};

/// Pixels darker than this share of the brightest are the edge of a stroke.
const INK_SHARE: f32 = 0.4;

/// Sizes are in pixels; on a digit of less height, one more stroke only blots.
const LEAST_HEIGHT: f32 = 8.0;

/// So wide a hole shows on both sides of a slash.
const LEAST_HOLE: f32 = 5.0;

/// How far a slash reaches, as a multiple of where it is about to meet the ring.
const LONGEST_SLASH: f32 = 2.0;

/// A flag of more than this share of the height makes a seven of a stem that leans.
const SHORT_FLAG: f32 = 0.2;

/// What is drawn at random, each from 0 to 1.
#[derive(Clone, Copy, Debug)]
pub(super) struct Style([f32; 6]);

impl Style {
    pub(super) fn draw(rng: &mut impl Rng) -> Self {
        Self(std::array::from_fn(|_| rng.random()))
    }

    fn between(&self, draw: usize, min: f32, max: f32) -> f32 {
        min + (max - min) * self.0[draw]
    }

    /// Draws onto a zero, a one or a seven what makes it of another style; leaves other digits alone. Returns how many
    /// pixels the digit's stroke has lost on either side. `scratch` is as large as the image.
    pub(super) fn apply(self, label: u8, image: &mut [u8], width: usize, scratch: &mut [u8]) -> f32 {
        if !matches!(label, 0 | 1 | 7) {
            return 0.0;
        }
        let Some(canvas) = Canvas::new(image, width) else {
            return 0.0;
        };
        match label {
            0 => return self.slash(canvas, scratch),
            1 => self.foot_and_flag(canvas),
            _ => self.bar(canvas),
        }
        0.0
    }

    /// From the middle to short of the ring on either side or far beyond it, in most cases to the upper right. What
    /// sticks out makes the ring smaller, since it is the whole that is brought to size.
    fn slash(self, mut canvas: Canvas<'_>, scratch: &mut [u8]) -> f32 {
        let [left, top, right, bottom] = canvas.bounds;
        let (half_width, half_height) = ((right - left) / 2.0, (bottom - top) / 2.0);
        let centre = [(left + right) / 2.0, (top + bottom) / 2.0];
        let reach = self.between(0, 0.6, LONGEST_SLASH);
        let x = self.between(1, 0.15, 0.75) * half_width * reach;
        let y = self.between(2, 0.55, 0.8) * half_height * reach;
        let y = if self.0[3] < 0.75 { -y } else { y };
        let length = (x * x + y * y).sqrt();
        let clear = canvas.clear(centre, [-y / length, x / length]);
        if clear < LEAST_HOLE {
            return 0.0;
        }
        let size = half_width.max(half_height);
        let zoom = size / size.max(x).max(y.abs());
        let stroke = (canvas.stroke * self.between(4, 0.7, 1.0)).min(clear / 3.0);
        let centre = canvas.shrink(zoom, centre, scratch);
        let [x, y] = [x * zoom, y * zoom];
        canvas.line(
            [centre[0] - x, centre[1] - y],
            [centre[0] + x, centre[1] + y],
            stroke * zoom,
        );
        canvas.stroke * (1.0 - zoom) / 2.0
    }

    /// Across the middle of the stem.
    fn bar(self, mut canvas: Canvas<'_>) {
        let [_, top, _, bottom] = canvas.bounds;
        let height = bottom - top;
        let y = top + height * self.between(0, 0.45, 0.62);
        let Some((left, right)) = canvas.run(y) else {
            return;
        };
        // What is wide there is no stem, or has its bar.
        if right - left > 2.5 * canvas.stroke + 1.0 {
            return;
        }
        let x = (left + right) / 2.0;
        let half = height * self.between(1, 0.17, 0.3);
        let tilt = self.between(2, -0.12, 0.3) * half;
        let stroke = canvas.stroke * self.between(4, 0.7, 1.0);
        canvas.line([x - half, y + tilt], [x + half, y - tilt], stroke);
    }

    /// A base line, a short stroke down to the left from the top, or both.
    fn foot_and_flag(self, mut canvas: Canvas<'_>) {
        let [_, top, _, bottom] = canvas.bounds;
        let height = bottom - top;
        let inset = canvas.stroke / 2.0 - 0.5;
        let (head, base) = (top + inset, bottom - inset);
        let (Some(at_head), Some(at_base)) = (canvas.run(head), canvas.run(base)) else {
            return;
        };
        let [at_head, at_base] = [at_head, at_base].map(|(left, right)| (left + right) / 2.0);
        let stroke = canvas.stroke * self.between(4, 0.7, 1.0);
        // With a stem that leans much, the flag would lie along it or make a seven.
        let lean = (at_head - at_base).abs() / height;
        if self.0[0] < 0.67 {
            let half = height * self.between(1, 0.15, 0.28);
            canvas.line([at_base - half, base], [at_base + half, base], stroke);
        }
        if self.0[0] > 0.33 && lean < 0.45 {
            let longest = if lean < 0.25 { 0.34 } else { SHORT_FLAG };
            let share = self.between(2, 0.1, longest);
            let flattest = if share > SHORT_FLAG { 0.35 } else { 0.6 };
            let along = height * share;
            let down = along * self.between(3, flattest, 1.4);
            canvas.line([at_head - along, head + down], [at_head, head], stroke);
        }
    }
}

/// An image with ink, and what is known of it.
struct Canvas<'a> {
    image: &'a mut [u8],
    width: usize,
    /// Left, top, right, bottom of the ink.
    bounds: [f32; 4],
    stroke: f32,
    brightest: f32,
    threshold: u8,
}

impl<'a> Canvas<'a> {
    /// None if there is no digit.
    fn new(image: &'a mut [u8], width: usize) -> Option<Self> {
        let ink = Ink::measure(image, width)?;
        let brightest = f32::from(ink.brightest);
        let threshold = (brightest * INK_SHARE) as u8;
        let is_ink = |pixel: &u8| *pixel > threshold;
        let rows = image.chunks_exact(width);
        let top = rows.clone().position(|row| row.iter().any(is_ink))?;
        let bottom = image.len() / width - 1 - rows.clone().rev().position(|row| row.iter().any(is_ink))?;
        let left = rows.clone().filter_map(|row| row.iter().position(is_ink)).min()?;
        let right = rows.filter_map(|row| row.iter().rposition(is_ink)).max()?;
        let canvas = Self {
            bounds: [left, top, right, bottom].map(|place| place as f32),
            image,
            width,
            stroke: ink.width,
            brightest,
            threshold,
        };
        (canvas.bounds[3] - canvas.bounds[1] >= LEAST_HEIGHT).then_some(canvas)
    }

    /// Where the ink of the row at that height begins and ends.
    fn run(&self, y: f32) -> Option<(f32, f32)> {
        let row = self.image.chunks_exact(self.width).nth(y.round().max(0.0) as usize)?;
        let is_ink = |pixel: &u8| *pixel > self.threshold;
        Some((
            row.iter().position(is_ink)? as f32,
            row.iter().rposition(is_ink)? as f32,
        ))
    }

    /// How far the ink stays away from a point, there and back along a direction of length 1.
    fn clear(&self, point: [f32; 2], direction: [f32; 2]) -> f32 {
        let is_clear = |steps: f32| {
            let [x, y] = [0, 1].map(|axis| (point[axis] + steps * direction[axis]).round() as usize);
            let pixel = (x < self.width).then(|| self.image.get(y * self.width + x)).flatten();
            pixel.is_some_and(|pixel| *pixel <= self.threshold)
        };
        let reach = |sign: f32| {
            let steps = (0..self.width).map(|step| sign * step as f32);
            steps.take_while(|&steps| is_clear(steps)).count() as f32
        };
        (reach(1.0) + reach(-1.0) - 1.0).max(0.0)
    }

    /// Makes the image smaller about its middle, and returns where that brings a point.
    fn shrink(&mut self, zoom: f32, point: [f32; 2], scratch: &mut [u8]) -> [f32; 2] {
        let height = self.image.len() / self.width;
        let middle = [(self.width - 1) as f32 / 2.0, (height - 1) as f32 / 2.0];
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
            let source = |place: usize, axis: usize| (place as f32 - middle[axis]) / zoom + middle[axis];
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
        [0, 1].map(|axis| middle[axis] + (point[axis] - middle[axis]) * zoom)
    }

    /// A line as bright as the digit.
    fn line(&mut self, from: [f32; 2], to: [f32; 2], stroke: f32) {
        line(self.image, self.width, (from, to), stroke, self.brightest);
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    /// An image of one line after the other.
    fn drawing(lines: &[([f32; 2], [f32; 2])]) -> Vec<u8> {
        let mut image = vec![0; 784];
        let mut canvas = Canvas {
            image: &mut image,
            width: 28,
            bounds: [4.0, 4.0, 23.0, 23.0],
            stroke: 2.5,
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

    /// What a hundred styles make of the image.
    fn styled(label: u8, image: &[u8]) -> Vec<Vec<u8>> {
        let mut rng = ChaCha8Rng::seed_from_u64(8);
        let mut draw = |_| {
            let mut image = image.to_vec();
            Style::draw(&mut rng).apply(label, &mut image, 28, &mut [0; 784]);
            image
        };
        (0..100).map(&mut draw).collect()
    }

    #[test]
    fn a_slashed_zero_keeps_its_ring_and_some_of_its_hole() {
        let ring = ring();
        let rows_of = |image: &[u8]| {
            (0..28)
                .filter(|y| image[y * 28..][..28].iter().any(|&pixel| pixel > 100))
                .count()
        };
        let mut smaller = 0;
        for slashed in styled(0, &ring) {
            // Where the slash is not, along its normal, the ring stands on both sides of a hole.
            let row = &slashed[13 * 28..14 * 28];
            let is_ink = |x: &usize| row[*x] > 100;
            let runs = (0..27).filter(|x| !is_ink(x) && is_ink(&(x + 1))).count();
            assert!((1..=3).contains(&runs) && slashed[13 * 28 + 13] > 60, "{runs}");
            // The whole is as high as the ring was.
            assert!(rows_of(&slashed).abs_diff(rows_of(&ring)) <= 2);
            smaller += usize::from(slashed[13 * 28 + 7] < 100);
        }
        assert!(
            (20..80).contains(&smaller),
            "{smaller} rings were made smaller for their slash"
        );
    }

    #[test]
    fn what_is_made_smaller_keeps_its_shape_and_loses_stroke() {
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
    fn a_zero_without_room_in_its_hole_is_left_alone() {
        let narrow = drawing(&[([12.0, 5.0], [12.0, 22.0]), ([15.5, 5.0], [15.5, 22.0])]);
        assert!(styled(0, &narrow).iter().all(|image| image == &narrow));
    }

    #[test]
    fn a_one_gets_a_foot_or_a_short_flag() {
        let one = drawing(&[([14.0, 5.0], [14.0, 23.0])]);
        let ink = |image: &[u8], rows: std::ops::Range<usize>| {
            image[rows.start * 28..rows.end * 28]
                .iter()
                .filter(|&&pixel| pixel > 100)
                .count()
        };
        let (mut feet, mut flags) = (0, 0);
        for image in styled(1, &one) {
            assert_ne!(image, one);
            feet += usize::from(ink(&image, 20..28) > ink(&one, 20..28));
            flags += usize::from(ink(&image, 4..14) > ink(&one, 4..14));
            // No roof of a seven: at the height of the top, nothing far to the left.
            assert!((0..9).all(|x| image[5 * 28 + x] == 0));
        }
        assert!(feet > 50 && flags > 50 && feet < 100 && flags < 100, "{feet}, {flags}");
    }

    #[test]
    fn a_seven_gets_one_bar() {
        let seven = drawing(&[([7.0, 5.0], [20.0, 5.0]), ([20.0, 5.0], [11.0, 23.0])]);
        for barred in styled(7, &seven) {
            assert_ne!(barred, seven);
            let changed =
                |rows: std::ops::Range<usize>| (rows.start * 28..rows.end * 28).any(|i| barred[i] != seven[i]);
            assert!(!changed(0..9) && !changed(20..28));
        }
    }

    #[test]
    fn other_digits_and_blank_images_are_left_alone() {
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
