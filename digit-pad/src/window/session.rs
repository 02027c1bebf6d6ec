//! A session of the window: opens it with the user's settings, and saves them when it closes.

use std::io::{self, Write};

use crate::{
    app::{controller::Controller, settings::Settings},
    error::Error,
    format::printable,
    recognition::model::Model,
    storage::paths::UserPaths,
    ui::Opening,
    window::{self, WindowOptions},
};

/// Opens the window, and returns when it is closed.
///
/// # Errors
/// As [`Controller::new`] and [`run`](window::run). Settings that cannot be saved are reported on standard error.
pub fn open(model: Model, paths: &UserPaths, opening: Opening, log_predictions: bool) -> Result<(), Error> {
    let mut controller = Controller::new(model, paths.clone())?;
    let options = WindowOptions {
        log_predictions,
        settings: Settings::load(paths),
        ..WindowOptions::default()
    };
    let settings = window::run(&options, &mut controller, opening)?;
    if let Err(error) = settings.save(paths) {
        // If standard error is closed, nobody can be told.
        let _ = writeln!(io::stderr(), "error: {}", printable(&error.to_string()));
    }
    Ok(())
}
