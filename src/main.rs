//! The `laiosim` command: arguments in, exit code out. Everything else is in the libraries.

mod args;
mod bottleneck;
mod calibrate;
mod check;
mod compare;
mod completions;
mod failure;
mod figures;
mod init;
mod interrupt;
mod list;
mod load;
mod run;
mod schema;
mod screen;
mod serve;
mod stop;
mod sweep;
mod tidy;
mod validate;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};

fn main() -> ExitCode {
    let ended = match Cli::parse().command {
        Command::Run(args) => run::run(&args),
        Command::Sweep(args) => sweep::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Init(args) => init::run(&args),
        Command::Schema(args) => schema::run(&args),
        Command::List(args) => list::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Completions(args) => completions::run(&args),
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
