//! `replay`: draws saved strokes with the window's pen and recognizes them.

use std::{
    io::{self, BufRead},
    path::{Path, PathBuf},
    time::Instant,
};

use digit_pad::{
    Error,
    drawing::file::{Drawing, Drawings},
    format::printable,
    recognition::{model::DIGITS, normalization::normalize_ink, prediction::Classifier, recognizer::Recognizer},
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
                  then the accuracy on the labeled drawings.\n\
                  Lines that cannot be read are reported, the first ten of a file, and skipped; the exit status is then 1."
)]
pub(super) struct Args {
    /// Files with one drawing per line: {"label":3,"strokes":[[[x,y],…],…]}, label optional, points in any scale; `-` for
    /// standard input
    #[arg(value_name = "STROKES", required = true)]
    files: Vec<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Fine-tune on the labeled drawings of this file first, as the window does
    #[arg(long, value_name = "FILE")]
    teach: Option<PathBuf>,

    /// Print one JSON object per drawing, and one for the total
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Row {
    /// The file, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    line: usize,
    label: Option<u8>,
    digit: u8,
    probability: f32,
    known: bool,
}

/// The result over all labeled drawings, and how many of all are known.
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
}

impl Counts {
    fn add(&mut self, row: &Row) {
        self.drawings += 1;
        self.known += u64::from(row.known);
        self.known_correct += u64::from(row.known && row.label == Some(row.digit));
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
    if args.json || outcome.is_ok() || replay.metrics.confusion().count() > 0 {
        Total::new(&replay.metrics, replay.counts).print(args.json)?;
    }
    outcome
}

/// Drawings that are recognized and counted.
struct Replay {
    recognizer: Recognizer,
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

fn predict(recognizer: &mut Recognizer, path: Option<&Path>, line: usize, drawing: &Drawing) -> Row {
    let seen = normalize_ink(&drawing.ink.fit()).expect("a drawing has ink in the middle of the canvas");
    let prediction = recognizer.classify(&seen);
    Row {
        path: path.map(|path| path.display().to_string()),
        line,
        label: drawing.label,
        digit: prediction.digit(),
        probability: prediction.probability(),
        known: prediction.known,
    }
}

fn print(row: &Row, as_json: bool) -> Outcome {
    if as_json {
        return json(row);
    }
    let path = row
        .path
        .as_ref()
        .map_or_else(String::new, |path| format!("{}\t", printable(path)));
    let label = row.label.map_or_else(|| "-".to_owned(), |label| label.to_string());
    line(format_args!(
        "{path}{}\t{label}\t{}\t{:.4}",
        row.line, row.digit, row.probability
    ))
}

impl Row {
    /// The answer to measure, if the drawing has a label.
    fn answer(&self) -> Option<Answer> {
        self.label.map(|label| Answer {
            index: self.line,
            label: label.into(),
            predicted: self.digit.into(),
            probability: self.probability,
        })
    }
}

impl Total {
    fn new(metrics: &Metrics, counts: Counts) -> Self {
        let confusion = metrics.confusion();
        Total {
            count: confusion.count(),
            correct: confusion.correct(),
            accuracy: confusion.accuracy(),
            calibration_error: metrics.calibration_error(),
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
