//! `laiosim check`: reads a scenario with everything it names, and says what a run would be.

mod estimate;
mod warnings;

use std::fmt::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use output::number::{Unit, value};
use output::table::Table;
use sim::machine::disk::SECTOR_BYTES;
use sim::scenario::load::{Loaded, Overrides, Point, Workload, load};
use sim::scenario::profiles::validation_of;
use sim::scenario::workload::Begin;
use sim::scenario::{Server, taken_bytes};

use crate::failure::Failure;
use crate::run::key_and_value;
use crate::screen;

/// Different values of a key that are shown one by one: ours.
const SHOWN: usize = 8;

const EXAMPLES: &str = "\
Examples:
  laiosim check scenarios/wc98.toml
      Whether it can be run, and how long that would take.
  laiosim check scenario.toml --set cache.memory='20 MiB' --set run.replications=10
      The same with other values.

Exit codes: 0 it can be run, 1 the output cannot be written, 2 it cannot be run; the message is the
one that `laiosim run` would give.";

/// Check a scenario and say what a run of it would be.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// The scenario, a TOML file.
    scenario: PathBuf,
    /// Set a key of the scenario (dotted path; value as in TOML, strings need no quotes). A key
    /// that is an axis takes this one value. May be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    set: Vec<(String, String)>,
}

/// Loads everything that a run would, and shows what it would be.
///
/// # Errors
/// The scenario or a file that it names is wrong.
pub(crate) fn run(args: &CheckArgs) -> Result<ExitCode, Failure> {
    let loaded = load(&args.scenario, &Overrides::of_keys(&args.set))?;
    screen::show(&report(&loaded))?;
    Ok(ExitCode::SUCCESS)
}

fn report(loaded: &Loaded) -> String {
    let mut text = format!("{} can be run.\n\n", loaded.file.display());
    text += &screen::prose(&loaded.title, &facts(loaded));
    text.push('\n');
    text += &memory(loaded).render(screen::page());
    let warnings = warnings::of(loaded);
    if !warnings.is_empty() {
        text.push('\n');
        text += &screen::prose("Warnings", &warnings);
    }
    text
}

fn facts(loaded: &Loaded) -> Vec<String> {
    let of_points = |of: &dyn Fn(&Point) -> String| distinct(loaded.points.iter().map(of));
    let of_workloads = |of: &dyn Fn(&Workload) -> String| {
        distinct(loaded.workloads.iter().map(|workload| of(workload)))
    };
    vec![
        format!("Runs: {}.", estimate::runs(loaded)),
        format!("Kind: {}.", of_points(&kind)),
        format!("Workload: {}.", of_workloads(&|it| it.title.clone())),
        format!("Requests per run: {}.", of_workloads(&requests)),
        format!("Files: {}.", of_workloads(&files)),
        format!("Disks: {}.", of_points(&disks)),
        format!(
            "CPUs: {}.",
            of_points(&|point| point.scenario.machine.cpus.to_string())
        ),
        of_points(&|point| validation_of(&point.scenario.machine.profile)),
        estimate::in_all(loaded),
    ]
}

/// Each text once, in their order.
fn distinct(texts: impl Iterator<Item = String>) -> String {
    let mut each: Vec<String> = Vec::new();
    for text in texts {
        if !each.contains(&text) {
            each.push(text);
        }
    }
    let more = each.len().saturating_sub(SHOWN);
    each.truncate(SHOWN);
    let mut text = each.join(" / ");
    if more > 0 {
        _ = write!(text, " / and {more} more");
    }
    text
}

fn kind(point: &Point) -> String {
    let run = &point.scenario.run;
    match run.duration {
        Some(time) => format!("steady, {} s of simulated time", time.as_secs_f64()),
        None => format!("terminating, {} start", run.start.name()),
    }
}

fn requests(workload: &Workload) -> String {
    workload.played.map_or_else(
        || "without end".to_owned(),
        |(sessions, requests)| format!("{requests} in {sessions} sessions"),
    )
}

fn files(workload: &Workload) -> String {
    let bytes: u64 = workload.sizes.iter().sum();
    format!("{}, {}", workload.sizes.len(), size(bytes))
}

fn disks(point: &Point) -> String {
    let machine = &point.scenario.machine;
    let capacity = size(point.disk.sectors() * SECTOR_BYTES);
    format!("{} x {} of {capacity}", machine.disks, machine.disk)
}

fn size(bytes: u64) -> String {
    value(Some(bytes as f64), Unit::Bytes)
}

/// What processes and connections take of the memory; the cache has the rest.
fn memory(loaded: &Loaded) -> Table {
    let headers = ["server", "processes take", "of the memory"];
    let mut table = Table::new(headers).align_right([1, 2]);
    for server in servers(loaded) {
        let points = loaded.points.iter();
        let points = points.filter(|point| point.scenario.servers.contains(&server));
        let taken: Vec<(u64, u64)> = points
            .map(|point| (taken_bytes(point, server), point.scenario.cache.memory.0))
            .collect();
        table = table.row([
            server.name(),
            distinct(taken.iter().map(|(taken, _)| size(*taken))),
            distinct(taken.iter().map(|(taken, memory)| {
                let share = value(Some(*taken as f64 / *memory as f64), Unit::Share);
                format!("{share} of {}", size(*memory))
            })),
        ]);
    }
    let is_open = |point: &Point| !matches!(point.scenario.workload.begin(), Ok(Begin::Clients(_)));
    match loaded.points.iter().any(is_open) {
        true => table.note(
            "Sessions that nobody waits for: connections, as many as are open at once, and what \
             works for them take memory on top.",
        ),
        false => table
            .note("At most: with every client's connection open, and all that may work for them."),
    }
}

fn servers(loaded: &Loaded) -> Vec<Server> {
    let mut servers = Vec::new();
    for server in loaded
        .points
        .iter()
        .flat_map(|point| &point.scenario.servers)
    {
        if !servers.contains(server) {
            servers.push(*server);
        }
    }
    servers
}
