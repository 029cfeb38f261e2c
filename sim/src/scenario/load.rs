//! Reads scenarios and the files they name.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ScenarioError, nearest};
use super::{Scenario, Start};
use crate::machine::PAGE_BYTES;
use crate::machine::disk::{DiskProfile, SECTOR_BYTES};
use crate::machine::files::least_span_blocks;
use crate::machine::profile::Profile;
use crate::workload::trace::{Sequences, TraceReader};

/// Machine profiles that come with the program.
const PROFILES: [(&str, &str); 1] = [(
    "epyc-vm",
    include_str!("../../profiles/machines/epyc-vm.toml"),
)];

/// One combination of the axes' values.
#[derive(Clone, Debug)]
pub struct Point {
    /// The axes' keys and values, as text.
    pub values: Vec<(String, String)>,
    /// The scenario with these values in place.
    pub scenario: Scenario,
    /// Its machine profile.
    pub profile: Arc<Profile>,
    /// Its disk.
    pub disk: DiskProfile,
}

/// What is played.
#[derive(Debug)]
pub struct Workload {
    /// Size of every object.
    pub sizes: Vec<u64>,
    /// Request sequences.
    pub sequences: Sequences,
    /// How many of them are played.
    pub played: u32,
    /// Requests in those.
    pub requests: u64,
    /// The trace's title.
    pub title: String,
}

/// A scenario with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// Its file.
    pub file: PathBuf,
    /// The file's text.
    pub text: String,
    /// Its title.
    pub title: String,
    /// Every combination of its axes.
    pub points: Vec<Point>,
    /// The workload of each point, in their order; equal ones are shared.
    pub workloads: Vec<Arc<Workload>>,
}

/// Reads the scenario at `file`. `overrides` replace keys (dotted path, value as in TOML).
///
/// # Errors
/// Whatever is wrong with the scenario or a file that it names, with file, line and key.
pub fn load(file: &Path, overrides: &[(String, String)]) -> Result<Loaded, ScenarioError> {
    let text = std::fs::read_to_string(file).map_err(|error| {
        ScenarioError::of_file(file, format!("cannot read the scenario: {error}"))
    })?;
    // First as it stands, for errors that know their line.
    let as_written: Scenario =
        toml::from_str(&text).map_err(|error| ScenarioError::of_toml(file, &text, &error))?;
    let mut table: toml::Table =
        toml::from_str(&text).map_err(|error| ScenarioError::of_toml(file, &text, &error))?;
    table.remove("axes");
    let mut axes = as_written.axes;
    for (key, value) in overrides {
        axes.remove(key);
        replace(&mut table, key, parse_value(value));
    }
    let context = Context { file, text: &text };
    let mut points = Vec::new();
    let mut workloads: Vec<Arc<Workload>> = Vec::new();
    for values in combinations(&axes.into_iter().collect::<Vec<_>>()) {
        let point = context.point(&table, &values)?;
        let keys = &point.scenario.workload;
        let same = points.iter().position(|other: &Point| {
            let other = &other.scenario.workload;
            (&other.trace, other.gap, other.requests) == (&keys.trace, keys.gap, keys.requests)
        });
        let workload = match same {
            Some(index) => Arc::clone(&workloads[index]),
            None => Arc::new(context.workload(&point.scenario)?),
        };
        context.check_span(&point, &workload)?;
        workloads.push(workload);
        points.push(point);
    }
    Ok(Loaded {
        file: file.to_owned(),
        title: as_written.title,
        points,
        workloads,
        text,
    })
}

type Values = Vec<(String, toml::Value)>;

fn combinations(axes: &[(String, Vec<toml::Value>)]) -> Vec<Values> {
    let Some(((key, values), rest)) = axes.split_first() else {
        return vec![Vec::new()];
    };
    let rest = combinations(rest);
    values
        .iter()
        .flat_map(|value| {
            rest.iter().map(|tail| {
                let mut point = vec![(key.clone(), value.clone())];
                point.extend(tail.iter().cloned());
                point
            })
        })
        .collect()
}

/// A value as TOML has it; a bare word stands for a string.
fn parse_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

fn replace(table: &mut toml::Table, key: &str, value: toml::Value) {
    match key.split_once('.') {
        None => {
            table.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let inner = table
                .entry(head)
                .or_insert_with(|| toml::Value::Table(toml::Table::new()));
            if !inner.is_table() {
                *inner = toml::Value::Table(toml::Table::new());
            }
            replace(inner.as_table_mut().expect("made one above"), rest, value);
        }
    }
}

fn text_of(value: &toml::Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

struct Context<'a> {
    file: &'a Path,
    text: &'a str,
}

impl Context<'_> {
    fn error(&self, key: &str, message: impl std::fmt::Display) -> ScenarioError {
        ScenarioError::of_key(self.file, self.text, key, message)
    }

    fn point(&self, table: &toml::Table, values: &Values) -> Result<Point, ScenarioError> {
        let mut table = table.clone();
        for (key, value) in values {
            replace(&mut table, key, value.clone());
        }
        let scenario: Scenario = toml::Value::Table(table).try_into().map_err(|error| {
            let error = ScenarioError::of_toml(self.file, self.text, &error);
            match values.first() {
                None => error,
                Some(_) => {
                    let shown: Vec<String> = values
                        .iter()
                        .map(|(key, value)| format!("{key} = {value}"))
                        .collect();
                    self.error("axes", format!("{}: {}", shown.join(", "), error.message))
                }
            }
        })?;
        self.check(&scenario)?;
        let profile = self.profile(&scenario.machine.profile)?;
        let disk = self.disk(&scenario.machine.disk)?;
        let point = Point {
            values: values
                .iter()
                .map(|(key, value)| (key.clone(), text_of(value)))
                .collect(),
            scenario,
            profile: Arc::new(profile),
            disk,
        };
        self.check_memory(&point)?;
        Ok(point)
    }

    fn check(&self, scenario: &Scenario) -> Result<(), ScenarioError> {
        let positive = [
            ("workload.clients", u64::from(scenario.workload.clients)),
            ("workload.requests", scenario.workload.requests.unwrap_or(1)),
            ("run.replications", u64::from(scenario.run.replications)),
            ("server.helpers", u64::from(scenario.server.helpers)),
            ("server.chunk", scenario.server.chunk.0),
            ("network.send_buffer", scenario.network.send_buffer.0),
            ("machine.quantum", scenario.machine.quantum.0),
        ];
        for (key, value) in positive {
            if value == 0 {
                return Err(self.error(key, "must be more than zero"));
            }
        }
        if scenario.servers.is_empty() {
            return Err(self.error(
                "servers",
                "names no server; for example [\"nb-b\", \"nb-laio\"]",
            ));
        }
        if scenario.server.chunk.0 > 1 << 30 {
            return Err(self.error("server.chunk", "must be at most 1 GiB"));
        }
        let links = [
            ("network.rtt", scenario.network.rtt.is_some()),
            (
                "network.client_link",
                scenario.network.client_link.is_some(),
            ),
            (
                "network.server_link",
                scenario.network.server_link.is_some(),
            ),
        ];
        for (key, given) in links {
            if given && scenario.network.loopback {
                return Err(self.error(
                    key,
                    "means nothing on loopback: drop it, or network.loopback",
                ));
            }
        }
        Ok(())
    }

    /// The memory holds the processes of every server, and a few pages.
    fn check_memory(&self, point: &Point) -> Result<(), ScenarioError> {
        let memory = point.profile.costs().memory;
        let scenario = &point.scenario;
        let taken = memory.process.0
            + memory.helper.0 * u64::from(scenario.server.helpers)
            + memory.connection.0 * u64::from(scenario.workload.clients);
        let least = taken + 64 * PAGE_BYTES;
        if scenario.cache.memory.0 < least {
            return Err(self.error(
                "cache.memory",
                format!(
                    "{} KiB is too little: server, {} helpers and {} connections take {} KiB \
                     (profile \"{}\", [memory]); give at least {} KiB",
                    scenario.cache.memory.0 >> 10,
                    scenario.server.helpers,
                    scenario.workload.clients,
                    taken >> 10,
                    scenario.machine.profile,
                    (least >> 10) + 1
                ),
            ));
        }
        Ok(())
    }

    fn relative(&self, path: &Path) -> PathBuf {
        self.file
            .parent()
            .map_or_else(|| path.to_owned(), |dir| dir.join(path))
    }

    /// A profile's name and text: one that comes with the program, or a file's.
    fn named_or_file(
        &self,
        key: &str,
        name: &str,
        known: &[&'static str],
    ) -> Result<(PathBuf, String), ScenarioError> {
        let path = self.relative(Path::new(name));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) => {
                let hint = nearest(name, known.iter().copied())
                    .map(|known| format!("; did you mean \"{known}\"?"))
                    .unwrap_or_default();
                Err(self.error(
                    key,
                    format!(
                        "\"{name}\" is none of {known:?}, and {} cannot be read: {error}{hint}",
                        path.display()
                    ),
                ))
            }
        }
    }

    fn profile(&self, name: &str) -> Result<Profile, ScenarioError> {
        let (file, text) = match PROFILES.iter().find(|(known, _)| *known == name) {
            Some((known, text)) => (PathBuf::from(known), (*text).to_owned()),
            None => {
                let known = PROFILES.map(|(known, _)| known);
                self.named_or_file("machine.profile", name, &known)?
            }
        };
        toml::from_str(&text).map_err(|error| ScenarioError::of_toml(&file, &text, &error))
    }

    fn disk(&self, name: &str) -> Result<DiskProfile, ScenarioError> {
        if let Some(disk) = DiskProfile::named(name) {
            return Ok(disk);
        }
        let known: Vec<&'static str> = DiskProfile::names().collect();
        let (file, text) = self.named_or_file("machine.disk", name, &known)?;
        text.parse()
            .map_err(|error| ScenarioError::of_toml(&file, &text, &error))
    }

    fn workload(&self, scenario: &Scenario) -> Result<Workload, ScenarioError> {
        let keys = &scenario.workload;
        let trace = |error: &dyn std::fmt::Display| self.error("workload.trace", error);
        let reader =
            TraceReader::open(self.relative(&keys.trace)).map_err(|error| trace(&error))?;
        let title = reader.metadata().title.clone();
        let sizes = reader.objects().to_vec();
        let sequences = reader.sequences(keys.gap).map_err(|error| trace(&error))?;
        let wanted = keys.requests.unwrap_or(u64::MAX);
        let (mut played, mut requests) = (0, 0);
        for sequence in sequences.iter() {
            if requests >= wanted {
                break;
            }
            requests += sequence.len() as u64;
            played += 1;
        }
        Ok(Workload {
            sizes,
            sequences,
            played,
            requests,
            title,
        })
    }

    fn check_span(&self, point: &Point, workload: &Workload) -> Result<(), ScenarioError> {
        let least = least_span_blocks(&workload.sizes);
        let disk_blocks = point.disk.sectors() * SECTOR_BYTES / PAGE_BYTES;
        let span = point.scenario.files.span.map(|span| span.pages());
        match span {
            Some(span) if span < least => Err(self.error(
                "files.span",
                format!(
                    "the files need {} MiB at least",
                    (least * PAGE_BYTES >> 20) + 1
                ),
            )),
            Some(span) if span > disk_blocks => Err(self.error(
                "files.span",
                format!("the disk has {} MiB only", disk_blocks * PAGE_BYTES >> 20),
            )),
            None if least > disk_blocks => {
                Err(self.error("machine.disk", "the disk is too small for the files"))
            }
            _ => Ok(()),
        }
    }
}

impl Start {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}
