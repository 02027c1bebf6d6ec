//! `eval`: evaluates a model on a test set.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use clap::ValueEnum;
use digit_pad::{
    Error,
    charts::confusion_chart,
    recognition::{model::Model, predictor::Predictor},
    storage::atomic_file,
    training::{
        data_files::{DataFiles, Loaded, Part, SplitOptions},
        evaluation::{Answer, Metrics, most_confident_errors},
    },
};
use mnist_io::Dataset;
use nn_core::loss;
use serde::Serialize;

use super::{
    args::{DataArgs, ModelArgs, png_path},
    files::Files,
    output::{Failure, Outcome, grouped, json, line, note, percent, percent_or_dash, row},
};

/// Evaluate a model on a test set, or on all images where there is none
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    #[command(flatten)]
    data: DataArgs,

    /// Part of the images as `train` divided them with the same seed [default: the test part of --data, or all]
    #[arg(long, value_enum, value_name = "PART")]
    split: Option<PartName>,

    /// Seed of the training run, for --split [default: the model's]
    #[arg(long, value_name = "N", requires = "split", allow_negative_numbers = true)]
    seed: Option<u64>,

    /// Number of training images that were held out for validation, for --split [default: the model's]
    #[arg(long, value_name = "N", requires = "split", allow_negative_numbers = true)]
    val: Option<usize>,

    /// Write a CSV file with one line per test image: index, label, predicted class (`digit`) and all probabilities
    #[arg(long, value_name = "FILE.csv")]
    predictions: Option<PathBuf>,

    /// Draw the confusion matrix and the most confident errors
    #[arg(long, value_name = "FILE.png", value_parser = png_path())]
    confusion: Option<PathBuf>,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum PartName {
    /// Images that the model was trained on
    Train,
    /// Images that selected the best weights
    Validation,
    /// Images that measured the result
    Test,
}

impl Args {
    fn images(&self, files: &DataFiles, model: &Model) -> Result<Loaded<Dataset>, Failure> {
        let Some(name) = self.split else {
            return Ok(files.load_test(model)?);
        };
        let stored = |key: &str| {
            model
                .content
                .notes
                .get(key)
                .and_then(|value| value.parse::<usize>().ok())
        };
        let validation = self.val.or_else(|| stored("validation_images"));
        let part = match name {
            PartName::Train => Part::Train,
            PartName::Validation => Part::Validation,
            PartName::Test => Part::Test,
        };
        if validation.is_none() && part != Part::Test {
            return Err(Failure::Usage(format!(
                "{} does not say how many images were held out for validation; give it with --val",
                model.name()
            )));
        }
        let seed = self
            .seed
            .or_else(|| stored("seed").map(|seed| seed as u64))
            .unwrap_or(1);
        let split = SplitOptions {
            seed,
            validation: validation.unwrap_or(0),
            limit: stored("train_images"),
        };
        let mut loaded = files.load_part(model, part, split)?;
        if loaded.images.is_empty() {
            return Err(Failure::Message(
                "this part has no images: none were held out for validation; give --val, or another part".to_owned(),
            ));
        }
        loaded.notes.push(format!(
            "evaluated on the images that `train` with --seed {seed} has in its {} part",
            match part {
                Part::Train => "training",
                Part::Validation => "validation",
                Part::Test => "test",
            }
        ));
        Ok(loaded)
    }
}

#[derive(Serialize)]
struct Report {
    accuracy: f64,
    count: u64,
    correct: u64,
    loss: f64,
    classes: Vec<String>,
    precision: Vec<Option<f64>>,
    recall: Vec<Option<f64>>,
    calibration_error: Option<f64>,
    mean_ms: f64,
    slowest_ms: f64,
}

pub(super) fn run(args: &Args) -> Outcome {
    let confusion = args.confusion.as_deref();
    let files = args.data.files(None);
    Files::new()
        .reads("--model", args.model.path())
        .reads("--data", files.paths())
        .writes("--predictions", args.predictions.as_ref())
        .writes("--confusion", confusion)
        .check()?;
    let model = args.model.load()?;
    let Loaded { images, notes } = args.images(&files, &model)?;
    notes.iter().for_each(note);
    if confusion.is_some() && images.classes() > confusion_chart::MAX_CLASSES {
        return Err(Failure::Message(format!(
            "the chart of --confusion has room for {} classes, and there are {}; use --predictions",
            confusion_chart::MAX_CLASSES,
            images.classes()
        )));
    }
    let predictions = Predictions::new(model.clone(), &images)?;
    let mut metrics = Metrics::new(images.classes());
    metrics.extend(predictions.answers(&images));
    let report = report(&metrics, &predictions, images.class_names())?;
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

fn report(metrics: &Metrics, predictions: &Predictions, classes: &[String]) -> Result<Report, Error> {
    let confusion = metrics.confusion();
    let count = confusion.count();
    Ok(Report {
        accuracy: confusion.accuracy().ok_or(Error::NoTestImages)?,
        count,
        correct: confusion.correct(),
        loss: predictions.loss / count as f64,
        classes: classes.to_vec(),
        precision: confusion.precisions(),
        recall: confusion.recalls(),
        calibration_error: metrics.calibration_error(),
        mean_ms: milliseconds(predictions.time) / count as f64,
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
    let width = report
        .classes
        .iter()
        .map(|name| name.chars().count())
        .max()
        .unwrap_or(0)
        .max(5);
    line(format_args!("{:<width$}    precision    recall", "class"))?;
    let shares = report.precision.iter().zip(&report.recall);
    for (name, (precision, recall)) in report.classes.iter().zip(shares) {
        let (precision, recall) = (percent_or_dash(*precision), percent_or_dash(*recall));
        line(format_args!("{name:<width$} {precision:>12} {recall:>9}"))?;
    }
    Ok(())
}

fn milliseconds(time: Duration) -> f64 {
    1e3 * time.as_secs_f64()
}

/// Predictions for all images, made one at a time as in the window.
struct Predictions {
    /// Probabilities of all classes for each image.
    probabilities: Vec<Vec<f32>>,
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
        let mut unused = vec![0.0; images.classes()];
        for index in 0..images.len() {
            let start = Instant::now();
            let logits = predictor.logits(images.image(index))?;
            let mut probabilities = logits.to_vec();
            loss::softmax(&mut probabilities);
            let time = start.elapsed();
            let loss = loss::cross_entropy(logits, images.label(index), 1.0, &mut unused);
            predictions.loss += f64::from(loss);
            predictions.probabilities.push(probabilities);
            predictions.time += time;
            predictions.slowest = predictions.slowest.max(time);
        }
        Ok(predictions)
    }

    /// Label, prediction and probability of each image.
    fn answers<'a>(&'a self, images: &'a Dataset) -> impl Iterator<Item = Answer> + 'a {
        self.probabilities.iter().enumerate().map(|(index, probabilities)| {
            let predicted = loss::argmax(probabilities);
            Answer {
                index,
                label: images.label(index),
                predicted,
                probability: probabilities[predicted],
            }
        })
    }

    fn write(&self, path: &Path, images: &Dataset) -> Result<(), Error> {
        atomic_file::replace(path, |file| {
            let names: Vec<String> = (0..images.classes()).map(|class| format!("p{class}")).collect();
            writeln!(file, "index,label,digit,{}", names.join(","))?;
            for (answer, probabilities) in self.answers(images).zip(&self.probabilities) {
                write_line(file, &answer, probabilities)?;
            }
            Ok(())
        })
    }
}

fn write_line(file: &mut dyn Write, answer: &Answer, probabilities: &[f32]) -> io::Result<()> {
    write!(file, "{},{},{}", answer.index, answer.label, answer.predicted)?;
    for probability in probabilities {
        // Shortest form that parses to the same number; tiny ones have an exponent.
        write!(file, ",{probability:?}")?;
    }
    writeln!(file)
}
