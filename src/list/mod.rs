//! `laiosim list`: what can be chosen, by name.

mod metrics;

use std::process::ExitCode;

use clap::{Args, ValueEnum};
use output::number::{Unit, value};
use output::table::{Medium, Table};
use sim::machine::disk::{DiskProfile, SECTOR_BYTES};
use sim::machine::profile::Profile;
use sim::scenario::profiles::{SHIPPED, Shipped};
use sim::scenario::{Flavour, Structure, reference};
use sim::stats::METRICS;

use crate::failure::Failure;
use crate::screen;

const EXAMPLES: &str = "\
Examples:
  laiosim list servers
      What can stand in a scenario's `servers`.
  laiosim list machines
      What can stand in `machine.profile`, and whether it was held against reality.
  laiosim list metrics | grep response
      The columns of results.csv.";

/// List what can be chosen.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ListArgs {
    /// Of what.
    what: What,
}

/// What is listed.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum What {
    /// How servers do their I/O, and flavours of them.
    Servers,
    /// Machine profiles that come with the program.
    Machines,
    /// Disk profiles that come with the program.
    Disks,
    /// Replacement policies of the cache, and schedulings of the host's disk queue.
    Policies,
    /// What is measured in a run.
    Metrics,
}

/// Lists it.
///
/// # Errors
/// It cannot be shown.
pub(crate) fn run(args: &ListArgs) -> Result<ExitCode, Failure> {
    let tables = match args.what {
        What::Servers => vec![servers(), flavours()],
        What::Machines => vec![machines()],
        What::Disks => vec![disks()],
        What::Policies => vec![choices("cache.policy"), choices("machine.scheduling")],
        What::Metrics => vec![metrics()],
    };
    let tables: Vec<String> = tables
        .iter()
        .map(|table| table.render(Medium::stdout()))
        .collect();
    screen::show(&tables.join("\n"))?;
    Ok(ExitCode::SUCCESS)
}

fn servers() -> Table {
    let table = Table::new(["server", "what it does about blocking"]);
    let row = |structure: Structure| [structure.name(), structure.meaning()];
    Structure::ALL.map(row).into_iter().fold(table, Table::row)
}

fn flavours() -> Table {
    let meaning = |flavour: Flavour| match flavour {
        Flavour::Thttpd => "a connection per request, no caches of its own",
        Flavour::Flash => {
            "persistent connections; caches of names, headers and open or mapped files"
        }
    };
    let table = Table::new(["flavour", "what it adds"]);
    let rows =
        Flavour::ALL.map(|flavour| [format!("{}-", flavour.name()), meaning(flavour).into()]);
    rows.into_iter().fold(table, Table::row).note(
        "A flavour stands in front of a server's name: flash-nb-amped, thttpd-laio-laio. Without \
         one, the keys of [server] say everything.",
    )
}

fn machines() -> Table {
    let table = Table::new([
        "profile",
        "machine",
        "where its figures come from",
        "validation",
    ]);
    let row = |shipped: &Shipped| {
        let profile: Profile = toml::from_str(shipped.text).expect("a test reads each of them");
        let validated = shipped
            .validated
            .unwrap_or("NOT validated against a real machine");
        [
            shipped.name.to_owned(),
            profile.machine,
            profile.provenance,
            validated.to_owned(),
        ]
    };
    SHIPPED.iter().map(row).fold(table, Table::row).note(
        "machine.profile can also name a file; laiosim calibrate measures a machine and writes one.",
    )
}

fn disks() -> Table {
    let table = Table::new(["profile", "kind", "capacity", "at once"]).align_right([2, 3]);
    let row = |name: &'static str| {
        let disk = DiskProfile::named(name).expect("it is one of the names");
        let bytes = disk.sectors() * SECTOR_BYTES;
        [
            name.to_owned(),
            kind(&disk).to_owned(),
            value(Some(bytes as f64), Unit::Bytes),
            disk.queue_depth().to_string(),
        ]
    };
    DiskProfile::names().map(row).fold(table, Table::row).note(
        "At once: requests that the host hands over before one of them is done. machine.disk can \
         also name a file.",
    )
}

fn kind(disk: &DiskProfile) -> &'static str {
    match disk {
        DiskProfile::Hdd(_) => "rotating drive",
        DiskProfile::Ssd(_) => "solid-state drive",
        DiskProfile::Measured(_) => "measured latencies",
        DiskProfile::Fixed(_) => "fixed service time",
        DiskProfile::Exponential(_) => "exponential service time",
    }
}

/// The words that a key takes.
fn choices(name: &str) -> Table {
    let keys = reference::keys();
    let key = keys.iter().find(|key| key.name == name);
    let choices = key.map(|key| key.choices.as_slice()).unwrap_or_default();
    let table = Table::new([name, "meaning"]);
    let rows = choices.iter().map(|(word, meaning)| [word, meaning]);
    rows.fold(table, |table, row| table.row(row))
}

fn metrics() -> Table {
    let table = Table::new(["metric", "unit", "meaning"]);
    let row = |metric: &sim::stats::Metric| {
        let (unit, meaning) = metrics::described(*metric);
        [metric.name(), unit.to_owned(), meaning]
    };
    METRICS.iter().map(row).fold(table, Table::row)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_and_schedulings_are_words_with_meanings() {
        for (key, word) in [("cache.policy", "linux"), ("machine.scheduling", "c-look")] {
            let keys = reference::keys();
            let key = keys.iter().find(|known| known.name == key).expect("a key");
            let choice = key.choices.iter().find(|(known, _)| known == word);
            assert!(
                choice.is_some_and(|(_, meaning)| meaning.len() > 10),
                "{word}"
            );
        }
    }
}
