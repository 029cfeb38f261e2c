//! Reads scenarios and the files they name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::Scenario;
use super::axes::{Axis, parse_value};
use super::check::{self, Wrong};
use super::error::{ScenarioError, nearest, with_suggestion};
use super::extends::Files;
use super::profiles::SHIPPED;
use super::workload::{self, Begin, WorkloadKeys};
use crate::machine::disk::DiskProfile;
use crate::machine::profile::Profile;
use crate::workload::source::Source;
use crate::workload::synthetic::Synthetic;
use crate::workload::trace::TraceReader;

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
    pub disk: Arc<DiskProfile>,
}

/// What is played.
#[derive(Debug)]
pub struct Workload {
    /// Size of every object.
    pub sizes: Vec<u64>,
    /// Where the sessions come from.
    pub source: Source,
    /// How many of them are played, and requests in those; `None`: without end.
    pub played: Option<(u32, u64)>,
    /// The trace's title, or what is drawn.
    pub title: String,
}

/// A scenario with everything it names.
#[derive(Debug)]
pub struct Loaded {
    /// Its file.
    pub file: PathBuf,
    /// The file's text.
    pub text: String,
    /// The files that it extends, directly or not, with their texts.
    pub extended: Vec<(PathBuf, String)>,
    /// Its title.
    pub title: String,
    /// The keys of its axes, in the order of the points' values.
    pub axes: Vec<String>,
    /// Every combination of its axes.
    pub points: Vec<Point>,
    /// The workload of each point, in their order; equal ones are shared.
    pub workloads: Vec<Arc<Workload>>,
}

/// What replaces what a scenario's file says.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Keys (dotted paths) with values as in TOML. A key that is an axis takes this one value.
    pub keys: Vec<(String, String)>,
    /// Axes: values, or a range; see [`Axis::parse`].
    pub axes: Vec<(String, String)>,
}

impl Overrides {
    /// Keys only.
    pub fn of_keys(keys: &[(String, String)]) -> Self {
        Self {
            keys: keys.to_vec(),
            axes: Vec::new(),
        }
    }
}

/// Reads the scenario at `file`.
///
/// # Errors
/// Whatever is wrong with the scenario or a file that it names, with file, line and key.
pub fn load(file: &Path, overrides: &Overrides) -> Result<Loaded, ScenarioError> {
    let files = Files::read(file)?;
    let mut table = files.keys()?;
    let mut axes = take_axes(&files, &mut table)?;
    for (key, value) in &overrides.keys {
        axes.remove(key);
        let wrong = |message: String| ScenarioError::of_override(file, key, message);
        put(&mut table, key, parse_value(value)).map_err(wrong)?;
    }
    for (key, values) in &overrides.axes {
        let wrong = |message: String| ScenarioError::of_override(file, key, message);
        axes.insert(key.clone(), Axis::parse(values).map_err(wrong)?);
    }
    let context = Context {
        file,
        files: &files,
        overrides,
        axes: &axes,
    };
    context.points(&table)
}

fn take_axes(
    files: &Files,
    table: &mut toml::Table,
) -> Result<BTreeMap<String, Axis>, ScenarioError> {
    let Some(toml::Value::Table(axes)) = table.remove("axes") else {
        return Ok(BTreeMap::new());
    };
    let axis = |(key, values): (String, toml::Value)| match values.try_into() {
        Ok(axis) => Ok((key, axis)),
        Err(error) => {
            let error: toml::de::Error = error;
            Err(files.error(&["axes", &key], error.message()))
        }
    };
    axes.into_iter().map(axis).collect()
}

type Values = Vec<(String, toml::Value)>;

fn combinations(axes: &[(&String, &Axis)]) -> Vec<Values> {
    let Some(((key, values), rest)) = axes.split_first() else {
        return vec![Vec::new()];
    };
    let rest = combinations(rest);
    let with = |value: &toml::Value| {
        let of_value = |tail: &Values| {
            let mut point = vec![((*key).clone(), value.clone())];
            point.extend(tail.iter().cloned());
            point
        };
        rest.iter().map(of_value).collect::<Vec<_>>()
    };
    values.0.iter().flat_map(with).collect()
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
    match key.split('.').next() {
        Some("axes") => {
            return Err("axes cannot be set; set the key itself, which drops its axis".to_owned());
        }
        Some("extends") => return Err("can only stand in the file".to_owned()),
        _ => {}
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
    files: &'a Files,
    overrides: &'a Overrides,
    axes: &'a BTreeMap<String, Axis>,
}

impl Context<'_> {
    /// An error of a key's value, wherever that comes from: an override, an axis, its own place.
    fn error(&self, key: &str, message: impl std::fmt::Display) -> ScenarioError {
        let given = self.overrides.keys.iter().chain(&self.overrides.axes);
        if given.into_iter().any(|(given, _)| given == key) {
            return ScenarioError::of_override(self.file, key, message);
        }
        if self.axes.contains_key(key) {
            return self.axis_error(key, message);
        }
        let path: Vec<&str> = key.split('.').collect();
        self.files.error(&path, message)
    }

    fn wrong(&self, (key, message): Wrong) -> ScenarioError {
        self.error(&key, message)
    }

    fn axis_error(&self, key: &str, message: impl std::fmt::Display) -> ScenarioError {
        if self.overrides.axes.iter().any(|(given, _)| given == key) {
            return ScenarioError::of_override(self.file, key, message);
        }
        self.files.error(&["axes", key], message)
    }

    fn points(&self, table: &toml::Table) -> Result<Loaded, ScenarioError> {
        let mut points: Vec<Point> = Vec::new();
        let mut workloads: Vec<Arc<Workload>> = Vec::new();
        for values in combinations(&self.axes.iter().collect::<Vec<_>>()) {
            let point = self.point(table, &values, points.last())?;
            let same = points.iter().position(|other| plays_same(&point, other));
            let workload = match same {
                Some(index) => Arc::clone(&workloads[index]),
                None => Arc::new(self.workload(&point.scenario)?),
            };
            check::span(&point, &workload).map_err(|wrong| self.wrong(wrong))?;
            workloads.push(workload);
            points.push(point);
        }
        Ok(Loaded {
            file: self.file.to_owned(),
            title: points[0].scenario.title.clone(),
            axes: self.axes.keys().cloned().collect(),
            points,
            workloads,
            text: self.files.text().to_owned(),
            extended: self.files.extended(),
        })
    }

    fn point(
        &self,
        table: &toml::Table,
        values: &Values,
        before: Option<&Point>,
    ) -> Result<Point, ScenarioError> {
        let mut table = table.clone();
        for (key, value) in values {
            put(&mut table, key, value.clone())
                .map_err(|message| self.axis_error(key, format!("{value}: {message}")))?;
        }
        let scenario = scenario_of(&table)
            .map_err(|error| ScenarioError::of_file(self.file, with_suggestion(error.message())))?;
        check::keys(&scenario).map_err(|wrong| self.wrong(wrong))?;
        let machine = &scenario.machine;
        let before = before.filter(|other| other.scenario.machine.profile == machine.profile);
        let profile = match before {
            Some(other) => Arc::clone(&other.profile),
            None => Arc::new(self.profile(&machine.profile)?),
        };
        let before = before.filter(|other| other.scenario.machine.disk == machine.disk);
        let disk = match before {
            Some(other) => Arc::clone(&other.disk),
            None => Arc::new(self.disk(&machine.disk)?),
        };
        let point = Point {
            values: values
                .iter()
                .map(|(key, value)| (key.clone(), text_of(value)))
                .collect(),
            scenario,
            profile,
            disk,
        };
        check::point(&point).map_err(|wrong| self.wrong(wrong))?;
        Ok(point)
    }

    fn relative(&self, path: &Path) -> PathBuf {
        self.file
            .parent()
            .map_or_else(|| path.to_owned(), |dir| dir.join(path))
    }

    /// The text of the profile's file `name`, which is none of the `known` ones.
    fn profile_file(
        &self,
        key: &str,
        name: &str,
        known: &[&str],
    ) -> Result<(PathBuf, String), ScenarioError> {
        let path = self.relative(Path::new(name));
        match std::fs::read_to_string(&path) {
            Ok(text) => Ok((path, text)),
            Err(error) => {
                let end = Path::new(name).file_name().and_then(|name| name.to_str());
                let hint = nearest(end.unwrap_or(name), known.iter().copied())
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
        let shipped = SHIPPED.iter().find(|shipped| shipped.name == name);
        let (file, text) = match shipped {
            Some(shipped) => (PathBuf::from(shipped.name), shipped.text.to_owned()),
            None => {
                let known = SHIPPED.map(|shipped| shipped.name);
                self.profile_file("machine.profile", name, &known)?
            }
        };
        toml::from_str(&text).map_err(|error| ScenarioError::of_toml(&file, &text, &error))
    }

    fn disk(&self, name: &str) -> Result<DiskProfile, ScenarioError> {
        if let Some(disk) = DiskProfile::named(name) {
            return Ok(disk);
        }
        let known: Vec<&'static str> = DiskProfile::names().collect();
        let (file, text) = self.profile_file("machine.disk", name, &known)?;
        text.parse()
            .map_err(|error| ScenarioError::of_toml(&file, &text, &error))
    }

    fn workload(&self, scenario: &Scenario) -> Result<Workload, ScenarioError> {
        let keys = &scenario.workload;
        let wrong = |(key, message): Wrong| self.error(&format!("workload.{key}"), message);
        let (sizes, source, title) = match keys.source().map_err(wrong)? {
            workload::Source::Trace(path) => self.trace(keys, &path)?,
            workload::Source::Synthetic(parameters) => {
                let synthetic = Synthetic::new(&parameters, scenario.run.seed);
                let title = format!(
                    "synthetic: {} objects, {} MiB",
                    parameters.objects,
                    synthetic.footprint_bytes() >> 20
                );
                let sizes = synthetic.sizes().to_vec();
                (sizes, Source::Synthetic(synthetic), title)
            }
        };
        let played = source.bringing(keys.requests);
        Ok(Workload {
            sizes,
            source,
            played,
            title,
        })
    }

    fn trace(
        &self,
        keys: &WorkloadKeys,
        path: &Path,
    ) -> Result<(Vec<u64>, Source, String), ScenarioError> {
        let wrong = |error: &dyn std::fmt::Display| self.error("workload.trace", error);
        let reader = TraceReader::open(self.relative(path)).map_err(|error| wrong(&error))?;
        let title = reader.metadata().title.clone();
        let sizes = reader.objects().to_vec();
        let source = match keys.begin() {
            Ok(Begin::Trace) => {
                let timed = reader.timed_sequences(keys.gap());
                Source::Timed(timed.map_err(|error| wrong(&error))?, keys.time_scale())
            }
            _ => {
                let sequences = reader.sequences(keys.gap());
                Source::Trace(sequences.map_err(|error| wrong(&error))?, keys.think())
            }
        };
        let (sessions, _) = source.bringing(None).expect("a trace has an end");
        if sessions == 0 {
            return Err(wrong(&"the trace has no request"));
        }
        Ok((sizes, source, title))
    }
}

/// Whether two points play the same.
fn plays_same(a: &Point, b: &Point) -> bool {
    let of = |point: &Point| {
        let keys = &point.scenario.workload;
        let at_its_times = matches!(keys.begin(), Ok(Begin::Trace));
        (
            (keys.trace.clone(), keys.synthetic.clone()),
            (keys.gap, keys.requests, keys.think),
            (keys.time_scale, at_its_times),
            keys.synthetic.as_ref().map(|_| point.scenario.run.seed),
        )
    };
    of(a) == of(b)
}
