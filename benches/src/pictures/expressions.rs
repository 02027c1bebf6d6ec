//! Rows of arithmetic to measure reading with: numbers and signs that people drew, side by side, with a seed.

use std::path::Path;

use digit_pad::{
    Error,
    drawing::file::Drawing,
    recognition::{segmentation::Mark, signs::Sign},
};
use serde_json::Value;

use super::{
    Random,
    numbers::{Line, PenDigit, Written, between, bounds, placed, standing},
};

/// A sign as it was drawn.
#[derive(Debug, Clone)]
pub struct PenSign {
    /// What was drawn.
    pub symbol: String,
    /// The drawing.
    pub drawing: Drawing,
}

/// The letters and signs of a file of strokes.
///
/// # Errors
///
/// If the file cannot be read.
pub fn pen_signs(path: &Path) -> Result<Vec<PenSign>, Error> {
    let text = std::fs::read_to_string(path).map_err(|cause| Error::Read {
        path: path.to_owned(),
        cause,
    })?;
    let signs = text.lines().filter_map(|line| {
        let named: Value = serde_json::from_str(line).ok()?;
        Some(PenSign {
            symbol: named["symbol"].as_str()?.to_owned(),
            drawing: Drawing::from_json(line).ok()?,
        })
    });
    Ok(signs.collect())
}

/// The sign of arithmetic that a symbol of the drawings is, as the pad reads it.
pub fn sign(symbol: &str) -> Option<char> {
    Sign::written(symbol).map(|sign| Mark::from(sign).symbol())
}

/// Two numbers of one or two digits with a sign between them, and a sign of equality.
pub fn expression(digits: &[PenDigit], signs: &[PenSign], random: &mut Random) -> Written {
    let operators = ['+', '-', '×', '÷', '⁄'];
    let operator = operators[random.below(operators.len())];
    let mut row = Written::row(&[], || 0.0);
    append_number(&mut row, digits, random);
    append_sign(&mut row, operator, signs, random);
    append_number(&mut row, digits, random);
    append_sign(&mut row, '=', signs, random);
    row
}

fn append_number(row: &mut Written, digits: &[PenDigit], random: &mut Random) {
    for _ in 0..=random.below(2) {
        let digit = &digits[random.below(digits.len())];
        let one = Written::row(&[digit], || 0.0);
        append(row, &one.strokes, &one.truth, random);
    }
}

/// A sign in the middle of the row. A bar between the dots of a colon is made of two drawings.
fn append_sign(row: &mut Written, operator: char, signs: &[PenSign], random: &mut Random) {
    let has_bar = operator == '⁄';
    let operator = if has_bar { '÷' } else { operator };
    let mut any = |wanted: char| {
        let fitting: Vec<&PenSign> = signs
            .iter()
            .filter(|drawn| sign(&drawn.symbol) == Some(wanted))
            .collect();
        let strokes = standing(&fitting[random.below(fitting.len())].drawing.ink);
        let size = between(random, 0.35, 0.65);
        fitted(&strokes, size)
    };
    let mut strokes = any(operator);
    if has_bar {
        strokes.extend(any('-'));
    }
    let y = 50.0 + between(random, -8.0, 8.0);
    let strokes: Vec<Line> = placed(&strokes, 100.0, y).collect();
    append(row, &strokes, &operator.to_string(), random);
}

/// Strokes whose longer side is `size`, around (0, 0).
fn fitted(strokes: &[Line], size: f64) -> Vec<Line> {
    let [left, top, right, bottom] = bounds(strokes);
    let scale = size / (right - left).max(bottom - top).max(1e-3);
    let (x, y) = (0.5 * (left + right), 0.5 * (top + bottom));
    let at = |&[px, py]: &[f64; 2]| [scale * (px - x), scale * (py - y)];
    strokes.iter().map(|line| line.iter().map(at).collect()).collect()
}

/// Adds strokes behind a row, with a gap between their bounds.
fn append(row: &mut Written, strokes: &[Line], truth: &str, random: &mut Random) {
    let gap = if row.strokes.is_empty() {
        0.0
    } else {
        between(random, 12.0, 40.0)
    };
    let end = if row.strokes.is_empty() {
        0.0
    } else {
        bounds(&row.strokes)[2]
    };
    let x = end + gap - bounds(strokes)[0];
    let moved = strokes
        .iter()
        .map(|line| line.iter().map(|&[px, py]| [px + x, py]).collect());
    row.strokes.extend(moved);
    row.truth.push_str(truth);
}
