//! The threads of a timeline: which span is drawn on which, and what it is called there.

use std::collections::BTreeMap;

use sim::machine::cpu::{ProcId, Role};
use sim::machine::timeline::{Span, Timeline, Track};
use sim::scenario::{Server, Structure};

/// What the recorder calls a step without a call.
const WAITING: &str = "wait for work";

/// The threads on which the spans of one server are drawn.
pub(super) struct Tracks {
    /// Numbers and names.
    by_lane: BTreeMap<(Track, u32), (u32, String)>,
    /// The track of each span and its lane there: on one, no two overlap.
    places: Vec<(Track, u32)>,
}

impl Tracks {
    /// Those of `timeline`, numbered from `next` on.
    pub(super) fn of(server: Server, timeline: &Timeline, next: &mut u32) -> Self {
        let lanes = lanes(&timeline.spans);
        let spans = timeline.spans.iter().zip(lanes);
        let places: Vec<(Track, u32)> = spans.map(|(span, lane)| (span.track, lane)).collect();
        let unnamed = places.iter().map(|place| (*place, (0, String::new())));
        let mut by_lane: BTreeMap<(Track, u32), (u32, String)> = unnamed.collect();
        for ((track, lane), (tid, name)) in &mut by_lane {
            *tid = *next;
            *next += 1;
            *name = name_of(server, timeline, *track);
            if *lane > 0 {
                name.push_str(&format!(", lane {}", lane + 1));
            }
        }
        Self { by_lane, places }
    }

    /// Numbers and names, from the top.
    pub(super) fn threads(&self) -> Vec<(u32, &str)> {
        let threads = self.by_lane.values();
        threads.map(|(tid, name)| (*tid, name.as_str())).collect()
    }

    /// The thread on which the span of this index is drawn.
    pub(super) fn thread(&self, span: usize) -> u32 {
        self.by_lane[&self.places[span]].0
    }
}

/// The first lane of its disk on which each span is apart from those before. A device that serves
/// several requests at a time needs several; processes do one thing after the other, and clients'
/// spans may overlap.
fn lanes(spans: &[Span]) -> Vec<u32> {
    let mut ends: BTreeMap<u32, Vec<u64>> = BTreeMap::new();
    let lane = |span: &Span| {
        let Track::Disk(disk) = span.track else {
            return 0;
        };
        let ends = ends.entry(disk).or_default();
        let free = ends.iter().position(|end| *end <= span.from.0);
        let lane = free.unwrap_or(ends.len());
        ends.resize(ends.len().max(lane + 1), 0);
        ends[lane] = span.to.0;
        lane as u32
    };
    spans.iter().map(lane).collect()
}

fn name_of(server: Server, timeline: &Timeline, track: Track) -> String {
    match track {
        Track::Disk(disk) => format!("disk {disk}"),
        Track::Client(client) => format!("client {client}"),
        Track::Process(process) => {
            let mut roles = timeline.roles.iter();
            let role = roles.find(|(proc, _)| *proc == ProcId(process));
            role.map_or_else(
                || format!("process {process}"),
                |(_, role)| named(server, *role),
            )
        }
    }
}

/// What was done: a worker that issues no call of its own takes and finishes those of its loop.
pub(super) fn what(timeline: &Timeline, span: &Span) -> &'static str {
    let Track::Process(process) = span.track else {
        return span.what;
    };
    let role = timeline.roles.iter().find(|(proc, _)| proc.0 == process);
    match role {
        Some((_, Role::Worker { .. })) if span.what == WAITING => "take or finish a call",
        _ => span.what,
    }
}

fn named(server: Server, role: Role) -> String {
    match role {
        Role::Generator => "load generator".to_owned(),
        Role::Loop(0) => "loop".to_owned(),
        Role::Loop(copy) => format!("loop of copy {copy}"),
        Role::Worker { copy: 0, index } => format!("{} {index}", worker(server.structure)),
        Role::Worker { copy, index } => {
            format!("{} {index} of copy {copy}", worker(server.structure))
        }
    }
}

fn worker(structure: Structure) -> &'static str {
    match structure {
        Structure::NbLaio | Structure::LaioLaio => "carrier",
        Structure::NbAmped => "helper",
        Structure::NbAmted | Structure::NbAmtedNowait | Structure::Mt => "thread",
        Structure::NbAio => "aio worker",
        Structure::NbUring | Structure::NbUringHybrid => "io_uring worker",
        Structure::Mp => "process",
        Structure::NbB => "worker",
    }
}
