//! Strokes → the strokes of each digit.

use super::{CERTAIN, Layout, Pieces, TOUCH};
use crate::{
    ink::{Bounds, Ink, Point, Stroke},
    normalize::normalize_ink,
    reading::{Reader, Reading},
};

/// Log odds of a cut in the middle of a stroke.
const CUT: f32 = -4.0;

/// A stroke wider than this share of its height may be two digits.
const WIDE_STROKE: f32 = 0.9;

/// A digit among the strokes of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct InkDigit {
    /// Its strokes, where they were drawn and in the order in which they were.
    pub ink: Ink,
    /// The rectangle around their samples, in the units of the drawing.
    pub bounds: Bounds,
    /// What was read there.
    pub reading: Reading,
}

/// The digits of a drawing, from left to right: each stroke is part of one, and only specks and what lies outside the
/// canvas are part of none.
///
/// Strokes over each other are one digit, whichever was drawn first, and strokes beside each other are several. Where
/// they overlap a little, or nearly touch, the reader decides; and so it does where one stroke looks like two digits,
/// which then has a part in both.
pub fn split_ink(ink: &Ink, reader: &mut dyn Reader) -> Vec<InkDigit> {
    let pieces: Vec<Piece> = ink.strokes().iter().enumerate().flat_map(pieces).collect();
    let layout = Layout::new(pieces.iter().map(|piece| piece.bounds).collect());
    let pieces = StrokePieces::new(pieces, TOUCH * layout.height);
    let drawn = |group: &[usize]| -> Ink {
        let mut group = group.to_vec();
        group.sort_unstable();
        group.iter().map(|&i| pieces.pieces[i].stroke.clone()).collect()
    };
    let mut read = |group: &[usize]| Some(reader.read(&normalize_ink(&drawn(group))?));
    let groups = layout.group(&pieces, &mut read);
    let digits = groups.into_iter().filter_map(|group| {
        let ink = drawn(&group.pieces);
        let bounds = ink.bounds()?;
        Some(InkDigit {
            ink,
            bounds,
            reading: group.reading,
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

/// All pieces, and points along each.
struct StrokePieces {
    pieces: Vec<Piece>,
    traces: Vec<Vec<Point>>,
    touch: f32,
}

impl StrokePieces {
    fn new(pieces: Vec<Piece>, touch: f32) -> Self {
        let traces = pieces.iter().map(|piece| trace(&piece.stroke, touch)).collect();
        StrokePieces { pieces, traces, touch }
    }
}

impl Pieces for StrokePieces {
    fn cut_odds(&self, a: usize, b: usize) -> Option<f32> {
        let ((a, i), (b, j)) = (self.pieces[a].origin, self.pieces[b].origin);
        (a == b).then_some(if i.abs_diff(j) == 1 { CUT } else { CERTAIN })
    }

    fn touch(&self, a: usize, b: usize) -> bool {
        let is_near = |p: &Point| self.traces[b].iter().any(|q| p.distance(*q) <= self.touch);
        self.traces[a].iter().any(is_near)
    }
}

/// The stroke, cut wherever it may pass from one digit to the next.
fn pieces((index, stroke): (usize, &Stroke)) -> Vec<Piece> {
    let mut parts = Vec::new();
    let mut rest = stroke.clone();
    let mut done = 0;
    for at in passages(stroke) {
        if let Some((part, others)) = rest.cut(at - done) {
            parts.push(part);
            rest = others;
            done = at;
        }
    }
    parts.push(rest);
    let piece = |(part, stroke): (usize, Stroke)| Piece {
        bounds: stroke.bounds(),
        stroke,
        origin: (index, part),
    };
    parts.into_iter().enumerate().map(piece).collect()
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

/// Points along the stroke, `step` apart where its samples are further apart than that; fewer where they would be many.
fn trace(stroke: &Stroke, step: f32) -> Vec<Point> {
    let samples = thinned(stroke.points().to_vec());
    let mut trace = vec![samples[0]];
    for pair in samples.windows(2) {
        let count = (pair[0].distance(pair[1]) / step).clamp(1.0, 40.0) as usize;
        trace.extend((1..=count).map(|k| between(pair[0], pair[1], k as f32 / count as f32)));
    }
    thinned(trace)
}

fn between(from: Point, to: Point, share: f32) -> Point {
    Point::new(from.x + share * (to.x - from.x), from.y + share * (to.y - from.y))
}

/// Every so many of the points that they are no more than 400.
fn thinned(points: Vec<Point>) -> Vec<Point> {
    let step = points.len().div_ceil(400);
    points.into_iter().step_by(step).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::normalize::Grey28;

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

    /// Reads whatever the first bright pixel makes of it, more or less surely.
    fn fickle(pixels: &Grey28) -> Reading {
        let bright = pixels.iter().position(|&pixel| pixel > 100).unwrap_or(0);
        let mut probabilities = [0.02; 10];
        probabilities[bright % 10] += 0.1 * (bright % 9) as f32;
        Reading {
            probabilities,
            known: true,
            microseconds: 0.0,
        }
    }

    fn sorted(mut strokes: Vec<Stroke>) -> Vec<Stroke> {
        let key = |stroke: &Stroke| {
            stroke
                .points()
                .iter()
                .map(|p| (p.x.to_bits(), p.y.to_bits()))
                .collect::<Vec<_>>()
        };
        strokes.sort_by_key(key);
        strokes
    }

    proptest! {
        #[test]
        fn every_stroke_that_is_no_speck_is_in_one_digit(strokes in strokes()) {
            let ink = drawn(&strokes);
            let pieces: Vec<Piece> = ink.strokes().iter().enumerate().flat_map(pieces).collect();
            let layout = Layout::new(pieces.iter().map(|piece| piece.bounds).collect());
            let kept = layout.pieces().iter().map(|&i| pieces[i].stroke.clone()).collect();
            let digits = split_ink(&ink, &mut fickle);
            let found = digits.iter().flat_map(|digit| digit.ink.strokes().to_vec()).collect();
            prop_assert_eq!(sorted(found), sorted(kept));
            prop_assert_eq!(digits.is_empty(), ink.is_empty());
            for digit in &digits {
                prop_assert_eq!(Some(digit.bounds), digit.ink.bounds());
            }
        }

        #[test]
        fn parts_make_the_stroke(strokes in strokes()) {
            for stroke in drawn(&strokes).strokes() {
                let parts = pieces((0, stroke));
                let joined: Vec<Point> = parts.iter().flat_map(|part| part.stroke.points().to_vec()).collect();
                prop_assert_eq!(&joined[..], stroke.points());
            }
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
        let parts = pieces((0, &joined.strokes()[0]));
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].stroke.points(), &joined.strokes()[0].points()[..4]);
    }
}
