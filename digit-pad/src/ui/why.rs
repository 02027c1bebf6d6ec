//! Why a digit is read as it is, as the window shows it: ink that speaks for a digit or against it, and the stroke that
//! would change the reading.

use std::sync::Arc;

use crate::{
    format::percent,
    geometry::Point,
    recognition::{
        added_stroke::AddedStroke,
        explanation::Explanation,
        model::DIGITS,
        normalization::{Gray28, SIDE},
        placement::Placement,
    },
    ui::{layout::HitTarget, recognized_digit::RecognizedDigit, state::State},
};

/// What is known about why a digit is read as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    /// What speaks for each digit.
    pub explanation: Explanation,
    /// Where the network input lies on the canvas.
    pub placement: Placement,
    /// What would change the reading, digit by digit; `None` while that is searched.
    pub added: Option<[Option<AddedStroke>; DIGITS]>,
}

/// How much each part of the canvas speaks for one digit.
#[derive(Debug, Clone, PartialEq)]
pub struct Heat {
    /// The explanation.
    pub why: Arc<Why>,
    /// The digit.
    pub digit: u8,
}

/// The support for a digit, interpolated between the pixels of the network input.
pub(super) struct SupportMap {
    support: [f32; SIDE * SIDE],
    placement: Placement,
}

impl Heat {
    pub(super) fn map(&self) -> SupportMap {
        SupportMap {
            support: self.why.explanation.support(self.digit),
            placement: self.why.placement,
        }
    }
}

impl SupportMap {
    /// How much the ink at a point of the canvas speaks for the digit, from −1, against it, to 1.
    pub(super) fn at(&self, point: Point) -> f32 {
        let Point { x, y } = self.placement.on_input(point);
        let (x, y) = (x - 0.5, y - 0.5);
        let (left, top) = (x.floor(), y.floor());
        let value = |column: f32, row: f32| {
            let is_inside = (0.0..SIDE as f32).contains(&column) && (0.0..SIDE as f32).contains(&row);
            if is_inside {
                self.support[row as usize * SIDE + column as usize]
            } else {
                0.0
            }
        };
        let across = |row: f32| {
            let right = x - left;
            (1.0 - right) * value(left, row) + right * value(left + 1.0, row)
        };
        let below = y - top;
        (1.0 - below) * across(top) + below * across(top + 1.0)
    }
}

impl State {
    /// The digit that the window explains the ink for: that of the bar under the pointer, or else the predicted one,
    /// while the explanation is on.
    pub fn explained_digit(&self) -> Option<u8> {
        let selected = self.selected_digit().filter(|digit| digit.mark.is_none())?;
        match self.hovered() {
            Some(HitTarget::Bar(digit)) => Some(digit),
            _ => self.shows_why().then(|| selected.prediction.digit()),
        }
    }

    /// The selected digit and its index, if it is to be explained and `explained` is another one.
    pub fn unexplained(&self, explained: Option<&Gray28>) -> Option<(usize, &RecognizedDigit)> {
        self.explained_digit()?;
        let index = self.selected_index()?;
        let digit = self.digits().get(index)?;
        (explained != Some(&digit.pixels)).then_some((index, digit))
    }

    /// Shows an explanation.
    pub fn show_why(&mut self, why: Option<Arc<Why>>) {
        self.why = why;
    }

    /// The last explanation.
    pub fn why(&self) -> Option<&Arc<Why>> {
        self.why.as_ref()
    }

    /// The ink's colors, while it is explained. While a stroke is drawn, those of the drawing a moment ago stay.
    pub(super) fn heat(&self) -> Option<Heat> {
        let digit = self.explained_digit()?;
        let why = self.why.as_ref()?;
        let is_of_it = self.selected_digit()?.pixels == *why.explanation.pixels();
        (is_of_it || self.ink().is_drawing()).then(|| Heat {
            why: Arc::clone(why),
            digit,
        })
    }

    /// The stroke to suggest: with it, the drawing would read as the digit that is explained, or, if it reads as that
    /// already, as any other.
    pub(super) fn suggested_stroke(&self) -> Option<&AddedStroke> {
        let asked = self.explained_digit()?;
        let selected = self.selected_digit()?;
        let why = self.why.as_ref()?;
        if self.ink().is_drawing() || selected.pixels != *why.explanation.pixels() {
            return None;
        }
        let added = why.added.as_ref()?;
        if asked != selected.prediction.digit() {
            return added[usize::from(asked)].as_ref();
        }
        added.iter().flatten().min_by(|a, b| length(a).total_cmp(&length(b)))
    }

    /// The explanation in words.
    pub(super) fn why_in_words(&self) -> Option<String> {
        let asked = self.explained_digit()?;
        let colors = format!("Blue speaks for {asked}, amber against it.");
        self.heat()?;
        Some(match self.suggested_stroke() {
            Some(stroke) => {
                let (digit, probability) = (stroke.digit, percent(stroke.probability));
                format!("{colors} With the amber line: {digit}, {probability}")
            }
            None => colors,
        })
    }
}

fn length(stroke: &AddedStroke) -> f32 {
    stroke.points.windows(2).map(|pair| pair[0].distance(pair[1])).sum()
}
