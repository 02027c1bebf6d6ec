//! Without a command: opens the window.

use std::{ffi::OsStr, io, path::PathBuf};

use digit_pad::{Error, imaging::image_file, storage::paths::UserPaths, ui::Opening, window::session};

use super::{
    args::ModelArgs,
    output::{Failure, Outcome},
};

/// Options of the window.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Image to open
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Log each prediction to standard error
    #[arg(long)]
    log_predictions: bool,

    /// Folder for settings, examples, drawings and networks [default: the user's own folders]
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

impl Args {
    /// Name of the image as given.
    pub(super) fn image(&self) -> Option<&OsStr> {
        self.image.as_ref().map(|image| image.as_os_str())
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let paths = args.home.as_deref().map_or_else(UserPaths::of_user, UserPaths::all_in);
    let model = args.model.load()?;
    Ok(session::open(model, &paths, opening(args)?, args.log_predictions)?)
}

fn opening(args: &Args) -> Result<Opening, Failure> {
    let Some(path) = &args.image else {
        return Ok(Opening::Blank);
    };
    match image_file::open(path) {
        Ok(loaded) => Ok(Opening::Image(loaded.image)),
        // A mistyped command is parsed as the name of an image.
        Err(Error::Read { path, cause }) if cause.kind() == io::ErrorKind::NotFound => Err(Failure::Message(format!(
            "{:?} is neither an image nor a command; `digit-pad --help` lists the commands",
            path.display().to_string()
        ))),
        Err(error) => Err(error.into()),
    }
}
