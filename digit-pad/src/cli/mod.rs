//! The command line, one file per command.

mod args;
mod eval;
mod info;
mod output;
mod predict;
mod progress;
mod replay;
mod train;
mod window;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand, error::ErrorKind};

/// Draws, reads and learns digits: without a command, opens a window to draw them in.
#[derive(Debug, Parser)]
#[command(
    name = "digit-pad",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "Results go to standard output, progress and messages to standard error. \
                  The exit status is 0 for done, 1 for failed, 2 for wrong usage."
)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,

    #[command(flatten)]
    window: window::Args,
}

#[derive(Debug, Subcommand)]
enum Command {
    Train(train::Args),
    Eval(eval::Args),
    Predict(predict::Args),
    Replay(replay::Args),
    Info(info::Args),
}

/// Does what the command line asks for, and says how that went.
pub(crate) fn run() -> ExitCode {
    let cli = Cli::parse();
    let outcome = match cli.command {
        None => {
            refuse_late_command(&cli.window);
            window::run(&cli.window)
        }
        Some(Command::Train(args)) => train::run(&args),
        Some(Command::Eval(args)) => eval::run(&args),
        Some(Command::Predict(args)) => predict::run(&args),
        Some(Command::Replay(args)) => replay::run(&args),
        Some(Command::Info(args)) => info::run(&args),
    };
    outcome.map_or_else(|failure| failure.end(), |()| ExitCode::SUCCESS)
}

/// Ends the program where a command stands behind options and so was taken for the name of an image.
fn refuse_late_command(args: &window::Args) {
    let mut cli = Cli::command();
    let name = args
        .image()
        .and_then(|image| cli.find_subcommand(image))
        .map(|command| command.get_name().to_owned());
    if let Some(name) = name {
        let message = format!("the command comes before its options: digit-pad {name} [OPTIONS]");
        cli.error(ErrorKind::ArgumentConflict, message).exit();
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
