//! `laiosim schema`: what a scenario can say, for editors and for readers.

mod page;

use std::process::ExitCode;

use clap::Args;
use sim::scenario::schema;

use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim schema > scenario.schema.json
      The JSON schema (draft 7). An editor with a TOML language server (taplo; Even Better TOML in
      VS Code) checks and completes a scenario that begins with the line
          #:schema ./scenario.schema.json
  laiosim schema --markdown > docs/scenarios.md
      The reference page: every key with its kind of value, default and meaning.";

/// Print the schema of scenarios.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SchemaArgs {
    /// As a JSON schema, for editors: what is printed without an option.
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// As a page in Markdown, for readers.
    #[arg(long)]
    markdown: bool,
}

/// Prints it.
///
/// # Errors
/// It cannot be printed.
pub(crate) fn run(args: &SchemaArgs) -> Result<ExitCode, Failure> {
    let text = match args.markdown {
        true => page::markdown(),
        false => format!("{:#}\n", schema::json().as_value()),
    };
    screen::show(&text)?;
    Ok(ExitCode::SUCCESS)
}
