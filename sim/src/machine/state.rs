//! The machine's state, and what all parts of it share: time, charging it, memory, events.
//!
//! An operation takes effect at the instant it begins and then occupies its CPU for its cost; what
//! it starts elsewhere (a disk request, a message) leaves at the end of that cost, as an event.
//! So whoever is stepped has seen every event up to the instant of its step, and a process may
//! run ahead of the event set for as long as nothing else could interact.

use std::collections::VecDeque;

use super::PAGE_BYTES;
use super::buffers::Buffers;
use super::cache::{Cache, Policy, readahead::ReadAhead};
use super::counters::{Counters, OpCount};
use super::cpu::{Activity, Cpu, Path, ProcId, Process, Role};
use super::disk::{Disk, Started};
use super::events::Event;
use super::files::Files;
use super::network::Network;
use super::profile::Costs;
use super::storage::{InFlight, PAGEOUT_PAGES, STATISTICS_INTERVAL};
use super::timeline::Timeline;
use super::volume::Volume;
use crate::engine::random::Stream;
use crate::engine::{Nanos, PendingEvents};
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, OpKind};

/// What a machine is made of.
pub struct MachineSetup {
    /// Its costs.
    pub costs: Costs,
    /// CPUs of the server; a load generator on this machine has one more.
    pub server_cpus: usize,
    /// Copies of the server.
    pub copies: u32,
    /// Files on the disks.
    pub files: Files,
    /// Pages of files that the disk cannot read, in order.
    pub unreadable: Vec<u32>,
    /// Memory for pages, names and processes.
    pub memory_bytes: u64,
    /// Which page is reclaimed.
    pub policy: Policy,
    /// From which a policy that draws its victims does.
    pub victims: Stream,
    /// Where the kernel's gathering of statistics is in its turn when the run begins, from 0 to 1,
    /// for a policy that goes by them.
    pub statistics_phase: f64,
    /// Whether the kernel's proactive page-out is at work, at the pace of the costs' `pageout_age`.
    pub proactive_pageout: bool,
    /// Read-ahead of the disk in bytes.
    pub read_ahead_bytes: u64,
    /// The disks.
    pub disks: Vec<Disk>,
    /// Which of them holds what.
    pub volume: Volume,
    /// The CPU that takes the disks' interrupts.
    pub disk_cpu: usize,
    /// Connections and links.
    pub network: Network,
    /// Length of a quantum.
    pub quantum: Nanos,
    /// Whether a woken process preempts the running one.
    pub wakeup_preemption: bool,
    /// Whether processes run ahead of the event set (same results, fewer events).
    pub run_ahead: bool,
}

/// What has begun on a machine and not ended: nothing of it is left once all clients have gone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Unfinished {
    /// Connections that server or client still have, or that an event is still to name.
    pub connections: u32,
    /// Memory of connections and of what stands in their send buffers.
    pub lent: Bytes,
    /// Disk requests in flight.
    pub disk_requests: u32,
}

/// The event loop of a copy of the server, as the kernel sees it.
#[derive(Debug)]
pub(super) struct Loop {
    pub(super) proc: ProcId,
    /// Whether it sleeps for want of work.
    pub(super) waits: bool,
    /// Calls that it is to go on with.
    pub(super) task_work: VecDeque<u32>,
}

/// A machine under simulation.
pub struct Machine {
    pub(crate) costs: Costs,
    pub(crate) cache: Cache,
    pub(crate) files: Files,
    pub(crate) network: Network,
    pub(crate) counters: Counters,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) read_ahead_pages: u32,
    /// What happens when, if somebody wants to see it.
    pub(crate) timeline: Option<Box<Timeline>>,
    /// Memory of connections and of what stands in their send buffers.
    pub(super) lent: Bytes,
    pub(super) conn_files: Vec<OpenFile>,
    pub(super) worker_files: Vec<OpenFile>,
    pub(super) buffers: Buffers,
    pub(super) server_cpus: usize,
    pub(super) procs: Vec<Process>,
    pub(super) loops: Vec<Loop>,
    /// Copies whose loops wait for work, the longest first.
    pub(super) waiting_loops: VecDeque<u32>,
    pub(super) events: PendingEvents,
    pub(super) disks: Vec<Disk>,
    pub(super) volume: Volume,
    pub(super) started: Vec<Started>,
    pub(super) in_flight: Vec<InFlight>,
    pub(super) free_in_flight: Vec<u32>,
    pub(super) unreadable: Vec<u32>,
    pub(super) disk_cpu: usize,
    pub(super) quantum: Nanos,
    pub(super) wakeup_preemption: bool,
    pub(super) run_ahead: bool,
    /// Time between two steps of the proactive page-out, if it is at work.
    pub(super) pageout_interval: Option<Nanos>,
    /// The page that it looks at next.
    pub(super) pageout_hand: u32,
    /// Since when statistics were gathered when the machine began, if the policy goes by them.
    pub(super) statistics_since: Option<Nanos>,
    /// The instant of the event or step being handled.
    pub(super) now: Nanos,
    /// CPU time charged by the step so far.
    pub(super) spent: Nanos,
    /// The CPU being stepped.
    pub(super) stepping: Option<usize>,
}

/// One open file: which object, its read-ahead, its mapping.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenFile {
    pub(crate) object: u32,
    pub(crate) read_ahead: ReadAhead,
    /// Mapped, and not touched up to this page (counted in the file).
    pub(crate) untouched_from: u32,
}

impl Machine {
    /// A machine at time zero, caches empty, the process of each copy's loop asleep on its CPU:
    /// the copies take the CPUs in turn.
    pub fn new(setup: MachineSetup) -> Self {
        let cache = Cache::new(
            setup.policy,
            setup.memory_bytes,
            std::sync::Arc::clone(setup.files.owners()),
            setup.files.names(),
            setup.costs.memory.inode.0,
            setup.victims,
        );
        let age = setup.costs.kernel.pageout_age;
        let at_work = setup.proactive_pageout && age > Nanos::ZERO;
        let steps = (setup.files.owners().len() as u64).div_ceil(PAGEOUT_PAGES.into());
        let pageout_interval = at_work.then(|| Nanos((age.0 / steps.max(1)).max(1)));
        let since = Nanos((STATISTICS_INTERVAL.0 as f64 * setup.statistics_phase) as u64);
        let statistics_since = (setup.policy == Policy::Linux).then_some(since);
        let generators = usize::from(setup.network.is_loopback());
        Self {
            costs: setup.costs,
            cache,
            files: setup.files,
            network: setup.network,
            counters: Counters::default(),
            cpus: vec![Cpu::default(); setup.server_cpus + generators],
            read_ahead_pages: (setup.read_ahead_bytes / PAGE_BYTES) as u32,
            timeline: None,
            lent: Bytes(0),
            conn_files: Vec::new(),
            worker_files: Vec::new(),
            buffers: Buffers::default(),
            server_cpus: setup.server_cpus,
            procs: Vec::new(),
            loops: Vec::new(),
            waiting_loops: VecDeque::new(),
            events: PendingEvents::new(),
            disks: setup.disks,
            volume: setup.volume,
            started: Vec::new(),
            in_flight: Vec::new(),
            free_in_flight: Vec::new(),
            unreadable: setup.unreadable,
            disk_cpu: setup.disk_cpu,
            quantum: setup.quantum,
            wakeup_preemption: setup.wakeup_preemption,
            run_ahead: setup.run_ahead,
            pageout_interval,
            pageout_hand: 0,
            statistics_since,
            now: Nanos::ZERO,
            spent: Nanos::ZERO,
            stepping: None,
        }
    }

    /// Adds the process of the next copy's event loop, waiting for work, on `cpu`.
    pub(crate) fn add_loop(&mut self, cpu: usize, pinned: bool) -> ProcId {
        let copy = self.loops.len() as u32;
        let proc = self.spawn(Role::Loop(copy), cpu, pinned);
        self.loops.push(Loop {
            proc,
            waits: false,
            task_work: VecDeque::new(),
        });
        self.loop_waits(copy);
        proc
    }

    /// The instant of the event or step being handled.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The instant at which what the step has done so far is over.
    pub fn local(&self) -> Nanos {
        self.now + self.spent
    }

    /// Number of CPUs of the server; a load generator on this machine has the one after them.
    pub fn server_cpus(&self) -> usize {
        self.server_cpus
    }

    /// Occupies the CPU being stepped for `time`.
    /// Outside a step (while a machine is set up) nothing is occupied.
    pub fn charge(&mut self, activity: Activity, time: Nanos) {
        if let Some(cpu) = self.stepping {
            self.spent += time;
            self.cpus[cpu].spent[activity as usize] += time;
        }
    }

    /// The CPU takes `path`, of which it has lost the more the longer ago it last did, if it was
    /// idle since.
    pub(crate) fn take_path(&mut self, path: Path, activity: Activity) {
        let (cpu, now) = (self.stepping_cpu(), self.local());
        let idle = &self.costs.idle;
        let curve = match path {
            Path::Connect => Some(&idle.connect),
            Path::Miss => Some(&idle.miss),
            Path::Handoff => Some(&idle.handoff),
            Path::Laio => Some(&idle.laio),
            Path::Aio => idle.aio.as_ref(),
            Path::Uring => idle.uring.as_ref(),
        };
        let curve = curve.expect("checked with the scenario");
        if let Some(since) = self.cpus[cpu].take_path(path, now) {
            self.charge(activity, curve.after(since));
        }
    }

    /// Takes memory from the cache for a connection or what it sends, for a while.
    pub(super) fn lend(&mut self, bytes: Bytes) {
        self.lent.0 += bytes.0;
        self.reserve(bytes);
    }

    /// Gives such memory back.
    pub(super) fn take_back(&mut self, bytes: Bytes) {
        self.lent.0 -= bytes.0;
        self.cache.release(bytes.0);
    }

    /// What has begun on the machine and not ended.
    pub fn unfinished(&self) -> Unfinished {
        Unfinished {
            connections: self.network.open_connections(),
            lent: self.lent,
            disk_requests: (self.in_flight.len() - self.free_in_flight.len()) as u32,
        }
    }

    /// Takes memory from the cache for a process, a thread or a carrier.
    pub fn reserve(&mut self, bytes: Bytes) {
        let reclaimed = self.cache.reserve(bytes.0);
        self.charge(Activity::Miss, self.costs.kernel.reclaim_page * reclaimed);
    }

    /// What was counted for a kind of operation.
    pub fn count(&mut self, kind: OpKind) -> &mut OpCount {
        &mut self.counters.ops[kind as usize]
    }

    /// Has `event` happen at `at`.
    pub fn at(&mut self, at: Nanos, event: Event) {
        if let Some(conn) = event.conn() {
            self.network.will_be_named(conn);
        }
        self.events.push(at, event.pack());
    }

    /// Takes the next event; its time becomes the present.
    pub fn next_event(&mut self) -> Option<Event> {
        let (at, word) = self.events.pop()?;
        self.now = at;
        self.counters.events += 1;
        Some(Event::unpack(word))
    }

    /// The open file of a connection.
    pub(super) fn conn_file(&mut self, conn: ConnId) -> &mut OpenFile {
        slot(&mut self.conn_files, conn.0)
    }

    /// The open file that a worker has for itself.
    pub(super) fn worker_file(&mut self, proc: ProcId) -> &mut OpenFile {
        slot(&mut self.worker_files, proc.0)
    }
}

/// The entry with this index, made if there is none.
pub(super) fn slot<T: Default>(table: &mut Vec<T>, index: u32) -> &mut T {
    let index = index as usize;
    if table.len() <= index {
        table.resize_with(index + 1, T::default);
    }
    &mut table[index]
}
