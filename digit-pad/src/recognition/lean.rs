//! How a digit leans: by the shear that makes its upright strokes the sharpest.

use crate::recognition::normalization::{Gray28, SIDE};

/// The furthest lean that is looked for, to either side, in degrees.
const FURTHEST: i32 = 60;

/// Bins of the profile in a pixel, and how many of them to either side are summed, so that it hardly matters where between
/// two pixels a stroke is.
const BINS: usize = 4;
const BLUR: usize = 4;

/// Columns of the profile: a sheared image is up to three times as wide.
const COLUMNS: usize = 3 * SIDE * BINS;

/// How far a digit leans to the right, in degrees.
///
/// Of all shears, the one is found under which the ink is gathered in the fewest columns: the sum of their squares is the
/// largest, and so is their standard deviation (Pastor, Toselli and Vidal, "Projection profile based algorithm for slant
/// removal", ICIAR 2004). This agrees with the eye, which looks at the long straight strokes: the slope of the second
/// moments takes the crossbar of a 4 and the head of a 9 for a lean to the left. Of equal shears, the smallest counts, so
/// that a dot stands upright.
///
/// ```
/// use digit_pad::recognition::lean::lean;
///
/// // A stem that leans by 45°.
/// let stem = std::array::from_fn(|i| if (i % 28 + i / 28).abs_diff(28) < 3 { 255 } else { 0 });
/// assert!((lean(&stem) - 45.0).abs() <= 2.0);
/// ```
pub fn lean(pixels: &Gray28) -> f32 {
    let ink = Ink::of(pixels);
    let by_size = (0..=FURTHEST).flat_map(|degrees| [degrees, -degrees]);
    let mut best = (0.0, 0);
    for degrees in by_size {
        let sharpness = ink.sharpness(shear(degrees as f32));
        // Rounding does not decide between equal ones.
        if sharpness > best.0 * (1.0 + 1e-5) {
            best = (sharpness, degrees);
        }
    }
    best.1 as f32
}

/// How far each row is to the right of the one below it, for a lean in degrees.
pub fn shear(degrees: f32) -> f32 {
    degrees.to_radians().tan()
}

/// The pixels that are ink: how far they are from the middle of the image, and how much ink they are.
struct Ink(Vec<(f32, f32, f32)>);

impl Ink {
    fn of(pixels: &Gray28) -> Self {
        let middle = 0.5 * (SIDE as f32 - 1.0);
        let inked = pixels.iter().enumerate().filter(|(_, ink)| **ink > 0);
        let place = |(i, &ink): (usize, &u8)| {
            let (x, y) = ((i % SIDE) as f32, (i / SIDE) as f32);
            (x - middle, y - middle, f32::from(ink) / 255.0)
        };
        Ink(inked.map(place).collect())
    }

    /// The sum of the squares of the columns once the rows are moved against a lean.
    fn sharpness(&self, shear: f32) -> f32 {
        let mut profile = [0.0_f32; COLUMNS];
        for (x, y, ink) in &self.0 {
            let left = (x + shear * y) * BINS as f32 + 0.5 * (COLUMNS - BINS) as f32;
            let left = (left.round().max(0.0) as usize).min(COLUMNS - BINS);
            profile[left..left + BINS].iter_mut().for_each(|bin| *bin += ink);
        }
        let columns = profile.windows(2 * BLUR + 1);
        columns.map(|bins| bins.iter().sum::<f32>().powi(2)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        drawing::strokes::{Ink as Drawn, PEN, Stroke},
        geometry::Point,
        recognition::normalization::normalize_ink,
    };

    type Lines<'a> = Vec<&'a [(f32, f32)]>;

    /// Lines with the top of a digit at 0 and its foot at 1, sheared by so many degrees and drawn.
    fn leaning(lines: &[&[(f32, f32)]], degrees: f32) -> Gray28 {
        let at = |&(x, y): &(f32, f32)| {
            Point::new(
                280.0 + 360.0 * (x - 0.3 - shear(degrees) * (y - 0.5)),
                100.0 + 360.0 * y,
            )
        };
        let strokes = lines.iter().map(|line| Stroke::new(line.iter().map(at).collect(), PEN));
        normalize_ink(&strokes.collect::<Drawn>()).unwrap()
    }

    /// The points of a circle, from the right and clockwise.
    fn circle((x, y): (f32, f32), (across, down): (f32, f32), turns: std::ops::Range<f32>) -> Vec<(f32, f32)> {
        let angle = |i: usize| std::f32::consts::TAU * (turns.start + (turns.end - turns.start) * i as f32 / 32.0);
        (0..=32)
            .map(|i| (x + across * angle(i).cos(), y + down * angle(i).sin()))
            .collect()
    }

    const SHEARS: [f32; 7] = [-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0];

    /// The slope of the second moments, in degrees.
    fn by_moments(pixels: &Gray28) -> f32 {
        let ink = Ink::of(pixels).0;
        let mean = |of: &dyn Fn(f32, f32) -> f32| {
            let (sum, all) = ink
                .iter()
                .fold((0.0, 0.0), |sums, &(x, y, ink)| (sums.0 + ink * of(x, y), sums.1 + ink));
            sum / all
        };
        let (cx, cy) = (mean(&|x, _| x), mean(&|_, y| y));
        let (xy, yy) = (mean(&|x, y| (x - cx) * (y - cy)), mean(&|_, y| (y - cy).powi(2)));
        (-xy / yy).atan().to_degrees()
    }

    #[test]
    fn digits_with_a_stem_lean_as_they_were_sheared_where_moments_do_not() {
        let head = circle((0.28, 0.28), (0.28, 0.28), 0.0..1.0);
        let digits: [(&str, Lines<'_>); 7] = [
            ("1", vec![&[(0.0, 0.0), (0.0, 1.0)]]),
            ("1 with a flag", vec![&[(-0.25, 0.25), (0.0, 0.0), (0.0, 1.0)]]),
            (
                "open 4",
                vec![&[(0.0, 0.0), (-0.05, 0.55), (0.6, 0.55)], &[(0.5, 0.1), (0.5, 1.0)]],
            ),
            (
                "pointed 4",
                vec![&[(0.4, 0.0), (0.0, 0.62), (0.66, 0.62)], &[(0.42, 0.3), (0.42, 1.0)]],
            ),
            ("closed 4", vec![&[(0.5, 1.0), (0.5, 0.0), (0.0, 0.65), (0.7, 0.65)]]),
            ("7", vec![&[(0.0, 0.0), (0.5, 0.0), (0.5, 1.0)]]),
            ("9", vec![&head, &[(0.56, 0.28), (0.56, 1.0)]]),
        ];
        let mut mistaken = 0;
        for (name, lines) in &digits {
            for degrees in SHEARS {
                let digit = leaning(lines, degrees);
                let found = lean(&digit);
                assert!((found - degrees).abs() <= 7.0, "{name}: {found}° for {degrees}°");
                assert!(
                    degrees == 0.0 || found * degrees > 0.0,
                    "{name}: {found}° for {degrees}°"
                );
                mistaken += usize::from((by_moments(&digit) - degrees).abs() > 7.0);
            }
        }
        assert!(mistaken > 15, "by moments, {mistaken} leans are mistaken");
    }

    #[test]
    fn round_digits_lean_as_they_were_sheared_or_a_little_more() {
        let (zero, circle_) = (
            circle((0.3, 0.5), (0.3, 0.5), 0.0..1.0),
            circle((0.3, 0.5), (0.5, 0.5), 0.0..1.0),
        );
        let (top, bottom) = (
            circle((0.3, 0.26), (0.24, 0.26), 0.0..1.0),
            circle((0.3, 0.76), (0.28, 0.24), 0.0..1.0),
        );
        let (bow, belly) = (
            circle((0.3, 0.25), (0.3, 0.25), -0.42..0.25),
            circle((0.3, 0.75), (0.35, 0.25), -0.25..0.42),
        );
        let (curl, stem) = (
            circle((0.3, 0.28), (0.28, 0.28), -0.47..0.08),
            [(0.54, 0.42), (0.0, 1.0), (0.6, 1.0)],
        );
        let digits: [(&str, Lines<'_>); 5] = [
            ("0", vec![&zero]),
            ("round 0", vec![&circle_]),
            ("8", vec![&top, &bottom]),
            ("3", vec![&bow, &belly]),
            ("2", vec![&curl, &stem]),
        ];
        for (name, lines) in &digits {
            for degrees in SHEARS {
                let found = lean(&leaning(lines, degrees));
                assert!((found - degrees).abs() <= 8.0, "{name}: {found}° for {degrees}°");
                assert!(
                    degrees == 0.0 || found * degrees > 0.0,
                    "{name}: {found}° for {degrees}°"
                );
            }
        }
    }

    #[test]
    fn what_has_no_lean_stands_upright() {
        let dot: Gray28 = std::array::from_fn(|i| if i == 400 { 255 } else { 0 });
        let [none, some, all] = [[0; 784], dot, [255; 784]].map(|pixels| lean(&pixels));
        assert_eq!((none, some, all), (0.0, 0.0, 0.0));
    }
}
