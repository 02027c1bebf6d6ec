//! Without a command: opens the window.

use std::{ffi::OsStr, path::PathBuf};

use digit_pad::{Error, imaging::image_file, storage::paths::UserPaths, ui::Opening, window::session};

use super::{args::ModelArgs, output::Outcome};

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

    /// The word given for an image, if it is neither a file nor like a path.
    pub(super) fn mistyped_command(&self) -> Option<&str> {
        let path = self.image.as_ref().filter(|path| !path.exists())?;
        path.to_str().filter(|word| !word.contains(['/', '\\', '.']))
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let paths = args.home.as_deref().map_or_else(UserPaths::of_user, UserPaths::all_in);
    let model = args.model.load()?;
    Ok(session::open(model, &paths, opening(args), args.log_predictions)?)
}

fn opening(args: &Args) -> Result<Opening, Error> {
    let Some(path) = &args.image else {
        return Ok(Opening::Blank);
    };
    Ok(Opening::Image(image_file::open(path)?.image))
}
