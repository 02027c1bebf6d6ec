//! Standard output, standard error and exit status.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use digit_pad::Error;
pub(super) use digit_pad::format::{grouped, percent, percent_or_dash};
use serde::Serialize;

/// Exit status for arguments that are wrong.
const WRONG_USAGE: u8 = 2;

/// Why a command failed or stopped early.
#[derive(Debug)]
pub(super) enum Failure {
    /// An error of the library.
    Error(Error),
    /// Any other error.
    Message(String),
    /// Arguments that exclude each other.
    Usage(String),
    /// Some items failed; their errors are already reported.
    Reported,
    /// The reader of standard output is gone; there is nothing left to do.
    Closed,
}

pub(super) type Outcome = Result<(), Failure>;

impl<E: Into<Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Error(error.into())
    }
}

impl Failure {
    /// Reports the error and returns the exit status.
    pub(super) fn end(&self) -> ExitCode {
        match self {
            Failure::Error(error) => report(error),
            Failure::Message(message) => report(message),
            Failure::Usage(message) => {
                report(message);
                return ExitCode::from(WRONG_USAGE);
            }
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

/// Writes an object as a line of JSON to standard output.
pub(super) fn json(object: &impl Serialize) -> Outcome {
    line(serde_json::to_string(object).expect("results can be serialized"))
}

/// Writes a row of a two-column table to standard output.
pub(super) fn row(name: &str, value: impl Display) -> Outcome {
    line(format_args!("{name:<22} {value}"))
}

/// Writes a line to standard error. If standard error is closed, nobody can be told.
pub(super) fn note(text: impl Display) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// Lists the names of classes, the first of many.
pub(super) fn class_list(names: &[String]) -> String {
    const MOST: usize = 30;
    let more = if names.len() > MOST { ", …" } else { "" };
    format!("{}: {}{more}", names.len(), names[..names.len().min(MOST)].join(", "))
}

/// Writes an error to standard error.
pub(super) fn report(error: impl Display) {
    note(format_args!("error: {error}"));
}
