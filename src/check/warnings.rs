//! What is right but probably not meant.

use sim::engine::Nanos;
use sim::scenario::keys::{RunKeys, ServerKeys};
use sim::scenario::load::{Loaded, Point, Workload};
use sim::scenario::workload::Begin;
use sim::scenario::{Server, Structure};

/// Everything that looks like a mistake, each once.
pub(super) fn of(loaded: &Loaded) -> Vec<String> {
    let mut warnings = axes(loaded);
    for (point, workload) in loaded.points.iter().zip(&loaded.workloads) {
        let of_point = [run(point), machine(point), played(point, workload)];
        for warning in of_point.into_iter().flatten() {
            if !warnings.contains(&warning) {
                warnings.push(warning);
            }
        }
    }
    warnings.extend(unused(loaded));
    warnings
}

fn axes(loaded: &Loaded) -> Vec<String> {
    let has_one_value = |index: &usize| {
        let mut values = loaded.points.iter().map(|point| &point.values[*index].1);
        let first = values.next();
        values.all(|value| Some(value) == first)
    };
    let axes = (0..loaded.axes.len()).filter(has_one_value);
    let warning = |index: usize| {
        let key = &loaded.axes[index];
        format!("axes.\"{key}\" has one value: set {key} itself, or give the axis another value.")
    };
    axes.map(warning).collect()
}

fn run(point: &Point) -> Vec<String> {
    let run = &point.scenario.run;
    let mut warnings = Vec::new();
    if run.replications == 1 && run.precision.is_none() {
        warnings.push(
            "run.replications = 1: no interval is known, and no difference is proved; 5 or more \
             are usual."
                .to_owned(),
        );
    }
    let usual = RunKeys::default().max_replications;
    if run.max_replications != usual && run.precision.is_none() {
        warnings.push(
            "run.max_replications does nothing without run.precision: set that, or \
             run.replications."
                .to_owned(),
        );
    }
    warnings
}

fn machine(point: &Point) -> Vec<String> {
    let (machine, copies) = (&point.scenario.machine, point.scenario.server.copies);
    let mut warnings = Vec::new();
    if machine.cpus > copies && machine.pinned {
        warnings.push(format!(
            "machine.cpus = {}, server.copies = {copies}, machine.pinned: each copy stays on one \
             CPU, so that the others are idle; set server.copies or machine.pinned = false.",
            machine.cpus
        ));
    }
    if copies > machine.cpus {
        warnings.push(format!(
            "server.copies = {copies}, machine.cpus = {}: copies share a CPU and gain nothing by it.",
            machine.cpus
        ));
    }
    if machine.stripe.is_some() && machine.disks == 1 {
        warnings.push("machine.stripe does nothing with machine.disks = 1.".to_owned());
    }
    let paced = point.profile.costs().kernel.pageout_age > Nanos::ZERO;
    if point.scenario.cache.proactive_pageout && !paced {
        warnings.push(format!(
            "cache.proactive_pageout does nothing: the machine profile \"{}\" has \
             kernel.pageout_age = 0.",
            machine.profile
        ));
    }
    warnings
}

fn played(point: &Point, workload: &Workload) -> Vec<String> {
    let keys = &point.scenario.workload;
    let Some((sessions, requests)) = workload.played else {
        return Vec::new();
    };
    let mut warnings = Vec::new();
    match keys.begin() {
        Ok(Begin::Clients(clients)) if clients > sessions => warnings.push(format!(
            "workload.clients = {clients}, but there are {sessions} sessions: some clients never \
             ask for anything."
        )),
        _ => {}
    }
    if keys.requests.is_some_and(|wanted| wanted > requests) {
        warnings.push(format!(
            "workload.requests is more than the trace has: all {requests} are played."
        ));
    }
    warnings
}

/// Keys of `[server]` that differ from their defaults, and that no compared server looks at.
fn unused(loaded: &Loaded) -> Vec<String> {
    let warning = |(key, structures): &(&str, &[Structure])| {
        let is_set = |point: &Point| {
            of_key(&point.scenario.server, key) != of_key(&ServerKeys::default(), key)
        };
        let reads = |server: &Server| structures.contains(&server.structure);
        let mut points = loaded.points.iter();
        let in_vain = points.clone().any(is_set)
            && !points.any(|point| point.scenario.servers.iter().any(reads));
        let readers: Vec<&str> = structures
            .iter()
            .map(|structure| structure.name())
            .collect();
        in_vain.then(|| {
            format!(
                "server.{key} does nothing: it is for {}, and none is compared.",
                readers.join(", ")
            )
        })
    };
    READERS.iter().filter_map(warning).collect()
}

/// The keys that are for some servers only.
const READERS: [(&str, &[Structure]); 10] = [
    ("helpers", &[Structure::NbAmped]),
    ("name_helpers", &[Structure::NbAmped]),
    (
        "name_test",
        &[
            Structure::NbAmped,
            Structure::NbAmtedNowait,
            Structure::NbUringHybrid,
        ],
    ),
    (
        "pool_threads",
        &[Structure::NbAmted, Structure::NbAmtedNowait],
    ),
    ("aio", &[Structure::NbAio]),
    ("aio_workers", &[Structure::NbAio]),
    (
        "uring_workers",
        &[Structure::NbUring, Structure::NbUringHybrid],
    ),
    ("carriers", &[Structure::NbLaio, Structure::LaioLaio]),
    ("processes", &[Structure::Mp]),
    ("threads", &[Structure::Mt]),
];

fn of_key(keys: &ServerKeys, key: &str) -> Option<serde_json::Value> {
    let keys = serde_json::to_value(keys).expect("keys are texts and numbers");
    keys.get(key).cloned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::scenario::reference;

    #[test]
    fn the_keys_for_some_servers_exist() {
        let keys = reference::keys();
        for (key, _) in READERS {
            let name = format!("server.{key}");
            assert!(keys.iter().any(|known| known.name == name), "{name}");
        }
    }
}
