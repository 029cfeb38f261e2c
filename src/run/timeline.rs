//! `--timeline`: what the processes, the disks and the clients did when.

mod tracks;

use std::io;
use std::path::PathBuf;

use output::files::{OutputError, OutputFile};
use output::timeline::{self as trace, Process, Span as Request};
use sim::machine::timeline::{Timeline, Track};
use sim::run::Keep;
use sim::scenario::Server;
use sim::scenario::experiment::{Conduct, Job, run_all};
use sim::scenario::load::Loaded;

use crate::stop::Stop;
use tracks::Tracks;

/// The first replication of every server at the first point, played once more with a recorder.
/// Those that did not begin before the run was cut short are missing.
pub(super) fn record(
    loaded: &Loaded,
    threads: usize,
    stop: &Stop,
    spans: u32,
) -> Vec<(Server, Timeline)> {
    let how = Conduct {
        threads,
        stop: stop.flag(),
        keep: Keep {
            requests: false,
            spans: spans as usize,
        },
        progress: &|| {},
    };
    let servers = &loaded.points[0].scenario.servers;
    let job = |server| Job {
        point: 0,
        server,
        replication: 0,
    };
    let jobs: Vec<Job> = (0..servers.len()).map(job).collect();
    let played = run_all(loaded, &jobs, &how, |_, played| played.timeline);
    let timelines = servers.iter().zip(played);
    timelines
        .filter_map(|(server, timeline)| Some((*server, *timeline??)))
        .collect()
}

/// Writes the timelines into one file, a process for each server.
///
/// # Errors
/// It cannot be written.
pub(super) fn write(
    file: OutputFile,
    timelines: &[(Server, Timeline)],
) -> Result<PathBuf, OutputError> {
    let path = file.path().to_owned();
    let written = events(io::BufWriter::new(file), timelines);
    let file = written.and_then(|out| out.into_inner().map_err(io::IntoInnerError::into_error));
    match file {
        Ok(file) => file.commit(),
        Err(error) => Err(OutputError::Write { path, error }),
    }
}

/// Servers without a timeline, as the run was cut short before theirs was recorded.
pub(super) fn missing(loaded: &Loaded, timelines: &[(Server, Timeline)]) -> Option<String> {
    let servers = loaded.points[0].scenario.servers.iter();
    let recorded = |server: &Server| timelines.iter().any(|(other, _)| other == server);
    let missing = servers.filter(|server| !recorded(server));
    let names: Vec<String> = missing.map(|server| server.name()).collect();
    (!names.is_empty()).then(|| format!("Cut short: no timeline of {}.", names.join(", ")))
}

/// What did not fit; nothing if all did.
pub(super) fn left_out(timelines: &[(Server, Timeline)]) -> Option<String> {
    let missing = timelines
        .iter()
        .filter(|(_, timeline)| timeline.left_out > 0);
    let each: Vec<String> = missing
        .map(|(server, timeline)| format!("{} of {server}", timeline.left_out))
        .collect();
    (!each.is_empty()).then(|| {
        format!(
            "The timeline has the first spans alone; left out: {} (--timeline-spans).",
            each.join(", ")
        )
    })
}

fn events<W: io::Write>(out: W, timelines: &[(Server, Timeline)]) -> io::Result<W> {
    let mut next = 1;
    let tracks: Vec<Tracks> = timelines
        .iter()
        .map(|(server, timeline)| Tracks::of(*server, timeline, &mut next))
        .collect();
    let names: Vec<String> = timelines.iter().map(|(server, _)| server.name()).collect();
    let threads: Vec<Vec<(u32, &str)>> = tracks.iter().map(Tracks::threads).collect();
    let processes: Vec<Process<'_>> = (1..)
        .zip(names.iter().zip(&threads))
        .map(|(pid, (name, threads))| Process { pid, name, threads })
        .collect();
    let mut json = trace::Timeline::start(out, &processes)?;
    for (pid, ((_, timeline), tracks)) in (1..).zip(timelines.iter().zip(&tracks)) {
        add(&mut json, pid, timeline, tracks)?;
    }
    // Every span is ended where it is begun: none is open.
    json.finish(0)
}

/// Adds the spans of a server, its first at the instant 0.
fn add<W: io::Write>(
    json: &mut trace::Timeline<W>,
    pid: u32,
    timeline: &Timeline,
    tracks: &Tracks,
) -> io::Result<()> {
    let began = timeline.spans.iter().map(|span| span.from.0).min();
    let began = began.unwrap_or(0);
    for (id, span) in (0..).zip(&timeline.spans) {
        let (from, to) = (span.from.0 - began, span.to.0 - began);
        let tid = tracks.thread(id);
        if let Track::Client(_) = span.track {
            let request = Request {
                pid,
                category: "request",
                id: id as u64,
            };
            let object = span.detail.to_string();
            json.begin(request, tid, span.what, from, &[("object", &object)])?;
            json.end(request, to)?;
        } else {
            let what = tracks::what(timeline, span);
            json.complete(trace::Track { pid, tid }, what, from, to - from, &[])?;
        }
    }
    Ok(())
}
