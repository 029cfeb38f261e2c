//! The `laiosim` command: arguments in, exit code out. Everything else is in the libraries.

mod args;
mod calibrate;
mod failure;
mod interrupt;
mod load;
mod run;
mod screen;
mod serve;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Calibrate(args) => calibrate::run(&args),
        Command::Validate(args) => validate::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Load(args) => load::run(&args),
    };
    ended.unwrap_or_else(|failure| {
        eprintln!("error: {failure}");
        failure.exit_code()
    })
}
