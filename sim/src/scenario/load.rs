//! Reads scenarios and the files they name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{ScenarioError, nearest, with_suggestion};
use super::units::BitRate;
use super::{NetworkKeys, Scenario, Server, Start};
use crate::engine::Nanos;
use crate::machine::PAGE_BYTES;
use crate::machine::disk::{DiskProfile, SECTOR_BYTES};
use crate::machine::files::least_span_blocks;
use crate::machine::network::Attachment;
use crate::machine::profile::Profile;
use crate::workload::trace::{Sequences, TraceReader};

/// Machine profiles that come with the program.
const PROFILES: [(&str, &str); 1] = [(
    "epyc-vm",
    include_str!("../../profiles/machines/epyc-vm.toml"),
)];

/// The most clients, helpers or replications: ours, far above any sensible number, so that a
/// slip of the finger is an error rather than a machine without memory.
const MANY: u64 = 1_000_000;

/// The shortest quantum: ours, longer than a context switch, or nothing else would ever happen.
const QUANTUM: Nanos = Nanos::from_micros(10);

/// The slowest link in bits per second: ours, so that the clock cannot overflow.
const LEAST_RATE: f64 = 1e3;

/// The longest quantum and round-trip time: ours, so that the clock cannot overflow.
const MINUTE: Nanos = Nanos(60_000_000_000);

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
        let wrong = |message: String| ScenarioError::of_override(file, key, message);
        put(&mut table, key, parse_value(value)).map_err(wrong)?;
    }
    let title = table["title"].as_str().unwrap_or_default().to_owned();
    let context = Context {
        file,
        text: &text,
        overrides,
        axes: &axes,
    };
    context.check_axes()?;
    let mut points = Vec::new();
    let mut workloads: Vec<Arc<Workload>> = Vec::new();
    for values in combinations(&axes.clone().into_iter().collect::<Vec<_>>()) {
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
        title,
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

/// Puts a value in its place, unless no scenario can have it there.
fn put(table: &mut toml::Table, key: &str, value: toml::Value) -> Result<(), String> {
    if key.split('.').next() == Some("axes") {
        return Err("axes cannot be set; set the key itself, which drops its axis".to_owned());
    }
    replace(table, key, value);
    match scenario_of(table) {
        Ok(_) => Ok(()),
        Err(error) => Err(with_suggestion(error.message())),
    }
}

fn scenario_of(table: &toml::Table) -> Result<Scenario, toml::de::Error> {
    toml::Value::Table(table.clone()).try_into()
}

struct Context<'a> {
    file: &'a Path,
    text: &'a str,
    overrides: &'a [(String, String)],
    axes: &'a BTreeMap<String, Vec<toml::Value>>,
}

/// The most that a server's processes and connections take: a carrier may wait for each client.
fn taken_bytes(point: &Point, server: Server) -> u64 {
    let memory = point.profile.costs().memory;
    let clients = u64::from(point.scenario.workload.clients);
    let workers = match server {
        Server::NbB => 0,
        Server::NbAmped => memory.helper.0 * u64::from(point.scenario.server.helpers),
        Server::NbLaio => memory.carrier.0 * clients,
    };
    memory.process.0 + memory.connection.0 * clients + workers
}

impl Context<'_> {
    /// An error of a key's value, wherever that comes from: an override, an axis, its own place.
    fn error(&self, key: &str, message: impl std::fmt::Display) -> ScenarioError {
        if self.overrides.iter().any(|(given, _)| given == key) {
            return ScenarioError::of_override(self.file, key, message);
        }
        if self.axes.contains_key(key) {
            return self.axis_error(key, message);
        }
        let path: Vec<&str> = key.split('.').collect();
        ScenarioError::of_key(self.file, self.text, &path, message)
    }

    fn axis_error(&self, key: &str, message: impl std::fmt::Display) -> ScenarioError {
        ScenarioError::of_key(self.file, self.text, &["axes", key], message)
    }

    fn check_axes(&self) -> Result<(), ScenarioError> {
        match self.axes.iter().find(|(_, values)| values.is_empty()) {
            Some((key, _)) => Err(self.axis_error(key, "has no values; give one, or drop it")),
            None => Ok(()),
        }
    }

    fn point(&self, table: &toml::Table, values: &Values) -> Result<Point, ScenarioError> {
        let mut table = table.clone();
        for (key, value) in values {
            put(&mut table, key, value.clone())
                .map_err(|message| self.axis_error(key, format!("{value}: {message}")))?;
        }
        let scenario = scenario_of(&table)
            .map_err(|error| ScenarioError::of_toml(self.file, self.text, &error))?;
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
        let clients = u64::from(scenario.workload.clients);
        let replications = u64::from(scenario.run.replications);
        let rtt = scenario.network.rtt.unwrap_or_default();
        let limits = [
            ("workload.clients", clients, 1..=MANY, "from 1 to 1000000"),
            (
                "run.replications",
                replications,
                1..=MANY,
                "from 1 to 1000000",
            ),
            (
                "server.helpers",
                scenario.server.helpers.into(),
                1..=MANY,
                "from 1 to 1000000",
            ),
            (
                "workload.requests",
                scenario.workload.requests.unwrap_or(1),
                1..=u64::MAX,
                "1 or more",
            ),
            (
                "server.chunk",
                scenario.server.chunk.0,
                1..=1 << 30,
                "from 1 B to 1 GiB",
            ),
            (
                "network.send_buffer",
                scenario.network.send_buffer.0,
                1..=1 << 30,
                "from 1 B to 1 GiB",
            ),
            ("network.rtt", rtt.0, 0..=MINUTE.0, "at most 1 min"),
            (
                "machine.quantum",
                scenario.machine.quantum.0,
                QUANTUM.0..=MINUTE.0,
                "from 10 us to 1 min",
            ),
        ];
        for (key, value, range, words) in limits {
            if !range.contains(&value) {
                return Err(self.error(key, format!("must be {words}")));
            }
        }
        if scenario.servers.is_empty() {
            return Err(self.error(
                "servers",
                "names no server; for example [\"nb-b\", \"nb-laio\"]",
            ));
        }
        for (index, server) in scenario.servers.iter().enumerate() {
            if scenario.servers[..index].contains(server) {
                let message = format!("names \"{}\" twice; once is enough", server.name());
                return Err(self.error("servers", message));
            }
        }
        let network = &scenario.network;
        let rates = [
            ("network.client_link", network.client_link),
            ("network.server_link", network.server_link),
        ];
        for (key, rate) in rates {
            if rate
                .and_then(|rate| rate.0)
                .is_some_and(|bits| bits < LEAST_RATE)
            {
                return Err(self.error(key, "must be at least 1 kbit/s"));
            }
        }
        let on_links = rates.map(|(key, rate)| (key, rate.is_some()));
        let on_links = on_links
            .into_iter()
            .chain([("network.rtt", network.rtt.is_some())]);
        for (key, given) in on_links {
            if given && network.loopback {
                let message = "means nothing on loopback: drop it, or network.loopback";
                return Err(self.error(key, message));
            }
        }
        Ok(())
    }

    /// The memory holds the processes of every server, and a few pages: with less, calls that
    /// need several blocks at once would evict each other's for ever.
    fn check_memory(&self, point: &Point) -> Result<(), ScenarioError> {
        let scenario = &point.scenario;
        let taken_by = |server: &Server| taken_bytes(point, *server);
        let Some(server) = scenario.servers.iter().copied().max_by_key(taken_by) else {
            return Ok(());
        };
        let taken = taken_bytes(point, server);
        let least = taken + 64 * PAGE_BYTES;
        if scenario.cache.memory.0 < least {
            return Err(self.error(
                "cache.memory",
                format!(
                    "{} KiB is too little: {} with {} connections and what works for them takes \
                     up to {} KiB (profile \"{}\", [memory]); give at least {} KiB",
                    scenario.cache.memory.0 >> 10,
                    server.name(),
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
        let (played, requests) = sequences.bringing(keys.requests);
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
                    (least * PAGE_BYTES).div_ceil(1 << 20)
                ),
            )),
            Some(span) if span > disk_blocks => Err(self.error(
                "files.span",
                format!("the disk has {} MiB only", (disk_blocks * PAGE_BYTES) >> 20),
            )),
            None if least > disk_blocks => {
                Err(self.error("machine.disk", "the disk is too small for the files"))
            }
            _ => Ok(()),
        }
    }
}

impl NetworkKeys {
    /// How clients are attached, with the defaults where the scenario says nothing.
    pub fn attachment(&self) -> Attachment {
        if self.loopback {
            return Attachment::Loopback;
        }
        Attachment::Links {
            rtt: self.rtt.unwrap_or(Nanos::from_micros(200)),
            client: self.client_link.unwrap_or(BitRate(Some(100e6))),
            server: self.server_link.unwrap_or(BitRate(Some(1e9))),
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
