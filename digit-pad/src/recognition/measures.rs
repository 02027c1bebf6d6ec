//! Measures of a digit's shape that can be told in a sentence: how it leans, how wide it is, what it encloses.

use crate::{
    imaging::{components, gray_image::GrayImage},
    recognition::normalization::{Gray28, SIDE, ink_rect},
};

/// Pixels from this brightness on are ink where ink and paper are told apart.
const INK: u8 = 100;

/// The image is enlarged by this factor where loops are counted, so that lines that touch at a corner are closed.
const ENLARGED: usize = 3;

/// Enclosed paper of fewer pixels of the enlarged image is a flaw of the line and no loop.
const MIN_LOOP: usize = 7;

/// A row with so many times as much ink as the usual row of the stem, and as the thinnest above it, is a bar.
const BAR: (f32, f32) = (1.6, 1.35);

/// The parts of a digit's height, from the top, of the corner under the roof, where a bar is looked for, and of the stem.
const CORNER: f32 = 0.15;
const BAR_ROWS: (f32, f32) = (0.4, 0.75);
const STEM_ROWS: (f32, f32) = (0.55, 0.95);

/// A measure that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How far it leans to the right, in degrees: by how much its rows move sideways from the foot to the top.
    Slant,
    /// How far its ink spreads sideways for each unit that it spreads up and down, once its lean is straightened.
    Width,
    /// How high the middle of its ink is: 0 at the foot, 1 at the top.
    Balance,
    /// The share of its ink in the corners, outside of the ellipse that fills its frame, once its lean is straightened.
    Corners,
}

impl Measure {
    /// All of them, in the order of [`Measures::values`].
    pub const ALL: [Measure; 4] = [Measure::Slant, Measure::Width, Measure::Balance, Measure::Corners];
}

/// What is measured on a normalized image.
///
/// ```
/// use digit_pad::recognition::measures::{Measure, Measures};
///
/// // A bar that leans by 45°.
/// let bar = std::array::from_fn(|i| if (i % 28 + i / 28).abs_diff(28) < 3 { 255 } else { 0 });
/// let measures = Measures::of(&bar);
/// assert!((measures.value(Measure::Slant) - 45.0).abs() < 1.0 && measures.loops == 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// The value of each measure that is a number.
    pub values: [f32; Measure::ALL.len()],
    /// How often its lines enclose paper.
    pub loops: usize,
    /// Whether a bar crosses its stem; of use for a 7 only.
    pub has_bar: bool,
}

/// Mass, center and second moments of ink.
struct Moments {
    center: (f32, f32),
    xx: f32,
    xy: f32,
    yy: f32,
}

impl Measures {
    /// Measures an image, of which at least one pixel is ink.
    pub fn of(pixels: &Gray28) -> Self {
        let moments = Moments::of(pixels);
        let shear = moments.shear();
        let across = (moments.xx + shear * moments.xy).max(0.0);
        Measures {
            values: [
                shear.atan().to_degrees(),
                (across / moments.yy.max(f32::MIN_POSITIVE)).sqrt().min(10.0),
                balance(pixels, &moments),
                corners(pixels, &moments),
            ],
            loops: loops(pixels),
            has_bar: has_bar(pixels),
        }
    }

    /// The value of a measure.
    pub fn value(&self, measure: Measure) -> f32 {
        self.values[measure as usize]
    }
}

impl Moments {
    fn of(pixels: &Gray28) -> Self {
        let mean = |of: &dyn Fn(f32, f32) -> f32| {
            let mut sums = (0.0, 0.0);
            for (i, &ink) in pixels.iter().enumerate().filter(|(_, ink)| **ink > 0) {
                let ink = f32::from(ink);
                sums = (sums.0 + ink * of((i % SIDE) as f32, (i / SIDE) as f32), sums.1 + ink);
            }
            sums.0 / f32::max(sums.1, 1.0)
        };
        let (cx, cy) = (mean(&|x, _| x), mean(&|_, y| y));
        Moments {
            center: (cx, cy),
            xx: mean(&|x, _| (x - cx).powi(2)),
            xy: mean(&|x, y| (x - cx) * (y - cy)),
            yy: mean(&|_, y| (y - cy).powi(2)),
        }
    }

    /// How far a row is to the right of the one below it.
    fn shear(&self) -> f32 {
        if self.yy > 0.0 { -self.xy / self.yy } else { 0.0 }
    }
}

fn image(pixels: &Gray28) -> GrayImage {
    GrayImage::new(SIDE, SIDE, pixels.to_vec())
}

fn balance(pixels: &Gray28, moments: &Moments) -> f32 {
    let Some(ink) = ink_rect(&image(pixels)) else {
        return 0.5;
    };
    let middle = moments.center.1 + 0.5;
    1.0 - (middle - ink.top as f32) / ink.height as f32
}

fn corners(pixels: &Gray28, moments: &Moments) -> f32 {
    let (shear, (cx, cy)) = (moments.shear(), moments.center);
    let straightened = |i: usize| {
        let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
        (x + shear * (y - cy) - cx, y - cy)
    };
    let mut frame = [(f32::MAX, f32::MIN); 2];
    for i in (0..pixels.len()).filter(|&i| pixels[i] >= INK) {
        let (x, y) = straightened(i);
        for (side, at) in frame.iter_mut().zip([x, y]) {
            *side = (side.0.min(at - 0.5), side.1.max(at + 0.5));
        }
    }
    let off = |at: f32, (from, to): (f32, f32)| (2.0 * at - from - to) / (to - from).max(1.0);
    let (mut outside, mut all) = (0.0, 0.0);
    for (i, &ink) in pixels.iter().enumerate().filter(|(_, ink)| **ink >= INK) {
        let (x, y) = straightened(i);
        let ink = f32::from(ink);
        all += ink;
        if off(x, frame[0]).powi(2) + off(y, frame[1]).powi(2) > 1.0 {
            outside += ink;
        }
    }
    outside / f32::max(all, 1.0)
}

/// The parts of the paper that do not reach the border.
fn loops(pixels: &Gray28) -> usize {
    let image = image(pixels);
    let large = image.resampled(image.rect(), ENLARGED as f32).to_image(1.0);
    let (width, height) = (large.width(), large.height());
    let mut parts: Vec<(usize, bool)> = Vec::new();
    let is_paper = large.pixels().iter().map(|&pixel| pixel < INK);
    components::label((width, height), is_paper, |part, at| {
        if part == parts.len() {
            parts.push((0, false));
        }
        let (x, y) = (at % width, at / width);
        let is_border = x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        parts[part] = (parts[part].0 + 1, parts[part].1 | is_border);
    });
    let is_loop = |&&(size, is_open): &&(usize, bool)| size >= MIN_LOOP && !is_open;
    parts.iter().filter(is_loop).count()
}

/// Whether a row in the middle has far more ink than the stem, and than the stem above it: a roof has that too, but not in
/// the middle.
fn has_bar(pixels: &Gray28) -> bool {
    let Some(ink) = ink_rect(&image(pixels)) else {
        return false;
    };
    let row = |y: usize| -> f32 { pixels[y * SIDE..(y + 1) * SIDE].iter().map(|&p| f32::from(p)).sum() };
    let rows: Vec<f32> = (ink.top..ink.top + ink.height).map(row).collect();
    let at = |share: f32| (share * rows.len() as f32) as usize;
    let mut stem = rows[at(STEM_ROWS.0)..at(STEM_ROWS.1)].to_vec();
    stem.sort_by(f32::total_cmp);
    let Some(usual) = stem.get(stem.len() / 2) else {
        return false;
    };
    (at(BAR_ROWS.0)..at(BAR_ROWS.1)).any(|y| {
        let both = 0.5 * (rows[y] + rows[y + 1]);
        let above = rows[at(CORNER)..=y].iter().copied().fold(f32::MAX, f32::min);
        both > BAR.0 * usual && both > BAR.1 * above
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::recognition::normalization::normalize;

    /// What is drawn where the function is true, at 8 times the size of an image, then normalized.
    fn drawn(is_ink: impl Fn(f32, f32) -> bool) -> Gray28 {
        let side = 8 * SIDE;
        let pixel = |i: usize| {
            if is_ink((i % side) as f32, (i / side) as f32) {
                255
            } else {
                0
            }
        };
        normalize(&GrayImage::new(side, side, (0..side * side).map(pixel).collect())).unwrap()
    }

    fn ring(x: f32, y: f32, (cx, cy): (f32, f32), radius: f32) -> bool {
        ((x - cx).hypot(y - cy) - radius).abs() < 8.0
    }

    #[test]
    fn a_sheared_bar_leans_as_it_was_sheared() {
        for degrees in [-30.0_f32, -5.0, 0.0, 12.0, 20.0, 35.0] {
            let shear = degrees.to_radians().tan();
            let bar = drawn(|x, y| (x - 112.0 + shear * (y - 112.0)).abs() < 12.0 && (y - 112.0).abs() < 80.0);
            let measures = Measures::of(&bar);
            let slant = measures.value(Measure::Slant);
            assert!((slant - degrees).abs() < 1.0, "{slant} for {degrees}");
            // A rectangle of 24×160, whatever its lean.
            let width = measures.value(Measure::Width);
            assert!((width - 0.15).abs() < 0.02, "{width} at {degrees}");
            assert!((measures.value(Measure::Balance) - 0.5).abs() < 0.02);
            assert_eq!((measures.loops, measures.has_bar), (0, false));
        }
    }

    #[test]
    fn loops_are_counted() {
        let open = drawn(|x, y| ring(x, y, (112.0, 112.0), 70.0) && x < 140.0);
        let one = drawn(|x, y| ring(x, y, (112.0, 112.0), 70.0));
        let two = drawn(|x, y| ring(x, y, (112.0, 60.0), 45.0) || ring(x, y, (112.0, 150.0), 45.0));
        let slashed = drawn(|x, y| {
            ring(x, y, (112.0, 112.0), 80.0) || ((x + y - 224.0).abs() < 12.0 && (x - 112.0).abs() < 56.0)
        });
        let found = [open, one, two, slashed].map(|pixels| Measures::of(&pixels).loops);
        assert_eq!(found, [0, 1, 2, 2]);
    }

    #[test]
    fn a_circle_is_rounder_than_a_square_and_as_wide() {
        let circle = Measures::of(&drawn(|x, y| ring(x, y, (112.0, 112.0), 80.0)));
        let square = Measures::of(&drawn(|x, y| {
            let off = (x - 112.0).abs().max((y - 112.0).abs());
            (off - 80.0).abs() < 8.0
        }));
        let [round, angular] = [circle, square].map(|measures| measures.value(Measure::Corners));
        assert!(round < 0.1 && angular > 0.5, "{round} and {angular}");
        for measures in [circle, square] {
            assert!((measures.value(Measure::Width) - 1.0).abs() < 0.02 && measures.loops == 1);
        }
    }

    #[test]
    fn ink_at_the_top_is_told_from_ink_at_the_foot() {
        let stem = |x: f32, y: f32| (x - 112.0).abs() < 8.0 && (y - 112.0).abs() < 80.0;
        let top = drawn(|x, y| stem(x, y) || ((x - 112.0).abs() < 50.0 && (y - 40.0).abs() < 8.0));
        let foot = drawn(|x, y| stem(x, y) || ((x - 112.0).abs() < 50.0 && (y - 184.0).abs() < 8.0));
        let [top, foot] = [top, foot].map(|pixels| Measures::of(&pixels).value(Measure::Balance));
        assert!(
            top > 0.6 && foot < 0.4 && (top + foot - 1.0).abs() < 0.02,
            "{top} and {foot}"
        );
    }

    #[test]
    fn a_seven_has_a_bar_or_has_none() {
        let seven = |x: f32, y: f32| {
            let roof = (y - 40.0).abs() < 9.0 && (50.0..160.0).contains(&x);
            roof || ((x - 160.0 + 0.5 * (y - 40.0)).abs() < 10.0 && (40.0..200.0).contains(&y))
        };
        let bar = |x: f32, y: f32| (y - 115.0).abs() < 9.0 && (85.0..160.0).contains(&x);
        assert!(!Measures::of(&drawn(seven)).has_bar);
        assert!(Measures::of(&drawn(|x, y| seven(x, y) || bar(x, y))).has_bar);
    }

    #[test]
    fn any_image_can_be_measured() {
        for pixels in [
            [0; 784],
            [255; 784],
            std::array::from_fn(|i| if i == 400 { 255 } else { 0 }),
        ] {
            let measures = Measures::of(&pixels);
            assert!(measures.values.iter().all(|value| value.is_finite()), "{measures:?}");
        }
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_digit_is_drawn(left in 0..60usize, top in 0..60usize, seed in 0..1000usize) {
            let blot: Vec<u8> = (0..900).map(|i| if (i * i + seed * i) % 7 < 3 { 255 } else { 0 }).collect();
            let blot = GrayImage::new(30, 30, blot);
            let mut image = GrayImage::blank(90, 90);
            image.paste(&blot, left, top);
            let [here, there] = [&blot, &image].map(|image| Measures::of(&normalize(image).unwrap()));
            prop_assert_eq!(here, there);
        }
    }
}
