//! `info`: describes a model.

use std::collections::BTreeMap;

use digit_pad::{recognition::feature_cache, training::checkpoint};
use nn_core::{Kernel, Scaling};
use serde::Serialize;

use super::{
    args::ModelArgs,
    output::{Outcome, class_list, grouped, json, line, percent, row},
};

/// Describe a model: its network, layers, input scaling and training
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// Print a JSON object
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Info<'a> {
    path: Option<String>,
    network: String,
    parameters: usize,
    multiply_adds: usize,
    labels: &'a [String],
    mean: Option<f32>,
    std: Option<f32>,
    notes: BTreeMap<&'a str, &'a str>,
    /// Number of stored examples. Programs that read this output know the key `lessons`.
    #[serde(rename = "lessons")]
    examples: usize,
    kernel: String,
}

pub(super) fn run(args: &Args) -> Outcome {
    let model = args.model.load()?;
    let (content, kernel) = (&model.content, Kernel::active()?);
    let network = &content.network;
    let examples = feature_cache::examples(&model)?.len();
    let notes = content
        .notes
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()));
    let internal = [feature_cache::METADATA_KEY, checkpoint::RUN];
    let notes = notes.filter(|(name, _)| !internal.contains(name));
    if args.json {
        return json(&Info {
            path: model.path.as_ref().map(|path| path.display().to_string()),
            network: network.spec().to_string(),
            parameters: network.parameter_count(),
            multiply_adds: network.multiply_adds(),
            labels: &content.labels,
            mean: content.scaling.map(|scaling| scaling.mean),
            std: content.scaling.map(|scaling| scaling.std),
            notes: notes.collect(),
            examples,
            kernel: kernel.to_string(),
        });
    }
    row("model", model.name())?;
    row("network", network.spec())?;
    row("parameters", grouped(network.parameter_count() as u64))?;
    row("multiply-adds", grouped(network.multiply_adds() as u64))?;
    row("classes", class_list(&model.class_names()))?;
    match content.scaling {
        Some(Scaling { mean, std }) => row("input scaling", format_args!("(pixel / 255 - {mean}) / {std}"))?,
        None => row("input scaling", "(pixel / 255), as the file names none")?,
    }
    for (name, value) in notes {
        let accuracy = value.parse::<f64>().ok().filter(|_| name.ends_with("accuracy"));
        let shown = accuracy.map_or_else(|| value.to_owned(), percent);
        row(&heading(name), shown)?;
    }
    if examples > 0 {
        row("examples", examples)?;
    }
    row("CPU kernel", kernel)?;
    line(format_args!("\n{}", network.summary().to_string().trim_end()))
}

/// What the table calls an entry of the metadata.
fn heading(name: &str) -> String {
    let known = match name {
        "batch" => "batch size",
        "learning_rate" => "peak learning rate",
        "seed" => "random seed",
        "train_images" => "training images",
        "pen_images" => "drawings with a pen",
        "validation_accuracy" => "accuracy (validation)",
        _ => return name.replace('_', " "),
    };
    known.to_owned()
}
