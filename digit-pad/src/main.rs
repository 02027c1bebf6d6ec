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
        Error, imaging::image_file, recognition::model::Model, storage::paths::UserPaths, ui::Opening, window::session,
    };

    let mut args = std::env::args_os().skip(1);
    let image = args.next();
    if args.next().is_some() || image.as_ref().is_some_and(|arg| arg.to_string_lossy().starts_with('-')) {
        return wrong_usage(
            "this build has no command line; its only argument is an image to open: digit-pad [IMAGE]. \
             For options and commands, install it with the feature `cli`: `cargo install digit-pad --features cli`",
        );
    }
    let open = || -> Result<(), Error> {
        let opening = match &image {
            Some(path) => Opening::Picture(image_file::open(path.as_ref())?.picture),
            None => Opening::Blank,
        };
        session::open(Model::embedded()?, &UserPaths::of_user(), opening, false)
    };
    match open() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[cfg(not(any(feature = "window", feature = "cli")))]
fn main() -> ExitCode {
    wrong_usage(
        "this build has neither a window nor a command line; install it with its default features: \
         `cargo install digit-pad`",
    )
}

#[cfg(not(feature = "cli"))]
fn wrong_usage(message: &str) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(2)
}
