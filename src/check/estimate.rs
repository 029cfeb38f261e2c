//! How many requests a scenario simulates, and about how long that takes.

use std::sync::Arc;
use std::thread::available_parallelism;

use sim::scenario::keys::Start;
use sim::scenario::load::{Loaded, Point, Workload};
use sim::scenario::workload::{Begin, Source};
use sim::workload::synthetic::SessionLaw;

/// Simulated requests per second and core: measured on a small cloud machine with a release
/// build. Scenarios that wait for the disk at every request are slower, those in memory faster.
const SPEED: f64 = 1.5e6;

/// Replications at the least where a precision is asked for (`sim::scenario::experiment`).
const FOR_PRECISION: u32 = 10;

/// A number, and whether it is only known not to be more.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Count {
    number: f64,
    at_most: bool,
}

impl Count {
    fn exactly(number: f64) -> Self {
        Self {
            number,
            at_most: false,
        }
    }
}

/// How many runs there are, in words.
pub(super) fn runs(loaded: &Loaded) -> String {
    let points = loaded.points.len();
    let count = total(loaded, one);
    let servers = super::distinct(loaded.points.iter().map(|point| {
        let servers = &point.scenario.servers;
        format!("{} {}", servers.len(), plural("server", servers.len()))
    }));
    let replications = super::distinct(loaded.points.iter().map(|point| {
        let (least, most) = replications(point);
        match least == most {
            true => format!("{least} {}", plural("replication", least as usize)),
            false => format!("{least} to {most} replications"),
        }
    }));
    let up_to = if count.at_most { "up to " } else { "" };
    let word = plural("point", points);
    format!(
        "{points} {word} x {servers} x {replications} = {up_to}{} runs",
        count.number
    )
}

fn plural(word: &str, count: usize) -> String {
    format!("{word}{}", if count == 1 { "" } else { "s" })
}

/// How many requests are simulated by all runs, and how long that takes, in words.
pub(super) fn in_all(loaded: &Loaded) -> String {
    let requests = total(loaded, in_run);
    let runs = total(loaded, one);
    let cores = available_parallelism().map_or(1, usize::from) as f64;
    let seconds = requests.number / SPEED / cores.min(runs.number);
    let limit = if requests.at_most { "at most " } else { "" };
    format!(
        "In all: {limit}{} simulated requests; roughly {limit}{} on {cores} {}, if each simulates \
         1.5 million a second (a measured rate, not this machine's: expect a factor of 3 either \
         way).",
        rounded(requests.number),
        time(seconds),
        plural("core", cores as usize),
    )
}

/// Two digits are more than is known.
fn time(seconds: f64) -> String {
    let (divisor, unit) = match seconds {
        3600.0.. => (3600.0, "h"),
        60.0.. => (60.0, "min"),
        1.0.. => (1.0, "s"),
        _ => return "a second".to_owned(),
    };
    format!("{:.0} {unit}", seconds / divisor)
}

fn rounded(count: f64) -> String {
    let (divisor, word) = match count {
        1e9.. => (1e9, " billion"),
        1e6.. => (1e6, " million"),
        1e3.. => (1e3, " thousand"),
        _ => (1.0, ""),
    };
    let (number, digits) = (count / divisor, usize::from(count / divisor < 100.0));
    format!("{number:.digits$}{word}").replace(".0", "")
}

/// The sum over all runs.
fn total(loaded: &Loaded, of: impl Fn(&Point, &Workload) -> Count) -> Count {
    let points = loaded.points.iter().zip(&loaded.workloads);
    let of_point = |(point, workload): (&Point, &Arc<Workload>)| {
        let (least, most) = replications(point);
        let one = of(point, workload);
        Count {
            number: one.number * f64::from(most) * point.scenario.servers.len() as f64,
            at_most: one.at_most || least < most,
        }
    };
    points
        .map(of_point)
        .fold(Count::exactly(0.0), |sum, count| Count {
            number: sum.number + count.number,
            at_most: sum.at_most || count.at_most,
        })
}

/// A run is a run.
fn one(_: &Point, _: &Workload) -> Count {
    Count::exactly(1.0)
}

/// The least and the most replications.
fn replications(point: &Point) -> (u32, u32) {
    let run = &point.scenario.run;
    match run.precision {
        None => (run.replications, run.replications),
        Some(_) => {
            let least = run
                .replications
                .max(FOR_PRECISION)
                .min(run.max_replications);
            (least, run.max_replications)
        }
    }
}

/// Requests of one run of one server.
fn in_run(point: &Point, workload: &Workload) -> Count {
    let run = &point.scenario.run;
    if let Some((_, requests)) = workload.played {
        // A warm start plays the whole experiment once before.
        let times = if run.start == Start::Warm { 2.0 } else { 1.0 };
        return Count::exactly(requests as f64 * times);
    }
    let seconds = run.duration.unwrap_or_default().as_secs_f64();
    match point.scenario.workload.begin() {
        Ok(Begin::Law(law)) => Count::exactly(law.mean_rate() * session(point).requests * seconds),
        Ok(Begin::Clients(clients)) => Count {
            number: seconds * server_limit(point).min(f64::from(clients) * client_limit(point)),
            at_most: true,
        },
        Ok(Begin::Trace) | Err(_) => unreachable!("a trace has an end, and keys were checked"),
    }
}

/// Requests per second that the server cannot exceed: each takes a CPU at least one recv, the
/// parsing and one send.
fn server_limit(point: &Point) -> f64 {
    let call = point.profile.costs().call;
    let each = call.recv + call.parse + call.send + point.scenario.server.app_cpu;
    f64::from(point.scenario.machine.cpus) / each.as_secs_f64().max(1e-9)
}

/// Requests per second that a closed client cannot exceed: it pauses between them.
fn client_limit(point: &Point) -> f64 {
    let session = session(point);
    let pauses = session.think.as_secs_f64() * (session.requests - 1.0)
        + session.think_between.as_secs_f64();
    session.requests / pauses
}

fn session(point: &Point) -> SessionLaw {
    match point.scenario.workload.source() {
        Ok(Source::Synthetic(parameters)) => parameters.sessions,
        Ok(Source::Trace(_)) | Err(_) => SessionLaw::PLAIN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_rounded_in_words() {
        assert_eq!(rounded(950.0), "950");
        assert_eq!(rounded(1_234_567.0), "1.2 million");
        assert_eq!(rounded(3e9), "3 billion");
        assert_eq!([time(0.2), time(7200.0)], ["a second", "2 h"]);
    }
}
