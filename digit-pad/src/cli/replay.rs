//! `replay`: draws saved strokes with the window's pen and recognizes them.

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
    time::Instant,
};

use digit_pad::{
    Error,
    arithmetic::answers,
    drawing::{
        file::{Drawing, Drawings},
        sign::{Label, SignName},
    },
    format::printable,
    recognition::{
        model::DIGITS,
        normalization::normalize_ink,
        prediction::{Classifier, Prediction},
        recognizer::Recognizer,
        segmentation::{numbers, segment_ink},
    },
    teaching::{examples::Examples, fine_tuning::FineTuner},
    training::evaluation::{Answer, Metrics},
};
use serde::Serialize;

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, grouped, json, line, note, percent, report},
};

/// Names of standard input.
const STANDARD_INPUT: [&[u8]; 2] = [b"-", b"/dev/stdin"];
/// Most lines of a file that are no drawings and are reported one by one.
const MOST_FAULTS: usize = 10;

/// Draw saved strokes with the window's pen and recognize them
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints one line per drawing: line number, label or `-`, digit and probability, separated by tabs; \
                  then the accuracy on the labeled drawings. A drawing with a number in place of its label is read as \
                  a number, as the window does.\n\
                  Lines that cannot be read are reported, the first ten of a file, and skipped; the exit status is then 1."
)]
pub(super) struct Args {
    /// Files with one drawing per line: {"label":3,"strokes":[[[x,y],…],…]}, label optional, points in any scale, or
    /// "number":"405" or "sign":"pi" in place of the label; `-` for standard input
    #[arg(value_name = "STROKES", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Fine-tune on the labeled drawings of this file first, and teach its signs, as the window does
    #[arg(long, value_name = "FILE")]
    teach: Option<PathBuf>,

    /// Print one JSON object per drawing, and one for the total
    #[arg(long)]
    json: bool,
}

/// The result for one drawing.
#[derive(Serialize)]
struct Row<'a> {
    /// The file, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    line: usize,
    #[serde(flatten)]
    found: Found<'a>,
    probability: f32,
    known: bool,
}

/// What was meant and what was read.
#[derive(Serialize)]
#[serde(untagged)]
enum Found<'a> {
    Digit {
        label: Option<u8>,
        digit: u8,
    },
    Number {
        truth: &'a str,
        number: String,
        /// The answers to the lines that end in `=`.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
    },
    /// A drawing of a sign, or one that reads as a sign.
    Sign {
        truth: Option<Label>,
        read: Label,
    },
}

/// The result over all labeled drawings, of digits and of numbers, and how many of all are known.
#[derive(Serialize)]
struct Total {
    count: u64,
    correct: u64,
    accuracy: Option<f64>,
    calibration_error: Option<f64>,
    drawings: u64,
    known: u64,
    known_correct: u64,
}

/// Counts of drawings, labeled or not.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    drawings: u64,
    known: u64,
    known_correct: u64,
    /// Of the drawings, those that show or read as numbers or signs, and what they show is known.
    numbers: u64,
    numbers_correct: u64,
}

impl Counts {
    fn add(&mut self, row: &Row<'_>) {
        let (is_number, is_correct) = match &row.found {
            Found::Digit { label, digit } => (false, *label == Some(*digit)),
            Found::Number { truth, number, .. } => (true, number == truth),
            Found::Sign { truth, read } => (truth.is_some(), truth.as_ref() == Some(read)),
        };
        self.drawings += 1;
        self.known += u64::from(row.known);
        self.known_correct += u64::from(row.known && is_correct);
        self.numbers += u64::from(is_number);
        self.numbers_correct += u64::from(is_number && is_correct);
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut replay = Replay {
        recognizer: args.recognizer()?,
        metrics: Metrics::new(DIGITS),
        counts: Counts::default(),
        as_json: args.json,
    };
    let mut outcome = Ok(());
    for path in &args.files {
        let name = (args.files.len() > 1).then_some(path.as_path());
        match replay.file(path, name) {
            Err(failure @ Failure::Closed) => return Err(failure),
            Err(failure) => {
                failure.end();
                outcome = Err(Failure::Reported);
            }
            Ok(()) => {}
        }
    }
    // Errors stand alone, without a line about accuracy that nothing was measured for.
    let total = Total::new(&replay.metrics, replay.counts);
    if args.json || outcome.is_ok() || total.count > 0 {
        total.print(args.json)?;
    }
    outcome
}

/// Drawings that are recognized and counted.
struct Replay {
    recognizer: Recognizer,
    /// Of the labeled digits.
    metrics: Metrics,
    counts: Counts,
    as_json: bool,
}

impl Replay {
    /// Recognizes the drawings of a file, and reports its lines that are none, the first of many.
    fn file(&mut self, path: &Path, name: Option<&Path>) -> Outcome {
        let (mut drawn, mut faults) = (0, 0);
        for drawing in open(path)? {
            match drawing {
                Ok((number, drawing)) => {
                    drawn += 1;
                    self.drawing(name, number, &drawing)?;
                }
                Err(error) => {
                    faults += 1;
                    if faults <= MOST_FAULTS {
                        report(error);
                    }
                    if faults == MOST_FAULTS && drawn == 0 {
                        return Err(Failure::Message(format!(
                            "{}: the first {faults} lines are no drawings, and the others are not read; check that it is a \
                             file of drawings",
                            path.display()
                        )));
                    }
                }
            }
        }
        match faults {
            0 if drawn == 0 => Err(Failure::Message(format!(
                "{}: the file is empty: there is no drawing in it",
                path.display()
            ))),
            0 => Ok(()),
            1..=MOST_FAULTS => Err(Failure::Reported),
            _ => Err(Failure::Message(format!(
                "{}: {} lines are no drawings; the first {MOST_FAULTS} are named above",
                path.display(),
                grouped(faults as u64)
            ))),
        }
    }

    fn drawing(&mut self, name: Option<&Path>, number: usize, drawing: &Drawing) -> Outcome {
        let row = predict(&mut self.recognizer, name, number, drawing);
        self.recognizer.check()?;
        self.metrics.extend(row.answer());
        self.counts.add(&row);
        print(&row, self.as_json)
    }
}

/// Opens a file of drawings, or standard input.
fn open(path: &Path) -> Result<Drawings<Box<dyn BufRead>>, Error> {
    if STANDARD_INPUT.contains(&path.as_os_str().as_encoded_bytes()) {
        return Ok(Drawings::new(Box::new(io::stdin().lock()), path));
    }
    Drawings::open(path).map(Drawings::boxed)
}

impl Args {
    /// The recognizer, fine-tuned first if `--teach` is given.
    fn recognizer(&self) -> Result<Recognizer, Error> {
        let Some(path) = &self.teach else {
            return self.model.recognizer();
        };
        let model = self.model.load()?;
        let examples = Examples::load_labeled(path)?;
        let mut fine_tuner = FineTuner::new(&model)?;
        let start = Instant::now();
        let fine_tuned = fine_tuner.fine_tune(&examples)?;
        let milliseconds = start.elapsed().as_millis();
        note(format_args!(
            "fine-tuned on {} labeled drawings from {} in {milliseconds} ms",
            examples.len(),
            path.display()
        ));
        Recognizer::new(fine_tuned)
    }
}

fn predict<'a>(recognizer: &mut Recognizer, path: Option<&Path>, line: usize, drawing: &'a Drawing) -> Row<'a> {
    let ink = drawing.ink.fit();
    let (found, probability, known) = match &drawing.number {
        None => {
            let seen = normalize_ink(&ink).expect("a drawing has ink in the middle of the canvas");
            let prediction = recognizer.classify(&seen);
            (
                found_single(drawing, &prediction, recognizer.signs()),
                prediction.probability(),
                prediction.known,
            )
        }
        Some(truth) => {
            let digits = segment_ink(&ink, recognizer);
            let number = numbers(digits.iter().map(|digit| (digit.line, digit.symbol()))).join(" ");
            let value = answers(numbers(digits.iter().map(|digit| (digit.line, digit.sure_symbol()))));
            let read = digits.iter().filter(|digit| digit.mark.is_none());
            let probability = read.map(|digit| digit.prediction.probability()).product();
            let known = digits.iter().all(|digit| digit.prediction.known);
            (Found::Number { truth, number, value }, probability, known)
        }
    };
    Row {
        path: path.map(|path| path.display().to_string()),
        line,
        found,
        probability,
        known,
    }
}

/// What a drawing of a digit or sign shows and reads as. That it shows a sign is known only of signs that were taught.
fn found_single<'a>(drawing: &Drawing, prediction: &Prediction, taught: &[SignName]) -> Found<'a> {
    let sign = drawing.sign.as_ref().filter(|&sign| taught.contains(sign));
    match (drawing.label, prediction.label()) {
        (label, Label::Digit(digit)) if sign.is_none() => Found::Digit { label, digit },
        (label, read) => Found::Sign {
            truth: label.map(Label::Digit).or(sign.cloned().map(Label::Sign)),
            read,
        },
    }
}

fn print(row: &Row<'_>, as_json: bool) -> Outcome {
    if as_json {
        return json(row);
    }
    let path = row
        .path
        .as_ref()
        .map_or_else(String::new, |path| format!("{}\t", printable(path)));
    let (truth, read) = match &row.found {
        Found::Digit { label, digit } => (
            label.map_or_else(|| "-".to_owned(), |label| label.to_string()),
            digit.to_string(),
        ),
        Found::Number { truth, number, .. } => ((*truth).to_owned(), number.clone()),
        Found::Sign { truth, read } => (
            truth.as_ref().map_or_else(|| "-".to_owned(), Label::to_string),
            read.to_string(),
        ),
    };
    line(format_args!(
        "{path}{}\t{truth}\t{read}\t{:.4}",
        row.line, row.probability
    ))
}

impl Row<'_> {
    /// The answer to measure, if the drawing has a label.
    fn answer(&self) -> Option<Answer> {
        let Found::Digit {
            label: Some(label),
            digit,
        } = self.found
        else {
            return None;
        };
        Some(Answer {
            index: self.line,
            label: label.into(),
            predicted: digit.into(),
            probability: self.probability,
        })
    }
}

impl Total {
    fn new(digits: &Metrics, counts: Counts) -> Self {
        let confusion = digits.confusion();
        let (count, correct) = (
            confusion.count() + counts.numbers,
            confusion.correct() + counts.numbers_correct,
        );
        Total {
            count,
            correct,
            accuracy: (count > 0).then(|| correct as f64 / count as f64),
            calibration_error: digits.calibration_error(),
            drawings: counts.drawings,
            known: counts.known,
            known_correct: counts.known_correct,
        }
    }

    fn print(&self, as_json: bool) -> Outcome {
        if as_json {
            return json(self);
        }
        let Some(accuracy) = self.accuracy else {
            return line("no drawing has a label");
        };
        let (correct, count) = (grouped(self.correct), grouped(self.count));
        line(format_args!(
            "accuracy {}: {correct} of {count} labeled drawings correct",
            percent(accuracy)
        ))
    }
}
