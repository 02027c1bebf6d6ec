//! The number in the panel: a cell for each of its digits and marks, line under line.

use crate::{
    graphics::canvas::Rect,
    ui::{layout::HitTarget, recognized_digit::RecognizedDigit, state::State, written_answer::CanvasEquation},
};

/// Width of a digit of the display face with its gap, in em.
const DIGIT: f32 = 0.7;

/// Width of a point or comma, in em.
const POINT: f32 = 0.4;

/// Height of a line, in em.
const LINE: f32 = 0.95;

/// Cells of a number, and the size of its characters.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct NumberCells {
    /// The cell of each digit and mark, in their order.
    pub(super) cells: Vec<Rect>,
    /// The characters of the answers behind the lines, with their cells.
    pub(super) results: Vec<(char, Rect)>,
    /// Size of the characters, in pixels.
    pub(super) size: f32,
}

fn width(symbol: &str) -> f32 {
    match symbol {
        "." | "," => POINT,
        symbol => DIGIT * symbol.chars().count() as f32,
    }
}

/// Cells for the digits and marks of a number and for the answers behind its lines, as large as fits into `room`, but no
/// larger than `largest` pixels. `answer` is that of a line.
pub(super) fn number_cells(
    digits: &[RecognizedDigit],
    answer: impl Fn(usize) -> String,
    room: Rect,
    largest: f32,
) -> NumberCells {
    let lines: Vec<&[RecognizedDigit]> = digits.chunk_by(|a, b| a.line == b.line).collect();
    let answers: Vec<String> = lines.iter().map(|line| answer(line[0].line)).collect();
    let characters = |line: &[RecognizedDigit], answer: &str| -> Vec<String> {
        let answer = answer.chars().map(String::from);
        line.iter().map(RecognizedDigit::symbol).chain(answer).collect()
    };
    let lines: Vec<(usize, Vec<String>)> = lines
        .iter()
        .zip(&answers)
        .map(|(line, answer)| (line.len(), characters(line, answer)))
        .collect();
    let widest = lines
        .iter()
        .map(|(_, line)| line.iter().map(|symbol| width(symbol)).sum::<f32>());
    let widest = widest.fold(DIGIT, f32::max);
    let by_height = room.height as f32 / (LINE * lines.len().max(1) as f32);
    let size = by_height.min(room.width as f32 / widest).min(largest);
    let (mut cells, mut results) = (Vec::with_capacity(digits.len()), Vec::new());
    for ((count, line), i) in lines.iter().zip(0..) {
        let y = |line: i32| room.y + (line as f32 * LINE * size) as i32;
        let mut left = 0.0;
        for (place, symbol) in line.iter().enumerate() {
            let right = left + width(symbol) * size;
            let (x, end) = (room.x + left as i32, room.x + right as i32);
            let cell = Rect::new(x, y(i), end - x, y(i + 1) - y(i));
            if place < *count {
                cells.push(cell);
            } else {
                results.extend(symbol.chars().map(|character| (character, cell)));
            }
            left = right;
        }
    }
    NumberCells { cells, results, size }
}

impl State {
    /// The cells of the number that the panel shows; none for a single digit.
    pub(super) fn number_cells(&self) -> Option<NumberCells> {
        let is_number = self.digits.len() > 1 || self.digits.iter().any(|digit| digit.mark.is_some());
        let layout = &self.layout;
        let largest = 0.62 * layout.prediction.height as f32;
        (is_number && self.shows_prediction()).then(|| {
            let answer = |line| {
                let equation = self.equations.all.iter().find(|found| found.line == line);
                equation.map_or_else(String::new, CanvasEquation::result)
            };
            number_cells(&self.digits, answer, layout.number, largest)
        })
    }

    /// Index of the digit whose cell of the number is at a window position.
    pub(super) fn cell_at(&self, x: f32, y: f32) -> Option<usize> {
        let cells = self.number_cells()?.cells;
        cells.iter().position(|cell| cell.contains(x, y))
    }

    /// The cell of the number at a window position, where a click can select.
    pub(super) fn number_target_at(&self, x: f32, y: f32) -> Option<HitTarget> {
        self.cell_at(x, y).map(HitTarget::Digit)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{
        drawing::strokes::CANVAS_BOUNDS,
        recognition::{prediction::Prediction, segmentation::Mark},
    };

    fn digit(line: usize, mark: Option<Mark>) -> RecognizedDigit {
        let prediction = Prediction {
            probabilities: [0.1; 10],
            signs: Vec::new(),
            known: true,
            microseconds: 1.0,
        };
        RecognizedDigit::new([0; 784], prediction, CANVAS_BOUNDS).placed(line, mark)
    }

    proptest! {
        #[test]
        fn cells_are_disjoint_and_inside(
            lines in proptest::collection::vec(1..12usize, 1..5), width in 100..900i32, height in 40..300i32,
        ) {
            let room = Rect::new(7, 9, width, height);
            let digits = lines.iter().enumerate().flat_map(|(line, &count)| {
                (0..count).map(move |i| digit(line, (i == 1).then_some(Mark::Point)))
            });
            let digits: Vec<_> = digits.collect();
            let answer = |line: usize| "-12.5".repeat(line % 2);
            let NumberCells { cells, results, size } = number_cells(&digits, answer, room, 80.0);
            prop_assert!(size > 0.0 && size <= 80.0);
            prop_assert_eq!((cells.len(), results.len()), (digits.len(), 5 * (lines.len() / 2)));
            let cells: Vec<Rect> = cells.into_iter().chain(results.into_iter().map(|(_, cell)| cell)).collect();
            for (i, cell) in cells.iter().enumerate() {
                prop_assert_eq!(cell.intersection(&room), *cell);
                prop_assert!(cells[..i].iter().all(|other| other.intersection(cell).is_empty()));
            }
        }
    }

    #[test]
    fn lines_stand_under_one_another() {
        let digits = [digit(0, None), digit(0, Some(Mark::Minus)), digit(1, None)];
        let cells = number_cells(&digits, |_| String::new(), Rect::new(0, 0, 300, 100), 60.0).cells;
        assert!(cells[0].y == cells[1].y && cells[0].right() == cells[1].x);
        assert_eq!((cells[2].x, cells[2].y), (cells[0].x, cells[0].bottom()));
    }
}
