//! An explanation with its place on the canvas: how much the ink at each point speaks for a digit.

use std::sync::Arc;

use crate::{
    geometry::Point,
    recognition::{
        added_stroke::AddedStroke, explanation::Explanation, model::DIGITS, normalization::SIDE, placement::Placement,
    },
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
