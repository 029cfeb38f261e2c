//! `laiosim sweep`: simulates every combination of the values of some keys.
//!
//! Each finished point is kept at once in the folder, under a temporary name until it is whole; at
//! the end tables and figures are made from these files alone. So however often a sweep is
//! interrupted, what it leaves in the end are the same bytes.

mod axes;
mod compute;
mod crossover;
mod folder;
mod identity;
mod plots;
mod point;
mod quantity;
mod report;
mod slices;
mod tables;

use std::path::PathBuf;
use std::process::ExitCode;
use std::thread::available_parallelism;
use std::time::Duration;

use clap::Args;
use sim::engine::Nanos;
use sim::scenario::load::{Loaded, Overrides, load};

use crate::failure::Failure;
use crate::run::key_and_value;
use crate::screen;
use crate::stop::{self, Cut, Stop};
use compute::Work;
use folder::{Folder, Stored};
use tables::Record;

const EXAMPLES: &str = "\
Examples:
  laiosim sweep scenarios/sweeps/memory.toml -o out
      The axes of the file. Interrupt it as you like: the same command goes on.
  laiosim sweep scenarios/wc98.toml --axis memory=16MiB..128MiB:log:4 --axis clients=8,32,128 -o out
      Every combination of four memories in equal ratios and three numbers of clients.
  laiosim sweep scenarios/wc98.toml --axis policy=lru,fifo,linux --servers nb-b,nb-laio -o out
      Names as values; two of the servers.
  laiosim sweep scenarios/wc98.toml --axis chunk=16KiB..256KiB:log:5 --time-limit 30min -o out
      Ends after half an hour at the latest; the same command goes on.

In the folder: results.csv (a row per point, server and replication), summary.csv (means with 95 %
intervals), plots/*.svg, sweep.json (what is needed to make it again), points/ (finished points).

Exit codes: 0 done, or cut short by --time-limit (finished points are kept, and it says so); 1
broken off; 2 wrong arguments or scenario, or a folder that holds something else (nothing run or
written); 130 cut short by Ctrl-C (finished points are kept).";

/// Simulate every combination of the values of some keys; can be interrupted and goes on.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct SweepArgs {
    /// The scenario, a TOML file; its [axes] are swept unless --axis or --set replace them.
    scenario: PathBuf,
    /// Sweep a key over values separated by commas, or a range FROM..TO:COUNT (equal steps) or
    /// FROM..TO:log:COUNT (equal ratios). Of a key the last part is enough where no other ends in
    /// it: clients, memory. May be repeated: every combination is simulated.
    #[arg(long, value_name = "KEY=VALUES", value_parser = axes::key_and_values)]
    axis: Vec<(String, String)>,
    /// Set a key of the scenario (dotted path; value as in TOML, strings need no quotes). A key
    /// that is an axis of the file takes this one value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Compare these servers instead of the scenario's.
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',')]
    servers: Vec<String>,
    /// Seed of all random streams: the same seed, the same results.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Threads to run on. Results do not depend on it. [default: one per CPU]
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Begin no further run after this time ("90 s", "30min"); the same command goes on.
    #[arg(long, value_name = "TIME", value_parser = time_limit)]
    time_limit: Option<Duration>,
    /// The folder for finished points, tables and figures.
    #[arg(short, long, value_name = "DIR")]
    output: PathBuf,
    /// Replace the sweep in the folder instead of going on with it.
    #[arg(long)]
    force_new: bool,
}

fn time_limit(text: &str) -> Result<Duration, String> {
    Ok(Duration::from_nanos(text.parse::<Nanos>()?.0))
}

impl SweepArgs {
    /// What replaces what the scenario says.
    fn overrides(&self) -> Result<Overrides, Failure> {
        let mut keys = self.set.clone();
        if !self.servers.is_empty() {
            keys.push(("servers".to_owned(), format!("{:?}", self.servers)));
        }
        if let Some(seed) = self.seed {
            keys.push(("run.seed".to_owned(), seed.to_string()));
        }
        let axes = axes::resolve(&self.axis, &keys)?;
        Ok(Overrides { keys, axes })
    }

    fn threads(&self) -> usize {
        let given = self.threads.map(usize::from);
        given.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
    }
}

/// Loads, computes what is missing, writes, shows.
///
/// # Errors
/// The scenario, an argument or the folder is wrong, or something cannot be written.
pub(crate) fn run(args: &SweepArgs) -> Result<ExitCode, Failure> {
    let overrides = args.overrides()?;
    let loaded = load(&args.scenario, &overrides)?;
    check_axes(&loaded)?;
    let identity = identity::of(&loaded)?;
    let stop = Stop::new(args.time_limit)?;
    let folder = Folder::open(&args.output, &identity, args.force_new)?;
    let record = Record {
        loaded: &loaded,
        scenario: &args.scenario,
        overrides: &overrides,
        identity: &identity,
    };
    record.write(&folder, None)?;
    let missing = missing(&loaded, &folder);
    let work = Work {
        loaded: &loaded,
        folder: &folder,
        threads: args.threads(),
        stop: stop.flag(),
    };
    work.compute(&missing)?;
    finish(&record, &folder, missing.len(), stop.cut())
}

/// # Errors
/// There is no axis, or one has a value twice.
fn check_axes(loaded: &Loaded) -> Result<(), Failure> {
    let refused = |why: String| Failure::Refused(format!("{}: {why}", loaded.file.display()));
    if loaded.axes.is_empty() {
        let why = "nothing to sweep: give --axis KEY=VALUES, or [axes] in the file";
        return Err(refused(why.to_owned()));
    }
    for (index, point) in loaded.points.iter().enumerate() {
        let mut before = loaded.points[..index].iter();
        if before.any(|other| other.values == point.values) {
            let pairs = point.values.iter();
            let pairs: Vec<String> = pairs
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            return Err(refused(format!("{} is there twice", pairs.join(", "))));
        }
    }
    Ok(())
}

/// The points that are to be computed.
fn missing(loaded: &Loaded, folder: &Folder) -> Vec<usize> {
    let is_missing = |index: &usize| match folder.point(*index) {
        Stored::Whole(_) => false,
        Stored::Missing => true,
        Stored::Damaged => {
            let name = folder::name(*index);
            eprintln!("points/{name} is damaged; the point is computed again");
            true
        }
    };
    (0..loaded.points.len()).filter(is_missing).collect()
}

/// Writes and shows what there is once all points are finished; otherwise says how to go on.
fn finish(
    record: &Record<'_>,
    folder: &Folder,
    computed: usize,
    cut: Option<Cut>,
) -> Result<ExitCode, Failure> {
    let all = record.loaded.points.len();
    let finished = |index: &usize| matches!(folder.point(*index), Stored::Whole(_));
    let open = all - (0..all).filter(finished).count();
    if open > 0 {
        screen::show(&format!(
            "Cut short: {} of {all} points are finished. The same command goes on; tables and \
             figures are written at the end.\n",
            all - open
        ))?;
        return Ok(stop::exit_code(cut));
    }
    let points = tables::write(folder, record.loaded)?;
    let notes = plots::write(&folder.plots, record.loaded, &points)?;
    record.write(folder, Some(&points))?;
    let path = folder.top.path().display();
    let done = match computed {
        0 => format!("Nothing to compute: all {all} points were in {path}.\n\n"),
        computed if computed == all => format!("{all} points computed, in {path}.\n\n"),
        computed => format!(
            "{computed} points computed, {} were in {path}.\n\n",
            all - computed
        ),
    };
    screen::show(&(done + &report::report(record.loaded, &points, &notes)))?;
    Ok(ExitCode::SUCCESS)
}
