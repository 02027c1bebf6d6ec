//! The `digit-pad` program: the command line; or, without the `cli` feature, the window alone.

#[cfg(feature = "cli")]
mod cli;

use std::process::ExitCode;

#[cfg(feature = "cli")]
fn main() -> ExitCode {
    cli::run()
}

#[cfg(all(feature = "window", not(feature = "cli")))]
fn main() -> ExitCode {
    use digit_pad::{
        Error, format::printable, imaging::image_file, recognition::model::Model, storage::paths::UserPaths,
        ui::Opening, window::session,
    };

    let mut args = std::env::args_os().skip(1);
    let image = args.next();
    if args.next().is_some() || image.as_ref().is_some_and(|arg| arg.to_string_lossy().starts_with('-')) {
        return wrong_usage(
            "this build has no command line, so its only argument is an image to open: digit-pad [IMAGE]; for commands \
             and options, build it with the feature `cli`, which is a default feature",
        );
    }
    let open = || -> Result<(), Error> {
        let opening = match &image {
            Some(path) => image_file::open(path.as_ref()).map(|loaded| Opening::Image(loaded.image)),
            None => Ok(Opening::Blank),
        };
        session::open(Model::embedded()?, &UserPaths::of_user(), opening, false)
    };
    match open() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {}", printable(&error.to_string()));
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(any(feature = "window", feature = "cli")))]
fn main() -> ExitCode {
    wrong_usage(
        "this build has neither a window nor a command line; build it with the features `window` and `cli`, which \
         are default features",
    )
}

#[cfg(not(feature = "cli"))]
fn wrong_usage(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}
