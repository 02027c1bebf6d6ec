//! A session of the window: opens it with the user's settings and drawing, and saves them when it closes.

use std::io::{self, Write};

#[cfg(all(unix, not(target_os = "macos")))]
use crate::window::desktop::Desktop;
use crate::{
    app::{controller::Controller, settings::Settings},
    error::Error,
    format::printable,
    recognition::model::Model,
    storage::paths::UserPaths,
    ui::Opening,
    window::{self, Closed, WindowOptions, desktop_host::DesktopHost, drawing_file},
};

/// Opens the window, and returns when it is closed. What cannot be opened is told in the window.
///
/// On Linux, the program starts again, in its place, where the window needs another environment: before anything else.
///
/// # Errors
/// As [`Controller::new`] and [`run`](window::run). Settings or a drawing that cannot be saved are reported on
/// standard error.
pub fn open(
    model: Model,
    paths: &UserPaths,
    opening: Result<Opening, Error>,
    log_predictions: bool,
) -> Result<(), Error> {
    #[cfg(all(unix, not(target_os = "macos")))]
    window::environment::prepare();
    let mut controller = Controller::new(model, Box::new(DesktopHost::new(paths.clone())))?;
    #[cfg(all(unix, not(target_os = "macos")))]
    let desktop = Desktop::look();
    #[cfg(all(unix, not(target_os = "macos")))]
    let settings = settings_for(Settings::load(paths), desktop.as_ref());
    #[cfg(not(all(unix, not(target_os = "macos"))))]
    let settings = Settings::load(paths).unwrap_or_default();
    let options = WindowOptions {
        log_predictions,
        settings,
        ..WindowOptions::default()
    };
    let opening = opening.map(|opening| match opening {
        Opening::Blank => Opening::Document(drawing_file::load(paths)),
        given => given,
    });
    let Closed {
        settings,
        document,
        failure,
    } = window::run(&options, &mut controller, opening)?;
    for saved in [settings.save(paths), drawing_file::save(&document, paths)] {
        if let Err(error) = saved {
            // If standard error is closed, nobody can be told.
            let _ = writeln!(io::stderr(), "error: {}", printable(&error.to_string()));
        }
    }
    failure.map_or(Ok(()), Err)
}

/// The saved settings, or those of the first start, for the desktop if it tells of itself.
#[cfg(all(unix, not(target_os = "macos")))]
fn settings_for(saved: Option<Settings>, desktop: Option<&Desktop>) -> Settings {
    let Some(desktop) = desktop else {
        return saved.unwrap_or_default();
    };
    saved
        .unwrap_or_else(|| Settings::at_scale(desktop.scale))
        .within(desktop.room)
}
