//! `predict`: reads the digit in each image.

use std::path::{Path, PathBuf};

use digit_pad::{
    Error,
    normalize::normalize,
    photo,
    reading::{Reader, Reading},
    recognizer::Recognizer,
};
use serde::Serialize;

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, json, line, report},
};

/// Reads the digit in each image
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Prints a line an image: its path, the digit and its probability, separated by tabs. \
                        After an image that cannot be read it goes on with the next, and exits with status 1."
)]
pub(super) struct Args {
    /// PNG or JPEG files with a digit each, dark on light or light on dark
    #[arg(value_name = "IMAGE", required = true)]
    images: Vec<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Print a JSON object a line, with the probabilities of all ten digits
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Prediction {
    path: String,
    digit: u8,
    probability: f32,
    probabilities: [f32; 10],
    known: bool,
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut recognizer = args.model.recognizer()?;
    let mut outcome = Ok(());
    for path in &args.images {
        match read(&mut recognizer, path) {
            Ok(reading) => print(path, &reading, args.json)?,
            Err(error) => {
                report(error);
                outcome = Err(Failure::Reported);
            }
        }
    }
    outcome
}

fn read(recognizer: &mut Recognizer, path: &Path) -> Result<Reading, Error> {
    let picture = photo::open(path)?;
    let (width, height) = (picture.width(), picture.height());
    let seen = normalize(&picture).ok_or_else(|| Error::NoInk {
        path: path.to_owned(),
        width,
        height,
    })?;
    Ok(recognizer.read(&seen))
}

fn print(path: &Path, reading: &Reading, as_json: bool) -> Outcome {
    let (digit, probability) = (reading.digit(), reading.probability());
    if !as_json {
        return line(format_args!("{}\t{digit}\t{probability:.4}", path.display()));
    }
    json(&Prediction {
        path: path.display().to_string(),
        digit,
        probability,
        probabilities: reading.probabilities,
        known: reading.known,
    })
}
