//! Handwriting: the lines of digits and marks, in the user's hand where there are drawings of it, or in the pad's own.

use crate::{
    drawing::{
        smoothing::curve,
        strokes::{Ink, NATURAL_SIZE, PEN, Stroke},
    },
    geometry::{Bounds, Point},
};

/// A digit that is higher than this fraction of its width is as high as a row; a flatter one keeps its form.
const FLATTEST: f32 = 0.5;

/// Gap between two characters, in heights of a row.
const GAP: f32 = 0.2;

/// A character as lines, with the top of its row at 0, the foot at 1, and its left side at 0.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Glyph {
    pub(super) lines: Vec<Vec<Point>>,
    pub(super) width: f32,
}

impl Glyph {
    /// A character in the pad's own hand: a digit, `-`, `.`, `,`, `✓` or `✗`; `None` for any other.
    pub(super) fn own(character: char) -> Option<Glyph> {
        let point = |&(x, y): &(f32, f32)| Point::new(NATURAL_SIZE * x, NATURAL_SIZE * y);
        let stroke = |points: &&[(f32, f32)]| Stroke::new(points.iter().map(point).collect(), PEN);
        let strokes: Vec<Stroke> = own_strokes(character)?.iter().map(stroke).collect();
        Glyph::of(&strokes, |point| {
            Point::new(point.x / NATURAL_SIZE, point.y / NATURAL_SIZE)
        })
    }

    /// A digit as it is drawn; `None` if nothing is.
    pub(super) fn of_digit(ink: &Ink) -> Option<Glyph> {
        let ink = ink.fit();
        let bounds = ink.bounds()?;
        let height = bounds.height().max(FLATTEST * bounds.width()).max(f32::MIN_POSITIVE);
        let bottom = bounds.bottom;
        Glyph::of(ink.strokes(), |point| {
            Point::new(point.x / height, 1.0 + (point.y - bottom) / height)
        })
    }

    fn of(strokes: &[Stroke], place: impl Fn(Point) -> Point) -> Option<Glyph> {
        let lines = strokes.iter().map(|stroke| curve(stroke, 1.0));
        let mut lines: Vec<Vec<Point>> = lines.map(|line| line.into_iter().map(&place).collect()).collect();
        let bounds = Bounds::around(lines.iter().flatten().copied())?;
        for point in lines.iter_mut().flatten() {
            point.x -= bounds.left;
        }
        Some(Glyph {
            lines,
            width: bounds.width(),
        })
    }
}

/// Characters side by side, in heights of a row, and how wide they are.
pub(super) fn written(glyphs: &[Glyph]) -> (Vec<Vec<Vec<Point>>>, f32) {
    let mut left = 0.0;
    let mut all = Vec::with_capacity(glyphs.len());
    for glyph in glyphs {
        let at = |point: &Point| Point::new(point.x + left, point.y);
        all.push(glyph.lines.iter().map(|line| line.iter().map(at).collect()).collect());
        left += glyph.width + GAP;
    }
    (all, (left - GAP).max(0.0))
}

/// Points on the strokes of a character in the pad's own hand, in heights of a row.
fn own_strokes(character: char) -> Option<&'static [&'static [(f32, f32)]]> {
    Some(match character {
        '0' => &[&[
            (0.38, 0.02),
            (0.2, 0.06),
            (0.05, 0.34),
            (0.03, 0.68),
            (0.2, 0.97),
            (0.42, 0.94),
            (0.58, 0.64),
            (0.57, 0.26),
            (0.42, 0.03),
            (0.3, 0.04),
        ]],
        '1' => &[&[
            (0.0, 0.24),
            (0.12, 0.14),
            (0.23, 0.0),
            (0.22, 0.3),
            (0.2, 0.65),
            (0.18, 1.0),
        ]],
        '2' => &[&[
            (0.04, 0.2),
            (0.16, 0.04),
            (0.36, 0.0),
            (0.53, 0.12),
            (0.52, 0.32),
            (0.36, 0.58),
            (0.16, 0.82),
            (0.0, 0.99),
            (0.14, 0.96),
            (0.36, 0.97),
            (0.62, 0.98),
        ]],
        '3' => &[&[
            (0.04, 0.11),
            (0.24, 0.0),
            (0.47, 0.08),
            (0.5, 0.26),
            (0.36, 0.42),
            (0.2, 0.46),
            (0.38, 0.48),
            (0.56, 0.62),
            (0.54, 0.84),
            (0.34, 1.0),
            (0.1, 0.96),
            (0.0, 0.86),
        ]],
        '4' => &[
            &[(0.38, 0.0), (0.2, 0.32), (0.0, 0.64), (0.3, 0.63), (0.66, 0.6)],
            &[(0.46, 0.34), (0.44, 0.66), (0.41, 1.0)],
        ],
        '5' => &[
            &[
                (0.12, 0.02),
                (0.09, 0.22),
                (0.06, 0.43),
                (0.26, 0.36),
                (0.5, 0.46),
                (0.56, 0.7),
                (0.42, 0.94),
                (0.2, 1.0),
                (0.0, 0.9),
            ],
            &[(0.12, 0.02), (0.34, 0.02), (0.58, 0.0)],
        ],
        '6' => &[&[
            (0.46, 0.0),
            (0.24, 0.16),
            (0.06, 0.46),
            (0.02, 0.76),
            (0.16, 0.98),
            (0.38, 0.98),
            (0.54, 0.8),
            (0.48, 0.58),
            (0.28, 0.52),
            (0.1, 0.64),
            (0.04, 0.8),
        ]],
        '7' => &[&[
            (0.0, 0.04),
            (0.28, 0.03),
            (0.58, 0.0),
            (0.44, 0.3),
            (0.3, 0.62),
            (0.2, 1.0),
        ]],
        '8' => &[&[
            (0.5, 0.16),
            (0.34, 0.0),
            (0.12, 0.08),
            (0.1, 0.28),
            (0.32, 0.46),
            (0.54, 0.66),
            (0.5, 0.92),
            (0.28, 1.0),
            (0.06, 0.88),
            (0.08, 0.66),
            (0.32, 0.46),
            (0.5, 0.3),
            (0.52, 0.16),
        ]],
        '9' => &[&[
            (0.52, 0.2),
            (0.36, 0.02),
            (0.12, 0.08),
            (0.02, 0.3),
            (0.14, 0.5),
            (0.36, 0.46),
            (0.52, 0.2),
            (0.5, 0.5),
            (0.44, 0.78),
            (0.36, 1.0),
        ]],
        '-' => &[&[(0.0, 0.52), (0.18, 0.51), (0.36, 0.5)]],
        '.' => &[&[(0.0, 0.98), (0.02, 1.0)]],
        ',' => &[&[(0.08, 0.92), (0.08, 1.02), (0.0, 1.16)]],
        '✓' => &[&[(0.0, 0.6), (0.2, 0.92)], &[(0.2, 0.92), (0.62, 0.2)]],
        '✗' => &[&[(0.0, 0.25), (0.5, 0.9)], &[(0.5, 0.22), (0.02, 0.92)]],
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pad_has_a_hand_for_every_character_of_an_answer() {
        for character in "0123456789".chars() {
            let glyph = Glyph::own(character).unwrap();
            let bounds = Bounds::around(glyph.lines.iter().flatten().copied()).unwrap();
            assert!(
                bounds.top.abs() < 0.06 && (bounds.bottom - 1.0).abs() < 0.06,
                "{character}: {bounds:?}"
            );
            assert!(bounds.left == 0.0 && (bounds.right - glyph.width).abs() < 1e-5);
        }
        assert!("-.,✓✗".chars().all(|character| Glyph::own(character).is_some()));
        assert_eq!(Glyph::own('+'), None);
    }

    #[test]
    fn the_pad_can_read_its_own_hand() {
        let mut recognizer = crate::recognition::recognizer::Recognizer::embedded().unwrap();
        for digit in 0..10 {
            let glyph = Glyph::own(char::from(b'0' + digit)).unwrap();
            let ink: Ink = glyph.lines.into_iter().map(|line| Stroke::new(line, PEN)).collect();
            let prediction = recognizer.read_ink(&ink.fit()).unwrap();
            assert!(
                prediction.digit() == digit && prediction.known,
                "{digit}: {prediction:?}"
            );
        }
    }

    #[test]
    fn a_drawn_digit_stands_on_the_foot_of_its_row() {
        let line = |points: &[(f32, f32)]| Stroke::new(points.iter().map(|&(x, y)| Point::new(x, y)).collect(), PEN);
        let ink: Ink = [line(&[(100.0, 50.0), (120.0, 90.0)])].into_iter().collect();
        let glyph = Glyph::of_digit(&ink).unwrap();
        let ends = [glyph.lines[0][0], *glyph.lines[0].last().unwrap()];
        assert!(ends[0].distance(Point::new(0.0, 0.0)) < 1e-4 && ends[1].distance(Point::new(0.5, 1.0)) < 1e-4);
        assert_eq!(Glyph::of_digit(&Ink::new()), None);
    }

    #[test]
    fn characters_stand_side_by_side() {
        let glyph = Glyph {
            lines: vec![vec![Point::new(0.0, 0.0), Point::new(0.5, 1.0)]],
            width: 0.5,
        };
        let (glyphs, width) = written(&[glyph.clone(), glyph]);
        assert!((width - 1.2).abs() < 1e-6 && (glyphs[1][0][0].x - 0.7).abs() < 1e-6);
    }
}
