//! Without a command: opens the window.

use std::{ffi::OsStr, io, path::PathBuf};

use digit_pad::{
    Error,
    app::{controller::Controller, settings::Settings},
    imaging::image_file,
    recognition::model::Model,
    storage::paths::UserPaths,
    ui::Opening,
    window::{self, WindowOptions},
};

use super::{
    args::ModelArgs,
    output::{Failure, Outcome, report},
};

/// How the window opens.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// An image file to open the window with
    #[arg(value_name = "IMAGE")]
    image: Option<PathBuf>,

    #[command(flatten)]
    model: ModelArgs,

    /// Write each reading to standard error
    #[arg(long)]
    log_predictions: bool,

    /// Keep settings, lessons, drawings and networks in this folder, in place of the user's own
    #[arg(long, value_name = "DIR")]
    home: Option<PathBuf>,
}

impl Args {
    /// The name of the image, as it was given.
    pub(super) fn image(&self) -> Option<&OsStr> {
        self.image.as_ref().map(|image| image.as_os_str())
    }
}

pub(super) fn run(args: &Args) -> Outcome {
    let paths = args.home.as_deref().map_or_else(UserPaths::of_user, UserPaths::all_in);
    let mut controller = Controller::new(Model::open(args.model.model.as_deref())?, paths.clone())?;
    let options = WindowOptions {
        log_predictions: args.log_predictions,
        settings: Settings::load(&paths),
        ..WindowOptions::default()
    };
    let settings = window::run(&options, &mut controller, opening(args)?)?;
    // A window that cannot keep its size was still a good window.
    if let Err(error) = settings.save(&paths) {
        report(error);
    }
    Ok(())
}

fn opening(args: &Args) -> Result<Opening, Failure> {
    let Some(path) = &args.image else {
        return Ok(Opening::Blank);
    };
    match image_file::open(path) {
        Ok(loaded) => Ok(Opening::Image(loaded.picture)),
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
