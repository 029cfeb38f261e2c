//! What a run measured.

use super::Run;
use crate::engine::Nanos;
use crate::machine::cache::CacheStats;
use crate::machine::cpu::Activity;
use crate::machine::disk::DiskStats;
use crate::machine::network::Attachment;
use crate::machine::timeline::Timeline;
use crate::machine::{Counters, Unfinished};
use crate::scenario::load::Point;
use crate::server::script::Request;
use crate::server::structure::SimServer;
use crate::stats::warmup::Bin;

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Answered: with the object, or "not modified".
    Answered,
    /// Answered that there is no such object (404).
    NotFound,
    /// The server dropped the connection: it could not read the file (EIO).
    Broken,
    /// The client lost patience and reset the connection.
    Abandoned,
    /// The client never got a connection: the backlog was full every time.
    Refused,
}

impl Fate {
    /// Whether the client got an answer.
    pub fn is_answered(self) -> bool {
        matches!(self, Self::Answered | Self::NotFound)
    }

    /// The word in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Answered => "answered",
            Self::NotFound => "not_found",
            Self::Broken => "broken",
            Self::Abandoned => "abandoned",
            Self::Refused => "refused",
        }
    }
}

/// Requests that did not end with what was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Failures {
    /// Answered that there is no such object.
    pub not_found: u64,
    /// Not answered: the server dropped the connection.
    pub broken: u64,
    /// Not answered: the client lost patience.
    pub abandoned: u64,
    /// Not answered: never connected.
    pub refused: u64,
}

impl Failures {
    pub(super) fn count(&mut self, fate: Fate) {
        match fate {
            Fate::Answered => {}
            Fate::NotFound => self.not_found += 1,
            Fate::Broken => self.broken += 1,
            Fate::Abandoned => self.abandoned += 1,
            Fate::Refused => self.refused += 1,
        }
    }

    /// Requests without an answer.
    pub fn unanswered(&self) -> u64 {
        self.broken + self.abandoned + self.refused
    }

    fn since(self, earlier: Self) -> Self {
        Self {
            not_found: self.not_found - earlier.not_found,
            broken: self.broken - earlier.broken,
            abandoned: self.abandoned - earlier.abandoned,
            refused: self.refused - earlier.refused,
        }
    }
}

/// One request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestRecord {
    /// Who made it.
    pub client: u32,
    /// In which of the client's sessions, from 0.
    pub session: u32,
    /// Which of the session's requests, from 0.
    pub index: u32,
    /// What was asked for.
    pub request: Request,
    /// When it was sent, from the beginning of the measured part.
    pub sent_at: Nanos,
    /// From then to the end of the response, or until it was given up.
    pub response_time: Nanos,
    /// What became of it.
    pub fate: Fate,
}

/// What was counted up to an instant.
#[derive(Clone, Debug)]
pub struct Totals {
    /// The instant.
    pub at: Nanos,
    responses: usize,
    failures: Failures,
    bytes: u64,
    counters: Counters,
    cache: CacheStats,
    cached_page_bytes: u64,
    disk: DiskStats,
    server_cpu: [Nanos; Activity::ALL.len()],
    client_cpu: Nanos,
    switches: u64,
    in_system: u128,
}

/// A run as it was played.
#[derive(Clone, Debug)]
pub struct Played {
    /// What was counted at the beginning, at each note, at the end.
    pub totals: Vec<Totals>,
    /// Response time of every answered request, in order of completion.
    pub responses: Vec<Nanos>,
    /// Every request, if they were to be kept.
    pub records: Option<Vec<RequestRecord>>,
    /// Its timeline, if that was to be kept.
    pub timeline: Option<Box<Timeline>>,
    /// What had begun and not ended when it was over: of a terminating run nothing.
    pub unfinished: Unfinished,
}

/// What one run, or the part of it that counts, measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// Its length; of a terminating run from the first request to the end of the last response.
    pub elapsed: Nanos,
    /// Response time of every answered request, in order of completion.
    pub responses: Vec<Nanos>,
    /// Requests that did not end with what was asked for.
    pub failures: Failures,
    /// Bytes sent to clients.
    pub bytes: u64,
    /// Operations, stalls, continuations.
    pub counters: Counters,
    /// The cache's look-ups.
    pub cache: CacheStats,
    /// Pages in the cache at the end, in bytes.
    pub cached_page_bytes: u64,
    /// The disks' work.
    pub disk: DiskStats,
    /// Number of disks.
    pub disks: u32,
    /// CPU time of the server's CPUs, by [`Activity`].
    pub server_cpu: [Nanos; Activity::ALL.len()],
    /// Number of the server's CPUs.
    pub cpus: u32,
    /// CPU time of the load generator's CPU, if it is on this machine.
    pub client_cpu: Nanos,
    /// Context switches on the server's CPUs.
    pub switches: u64,
    /// Number of requests in the system, integrated over time in request-nanoseconds.
    pub in_system: u128,
    /// How clients are attached.
    pub attachment: Attachment,
    /// Number of closed clients, if they are closed.
    pub clients: Option<u32>,
}

impl Played {
    /// What was measured from the note `from` on; 0 leaves nothing out.
    pub fn measured(&self, from: usize, point: &Point) -> Measured {
        let (start, end) = (&self.totals[from], self.end());
        let scenario = &point.scenario;
        let cpu = |i: usize| end.server_cpu[i] - start.server_cpu[i];
        Measured {
            elapsed: end.at - start.at,
            responses: self.responses[start.responses..end.responses].to_vec(),
            failures: end.failures.since(start.failures),
            bytes: end.bytes - start.bytes,
            counters: end.counters.since(&start.counters),
            cache: end.cache.since(&start.cache),
            cached_page_bytes: end.cached_page_bytes,
            disk: end.disk.since(&start.disk),
            disks: scenario.machine.disks,
            server_cpu: std::array::from_fn(cpu),
            cpus: scenario.machine.cpus,
            client_cpu: end.client_cpu - start.client_cpu,
            switches: end.switches - start.switches,
            in_system: end.in_system - start.in_system,
            attachment: scenario.network.attachment(),
            clients: scenario.workload.clients,
        }
    }

    fn end(&self) -> &Totals {
        self.totals.last().expect("a run has an end")
    }

    /// Response times between each two notes.
    pub fn bins(&self) -> Vec<Bin> {
        let bin = |pair: &[Totals]| {
            let times = &self.responses[pair[0].responses..pair[1].responses];
            Bin {
                count: times.len() as u64,
                total_ns: times.iter().map(|time| u128::from(time.0)).sum(),
            }
        };
        self.totals.windows(2).map(bin).collect()
    }
}

impl<S: SimServer> Run<'_, S> {
    /// What was counted up to the present.
    pub(super) fn total(&mut self) -> Totals {
        let now = self.machine.now().max(self.counted_to);
        self.count_to(now);
        let machine = &mut self.machine;
        let (server, client) = machine.cpus.split_at(machine.server_cpus());
        let spent = |i: usize| server.iter().map(|cpu| cpu.spent[i]).sum();
        Totals {
            at: now,
            responses: self.responses.len(),
            failures: self.failures,
            bytes: self.bytes,
            counters: machine.counters.clone(),
            cache: machine.cache.stats(),
            cached_page_bytes: machine.cache.page_bytes(),
            server_cpu: std::array::from_fn(spent),
            client_cpu: client.iter().map(|cpu| cpu.busy_time()).sum(),
            switches: server.iter().map(|cpu| cpu.switches).sum(),
            disk: machine.disk_stats(),
            in_system: self.in_system,
        }
    }
}
