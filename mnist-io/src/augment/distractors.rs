//! Distractors: images that are not digits.
//!
//! They are polylines, separate lines, smooth curves, and a digit overlaid with its transpose.

use rand::{Rng, RngExt};

use super::stroke::line;

/// The size of a figure relative to the smaller side of the image.
const RELATIVE_SIZE: f32 = 20.0 / 28.0;
/// The number of line segments of a Bézier curve.
const SEGMENTS: usize = 6;
/// The brightness of the strokes.
const BRIGHTNESS: f32 = 255.0;

/// Replaces the image of the digit `label` with a distractor; `scratch` has the size of the image.
pub(super) fn draw(rng: &mut impl Rng, label: usize, image: &mut [u8], width: usize, scratch: &mut [u8]) {
    if image.is_empty() {
        return;
    }
    let height = image.len() / width;
    let kind = rng.random_range(0..4);
    // A transposed zero or eight still looks like a digit.
    if kind == 3 && height == width && !matches!(label, 0 | 8) {
        return overlay_transpose(image, width, scratch);
    }
    image.fill(0);
    let side = RELATIVE_SIZE * width.min(height) as f32;
    let origin = [(width as f32 - side) / 2.0, (height as f32 - side) / 2.0];
    let point = |rng: &mut _| -> [f32; 2] { [0, 1].map(|axis| origin[axis] + side * unit(rng)) };
    let stroke_width = side * (0.09 + 0.1 * unit(rng));
    let mut draw_line = |from, to| line(image, width, (from, to), stroke_width, BRIGHTNESS);
    match kind {
        0 => {
            let mut from = point(rng);
            for _ in 0..rng.random_range(5..14) {
                let to = point(rng);
                draw_line(from, to);
                from = to;
            }
        }
        1 => (0..rng.random_range(3..7)).for_each(|_| draw_line(point(rng), point(rng))),
        _ => {
            let (mut control, mut from) = (point(rng), point(rng));
            for _ in 0..rng.random_range(6..11) {
                let next = point(rng);
                let to = interpolate(control, next, 0.5);
                curve([from, control, to], &mut draw_line);
                (from, control) = (to, next);
            }
        }
    }
}

fn unit(rng: &mut impl Rng) -> f32 {
    rng.random()
}

fn interpolate(a: [f32; 2], b: [f32; 2], t: f32) -> [f32; 2] {
    [0, 1].map(|axis| a[axis] + t * (b[axis] - a[axis]))
}

/// Draws a quadratic Bézier curve by de Casteljau's algorithm.
fn curve([from, control, to]: [[f32; 2]; 3], draw_line: &mut impl FnMut([f32; 2], [f32; 2])) {
    let point = |index: usize| {
        let t = index as f32 / SEGMENTS as f32;
        interpolate(interpolate(from, control, t), interpolate(control, to, t), t)
    };
    (0..SEGMENTS).for_each(|index| draw_line(point(index), point(index + 1)));
}

/// Overlays a square image with its transpose.
fn overlay_transpose(image: &mut [u8], width: usize, scratch: &mut [u8]) {
    scratch.copy_from_slice(image);
    for (i, pixel) in image.iter_mut().enumerate() {
        *pixel = (*pixel).max(scratch[i % width * width + i / width]);
    }
}

#[cfg(test)]
mod tests {
    use rand::{SeedableRng, rngs::ChaCha8Rng};

    use super::*;

    #[test]
    fn distractors_have_the_size_of_a_digit() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut seen = Vec::new();
        for label in (0..10).cycle().take(200) {
            let mut image = vec![0; 784];
            image[14 * 28 + 5..14 * 28 + 20].fill(250);
            draw(&mut rng, label, &mut image, 28, &mut [0; 784]);
            let ink = image.iter().filter(|&&pixel| pixel > 128).count();
            assert!((25..500).contains(&ink), "{ink} pixels");
            let on_edge = |i: &usize| [0, 27].contains(&(i % 28)) || [0, 27].contains(&(i / 28));
            assert!((0..784).filter(on_edge).all(|i| image[i] < 128));
            seen.push(image);
        }
        seen.sort();
        seen.dedup();
        assert!(seen.len() > 100);
    }

    #[test]
    fn images_may_have_any_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for (width, height) in [(1, 1), (3, 7), (40, 2), (0, 0)] {
            for _ in 0..20 {
                let mut image = vec![9; width * height];
                draw(&mut rng, 5, &mut image, width, &mut vec![0; width * height]);
            }
        }
    }
}
