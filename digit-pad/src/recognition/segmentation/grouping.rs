//! Grouping: the best way to divide the parts of a page into lines, marks and digits.
//!
//! The weights below are log odds or log probabilities, chosen together by trial.

use std::collections::HashMap;

use crate::{
    geometry::{Bounds, Point},
    recognition::{
        normalization::Gray28,
        prediction::Prediction,
        segmentation::{
            lines::{self, Frame},
            marks::{Mark, mark},
            profile::Profile,
        },
    },
};

/// A drawing of more parts than this is not a number; it stays whole.
const MAX_PARTS: usize = 128;

/// Most parts of a digit.
const MAX_GROUP: usize = 8;

/// Parts together wider than this multiple of the digits' height are no digit.
const WIDEST: f32 = 1.8;

/// Parts on each side of a cut that are compared.
const NEIGHBORS: usize = 3;

/// Log odds of a cut from which on the classifier is not asked.
pub(super) const CERTAIN: f32 = 8.0;

/// A part smaller than this fraction of the digits' height, and outside all larger ones, is a speck.
const SPECK: f32 = 0.12;

/// Least width of a part, as a fraction of the digits' height: a vertical line has no width of its own.
const MIN_WIDTH: f32 = 0.15;

/// Parts of at least this fraction of the highest part's height are no marks.
const LARGE: f32 = 0.5;

/// A row lower than this fraction of its length is of horizontal lines, and has no height of its own.
const FLAT: f32 = 0.02;

/// Log odds of a cut for a gap as wide as the digits are high.
const GAP: f32 = 16.0;

/// Log odds against a cut between slanted parts that are apart, but one of whose rectangles covers the other's columns.
const BOX_OVERLAP: f32 = 2.0;

/// Log odds against a cut for an overlap as wide as the narrower part.
const OVERLAP: f32 = 8.0;

/// Influence of the heights of both sides on the log odds of a cut: equal heights favor it.
const EQUAL_HEIGHT: f32 = 5.0;

/// The common height, as a fraction of the whole height of both sides, that favors neither.
const USUAL_SIMILARITY: f32 = 0.6;

/// Usual maximum of a digit's width, as a fraction of its height.
const MAX_ASPECT: f32 = 0.85;

/// Log probability that a group loses for each height by which it is too wide.
const TOO_WIDE: f32 = 6.0;

/// Usual minimum of a digit's height, as a fraction of the highest.
const MIN_HEIGHT: f32 = 0.65;

/// Log probability that a group loses for each height by which it is too low.
const TOO_LOW: f32 = 8.0;

/// Least height of a group for its aspect, as a fraction of the highest.
const FLATTEST: f32 = 0.4;

/// Weight of the classifier's log probability against the layout.
const CLASSIFIER: f32 = 3.0;

/// A group smaller than this fraction of the digits' height that the classifier does not know is no digit.
const UNKNOWN: f32 = 0.4;

/// Least probability of the classifier that counts: it is often sure of what is not a digit, and seldom so unsure.
const MIN_PROBABILITY: f32 = 1e-3;

/// Two parts above each other are one digit if its probability is at least this.
const STACKED: f32 = 0.9;

/// Two parts above each other with a larger gap than this are never one digit, in heights.
const STACKED_GAP: f32 = 0.6;

/// The parts of a page, in lines.
pub(super) struct Layout {
    pub(super) rows: Vec<Row>,
    outlines: Vec<Vec<Point>>,
    /// The parts of each stroke or component.
    wholes: Vec<Vec<usize>>,
    /// Width of the pen, if outlines include it.
    pen: f32,
}

/// The parts of a digit or a mark, with its network input and prediction.
pub(super) struct Group {
    pub(super) parts: Vec<usize>,
    pub(super) pixels: Gray28,
    pub(super) prediction: Prediction,
    pub(super) line: usize,
    pub(super) mark: Option<Mark>,
}

/// Computes the network input of some parts of a row together and its prediction; `None` if they are blank.
pub(super) type Classify<'a> = dyn FnMut(&[usize], &Row) -> Option<(Gray28, Prediction)> + 'a;

/// Log odds of a cut between two parts that were cut out of one; `None` for other parts.
type CutOdds<'a> = dyn Fn(usize, usize) -> Option<f32> + 'a;

/// A line of parts.
pub(super) struct Row {
    pub(super) frame: Frame,
    /// Height of the highest part; the unit of all distances.
    pub(super) height: f32,
    /// Number of parts that are as high as digits.
    pub(super) large: usize,
    parts: Vec<Part>,
    marks: Vec<(Part, Mark)>,
}

#[derive(Clone)]
struct Part {
    index: usize,
    bounds: Bounds,
    profile: Profile,
}

impl Layout {
    /// Finds the lines of parts, each given by points of its outline and the index of its stroke or component.
    pub(super) fn new(parts: impl Iterator<Item = (Vec<Point>, usize)>, pen: f32) -> Layout {
        let (outlines, owners): (Vec<_>, Vec<_>) = parts.unzip();
        let mut wholes = vec![Vec::new(); owners.iter().max().map_or(0, |last| last + 1)];
        owners
            .iter()
            .enumerate()
            .for_each(|(part, &owner)| wholes[owner].push(part));
        wholes.retain(|parts| !parts.is_empty());
        let mut layout = Layout {
            rows: Vec::new(),
            outlines,
            wholes,
            pen,
        };
        if layout.outlines.len() > MAX_PARTS {
            return layout;
        }
        let outline = |parts: &Vec<usize>| parts.iter().flat_map(|&part| layout.outlines[part].clone()).collect();
        let outlines: Vec<Vec<Point>> = layout.wholes.iter().map(outline).collect();
        let height = unit(outlines.iter().map(|points| Frame::LEVEL.bounds(points)));
        let found = lines::find(&outlines, height);
        layout.rows = found.into_iter().map(|line| layout.row(&line)).collect();
        // A line of dust beside lines of digits is dust.
        let highest = layout.rows.iter().map(|row| row.height).fold(0.0, f32::max);
        layout.rows.retain(|row| row.height >= 0.2 * highest);
        layout
    }

    /// The row of a line of strokes or components.
    fn row(&self, line: &lines::Line) -> Row {
        let wholes = || line.parts.iter().map(|&whole| &self.wholes[whole]);
        let bounds: Vec<Bounds> = wholes().map(|parts| self.bounds(parts, line.frame)).collect();
        let height = unit(bounds.iter().copied());
        let is_large = |bounds: &&Bounds| bounds.height() >= LARGE * height;
        let large: Vec<Bounds> = bounds.iter().filter(is_large).copied().collect();
        let band = band(&large);
        let mut row = Row {
            frame: line.frame,
            height,
            large: large.len(),
            parts: Vec::new(),
            marks: Vec::new(),
        };
        let is_speck = specks(&bounds, height);
        for ((whole, bounds), is_speck) in wholes().zip(&bounds).zip(is_speck) {
            let found = band.and_then(|band| mark(bounds, &band, self.pen));
            let is_mark = |mark: &Mark| bounds.height() < LARGE * height && is_alone(bounds, &large, *mark, height);
            let parts = whole.iter().map(|&part| self.part(part, line.frame, height));
            match found.filter(is_mark) {
                Some(mark) => row.marks.extend(parts.map(|part| (part, mark))),
                None if !is_speck => row.parts.extend(parts),
                None => {}
            }
        }
        row
    }

    fn bounds(&self, parts: &[usize], frame: Frame) -> Bounds {
        let bounds = parts.iter().map(|&part| frame.bounds(&self.outlines[part]));
        bounds.reduce(|a, b| a.union(&b)).expect("a stroke has parts")
    }

    fn part(&self, index: usize, frame: Frame, height: f32) -> Part {
        let points = self.outlines[index].iter().map(|&point| frame.level(point));
        Part {
            index,
            bounds: frame.bounds(&self.outlines[index]),
            profile: Profile::new(points, height),
        }
    }

    /// Indices of the parts that are not specks.
    #[cfg(test)]
    pub(super) fn without_specks(&self) -> Vec<usize> {
        if self.outlines.len() > MAX_PARTS {
            return (0..self.outlines.len()).collect();
        }
        let marks = |row: &Row| Vec::from_iter(row.marks.iter().map(|(part, _)| part.index));
        let parts = |row: &Row| Vec::from_iter(row.parts.iter().map(|part| part.index));
        self.rows
            .iter()
            .flat_map(|row| [parts(row), marks(row)].concat())
            .collect()
    }

    /// Divides the parts into digits and marks, line by line, left to right. With `in_time`, the order of the parts may
    /// also be that in which they were drawn.
    pub(super) fn group(mut self, in_time: bool, cut_odds: &CutOdds, classify: &mut Classify) -> Vec<Group> {
        if self.outlines.len() > MAX_PARTS {
            return self.whole(classify);
        }
        self.join_stacked(classify);
        let mut groups = Vec::new();
        for (line, row) in self.rows.iter().enumerate() {
            let mut search = Search {
                row,
                cut_odds,
                classify,
                cache: HashMap::new(),
            };
            groups.extend(search.groups(line, in_time));
        }
        groups
    }

    /// All parts as one digit.
    fn whole(&self, classify: &mut Classify) -> Vec<Group> {
        let parts: Vec<usize> = (0..self.outlines.len()).collect();
        let row = Row {
            frame: Frame::LEVEL,
            height: 0.0,
            large: 1,
            parts: Vec::new(),
            marks: Vec::new(),
        };
        let found = classify(&parts, &row);
        Vec::from_iter(found.map(|(pixels, prediction)| Group {
            parts,
            pixels,
            prediction,
            line: 0,
            mark: None,
        }))
    }

    /// Joins two lines of one part each that are one digit to the classifier, such as an eight of two rings.
    fn join_stacked(&mut self, classify: &mut Classify) {
        let [above, below] = &self.rows[..] else { return };
        let ([a], [b]) = (&above.parts[..], &below.parts[..]) else {
            return;
        };
        let gap = b.bounds.top - a.bounds.bottom;
        if gap > STACKED_GAP * above.height.max(below.height) || !above.marks.is_empty() || !below.marks.is_empty() {
            return;
        }
        let (parts, both) = ([a.index, b.index], (0..self.wholes.len()).collect::<Vec<_>>());
        let wholes = both
            .into_iter()
            .filter(|&whole| parts.iter().any(|part| self.wholes[whole].contains(part)));
        let joined = self.row(&lines::Line {
            parts: wholes.collect(),
            frame: Frame::LEVEL,
        });
        let is_digit = classify(&parts, &joined).is_some_and(|(_, found)| found.probability() >= STACKED);
        if is_digit {
            self.rows = vec![joined];
        }
    }
}

/// The height of the highest rectangle. A row of horizontal lines has no height.
fn unit(bounds: impl Iterator<Item = Bounds> + Clone) -> f32 {
    let highest = bounds.clone().map(|bounds| bounds.height()).fold(0.0, f32::max);
    let whole = bounds.reduce(|a, b| a.union(&b));
    let longest = whole.map_or(0.0, |whole| whole.longest_side());
    if highest < FLAT * longest {
        0.1 * longest
    } else {
        highest
    }
}

/// Where most digits of a line begin and end.
fn band(large: &[Bounds]) -> Option<Bounds> {
    let median = |value: fn(&Bounds) -> f32| {
        let mut values: Vec<f32> = large.iter().map(value).collect();
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

/// Whether a mark stands beside all digits.
fn is_alone(part: &Bounds, large: &[Bounds], kind: Mark, height: f32) -> bool {
    let allowed = match kind {
        Mark::Comma => 0.12,
        Mark::Minus => -0.06,
        Mark::Point | Mark::Unknown => 0.05,
    };
    large.iter().all(|digit| {
        let inside = (part.left..=part.right).contains(&digit.center().x);
        let overlap = part.right.min(digit.right) - part.left.max(digit.left);
        !inside && overlap <= allowed * height
    })
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

impl Part {
    /// Log odds that two parts belong to different digits. Digits stand side by side and are about equally high; parts of
    /// one digit, such as the two strokes of an open 4, seldom are.
    fn odds(&self, other: &Part, height: f32) -> f32 {
        let (a, b) = (&self.bounds, &other.bounds);
        let narrower = a.width().min(b.width()).max(MIN_WIDTH * height);
        let overlap = (a.right - b.left).min(b.right - a.left);
        let gap = self.profile.gap(&other.profile).unwrap_or(-overlap);
        let apart = if gap > 0.0 {
            GAP * gap / height - BOX_OVERLAP * (overlap / narrower).clamp(0.0, 1.0)
        } else {
            OVERLAP * (gap / narrower).max(-1.0)
        };
        let total = a.bottom.max(b.bottom) - a.top.min(b.top);
        let common = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
        // Two horizontal lines at one height are equally high.
        let similarity = if total > 0.0 { common / total } else { 1.0 };
        apart + EQUAL_HEIGHT * (similarity - USUAL_SIMILARITY)
    }
}

/// What the classifier says about some parts together.
type Found = Option<(Gray28, Prediction)>;

/// The search for the best division of a row.
struct Search<'a, 'b> {
    row: &'a Row,
    cut_odds: &'a CutOdds<'a>,
    classify: &'a mut Classify<'b>,
    cache: HashMap<Vec<usize>, Found>,
}

impl Search<'_, '_> {
    fn groups(&mut self, line: usize, in_time: bool) -> Vec<Group> {
        let mut order: Vec<&Part> = self.row.parts.iter().collect();
        order.sort_by(|a, b| a.bounds.center().x.total_cmp(&b.bounds.center().x));
        let (score, mut best) = self.best_division(&order);
        if in_time {
            order.sort_by_key(|part| part.index);
            let (other_score, other) = self.best_division(&order);
            if other_score > score {
                best = other;
            }
        }
        let marks = self
            .row
            .marks
            .iter()
            .map(|(part, mark)| (vec![part.index], Some(*mark), part.bounds));
        let digits = best.into_iter().map(|(parts, bounds)| (parts, None, bounds));
        let mut all: Vec<_> = digits.chain(marks).collect();
        all.sort_by(|a, b| a.2.center().x.total_cmp(&b.2.center().x));
        let groups = all.into_iter().filter_map(|(parts, mark, bounds)| {
            let (pixels, mut prediction) = self.found(&parts).clone()?;
            let is_small = bounds.longest_side() < UNKNOWN * self.row.height && self.row.large > 0;
            let mark = mark.or((is_small && !prediction.known).then_some(Mark::Unknown));
            prediction.known |= mark.is_some_and(|mark| mark != Mark::Unknown);
            Some(Group {
                parts,
                pixels,
                prediction,
                line,
                mark,
            })
        });
        groups.collect()
    }

    fn found(&mut self, parts: &[usize]) -> &Found {
        let mut key = parts.to_vec();
        key.sort_unstable();
        let (row, classify) = (self.row, &mut self.classify);
        self.cache.entry(key).or_insert_with_key(|key| classify(key, row))
    }

    /// The log odds of a cut between the parts before `at` and the others: those of the two that are hardest to part.
    fn cut(&self, order: &[&Part], at: usize) -> f32 {
        let left = &order[at.saturating_sub(NEIGHBORS)..at];
        let right = &order[at..(at + NEIGHBORS).min(order.len())];
        let pairs = left.iter().flat_map(|a| right.iter().map(move |b| (a, b)));
        let odds = pairs.map(|(a, b)| (self.cut_odds)(a.index, b.index).unwrap_or_else(|| a.odds(b, self.row.height)));
        odds.fold(CERTAIN, f32::min)
    }

    /// The most probable division of a row of parts, by dynamic programming from the left, and its log probability.
    fn best_division(&mut self, order: &[&Part]) -> (f32, Vec<(Vec<usize>, Bounds)>) {
        let cuts: Vec<f32> = (0..order.len())
            .map(|at| if at == 0 { 0.0 } else { self.cut(order, at) })
            .collect();
        // For each number of parts from the left: the log probability of their best division, and where its last group
        // starts.
        let mut best: Vec<(f32, usize)> = vec![(0.0, 0)];
        for end in 1..=order.len() {
            let mut found = (f32::NEG_INFINITY, end - 1);
            for start in (end.saturating_sub(MAX_GROUP)..end).rev() {
                // No certain cut may lie inside a group.
                if cuts[start + 1..end].iter().any(|&cut| cut >= CERTAIN) {
                    break;
                }
                if union(&order[start..end]).width() > WIDEST * self.row.height && end - start > 1 {
                    break;
                }
                let before = best[start].0 + cuts[start] + self.shape(&order[start..end]);
                // The classifier's log probability is at most 0.
                if before > found.0 {
                    let score = before + self.log_probability(&order[start..end]);
                    if score > found.0 {
                        found = (score, start);
                    }
                }
            }
            best.push(found);
        }
        let mut groups = Vec::new();
        let mut end = order.len();
        while end > 0 {
            let start = best[end].1;
            let group = &order[start..end];
            groups.push((group.iter().map(|part| part.index).collect(), union(group)));
            end = start;
        }
        groups.reverse();
        (best[order.len()].0, groups)
    }

    /// The weighted log probability that parts are one digit, at most 0.
    fn log_probability(&mut self, parts: &[&Part]) -> f32 {
        let parts: Vec<usize> = parts.iter().map(|part| part.index).collect();
        let found = self.found(&parts).as_ref();
        let probability = found.map_or(0.0, |(_, prediction)| prediction.probability());
        CLASSIFIER * probability.clamp(MIN_PROBABILITY, 1.0).ln()
    }

    /// Log probability that parts are one digit, by the shape of their bounding rectangle.
    fn shape(&self, parts: &[&Part]) -> f32 {
        let bounds = union(parts);
        let unit = self.row.height;
        let height = bounds.height().max(FLATTEST * unit);
        let too_wide = (bounds.width() / height - MAX_ASPECT).max(0.0);
        let too_low = (MIN_HEIGHT - bounds.height() / unit).max(0.0);
        -TOO_WIDE * too_wide - TOO_LOW * too_low
    }
}

fn union(parts: &[&Part]) -> Bounds {
    let bounds = parts.iter().map(|part| part.bounds);
    bounds.reduce(|a, b| a.union(&b)).expect("a group has parts")
}
