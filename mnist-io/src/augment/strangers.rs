//! What is no digit: scribbles, loose lines, tangled curves, and a digit over its own mirror image.

use rand::{Rng, RngExt};

use super::pen::line;

/// Share of an image's smaller side that a figure fills.
const BOX: f32 = 20.0 / 28.0;
/// Pieces that a bend of a curve is drawn with.
const PIECES: usize = 6;
/// Brightness of the ink.
const INK: f32 = 255.0;

/// Puts something that is no digit in the place of the digit `label`. `scratch` is as large as the image.
pub(super) fn draw(rng: &mut impl Rng, label: u8, image: &mut [u8], width: usize, scratch: &mut [u8]) {
    if image.is_empty() {
        return;
    }
    let height = image.len() / width;
    let kind = rng.random_range(0..4);
    // A ring over its mirror image still is a ring.
    if kind == 3 && height == width && !matches!(label, 0 | 8) {
        return lay_mirrored_over(image, width, scratch);
    }
    image.fill(0);
    let side = BOX * width.min(height) as f32;
    let corner = [(width as f32 - side) / 2.0, (height as f32 - side) / 2.0];
    let point = |rng: &mut _| -> [f32; 2] { [0, 1].map(|axis| corner[axis] + side * unit(rng)) };
    let stroke = side * (0.09 + 0.1 * unit(rng));
    let mut ink = |from, to| line(image, width, (from, to), stroke, INK);
    match kind {
        0 => {
            let mut from = point(rng);
            for _ in 0..rng.random_range(5..14) {
                let to = point(rng);
                ink(from, to);
                from = to;
            }
        }
        1 => (0..rng.random_range(3..7)).for_each(|_| ink(point(rng), point(rng))),
        _ => {
            let (mut corner, mut from) = (point(rng), point(rng));
            for _ in 0..rng.random_range(6..11) {
                let next = point(rng);
                let to = mix(corner, next, 0.5);
                bend([from, corner, to], &mut ink);
                (from, corner) = (to, next);
            }
        }
    }
}

fn unit(rng: &mut impl Rng) -> f32 {
    rng.random()
}

fn mix(a: [f32; 2], b: [f32; 2], share: f32) -> [f32; 2] {
    [0, 1].map(|axis| a[axis] + share * (b[axis] - a[axis]))
}

/// A parabola from the first point to the last one.
fn bend([from, corner, to]: [[f32; 2]; 3], ink: &mut impl FnMut([f32; 2], [f32; 2])) {
    let at = |piece: usize| {
        let share = piece as f32 / PIECES as f32;
        mix(mix(from, corner, share), mix(corner, to, share), share)
    };
    (0..PIECES).for_each(|piece| ink(at(piece), at(piece + 1)));
}

/// The mirror is the diagonal.
fn lay_mirrored_over(image: &mut [u8], width: usize, scratch: &mut [u8]) {
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
    fn figures_have_ink_in_the_box_of_a_digit() {
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
    fn images_of_any_size_are_drawn_on() {
        let mut rng = ChaCha8Rng::seed_from_u64(4);
        for (width, height) in [(1, 1), (3, 7), (40, 2), (0, 0)] {
            for _ in 0..20 {
                let mut image = vec![9; width * height];
                draw(&mut rng, 5, &mut image, width, &mut vec![0; width * height]);
            }
        }
    }
}
