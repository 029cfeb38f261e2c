//! One run: a machine, a server on it, clients that play their sequences to the end.

use std::collections::VecDeque;

use crate::engine::Nanos;
use crate::machine::cache::CacheStats;
use crate::machine::cpu::{Activity, ProcId};
use crate::machine::disk::DiskStats;
use crate::machine::network::Attachment;
use crate::machine::{Counters, Event, Machine, PAGE_BYTES};
use crate::server::io::{IoSetup, LOOP, SERVER_CPU, SimIo};
use crate::server::script::{ConnId, HEADER_BYTES};
use crate::server::{EventLoop, Step};
use crate::workload::clients::{Clients, Plan, ThenDoes};
use crate::workload::trace::Sequences;

/// The CPU of the load generator, where it is a process of the machine.
pub const CLIENT_CPU: usize = 1;

/// What one run measured.
#[derive(Clone, Debug)]
pub struct Measured {
    /// From the first request to the end of the last response.
    pub elapsed: Nanos,
    /// Response time of every request, in order of completion.
    pub responses: Vec<Nanos>,
    /// Bytes sent to clients.
    pub bytes: u64,
    /// Operations, stalls, continuations.
    pub counters: Counters,
    /// The cache's look-ups.
    pub cache: CacheStats,
    /// The disk's work.
    pub disk: DiskStats,
    /// CPU time of the server's CPU, by [`Activity`].
    pub server_cpu: [Nanos; Activity::ALL.len()],
    /// CPU time of the load generator's CPU, if it is on this machine.
    pub client_cpu: Nanos,
    /// Context switches on the server's CPU.
    pub switches: u64,
    /// Number of requests in the system, integrated over time in request-nanoseconds.
    pub in_system: u128,
}

/// Baselines of what machines count since their creation.
struct Baseline {
    start: Nanos,
    disk: DiskStats,
    server_cpu: [Nanos; Activity::ALL.len()],
    client_cpu: Nanos,
    switches: u64,
}

/// A server under load.
pub struct Run<'a, I> {
    machine: Machine,
    io: I,
    event_loop: EventLoop,
    sequences: &'a Sequences,
    plan: &'a Plan,
    clients: Clients<'a>,
    generator: Option<Generator>,
    baseline: Baseline,
    responses: Vec<Nanos>,
    bytes: u64,
    outstanding: u64,
    /// Instants, in order, at which requests are sent that the present has not reached.
    to_be_sent: VecDeque<Nanos>,
    in_system: u128,
    counted_to: Nanos,
    last_response: Nanos,
}

/// The load generator as a process: what it has still to do.
struct Generator {
    proc: ProcId,
    inbox: VecDeque<Errand>,
}

#[derive(Clone, Copy)]
enum Errand {
    /// Begin the client's first sequence.
    Start(u32),
    /// Read the bytes delivered on a connection.
    Read(ConnId, u32),
}

impl<'a, I: SimIo> Run<'a, I> {
    /// Puts a server on `machine`. Bodies are read in chunks of `chunk_bytes`.
    pub fn new(
        mut machine: Machine,
        io: IoSetup,
        chunk_bytes: u32,
        sequences: &'a Sequences,
        plan: &'a Plan,
    ) -> Self {
        let event_loop = machine.spawn(SERVER_CPU);
        assert_eq!(event_loop, LOOP, "the loop is the machine's first process");
        machine.reserve(machine.costs.memory.process);
        let io = I::new(io, &mut machine);
        let generator = machine.network.is_loopback().then(|| Generator {
            proc: machine.spawn(CLIENT_CPU),
            inbox: VecDeque::new(),
        });
        machine.loop_waits = true;
        let baseline = Baseline::of(&mut machine);
        Self {
            machine,
            io,
            event_loop: EventLoop::new(chunk_bytes),
            sequences,
            plan,
            clients: Clients::new(sequences, plan),
            generator,
            baseline,
            responses: Vec::new(),
            bytes: 0,
            outstanding: 0,
            to_be_sent: VecDeque::new(),
            in_system: 0,
            counted_to: Nanos::ZERO,
            last_response: Nanos::ZERO,
        }
    }

    /// Plays everything once and forgets what was measured; caches stay as they are.
    pub fn warm_up(&mut self) {
        self.play();
        self.machine.counters = Counters::default();
        self.machine.cache.reset_stats();
        self.clients = Clients::new(self.sequences, self.plan);
        self.baseline = Baseline::of(&mut self.machine);
        self.responses.clear();
        self.bytes = 0;
        self.in_system = 0;
        self.counted_to = self.machine.now();
    }

    /// Plays everything and reports it.
    pub fn measure(mut self) -> Measured {
        self.play();
        let machine = &mut self.machine;
        let base = self.baseline;
        let spent = machine.cpus[SERVER_CPU].spent;
        let client_busy = machine
            .cpus
            .get(CLIENT_CPU)
            .map_or(Nanos::ZERO, |cpu| cpu.busy_time());
        Measured {
            elapsed: self.last_response - base.start,
            responses: self.responses,
            bytes: self.bytes,
            cache: machine.cache.stats(),
            disk: machine.disk_stats().since(&base.disk),
            server_cpu: std::array::from_fn(|i| spent[i] - base.server_cpu[i]),
            client_cpu: client_busy - base.client_cpu,
            switches: machine.cpus[SERVER_CPU].switches - base.switches,
            counters: self.machine.counters,
            in_system: self.in_system,
        }
    }

    /// From the first request until all is quiet.
    fn play(&mut self) {
        for client in 0..self.plan.clients() {
            self.machine.at(self.machine.now(), Event::Start(client));
        }
        self.machine.schedule_page_out();
        while let Some(event) = self.machine.next_event() {
            self.handle(event);
        }
        assert!(
            self.clients.are_done() && self.outstanding == 0,
            "the run ran dry with {} requests unanswered",
            self.outstanding
        );
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Cpu(cpu) => self.run_cpu(cpu as usize),
            Event::Wake(proc) => self.machine.wake_by_interrupt(proc, Nanos::ZERO),
            Event::DiskSubmit(io) => self.machine.on_disk_submit(io),
            Event::DiskDone => self.machine.on_disk_done(),
            Event::DiskReady(io) => self.machine.on_disk_ready(io),
            Event::Start(client) => self.start(client),
            Event::Connected(conn) => {
                self.machine.network.queue_for_accept(conn);
                self.network_event(true);
            }
            Event::Request(conn) => {
                let client = self.machine.network.client_of(conn);
                let request = self.clients.last_request(client);
                let awaited = self.machine.network.request_arrived(conn, request);
                self.network_event(awaited);
            }
            Event::HangUp(conn) => {
                let awaited = self.machine.network.hang_up_arrived(conn);
                self.network_event(awaited);
            }
            Event::Writable(conn) => {
                let awaited = self.machine.network.became_writable(conn);
                self.network_event(awaited);
            }
            Event::Delivered(conn, bytes) => self.deliver(conn, bytes),
            Event::PageOut => {
                self.machine.page_out();
                if !self.clients.are_done() {
                    self.machine.schedule_page_out();
                }
            }
        }
    }

    /// Something from a client reached the server's network.
    fn network_event(&mut self, awaited: bool) {
        if let Attachment::Links { .. } = self.machine.network.attachment() {
            let cost = self.machine.costs.kernel.net_interrupt;
            self.machine
                .interrupt(SERVER_CPU, cost, Activity::Interrupt);
        }
        if !(awaited && self.machine.loop_waits) {
            return;
        }
        self.machine.loop_waits = false;
        if self.machine.network.is_loopback() {
            self.machine.wake_across(LOOP, CLIENT_CPU);
        } else {
            let cost = self.machine.costs.kernel.wake_same_cpu;
            self.machine.wake_by_interrupt(LOOP, cost);
        }
    }

    fn start(&mut self, client: u32) {
        match &mut self.generator {
            Some(generator) => {
                generator.inbox.push_back(Errand::Start(client));
                self.machine.wake_by_interrupt(generator.proc, Nanos::ZERO);
            }
            None => self.begin_sequence(client, self.machine.now()),
        }
    }

    fn deliver(&mut self, conn: ConnId, bytes: u32) {
        match &mut self.generator {
            Some(generator) => {
                generator.inbox.push_back(Errand::Read(conn, bytes));
                self.machine.wake_across(generator.proc, SERVER_CPU);
            }
            None => self.client_reads(conn, bytes, self.machine.now()),
        }
    }

    /// The client at the other end of `conn` has read `bytes` by `at`.
    fn client_reads(&mut self, conn: ConnId, bytes: u32, at: Nanos) {
        let client = self.machine.network.client_of(conn);
        self.bytes += u64::from(bytes);
        match self.clients.receive(client, bytes.into(), at) {
            ThenDoes::Waits => {}
            ThenDoes::Requests(time) => {
                self.record(time, at);
                self.send_request(client, at);
            }
            ThenDoes::HangsUp(time) => {
                self.record(time, at);
                let arrives = at + self.machine.network.one_way();
                self.machine.at(arrives, Event::HangUp(conn));
                self.begin_sequence(client, at);
            }
        }
    }

    fn record(&mut self, response_time: Nanos, at: Nanos) {
        self.responses.push(response_time);
        self.last_response = self.last_response.max(at);
        self.count_to(at);
        self.outstanding -= 1;
    }

    /// Integrates the number of requests in the system up to `at`. Requests that follow a
    /// handshake are in it from the instant of their sending, not from that of the decision.
    fn count_to(&mut self, at: Nanos) {
        while let Some(&sent) = self.to_be_sent.front()
            && sent <= at
        {
            self.to_be_sent.pop_front();
            self.integrate_to(sent);
            self.outstanding += 1;
        }
        self.integrate_to(at);
    }

    fn integrate_to(&mut self, at: Nanos) {
        let span = at - self.counted_to;
        self.in_system += u128::from(span.0) * u128::from(self.outstanding);
        self.counted_to = at;
    }

    fn count_sent(&mut self, at: Nanos) {
        let place = self.to_be_sent.partition_point(|&other| other <= at);
        self.to_be_sent.insert(place, at);
    }

    fn begin_sequence(&mut self, client: u32, at: Nanos) {
        if !self.clients.begin_sequence(client) {
            return;
        }
        let conn = self.machine.network.connect(client);
        self.clients.connected(client, conn);
        let at = self.generator_spends(self.machine.costs.client.connect, at);
        let one_way = self.machine.network.one_way();
        self.machine.at(at + one_way, Event::Connected(conn));
        self.send_request(client, at + one_way * 2);
    }

    fn send_request(&mut self, client: u32, at: Nanos) {
        let leaves = self.generator_spends(self.machine.costs.client.request, at);
        let request = self.clients.next_request(client);
        let body = if request.not_modified {
            0
        } else {
            self.machine.files.size(request.object)
        };
        self.count_sent(at);
        self.clients
            .send(client, at, body + u64::from(HEADER_BYTES));
        let conn = self.clients.conn(client);
        let arrives = leaves + self.machine.network.one_way();
        self.machine.at(arrives, Event::Request(conn));
    }

    /// The load generator, if there is one, spends `cost` from `at` on. Returns when it is over.
    fn generator_spends(&mut self, cost: Nanos, at: Nanos) -> Nanos {
        if self.generator.is_none() {
            return at;
        }
        self.machine.charge(Activity::Request, cost);
        at + cost
    }

    /// Steps what runs on `cpu` for as long as nothing else can interact.
    fn run_cpu(&mut self, cpu: usize) {
        loop {
            if let Some(proc) = self.machine.begin_step(cpu) {
                let goes_on = if proc == LOOP {
                    self.step_loop()
                } else if self.generator.as_ref().is_some_and(|g| g.proc == proc) {
                    self.step_generator()
                } else {
                    self.io.step_worker(&mut self.machine, proc)
                };
                if !goes_on {
                    self.machine.sleep(cpu);
                }
            }
            if !self.machine.end_step(cpu) {
                return;
            }
        }
    }

    fn step_loop(&mut self) -> bool {
        let machine = &mut self.machine;
        if self.io.in_call().is_sleeping() {
            return match self.io.in_call().resume(machine) {
                Some(outcome) => {
                    self.event_loop.wake_with(&mut self.io, machine, outcome);
                    true
                }
                None => false,
            };
        }
        match self.event_loop.step(&mut self.io, machine) {
            Step::Ran => true,
            Step::SleptInCall => false,
            Step::SleptIdle => {
                machine.loop_waits = true;
                false
            }
        }
    }

    /// The load generator does one errand: for a delivery also what the client then does.
    fn step_generator(&mut self) -> bool {
        let generator = self
            .generator
            .as_mut()
            .expect("only a generator is stepped");
        match generator.inbox.pop_front() {
            None => return false,
            Some(Errand::Start(client)) => self.begin_sequence(client, self.machine.local()),
            Some(Errand::Read(conn, bytes)) => self.generator_reads(conn, bytes),
        }
        true
    }

    fn generator_reads(&mut self, conn: ConnId, bytes: u32) {
        let cost = self.machine.costs.client;
        let pages = u64::from(bytes).div_ceil(PAGE_BYTES);
        let time = cost.response + cost.response_page * pages;
        self.machine.charge(Activity::Request, time);
        let at = self.machine.local();
        if self.machine.network.client_read(conn, bytes.into()) {
            self.machine.at(at, Event::Writable(conn));
        }
        self.client_reads(conn, bytes, at);
    }
}

impl Baseline {
    fn of(machine: &mut Machine) -> Self {
        Self {
            start: machine.now(),
            disk: machine.disk_stats(),
            server_cpu: machine.cpus[SERVER_CPU].spent,
            client_cpu: machine
                .cpus
                .get(CLIENT_CPU)
                .map_or(Nanos::ZERO, |cpu| cpu.busy_time()),
            switches: machine.cpus[SERVER_CPU].switches,
        }
    }
}
