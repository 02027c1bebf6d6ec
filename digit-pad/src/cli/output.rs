//! Standard output, standard error and exit status.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use digit_pad::Error;
pub(super) use digit_pad::format::{grouped, percent, percent_or_dash};
use serde::Serialize;

/// Why a command did not do all that it was asked for.
#[derive(Debug)]
pub(super) enum Failure {
    /// Something went wrong.
    Error(Error),
    /// The same, for what is no error of the library.
    Message(String),
    /// Parts of it went wrong, which has been said already.
    Reported,
    /// Nobody reads standard output any more: there is nothing left to do.
    Closed,
}

pub(super) type Outcome = Result<(), Failure>;

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Error(error.into())
    }
}

impl Failure {
    /// Says what went wrong, and gives the status to exit with.
    pub(super) fn end(&self) -> ExitCode {
        match self {
            Failure::Error(error) => report(error),
            Failure::Message(message) => report(message),
            Failure::Reported => {}
            Failure::Closed => return ExitCode::SUCCESS,
        }
        ExitCode::FAILURE
    }
}

/// Writes a line to standard output.
pub(super) fn line(text: impl Display) -> Outcome {
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Message(format!("cannot write to standard output: {error}")),
    })
}

/// Writes an object in a line to standard output.
pub(super) fn json(object: &impl Serialize) -> Outcome {
    line(serde_json::to_string(object).expect("results can be serialised"))
}

/// Writes a name and a value to standard output, as a row of a table.
pub(super) fn row(name: &str, value: impl Display) -> Outcome {
    line(format_args!("{name:<20} {value}"))
}

/// Writes a line to standard error. Where nobody reads that, there is nobody to tell.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Writes an error to standard error.
pub(super) fn report(error: impl Display) {
    note(format_args!("error: {error}"));
}
