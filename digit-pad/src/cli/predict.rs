//! `predict`: recognizes the digit or the number in each image.

use std::path::{Path, PathBuf};

use digit_pad::{
    Error,
    geometry::PixelRect,
    imaging::image_file::{self, LoadedImage},
    recognition::{
        normalization::normalize,
        prediction::Classifier,
        recognizer::Recognizer,
        segmentation::{ImageDigit, segment_image},
    },
};
use serde::Serialize;

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, json, line, report},
};

/// Recognize the digit or number in each image
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints one line per image: path, digit (or number) and probability, separated by tabs.\n\
                  Images that cannot be read are reported and skipped; the exit status is then 1."
)]
pub(super) struct Args {
    /// Images of a digit or number, dark on light or light on dark (PNG, JPEG, BMP, GIF, PNM, TIFF or WebP)
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Read all digits of an image as one number
    #[arg(long)]
    number: bool,

    /// Print one JSON object per image, with the probabilities of all ten digits
    #[arg(long)]
    json: bool,
}

/// The result for one image.
#[derive(Serialize)]
#[serde(untagged)]
enum Prediction {
    Digit {
        path: String,
        digit: u8,
        probability: f32,
        probabilities: [f32; 10],
        known: bool,
    },
    Number {
        path: String,
        number: String,
        probability: f32,
        known: bool,
        digits: Vec<DigitInNumber>,
    },
}

#[derive(Serialize)]
struct DigitInNumber {
    digit: u8,
    probability: f32,
    probabilities: [f32; 10],
    known: bool,
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
    let mut recognizer = args.model.recognizer()?;
    let mut outcome = Ok(());
    for path in &args.images {
        let predict = if args.number { predict_number } else { predict_digit };
        match image_file::open(path).and_then(|loaded| predict(&mut recognizer, path, &loaded)) {
            Ok(prediction) => prediction.print(args.json)?,
            Err(error) => {
                report(error);
                outcome = Err(Failure::Reported);
            }
        }
    }
    outcome
}

fn predict_digit(recognizer: &mut Recognizer, path: &Path, loaded: &LoadedImage) -> Result<Prediction, Error> {
    let seen = normalize(&loaded.image).ok_or_else(|| blank_image(path, loaded))?;
    let prediction = recognizer.classify(&seen);
    Ok(Prediction::Digit {
        path: path.display().to_string(),
        digit: prediction.digit(),
        probability: prediction.probability(),
        probabilities: prediction.probabilities,
        known: prediction.known,
    })
}

fn predict_number(recognizer: &mut Recognizer, path: &Path, loaded: &LoadedImage) -> Result<Prediction, Error> {
    let digits: Vec<DigitInNumber> = segment_image(&loaded.image, recognizer)
        .iter()
        .map(|found| DigitInNumber::new(found, loaded))
        .collect();
    if digits.is_empty() {
        return Err(blank_image(path, loaded));
    }
    Ok(Prediction::Number {
        path: path.display().to_string(),
        number: digits.iter().map(|digit| digit.digit.to_string()).collect(),
        probability: digits.iter().map(|digit| digit.probability).product(),
        known: digits.iter().all(|digit| digit.known),
        digits,
    })
}

fn blank_image(path: &Path, loaded: &LoadedImage) -> Error {
    Error::BlankImage {
        path: path.to_owned(),
        width: loaded.width,
        height: loaded.height,
    }
}

impl Prediction {
    fn print(&self, as_json: bool) -> Outcome {
        if as_json {
            return json(self);
        }
        match self {
            Prediction::Digit {
                path,
                digit,
                probability,
                ..
            } => line(format_args!("{path}\t{digit}\t{probability:.4}")),
            Prediction::Number {
                path,
                number,
                probability,
                ..
            } => line(format_args!("{path}\t{number}\t{probability:.4}")),
        }
    }
}

impl DigitInNumber {
    fn new(found: &ImageDigit, loaded: &LoadedImage) -> Self {
        let PixelRect {
            left,
            top,
            width,
            height,
        } = loaded.source_rect(found.rect);
        DigitInNumber {
            digit: found.prediction.digit(),
            probability: found.prediction.probability(),
            probabilities: found.prediction.probabilities,
            known: found.prediction.known,
            r#box: PixelBox {
                x: left,
                y: top,
                width,
                height,
            },
        }
    }
}
