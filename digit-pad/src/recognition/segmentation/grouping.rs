//! The best way to cut a row of pieces into digits.

use crate::{
    geometry::Bounds,
    recognition::{normalization::Gray28, prediction::Prediction},
};

/// A drawing of more pieces than this is no number; it is left in one.
const MOST_PIECES: usize = 128;

/// A digit is not put together from more parts than this that may also stand alone.
const MOST_PARTS: usize = 12;

/// Log odds of a cut beyond which the reader is not asked.
pub(super) const CERTAIN: f32 = 5.0;

/// Pieces that overlap by this share of the narrower one's width belong together.
const OVER: f32 = 0.5;

/// Log odds of a cut for a gap as wide as the digits are high.
const GAP: f32 = 25.0;

/// Log odds against a cut for an overlap as wide as the narrower piece.
const OVERLAP: f32 = 10.0;

/// How much it changes the log odds of a cut whether what is on both sides is equally high.
const ALIKE: f32 = 4.0;

/// A piece smaller than this share of the digits' height, and outside all larger ones, is a speck.
const SPECK: f32 = 0.12;

/// A narrow piece counts as this wide, as a share of the digits' height: an upright line has no width of its own.
const LEAST_WIDTH: f32 = 0.15;

/// Few digits are wider than this, as a share of their own height.
const WIDE: f32 = 1.0;

/// Few digits are lower than this share of the highest.
const LOW: f32 = 0.4;

/// Log probability that a group loses for each height by which it is too wide or too low.
const MISSHAPEN: f32 = 10.0;

/// How much the reader's word weighs, against where things lie. Chosen by trial, together with the other weights.
const WORD: f32 = 3.0;

/// The least that the reader's word counts: it is often sure of what is no digit at all, and seldom so unsure.
const LEAST_PROBABILITY: f32 = 1e-3;

/// The pieces of a drawing, as far as it matters how they lie.
pub(super) struct Layout {
    pub(super) bounds: Vec<Bounds>,
    /// Height of the highest piece; the measure of all distances.
    pub(super) height: f32,
}

/// Pieces that make a digit together, and what was read there.
pub(super) struct Group {
    pub(super) pieces: Vec<usize>,
    pub(super) pixels: Gray28,
    pub(super) prediction: Prediction,
}

impl Layout {
    pub(super) fn new(bounds: Vec<Bounds>) -> Layout {
        let highest = bounds.iter().map(Bounds::height).fold(0.0, f32::max);
        let whole = bounds.iter().copied().reduce(|a, b| union(&a, &b));
        // A row of lines that lie flat has no height.
        let height = highest.max(0.1 * whole.map_or(0.0, |whole| whole.longest_side()));
        Layout { bounds, height }
    }

    /// The pieces that are no specks.
    pub(super) fn pieces(&self) -> Vec<usize> {
        let largest = self.bounds.iter().map(Bounds::longest_side).fold(0.0, f32::max);
        let least = SPECK * largest.min(self.height);
        let is_large = |i: &usize| self.bounds[*i].longest_side() >= least;
        let (large, small): (Vec<_>, Vec<_>) = (0..self.bounds.len()).partition(is_large);
        if large.len() > MOST_PIECES {
            return large;
        }
        let is_inside = |i: &usize| {
            let near = self.bounds[*i].grown(SPECK * self.height);
            large.iter().any(|&j| self.bounds[j].intersection(&near).is_some())
        };
        let inside = small.into_iter().filter(is_inside);
        large.iter().copied().chain(inside).take(MOST_PIECES).collect()
    }

    /// Whether two pieces lie over each other so far that they are one digit.
    fn is_over(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.bounds[a], &self.bounds[b]);
        self.overlap(a, b) >= OVER
    }

    /// How far two rectangles would have to be moved apart to lie beside each other, as a share of the narrower one's
    /// width. An upright line through the middle of a rectangle has no width in common with it, and yet lies deep in it.
    fn overlap(&self, a: &Bounds, b: &Bounds) -> f32 {
        let narrower = a.width().min(b.width()).max(LEAST_WIDTH * self.height);
        (a.right - b.left).min(b.right - a.left) / narrower
    }

    /// Log odds that what is in two rectangles belongs to different digits. Digits stand beside each other and are of
    /// much the same height; parts of one digit, such as the two strokes of an open 4, seldom are.
    fn odds(&self, a: &Bounds, b: &Bounds) -> f32 {
        let gap = a.left.max(b.left) - a.right.min(b.right);
        let beside = if gap > 0.0 {
            GAP * gap / self.height
        } else {
            -OVERLAP * self.overlap(a, b)
        };
        let both = a.bottom.max(b.bottom) - a.top.min(b.top);
        let common = (a.bottom.min(b.bottom) - a.top.max(b.top)).max(0.0);
        // Two lines that lie flat at one height are both of the same height.
        let alike = if both > 0.0 { common / both } else { 1.0 };
        beside + ALIKE * (alike - 0.6)
    }

    /// What the shape of a group says for its being a digit, as a log probability.
    fn shape(&self, group: &Bounds) -> f32 {
        let height = group.height().max(LOW * self.height);
        let too_wide = (group.width() / height - WIDE).max(0.0);
        let too_low = (LOW - group.height() / self.height).max(0.0);
        -MISSHAPEN * (too_wide + too_low)
    }

    /// Puts pieces together to digits, left to right; `read` reads what some of them make together.
    pub(super) fn group(&self, cut_odds: &CutOdds, read: &mut Read) -> Vec<Group> {
        let mut row = self.pieces();
        if row.len() > MOST_PIECES {
            let all: Vec<usize> = (0..self.bounds.len()).collect();
            return Vec::from_iter(read(&all).map(|(pixels, prediction)| Group {
                pieces: all,
                pixels,
                prediction,
            }));
        }
        row.sort_by(|&a, &b| self.bounds[a].center().x.total_cmp(&self.bounds[b].center().x));
        let mut parts = self.parts(&row, cut_odds);
        self.weigh_cuts(&mut parts, cut_odds);
        self.best_groups(&parts, read)
    }

    /// Puts those pieces of a row together that belong together for certain.
    fn parts(&self, row: &[usize], cut_odds: &CutOdds) -> Vec<Part> {
        let mut parts: Vec<Part> = Vec::new();
        // How many pieces from the left belong together with one that has been met.
        let mut joined = 0;
        for (i, &piece) in row.iter().enumerate() {
            let belongs = |&j: &usize| cut_odds(piece, row[j]).is_none() && self.is_over(piece, row[j]);
            match parts.last_mut() {
                Some(part) if i < joined => part.add(piece, &self.bounds[piece]),
                _ => parts.push(Part::new(piece, self.bounds[piece])),
            }
            let last = (i + 1..row.len()).rfind(belongs);
            joined = joined.max(last.map_or(0, |last| last + 1));
        }
        parts
    }

    /// Finds the log odds of a cut before each part.
    fn weigh_cuts(&self, parts: &mut [Part], cut_odds: &CutOdds) {
        for right in 1..parts.len() {
            parts[right].cut = self.part_odds(&parts[right - 1], &parts[right], cut_odds);
        }
    }

    fn part_odds(&self, left: &Part, right: &Part, cut_odds: &CutOdds) -> f32 {
        let pairs = left
            .pieces
            .iter()
            .flat_map(|&a| right.pieces.iter().map(move |&b| (a, b)));
        let known = pairs.filter_map(|(a, b)| cut_odds(a, b)).reduce(f32::min);
        known.unwrap_or_else(|| self.odds(&left.bounds, &right.bounds))
    }

    /// The best way to cut a row of parts, found by dynamic programming from the left.
    fn best_groups(&self, parts: &[Part], read: &mut Read) -> Vec<Group> {
        // For each number of parts from the left: how much speaks for the best way to cut them, and its last group.
        let mut best: Vec<(f32, usize, Option<Group>)> = vec![(0.0, 0, None)];
        for end in 1..=parts.len() {
            let mut found = (f32::NEG_INFINITY, end - 1, None);
            for start in (end.saturating_sub(MOST_PARTS)..end).rev() {
                // Only the first part of a group may be cut off for certain from what is before it.
                if parts[start + 1..end].iter().any(|part| part.cut >= CERTAIN) {
                    break;
                }
                let cut = if start > 0 { parts[start].cut } else { 0.0 };
                let before = best[start].0 + cut + self.shape_of(&parts[start..end]);
                // The reader's word only takes away.
                if before <= found.0 {
                    continue;
                }
                let (word, group) = judge(&parts[start..end], read);
                if before + word > found.0 {
                    found = (before + word, start, group);
                }
            }
            best.push(found);
        }
        let mut groups = Vec::new();
        let mut end = parts.len();
        while end > 0 {
            let (_, start, group) = &mut best[end];
            groups.extend(group.take());
            end = *start;
        }
        groups.reverse();
        groups
    }

    /// What the shape of some parts together says for their being one digit, as a log probability.
    fn shape_of(&self, parts: &[Part]) -> f32 {
        let bounds = parts.iter().map(|part| part.bounds).reduce(|a, b| union(&a, &b));
        bounds.map_or(0.0, |bounds| self.shape(&bounds))
    }
}

/// What the reader says for the parts being one digit, at most 0, and that digit, if there is anything to read.
fn judge(parts: &[Part], read: &mut Read) -> (f32, Option<Group>) {
    let pieces: Vec<usize> = parts.iter().flat_map(|part| part.pieces.iter().copied()).collect();
    let found = read(&pieces);
    let word = found.as_ref().map_or(0.0, |(_, prediction)| prediction.probability());
    let word = WORD * word.clamp(LEAST_PROBABILITY, 1.0).ln();
    let group = found.map(|(pixels, prediction)| Group {
        pieces,
        pixels,
        prediction,
    });
    (word, group)
}

/// The network input that some pieces make together and its prediction; none if there is nothing to read.
pub(super) type Read<'a> = dyn FnMut(&[usize]) -> Option<(Gray28, Prediction)> + 'a;

/// Log odds of a cut between two pieces, if they were one before they were cut in places where that may be right.
type CutOdds<'a> = dyn Fn(usize, usize) -> Option<f32> + 'a;

/// Pieces that belong together for certain, the rectangle around them, and the log odds of a cut before them.
struct Part {
    pieces: Vec<usize>,
    bounds: Bounds,
    cut: f32,
}

impl Part {
    fn new(piece: usize, bounds: Bounds) -> Part {
        Part {
            pieces: vec![piece],
            bounds,
            cut: CERTAIN,
        }
    }

    fn add(&mut self, piece: usize, bounds: &Bounds) {
        self.pieces.push(piece);
        self.bounds = union(&self.bounds, bounds);
    }
}

/// The smallest rectangle around two others.
fn union(a: &Bounds, b: &Bounds) -> Bounds {
    Bounds {
        left: a.left.min(b.left),
        top: a.top.min(b.top),
        right: a.right.max(b.right),
        bottom: a.bottom.max(b.bottom),
    }
}
