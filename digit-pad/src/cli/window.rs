//! Without a command: the window to draw in.

use std::{ffi::OsStr, io, path::PathBuf};

use digit_pad::{
    Error, photo,
    view::Opening,
    window::{self, WindowOptions},
};

use super::{
    args::ModelArgs,
    output::{Failure, Outcome},
};

/// How the window opens.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// A PNG or JPEG file to open the window with
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Write each reading to standard error
    #[arg(long)]
    log_predictions: bool,
}

impl Args {
    /// The name of the image, as it was given.
    pub(super) fn image(&self) -> Option<&OsStr> {
        self.image.as_ref().map(|image| image.as_os_str())
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let mut recognizer = args.model.recognizer()?;
    let options = WindowOptions {
        log_predictions: args.log_predictions,
        ..WindowOptions::default()
    };
    Ok(window::run(&options, &mut recognizer, opening(args)?)?)
}

fn opening(args: &Args) -> Result<Opening, Failure> {
    let Some(path) = &args.image else {
        return Ok(Opening::Blank);
    };
    match photo::open(path) {
        Ok(picture) => Ok(Opening::Picture(picture)),
        // A mistyped command arrives here as the name of an image.
        Err(Error::Read { path, source }) if source.kind() == io::ErrorKind::NotFound => {
            Err(Failure::Message(format!(
                "there is neither an image nor a command {:?}; `digit-pad --help` lists the commands",
                path.display().to_string()
            )))
        }
        Err(error) => Err(error.into()),
    }
}
