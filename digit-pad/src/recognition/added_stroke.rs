//! What would change a reading: the shortest stroke after which a drawing reads as another digit.

use crate::{
    drawing::strokes::{Ink, PEN, Stroke},
    error::Error,
    geometry::{Bounds, Point},
    recognition::{
        explanation::Explainer,
        model::DIGITS,
        normalization::{Gray28, normalize_ink},
    },
};

/// Rows and columns of the grid on which strokes begin and end.
const GRID: usize = 5;
/// Most ends of the drawing's own strokes at which added ones may begin or end.
const MOST_ENDS: usize = 10;
/// How far curved strokes bend from a straight line, as fractions of their length.
const BENDS: [f32; 3] = [0.0, 0.4, -0.4];
/// Points of a curved stroke.
const POINTS: u8 = 9;
/// Shortest and longest stroke, as fractions of the drawing's longest side.
const LENGTHS: [f32; 2] = [0.12, 1.3];
/// Log-odds that a digit must have at least: more likely than all others together.
const LEAST_ODDS: f32 = 0.0;
/// Strokes that are tried between two looks whether the search is still wanted.
const BATCH: usize = 64;

/// A stroke that would change a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct AddedStroke {
    /// Its points, in canvas units.
    pub points: Vec<Point>,
    /// The digit that the drawing would read as.
    pub digit: u8,
    /// The probability of that digit.
    pub probability: f32,
}

/// For each digit, the shortest of many strokes with which the drawing reads as that digit; none for the digit that it
/// reads as already. Straight and bent strokes are tried, between the ends of the drawing's strokes and points of a grid
/// around it, from the shortest to the longest. `None` as soon as `is_wanted` says no.
///
/// # Errors
/// [`Error::NotFinite`] if the model's outputs are not finite.
pub fn added_strokes(
    explainer: &mut Explainer,
    ink: &Ink,
    is_wanted: &mut dyn FnMut() -> bool,
) -> Result<Option<[Option<AddedStroke>; DIGITS]>, Error> {
    let mut found = [const { None }; DIGITS];
    let Some(now) = normalize_ink(ink) else {
        return Ok(Some(found));
    };
    let now = most_likely(&explainer.log_odds(&[now])?[0]).0;
    for strokes in candidates(ink).chunks(BATCH) {
        if !is_wanted() {
            return Ok(None);
        }
        let drawn = strokes
            .iter()
            .filter_map(|points| Some((points, with_stroke(ink, points)?)));
        let (strokes, images): (Vec<_>, Vec<Gray28>) = drawn.unzip();
        for (points, odds) in strokes.into_iter().zip(explainer.log_odds(&images)?) {
            let (digit, odds) = most_likely(&odds);
            if digit != now && odds > LEAST_ODDS && found[digit].is_none() {
                found[digit] = Some(AddedStroke {
                    points: points.clone(),
                    digit: digit as u8,
                    probability: 1.0 / (1.0 + (-odds).exp()),
                });
            }
        }
    }
    Ok(Some(found))
}

fn most_likely(odds: &[f32; DIGITS]) -> (usize, f32) {
    let best = (1..DIGITS).fold(0, |best, digit| if odds[digit] > odds[best] { digit } else { best });
    (best, odds[best])
}

fn with_stroke(ink: &Ink, points: &[Point]) -> Option<Gray28> {
    let added = Stroke::new(points.to_vec(), PEN);
    normalize_ink(&ink.strokes().iter().cloned().chain([added]).collect())
}

/// The strokes to try, from the shortest to the longest.
fn candidates(ink: &Ink) -> Vec<Vec<Point>> {
    let Some(bounds) = ink.bounds() else { return Vec::new() };
    let places = places(ink, bounds);
    let lengths = LENGTHS.map(|length| length * bounds.longest_side());
    let pairs = places.iter().enumerate().flat_map(|(i, &from)| {
        let after = places.iter().skip(i + 1);
        after.map(move |&to| (from, to))
    });
    let mut pairs: Vec<_> = pairs
        .map(|(from, to)| (from.distance(to), from, to))
        .filter(|(length, ..)| (lengths[0]..=lengths[1]).contains(length))
        .collect();
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let bent = |(_, from, to)| BENDS.map(|bend| bent(from, to, bend));
    pairs.into_iter().flat_map(bent).collect()
}

/// The ends of the drawing's strokes, and a grid around it.
fn places(ink: &Ink, bounds: Bounds) -> Vec<Point> {
    let ends = ink.strokes().iter().flat_map(|stroke| {
        let points = stroke.points();
        [points[0], points[points.len() - 1]]
    });
    let around = bounds.grown(0.1 * bounds.longest_side());
    // A line has no width of its own, where a digit would.
    let least = 0.5 * bounds.longest_side();
    let (width, height) = (around.width().max(least), around.height().max(least));
    let center = around.center();
    let offset = |i: usize, length: f32| length * (i as f32 / (GRID - 1) as f32 - 0.5);
    let grid = (0..GRID * GRID).map(|i| {
        let (x, y) = (offset(i % GRID, width), offset(i / GRID, height));
        Point::new(center.x + x, center.y + y)
    });
    ends.take(MOST_ENDS).chain(grid).collect()
}

/// A straight line, or a part of a parabola whose middle is `bend` of its length off the line.
fn bent(from: Point, to: Point, bend: f32) -> Vec<Point> {
    if bend == 0.0 {
        return vec![from, to];
    }
    let (dx, dy) = (to.x - from.x, to.y - from.y);
    let steps = 0..POINTS;
    steps
        .map(|step| {
            let t = f32::from(step) / f32::from(POINTS - 1);
            let off = 4.0 * t * (1.0 - t) * bend;
            Point::new(from.x + t * dx - off * dy, from.y + t * dy + off * dx)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recognition::{model::Model, recognizer::Recognizer};

    fn ink(strokes: &[&[(f32, f32)]]) -> Ink {
        let stroke = |points: &&[(f32, f32)]| Stroke::new(points.iter().map(|&(x, y)| Point::new(x, y)).collect(), PEN);
        strokes.iter().map(stroke).collect()
    }

    fn explainer() -> Explainer {
        Explainer::new(Model::embedded().unwrap()).unwrap()
    }

    #[test]
    fn added_strokes_change_the_reading_as_they_say() {
        let one = ink(&[&[(280.0, 120.0), (280.0, 440.0)]]);
        let found = added_strokes(&mut explainer(), &one, &mut || true).unwrap().unwrap();
        assert!(found[1].is_none(), "it is a one already");
        let mut recognizer = Recognizer::embedded().unwrap();
        let mut count = 0;
        for stroke in found.iter().flatten() {
            let added = Stroke::new(stroke.points.clone(), PEN);
            let drawing: Ink = one.strokes().iter().cloned().chain([added]).collect();
            let prediction = recognizer.read_ink(&drawing).unwrap();
            assert_eq!(prediction.digit(), stroke.digit);
            assert!(
                (prediction.probability() - stroke.probability).abs() < 1e-3,
                "{stroke:?}"
            );
            count += 1;
        }
        assert!(count >= 2, "a bar makes it a 7 or a 4: {found:?}");
    }

    #[test]
    fn candidates_grow_and_begin_near_the_drawing() {
        let drawing = ink(&[&[(100.0, 100.0), (200.0, 300.0)], &[(150.0, 200.0)]]);
        let candidates = candidates(&drawing);
        let ends = |points: &Vec<Point>| points[0].distance(points[points.len() - 1]);
        assert!(candidates.iter().map(ends).is_sorted());
        let near = drawing.bounds().unwrap().grown(60.0);
        assert!(
            candidates
                .iter()
                .all(|points| near.contains(points[0]) && points.iter().all(|point| point.is_finite()))
        );
        assert!((500..3_000).contains(&candidates.len()), "{}", candidates.len());
    }

    #[test]
    fn nothing_and_a_dot_have_an_answer() {
        let mut explainer = explainer();
        assert_eq!(
            added_strokes(&mut explainer, &Ink::new(), &mut || true)
                .unwrap()
                .unwrap(),
            [const { None }; 10]
        );
        let dot = ink(&[&[(50.0, 50.0)]]);
        assert!(added_strokes(&mut explainer, &dot, &mut || true).unwrap().is_some());
    }

    #[test]
    fn a_search_that_is_not_wanted_ends() {
        let one = ink(&[&[(280.0, 120.0), (280.0, 440.0)]]);
        assert_eq!(added_strokes(&mut explainer(), &one, &mut || false).unwrap(), None);
    }
}
