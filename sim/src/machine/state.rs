//! The machine's state, its events, and what all parts of it share: charging time, sleeping,
//! waking.
//!
//! An operation takes effect at the instant it begins and then occupies its CPU for its cost; what
//! it starts elsewhere (a disk request, a message) leaves at the end of that cost, as an event.
//! So whoever is stepped has seen every event up to the instant of its step, and a process may
//! run ahead of the event set for as long as nothing else could interact.

use super::PAGE_BYTES;
use super::cache::{Cache, Policy, readahead::ReadAhead};
use super::cpu::{Activity, Cpu, ProcId, Process, Scheduled};
use super::disk::{Disk, DiskRequest, DiskStats, SECTOR_BYTES};
use super::files::Files;
use super::network::Network;
use super::profile::Costs;
use crate::engine::{Nanos, PendingEvents};
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, OpKind};

/// Pages that the proactive page-out looks at in a step. Ours: a tenth of a megabyte.
const PAGEOUT_PAGES: u32 = 32;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A CPU takes its next step.
    Cpu(u32),
    /// A wake-up from another CPU reaches a process.
    Wake(ProcId),
    /// A request reaches the disk.
    DiskSubmit(u32),
    /// The disk finished the request in service.
    DiskDone,
    /// A finished request's pages are usable.
    DiskReady(u32),
    /// A client starts a sequence.
    Start(u32),
    /// A connection's handshake reaches the server.
    Connected(ConnId),
    /// A request reaches the server.
    Request(ConnId),
    /// A client's hang-up reaches the server.
    HangUp(ConnId),
    /// A connection's send buffer has drained.
    Writable(ConnId),
    /// Bytes of a response reach the client.
    Delivered(ConnId, u32),
    /// The kernel's proactive page-out takes the next pages.
    PageOut,
}

impl Event {
    fn pack(self) -> u64 {
        let word = |kind: u64, a: u32, b: u32| kind << 56 | u64::from(a) << 32 | u64::from(b);
        match self {
            Self::Cpu(cpu) => word(0, 0, cpu),
            Self::Wake(proc) => word(1, 0, proc.0),
            Self::DiskSubmit(io) => word(2, 0, io),
            Self::DiskDone => word(3, 0, 0),
            Self::DiskReady(io) => word(4, 0, io),
            Self::Start(client) => word(5, 0, client),
            Self::Connected(conn) => word(6, 0, conn.0),
            Self::Request(conn) => word(7, 0, conn.0),
            Self::HangUp(conn) => word(8, 0, conn.0),
            Self::Writable(conn) => word(9, 0, conn.0),
            // Connections are fewer than 2^24: a connection takes a hundred bytes at the least.
            Self::Delivered(conn, bytes) => word(10, conn.0, bytes),
            Self::PageOut => word(11, 0, 0),
        }
    }

    fn unpack(word: u64) -> Self {
        let low = word as u32;
        match word >> 56 {
            0 => Self::Cpu(low),
            1 => Self::Wake(ProcId(low)),
            2 => Self::DiskSubmit(low),
            3 => Self::DiskDone,
            4 => Self::DiskReady(low),
            5 => Self::Start(low),
            6 => Self::Connected(ConnId(low)),
            7 => Self::Request(ConnId(low)),
            8 => Self::HangUp(ConnId(low)),
            9 => Self::Writable(ConnId(low)),
            11 => Self::PageOut,
            _ => Self::Delivered(ConnId((word >> 32) as u32 & 0x00ff_ffff), low),
        }
    }
}

/// What a sleeping call waits for: a disk request in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wait(pub u32);

/// A disk request in flight: consecutive pages on consecutive blocks.
#[derive(Clone, Debug, Default)]
struct InFlight {
    first_page: u32,
    pages: u32,
    waiters: Vec<ProcId>,
}

/// What a kind of operation counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpCount {
    /// Operations issued.
    pub issued: u64,
    /// Operations that would block, each counted once.
    pub would_block: u64,
    /// Sleeps of these, or returns of EAGAIN.
    pub sleeps: u64,
}

/// Everything counted since the measured part of a run began.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// By [`OpKind`].
    pub ops: [OpCount; OpKind::ALL.len()],
    /// Operations in which the loop itself slept.
    pub loop_stalls: u64,
    /// Time that it slept in them.
    pub stalled: Nanos,
    /// Operations that went on in the background, each with a continuation.
    pub continuations: u64,
    /// Events taken from the event set.
    pub events: u64,
    /// Steps of processes.
    pub steps: u64,
}

/// What a machine is made of.
pub struct MachineSetup {
    /// Its costs.
    pub costs: Costs,
    /// Number of CPUs.
    pub cpus: usize,
    /// Files on the disk.
    pub files: Files,
    /// Memory for pages, names and processes.
    pub memory_bytes: u64,
    /// Which page is reclaimed.
    pub policy: Policy,
    /// Whether the kernel's proactive page-out is at work, at the pace of the costs' `pageout_age`.
    pub proactive_pageout: bool,
    /// Read-ahead of the disk in bytes.
    pub read_ahead_bytes: u64,
    /// The disk.
    pub disk: Disk,
    /// The CPU that takes the disk's interrupts.
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

/// A machine under simulation.
pub struct Machine {
    pub(crate) costs: Costs,
    pub(crate) cache: Cache,
    pub(crate) files: Files,
    pub(crate) network: Network,
    pub(crate) counters: Counters,
    pub(crate) cpus: Vec<Cpu>,
    pub(crate) disk: Disk,
    pub(crate) conn_files: Vec<OpenFile>,
    pub(crate) helper_files: Vec<OpenFile>,
    pub(crate) read_ahead_pages: u32,
    procs: Vec<Process>,
    events: PendingEvents,
    in_flight: Vec<InFlight>,
    free_in_flight: Vec<u32>,
    disk_cpu: usize,
    quantum: Nanos,
    wakeup_preemption: bool,
    run_ahead: bool,
    /// Time between two steps of the proactive page-out, if it is at work.
    pageout_interval: Option<Nanos>,
    /// The page that it looks at next.
    pageout_hand: u32,
    /// Whether the event loop sleeps for want of work.
    pub(crate) loop_waits: bool,
    /// The instant of the event or step being handled.
    now: Nanos,
    /// CPU time charged by the step so far.
    spent: Nanos,
    /// The CPU being stepped.
    stepping: Option<usize>,
}

/// One open file: which object, and its read-ahead.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OpenFile {
    pub(crate) object: u32,
    pub(crate) read_ahead: ReadAhead,
}

impl Machine {
    /// A machine at time zero, caches empty.
    pub fn new(setup: MachineSetup) -> Self {
        let cache = Cache::new(
            setup.policy,
            setup.memory_bytes,
            setup.files.owners().to_vec(),
            setup.files.names(),
            setup.costs.memory.inode.0,
        );
        let age = setup.costs.kernel.pageout_age;
        let at_work = setup.proactive_pageout && age > Nanos::ZERO;
        let steps = (setup.files.owners().len() as u64).div_ceil(PAGEOUT_PAGES.into());
        let pageout_interval = at_work.then(|| Nanos((age.0 / steps.max(1)).max(1)));
        Self {
            costs: setup.costs,
            cache,
            files: setup.files,
            network: setup.network,
            counters: Counters::default(),
            cpus: vec![Cpu::default(); setup.cpus],
            disk: setup.disk,
            conn_files: Vec::new(),
            helper_files: Vec::new(),
            read_ahead_pages: (setup.read_ahead_bytes / PAGE_BYTES) as u32,
            procs: Vec::new(),
            events: PendingEvents::new(),
            in_flight: Vec::new(),
            free_in_flight: Vec::new(),
            disk_cpu: setup.disk_cpu,
            quantum: setup.quantum,
            wakeup_preemption: setup.wakeup_preemption,
            run_ahead: setup.run_ahead,
            pageout_interval,
            pageout_hand: 0,
            loop_waits: false,
            now: Nanos::ZERO,
            spent: Nanos::ZERO,
            stepping: None,
        }
    }

    /// The instant of the event or step being handled.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The instant at which what the step has done so far is over.
    pub fn local(&self) -> Nanos {
        self.now + self.spent
    }

    /// Occupies the CPU being stepped for `time`.
    /// Outside a step (while a machine is set up) nothing is occupied.
    pub fn charge(&mut self, activity: Activity, time: Nanos) {
        if let Some(cpu) = self.stepping {
            self.spent += time;
            self.cpus[cpu].spent[activity as usize] += time;
        }
    }

    /// Takes memory from the cache for a process, a thread or a connection.
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
        self.events.push(at, event.pack());
    }

    /// Takes the next event; its time becomes the present.
    pub fn next_event(&mut self) -> Option<Event> {
        let (at, word) = self.events.pop()?;
        self.now = at;
        self.counters.events += 1;
        Some(Event::unpack(word))
    }

    /// A new process, asleep, on `cpu`.
    pub fn spawn(&mut self, cpu: usize) -> ProcId {
        let state = Scheduled::Asleep;
        self.procs.push(Process { cpu, state });
        ProcId(self.procs.len() as u32 - 1)
    }

    /// Wakes `proc` out of a step on its own CPU: it joins the queue. Does nothing if it does not
    /// sleep.
    pub fn wake(&mut self, proc: ProcId) {
        let Process { cpu, state } = self.procs[proc.0 as usize];
        debug_assert_eq!(self.stepping, Some(cpu), "workers share the loop's CPU");
        if state == Scheduled::Asleep {
            self.charge(Activity::Switch, self.costs.kernel.wake_same_cpu);
            self.enqueue(proc);
        }
    }

    /// Wakes the loop out of such a step if it sleeps for want of work.
    pub fn wake_if_waiting(&mut self, event_loop: ProcId) {
        if std::mem::take(&mut self.loop_waits) {
            self.wake(event_loop);
        }
    }

    /// Wakes `proc` from the CPU `waker`, another than its own: the wake-up takes its way. Does
    /// nothing if it does not sleep.
    pub fn wake_across(&mut self, proc: ProcId, waker: usize) {
        let Process { cpu, state } = self.procs[proc.0 as usize];
        if state != Scheduled::Asleep {
            return;
        }
        let kernel = self.costs.kernel;
        let (cost, delay) = if self.cpus[cpu].busy {
            (kernel.wake_busy_cpu, Nanos::ZERO)
        } else {
            (kernel.wake_idle_cpu, kernel.wake_idle_delay)
        };
        self.interrupt(waker, cost, Activity::Switch);
        self.procs[proc.0 as usize].state = Scheduled::Waking;
        self.at(self.now + delay, Event::Wake(proc));
    }

    /// Wakes `proc` from an interrupt on its own CPU, which pays for it, or as the end of a
    /// wake-up's way.
    pub fn wake_by_interrupt(&mut self, proc: ProcId, cost: Nanos) {
        let Process { cpu, state } = self.procs[proc.0 as usize];
        match state {
            Scheduled::Asleep | Scheduled::Waking => {
                self.interrupt(cpu, cost, Activity::Switch);
                self.enqueue(proc);
            }
            Scheduled::Queued | Scheduled::Running => {}
        }
    }

    /// Charges an interrupt to `cpu`.
    pub fn interrupt(&mut self, cpu: usize, cost: Nanos, activity: Activity) {
        if cost == Nanos::ZERO {
            return;
        }
        self.cpus[cpu].debt += cost;
        self.cpus[cpu].spent[activity as usize] += cost;
        self.start_if_idle(cpu);
    }

    fn enqueue(&mut self, proc: ProcId) {
        let process = &mut self.procs[proc.0 as usize];
        process.state = Scheduled::Queued;
        let cpu = process.cpu;
        if self.wakeup_preemption {
            self.cpus[cpu].queue.push_front(proc);
            self.cpus[cpu].preempt = true;
        } else {
            self.cpus[cpu].queue.push_back(proc);
        }
        self.start_if_idle(cpu);
    }

    fn start_if_idle(&mut self, cpu: usize) {
        if !self.cpus[cpu].busy {
            self.cpus[cpu].busy = true;
            self.cpus[cpu].cold = true;
            self.at(self.now, Event::Cpu(cpu as u32));
        }
    }

    /// Begins a step of `cpu` at the present: pays its debts and picks a process. `None`: only
    /// debts were paid, or the CPU has nothing to do.
    pub(crate) fn begin_step(&mut self, cpu: usize) -> Option<ProcId> {
        self.stepping = Some(cpu);
        self.spent = std::mem::take(&mut self.cpus[cpu].debt);
        if self.spent > Nanos::ZERO {
            return None;
        }
        let switch_cost = self.costs.kernel.context_switch;
        let state = &mut self.cpus[cpu];
        if state.current.is_some() && !state.queue.is_empty() {
            let quantum_over = self.now >= state.quantum_ends;
            if state.preempt || quantum_over {
                let running = state.current.take().expect("checked above");
                self.procs[running.0 as usize].state = Scheduled::Queued;
                state.queue.push_back(running);
            }
        }
        state.preempt = false;
        if state.current.is_none() {
            let next = state.queue.pop_front()?;
            self.procs[next.0 as usize].state = Scheduled::Running;
            state.current = Some(next);
            state.quantum_ends = self.now + self.quantum;
            if state.last.replace(next) != Some(next) {
                state.switches += 1;
                self.charge(Activity::Switch, switch_cost);
                return None;
            }
        }
        if std::mem::take(&mut self.cpus[cpu].cold) {
            self.charge(Activity::Switch, self.costs.kernel.idle_restart);
        }
        self.counters.steps += 1;
        self.cpus[cpu].current
    }

    /// Ends the step. Returns whether the next one may be taken at once: if nothing else happens
    /// before it begins.
    pub(crate) fn end_step(&mut self, cpu: usize) -> bool {
        self.stepping = None;
        let then = self.local();
        self.spent = Nanos::ZERO;
        let idle = self.cpus[cpu].current.is_none()
            && self.cpus[cpu].queue.is_empty()
            && self.cpus[cpu].debt == Nanos::ZERO;
        if idle && then == self.now {
            self.cpus[cpu].busy = false;
            return false;
        }
        if self.run_ahead && then < self.events.next_time() {
            self.now = then;
            return true;
        }
        self.at(then, Event::Cpu(cpu as u32));
        false
    }

    /// The running process of the step sleeps.
    pub(crate) fn sleep(&mut self, cpu: usize) {
        let proc = self.cpus[cpu].current.take().expect("a process is running");
        self.procs[proc.0 as usize].state = Scheduled::Asleep;
    }

    /// Reads the absent pages among `start..end`, all of one file: one disk request for each run
    /// of consecutive blocks.
    pub(crate) fn read_pages(&mut self, start: u32, end: u32) {
        let mut page = start;
        while page < end {
            if self.cache.peek(page) != super::cache::PageState::Absent {
                page += 1;
                continue;
            }
            let io = self.free_in_flight.pop().unwrap_or_else(|| {
                self.in_flight.push(InFlight::default());
                self.in_flight.len() as u32 - 1
            });
            let first = page;
            loop {
                let reclaimed = self.cache.begin_fill(page, io);
                self.charge(Activity::Miss, self.costs.kernel.miss_page);
                self.charge(Activity::Miss, self.costs.kernel.reclaim_page * reclaimed);
                page += 1;
                let goes_on = page < end
                    && self.files.block(page) == self.files.block(page - 1) + 1
                    && self.cache.peek(page) == super::cache::PageState::Absent;
                if !goes_on {
                    break;
                }
            }
            self.charge(Activity::Miss, self.costs.kernel.disk_submit);
            let request = &mut self.in_flight[io as usize];
            request.first_page = first;
            request.pages = page - first;
            self.at(self.local(), Event::DiskSubmit(io));
        }
    }

    /// Has `proc` woken when what `wait` names is there.
    pub fn await_io(&mut self, wait: Wait, proc: ProcId) {
        self.in_flight[wait.0 as usize].waiters.push(proc);
    }

    pub(crate) fn on_disk_submit(&mut self, io: u32) {
        let sectors_per_page = PAGE_BYTES / SECTOR_BYTES;
        let request = &self.in_flight[io as usize];
        let block = u64::from(self.files.block(request.first_page));
        let request = DiskRequest {
            lbn: block * sectors_per_page,
            sectors: request.pages * sectors_per_page as u32,
            tag: io.into(),
        };
        if let Some(finish) = self.disk.submit(self.now, request) {
            self.at(finish, Event::DiskDone);
        }
    }

    pub(crate) fn on_disk_done(&mut self) {
        let (request, next) = self.disk.complete(self.now);
        if let Some(finish) = next {
            self.at(finish, Event::DiskDone);
        }
        let ready = self.now + self.costs.kernel.disk_path;
        self.at(ready, Event::DiskReady(request.tag as u32));
    }

    pub(crate) fn on_disk_ready(&mut self, io: u32) {
        self.interrupt(
            self.disk_cpu,
            self.costs.kernel.disk_interrupt,
            Activity::Interrupt,
        );
        let request = &mut self.in_flight[io as usize];
        let (first, pages) = (request.first_page, request.pages);
        let mut waiters = std::mem::take(&mut request.waiters);
        for page in first..first + pages {
            self.cache.end_fill(page);
        }
        for proc in waiters.drain(..) {
            self.wake_by_interrupt(proc, self.costs.kernel.wake_same_cpu);
        }
        self.in_flight[io as usize].waiters = waiters;
        self.free_in_flight.push(io);
    }

    /// The proactive page-out begins its work, or goes on with it.
    pub(crate) fn schedule_page_out(&mut self) {
        if let Some(interval) = self.pageout_interval {
            self.at(self.now + interval, Event::PageOut);
        }
    }

    /// It takes the next pages: in the age of a page it comes round once, as its regions do.
    pub(crate) fn page_out(&mut self) {
        let pages = self.files.owners().len() as u32;
        for _ in 0..PAGEOUT_PAGES.min(pages) {
            self.cache.page_out(self.pageout_hand);
            self.pageout_hand = (self.pageout_hand + 1) % pages;
        }
    }

    /// The disk's statistics, up to the present.
    pub fn disk_stats(&mut self) -> DiskStats {
        self.disk.settle(self.now);
        self.disk.stats().clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_packing() {
        let events = [
            Event::Cpu(1),
            Event::Wake(ProcId(9)),
            Event::DiskSubmit(3),
            Event::DiskDone,
            Event::DiskReady(u32::MAX),
            Event::Start(5),
            Event::Connected(ConnId(6)),
            Event::Request(ConnId(7)),
            Event::HangUp(ConnId(8)),
            Event::Writable(ConnId(9)),
            Event::Delivered(ConnId(0x00ff_ffff), u32::MAX),
            Event::PageOut,
        ];
        for event in events {
            assert_eq!(Event::unpack(event.pack()), event);
        }
    }
}
