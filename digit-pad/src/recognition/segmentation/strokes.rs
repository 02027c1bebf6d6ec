//! Segmentation of strokes into digits.

use crate::{
    drawing::strokes::{CANVAS, CANVAS_BOUNDS, Ink, Stroke},
    geometry::{Bounds, Point},
    recognition::{
        normalization::{Gray28, normalize_ink},
        prediction::{Classifier, Prediction},
        segmentation::{
            grouping::Layout,
            marks::Mark,
            row::Row,
            search::{CERTAIN, Seen},
        },
    },
};

/// Log odds of a cut inside a stroke.
const CUT: f32 = -3.0;

/// A stroke is cut only if its path is longer than this multiple of its longest side: straight lines are not.
const WINDING: f32 = 1.6;

/// Strokes smaller than this, in canvas units, are taps that trembled, and are not cut.
const TAP: f32 = 12.0;

/// A stroke of at most this fraction of the pen's width is a dot, and one that is so near to another stroke is on it.
const HIDDEN: f32 = 0.25;

/// Height to which the digits of a number are enlarged before they are drawn for the network, in canvas units.
const NATURAL_HEIGHT: f32 = 0.5 * CANVAS;

/// Largest distance between two points of an outline, as a fraction of the longest side of the drawing.
const STEP: f32 = 0.01;

/// Outlines have about this many points in all, however much is drawn.
const MAX_POINTS: usize = 10_000;

/// A stroke lower than this fraction of the highest is not cut.
const MIN_HEIGHT: f32 = 0.8;

/// A stroke wider than this multiple of its height may be several digits.
const WIDE: f32 = 1.1;

/// A digit among the strokes of a drawing.
#[derive(Debug, Clone, PartialEq)]
pub struct InkDigit {
    /// The digit's strokes, in place and in drawing order.
    pub ink: Ink,
    /// Bounding rectangle of their samples, in the units of the drawing.
    pub bounds: Bounds,
    /// The network input.
    pub pixels: Gray28,
    /// The prediction for it.
    pub prediction: Prediction,
    /// The line that it stands in, from 0 at the top.
    pub line: usize,
    /// The mark that it is, if it is no digit.
    pub mark: Option<Mark>,
}

/// Divides the strokes of a drawing into digits and marks, line by line from top to bottom, and left to right. Only
/// specks and what lies outside the canvas are part of none.
///
/// Strokes above each other are one digit, whichever was drawn first; strokes side by side are several. The classifier
/// decides where they overlap or nearly touch, and whether one stroke is several digits, which then each have a part of
/// it. A dot on other ink, as a tap leaves it, cannot be seen and is left out.
pub fn segment_ink(ink: &Ink, classifier: &mut dyn Classifier) -> Vec<InkDigit> {
    let parts = parts(&without_hidden_dots(ink));
    let layout = layout(&parts);
    let cut_odds = |a: usize, b: usize| parts[a].cut_odds(&parts[b]);
    let mut classify = |group: &[usize], row: &Row| {
        let pixels = normalize_ink(&upright(&join(group, &parts), row))?;
        Some(Seen::new(pixels, classifier))
    };
    let groups = layout.group(true, &cut_odds, &mut classify);
    let digits = groups.into_iter().filter_map(|group| {
        let ink = join(&group.parts, &parts);
        let bounds = ink.bounds()?;
        Some(InkDigit {
            ink,
            bounds,
            pixels: group.pixels,
            prediction: group.prediction,
            line: group.line,
            mark: group.mark,
        })
    });
    digits.collect()
}

fn layout(parts: &[Part]) -> Layout {
    let whole = parts.iter().map(|part| part.bounds).reduce(|a, b| a.union(&b));
    let length: f32 = parts.iter().map(|part| length(&part.stroke)).sum();
    let samples: usize = parts.iter().map(|part| part.stroke.points().len()).sum();
    let step = (STEP * whole.map_or(0.0, |whole| whole.longest_side())).max(length / MAX_POINTS as f32);
    let every = samples / MAX_POINTS + 1;
    Layout::new(
        parts.iter().map(|part| (part.outline(step, every), part.origin.0)),
        None,
    )
}

/// A digit of a line of digits as it would be drawn alone: level, and large enough that the pen is not too thick for it.
fn upright(ink: &Ink, row: &Row) -> Ink {
    let inside = |bounds: &Bounds| bounds.intersection(&CANVAS_BOUNDS).as_ref() == Some(bounds);
    let Some(bounds) = ink.bounds().filter(inside) else {
        return ink.clone();
    };
    let scale = if row.large > 1 {
        // What is enlarged stays on the canvas.
        let largest = 0.9 * CANVAS / bounds.longest_side().max(f32::MIN_POSITIVE);
        (NATURAL_HEIGHT / row.height).min(largest).max(1.0)
    } else {
        1.0
    };
    if row.frame.is_level() && scale == 1.0 {
        return ink.clone();
    }
    let center = row.frame.level(bounds.center());
    ink.map(|point| {
        let level = row.frame.level(point);
        Point::new(
            0.5 * CANVAS + scale * (level.x - center.x),
            0.5 * CANVAS + scale * (level.y - center.y),
        )
    })
}

/// A stroke, or a part of one.
struct Part {
    stroke: Stroke,
    bounds: Bounds,
    /// The index of the stroke in the drawing, and of the part in the stroke.
    origin: (usize, usize),
}

impl Part {
    /// Points along the stroke, at most `step` apart where samples are farther apart, and one of `every` samples.
    fn outline(&self, step: f32, every: usize) -> Vec<Point> {
        let samples = self.stroke.points();
        let points: Vec<Point> = samples.iter().step_by(every).chain(samples.last()).copied().collect();
        let between = points.windows(2).flat_map(|pair| {
            let count = (pair[0].distance(pair[1]) / step.max(f32::MIN_POSITIVE)).clamp(0.0, 200.0) as usize;
            (1..=count).map(move |i| pair[0].lerp(pair[1], i as f32 / (count + 1) as f32))
        });
        between.chain(points.iter().copied()).collect()
    }

    /// Log odds of a cut between two parts of one stroke.
    fn cut_odds(&self, other: &Part) -> Option<f32> {
        let ((a, i), (b, j)) = (self.origin, other.origin);
        (a == b).then_some(if i.abs_diff(j) == 1 { CUT } else { CERTAIN })
    }
}

/// The drawing without the dots that lie on other strokes.
fn without_hidden_dots(ink: &Ink) -> Ink {
    let strokes = ink.strokes();
    let is_dot = |stroke: &Stroke| stroke.bounds().longest_side() <= HIDDEN * stroke.width();
    let hides = |(i, over): (usize, &Stroke), (j, dot): (usize, &Stroke)| {
        // Of two dots at one place, the first stays.
        let stays = i < j || (i > j && !is_dot(over));
        stays && over.width() >= dot.width() && over.touches_disc(dot.bounds().center(), HIDDEN * dot.width())
    };
    let is_seen = |dot: &(usize, &Stroke)| !is_dot(dot.1) || !strokes.iter().enumerate().any(|over| hides(over, *dot));
    let seen = strokes.iter().enumerate().filter(is_seen);
    seen.map(|(_, stroke)| stroke.clone()).collect()
}

/// The strokes, with those that may be several digits cut wherever that is possible.
fn parts(ink: &Ink) -> Vec<Part> {
    let heights = ink.strokes().iter().map(|stroke| stroke.bounds().height());
    let min_height = MIN_HEIGHT * heights.fold(0.0, f32::max);
    let parts_of = |(index, stroke): (usize, &Stroke)| {
        let cuts = if stroke.bounds().height() < min_height {
            Vec::new()
        } else {
            cuts(stroke)
        };
        let part = move |(part, stroke): (usize, Stroke)| Part {
            bounds: stroke.bounds(),
            stroke,
            origin: (index, part),
        };
        split(stroke, &cuts).into_iter().enumerate().map(part)
    };
    ink.strokes().iter().enumerate().flat_map(parts_of).collect()
}

/// Splits a stroke before the samples of these indices.
fn split(stroke: &Stroke, cuts: &[usize]) -> Vec<Stroke> {
    let mut parts = Vec::new();
    let mut rest = stroke.clone();
    let mut done = 0;
    for &at in cuts {
        if let Some((part, others)) = rest.split_at(at - done) {
            parts.push(part);
            rest = others;
            done = at;
        }
    }
    parts.push(rest);
    parts
}

/// Joins the parts of a group in drawing order. Adjacent parts of one stroke become one stroke again.
fn join(group: &[usize], parts: &[Part]) -> Ink {
    let mut group = group.to_vec();
    group.sort_unstable();
    let mut strokes: Vec<Stroke> = Vec::new();
    let mut previous = None;
    for part in group.iter().map(|&i| &parts[i]) {
        let (stroke_index, part_index) = part.origin;
        match strokes.last_mut() {
            Some(stroke) if previous == Some((stroke_index, part_index.wrapping_sub(1))) => stroke.append(&part.stroke),
            _ => strokes.push(part.stroke.clone()),
        }
        previous = Some(part.origin);
    }
    strokes.into_iter().collect()
}

/// The length of a stroke's path.
fn length(stroke: &Stroke) -> f32 {
    stroke.points().windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}

/// The samples before which a wide stroke may be cut: in the middle of each range of columns that it crosses only once.
fn cuts(stroke: &Stroke) -> Vec<usize> {
    const COLUMNS: usize = 32;
    let bounds = stroke.bounds();
    let is_plain = length(stroke) < WINDING * bounds.longest_side() || bounds.longest_side() < TAP;
    if is_plain || bounds.width() <= WIDE * bounds.height() {
        return Vec::new();
    }
    let column = |point: &Point| ((point.x - bounds.left) / bounds.width() * COLUMNS as f32) as usize;
    // How often the stroke crosses the left edge of each column, and the last sample after a crossing.
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

    /// Strokes of any points, or of points on a grid, many of which are at one place or in line.
    fn strokes() -> impl Strategy<Value = Vec<Vec<(f32, f32)>>> {
        let stroke = (0f32..400.0, 0f32..400.0, 1f32..160.0)
            .prop_flat_map(|(left, top, size)| proptest::collection::vec((left..left + size, top..top + size), 1..8));
        let grid = prop_oneof![Just(0.0), Just(1.0), Just(90.0), Just(300.0)];
        (proptest::collection::vec(stroke, 0..8), grid).prop_map(|(mut strokes, grid): (Vec<Vec<_>>, f32)| {
            let on_grid = |at: f32| if grid > 0.0 { (at / grid).floor() * grid } else { at };
            strokes
                .iter_mut()
                .flatten()
                .for_each(|point: &mut (f32, f32)| *point = (on_grid(point.0), on_grid(point.1)));
            strokes
        })
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
        fn every_stroke_except_specks_is_in_one_digit(strokes in strokes()) {
            let ink = without_hidden_dots(&drawn(&strokes));
            let parts = parts(&ink);
            let kept = layout(&parts).without_dust().into_iter().flat_map(|i| parts[i].stroke.points().to_vec()).collect();
            let digits = segment_ink(&ink, &mut fickle);
            let found = digits.iter().flat_map(|digit| points(&digit.ink)).collect();
            prop_assert_eq!(sorted(found), sorted(kept));
            prop_assert_eq!(digits.is_empty(), ink.is_empty());
            for digit in &digits {
                prop_assert_eq!(Some(digit.bounds), digit.ink.bounds());
            }
        }

        #[test]
        fn parts_join_to_the_strokes(strokes in strokes()) {
            let ink = drawn(&strokes);
            let parts = parts(&ink);
            prop_assert_eq!(join(&Vec::from_iter(0..parts.len()), &parts), ink.strokes().iter().cloned().collect());
        }
    }

    #[test]
    fn taps_at_one_place_are_one_dot() {
        let seven = vec![(60.0, 100.0), (200.0, 100.0), (120.0, 300.0)];
        let taps = |count: usize| vec![vec![(300.0, 280.0)]; count];
        let trembling = vec![vec![(300.0, 280.0)], vec![(301.0, 280.0)], vec![(300.0, 282.0)]];
        for taps in [taps(2), taps(5), trembling] {
            assert_eq!(segment_ink(&drawn(&taps), &mut fickle).len(), 1, "{taps:?}");
            let beside: Vec<_> = taps.iter().cloned().chain([seven.clone()]).collect();
            assert_eq!(segment_ink(&drawn(&beside), &mut fickle).len(), 2, "{taps:?}");
        }
        let mut growing = drawn(&taps(1));
        growing.set_pen(2.0 * growing.pen());
        growing.pen_down(Point::new(300.0, 280.0));
        assert!(
            !segment_ink(&growing, &mut fickle).is_empty(),
            "dots of two sizes, none of which hides the other"
        );
        let on_the_line = drawn(&[vec![(130.0, 101.0)], seven]);
        assert_eq!(without_hidden_dots(&on_the_line).strokes().len(), 1);
    }

    #[test]
    fn a_stroke_is_cut_where_it_crosses_over() {
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
        let parts = parts(&joined);
        assert_eq!(parts.len(), 2);
        assert_eq!(parts[0].stroke.points(), &joined.strokes()[0].points()[..4]);
    }
}
