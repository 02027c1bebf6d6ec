//! Written answers: what is missing behind a row of arithmetic, or what is wrong with it, as lines on the canvas and in words.

use crate::{
    arithmetic::{Check, Equation, Fault},
    drawing::strokes::Stroke,
    geometry::{Bounds, Point},
};

/// Time that a character takes, in seconds.
const DRAWING: f32 = 0.4;

/// An equation of the canvas.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct CanvasEquation {
    /// The line, from 0 at the top.
    pub(super) line: usize,
    pub(super) equation: Equation,
    pub(super) answer: Option<WrittenAnswer>,
}

/// An answer as it is written on the canvas: the missing one, or what a given one is worth.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct WrittenAnswer {
    /// The characters, each with its lines in canvas units.
    pub(super) characters: Vec<(char, Vec<Vec<Point>>)>,
    /// Width of the pen, in canvas units.
    pub(super) pen: f32,
    pub(super) bounds: Bounds,
}

impl CanvasEquation {
    /// What the panel shows behind the row.
    pub(super) fn result(&self) -> String {
        let answer = self.equation.answer.as_deref().unwrap_or_default();
        match self.equation.check {
            _ if self.equation.missing().is_some() => answer.to_owned(),
            Some(Check::Right) => "✓".to_owned(),
            Some(Check::Wrong) => format!("✗{answer}"),
            None => String::new(),
        }
    }

    /// What the status line says.
    pub(super) fn sentence(&self) -> String {
        let Equation {
            left,
            answer,
            is_rounded,
            ..
        } = &self.equation;
        let equals = if *is_rounded { '≈' } else { '=' };
        match (answer, self.equation.check) {
            (Err(fault), _) => match fault {
                Fault::Incomplete | Fault::Unreadable if left.is_empty() => "Write something before the =".to_owned(),
                fault => format!("{left} = … {fault}"),
            },
            (Ok(answer), Some(Check::Wrong)) => format!("Not quite: {left} {equals} {}", typeset(answer)),
            (Ok(answer), Some(Check::Right)) => format!("Right: {left} {equals} {}", typeset(answer)),
            (Ok(answer), None) => format!("{left} {equals} {}", typeset(answer)),
        }
    }
}

/// A number with a typographic minus.
fn typeset(number: &str) -> String {
    number.replace('-', "−")
}

impl WrittenAnswer {
    /// The lines that are drawn after a time in seconds, with their characters.
    pub(super) fn at(&self, seconds: f32) -> Vec<(char, Vec<Vec<Point>>)> {
        let shares = (0..).map(|i| (seconds / DRAWING - i as f32).clamp(0.0, 1.0));
        let drawn = self.characters.iter().zip(shares).filter(|(_, share)| *share > 0.0);
        drawn
            .map(|((character, lines), share)| (*character, first_part(lines, share)))
            .collect()
    }

    /// How long it takes to write it, in seconds.
    pub(super) fn duration(&self) -> f32 {
        DRAWING * self.characters.len() as f32
    }

    pub(super) fn strokes(&self) -> impl Iterator<Item = Stroke> + '_ {
        let lines = self.characters.iter().flat_map(|(_, lines)| lines);
        lines.map(|line| Stroke::new(line.clone(), self.pen))
    }
}

/// The first part of lines, as a share of their points.
fn first_part(lines: &[Vec<Point>], share: f32) -> Vec<Vec<Point>> {
    let all: usize = lines.iter().map(Vec::len).sum();
    let mut rest = (share * all as f32).ceil() as usize;
    let mut part = Vec::new();
    for line in lines {
        let count = line.len().min(rest);
        rest -= count;
        if count > 0 {
            part.push(line[..count].to_vec());
        }
    }
    part
}

/// The answers on the canvas and their animation.
#[derive(Debug, Clone, Default)]
pub(super) struct Equations {
    pub(super) all: Vec<CanvasEquation>,
    /// The time when an answer was seen first, in seconds since the window opened.
    pub(super) began: Option<f32>,
    pub(super) now: f32,
    /// The answer under the pointer when it was pressed.
    pub(super) pressed: Option<WrittenAnswer>,
}
