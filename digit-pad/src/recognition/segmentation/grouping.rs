//! Grouping: the best way to divide the parts of a page into lines, marks and digits.

use crate::{
    geometry::Point,
    recognition::{
        prediction::Prediction,
        segmentation::{
            lines::{self, Frame, Line},
            marks::Mark,
            plain_signs,
            row::{Row, unit},
            search::{Classify, CutOdds, Group, Search, Seen},
        },
        signs::Sign,
    },
};

/// A drawing of more parts than this is not a number; it stays whole.
const MAX_PARTS: usize = 128;

/// Two parts above each other are one digit if its probability is at least this.
const STACKED: f32 = 0.8;

/// Two parts above each other with a larger gap than this are never one digit, in heights.
const STACKED_GAP: f32 = 0.6;

/// A line lower than this fraction of the highest is of dust or marks.
const LOWEST: f32 = 0.2;

/// Most parts of a sign that is known by their size and place.
const MOST_OF_SIGN: usize = 3;

/// Least probability of a sign of one stroke or component that is all of a page.
const SURE_SIGN: f32 = 0.9;

/// The parts of a page, in lines.
pub(super) struct Layout {
    rows: Vec<Row>,
    outlines: Vec<Vec<Point>>,
    /// The parts of each stroke or component.
    wholes: Vec<Vec<usize>>,
    /// Width of the pen, if outlines include it.
    pen: Option<f32>,
}

impl Layout {
    /// Finds the lines of parts, each given by points of its outline and the index of its stroke or component. `pen` is the
    /// width of the pen if outlines include it; then specks are dust, otherwise they were drawn.
    pub(super) fn new(parts: impl Iterator<Item = (Vec<Point>, usize)>, pen: Option<f32>) -> Layout {
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
        if !layout.is_scribble() {
            layout.rows = layout.lines();
        }
        layout
    }

    /// Whether there are too many parts for a number.
    fn is_scribble(&self) -> bool {
        self.outlines.len() > MAX_PARTS
    }

    fn lines(&self) -> Vec<Row> {
        let outline = |parts: &Vec<usize>| parts.iter().flat_map(|&part| self.outlines[part].clone()).collect();
        let outlines: Vec<Vec<Point>> = self.wholes.iter().map(outline).collect();
        let height = unit(outlines.iter().map(|points| Frame::LEVEL.bounds(points)));
        let found = lines::find(&outlines, height);
        let mut rows: Vec<Row> = found.iter().map(|line| self.row(line, 0.0)).collect();
        let least = LOWEST * rows.iter().map(|row| row.height).fold(0.0, f32::max);
        if self.pen.is_some() {
            rows.retain(|row| row.height >= least);
        } else {
            for (row, line) in rows.iter_mut().zip(&found).filter(|(row, _)| row.height < least) {
                *row = self.row(line, least / LOWEST);
            }
        }
        rows
    }

    /// The row of a line of strokes or components.
    fn row(&self, line: &Line, least: f32) -> Row {
        let wholes = line.parts.iter().map(|&whole| &self.wholes[whole]);
        Row::new(wholes, &self.outlines, (line.frame, least, self.pen))
    }

    /// Indices of the parts that are not dust.
    #[cfg(test)]
    pub(super) fn without_dust(&self) -> Vec<usize> {
        if self.is_scribble() {
            return (0..self.outlines.len()).collect();
        }
        self.rows.iter().flat_map(Row::kept).collect()
    }

    /// Divides the parts into digits and marks, line by line, left to right. With `in_time`, the order of the parts may
    /// also be that in which they were drawn.
    pub(super) fn group(mut self, in_time: bool, cut_odds: &CutOdds, classify: &mut Classify) -> Vec<Group> {
        if self.is_scribble() {
            return self.whole(None, classify);
        }
        if let Some(sign) = self.lone_sign(classify) {
            return self.whole(Some(sign), classify);
        }
        self.join_stacked(classify);
        let mut groups = Vec::new();
        for (line, row) in self.rows.iter().enumerate() {
            let is_page = self.rows.len() == 1;
            groups.extend(Search::new(row, is_page, cut_odds, classify).groups(line, in_time));
        }
        groups
    }

    /// All parts as one digit, or as a sign.
    fn whole(&self, sign: Option<Sign>, classify: &mut Classify) -> Vec<Group> {
        let (parts, found) = self.seen_whole(classify);
        Vec::from_iter(found.map(|seen| Group {
            parts,
            pixels: seen.pixels,
            prediction: Prediction {
                known: seen.prediction.known || sign.is_some(),
                ..seen.prediction
            },
            line: 0,
            mark: sign.map(Mark::from),
        }))
    }

    /// All parts, and what they are together.
    fn seen_whole(&self, classify: &mut Classify) -> (Vec<usize>, Option<Seen>) {
        let parts: Vec<usize> = (0..self.outlines.len()).collect();
        let row = Row {
            frame: Frame::LEVEL,
            height: 0.0,
            large: 1,
            parts: Vec::new(),
            marks: Vec::new(),
        };
        let found = classify(&parts, &row);
        (parts, found)
    }

    /// The sign that is all of the page: by size and place, or of one stroke or component by the network for signs. That
    /// network has to agree to a minus, which is a single line.
    fn lone_sign(&self, classify: &mut Classify) -> Option<Sign> {
        let is_whole = self.outlines.len() == self.wholes.len();
        if !is_whole && self.wholes.len() > 1 || self.wholes.is_empty() || self.wholes.len() > MOST_OF_SIGN {
            return None;
        }
        let bounds = self.outlines.iter().map(|outline| Frame::LEVEL.bounds(outline));
        let plain = plain_signs::alone(bounds.collect(), self.pen.unwrap_or(0.0)).filter(|_| is_whole);
        if plain.is_some_and(|sign| sign != Sign::Minus) {
            return plain;
        }
        if self.wholes.len() > 1 {
            return None;
        }
        let (_, seen) = self.seen_whole(classify);
        let Seen { prediction, sign, .. } = seen?;
        let (sign, probability) = sign?;
        let is_agreed = if sign == Sign::Minus {
            plain == Some(sign)
        } else {
            !prediction.known
        };
        (is_agreed && probability >= SURE_SIGN).then_some(sign)
    }

    /// Joins two lines of one stroke or component each that are one digit to the classifier, such as an eight of two rings.
    fn join_stacked(&mut self, classify: &mut Classify) {
        let [above, below] = &self.rows[..] else { return };
        let (Some(first), Some(second)) = (self.only(above), self.only(below)) else {
            return;
        };
        let bottom = above
            .parts
            .iter()
            .map(|part| part.bounds.bottom)
            .fold(f32::MIN, f32::max);
        let top = below.parts.iter().map(|part| part.bounds.top).fold(f32::MAX, f32::min);
        if top - bottom > STACKED_GAP * above.height.max(below.height) {
            return;
        }
        let line = Line {
            parts: vec![first, second],
            frame: Frame::LEVEL,
        };
        let joined = self.row(&line, 0.0);
        let parts = [&self.wholes[first][..], &self.wholes[second]].concat();
        if classify(&parts, &joined).is_some_and(|seen| seen.prediction.probability() >= STACKED) {
            self.rows = vec![joined];
        }
    }

    /// The only stroke or component of a row without marks.
    fn only(&self, row: &Row) -> Option<usize> {
        let first = row.parts.first().filter(|_| row.marks.is_empty())?.index;
        let whole = self.wholes.iter().position(|parts| parts.contains(&first))?;
        (self.wholes[whole].len() == row.parts.len()).then_some(whole)
    }
}
