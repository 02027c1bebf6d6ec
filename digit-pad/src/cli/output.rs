//! Standard output, standard error and exit status.

use std::{
    fmt::Display,
    io::{self, Write},
    process::ExitCode,
};

use digit_pad::Error;
pub(super) use digit_pad::format::{grouped, percent, percent_or_dash};
use digit_pad::format::{is_control, printable, shortened};
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

/// Longest message, in characters.
const LONGEST: usize = 2000;

/// Writes text to standard output that is a line or several, with tabs. Parts of it that come from files or their names
/// have to be [`printable`].
pub(super) fn line(text: impl Display) -> Outcome {
    let text = text.to_string();
    let lines: Vec<_> = text
        .split('\n')
        .map(|line| line.split('\t').map(printable).collect::<Vec<_>>().join("\t"))
        .collect();
    write(&lines.join("\n"))
}

fn write(text: &str) -> Outcome {
    writeln!(io::stdout(), "{text}").map_err(|error| match error.kind() {
        io::ErrorKind::BrokenPipe => Failure::Closed,
        _ => Failure::Message(format!("cannot write to standard output: {error}")),
    })
}

/// Writes an object as a line of JSON to standard output.
pub(super) fn json(object: &impl Serialize) -> Outcome {
    let text = serde_json::to_string(object).expect("results can be serialized");
    // Control characters are in strings alone, and JSON itself escapes only those of ASCII.
    let escaped = text
        .chars()
        .fold(String::with_capacity(text.len()), |mut escaped, character| {
            if is_control(character) {
                escaped += &format!("\\u{:04x}", u32::from(character));
            } else {
                escaped.push(character);
            }
            escaped
        });
    write(&escaped)
}

/// Writes a row of a two-column table to standard output.
pub(super) fn row(name: &str, value: impl Display) -> Outcome {
    write(&format!("{:<22} {}", printable(name), printable(&value.to_string())))
}

/// Writes a line to standard error. If standard error is closed, nobody can be told.
pub(super) fn note(text: impl Display) {
    let text = text.to_string();
    let _ = writeln!(io::stderr(), "{}", shortened(&printable(&text), LONGEST));
}

/// Lists the names of classes, the first of many.
pub(super) fn class_list(names: &[String]) -> String {
    const MOST: usize = 30;
    const LONGEST_NAME: usize = 60;
    let more = if names.len() > MOST { ", …" } else { "" };
    let shown = names.iter().take(MOST).map(|name| shortened(name, LONGEST_NAME));
    format!("{}: {}{more}", names.len(), shown.collect::<Vec<_>>().join(", "))
}

/// Writes an error to standard error.
pub(super) fn report(error: impl Display) {
    note(format_args!("error: {error}"));
}
