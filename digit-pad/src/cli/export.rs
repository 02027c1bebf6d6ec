//! `export`: writes a model in the format of other runtimes.

use std::path::PathBuf;

use digit_pad::{recognition::feature_cache, training::checkpoint};
use nn_core::formats::OnnxOptions;

use super::{
    args::ModelArgs,
    files::Files,
    output::{Outcome, note},
};

/// Export a model as an ONNX file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "The input is [batch, channels, height, width] or [batch, features], scaled: (pixel / 255 - mean) / std. \
                  The metadata of the file name mean, std, labels and the network."
)]
pub(super) struct Args {
    #[command(flatten)]
    model: ModelArgs,

    /// ONNX file to write
    #[arg(long, value_name = "FILE.onnx")]
    onnx: PathBuf,
}

pub(super) fn run(args: &Args) -> Outcome {
    Files::new()
        .reads("--model", args.model.path())
        .writes("--onnx", Some(&args.onnx))
        .check()?;
    let mut content = args.model.load()?.content;
    if content.notes.remove(feature_cache::METADATA_KEY).is_some() {
        note("the examples stored in the model are not exported; the network predicts without them");
    }
    content.notes.remove(checkpoint::RUN);
    content.save_onnx(&args.onnx, OnnxOptions::new())?;
    note(format_args!("saved {}", args.onnx.display()));
    Ok(())
}
