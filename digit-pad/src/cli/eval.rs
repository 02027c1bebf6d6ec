//! `eval`: how a model does on a test set.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use digit_pad::{
    Error, files,
    model::{DIGITS, Model},
    training::evaluate_model,
};
use mnist_io::Dataset;
use nn_core::{Evaluation, NetworkSpec, Workspace, loss};
use serde::Serialize;

use super::{
    args::{DataArgs, ModelArgs},
    output::{Outcome, grouped, json, percent, row},
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

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Measured {
    accuracy: f64,
    count: usize,
    correct: usize,
    loss: f64,
}

pub(super) fn run(args: &Args) -> Outcome {
    if let Some(path) = &args.predictions {
        files::check_writable(path)?;
    }
    let model = match (&args.model.model, &args.net) {
        (Some(path), Some(network)) => Model::open_as(path, network.clone())?,
        (path, _) => Model::open(path.as_deref())?,
    };
    let images = args.data.load_test()?;
    let Evaluation {
        accuracy,
        count,
        correct,
        loss,
    } = evaluate_model(&model, &images)?;
    if let Some(path) = &args.predictions {
        write_predictions(path, &model, &images)?;
    }
    if args.json {
        return json(&Measured {
            accuracy,
            count,
            correct,
            loss,
        });
    }
    row("model", model.name())?;
    row("test accuracy", percent(accuracy))?;
    row(
        "read rightly",
        format_args!("{} of {}", grouped(correct as u64), grouped(count as u64)),
    )?;
    row("loss", format_args!("{loss:.4}"))
}

fn write_predictions(path: &Path, model: &Model, images: &Dataset) -> Result<(), Error> {
    let scaling = model.scaling()?;
    let network = &model.content.network;
    let mut workspace = Workspace::new(network, 1)?;
    let mut input = vec![0.0; images.pixels()];
    files::replace(path, |file| {
        let names: Vec<String> = (0..DIGITS).map(|digit| format!("p{digit}")).collect();
        writeln!(file, "index,label,digit,{}", names.join(","))?;
        for index in 0..images.len() {
            scaling.scale_into(images.image(index), &mut input);
            let logits = network.logits(&input, &mut workspace).map_err(io::Error::other)?;
            write_line(file, index, images.label(index), logits)?;
        }
        Ok(())
    })
}

fn write_line(file: &mut dyn Write, index: usize, label: u8, logits: &[f32]) -> io::Result<()> {
    write!(file, "{index},{label},{}", loss::argmax(logits))?;
    let mut probabilities = logits.to_vec();
    loss::softmax(&mut probabilities);
    for probability in probabilities {
        // As short as reads back to the same number, tiny ones with an exponent.
        write!(file, ",{probability:?}")?;
    }
    writeln!(file)
}
