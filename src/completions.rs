//! `laiosim completions`: what a shell needs to complete the command line.

use std::process::ExitCode;

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::args::Cli;
use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim completions bash > ~/.local/share/bash-completion/completions/laiosim
  laiosim completions zsh > ~/.zfunc/_laiosim
      (with ~/.zfunc in fpath before compinit)
  laiosim completions fish > ~/.config/fish/completions/laiosim.fish";

/// Print the completions for a shell.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompletionsArgs {
    /// The shell.
    shell: Shell,
}

/// Prints them.
///
/// # Errors
/// They cannot be printed.
pub(crate) fn run(args: &CompletionsArgs) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "laiosim", &mut script);
    screen::show(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::SUCCESS)
}
