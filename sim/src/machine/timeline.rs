//! What happened when, for whoever wants to see it: spans of processes, disks and requests.
//!
//! Recorded only where asked for; a run is the same with and without it.

use super::cpu::{ProcId, Role};
use super::state::Machine;
use crate::engine::Nanos;

/// Whose span it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Track {
    /// A process on its CPU.
    Process(u32),
    /// A disk.
    Disk(u32),
    /// A client's requests.
    Client(u32),
}

/// From when to when something was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub track: Track,
    /// What was done.
    pub what: &'static str,
    /// Its beginning.
    pub from: Nanos,
    /// Its end.
    pub to: Nanos,
    /// The object, connection or page concerned; the names of the spans say which.
    pub detail: u32,
}

/// The first spans of a run.
#[derive(Clone, Debug)]
pub struct Timeline {
    /// In order of their recording.
    pub spans: Vec<Span>,
    /// What each process is.
    pub roles: Vec<(ProcId, Role)>,
    /// Spans that were not kept.
    pub left_out: u64,
    at_most: usize,
    /// What the process being stepped does.
    pub(super) doing: &'static str,
}

impl Timeline {
    /// A timeline of `at_most` spans.
    pub fn new(at_most: usize) -> Self {
        Self {
            spans: Vec::new(),
            roles: Vec::new(),
            left_out: 0,
            at_most,
            doing: "",
        }
    }

    /// Forgets the spans, of a part that is not measured.
    pub(crate) fn clear(&mut self) {
        self.spans.clear();
        self.left_out = 0;
    }

    /// Keeps a span.
    pub fn record(&mut self, span: Span) {
        if self.spans.len() < self.at_most {
            self.spans.push(span);
        } else {
            self.left_out += 1;
        }
    }
}

impl Machine {
    /// What the processes do.
    pub(crate) fn roles(&self) -> Vec<(ProcId, Role)> {
        let roles = self.procs.iter().enumerate();
        roles
            .map(|(index, process)| (ProcId(index as u32), process.role))
            .collect()
    }

    /// The process being stepped does `what`.
    pub(super) fn doing(&mut self, what: &'static str) {
        if let Some(timeline) = &mut self.timeline {
            timeline.doing = what;
        }
    }

    /// Keeps the step that `proc` has taken, if it took time.
    pub(crate) fn note_step(&mut self, proc: ProcId) {
        let (from, to) = (self.now(), self.local());
        let Some(timeline) = &mut self.timeline else {
            return;
        };
        let what = std::mem::replace(&mut timeline.doing, "wait for work");
        if to > from {
            timeline.record(Span {
                track: Track::Process(proc.0),
                what,
                from,
                to,
                detail: 0,
            });
        }
    }
}
