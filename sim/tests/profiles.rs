//! The machine profiles that come with the program: each figure says where it comes from, inputs
//! taken from a paper hold, and no figure contradicts another.

use std::fs;
use std::path::{Path, PathBuf};

use sim::engine::Nanos;
use sim::machine::profile::{Costs, Profile, Sourced};

const MACHINES: &str = "profiles/machines";

/// What stands behind a figure.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Origin {
    /// Measured by `laiosim calibrate`: it has an interval.
    Measured,
    /// Quoted as published: the source names a year.
    Quoted,
    /// Chosen so that a published result holds.
    Input,
    /// Estimated from a measured or published figure that the source names.
    Derived,
    /// Estimated without one.
    Guessed,
}

struct Figure {
    key: String,
    source: String,
    has_interval: bool,
}

impl Figure {
    fn of<T>(section: &str, (key, figure): (&str, &Sourced<T>)) -> Self {
        Self {
            key: format!("{section}.{key}"),
            source: figure.source.clone(),
            has_interval: figure.low.is_some() && figure.high.is_some(),
        }
    }

    /// `None`: the source says nothing of the kind.
    fn origin(&self) -> Option<Origin> {
        let source = self.source.as_str();
        let estimate = source.starts_with("our estimate") || source.starts_with("estimate");
        let named = ["lmbench", "epyc-vm"]
            .iter()
            .any(|name| source.contains(name));
        match (estimate, self.has_interval) {
            _ if source.starts_with("by input") => Some(Origin::Input),
            (true, interval) if interval || named || has_year(source) => Some(Origin::Derived),
            (true, _) => Some(Origin::Guessed),
            (false, true) => Some(Origin::Measured),
            (false, false) => has_year(source).then_some(Origin::Quoted),
        }
    }
}

/// Whether a number from 1985 to 2030 stands in `text`.
fn has_year(text: &str) -> bool {
    let numbers = text.split(|c: char| !c.is_ascii_digit());
    numbers
        .filter_map(|digits| digits.parse::<u32>().ok())
        .any(|number| (1985..=2030).contains(&number))
}

fn figures<T>(section: &str, figures: Vec<(&'static str, &Sourced<T>)>) -> Vec<Figure> {
    let figures = figures.into_iter();
    figures.map(|figure| Figure::of(section, figure)).collect()
}

fn all_figures(profile: &Profile) -> Vec<Figure> {
    let times = profile.times().into_iter();
    let mut all: Vec<Figure> = times
        .flat_map(|(section, times)| figures(&section, times))
        .collect();
    all.extend(figures("memory", profile.memory.figures()));
    all
}

fn package() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &Path) -> Profile {
    let text = fs::read_to_string(path).expect("a profile is text");
    toml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn named(name: &str) -> Profile {
    read(&package().join(MACHINES).join(format!("{name}.toml")))
}

/// All files in the folder of profiles, by name.
fn shipped() -> Vec<(String, Profile)> {
    let entries = fs::read_dir(package().join(MACHINES)).expect("the folder is there");
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("read").path()).collect();
    paths.sort();
    let named = |path: &PathBuf| {
        let name = path.file_stem().expect("a file").to_string_lossy();
        (name.into_owned(), read(path))
    };
    paths.iter().map(named).collect()
}

#[test]
fn every_profile_in_the_folder_reads_and_survives_being_written() {
    let profiles = shipped();
    for name in ["epyc-vm", "nvme-2024", "xeon-2004"] {
        assert!(
            profiles.iter().any(|(shipped, _)| shipped == name),
            "{name}"
        );
    }
    for (name, profile) in profiles {
        let again: Profile = toml::from_str(&profile.to_toml()).expect("what we write we read");
        assert_eq!(profile, again, "{name}");
    }
}

#[test]
fn every_figure_is_measured_quoted_taken_as_input_or_called_an_estimate() {
    for (name, profile) in shipped() {
        for figure in all_figures(&profile) {
            let Figure { key, source, .. } = &figure;
            assert!(figure.origin().is_some(), "{name}: {key}: {source:?}");
        }
    }
}

#[test]
fn a_source_without_year_interval_or_confession_is_found_out() {
    let figure = |source: &str| Figure {
        key: "call.read".to_owned(),
        source: source.to_owned(),
        has_interval: false,
    };
    for source in ["", "known to be so", "pread, 256 files of 2048 bytes"] {
        assert_eq!(figure(source).origin(), None, "{source:?}");
    }
    let quoted = figure("P. Mau, linux-kernel mailing list, 2002");
    assert_eq!(quoted.origin(), Some(Origin::Quoted));
}

#[test]
fn a_machine_that_nobody_measured_has_no_intervals() {
    for (name, profile) in shipped().into_iter().filter(|(name, _)| name != "epyc-vm") {
        for figure in all_figures(&profile) {
            assert!(!figure.has_interval, "{name}: {}", figure.key);
        }
    }
}

#[test]
fn the_documentation_counts_the_origins_right() {
    let documentation = package().join("../docs/machines.md");
    let text = fs::read_to_string(documentation).expect("docs/machines.md");
    for (name, profile) in shipped() {
        let figures = all_figures(&profile);
        let count = |origin| {
            let of_origin = |figure: &&Figure| figure.origin() == Some(origin);
            figures.iter().filter(of_origin).count()
        };
        let row = format!(
            "| `{name}` | {} | {} | {} | {} | {} |",
            count(Origin::Measured),
            count(Origin::Quoted),
            count(Origin::Input),
            count(Origin::Derived),
            count(Origin::Guessed),
        );
        assert!(text.contains(&row), "docs/machines.md should have: {row}");
    }
}

#[test]
fn kernel_aio_costs_the_papers_3_2_times_laio_on_a_read_that_does_not_block() {
    let costs = named("xeon-2004").costs();
    let aio = costs.aio.expect("FreeBSD has AIO");
    let by_aio = aio.submit + costs.call.read + aio.complete;
    let by_laio = costs.call.read + costs.laio.inline;
    // In tenths, so that 3.2 is a whole number; half a nanosecond is rounding.
    assert!((10 * by_aio.0).abs_diff(32 * by_laio.0) <= 5);
}

#[test]
fn the_machine_of_2004_has_nothing_that_came_later() {
    let profile = named("xeon-2004");
    assert!(profile.uring.is_none());
    assert_eq!(profile.kernel.pageout_age.value, Nanos::ZERO);
}

#[test]
fn the_machine_of_2024_has_every_interface() {
    let profile = named("nvme-2024");
    assert!(profile.aio.is_some() && profile.uring.is_some());
}

/// Pairs of which the first does part of what the second does.
fn parts_and_wholes(costs: &Costs) -> Vec<(&'static str, Nanos, Nanos)> {
    let Costs {
        call,
        kernel,
        idle,
        laio,
        ..
    } = costs;
    let wake_idle_cpu = idle.wake.after(Nanos::ZERO);
    vec![
        ("fstat walks no path", call.fstat, call.stat),
        ("stat opens nothing", call.stat, call.open),
        ("EAGAIN receives nothing", call.would_block, call.recv),
        (
            "a wake-up on another CPU is also an interrupt there",
            kernel.wake_same_cpu,
            kernel.wake_busy_cpu.min(wake_idle_cpu),
        ),
        (
            "an inline call starts no second thread",
            laio.inline,
            laio.steal,
        ),
    ]
}

#[test]
fn a_part_costs_no_more_than_the_whole() {
    for (name, profile) in shipped() {
        for (claim, part, whole) in parts_and_wholes(&profile.costs()) {
            assert!(part <= whole, "{name}: {claim}: {part:?} > {whole:?}");
        }
    }
}

#[test]
fn a_longer_idle_cpu_restarts_no_sooner() {
    for (name, profile) in shipped() {
        let idle = profile.idle.plain();
        let restart = |micros| idle.restart.after(Nanos::from_micros(micros));
        let delay = |micros| idle.delay.after(Nanos::from_micros(micros));
        for pair in [30, 100, 300, 1_000, 3_000].windows(2) {
            assert!(
                restart(pair[0]) <= restart(pair[1]),
                "{name}: restart {pair:?}"
            );
            assert!(delay(pair[0]) <= delay(pair[1]), "{name}: delay {pair:?}");
        }
    }
}

#[test]
fn memory_shared_is_memory_saved() {
    for (name, profile) in shipped() {
        let memory = profile.memory.plain();
        assert!(
            memory.thread <= memory.worker,
            "{name}: a thread shares more"
        );
        assert!(
            memory.worker <= memory.process,
            "{name}: fork shares something"
        );
    }
}
