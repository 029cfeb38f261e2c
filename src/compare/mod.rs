//! `laiosim compare`: what changed between two runs, and whether that is more than chance.

mod change;
mod differences;
mod folder;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use output::table::Medium;

use crate::failure::Failure;
use crate::screen;
use change::{Changes, changes};
use folder::Folder;

/// The exit code with `--fail-on-change` where something changed.
const CHANGED: u8 = 1;

const EXAMPLES: &str = "\
Examples:
  laiosim run scenario.toml -o before
  laiosim run scenario.toml --set server.chunk='16 KiB' -o after
  laiosim compare before after
      What the smaller chunks change, with 95 % intervals.
  laiosim compare before after --fail-on-change
      The same for a script: exit code 1 if something changed.

Where both runs have the same seed and replications, these are compared pair by pair; otherwise
the difference is that of independent samples (Welch's t).

Exit codes: 0 compared, 1 something changed (with --fail-on-change) or the output cannot be
written, 2 the folders cannot be compared.";

/// Compare the results of two runs.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    /// The folder that `laiosim run -o` wrote first (A).
    before: PathBuf,
    /// The one that it wrote later (B).
    after: PathBuf,
    /// End with exit code 1 if a figure changed beyond its interval.
    #[arg(long)]
    fail_on_change: bool,
}

/// Reads both, compares, shows.
///
/// # Errors
/// One of them cannot be read, or they have nothing in common.
pub(crate) fn run(args: &CompareArgs) -> Result<ExitCode, Failure> {
    let (before, after) = (Folder::read(&args.before)?, Folder::read(&args.after)?);
    before.check_columns(&after)?;
    let changes = changes(&before, &after)?;
    screen::show(&report(&before, &after, &changes))?;
    let changed = args.fail_on_change && changes.beyond() > 0;
    Ok(ExitCode::from(if changed { CHANGED } else { 0 }))
}

fn report(before: &Folder, after: &Folder, changes: &Changes) -> String {
    let names = [("A", before), ("B", after)];
    let runs = names.map(|(name, folder)| format!("{name}: {}", folder.describe()));
    let mut text = screen::prose("Compared", &runs);
    text.push('\n');
    text += &screen::prose(
        "What differs between the runs",
        &differences::of(before, after),
    );
    for point in &changes.points {
        text.push('\n');
        text += &table::of(point).render(Medium::stdout());
    }
    text.push('\n');
    text + &screen::prose("Notes", &notes(changes))
}

fn notes(changes: &Changes) -> Vec<String> {
    let (beyond, all) = (changes.beyond(), changes.judged());
    let mut notes = vec![
        changes.method(),
        format!(
            "*: beyond the 95 % interval: {beyond} of {all} figures that have one. Of figures that \
             do not change, one in 20 is, by chance."
        ),
    ];
    if changes.single() {
        notes.push("±?: one replication, no interval is known.".to_owned());
    }
    notes.extend(changes.alone.iter().cloned());
    notes
}
