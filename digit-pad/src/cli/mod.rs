//! The command line: one file per command, and what they share.

mod args;
mod eval;
mod export;
mod files;
mod info;
mod output;
mod predict;
mod progress;
mod replay;
mod signals;
mod start;
mod threads;
mod train;
#[cfg(feature = "window")]
mod window;

use std::process::{self, ExitCode};

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

/// Recognize handwritten digits; without a command, open a window to draw them in
#[derive(Debug, Parser)]
#[cfg_attr(feature = "window", command(args_conflicts_with_subcommands = true))]
#[command(
    name = "digit-pad",
    version,
    after_help = "Results go to standard output, progress and messages to standard error.\n\
                  Exit status: 0 for success, 1 for failure, 2 for wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[cfg(feature = "window")]
    #[command(flatten)]
    window: window::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(Box<train::Args>),
    Eval(eval::Args),
    Predict(predict::Args),
    Replay(replay::Args),
    Info(info::Args),
    Export(export::Args),
}

/// Runs the command of the command line and returns its exit status.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::try_parse().unwrap_or_else(|error| exit(&error));
    if let Err(error) = threads::limit() {
        return output::Failure::from(error).end();
    }
    let outcome = match cli.command {
        None => run_window(&cli),
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Predict(args)) => predict::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Info(args)) => info::run(&args),
        Some(Command::Export(args)) => export::run(&args),
    };
    outcome.map_or_else(|failure| failure.end(), |()| ExitCode::SUCCESS)
}

/// Exits with the message of the parser, which repeats arguments as they are.
fn exit(error: &clap::Error) -> ! {
    if !error.use_stderr() {
        error.exit();
    }
    error.render().to_string().trim_end().lines().for_each(output::note);
    process::exit(error.exit_code())
}

#[cfg(feature = "window")]
fn run_window(cli: &Cli) -> output::Outcome {
    refuse_command(&cli.window);
    window::run(&cli.window)
}

#[cfg(not(feature = "window"))]
fn run_window(_: &Cli) -> output::Outcome {
    let message = "this build has no window; use one of the commands train, eval, predict, replay, info and export, or \
                   build digit-pad with the feature `window`, which is a default feature";
    Cli::command().error(ErrorKind::MissingSubcommand, message).exit()
}

/// Exits if a command that follows options, or is mistyped, was parsed as the name of an image.
#[cfg(feature = "window")]
fn refuse_command(args: &window::Args) {
    let mut cli = Cli::command();
    let name = args
        .image()
        .and_then(|image| cli.find_subcommand(image))
        .map(|command| command.get_name().to_owned());
    if let Some(name) = name {
        let message = format!("put the command before its options: digit-pad {name} [OPTIONS]");
        exit(&cli.error(ErrorKind::ArgumentConflict, message));
    }
    if let Some(word) = args.mistyped_command() {
        let message = format!("unrecognized subcommand '{word}', and there is no image of this name");
        exit(&cli.error(ErrorKind::InvalidSubcommand, message));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
