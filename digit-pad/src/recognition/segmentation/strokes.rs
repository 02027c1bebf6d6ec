//! Segmentation of strokes into digits.

use crate::{
    drawing::strokes::{Ink, Stroke},
    geometry::{Bounds, Point},
    recognition::{
        normalization::{Gray28, normalize_ink},
        prediction::{Classifier, Prediction},
        segmentation::grouping::{CERTAIN, Layout},
    },
};

/// Log odds of a cut in the middle of a stroke.
const CUT: f32 = -2.0;

/// A stroke lower than this share of the highest is no two digits.
const HIGH_STROKE: f32 = 0.8;

/// A stroke wider than this share of its height may be two digits.
const WIDE_STROKE: f32 = 1.1;

/// A digit among the strokes of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct InkDigit {
    /// Its strokes, where they were drawn and in the order in which they were.
    pub ink: Ink,
    /// The rectangle around their samples, in the units of the drawing.
    pub bounds: Bounds,
    /// The 28×28 pixels that the network was given.
    pub pixels: Gray28,
    /// What was read there.
    pub prediction: Prediction,
}

/// The digits of a drawing, from left to right: each stroke is part of one, and only specks and what lies outside the
/// canvas are part of none.
///
/// Strokes over each other are one digit, whichever was drawn first, and strokes beside each other are several. Where
/// they overlap a little, or nearly touch, the reader decides; and so it does where one stroke looks like two digits,
/// which then has a part in both.
pub fn split_ink(ink: &Ink, classifier: &mut dyn Classifier) -> Vec<InkDigit> {
    let pieces = pieces(ink);
    let layout = Layout::new(pieces.iter().map(|piece| piece.bounds).collect());
    let cut_odds = |a: usize, b: usize| pieces[a].cut_odds(&pieces[b]);
    let drawn = |group: &[usize]| join(group, &pieces);
    let mut read = |group: &[usize]| {
        let pixels = normalize_ink(&drawn(group))?;
        let prediction = classifier.classify(&pixels);
        Some((pixels, prediction))
    };
    let groups = layout.group(&cut_odds, &mut read);
    let digits = groups.into_iter().filter_map(|group| {
        let ink = drawn(&group.pieces);
        let bounds = ink.bounds()?;
        Some(InkDigit {
            ink,
            bounds,
            pixels: group.pixels,
            prediction: group.prediction,
        })
    });
    digits.collect()
}

/// A stroke, or a part of one.
struct Piece {
    stroke: Stroke,
    bounds: Bounds,
    /// Which stroke of the drawing, and which part of it.
    origin: (usize, usize),
}

impl Piece {
    /// Log odds of a cut between two parts of one stroke.
    fn cut_odds(&self, other: &Piece) -> Option<f32> {
        let ((a, i), (b, j)) = (self.origin, other.origin);
        (a == b).then_some(if i.abs_diff(j) == 1 { CUT } else { CERTAIN })
    }
}

/// The strokes, those that may be two digits cut wherever they may pass from one to the next.
fn pieces(ink: &Ink) -> Vec<Piece> {
    let heights = ink.strokes().iter().map(|stroke| stroke.bounds().height());
    let least_height = HIGH_STROKE * heights.fold(0.0, f32::max);
    let parts = |(index, stroke): (usize, &Stroke)| {
        let passages = if stroke.bounds().height() < least_height {
            Vec::new()
        } else {
            passages(stroke)
        };
        let piece = move |(part, stroke): (usize, Stroke)| Piece {
            bounds: stroke.bounds(),
            stroke,
            origin: (index, part),
        };
        cut(stroke, &passages).into_iter().enumerate().map(piece)
    };
    ink.strokes().iter().enumerate().flat_map(parts).collect()
}

/// The parts of a stroke, the samples of those numbers the first of the next part.
fn cut(stroke: &Stroke, places: &[usize]) -> Vec<Stroke> {
    let mut parts = Vec::new();
    let mut rest = stroke.clone();
    let mut done = 0;
    for &at in places {
        if let Some((part, others)) = rest.cut(at - done) {
            parts.push(part);
            rest = others;
            done = at;
        }
    }
    parts.push(rest);
    parts
}

/// The strokes of a group in the order in which they were drawn, whole where all that was cut is in the group.
fn join(group: &[usize], pieces: &[Piece]) -> Ink {
    let mut group = group.to_vec();
    group.sort_unstable();
    let mut strokes: Vec<Stroke> = Vec::new();
    let mut before = None;
    for piece in group.iter().map(|&i| &pieces[i]) {
        let (index, part) = piece.origin;
        match strokes.last_mut() {
            Some(stroke) if before == Some((index, part.wrapping_sub(1))) => stroke.append(&piece.stroke),
            _ => strokes.push(piece.stroke.clone()),
        }
        before = Some(piece.origin);
    }
    strokes.into_iter().collect()
}

/// The samples before which a wide stroke may be cut: in the middle of where it runs from left to right, or back, and
/// never returns.
fn passages(stroke: &Stroke) -> Vec<usize> {
    const COLUMNS: usize = 32;
    let bounds = stroke.bounds();
    if bounds.width() <= WIDE_STROKE * bounds.height() {
        return Vec::new();
    }
    let column = |point: &Point| ((point.x - bounds.left) / bounds.width() * COLUMNS as f32) as usize;
    // How often the stroke enters a column from the one on its left or leaves it to there, and with which sample.
    let mut crossings = [(0, 0); COLUMNS + 1];
    for (i, pair) in stroke.points().windows(2).enumerate() {
        let (from, to) = (column(&pair[0]), column(&pair[1]));
        for crossing in &mut crossings[from.min(to) + 1..=from.max(to)] {
            *crossing = (crossing.0 + 1, i + 1);
        }
    }
    let inner = &crossings[1..COLUMNS];
    let runs = inner.chunk_by(|a, b| (a.0 == 1) == (b.0 == 1));
    let mut found: Vec<usize> = runs
        .filter(|run| run[0].0 == 1)
        .map(|run| run[run.len() / 2].1)
        .collect();
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::fickle;
    use super::*;

    fn drawn(strokes: &[Vec<(f32, f32)>]) -> Ink {
        let mut ink = Ink::new();
        for stroke in strokes {
            let at = |i: usize| Point::new(stroke[i].0, stroke[i].1);
            ink.pen_down(at(0));
            (1..stroke.len()).for_each(|i| {
                ink.pen_move(at(i));
            });
        }
        ink
    }

    fn strokes() -> impl Strategy<Value = Vec<Vec<(f32, f32)>>> {
        let stroke = (0f32..400.0, 0f32..400.0, 1f32..160.0)
            .prop_flat_map(|(left, top, size)| proptest::collection::vec((left..left + size, top..top + size), 1..8));
        proptest::collection::vec(stroke, 0..8)
    }

    fn points(ink: &Ink) -> Vec<Point> {
        ink.strokes()
            .iter()
            .flat_map(|stroke| stroke.points().to_vec())
            .collect()
    }

    fn sorted(mut points: Vec<Point>) -> Vec<Point> {
        points.sort_by(|a, b| a.x.total_cmp(&b.x).then(a.y.total_cmp(&b.y)));
        points
    }

    proptest! {
        #[test]
        fn every_stroke_that_is_no_speck_is_in_one_digit(strokes in strokes()) {
            let ink = drawn(&strokes);
            let pieces = pieces(&ink);
            let layout = Layout::new(pieces.iter().map(|piece| piece.bounds).collect());
            let kept = layout.pieces().into_iter().flat_map(|i| pieces[i].stroke.points().to_vec()).collect();
            let digits = split_ink(&ink, &mut fickle);
            let found = digits.iter().flat_map(|digit| points(&digit.ink)).collect();
            prop_assert_eq!(sorted(found), sorted(kept));
            prop_assert_eq!(digits.is_empty(), ink.is_empty());
            for digit in &digits {
                prop_assert_eq!(Some(digit.bounds), digit.ink.bounds());
            }
        }

        #[test]
        fn parts_make_the_stroke(strokes in strokes()) {
            let ink = drawn(&strokes);
            let pieces = pieces(&ink);
            prop_assert_eq!(join(&Vec::from_iter(0..pieces.len()), &pieces), ink.strokes().iter().cloned().collect());
        }
    }

    #[test]
    fn a_stroke_is_cut_where_it_passes_on() {
        // Two triangles, a line from the first to the second.
        let joined = drawn(&[vec![
            (60.0, 100.0),
            (20.0, 200.0),
            (100.0, 200.0),
            (60.0, 100.0),
            (240.0, 100.0),
            (200.0, 200.0),
            (280.0, 200.0),
            (240.0, 100.0),
        ]]);
        let parts = pieces(&joined);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].stroke.points(), &joined.strokes()[0].points()[..4]);
    }
}
