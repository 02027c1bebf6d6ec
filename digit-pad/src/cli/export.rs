//! `export`: writes a model in the format of other runtimes.

use std::{fs::canonicalize, path::PathBuf};

use digit_pad::{recognition::feature_cache, storage::atomic_file};
use nn_core::formats::OnnxOptions;

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, note},
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
    atomic_file::check_writable(&args.onnx)?;
    args.check_files_differ()?;
    let mut content = args.model.load()?.content;
    if content.notes.remove(feature_cache::METADATA_KEY).is_some() {
        note("the examples stored in the model are not exported; the network predicts without them");
    }
    content.save_onnx(&args.onnx, OnnxOptions::new())?;
    note(format_args!("saved {}", args.onnx.display()));
    Ok(())
}

impl Args {
    /// Fails if the ONNX file would replace the model.
    fn check_files_differ(&self) -> Outcome {
        let Some(model) = self.model.path() else { return Ok(()) };
        match (canonicalize(model), canonicalize(&self.onnx)) {
            (Ok(model), Ok(onnx)) if model == onnx => Err(Failure::Message(format!(
                "--model and --onnx are the same file, {}; give each its own file",
                model.display()
            ))),
            _ => Ok(()),
        }
    }
}
