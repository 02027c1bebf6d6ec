//! Rows: the strokes or components of a line, told apart into marks, specks and the parts of digits.

use crate::{
    geometry::{Bounds, Point},
    recognition::segmentation::{
        lines::Frame,
        marks::{Mark, mark},
        plain_signs::are_dots,
        profile::Profile,
    },
};

/// A part smaller than this fraction of the digits' height, and outside all larger ones, is a speck.
const SPECK: f32 = 0.12;

/// Parts of at least this fraction of the highest part's height are no marks.
const LARGE: f32 = 0.5;

/// A row lower than this fraction of its length is of horizontal lines, and has no height of its own.
const FLAT: f32 = 0.02;

/// The least height of a row, in canvas units or pixels.
const LEAST: f32 = 1.0;

/// A dot or comma nearer to a digit than this fraction of the digits' height is a part of it, such as the foot of a 1.
const NEAR: f32 = 0.09;

/// A line of parts.
pub(super) struct Row {
    pub(super) frame: Frame,
    /// Height of the highest part; the unit of all distances.
    pub(super) height: f32,
    /// Number of strokes or components that are as high as digits.
    pub(super) large: usize,
    pub(super) parts: Vec<Part>,
    pub(super) marks: Vec<(Part, Mark)>,
}

/// A part of a row: a stroke or component, or a piece of one.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) index: usize,
    pub(super) bounds: Bounds,
    pub(super) profile: Profile,
}

/// A stroke or component of a row.
struct Whole<'a> {
    parts: &'a [usize],
    points: Vec<Point>,
    bounds: Bounds,
}

impl Row {
    /// A row of strokes or components, each given by its parts. Its unit is at least `least`. `pen` is the width of the pen
    /// if outlines include it; then specks are dust, otherwise they were drawn and are marks.
    pub(super) fn new<'a>(
        wholes: impl Iterator<Item = &'a Vec<usize>>,
        outlines: &[Vec<Point>],
        (frame, least, pen): (Frame, f32, Option<f32>),
    ) -> Row {
        let wholes: Vec<Whole> = wholes.map(|parts| Whole::new(parts, outlines, frame)).collect();
        let bounds: Vec<Bounds> = wholes.iter().map(|whole| whole.bounds).collect();
        let height = unit(bounds.iter().copied()).max(least);
        let (large, small): (Vec<&Whole>, Vec<&Whole>) =
            wholes.iter().partition(|whole| whole.bounds.height() >= LARGE * height);
        let band = band(&large);
        let mut row = Row {
            frame,
            height,
            large: large.len(),
            parts: Vec::new(),
            marks: Vec::new(),
        };
        let mut is_speck = specks(&bounds, height);
        let dots = band.map_or_else(Vec::new, |band| dots(&wholes, &large, &band));
        dots.iter().for_each(|&dot| is_speck[dot] = false);
        for (index, (whole, is_speck)) in wholes.iter().zip(is_speck).enumerate() {
            let is_small = small.iter().any(|other| std::ptr::eq(*other, whole));
            let found = band
                .filter(|_| is_small)
                .and_then(|band| mark(&whole.bounds, &band, pen.unwrap_or(0.0)));
            let is_alone = |mark: &Mark| {
                let is_near = || whole.is_near(&wholes, NEAR * height - pen.unwrap_or(0.0));
                whole.is_alone(&large, *mark, height) && (*mark == Mark::Minus || !is_near())
            };
            let found = found.filter(is_alone).filter(|_| !dots.contains(&index));
            let parts = whole
                .parts
                .iter()
                .map(|&part| Part::new(part, &outlines[part], frame, height));
            match found.or((is_speck && pen.is_none()).then_some(Mark::Unknown)) {
                Some(mark) => row.marks.extend(parts.map(|part| (part, mark))),
                None if !is_speck => row.parts.extend(parts),
                None => {}
            }
        }
        row
    }

    /// Indices of the parts that are not dust.
    #[cfg(test)]
    pub(super) fn kept(&self) -> Vec<usize> {
        let marks = self.marks.iter().map(|(part, _)| part.index);
        self.parts.iter().map(|part| part.index).chain(marks).collect()
    }
}

impl Part {
    fn new(index: usize, outline: &[Point], frame: Frame, height: f32) -> Part {
        Part {
            index,
            bounds: frame.bounds(outline),
            profile: Profile::new(outline.iter().map(|&point| frame.level(point)), height),
        }
    }
}

impl Whole<'_> {
    fn new<'a>(parts: &'a [usize], outlines: &[Vec<Point>], frame: Frame) -> Whole<'a> {
        let points = parts.iter().flat_map(|&part| &outlines[part]);
        let points: Vec<Point> = points.map(|&point| frame.level(point)).collect();
        Whole {
            parts,
            bounds: Bounds::around(points.iter().copied()).expect("a stroke has points"),
            points,
        }
    }

    /// Whether a mark stands beside all digits.
    fn is_alone(&self, large: &[&Whole], kind: Mark, height: f32) -> bool {
        let allowed = match kind {
            Mark::Minus => -0.06,
            _ => 0.12,
        };
        large.iter().all(|digit| {
            let (mark, digit_bounds) = (&self.bounds, &digit.bounds);
            let inside = (mark.left..=mark.right).contains(&digit_bounds.center().x);
            let overlap = mark.right.min(digit_bounds.right) - mark.left.max(digit_bounds.left);
            !inside && overlap <= allowed * height
        })
    }

    /// Whether it belongs to something else: the foot of a 1 may look like a point or a comma.
    fn is_near(&self, others: &[Whole], distance: f32) -> bool {
        let mut others = others.iter().filter(|other| !std::ptr::eq(*other, self));
        others.any(|other| self.distance(other) < distance)
    }

    /// The least distance between points.
    fn distance(&self, other: &Whole) -> f32 {
        let pairs = self
            .points
            .iter()
            .flat_map(|a| other.points.iter().map(|b| a.distance(*b)));
        pairs.fold(f32::INFINITY, f32::min)
    }
}

/// The height of the highest rectangle. A row of horizontal lines has no height, and dots at one place have no size at all: the
/// unit is positive all the same.
pub(super) fn unit(bounds: impl Iterator<Item = Bounds> + Clone) -> f32 {
    let highest = bounds.clone().map(|bounds| bounds.height()).fold(0.0, f32::max);
    let whole = bounds.reduce(|a, b| a.union(&b));
    let longest = whole.map_or(0.0, |whole| whole.longest_side());
    let height = if highest < FLAT * longest {
        0.1 * longest
    } else {
        highest
    };
    height.max(LEAST)
}

/// Where most digits of a line begin and end.
fn band(large: &[&Whole]) -> Option<Bounds> {
    let median = |value: fn(&Bounds) -> f32| {
        let mut values: Vec<f32> = large.iter().map(|whole| value(&whole.bounds)).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let (top, bottom) = (median(|b| b.top)?, median(|b| b.bottom)?);
    (bottom > top).then_some(Bounds {
        left: 0.0,
        top,
        right: 0.0,
        bottom,
    })
}

/// The dots of signs: those that stand above each other between digits. The lower one is no point.
fn dots(wholes: &[Whole], large: &[&Whole], band: &Bounds) -> Vec<usize> {
    let is_between = |at: &Bounds| {
        let is_left = |digit: &&Whole| digit.bounds.right < at.left;
        let is_right = |digit: &&Whole| digit.bounds.left > at.right;
        large.iter().any(is_left) && large.iter().any(is_right)
    };
    let is_dot = |at: &usize| {
        let bounds = &wholes[*at].bounds;
        let mut others = wholes.iter().enumerate().filter(|(other, _)| other != at);
        is_between(bounds) && others.any(|(_, other)| are_dots(bounds, &other.bounds, band))
    };
    (0..wholes.len()).filter(is_dot).collect()
}

/// Which rectangles are small and away from all that are not.
fn specks(bounds: &[Bounds], height: f32) -> Vec<bool> {
    let largest = bounds.iter().map(Bounds::longest_side).fold(0.0, f32::max);
    let is_small = |bounds: &Bounds| bounds.longest_side() < SPECK * largest.min(height);
    let is_speck = |part: &Bounds| {
        let near = part.grown(SPECK * height);
        let touches = |other: &Bounds| !is_small(other) && other.intersection(&near).is_some();
        is_small(part) && !bounds.iter().any(touches)
    };
    bounds.iter().map(is_speck).collect()
}
