//! One run: a machine, a server on it, clients that play.
//!
//! *Terminating*: from the first request to the end of the last response, nothing left out.
//! *Steady*: for a given time; what was counted is noted at equal intervals, so that the part that
//! was not yet steady can be left out afterwards.

mod generator;
mod measured;
mod sessions;

pub use measured::{Failures, Fate, Measured, Played, RequestRecord, Totals};

use std::collections::VecDeque;

use crate::engine::Nanos;
use crate::machine::cpu::{Activity, Role};
use crate::machine::network::Concerns;
use crate::machine::timeline::Timeline;
use crate::machine::{Event, Machine};
use crate::server::structure::{ServerSetup, SimServer};
use crate::workload::arrivals::Arrivals;
use crate::workload::clients::{Clients, Turns};
use crate::workload::source::Source;
use generator::Generator;

/// Equal parts of a steady run after which is noted what was counted. Ours: MSER-5 wants hundreds
/// of observations, and each note takes a kilobyte.
pub const NOTES: u32 = 400;

/// When sessions begin that nobody waits for.
#[derive(Clone, Debug)]
pub enum Instants {
    /// Never: closed clients play.
    Never,
    /// At drawn instants.
    Drawn(Arrivals),
    /// At the trace's own, stretched by the source's factor.
    Recorded,
}

/// How clients play.
#[derive(Clone, Debug)]
pub struct Play<'a> {
    /// The sessions.
    pub source: &'a Source,
    /// Who plays which.
    pub turns: Turns<'a>,
    /// When sessions begin that nobody waits for.
    pub instants: Instants,
    /// Number of the replication.
    pub replication: u32,
    /// Whether a connection is used for one request after the other.
    pub persistent: bool,
    /// How often a client tries again whose connection was dropped.
    pub syn_retries: u32,
    /// How long a client waits for a response before it resets the connection.
    pub patience: Option<Nanos>,
    /// How long a steady run goes on.
    pub duration: Option<Nanos>,
}

/// What is kept of a run beside what every run keeps.
#[derive(Clone, Copy, Debug, Default)]
pub struct Keep {
    /// Every request.
    pub requests: bool,
    /// The first spans of its timeline, this many.
    pub spans: usize,
}

/// A server under load.
pub struct Run<'a, S> {
    machine: Machine,
    servers: Vec<S>,
    play: Play<'a>,
    instants: Instants,
    clients: Clients<'a>,
    generator: Option<Generator>,
    totals: Vec<Totals>,
    responses: Vec<Nanos>,
    records: Option<Vec<RequestRecord>>,
    failures: Failures,
    bytes: u64,
    outstanding: u64,
    /// Instants, in order, at which requests are sent that the present has not reached.
    to_be_sent: VecDeque<Nanos>,
    in_system: u128,
    counted_to: Nanos,
    last_end: Nanos,
    /// When the part that is being played began.
    began: Nanos,
    /// Sessions that arrived by themselves in it.
    arrivals: u32,
}

impl<'a, S: SimServer> Run<'a, S> {
    /// Puts a server on `machine`: a copy for each of `setups`.
    pub fn new(mut machine: Machine, setups: &[ServerSetup], play: Play<'a>, keep: Keep) -> Self {
        if keep.spans > 0 {
            machine.timeline = Some(Box::new(Timeline::new(keep.spans)));
        }
        let servers = setups
            .iter()
            .map(|setup| S::new(setup, &mut machine))
            .collect();
        let generator = machine
            .network
            .is_loopback()
            .then(|| Generator::new(&mut machine));
        Self {
            machine,
            servers,
            instants: play.instants.clone(),
            clients: Clients::new(play.source, play.turns, play.replication),
            play,
            generator,
            totals: Vec::new(),
            responses: Vec::new(),
            records: keep.requests.then(Vec::new),
            failures: Failures::default(),
            bytes: 0,
            outstanding: 0,
            to_be_sent: VecDeque::new(),
            in_system: 0,
            counted_to: Nanos::ZERO,
            last_end: Nanos::ZERO,
            began: Nanos::ZERO,
            arrivals: 0,
        }
    }

    /// Plays everything once and forgets what was measured; caches stay as they are.
    pub fn warm_up(&mut self) {
        self.play_all();
        let play = &self.play;
        self.clients = Clients::new(play.source, play.turns, play.replication);
        self.instants = play.instants.clone();
        self.responses.clear();
        if let Some(records) = &mut self.records {
            records.clear();
        }
        if let Some(timeline) = &mut self.machine.timeline {
            timeline.clear();
        }
    }

    /// Plays everything and reports it.
    pub fn measure(mut self) -> Played {
        self.totals.clear();
        let start = self.total();
        self.totals.push(start);
        self.play_all();
        if self.play.duration.is_none() {
            let mut end = self.total();
            end.at = self.last_end;
            self.totals.push(end);
        }
        let roles = self.machine.roles();
        let mut timeline = self.machine.timeline.take();
        if let Some(timeline) = &mut timeline {
            timeline.roles = roles;
        }
        Played {
            totals: self.totals,
            responses: self.responses,
            records: self.records,
            timeline,
            unfinished: self.machine.unfinished(),
        }
    }

    /// From the first request until all is quiet, or the time is over.
    fn play_all(&mut self) {
        self.began = self.machine.now();
        self.last_end = self.began;
        self.counted_to = self.began;
        self.arrivals = 0;
        for client in 0..self.clients.closed() {
            self.begin_session(client, self.began);
        }
        self.schedule_arrival();
        self.machine.schedule_page_out();
        self.machine.schedule_statistics();
        self.schedule_note(1);
        while let Some(event) = self.machine.next_event() {
            if event == Event::Note {
                let total = self.total();
                self.totals.push(total);
                if !self.schedule_note(self.totals.len() as u32) {
                    return;
                }
                continue;
            }
            self.handle(event);
            if let Some(conn) = event.conn() {
                self.machine.network.was_named(conn);
            }
        }
        assert!(
            self.clients.are_done() && self.outstanding == 0,
            "the run ran dry with {} requests unanswered",
            self.outstanding
        );
    }

    /// The next note of a steady run; `false` if there is none.
    fn schedule_note(&mut self, number: u32) -> bool {
        let Some(duration) = self.play.duration else {
            return false;
        };
        let at = duration.0 as u128 * u128::from(number) / u128::from(NOTES);
        self.machine.at(self.began + Nanos(at as u64), Event::Note);
        number <= NOTES
    }

    fn schedule_arrival(&mut self) {
        if !self.clients.more_arrive() {
            return;
        }
        let at = match (&mut self.instants, self.play.source) {
            (Instants::Never, _) => None,
            (Instants::Drawn(arrivals), _) => arrivals.next(),
            (Instants::Recorded, Source::Timed(sequences, scale)) => {
                let start = |number: u32| sequences.start(number as usize, *scale);
                Some(start(self.arrivals) - start(0))
            }
            (Instants::Recorded, _) => unreachable!("only a trace has recorded times"),
        };
        if let Some(at) = at {
            self.arrivals += 1;
            self.machine.at(self.began + at, Event::Arrival);
        }
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Cpu(cpu) => self.run_cpu(cpu as usize),
            Event::Wake(proc) => self.machine.wake_by_interrupt(proc, Nanos::ZERO),
            Event::DiskSubmit(io) => self.machine.on_disk_submit(io),
            Event::DiskDone(disk, token) => self.machine.on_disk_done(disk, token),
            Event::DiskReady(io) => self.machine.on_disk_ready(io),
            Event::Arrival => {
                let client = self.clients.arrive();
                self.schedule_arrival();
                self.client_event(Event::Start(client), self.machine.now());
            }
            Event::Start(_)
            | Event::Resume(_)
            | Event::Retry(..)
            | Event::Delivered(..)
            | Event::Closed(_)
            | Event::OutOfPatience(..) => self.client_event(event, self.machine.now()),
            Event::Connected(conn) => match self.machine.network.queue_for_accept(conn) {
                Some(concerns) => {
                    let waiting = self.machine.longest_waiting().map(Concerns::Loop);
                    self.network_event(match (concerns, waiting) {
                        (Concerns::Nobody, Some(waiting)) => waiting,
                        (concerns, _) => concerns,
                    });
                }
                None => self.connection_dropped(conn),
            },
            Event::Request(conn) => {
                if self.machine.network.is_closed(conn) {
                    return;
                }
                let client = self.machine.network.client_of(conn);
                let request = self.clients.last_request(client);
                let concerns = self.machine.network.request_arrived(conn, request);
                self.network_event(concerns);
            }
            Event::HangUp(conn) => {
                let concerns = self.machine.network.hang_up_arrived(conn);
                self.network_event(concerns);
            }
            Event::Reset(conn) => {
                let concerns = self.machine.network.reset_arrived(conn);
                self.network_event(concerns);
            }
            Event::Writable(conn) => {
                let concerns = self.machine.network.became_writable(conn);
                self.network_event(concerns);
            }
            Event::PageOut => {
                self.machine.page_out();
                if !self.clients.are_done() {
                    self.machine.schedule_page_out();
                }
            }
            Event::Statistics => {
                self.machine.cache.gather_statistics();
                if !self.clients.are_done() {
                    self.machine.schedule_statistics();
                }
            }
            Event::Note => unreachable!("dealt with where events are taken"),
        }
    }

    /// Something from a client reached the server's network.
    fn network_event(&mut self, concerns: Concerns) {
        let machine = &mut self.machine;
        let proc = match concerns {
            Concerns::Nobody => None,
            Concerns::Loop(copy) => Some((machine.loop_of(copy), machine.stop_waiting(copy))),
            Concerns::Sleeper(crate::machine::cpu::Waiter::Process(proc)) => Some((proc, true)),
            Concerns::Sleeper(crate::machine::cpu::Waiter::TaskWork { .. }) => {
                unreachable!("calls on sockets wait in processes")
            }
        };
        let cpu = proc.map_or(0, |(proc, _)| machine.cpu_of(proc));
        if !machine.network.is_loopback() {
            let cost = machine.costs.kernel.net_interrupt;
            machine.interrupt(cpu, cost, Activity::Interrupt);
        }
        let Some((proc, true)) = proc else { return };
        if machine.network.is_loopback() {
            machine.wake_across(proc, machine.server_cpus());
        } else {
            let cost = machine.costs.kernel.wake_same_cpu;
            machine.wake_by_interrupt(proc, cost);
        }
    }

    /// Steps what runs on `cpu` for as long as nothing else can interact.
    fn run_cpu(&mut self, cpu: usize) {
        loop {
            if let Some(proc) = self.machine.begin_step(cpu) {
                let machine = &mut self.machine;
                let goes_on = match machine.role(proc) {
                    Role::Loop(copy) => self.servers[copy as usize].step_loop(machine),
                    Role::Worker { copy, index } => {
                        self.servers[copy as usize].step_worker(machine, proc, index)
                    }
                    Role::Generator => self.step_generator(),
                };
                self.machine.note_step(proc);
                if !goes_on {
                    self.machine.sleep(cpu);
                }
            }
            if !self.machine.end_step(cpu) {
                return;
            }
        }
    }
}
