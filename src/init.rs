//! `laiosim init`: writes a scenario to begin with.

use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};

use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim init
      The least that a scenario needs, in scenario.toml.
  laiosim init all.toml --template full
      Every key with its meaning and default.

Exit codes: 0 written, 1 broken off while writing, 2 there is such a file already (see --force), or
it cannot be opened.";

/// Write a scenario to begin with.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct InitArgs {
    /// The file to write.
    #[arg(default_value = "scenario.toml")]
    file: PathBuf,
    /// What the scenario is to show.
    #[arg(long, value_enum, default_value_t = Template::Minimal)]
    template: Template,
    /// Replace the file if there is one.
    #[arg(long)]
    force: bool,
}

/// A scenario that comes with the program.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Template {
    /// Closed clients, drawn files: the least that a scenario needs.
    Minimal,
    /// The same with every key: those that are not set stand there as comments, with defaults.
    Full,
    /// Open arrivals: requests come whether the server keeps up or not; a sweep over their rate.
    Open,
    /// The LAIO paper's comparison: its servers, a disk-bound workload, a warm start.
    Paper,
}

impl Template {
    fn text(self) -> &'static str {
        match self {
            Self::Minimal => include_str!("init/minimal.toml"),
            Self::Full => include_str!("init/full.toml"),
            Self::Open => include_str!("init/open.toml"),
            Self::Paper => include_str!("init/paper.toml"),
        }
    }
}

/// Writes it.
///
/// # Errors
/// There is such a file, or it cannot be written.
pub(crate) fn run(args: &InitArgs) -> Result<ExitCode, Failure> {
    let name = args.file.display();
    let mut options = OpenOptions::new();
    match args.force {
        true => options.write(true).create(true).truncate(true),
        false => options.write(true).create_new(true),
    };
    let mut file = options
        .open(&args.file)
        .map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => Failure::Refused(format!(
                "{name} exists: choose another file, or --force to replace it"
            )),
            _ => Failure::Refused(format!("{name}: {error}")),
        })?;
    file.write_all(args.template.text().as_bytes())
        .map_err(|error| Failure::Broken(format!("{name}: {error}")))?;
    screen::show(&format!(
        "{name} written. What a run of it would be: laiosim check {name}\n"
    ))?;
    Ok(ExitCode::SUCCESS)
}
