//! The surest of several ways to see one digit: of the ink found in an image, and of its rotation.

use crate::{
    imaging::{components, gray_image::GrayImage},
    recognition::normalization::{ink_rect, normalize},
};

/// From this probability on, no other way is tried.
const SURE: f32 = 0.99;
/// Rotations that are tried, in degrees, and the doubt of each, as a probability.
const ROTATIONS: [(f32, f32); 8] = [
    (-20.0, 0.03),
    (20.0, 0.03),
    (-35.0, 0.06),
    (35.0, 0.06),
    (-45.0, 0.06),
    (45.0, 0.06),
    (-55.0, 0.1),
    (55.0, 0.1),
];
/// Least height of one of several digits, as a share of the height of all ink.
const PART_HEIGHT: f32 = 0.5;
/// Most that two of several digits overlap, as a share of the narrower one's width.
const PART_OVERLAP: f32 = 0.3;
/// Least gray of a part's ink.
const PART_INK: u8 = 96;
/// Longest side of the ink before it is rotated, in pixels: twice what the network sees.
const ROTATED_SIDE: f32 = 40.0;

/// A way to see a digit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Surest {
    /// Probability of each class.
    pub(super) probabilities: Vec<f32>,
    /// How much less likely this way is than the first one, as a probability.
    pub(super) doubt: f32,
    /// Whether the image was rotated: letters and other signs are then taken for digits, too.
    pub(super) is_rotated: bool,
    /// Whether the ink lies side by side in parts as high as digits.
    pub(super) is_several: bool,
}

impl Surest {
    fn score(&self) -> f32 {
        self.probabilities.iter().copied().fold(0.0, f32::max) - self.doubt
    }
}

/// Finds the way, of images each with a doubt, that gets the highest probability less its doubt; `None` if all images
/// are blank. No further image is asked for once one is sure.
pub(super) fn find<E>(
    images: impl IntoIterator<Item = (GrayImage, f32)>,
    mut classify: impl FnMut(&[u8]) -> Result<Vec<f32>, E>,
) -> Result<Option<Surest>, E> {
    let mut best: Option<(GrayImage, Surest)> = None;
    let mut last = None;
    for (image, doubt) in images {
        let pixels = normalize(&image);
        let Some(pixels) = pixels.filter(|_| pixels != last) else {
            continue;
        };
        last = Some(pixels);
        let found = Surest {
            probabilities: classify(&pixels)?,
            doubt,
            is_rotated: false,
            is_several: false,
        };
        if best.as_ref().is_none_or(|(_, best)| found.score() > best.score()) {
            let is_sure = found.score() >= SURE;
            best = Some((image, found));
            if is_sure {
                break;
            }
        }
    }
    let Some((image, mut surest)) = best else {
        return Ok(None);
    };
    surest.is_several = has_parts_side_by_side(&image);
    if surest.score() >= SURE {
        return Ok(Some(surest));
    }
    let doubt = surest.doubt;
    for (degrees, more) in ROTATIONS {
        let Some(pixels) = normalize(&rotated(&image, degrees)) else {
            continue;
        };
        let found = Surest {
            probabilities: classify(&pixels)?,
            doubt: doubt + more,
            is_rotated: true,
            is_several: surest.is_several,
        };
        if found.score() > surest.score() {
            surest = found;
        }
    }
    Ok(Some(surest))
}

/// Whether two components of ink are at least [`PART_HEIGHT`] as high as all ink, and beside each other.
fn has_parts_side_by_side(image: &GrayImage) -> bool {
    let Some(rect) = ink_rect(image) else {
        return false;
    };
    // Left, right, top and bottom.
    let mut parts: Vec<[usize; 4]> = Vec::new();
    let is_ink = image.pixels().iter().map(|&gray| gray >= PART_INK);
    components::label((image.width(), image.height()), is_ink, |component, at| {
        let (x, y) = (at % image.width(), at / image.width());
        if component == parts.len() {
            parts.push([x, x, y, y]);
        }
        let [left, right, top, bottom] = &mut parts[component];
        (*left, *right) = ((*left).min(x), (*right).max(x));
        (*top, *bottom) = ((*top).min(y), (*bottom).max(y));
    });
    parts.retain(|[_, _, top, bottom]| (bottom - top + 1) as f32 >= PART_HEIGHT * rect.height as f32);
    let is_beside = |a: &[usize; 4], b: &[usize; 4]| {
        let overlap = (a[1].min(b[1]) + 1) as f32 - a[0].max(b[0]) as f32;
        let narrower = (a[1] - a[0]).min(b[1] - b[0]) + 1;
        overlap <= PART_OVERLAP * narrower as f32
    };
    parts
        .iter()
        .enumerate()
        .any(|(index, a)| parts[..index].iter().any(|b| is_beside(a, b)))
}

/// The ink, reduced and rotated clockwise.
fn rotated(image: &GrayImage, degrees: f32) -> GrayImage {
    let Some(rect) = ink_rect(image) else {
        return GrayImage::blank(0, 0);
    };
    let scale = (ROTATED_SIDE / rect.width.max(rect.height) as f32).min(1.0);
    let small = image.resampled(rect, scale).to_image(1.0);
    let side = ((small.width().pow(2) + small.height().pow(2)) as f32).sqrt().ceil() as usize + 2;
    let (sin, cos) = degrees.to_radians().sin_cos();
    let middle = 0.5 * (side - 1) as f32;
    let center = [0.5 * (small.width() as f32 - 1.0), 0.5 * (small.height() as f32 - 1.0)];
    let mut turned = GrayImage::blank(side, side);
    for y in 0..side {
        for (x, pixel) in turned.row_mut(y).iter_mut().enumerate() {
            let (dx, dy) = (x as f32 - middle, y as f32 - middle);
            let at = [center[0] + dx * cos + dy * sin, center[1] + dy * cos - dx * sin];
            *pixel = interpolated(&small, at);
        }
    }
    turned
}

/// The gray between the middles of four pixels; 0 outside the image.
fn interpolated(image: &GrayImage, [x, y]: [f32; 2]) -> u8 {
    let (left, top) = (x.floor(), y.floor());
    let (right, below) = (x - left, y - top);
    let gray = |x: f32, y: f32| {
        let is_inside = x >= 0.0 && y >= 0.0 && x < image.width() as f32 && y < image.height() as f32;
        if is_inside {
            f32::from(image.row(y as usize)[x as usize])
        } else {
            0.0
        }
    };
    let above = gray(left, top) * (1.0 - right) + gray(left + 1.0, top) * right;
    let under = gray(left, top + 1.0) * (1.0 - right) + gray(left + 1.0, top + 1.0) * right;
    (above * (1.0 - below) + under * below).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(width: usize, height: usize) -> GrayImage {
        GrayImage::new(width, height, vec![255; width * height])
    }

    #[test]
    fn the_surest_image_counts() {
        let images = [(bar(4, 40), 0.0), (GrayImage::blank(9, 9), 0.0), (bar(40, 4), 0.02)];
        let is_lying = |pixels: &[u8]| pixels[14 * 28 + 5] > 100;
        let classify = |lying: f32| {
            move |pixels: &[u8]| -> Result<Vec<f32>, ()> {
                let first = if is_lying(pixels) { lying } else { 0.6 };
                Ok(vec![first, 1.0 - first])
            }
        };
        let find = |from: usize, lying| find(images[from..].to_vec(), classify(lying));
        let found = find(0, 0.9).unwrap().unwrap();
        assert_eq!((found.probabilities[0], found.doubt), (0.9, 0.02));
        assert_eq!(find(0, 0.61).unwrap().unwrap().doubt, 0.0);
        assert_eq!(super::find([images[1].clone()], classify(0.9)), Ok(None));
        assert_eq!(
            super::find(images.clone(), |_| Err::<Vec<f32>, _>("broken")),
            Err("broken")
        );
    }

    #[test]
    fn nothing_is_asked_for_after_a_sure_image() {
        let mut asked = 0;
        let images = std::iter::repeat_with(|| {
            asked += 1;
            (bar(asked * 4, 40), 0.0)
        });
        let classify = |_: &[u8]| -> Result<Vec<f32>, ()> { Ok(vec![0.995, 0.005]) };
        assert_eq!(find(images, classify).unwrap().unwrap().doubt, 0.0);
        assert_eq!(asked, 1);
    }

    #[test]
    fn parts_side_by_side_are_several_digits() {
        let with = |bars: &[(usize, usize, usize)]| {
            let mut image = GrayImage::blank(60, 40);
            for &(left, top, bottom) in bars {
                (top..bottom).for_each(|y| image.row_mut(y)[left..left + 6].fill(255));
            }
            has_parts_side_by_side(&image)
        };
        assert!(with(&[(10, 5, 35), (30, 8, 35)]));
        assert!(!with(&[(10, 5, 35)]) && !with(&[]));
        assert!(!with(&[(10, 5, 35), (30, 5, 12)]), "a detached bar");
        assert!(!with(&[(10, 5, 18), (12, 20, 35)]), "a broken stroke");
    }

    #[test]
    fn ink_is_rotated_clockwise() {
        // A bar from the left to the right, thick at its left end.
        let mut image = GrayImage::blank(60, 60);
        for y in 28..32 {
            image.row_mut(y)[10..50].fill(255);
        }
        for y in 24..36 {
            image.row_mut(y)[10..16].fill(255);
        }
        let turned = rotated(&image, 90.0);
        let mass = |rows: std::ops::Range<usize>| -> u32 {
            rows.flat_map(|y| turned.row(y)).map(|&pixel| u32::from(pixel)).sum()
        };
        let half = turned.height() / 2;
        assert!(
            mass(0..half) > mass(half..turned.height()),
            "the thick end is not above"
        );
        assert_eq!(rotated(&GrayImage::blank(5, 5), 20.0).width(), 0);
    }
}
