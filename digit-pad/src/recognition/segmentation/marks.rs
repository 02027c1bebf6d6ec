//! Marks of numbers: minus, decimal point and comma, known by their size and their place in the line, and the other signs
//! of arithmetic, known by their form.

use crate::{geometry::Bounds, recognition::signs::Sign};

/// A mark in a number or an expression, or something in its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// A short level line at half the height of the digits.
    Minus,
    /// A dot at the foot of the digits.
    Point,
    /// A short line through the foot of the digits.
    Comma,
    /// A sign of addition.
    Plus,
    /// A sign of multiplication.
    Times,
    /// A sign of division.
    Divide,
    /// A sign of equality.
    Equals,
    /// Neither a digit nor a mark that is known.
    Unknown,
}

impl Mark {
    /// The character: `-`, `.`, `,`, `+`, `×`, `÷`, `=` or `?`.
    pub fn symbol(self) -> char {
        match self {
            Mark::Minus => '-',
            Mark::Point => '.',
            Mark::Comma => ',',
            Mark::Plus => '+',
            Mark::Times => '×',
            Mark::Divide => '÷',
            Mark::Equals => '=',
            Mark::Unknown => '?',
        }
    }
}

impl Mark {
    /// The mark that a sign of that name is: the character, or another way to type it.
    pub(super) fn named(name: &str) -> Option<Mark> {
        Some(match name {
            "+" => Mark::Plus,
            "-" | "−" => Mark::Minus,
            "×" | "*" => Mark::Times,
            "÷" | ":" | "/" => Mark::Divide,
            "=" => Mark::Equals,
            "." => Mark::Point,
            "," => Mark::Comma,
            _ => return None,
        })
    }
}

impl From<Sign> for Mark {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::Plus => Mark::Plus,
            Sign::Minus => Mark::Minus,
            Sign::Times => Mark::Times,
            Sign::Divide => Mark::Divide,
            Sign::Equals => Mark::Equals,
        }
    }
}

/// What is drawn with a pen is at least this fraction of its width long. Less is noise of the paper.
const SHORTEST: f32 = 0.7;

/// The mark that a part is, in a level line whose digits reach from `line.top` to `line.bottom`. `pen` is the width of
/// the pen, if the bounds include it.
pub(super) fn mark(part: &Bounds, line: &Bounds, pen: f32) -> Option<Mark> {
    if part.longest_side() < SHORTEST * pen {
        return None;
    }
    let height = line.height();
    let (wide, high) = ((part.width() - pen) / height, (part.height() - pen) / height);
    let at = |y: f32| (y - line.top) / height;
    let (top, middle, bottom) = (at(part.top), at(part.center().y), at(part.bottom));
    if (0.14..0.9).contains(&wide) && high < 0.35 * wide && (0.28..0.78).contains(&middle) {
        return Some(Mark::Minus);
    }
    let is_low = middle > 0.78 && top > 0.66 && bottom < 1.5;
    if !is_low || wide > 0.3 || high > 0.42 {
        return None;
    }
    Some(if wide.max(high) < 0.11 {
        Mark::Point
    } else {
        Mark::Comma
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(left: f32, top: f32, width: f32, height: f32) -> Option<Mark> {
        let line = Bounds {
            left: 0.0,
            top: 100.0,
            right: 400.0,
            bottom: 200.0,
        };
        let part = Bounds {
            left,
            top,
            right: left + width,
            bottom: top + height,
        };
        mark(&part, &line, 0.0)
    }

    #[test]
    fn marks_are_known_by_size_and_place() {
        assert_eq!(found(0.0, 150.0, 40.0, 3.0), Some(Mark::Minus));
        assert_eq!(found(0.0, 198.0, 2.0, 2.0), Some(Mark::Point));
        assert_eq!(found(0.0, 190.0, 9.0, 25.0), Some(Mark::Comma));
    }

    #[test]
    fn less_than_a_dot_of_the_pen_is_no_mark() {
        let line = Bounds {
            left: 0.0,
            top: 100.0,
            right: 400.0,
            bottom: 200.0,
        };
        let dot = |side: f32| Bounds {
            left: 50.0,
            top: 195.0,
            right: 50.0 + side,
            bottom: 195.0 + side,
        };
        assert_eq!(mark(&dot(6.0), &line, 6.0), Some(Mark::Point));
        assert_eq!(mark(&dot(3.0), &line, 6.0), None);
    }

    #[test]
    fn parts_of_digits_are_no_marks() {
        // The bar of a five, the foot of a one, the left part of a four, a one.
        assert_eq!(found(0.0, 100.0, 40.0, 3.0), None);
        assert_eq!(found(0.0, 198.0, 60.0, 2.0), None);
        assert_eq!(found(0.0, 100.0, 40.0, 60.0), None);
        assert_eq!(found(0.0, 100.0, 2.0, 100.0), None);
    }
}
