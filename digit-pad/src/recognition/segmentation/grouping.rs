//! Grouping: the best way to divide a row of parts into digits.
//!
//! The weights below are log odds or log probabilities, chosen together by trial.

use crate::{
    geometry::Bounds,
    recognition::{normalization::Gray28, prediction::Prediction},
};

/// A drawing of more parts than this is not a number; it stays whole.
const MAX_PARTS: usize = 128;

/// Most segments of a digit that could each stand alone.
const MAX_SEGMENTS: usize = 12;

/// Log odds of a cut from which on the classifier is not asked.
pub(super) const CERTAIN: f32 = 5.0;

/// Parts that overlap by this fraction of the narrower one's width belong to one digit.
const OVERLAP_JOINED: f32 = 0.5;

/// Log odds of a cut for a gap as wide as the digits are high.
const GAP: f32 = 25.0;

/// Log odds against a cut for an overlap as wide as the narrower part.
const OVERLAP: f32 = 10.0;

/// Influence of the heights of both sides on the log odds of a cut: equal heights favor it.
const EQUAL_HEIGHT: f32 = 4.0;

/// A part smaller than this fraction of the digits' height, and outside all larger ones, is a speck.
const SPECK: f32 = 0.12;

/// Least width of a part, as a fraction of the digits' height: a vertical line has no width of its own.
const MIN_WIDTH: f32 = 0.15;

/// Usual maximum of a digit's width, as a fraction of its height.
const MAX_ASPECT: f32 = 1.0;

/// Usual minimum of a digit's height, as a fraction of the highest.
const MIN_HEIGHT: f32 = 0.4;

/// Log probability that a group loses for each height by which it is too wide or too low.
const MISSHAPEN: f32 = 10.0;

/// Weight of the classifier's log probability against the layout.
const CLASSIFIER: f32 = 3.0;

/// Least probability of the classifier that counts: it is often sure of what is not a digit, and seldom so unsure.
const MIN_PROBABILITY: f32 = 1e-3;

/// The positions of the parts of a drawing.
pub(super) struct Layout {
    pub(super) bounds: Vec<Bounds>,
    /// Height of the highest part; the unit of all distances.
    pub(super) height: f32,
}

/// The parts of a digit, with its network input and prediction.
pub(super) struct Group {
    pub(super) parts: Vec<usize>,
    pub(super) pixels: Gray28,
    pub(super) prediction: Prediction,
}

/// Computes the network input of some parts together and its prediction; `None` if they are blank.
pub(super) type Classify<'a> = dyn FnMut(&[usize]) -> Option<(Gray28, Prediction)> + 'a;

/// Log odds of a cut between two parts that were cut out of one; `None` for other parts.
type CutOdds<'a> = dyn Fn(usize, usize) -> Option<f32> + 'a;

impl Layout {
    pub(super) fn new(bounds: Vec<Bounds>) -> Layout {
        let highest = bounds.iter().map(Bounds::height).fold(0.0, f32::max);
        let whole = bounds.iter().copied().reduce(|a, b| a.union(&b));
        // A row of horizontal lines has no height.
        let height = highest.max(0.1 * whole.map_or(0.0, |whole| whole.longest_side()));
        Layout { bounds, height }
    }

    /// Indices of the parts that are not specks.
    pub(super) fn without_specks(&self) -> Vec<usize> {
        let largest = self.bounds.iter().map(Bounds::longest_side).fold(0.0, f32::max);
        let min_side = SPECK * largest.min(self.height);
        let is_large = |i: &usize| self.bounds[*i].longest_side() >= min_side;
        let (large, small): (Vec<_>, Vec<_>) = (0..self.bounds.len()).partition(is_large);
        if large.len() > MAX_PARTS {
            return large;
        }
        let is_inside = |i: &usize| {
            let near = self.bounds[*i].grown(SPECK * self.height);
            large.iter().any(|&j| self.bounds[j].intersection(&near).is_some())
        };
        let inside = small.into_iter().filter(is_inside);
        large.iter().copied().chain(inside).take(MAX_PARTS).collect()
    }

    /// Divides the parts into digits, left to right.
    pub(super) fn group(&self, cut_odds: &CutOdds, classify: &mut Classify) -> Vec<Group> {
        let mut row = self.without_specks();
        if row.len() > MAX_PARTS {
            let all: Vec<usize> = (0..self.bounds.len()).collect();
            return Vec::from_iter(classify(&all).map(|(pixels, prediction)| Group {
                parts: all,
                pixels,
                prediction,
            }));
        }
        row.sort_by(|&a, &b| self.bounds[a].center().x.total_cmp(&self.bounds[b].center().x));
        let segments = self.segments(&row, cut_odds);
        self.best_groups(&segments, classify)
    }

    /// Joins neighbors in a row that certainly belong to one digit.
    fn segments(&self, row: &[usize], cut_odds: &CutOdds) -> Vec<Segment> {
        let mut segments: Vec<Segment> = Vec::new();
        // Number of parts from the left that are joined to one seen so far.
        let mut joined = 0;
        for (i, &part) in row.iter().enumerate() {
            match segments.last_mut() {
                Some(segment) if i < joined => segment.add(part, &self.bounds[part]),
                _ => segments.push(Segment::new(part, self.bounds[part])),
            }
            let belongs = |&j: &usize| {
                cut_odds(part, row[j]).is_none()
                    && self.overlap(&self.bounds[part], &self.bounds[row[j]]) >= OVERLAP_JOINED
            };
            let last = (i + 1..row.len()).rfind(belongs);
            joined = joined.max(last.map_or(0, |last| last + 1));
        }
        for right in 1..segments.len() {
            segments[right].cut = self.segment_odds(&segments[right - 1], &segments[right], cut_odds);
        }
        segments
    }

    /// Distance by which two rectangles would have to move apart to lie side by side, as a fraction of the narrower
    /// one's width. A vertical line through the middle of a rectangle shares no width with it, and yet lies deep
    /// inside.
    fn overlap(&self, a: &Bounds, b: &Bounds) -> f32 {
        let narrower = a.width().min(b.width()).max(MIN_WIDTH * self.height);
        (a.right - b.left).min(b.right - a.left) / narrower
    }

    fn segment_odds(&self, left: &Segment, right: &Segment, cut_odds: &CutOdds) -> f32 {
        let pairs = left
            .parts
            .iter()
            .flat_map(|&a| right.parts.iter().map(move |&b| (a, b)));
        let known = pairs.filter_map(|(a, b)| cut_odds(a, b)).reduce(f32::min);
        known.unwrap_or_else(|| self.odds(&left.bounds, &right.bounds))
    }

    /// Log odds that two rectangles belong to different digits. Digits stand side by side and are about equally high;
    /// parts of one digit, such as the two strokes of an open 4, seldom are.
    fn odds(&self, a: &Bounds, b: &Bounds) -> f32 {
        let gap = a.left.max(b.left) - a.right.min(b.right);
        let apart = if gap > 0.0 {
            GAP * gap / self.height
        } else {
            -OVERLAP * self.overlap(a, b)
        };
        let total = a.bottom.max(b.bottom) - a.top.min(b.top);
        let common = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
        // Two horizontal lines at one height are equally high.
        let similarity = if total > 0.0 { common / total } else { 1.0 };
        apart + EQUAL_HEIGHT * (similarity - 0.6)
    }

    /// The most probable division of a row of segments, by dynamic programming from the left.
    fn best_groups(&self, segments: &[Segment], classify: &mut Classify) -> Vec<Group> {
        // For each number of segments from the left: the log probability of their best division, where its last group
        // starts, and that group.
        let mut best: Vec<(f32, usize, Option<Group>)> = vec![(0.0, 0, None)];
        for end in 1..=segments.len() {
            let mut found = (f32::NEG_INFINITY, end - 1, None);
            for start in (end.saturating_sub(MAX_SEGMENTS)..end).rev() {
                // No certain cut may lie inside a group.
                if segments[start + 1..end].iter().any(|segment| segment.cut >= CERTAIN) {
                    break;
                }
                let cut = if start > 0 { segments[start].cut } else { 0.0 };
                let before = best[start].0 + cut + self.shape(&segments[start..end]);
                // The classifier's log probability is at most 0.
                if before <= found.0 {
                    continue;
                }
                let (log_probability, group) = classify_group(&segments[start..end], classify);
                if before + log_probability > found.0 {
                    found = (before + log_probability, start, group);
                }
            }
            best.push(found);
        }
        let mut groups = Vec::new();
        let mut end = segments.len();
        while end > 0 {
            let (_, start, group) = &mut best[end];
            groups.extend(group.take());
            end = *start;
        }
        groups.reverse();
        groups
    }

    /// Log probability that segments are one digit, by the shape of their bounding rectangle.
    fn shape(&self, segments: &[Segment]) -> f32 {
        let bounds = segments.iter().map(|segment| segment.bounds);
        let Some(bounds) = bounds.reduce(|a, b| a.union(&b)) else {
            return 0.0;
        };
        let height = bounds.height().max(MIN_HEIGHT * self.height);
        let too_wide = (bounds.width() / height - MAX_ASPECT).max(0.0);
        let too_low = (MIN_HEIGHT - bounds.height() / self.height).max(0.0);
        -MISSHAPEN * (too_wide + too_low)
    }
}

/// Classifies segments as one digit. Returns the weighted log probability, at most 0, and the digit unless it is blank.
fn classify_group(segments: &[Segment], classify: &mut Classify) -> (f32, Option<Group>) {
    let parts: Vec<usize> = segments
        .iter()
        .flat_map(|segment| segment.parts.iter().copied())
        .collect();
    let found = classify(&parts);
    let probability = found.as_ref().map_or(0.0, |(_, prediction)| prediction.probability());
    let log_probability = CLASSIFIER * probability.clamp(MIN_PROBABILITY, 1.0).ln();
    let group = found.map(|(pixels, prediction)| Group {
        parts,
        pixels,
        prediction,
    });
    (log_probability, group)
}

/// Parts that certainly belong to one digit, their bounding rectangle, and the log odds of a cut before them.
struct Segment {
    parts: Vec<usize>,
    bounds: Bounds,
    cut: f32,
}

impl Segment {
    fn new(part: usize, bounds: Bounds) -> Segment {
        Segment {
            parts: vec![part],
            bounds,
            cut: CERTAIN,
        }
    }

    fn add(&mut self, part: usize, bounds: &Bounds) {
        self.parts.push(part);
        self.bounds = self.bounds.union(bounds);
    }
}
