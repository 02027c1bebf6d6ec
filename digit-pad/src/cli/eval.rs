//! `eval`: evaluates a model on a test set.

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
    training::evaluation::{Answer, Metrics, most_confident_errors},
};
use mnist_io::Dataset;
use nn_core::{NetworkSpec, loss};
use serde::Serialize;

use super::{
    args::{DataArgs, ModelArgs, PngPath},
    output::{Outcome, grouped, json, line, percent, percent_or_dash, row},
};

/// Evaluate a model on the test set
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// Network in text form, for a weights file without metadata
    #[arg(long, value_name = "SPEC", requires = "model")]
    net: Option<NetworkSpec>,

    #[command(flatten)]
    data: DataArgs,

    /// Write a CSV file with one line per test image: index, label, digit and the ten probabilities
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,

    /// Draw the confusion matrix and the most confident errors
    #[arg(long, value_name = "FILE.png")]
    confusion: Option<PngPath>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report {
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
    let predictions = Predictions::new(model.clone(), &images)?;
    let mut metrics = Metrics::default();
    metrics.extend(predictions.answers(&images));
    let report = report(&metrics, &predictions)?;
    if let Some(path) = &args.predictions {
        predictions.write(path, &images)?;
    }
    if let Some(path) = confusion {
        let errors = most_confident_errors(predictions.answers(&images), confusion_chart::MAX_ERRORS);
        confusion_chart::draw(path, &model.name(), &metrics, &images, &errors)?;
    }
    if args.json {
        return json(&report);
    }
    print(&model, &report)
}

fn report(metrics: &Metrics, predictions: &Predictions) -> Result<Report, Error> {
    Ok(Report {
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

fn print(model: &Model, report: &Report) -> Outcome {
    let (correct, count) = (grouped(report.correct), grouped(report.count));
    row("model", model.name())?;
    row("test accuracy", percent(report.accuracy))?;
    row("correct", format_args!("{correct} of {count}"))?;
    row("loss", format_args!("{:.4}", report.loss))?;
    row("calibration error", percent_or_dash(report.calibration_error))?;
    let (mean, slowest) = (report.mean_ms, report.slowest_ms);
    row(
        "time per image",
        format_args!("{mean:.3} ms mean, {slowest:.3} ms maximum"),
    )?;
    line("")?;
    line("digit    precision    recall")?;
    for (digit, (precision, recall)) in report.precision.iter().zip(&report.recall).enumerate() {
        let (precision, recall) = (percent_or_dash(*precision), percent_or_dash(*recall));
        line(format_args!("{digit:<5} {precision:>12} {recall:>9}"))?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// Predictions for all images, made one at a time as in the window.
struct Predictions {
    /// Probabilities of the ten digits for each image.
    probabilities: Vec<[f32; DIGITS]>,
    /// Sum of the cross-entropies.
    loss: f64,
    /// Total prediction time.
    time: Duration,
    /// Longest prediction time of an image.
    slowest: Duration,
}

impl Predictions {
    fn new(model: Model, images: &Dataset) -> Result<Self, Error> {
        let mut predictor = Predictor::new(model, 1)?;
        let mut predictions = Predictions {
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

    /// Label, digit and probability of each image.
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
        // Shortest form that parses to the same number; tiny ones have an exponent.
        write!(file, ",{probability:?}")?;
    }
    writeln!(file)
}
