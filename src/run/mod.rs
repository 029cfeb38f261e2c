//! `laiosim run`: simulates the servers of a scenario and compares them.

mod chart;
mod figure;
mod files;
mod headline;
mod results;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::available_parallelism;

use clap::Args;
use output::progress::Progress;
use sim::scenario::experiment::{jobs, run_all};
use sim::scenario::load::{Loaded, load};
use sim::scenario::{Scenario, Server, Start};

use crate::failure::{CUT, Failure};
use crate::{interrupt, screen};
use figure::values_of;
use files::Record;
use results::Results;

/// Runs that a thread makes between two moments at which what is no longer needed of them (the
/// response time of every request) is dropped: ours, some ten megabytes per thread.
const BATCH_PER_THREAD: usize = 16;

const EXAMPLES: &str = "\
Examples:
  laiosim run scenarios/wc98.toml
      Compare the scenario's servers at every point of its axes.
  laiosim run scenarios/wc98.toml --set cache.memory='20 MiB' --servers nb-amped,nb-laio
      One amount of memory instead of the axis; two servers.
  laiosim run scenarios/wc98.toml --set run.replications=20 -o results
      More replications for narrower intervals; results.csv, summary.csv, run.json in results/.

Exit codes: 0 done, 1 broken off, 2 wrong arguments or scenario (nothing run or written),
130 cut short by Ctrl-C (what is complete is shown and written, marked as cut).";

/// Simulate the servers of a scenario and compare them.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    /// Set a key of the scenario (dotted path; value as in TOML, strings need no quotes). A key
    /// that is an axis takes this one value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
    /// Compare these servers instead of the scenario's.
    #[arg(long, value_name = "SERVER,...", value_delimiter = ',', value_parser = Server::ALL.map(Server::name))]
    servers: Vec<String>,
    /// Seed of all random streams: the same seed, the same results.
    #[arg(long, value_parser = clap::value_parser!(u64).range(..=i64::MAX as u64))]
    seed: Option<u64>,
    /// Threads to run on. Results do not depend on it. [default: one per CPU]
    #[arg(short = 'j', long, value_name = "THREADS", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    /// Write results.csv, summary.csv and run.json into this folder. Files of these names are
    /// replaced.
    #[arg(short, long, value_name = "DIR")]
    output: Option<PathBuf>,
    /// Show every figure: per kind of operation with its calls, CPU time by activity.
    #[arg(long)]
    full: bool,
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
    fn overrides(&self) -> Vec<(String, String)> {
        let mut overrides = self.set.clone();
        if !self.servers.is_empty() {
            overrides.push(("servers".to_owned(), format!("{:?}", self.servers)));
        }
        if let Some(seed) = self.seed {
            overrides.push(("run.seed".to_owned(), seed.to_string()));
        }
        overrides
    }

    fn threads(&self) -> usize {
        let given = self.threads.map(usize::from);
        given.unwrap_or_else(|| available_parallelism().map_or(1, usize::from))
    }
}

/// Loads, runs, writes, shows.
///
/// # Errors
/// The scenario or an argument is wrong, or the results cannot be written.
pub(crate) fn run(args: &RunArgs) -> Result<ExitCode, Failure> {
    let loaded = load(&args.scenario, &args.overrides())?;
    let stop = interrupt::flag()?;
    let folder = args.output.as_deref().map(files::prepare).transpose()?;
    let results = simulate(&loaded, args.threads(), &stop);
    if let Some(folder) = &folder {
        let record = Record {
            loaded: &loaded,
            results: &results,
            scenario: &args.scenario,
            overrides: &args.overrides(),
        };
        record
            .write(folder)
            .map_err(|error| Failure::writing(&error))?;
    }
    screen::show(&report(&loaded, &results, args.full))?;
    Ok(ExitCode::from(if results.is_cut() { CUT } else { 0 }))
}

fn simulate(loaded: &Loaded, threads: usize, stop: &AtomicBool) -> Results {
    let jobs = jobs(loaded);
    let progress = Progress::new(jobs.len() as u64, "runs");
    let mut results = Results::planned(loaded);
    for batch in jobs.chunks(threads * BATCH_PER_THREAD) {
        let measured = run_all(loaded, batch, threads, stop, || progress.inc());
        for (job, run) in batch.iter().zip(measured) {
            let keys = &loaded.points[job.point].scenario;
            if let Some(run) = run {
                results.put(*job, values_of(&run, keys));
            }
        }
        if stop.load(Ordering::Relaxed) {
            break;
        }
    }
    results
}

/// Everything that is shown.
fn report(loaded: &Loaded, results: &Results, full: bool) -> String {
    let mut text = screen::prose(&loaded.title, &preamble(loaded, results));
    for (point, compared) in loaded.points.iter().zip(&results.points) {
        let heading = match point.values.is_empty() {
            true => "Comparison".to_owned(),
            false => label(&point.values),
        };
        text += "\n";
        text += &screen::prose(&heading, &headline::sentences(compared));
        text += "\n";
        text += &table::comparison(compared, full).render(output::table::Medium::stdout());
        text += "\n";
        text += &chart::throughput(compared);
    }
    text += "\n";
    text + &screen::prose("Notes", &notes(loaded, results.is_cut()))
}

/// `key = value` for every axis.
fn label(values: &[(String, String)]) -> String {
    let pairs: Vec<String> = values
        .iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    pairs.join(", ")
}

/// What `of` says of the points, each thing once.
fn distinct(loaded: &Loaded, of: impl Fn(&Scenario) -> String) -> Vec<String> {
    let mut said: Vec<String> = Vec::new();
    for point in &loaded.points {
        let text = of(&point.scenario);
        if !said.contains(&text) {
            said.push(text);
        }
    }
    said
}

fn preamble(loaded: &Loaded, results: &Results) -> Vec<String> {
    let each = |of: fn(&Scenario) -> String| distinct(loaded, of).join(" / ");
    let mut requests: Vec<String> = Vec::new();
    for workload in &loaded.workloads {
        requests.push(format!(
            "{} in {} sequences",
            workload.requests, workload.played
        ));
    }
    requests.dedup();
    let mut lines = vec![format!(
        "Requests: {}. Clients: {}. Start: {}. Machine: {}. Disk: {}.",
        requests.join(" / "),
        each(|scenario| scenario.workload.clients.to_string()),
        each(|scenario| scenario.run.start.name().to_owned()),
        each(|scenario| scenario.machine.profile.clone()),
        each(|scenario| scenario.machine.disk.clone()),
    )];
    if results.is_cut() {
        let (done, planned) = (results.done(), results.runs_planned());
        lines.push(format!(
            "CUT SHORT: {done} of {planned} runs are complete, and only they are shown."
        ));
    }
    lines
}

fn notes(loaded: &Loaded, cut: bool) -> Vec<String> {
    let mut notes = distinct(loaded, |scenario| match scenario.run.start {
        Start::Cold => "Cold start: the caches are empty at the first request.".to_owned(),
        Start::Warm => "Warm start: the whole experiment was played once before, unmeasured, and \
                        left its pages and names in the caches."
            .to_owned(),
    });
    let whole = "The figures span the first request to the last response; nothing is left out.";
    notes.push(whole.to_owned());
    notes.extend(distinct(loaded, |scenario| {
        intervals(scenario.run.replications, scenario.run.seed, cut)
    }));
    notes
}

fn intervals(replications: u32, seed: u64, cut: bool) -> String {
    let complete = if cut { "the complete ones of " } else { "" };
    match replications {
        1 => format!(
            "One replication (seed {seed}): no interval is known (±?), and no difference is \
             proved. Set run.replications to 5 or more."
        ),
        _ => format!(
            "±: 95 % interval (Student's t) over {complete}{replications} replications (seed {seed}), which \
             differ in file placement, the disk's initial phase and which client plays which \
             sequence. It does not cover other days of traffic. (deterministic): the same in \
             every replication."
        ),
    }
}
