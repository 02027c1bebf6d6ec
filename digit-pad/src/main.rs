//! The program: a window to draw digits in, and the command line that trains and tries what reads them.

mod cli;

fn main() -> std::process::ExitCode {
    cli::run()
}
