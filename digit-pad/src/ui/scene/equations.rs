//! Answers to equations: in handwriting on the canvas, behind the row in the panel, and in words.

use crate::{
    geometry::Point,
    graphics::{
        canvas::Rect,
        color::Color,
        text::{Align, Face},
    },
    ui::{
        handwriting::Glyph,
        number::NumberCells,
        scene::{builder::SceneBuilder, item::Item, status::wrapped},
        state::State,
    },
};

/// Size of what the status line says of an equation, in pixels at scale 1.
const SENTENCE: f32 = 16.0;

/// Width of the lines of a check mark in the panel, in heights of a row.
const MARK_WIDTH: f32 = 0.14;

impl SceneBuilder<'_> {
    /// The answers that are written on the canvas.
    pub(super) fn written_answers(&mut self, state: &State) {
        let unit = self.layout.canvas_unit();
        let on_screen = |point: &Point| [point.x / unit, point.y / unit];
        for (answer, seconds) in state.written_answers() {
            for (character, lines) in answer.at(seconds) {
                self.items.push(Item::Lines {
                    rect: self.layout.canvas,
                    lines: lines.iter().map(|line| line.iter().map(on_screen).collect()).collect(),
                    thickness: answer.pen / unit,
                    color: self.answer_color(character),
                });
            }
        }
    }

    fn answer_color(&self, character: char) -> Color {
        if character == '✗' {
            self.theme.uncertain
        } else {
            self.theme.accent
        }
    }

    /// The answers behind the rows of the number in the panel.
    pub(super) fn results(&mut self, number: &NumberCells) {
        for (character, cell) in &number.results {
            let color = self.answer_color(*character);
            if matches!(character, '✓' | '✗') {
                self.verdict(*character, *cell, number.size, color);
            } else {
                self.character(*character, *cell, number.size, color);
            }
        }
    }

    /// A character of a number in the panel; the display face has digits alone.
    pub(super) fn character(&mut self, character: char, cell: Rect, size: f32, color: Color) {
        let (face, align) = if character.is_ascii_digit() || character == '?' {
            (Face::Display, Align::Left)
        } else {
            (Face::SemiBold, Align::Center)
        };
        let text = if character == '-' { '−' } else { character }.to_string();
        self.text(cell, &text, face, size / self.layout.scale, align, color);
    }

    /// A check mark or a cross.
    fn verdict(&mut self, character: char, cell: Rect, size: f32, color: Color) {
        // As high as a digit, which stands in the middle of its cell.
        let height = 0.6 * size;
        let top = 0.5 * (cell.height as f32 - height);
        let on_screen = |point: &Point| [height * (point.x + MARK_WIDTH), top + height * point.y];
        let lines = Glyph::own(character).map_or(Vec::new(), |glyph| glyph.lines);
        self.items.push(Item::Lines {
            rect: cell,
            lines: lines.iter().map(|line| line.iter().map(on_screen).collect()).collect(),
            thickness: MARK_WIDTH * height,
            color,
        });
    }

    /// What the status line says of an equation, smaller where it would not fit.
    pub(super) fn sentence(&mut self, sentence: &str) {
        let rect = self.layout.status;
        if wrapped(sentence, rect.width as f32 / self.layout.scaled(SENTENCE)).len() > 1 {
            return self.message(sentence, 0, 1.0);
        }
        self.text(rect, sentence, Face::SemiBold, SENTENCE, Align::Left, self.theme.text);
    }
}
