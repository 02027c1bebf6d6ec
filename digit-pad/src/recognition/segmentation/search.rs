//! Search: the most probable division of a row into digits.
//!
//! The weights below are log odds or log probabilities, chosen together by trial.

use std::collections::HashMap;

use crate::{
    geometry::Bounds,
    recognition::{
        normalization::Gray28,
        prediction::Prediction,
        segmentation::{
            marks::Mark,
            row::{Part, Row},
        },
    },
};

/// Most parts of a digit.
const MAX_GROUP: usize = 8;

/// Parts together wider than this multiple of the digits' height are no digit.
const WIDEST: f32 = 1.8;

/// Parts on each side of a cut that are compared.
const NEIGHBORS: usize = 3;

/// Log odds of a cut from which on the classifier is not asked.
pub(super) const CERTAIN: f32 = 8.0;

/// Least width of a part, as a fraction of the digits' height: a vertical line has no width of its own.
const MIN_WIDTH: f32 = 0.15;

/// Log odds of a cut for a gap as wide as the digits are high.
const GAP: f32 = 11.0;

/// Log odds against a cut between slanted parts that are apart, but one of whose rectangles covers the other's columns.
const BOX_OVERLAP: f32 = 2.0;

/// Log odds against a cut for an overlap as wide as the narrower part.
const OVERLAP: f32 = 6.0;

/// Influence of the heights of both sides on the log odds of a cut: equal heights favor it.
const EQUAL_HEIGHT: f32 = 5.0;

/// The common height, as a fraction of the whole height of both sides, that favors neither.
const USUAL_SIMILARITY: f32 = 0.5;

/// Usual maximum of a digit's width, as a fraction of its height.
const MAX_ASPECT: f32 = 0.85;

/// Log probability that a group loses for each height by which it is too wide.
const TOO_WIDE: f32 = 6.0;

/// Usual minimum of a digit's height, as a fraction of the highest.
const MIN_HEIGHT: f32 = 0.75;

/// Log probability that a group loses for each height by which it is too low.
const TOO_LOW: f32 = 12.0;

/// Least height of a group for its aspect, as a fraction of the highest.
const FLATTEST: f32 = 0.4;

/// Weight of the classifier's log probability against the layout.
const CLASSIFIER: f32 = 6.0;

/// A group smaller than this fraction of the digits' height that the classifier does not know is no digit.
const UNKNOWN: f32 = 0.4;

/// Least probability of the classifier that counts: it is often sure of what is not a digit, and seldom so unsure.
const MIN_PROBABILITY: f32 = 1e-3;

/// Groups of a page that the classifier is asked about before the layout alone decides.
const MAX_CALLS: usize = 400;

/// What counts as the classifier's probability where it is not asked.
const UNASKED: f32 = 0.5;

/// Log odds for a whole page that the classifier knows as one digit.
const WHOLE: f32 = 1.5;

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
pub(super) type CutOdds<'a> = dyn Fn(usize, usize) -> Option<f32> + 'a;

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
pub(super) struct Search<'a, 'b> {
    row: &'a Row,
    /// Whether the page has no other rows.
    is_page: bool,
    cut_odds: &'a CutOdds<'a>,
    classify: &'a mut Classify<'b>,
    cache: HashMap<Vec<usize>, Found>,
}

impl<'a, 'b> Search<'a, 'b> {
    pub(super) fn new(row: &'a Row, is_page: bool, cut_odds: &'a CutOdds<'a>, classify: &'a mut Classify<'b>) -> Self {
        Search {
            row,
            is_page,
            cut_odds,
            classify,
            cache: HashMap::new(),
        }
    }

    /// The digits and marks, left to right. With `in_time`, the order of the parts may also be that in which they were drawn.
    pub(super) fn groups(&mut self, line: usize, in_time: bool) -> Vec<Group> {
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
            let is_small = bounds.longest_side() < UNKNOWN * self.row.height;
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
                // The classifier's log probability is at most that of a whole page.
                if before + WHOLE > found.0 {
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

    /// The weighted log probability that parts are one digit, at most [`WHOLE`].
    fn log_probability(&mut self, parts: &[&Part]) -> f32 {
        let is_page = self.is_page && parts.len() == self.row.parts.len();
        let parts: Vec<usize> = parts.iter().map(|part| part.index).collect();
        if self.cache.len() >= MAX_CALLS && !self.cache.contains_key(&parts) {
            return CLASSIFIER * UNASKED.ln();
        }
        let found = self.found(&parts).as_ref().map(|(_, prediction)| prediction);
        let probability = found.map_or(0.0, Prediction::probability);
        let whole = if is_page && found.is_some_and(|found| found.known) {
            WHOLE
        } else {
            0.0
        };
        CLASSIFIER * probability.clamp(MIN_PROBABILITY, 1.0).ln() + whole
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
