//! Search: the most probable division of a row into digits, marks and signs.
//!
//! The weights below are log odds or log probabilities, chosen together by trial.

use std::collections::HashMap;

use crate::{
    geometry::Bounds,
    recognition::{
        normalization::Gray28,
        prediction::{Classifier, Prediction},
        segmentation::{
            marks::Mark,
            plain_signs::plain_sign,
            row::{Part, Row},
        },
        signs::Sign,
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
const CLASSIFIER: f32 = 16.0;

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

/// Most parts and marks of a sign.
const MAX_SIGN: usize = 4;

/// Least probability of a sign.
const MIN_SIGN: f32 = 0.5;

/// Log probability that a row has a sign where it may have a digit.
const SIGN: f32 = -2.5;

/// Least and greatest longer side of a sign, as a fraction of the digits' height.
const SIGN_SIZE: (f32, f32) = (0.15, 1.3);

/// A one that leans by more than this much of its height to the right may be a division.
const SLASH: f32 = 0.35;

/// Least difference between the lean of a division and that of a one.
const SLASH_APART: f32 = 0.15;

/// The parts of a digit or a mark, with its network input and prediction.
pub(super) struct Group {
    pub(super) parts: Vec<usize>,
    pub(super) pixels: Gray28,
    pub(super) prediction: Prediction,
    pub(super) line: usize,
    pub(super) mark: Option<Mark>,
}

/// What the classifier says about some parts together.
#[derive(Clone)]
pub(super) struct Seen {
    /// The network input.
    pub(super) pixels: Gray28,
    pub(super) prediction: Prediction,
    /// The most probable sign, and its probability.
    pub(super) sign: Option<(Sign, f32)>,
}

impl Seen {
    pub(super) fn new(pixels: Gray28, classifier: &mut dyn Classifier) -> Seen {
        Seen {
            prediction: classifier.classify(&pixels),
            sign: classifier.classify_sign(&pixels),
            pixels,
        }
    }
}

/// Computes the network input of some parts of a row together and what it is; `None` if they are blank.
pub(super) type Classify<'a> = dyn FnMut(&[usize], &Row) -> Option<Seen> + 'a;

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

/// A part of a row, or one that may be a mark by itself.
#[derive(Clone, Copy)]
struct Piece<'a> {
    part: &'a Part,
    mark: Option<Mark>,
}

/// The pieces of a digit or a mark.
struct Division {
    parts: Vec<usize>,
    bounds: Bounds,
    mark: Option<Mark>,
}

/// The search for the best division of a row.
pub(super) struct Search<'a, 'b> {
    row: &'a Row,
    /// Whether the page has no other rows.
    is_page: bool,
    cut_odds: &'a CutOdds<'a>,
    classify: &'a mut Classify<'b>,
    cache: HashMap<Vec<usize>, Option<Seen>>,
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
        let row = self.row;
        let parts = row.parts.iter().map(|part| Piece { part, mark: None });
        let marks = row.marks.iter().map(|(part, mark)| Piece {
            part,
            mark: Some(*mark),
        });
        let mut order: Vec<Piece> = parts.chain(marks).collect();
        order.sort_by(|a, b| a.part.bounds.center().x.total_cmp(&b.part.bounds.center().x));
        let (score, mut best) = self.best_division(&order);
        if in_time {
            order.sort_by_key(|piece| piece.part.index);
            let (other_score, other) = self.best_division(&order);
            if other_score > score {
                best = other;
            }
        }
        best.sort_by(|a, b| a.bounds.center().x.total_cmp(&b.bounds.center().x));
        self.find_slashes(&mut best);
        let groups = best.into_iter().filter_map(|Division { parts, bounds, mark }| {
            let Seen {
                pixels, mut prediction, ..
            } = self.found(&parts).clone()?;
            let is_small = bounds.longest_side() < UNKNOWN * self.row.height;
            let is_taught = prediction.known && prediction.sign().is_some();
            let mark = mark
                .or((is_small && !prediction.known).then_some(Mark::Unknown))
                .filter(|mark| *mark != Mark::Unknown || !is_taught);
            if let Some(mark) = mark {
                prediction.known = mark != Mark::Unknown;
            }
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

    /// Makes a leaning line between digits a division, if the row ends in a sign of equality and no one leans so far.
    fn find_slashes(&mut self, row: &mut [Division]) {
        if row.last().is_none_or(|last| last.mark != Some(Mark::Equals)) {
            return;
        }
        let leans: Vec<Option<f32>> = row.iter().map(|division| self.lean(division)).collect();
        for at in 1..row.len() - 1 {
            let is_digit = |at: usize| row[at].mark.is_none();
            let Some(lean) = leans[at].filter(|&lean| lean > SLASH && is_digit(at - 1) && is_digit(at + 1)) else {
                continue;
            };
            let mut others = leans.iter().enumerate().filter(|(other, _)| *other != at);
            if others.all(|(_, other)| other.is_none_or(|other| other + SLASH_APART < lean)) {
                row[at].mark = Some(Mark::Divide);
            }
        }
    }

    /// How far a one that is a straight line leans to the right, as a fraction of its height.
    fn lean(&mut self, division: &Division) -> Option<f32> {
        let [index] = division.parts[..] else { return None };
        if division.mark.is_some() || self.found(&[index]).as_ref()?.prediction.digit() != 1 {
            return None;
        }
        self.row.parts.iter().find(|part| part.index == index)?.profile.lean()
    }

    fn found(&mut self, parts: &[usize]) -> &Option<Seen> {
        let mut key = parts.to_vec();
        key.sort_unstable();
        let (row, classify) = (self.row, &mut self.classify);
        self.cache.entry(key).or_insert_with_key(|key| classify(key, row))
    }

    /// The log odds of a cut between the pieces before `at` and the others: those of the two that are hardest to part. Marks
    /// stand apart, so that they are only against a cut.
    fn cut(&self, order: &[Piece], at: usize) -> f32 {
        let (before, after) = order.split_at(at);
        let is_part = |piece: &&Piece| piece.mark.is_none();
        let odds = |a: &Piece, b: &Piece| {
            (self.cut_odds)(a.part.index, b.part.index).unwrap_or_else(|| a.part.odds(b.part, self.row.height))
        };
        let parts = if after[0].mark.is_none() {
            let left = before.iter().rev().filter(is_part).take(NEIGHBORS);
            let right = || after.iter().filter(is_part).take(NEIGHBORS);
            let pairs = left.flat_map(|a| right().map(move |b| (a, b)));
            pairs
                .map(|(a, b)| odds(a, b))
                .reduce(f32::min)
                .unwrap_or(0.0)
                .min(CERTAIN)
        } else {
            0.0
        };
        let near = |pieces: &[Piece]| pieces.len().min(NEIGHBORS);
        let (left, right) = (&before[at - near(before)..], &after[..near(after)]);
        let pairs = left.iter().flat_map(|a| right.iter().map(move |b| (a, b)));
        let marked = pairs.filter(|(a, b)| a.mark.is_some() || b.mark.is_some());
        parts + marked.map(|(a, b)| odds(a, b)).fold(0.0, f32::min)
    }

    /// The most probable division of a row of pieces, by dynamic programming from the left, and its log probability.
    fn best_division(&mut self, order: &[Piece]) -> (f32, Vec<Division>) {
        let cuts: Vec<f32> = (0..order.len())
            .map(|at| if at == 0 { 0.0 } else { self.cut(order, at) })
            .collect();
        // For each number of pieces from the left: the log probability of their best division, where its last group starts,
        // and the mark that it is.
        let mut best: Vec<(f32, usize, Option<Mark>)> = vec![(0.0, 0, None)];
        for end in 1..=order.len() {
            let mut found = (f32::NEG_INFINITY, end - 1, None);
            for start in (end.saturating_sub(MAX_GROUP)..end).rev() {
                // No certain cut may lie inside a group.
                if cuts[start + 1..end].iter().any(|&cut| cut >= CERTAIN) {
                    break;
                }
                let group = &order[start..end];
                if union(group).width() > WIDEST * self.row.height && end - start > 1 {
                    break;
                }
                let before = best[start].0 + cuts[start];
                if let Some((score, mark)) = self.score(group, found.0 - before)
                    && before + score > found.0
                {
                    found = (before + score, start, mark);
                }
            }
            best.push(found);
        }
        let mut groups = Vec::new();
        let mut end = order.len();
        while end > 0 {
            let (_, start, mark) = best[end];
            let group = &order[start..end];
            groups.push(Division {
                parts: group.iter().map(|piece| piece.part.index).collect(),
                bounds: union(group),
                mark,
            });
            end = start;
        }
        groups.reverse();
        (best[order.len()].0, groups)
    }

    /// The log probability of pieces as one digit, mark or sign, and which of these it is; `None` if they are none, or if it
    /// is no more than `least`.
    fn score(&mut self, pieces: &[Piece], least: f32) -> Option<(f32, Option<Mark>)> {
        let own = match pieces {
            [Piece { mark: Some(mark), .. }] => Some((0.0, Some(*mark))),
            _ if pieces.iter().any(|piece| piece.mark.is_some()) => None,
            _ => {
                // The classifier's log probability is at most that of a whole page.
                let shape = self.shape(pieces);
                let is_possible = shape + WHOLE > least;
                is_possible.then(|| (shape + self.log_probability(pieces), None))
            }
        };
        let sign = self.sign(pieces).map(|(score, sign)| (score, Some(sign.into())));
        let both = own.into_iter().chain(sign);
        both.reduce(|a, b| if b.0 > a.0 { b } else { a })
    }

    /// The sign that pieces may be together, and its weighted log probability. A minus is known by its size and place alone.
    fn sign(&mut self, pieces: &[Piece]) -> Option<(f32, Sign)> {
        let size = union(pieces).longest_side() / self.row.height;
        if pieces.len() > MAX_SIGN || !(SIGN_SIZE.0..SIGN_SIZE.1).contains(&size) || self.cache.len() >= MAX_CALLS {
            return None;
        }
        let bounds = pieces.iter().map(|piece| piece.part.bounds);
        if let Some(sign) = plain_sign(bounds.collect(), self.row.height) {
            return Some((0.0, sign));
        }
        let parts: Vec<usize> = pieces.iter().map(|piece| piece.part.index).collect();
        if self.are_cut_out(&parts) {
            return None;
        }
        let (sign, probability) = self.found(&parts).as_ref()?.sign?;
        let is_sign = sign != Sign::Minus && probability >= MIN_SIGN;
        is_sign.then(|| (SIGN + CLASSIFIER * probability.ln(), sign))
    }

    /// Whether parts were cut out of a component with others.
    fn are_cut_out(&self, parts: &[usize]) -> bool {
        let others = self
            .row
            .parts
            .iter()
            .map(|part| part.index)
            .filter(|other| !parts.contains(other));
        let mut pairs = others.flat_map(|other| parts.iter().map(move |&part| (part, other)));
        pairs.any(|(part, other)| (self.cut_odds)(part, other).is_some())
    }

    /// The weighted log probability that parts are one digit, at most [`WHOLE`].
    fn log_probability(&mut self, pieces: &[Piece]) -> f32 {
        let is_page = self.is_page && pieces.len() == self.row.parts.len();
        let parts: Vec<usize> = pieces.iter().map(|piece| piece.part.index).collect();
        if self.cache.len() >= MAX_CALLS && !self.cache.contains_key(&parts) {
            return CLASSIFIER * UNASKED.ln();
        }
        let found = self.found(&parts).as_ref().map(|seen| &seen.prediction);
        let probability = found.map_or(0.0, Prediction::probability);
        let whole = if is_page && found.is_some_and(|found| found.known) {
            WHOLE
        } else {
            0.0
        };
        CLASSIFIER * probability.clamp(MIN_PROBABILITY, 1.0).ln() + whole
    }

    /// Log probability that parts are one digit, by the shape of their bounding rectangle.
    fn shape(&self, pieces: &[Piece]) -> f32 {
        let bounds = union(pieces);
        let unit = self.row.height;
        let height = bounds.height().max(FLATTEST * unit);
        let too_wide = (bounds.width() / height - MAX_ASPECT).max(0.0);
        let too_low = (MIN_HEIGHT - bounds.height() / unit).max(0.0);
        -TOO_WIDE * too_wide - TOO_LOW * too_low
    }
}

fn union(pieces: &[Piece]) -> Bounds {
    let bounds = pieces.iter().map(|piece| piece.part.bounds);
    bounds.reduce(|a, b| a.union(&b)).expect("a group has parts")
}
