//! A digit on the canvas as the window shows it.

use crate::{
    geometry::Bounds,
    recognition::{
        normalization::Gray28,
        prediction::Prediction,
        segmentation::{self, Mark, symbol},
    },
};

/// A digit found on the canvas, with its prediction.
#[derive(Debug, Clone, PartialEq)]
pub struct RecognizedDigit {
    /// The network input.
    pub pixels: Gray28,
    /// The network's prediction.
    pub prediction: Prediction,
    /// The digit's bounding box on the canvas.
    pub bounds: Bounds,
    /// The part of the canvas that its ink covers in the network input.
    pub inked: Bounds,
    /// The line that it stands in, from 0 at the top.
    pub line: usize,
    /// The mark that it is, if it is no digit.
    pub mark: Option<Mark>,
}

impl RecognizedDigit {
    /// A digit that stands alone.
    pub fn new(pixels: Gray28, prediction: Prediction, bounds: Bounds) -> Self {
        RecognizedDigit {
            pixels,
            prediction,
            bounds,
            inked: bounds,
            line: 0,
            mark: None,
        }
    }

    /// A digit whose ink covers that part of the canvas in the network input.
    #[must_use]
    pub fn with_inked(self, inked: Bounds) -> Self {
        RecognizedDigit { inked, ..self }
    }

    /// A digit or a mark at its place in a number.
    #[must_use]
    pub fn placed(self, line: usize, mark: Option<Mark>) -> Self {
        RecognizedDigit { line, mark, ..self }
    }

    /// What it is for certain; `?` if the network is not sure.
    pub(super) fn sure_symbol(&self) -> char {
        segmentation::sure_symbol(&self.prediction, self.mark)
    }

    /// The same, but the name of a sign that the user has taught.
    pub(super) fn sure_name(&self) -> String {
        segmentation::sure_name(&self.prediction, self.mark)
    }

    /// Whether it is neither a digit nor a mark that is known, and shown as `?`.
    pub(super) fn is_unread(&self) -> bool {
        self.mark == Some(Mark::Unknown)
    }

    /// Whether the network is asked what it is; other marks are read by their size and place or by another network.
    pub(super) fn is_classified(&self) -> bool {
        self.mark.is_none() || self.is_unread()
    }

    /// Index of the last one that the network is asked about, or else the last mark: behind the digits there may be the sign of a sum.
    pub fn last(digits: &[RecognizedDigit]) -> Option<usize> {
        let digit = digits.iter().rposition(RecognizedDigit::is_classified);
        digit.or(digits.len().checked_sub(1))
    }

    /// What is shown for it: the mark, the most probable digit, or the name of the sign.
    pub(super) fn symbol(&self) -> String {
        symbol(&self.prediction, self.mark)
    }

    /// Whether it reads as a sign that the user has taught.
    pub(super) fn is_sign(&self) -> bool {
        self.mark.is_none() && self.prediction.sign().is_some()
    }
}
