//! `eval`: measures a model on a test set.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use digit_pad::{
    Error,
    charts::confusion_chart,
    recognition::{
        model::{DIGITS, Model},
        predictor::Predictor,
    },
    storage::atomic_file,
    training::evaluation::{Answer, Metrics, worst_mistakes},
};
use mnist_io::Dataset;
use nn_core::{NetworkSpec, loss};
use serde::Serialize;

use super::{
    args::{DataArgs, ModelArgs, PngPath},
    output::{Outcome, grouped, json, line, percent, percent_or_dash, row},
};

/// Measures a model on the test images
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// The network that the weights are for, where their file does not say it
    #[arg(long, value_name = "SPEC", requires = "model")]
    net: Option<NetworkSpec>,

    #[command(flatten)]
    data: DataArgs,

    /// Write a CSV file with a line for each test image, in order: index, label, digit and the ten probabilities
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,

    /// Write a picture of the confusion matrix and of the most confident mistakes
    #[arg(long, value_name = "FILE.png")]
    confusion: Option<PngPath>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    accuracy: f64,
    count: u64,
    correct: u64,
    loss: f64,
    precision: [Option<f64>; DIGITS],
    recall: [Option<f64>; DIGITS],
    calibration_error: Option<f64>,
    mean_ms: f64,
    slowest_ms: f64,
}

pub(super) fn run(args: &Args) -> Outcome {
    let confusion = args.confusion.as_ref().map(PngPath::path);
    for path in [args.predictions.as_deref(), confusion].into_iter().flatten() {
        atomic_file::check_writable(path)?;
    }
    let model = match (&args.model.model, &args.net) {
        (Some(path), Some(network)) => Model::open_as(path, network.clone())?,
        (path, _) => Model::open(path.as_deref())?,
    };
    let images = args.data.load_test()?;
    model.check_fit(images.height(), images.width())?;
    let predictions = Readings::new(model.clone(), &images)?;
    let mut metrics = Metrics::default();
    metrics.extend(predictions.answers(&images));
    let measured = measured(&metrics, &predictions)?;
    if let Some(path) = &args.predictions {
        predictions.write(path, &images)?;
    }
    if let Some(path) = confusion {
        let mistakes = worst_mistakes(predictions.answers(&images), confusion_chart::MAX_ERRORS);
        confusion_chart::draw(path, &model.name(), &metrics, &images, &mistakes)?;
    }
    if args.json {
        return json(&measured);
    }
    print(&model, &measured)
}

fn measured(metrics: &Metrics, predictions: &Readings) -> Result<Measured, Error> {
    Ok(Measured {
        accuracy: metrics.accuracy().ok_or(Error::NoTestImages)?,
        count: metrics.count(),
        correct: metrics.correct(),
        loss: predictions.loss / metrics.count() as f64,
        precision: metrics.precision(),
        recall: metrics.recall(),
        calibration_error: metrics.calibration_error(),
        mean_ms: milliseconds(predictions.time) / metrics.count() as f64,
        slowest_ms: milliseconds(predictions.slowest),
    })
}

fn print(model: &Model, measured: &Measured) -> Outcome {
    let (correct, count) = (grouped(measured.correct), grouped(measured.count));
    row("model", model.name())?;
    row("test accuracy", percent(measured.accuracy))?;
    row("read rightly", format_args!("{correct} of {count}"))?;
    row("loss", format_args!("{:.4}", measured.loss))?;
    row("calibration error", percent_or_dash(measured.calibration_error))?;
    let (mean, slowest) = (measured.mean_ms, measured.slowest_ms);
    row(
        "one image",
        format_args!("{mean:.3} ms on the mean, {slowest:.3} ms at the slowest"),
    )?;
    line("")?;
    line("digit    precision    recall")?;
    for (digit, (precision, recall)) in measured.precision.iter().zip(&measured.recall).enumerate() {
        let (precision, recall) = (percent_or_dash(*precision), percent_or_dash(*recall));
        line(format_args!("{digit:<5} {precision:>12} {recall:>9}"))?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// What was read in each image, one at a time, as the window reads.
struct Readings {
    /// The probabilities of the ten digits, image after image.
    probabilities: Vec<[f32; DIGITS]>,
    /// The sum of their cross-entropies.
    loss: f64,
    /// What all images took together.
    time: Duration,
    /// What the slowest of them took.
    slowest: Duration,
}

impl Readings {
    fn new(model: Model, images: &Dataset) -> Result<Self, Error> {
        let mut predictor = Predictor::new(model, 1)?;
        let mut predictions = Readings {
            probabilities: Vec::with_capacity(images.len()),
            loss: 0.0,
            time: Duration::ZERO,
            slowest: Duration::ZERO,
        };
        for index in 0..images.len() {
            let start = Instant::now();
            let logits = predictor.logits(images.image(index))?;
            let mut probabilities = [0.0; DIGITS];
            probabilities.copy_from_slice(logits);
            loss::softmax(&mut probabilities);
            let time = start.elapsed();
            let loss = loss::cross_entropy(logits, images.label(index).into(), 1.0, &mut [0.0; DIGITS]);
            predictions.loss += f64::from(loss);
            predictions.probabilities.push(probabilities);
            predictions.time += time;
            predictions.slowest = predictions.slowest.max(time);
        }
        Ok(predictions)
    }

    /// Each image's label, the digit that was read and its probability.
    fn answers<'a>(&'a self, images: &'a Dataset) -> impl Iterator<Item = Answer> + 'a {
        self.probabilities.iter().enumerate().map(|(index, probabilities)| {
            let digit = loss::argmax(probabilities);
            Answer {
                index,
                label: images.label(index),
                digit: digit as u8,
                probability: probabilities[digit],
            }
        })
    }

    fn write(&self, path: &Path, images: &Dataset) -> Result<(), Error> {
        atomic_file::replace(path, |file| {
            let names: Vec<String> = (0..DIGITS).map(|digit| format!("p{digit}")).collect();
            writeln!(file, "index,label,digit,{}", names.join(","))?;
            for (answer, probabilities) in self.answers(images).zip(&self.probabilities) {
                write_line(file, &answer, probabilities)?;
            }
            Ok(())
        })
    }
}

fn write_line(file: &mut dyn Write, answer: &Answer, probabilities: &[f32]) -> io::Result<()> {
    write!(file, "{},{},{}", answer.index, answer.label, answer.digit)?;
    for probability in probabilities {
        // As short as reads back to the same number, tiny ones with an exponent.
        write!(file, ",{probability:?}")?;
    }
    writeln!(file)
}
