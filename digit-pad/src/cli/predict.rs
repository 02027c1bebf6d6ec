//! `predict`: classifies each image, or reads the number in it.

use std::path::{Path, PathBuf};

use digit_pad::{
    Error,
    arithmetic::answers,
    format::printable,
    geometry::PixelRect,
    imaging::image_file::{self, LoadedImage},
    recognition::{
        image_classifier::{ImageClass, ImageClassifier},
        recognizer::Recognizer,
        segmentation::{ImageDigit, numbers, segment_image},
    },
};
use serde::Serialize;

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, json, line, note, report},
};

/// Recognize the digit or number in each image, or its class if the model has others
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints one line per image: path, class (or number) and probability, separated by tabs. The class is \
                  `?` where the model is not sure: below a probability of 0.95 for digits, 0.5 for other classes.\n\
                  Images that cannot be read are reported and skipped; the exit status is then 1."
)]
pub(super) struct Args {
    /// Images (PNG, JPEG, BMP, GIF, PNM, TIFF or WebP) of any size; digits dark on light or light on dark
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Read all digits of an image as one number, with - . , and signs of arithmetic; ? is what cannot be read; lines are
    /// separated by blanks
    #[arg(long)]
    number: bool,

    /// Print one JSON object per image, with the probabilities of all classes
    #[arg(long)]
    json: bool,
}

/// The result for one image.
#[derive(Serialize)]
#[serde(untagged)]
enum Prediction {
    Class {
        path: String,
        /// Index of the class.
        digit: usize,
        class: String,
        probability: f32,
        probabilities: Vec<f32>,
        known: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    Number {
        path: String,
        /// The numbers of all lines, joined with blanks.
        number: String,
        /// The number of each line from top to bottom, if there are several.
        #[serde(skip_serializing_if = "Option::is_none")]
        numbers: Option<Vec<String>>,
        /// The answers to the lines that end in `=`.
        #[serde(skip_serializing_if = "Option::is_none")]
        value: Option<String>,
        probability: f32,
        known: bool,
        digits: Vec<DigitInNumber>,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        marks: Vec<MarkInNumber>,
    },
}

#[derive(Serialize)]
struct DigitInNumber {
    digit: u8,
    /// The name of the sign that it reads as, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    sign: Option<String>,
    probability: f32,
    probabilities: [f32; 10],
    known: bool,
    r#box: PixelBox,
}

#[derive(Serialize)]
struct MarkInNumber {
    /// `-`, `.`, `,`, `+`, `×`, `÷` or `=`; `?` is neither a digit nor a known mark.
    mark: String,
    r#box: PixelBox,
}

/// A rectangle in the upright image, in pixels.
#[derive(Serialize)]
struct PixelBox {
    x: usize,
    y: usize,
    width: usize,
    height: usize,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut reader = Reader::new(args)?;
    let mut outcome = Ok(());
    for path in &args.images {
        match reader.read(path) {
            Ok(prediction) => prediction.print(args.json)?,
            Err(error) => {
                report(error);
                outcome = Err(Failure::Reported);
            }
        }
    }
    outcome
}

/// What reads images: digits of a number, or one class each.
enum Reader {
    Number(Recognizer),
    Class(ImageClassifier),
}

impl Reader {
    fn new(args: &Args) -> Result<Self, Error> {
        Ok(if args.number {
            Reader::Number(args.model.recognizer()?)
        } else {
            Reader::Class(ImageClassifier::new(args.model.load()?)?)
        })
    }

    fn read(&mut self, path: &Path) -> Result<Prediction, Error> {
        match self {
            Reader::Number(recognizer) => {
                let loaded = image_file::open_number(path)?;
                if loaded.is_truncated {
                    note(format_args!(
                        "{}: {}",
                        path.display(),
                        image_file::truncated(loaded.height)
                    ));
                }
                predict_number(recognizer, path, &loaded)
            }
            Reader::Class(classifier) => {
                let found = classifier.classify(path)?;
                if let Some(about) = &found.note {
                    note(format_args!("{}: {about}", path.display()));
                }
                Ok(Prediction::of_class(path, found))
            }
        }
    }
}

fn predict_number(recognizer: &mut Recognizer, path: &Path, loaded: &LoadedImage) -> Result<Prediction, Error> {
    let found = segment_image(&loaded.image, recognizer);
    recognizer.check()?;
    if found.is_empty() {
        return Err(loaded.blank(path));
    }
    let lines = numbers(found.iter().map(|found| (found.line, found.symbol())));
    let sure_lines = numbers(found.iter().map(|found| (found.line, found.sure_symbol())));
    let known = found.iter().all(|found| found.prediction.known);
    let (digits, marks): (Vec<&ImageDigit>, Vec<&ImageDigit>) = found.iter().partition(|found| found.mark.is_none());
    Ok(Prediction::Number {
        path: path.display().to_string(),
        number: lines.join(" "),
        numbers: (lines.len() > 1).then_some(lines),
        value: answers(sure_lines),
        probability: digits.iter().map(|digit| digit.prediction.probability()).product(),
        known,
        digits: digits.iter().map(|found| DigitInNumber::new(found, loaded)).collect(),
        marks: marks.iter().map(|found| MarkInNumber::new(found, loaded)).collect(),
    })
}

impl Prediction {
    fn of_class(path: &Path, found: ImageClass) -> Self {
        Prediction::Class {
            path: path.display().to_string(),
            digit: found.class,
            class: found.name,
            probability: found.probability,
            probabilities: found.probabilities,
            known: found.doubt.is_none(),
            why: found.doubt,
        }
    }

    fn print(&self, as_json: bool) -> Outcome {
        if as_json {
            return json(self);
        }
        match self {
            Prediction::Class {
                path,
                class,
                probability,
                known,
                ..
            } => {
                let class = if *known { class } else { "?" };
                line(format_args!("{}\t{class}\t{probability:.4}", printable(path)))
            }
            Prediction::Number {
                path,
                number,
                probability,
                ..
            } => line(format_args!("{}\t{number}\t{probability:.4}", printable(path))),
        }
    }
}

impl DigitInNumber {
    fn new(found: &ImageDigit, loaded: &LoadedImage) -> Self {
        DigitInNumber {
            digit: found.prediction.digit(),
            sign: found.prediction.sign().map(|sign| sign.name.to_string()),
            probability: found.prediction.probability(),
            probabilities: found.prediction.probabilities,
            known: found.prediction.known,
            r#box: PixelBox::new(found, loaded),
        }
    }
}

impl MarkInNumber {
    fn new(found: &ImageDigit, loaded: &LoadedImage) -> Self {
        MarkInNumber {
            mark: found.symbol(),
            r#box: PixelBox::new(found, loaded),
        }
    }
}

impl PixelBox {
    fn new(found: &ImageDigit, loaded: &LoadedImage) -> Self {
        let PixelRect {
            left,
            top,
            width,
            height,
        } = loaded.source_rect(found.rect);
        PixelBox {
            x: left,
            y: top,
            width,
            height,
        }
    }
}
