//! A run as JSON: what is needed to run it again, and with its results everything there is.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Map, Value, json};
use sim::scenario::experiment::{PointRuns, RunResult, WarmUpCut};
use sim::scenario::load::Loaded;
use sim::scenario::profiles::validation_of;
use sim::stats::METRICS;

use super::outcome::{Done, Outcome};
use super::paper::Line;
use crate::bottleneck::Bottleneck;
use crate::tidy::Summary;

/// The commit that the program was built from, where the build says so in `LAIOSIM_COMMIT`.
pub(crate) const COMMIT: Option<&str> = option_env!("LAIOSIM_COMMIT");

/// What is to be recorded.
pub(super) struct Record<'a> {
    /// The scenario.
    pub(super) loaded: &'a Loaded,
    /// What came of it.
    pub(super) outcome: &'a Outcome,
    /// The scenario's file, as the command line has it.
    pub(super) scenario: &'a Path,
    /// What the command line puts in the place of the scenario's keys.
    pub(super) overrides: &'a [(String, String)],
}

impl Record<'_> {
    /// What is needed to run it again.
    pub(super) fn run(&self) -> Value {
        let (loaded, outcome) = (self.loaded, self.outcome);
        let overrides = self.overrides.iter();
        let overrides = overrides.map(|(key, value)| json!({ "key": key, "value": value }));
        json!({
            "program": "laiosim",
            "version": env!("CARGO_PKG_VERSION"),
            "commit": COMMIT,
            "command": self.command(),
            "title": loaded.title,
            "scenario": { "file": self.scenario.to_string_lossy(), "text": loaded.text },
            "overrides": overrides.collect::<Vec<_>>(),
            "seed": loaded.points[0].scenario.run.seed,
            "points": (0..loaded.points.len()).map(|at| self.point(at)).collect::<Vec<_>>(),
            "profiles": self.profiles(),
            "complete": outcome.cut.is_none(),
            "runs": { "planned": outcome.planned, "complete": outcome.done() },
        })
    }

    /// The same with every result.
    pub(super) fn whole(&self, notes: &[String]) -> Value {
        let mut record = self.run();
        record["notes"] = json!(notes);
        for done in &self.outcome.points {
            record["points"][done.runs.point]["results"] = results(done);
        }
        record
    }

    /// The command line, without what changes no figure.
    fn command(&self) -> Vec<String> {
        let scenario = self.scenario.to_string_lossy().into_owned();
        let mut words = vec!["laiosim".to_owned(), "run".to_owned(), scenario];
        for (key, value) in self.overrides {
            words.extend(["--set".to_owned(), format!("{key}={value}")]);
        }
        words
    }

    fn point(&self, index: usize) -> Value {
        let (point, workload) = (&self.loaded.points[index], &self.loaded.workloads[index]);
        let done = self.outcome.points.get(index);
        let axes = point.values.iter().map(|(key, value)| (key, value));
        let replications = |done: &Done| done.runs.servers.first().map_or(0, |of| of.runs.len());
        json!({
            "axes": axes.collect::<BTreeMap<_, _>>(),
            "profile": point.scenario.machine.profile,
            "disk": point.scenario.machine.disk,
            "workload": workload.title,
            "requests": workload.played.map(|(_, requests)| requests),
            "seed": point.scenario.run.seed,
            "replications": done.map_or(0, replications),
            "complete": done.is_some_and(|done| done.runs.complete),
            "precise": done.and_then(|done| done.runs.precise),
            "warm_up": done.map(|done| warm_up(&done.runs)),
        })
    }

    /// Every machine profile in full, with its provenance, by its name in the scenario.
    fn profiles(&self) -> BTreeMap<&str, Value> {
        let profiles = self.loaded.points.iter().map(|point| {
            let profile = serde_json::to_value(&*point.profile);
            let mut profile = profile.expect("a profile is names, texts and numbers");
            let name = point.scenario.machine.profile.as_str();
            profile["validation"] = json!(validation_of(name));
            (name, profile)
        });
        profiles.collect()
    }
}

fn warm_up(runs: &PointRuns) -> Value {
    match runs.warm_up {
        WarmUpCut::Nothing => json!({ "left_out": 0.0 }),
        WarmUpCut::Share(share) => json!({ "left_out": share }),
        WarmUpCut::NotSteady => json!({ "left_out": 0.5, "steady": false }),
    }
}

fn results(done: &Done) -> Value {
    let servers = done.runs.servers.iter().map(|of| {
        let own = done.summaries.iter().filter(|it| it.server == of.server);
        json!({
            "server": of.server.name(),
            "bottleneck": (of.done() > 0).then(|| Bottleneck::of(of).name()),
            "summary": own.map(summary).collect::<Map<_, _>>(),
            "runs": of.runs.iter().enumerate().filter_map(run).collect::<Vec<_>>(),
        })
    });
    json!({
        "says": done.says,
        "paper": done.paper.iter().map(Line::json).collect::<Vec<_>>(),
        "servers": servers.collect::<Vec<_>>(),
    })
}

fn summary(of: &Summary) -> (String, Value) {
    let estimate = of.estimate;
    let value = json!({
        "mean": estimate.map(|it| it.mean),
        "half_width_95": estimate.and_then(|it| it.half_width),
        "replications": of.replications,
        "complete": of.complete,
        "difference_to_best": of.difference.map(|it| it.mean),
        "difference_half_width_95": of.difference.and_then(|it| it.half_width),
    });
    (of.metric.clone(), value)
}

fn run((replication, run): (usize, &Option<RunResult>)) -> Option<Value> {
    let metrics = METRICS.iter().zip(&run.as_ref()?.metrics);
    let metrics = metrics.map(|(metric, value)| (metric.name(), json!(value)));
    Some(json!({
        "replication": replication,
        "metrics": metrics.collect::<Map<_, _>>(),
    }))
}
