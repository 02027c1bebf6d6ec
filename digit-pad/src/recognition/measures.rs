//! Measures of a digit's shape that can be told in a sentence: how it leans, how wide it is, what it encloses.

use crate::{
    imaging::gray_image::GrayImage,
    recognition::{
        lean::{lean, shear},
        normalization::{Gray28, SIDE, ink_rect},
        parts::{INK, Parts},
    },
};

/// A measure that is a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// How far it leans to the right, in degrees; see [`lean`].
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
/// assert!((measures.value(Measure::Slant) - 45.0).abs() <= 2.0 && measures.parts.loops == 0);
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measures {
    /// The value of each measure that is a number.
    pub values: [f32; Measure::ALL.len()],
    /// The parts that it has.
    pub parts: Parts,
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
        let lean = lean(pixels);
        let shear = shear(lean);
        let across = (moments.xx + shear * (2.0 * moments.xy + shear * moments.yy)).max(0.0);
        Measures {
            values: [
                lean,
                (across / moments.yy.max(f32::MIN_POSITIVE)).sqrt().min(10.0),
                balance(pixels, &moments),
                corners(pixels, &moments, shear),
            ],
            parts: Parts::of(pixels, lean),
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

fn corners(pixels: &Gray28, moments: &Moments, shear: f32) -> f32 {
    let (cx, cy) = moments.center;
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
            assert!((slant - degrees).abs() <= 1.0, "{slant} for {degrees}");
            // A rectangle of 24×160, whatever its lean.
            let width = measures.value(Measure::Width);
            assert!((width - 0.15).abs() < 0.02, "{width} at {degrees}");
            assert!((measures.value(Measure::Balance) - 0.5).abs() < 0.02);
            assert_eq!(measures.parts.loops, 0);
        }
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
            assert!((measures.value(Measure::Width) - 1.0).abs() < 0.02 && measures.parts.loops == 1);
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
