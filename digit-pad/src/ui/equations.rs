//! Equations: the lines of the canvas that end in a sign of equality or have one, and where their answers are written.

use crate::{
    arithmetic::{Equation, Fault},
    drawing::strokes::{CANVAS_BOUNDS, Ink, PEN, Stroke},
    geometry::{Bounds, Point},
    ui::{
        event::Effects,
        handwriting::{Glyph, written},
        recognized_digit::RecognizedDigit,
        state::State,
        written_answer::{CanvasEquation, WrittenAnswer},
    },
};

/// Gap between a row and its answer, in heights of the row.
const GAP: f32 = 0.4;

/// Distance from a row to an answer below it, in heights of the row.
const BELOW: f32 = 1.5;

/// Sizes of an answer that are tried, in heights of the row.
const SIZES: [f32; 4] = [1.0, 0.8, 0.65, 0.5];

/// An answer keeps this distance from the border of the canvas, in canvas units.
const MARGIN: f32 = 12.0;

/// Heights of a row that an answer is written for, in canvas units.
const HEIGHTS: (f32, f32) = (24.0, 400.0);

/// The width of the pen of an answer is at most this fraction of its height.
const WIDEST_PEN: f32 = 0.16;

/// A touch shorter than this is a tap, in canvas units.
const TAP: f32 = 8.0;

impl State {
    /// Finds the equations among the digits on the canvas.
    pub(super) fn find_equations(&mut self) {
        let lines = self.digits.chunk_by(|a, b| a.line == b.line);
        let found: Vec<CanvasEquation> = lines.filter_map(|line| self.equation(line)).collect();
        if found != self.equations.all {
            let answers = |all: &[CanvasEquation]| -> Vec<String> { all.iter().map(CanvasEquation::result).collect() };
            if answers(&found) != answers(&self.equations.all) {
                self.equations.began = None;
            }
            self.equations.all = found;
        }
    }

    /// Whether the equation in that line has something that is not read.
    pub(super) fn is_unreadable(&self, line: usize) -> bool {
        let mut in_line = self.equations.all.iter().filter(|found| found.line == line);
        in_line.any(|found| found.equation.answer == Err(Fault::Unreadable))
    }

    fn equation(&self, line: &[RecognizedDigit]) -> Option<CanvasEquation> {
        let symbols: Vec<String> = line.iter().map(RecognizedDigit::sure_name).collect();
        let equation = Equation::of(&symbols)?;
        let mut found = CanvasEquation {
            line: line[0].line,
            equation,
            answer: None,
        };
        found.answer = self.written(&found.result(), line);
        Some(found)
    }

    /// Characters behind a row, in its size; below it where there is no room; `None` if there is none either.
    fn written(&self, text: &str, line: &[RecognizedDigit]) -> Option<WrittenAnswer> {
        let glyphs: Vec<Glyph> = text
            .chars()
            .map(|character| self.glyph(character, line))
            .collect::<Option<_>>()?;
        let (row, whole) = (row_of(line)?, union(line.iter())?);
        let (characters, width) = written(&glyphs);
        let others: Vec<Bounds> = self.digits.iter().map(|digit| digit.bounds).collect();
        let (size, left, top) = SIZES.into_iter().find_map(|size| {
            let height = size * row.height();
            let behind = (whole.right + GAP * row.height(), row.bottom - height);
            let below = (whole.left, row.bottom + BELOW * row.height() - height);
            let above = (whole.left, row.top - (BELOW - 1.0) * row.height() - height);
            let mut places = [behind, below, above].into_iter();
            let (left, top) = places.find(|&(left, top)| {
                let place = Bounds {
                    left,
                    top,
                    right: left + width * height,
                    bottom: top + height,
                };
                let is_inside = CANVAS_BOUNDS.grown(-MARGIN).intersection(&place) == Some(place);
                is_inside && others.iter().all(|other| other.intersection(&place).is_none())
            })?;
            Some((height, left, top))
        })?;
        let at = |point: &Point| Point::new(left + size * point.x, top + size * point.y);
        let lines = |lines: &Vec<Vec<Point>>| lines.iter().map(|line| line.iter().map(at).collect()).collect();
        let characters: Vec<_> = text.chars().zip(characters.iter().map(lines)).collect();
        let bounds = Bounds::around(
            characters
                .iter()
                .flat_map(|(_, lines): &(_, Vec<Vec<Point>>)| lines)
                .flatten()
                .copied(),
        )?;
        let pens = self.ink().strokes().iter().map(Stroke::width);
        let pen = pens.reduce(f32::min).unwrap_or(PEN).min(WIDEST_PEN * size);
        Some(WrittenAnswer {
            characters,
            pen,
            bounds,
        })
    }

    /// A character in the user's hand: from the examples, the last of a digit first, or from the row; or in the pad's own.
    fn glyph(&self, character: char, line: &[RecognizedDigit]) -> Option<Glyph> {
        let examples = self
            .examples
            .iter()
            .rev()
            .filter(|example| example.label.to_string().chars().eq([character]));
        let taught = examples
            .filter_map(|example| example.ink.as_ref())
            .find_map(Glyph::of_digit);
        let in_row = || {
            let mut digits = line
                .iter()
                .filter(|digit| digit.mark.is_none() && digit.sure_symbol() == character);
            digits.find_map(|digit| Glyph::of_digit(&self.ink_inside(&digit.bounds)?))
        };
        taught.or_else(in_row).or_else(|| Glyph::own(character))
    }

    /// The strokes of a digit with these bounds; `None` if a stroke of the canvas is only partly in them.
    fn ink_inside(&self, bounds: &Bounds) -> Option<Ink> {
        let near = bounds.grown(0.5);
        let is_near = |stroke: &&Stroke| near.intersection(&stroke.bounds()).is_some();
        let touching: Vec<&Stroke> = self.ink().strokes().iter().filter(is_near).collect();
        let is_inside = |stroke: &&Stroke| near.intersection(&stroke.bounds()) == Some(stroke.bounds());
        touching
            .iter()
            .all(is_inside)
            .then(|| touching.into_iter().cloned().collect())
    }

    /// The answers that are written on the canvas, as far as they are written at this time, each with its pen.
    pub(super) fn written_answers(&self) -> impl Iterator<Item = (&WrittenAnswer, f32)> {
        let seconds = match self.equations.began {
            _ if !self.moves() => f32::INFINITY,
            Some(began) => self.equations.now - began,
            None => 0.0,
        };
        self.equations
            .all
            .iter()
            .filter_map(move |found| Some((found.answer.as_ref()?, seconds)))
    }

    /// Whether an answer is being written.
    pub(super) fn is_writing(&self) -> bool {
        self.moves()
            && self
                .written_answers()
                .any(|(answer, seconds)| seconds < answer.duration())
    }

    /// Goes on writing at a time in seconds since the window opened.
    pub(super) fn write_at(&mut self, seconds: f32) -> Effects {
        self.equations.began.get_or_insert(seconds);
        self.equations.now = seconds;
        Effects::REPAINT
    }

    /// The equation that the status line tells: the last one.
    pub(super) fn told_equation(&self) -> Option<&CanvasEquation> {
        self.equations.all.last().filter(|_| self.shows_prediction())
    }

    /// Remembers the missing answer at a point where the pen is put down.
    pub(super) fn press_answer(&mut self, point: Point) {
        let missing = self
            .equations
            .all
            .iter()
            .filter(|found| found.equation.missing().is_some());
        let mut answers = missing.filter_map(|found| found.answer.as_ref());
        self.equations.pressed = answers
            .find(|answer| answer.bounds.grown(answer.pen).contains(point))
            .cloned();
    }

    /// Makes the answer on which the pen was put down part of the drawing, if the pen has only tapped; whether it has.
    pub(super) fn accept_answer(&mut self) -> bool {
        let Some(answer) = self.equations.pressed.take() else {
            return false;
        };
        let Some((tap, before)) = self.ink().strokes().split_last() else {
            return false;
        };
        let is_tap = tap.bounds().longest_side() < TAP;
        if is_tap {
            let (pen, strokes) = (self.ink().pen(), before.iter().cloned().chain(answer.strokes()));
            self.document.ink = strokes.collect();
            self.document.ink.set_pen(pen);
        }
        is_tap
    }
}

/// Where the digits of a line begin and end, by their medians.
fn row_of(line: &[RecognizedDigit]) -> Option<Bounds> {
    let digits: Vec<Bounds> = line
        .iter()
        .filter(|digit| digit.mark.is_none())
        .map(|digit| digit.bounds)
        .collect();
    let median = |value: fn(&Bounds) -> f32| {
        let mut values: Vec<f32> = digits.iter().map(value).collect();
        values.sort_by(f32::total_cmp);
        values.get(values.len() / 2).copied()
    };
    let (top, bottom) = (median(|b| b.top)?, median(|b| b.bottom)?);
    (HEIGHTS.0..HEIGHTS.1).contains(&(bottom - top)).then(|| Bounds {
        top,
        bottom,
        ..digits[0]
    })
}

fn union<'a>(digits: impl Iterator<Item = &'a RecognizedDigit>) -> Option<Bounds> {
    digits.map(|digit| digit.bounds).reduce(|a, b| a.union(&b))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::{
        drawing::sign::SignName,
        recognition::{
            prediction::{Prediction, SignProbability},
            segmentation::Mark,
        },
        ui::{Action, Event, ExampleView, Opening},
    };

    /// A digit or a mark that is 60 wide and 100 high, or a `?` for one that the network is not sure of.
    fn symbol(symbol: char, left: f32, top: f32) -> RecognizedDigit {
        let mut probabilities = [0.0; 10];
        probabilities[symbol.to_digit(10).unwrap_or(4) as usize] = 1.0;
        let prediction = Prediction {
            probabilities,
            signs: Vec::new(),
            known: symbol != '?',
            microseconds: 1.0,
        };
        let mark = match symbol {
            '+' => Some(Mark::Plus),
            '÷' => Some(Mark::Divide),
            '=' => Some(Mark::Equals),
            '-' => Some(Mark::Minus),
            _ => None,
        };
        let bounds = Bounds {
            left,
            top,
            right: left + 40.0,
            bottom: top + 100.0,
        };
        RecognizedDigit::new([0; 784], prediction, bounds).placed(0, mark)
    }

    fn row(symbols: &str) -> Vec<RecognizedDigit> {
        let places = symbols.chars().zip(0..);
        places
            .map(|(character, i)| symbol(character, 20.0 + 60.0 * i as f32, 200.0))
            .collect()
    }

    fn window(symbols: &str) -> State {
        let mut ink = Ink::new();
        ink.pen_down(Point::new(20.0, 200.0));
        ink.pen_up(Point::new(20.0, 300.0));
        let mut state = State::new(960, 640, Opening::Ink(ink));
        state.show_digits(row(symbols));
        state
    }

    fn answers(state: &State) -> Vec<String> {
        let characters = |(answer, _): (&WrittenAnswer, f32)| answer.characters.iter().map(|(c, _)| *c).collect();
        state.written_answers().map(characters).collect()
    }

    #[test]
    fn an_answer_is_written_behind_its_row_as_long_as_the_row_ends_in_equals() {
        let mut state = window("3+4=");
        assert_eq!(answers(&state), ["7"]);
        let bounds = state.equations.all[0].answer.as_ref().unwrap().bounds;
        assert!(bounds.left > 240.0 && bounds.right < 560.0, "{bounds:?}");
        assert!(
            (bounds.top - 200.0).abs() < 6.0 && (bounds.bottom - 300.0).abs() < 6.0,
            "{bounds:?}"
        );
        assert_eq!(state.told_equation().unwrap().sentence(), "3 + 4 = 7");
        assert_eq!(state.ink().strokes().len(), 1, "it is no part of the drawing");
        state.show_digits(row("3+4"));
        assert!(answers(&state).is_empty() && state.told_equation().is_none());
    }

    #[test]
    fn what_is_not_sure_has_no_answer() {
        for (symbols, sentence) in [
            ("3+?=", "3 + ? = … I cannot read the ?"),
            ("3÷0=", "3 ÷ 0 = … ÷ 0 has no answer"),
            ("3+=", "3 + = … Something is missing"),
            ("=", "Write something before the ="),
        ] {
            let state = window(symbols);
            assert!(answers(&state).is_empty(), "{symbols}");
            assert_eq!(state.told_equation().unwrap().sentence(), sentence);
        }
    }

    #[test]
    fn what_keeps_a_row_from_being_answered_is_asked_about() {
        let mut state = window("3+?=");
        assert_eq!(state.selected_index(), Some(2));
        assert!(state.asks());
        state.show_digits(row("3+4="));
        assert_eq!(
            state.selected_index(),
            Some(2),
            "the last digit, and not the sign behind it"
        );
        assert!(!state.asks());
        state.show_digits(row("3+?"));
        assert_eq!(state.selected_index(), Some(2), "it is the last one");
        state.show_digits(row("?+4"));
        assert_eq!(state.selected_index(), Some(2), "a number is read all the same");
    }

    #[test]
    fn a_taught_sign_stands_by_its_name_and_one_of_arithmetic_counts() {
        for (name, known, told) in [
            ("pi", true, "3 + pi = … pi is no number"),
            ("pi", false, "3 + ? = … I cannot read the ?"),
            ("÷", true, "3 + ÷ = … Something is missing"),
        ] {
            let mut digits = row("3+4=");
            digits[2].prediction.signs = vec![SignProbability {
                name: SignName::new(name).unwrap(),
                probability: 0.9,
            }];
            digits[2].prediction.known = known;
            let mut state = window("");
            state.show_digits(digits);
            assert_eq!(state.told_equation().unwrap().sentence(), told);
            assert!(answers(&state).is_empty());
        }
    }

    #[test]
    fn a_given_answer_is_checked() {
        let told = |symbols: &str| {
            let state = window(symbols);
            (answers(&state), state.told_equation().unwrap().sentence())
        };
        assert_eq!(told("3+4=7"), (vec!["✓".to_owned()], "Right: 3 + 4 = 7".to_owned()));
        assert_eq!(
            told("3-4=7"),
            (vec!["✗-1".to_owned()], "Not quite: 3 − 4 = −1".to_owned())
        );
        assert_eq!(told("1÷3=?"), (vec![], "1 ÷ 3 ≈ 0.333333".to_owned()));
    }

    #[test]
    fn without_room_an_answer_is_smaller_or_below() {
        let state = window("3+4+5+4=");
        let bounds = state.equations.all[0].answer.as_ref().unwrap().bounds;
        assert!(bounds.top > 300.0 && bounds.bottom < 560.0, "{bounds:?}");
        let mut crowded = row("3+4+5+4=");
        crowded.extend((0..9).map(|i| symbol('1', 60.0 * i as f32, 320.0).placed(1, None)));
        crowded.extend((0..9).map(|i| symbol('1', 60.0 * i as f32, 60.0).placed(2, None)));
        crowded.extend((0..9).map(|i| symbol('1', 60.0 * i as f32, 440.0).placed(3, None)));
        let mut state = window("");
        state.show_digits(crowded);
        assert!(answers(&state).is_empty());
        assert_eq!(state.told_equation().unwrap().result(), "16");
    }

    #[test]
    fn answers_are_in_the_users_hand() {
        let mut state = window("3+4=");
        let own = state.equations.all[0].answer.clone().unwrap();
        let mut ink = Ink::new();
        ink.pen_down(Point::new(0.0, 0.0));
        ink.pen_up(Point::new(50.0, 100.0));
        let example = |label| ExampleView {
            pixels: [0; 784],
            label: crate::drawing::sign::Label::Digit(label),
            ink: Some(ink.clone()),
        };
        state.show_examples(Arc::new(vec![example(8)]));
        assert_eq!(state.equations.all[0].answer.as_ref(), Some(&own));
        state.show_examples(Arc::new(vec![example(8), example(7)]));
        let taught = state.equations.all[0].answer.clone().unwrap();
        let line = &taught.characters[0].1[0];
        let (first, last) = (line[0], line[line.len() - 1]);
        assert!(
            (last.x - first.x - 50.0).abs() < 0.1 && (last.y - first.y - 100.0).abs() < 0.1,
            "{line:?}"
        );
    }

    #[test]
    fn an_answer_is_written_stroke_by_stroke_and_at_once_without_motion() {
        let mut state = window("9+4=");
        let drawn = |state: &State| -> usize {
            let parts = state.written_answers().flat_map(|(answer, seconds)| answer.at(seconds));
            parts.flat_map(|(_, lines)| lines).map(|line| line.len()).sum()
        };
        assert!(state.is_animated() && drawn(&state) == 0);
        let mut before = 0;
        for step in 1..9 {
            assert_eq!(state.show_time(30.0 + 0.1 * step as f32), Effects::REPAINT);
            assert!(drawn(&state) >= before);
            before = drawn(&state);
        }
        state.show_time(31.0);
        assert!(!state.is_animated() && drawn(&state) >= before);
        let whole = drawn(&state);
        state.show_digits(row("9+4="));
        assert!(!state.is_animated(), "the same answer is not written again");
        state.set_motion(false);
        state.show_digits(row("5+8="));
        assert!(!state.is_animated() && drawn(&state) == whole);
    }

    #[test]
    fn a_tap_makes_an_answer_part_of_the_drawing_and_undo_takes_it_back() {
        let mut state = window("9+4=");
        let layout = state.layout();
        let bounds = state.equations.all[0].answer.as_ref().unwrap().bounds;
        let rect = layout.on_canvas(bounds);
        let (x, y) = (rect.x as f32 + 4.0, (rect.y + rect.height / 2) as f32);
        state.apply(Event::PointerPressed { x, y });
        state.show_digits(row("9+4=?"));
        assert_eq!(state.apply(Event::PointerReleased { x, y }), Effects::RECOGNIZE);
        assert_eq!(state.ink().strokes().len(), 3);
        assert_eq!(state.ink().strokes()[2].bounds().bottom, bounds.bottom);
        state.act(Action::Undo);
        assert_eq!(state.ink().strokes().len(), 1);
        // A stroke that begins there is a stroke.
        state.show_digits(row("9+4="));
        state.apply(Event::PointerPressed { x, y });
        state.apply(Event::PointerReleased { x: x + 90.0, y });
        assert_eq!(state.ink().strokes().len(), 2);
    }
}
