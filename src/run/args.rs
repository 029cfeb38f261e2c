//! The arguments of `laiosim run`.

use std::path::PathBuf;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use sim::engine::Nanos;
use sim::scenario::Server;

const EXAMPLES: &str = "\
Examples:
  laiosim run scenarios/wc98.toml
      Compare the scenario's servers at every point of its axes.
  laiosim run scenarios/wc98.toml --set cache.memory='20 MiB' --servers nb-amped,nb-laio
      One amount of memory instead of the axis; two servers.
  laiosim run scenarios/wc98.toml --set run.precision=2% -o results
      As many replications as narrow intervals need; tables and plots in results/.
  laiosim run scenarios/minimal.toml --timeline minimal.json
      What the processes and the disk did when: open it in https://ui.perfetto.dev.

Exit codes: 0 done, or cut short by --time-limit (what is complete is shown and written, marked as
cut); 1 broken off; 2 wrong arguments or scenario (nothing run or written); 130 cut short by Ctrl-C
(what is complete is shown and written, marked as cut).";

/// Simulate the servers of a scenario and compare them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The scenario, a TOML file.
    pub(super) scenario: PathBuf,
    /// Set a key of the scenario (dotted path; value as in TOML, strings need no quotes). A key
    /// that is an axis takes this one value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Compare these servers instead of the scenario's.
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',')]
    servers: Vec<Server>,
    /// Seed of all random streams: the same seed, the same results.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Threads to run on. Results do not depend on it. [default: one per CPU]
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Begin no further run after this time by the clock on the wall, as in "90 s" or "10 min";
    /// what is complete then is shown and written, marked as cut.
    #[arg(long, value_name = "TIME")]
    time_limit: Option<Nanos>,
    /// Write results.csv, summary.csv, run.json and plots (SVG) into this folder. Files of these
    /// names are replaced.
    #[arg(short, long, value_name = "DIR")]
    pub(super) output: Option<PathBuf>,
    /// Write a row for every request into this CSV file: who asked when for what, how long it
    /// took, what became of it. Of steady runs also the warm-up, which the figures leave out.
    #[arg(long, value_name = "FILE")]
    pub(super) requests: Option<PathBuf>,
    /// Write what the processes, the disks and the clients did when into this file (Chrome's
    /// trace-event JSON, for ui.perfetto.dev): of every server's first replication at the
    /// first point.
    #[arg(long, value_name = "FILE")]
    pub(super) timeline: Option<PathBuf>,
    /// At most so many spans of each server in the timeline; the first ones are kept.
    #[arg(long, value_name = "SPANS", default_value_t = 200_000, requires = "timeline", value_parser = clap::value_parser!(u32).range(1..))]
    pub(super) timeline_spans: u32,
    /// Show everything as JSON instead of tables.
    #[arg(long)]
    pub(super) json: bool,
    /// Show every figure: per kind of operation with its calls, CPU time by activity.
    #[arg(long)]
    pub(super) full: bool,
}

/// Splits `KEY=VALUE`.
pub(crate) fn key_and_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => {
            Ok((key.trim().to_owned(), value.trim().to_owned()))
        }
        _ => Err("not KEY=VALUE, as in cache.memory='8 MiB'".to_owned()),
    }
}

impl RunArgs {
    /// What replaces the scenario's keys.
    pub(super) fn overrides(&self) -> Vec<(String, String)> {
        let mut overrides = self.set.clone();
        if !self.servers.is_empty() {
            let names: Vec<String> = self.servers.iter().map(|server| server.name()).collect();
            overrides.push(("servers".to_owned(), format!("{names:?}")));
        }
        if let Some(seed) = self.seed {
            overrides.push(("run.seed".to_owned(), seed.to_string()));
        }
        overrides
    }

    /// Threads to run on.
    pub(super) fn threads(&self) -> usize {
        let given = self.threads.map(usize::from);
        given.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
    }

    /// The limit by the clock on the wall.
    pub(super) fn time_limit(&self) -> Option<Duration> {
        self.time_limit.map(|limit| Duration::from_nanos(limit.0))
    }
}
