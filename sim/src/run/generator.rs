//! The load generator, where the clients are a process of the machine: what happens to a client
//! waits until the process has its CPU, and what the client does takes CPU time.

use std::collections::VecDeque;

use super::Run;
use crate::engine::Nanos;
use crate::machine::cpu::{Activity, ProcId, Role};
use crate::machine::{Event, Machine, PAGE_BYTES};
use crate::server::script::ConnId;
use crate::server::structure::SimServer;

/// The process, and what it has still to do.
pub(super) struct Generator {
    proc: ProcId,
    inbox: VecDeque<Event>,
}

impl Generator {
    /// On the CPU after the server's.
    pub(super) fn new(machine: &mut Machine) -> Self {
        Self {
            proc: machine.spawn(Role::Generator, machine.server_cpus(), true),
            inbox: VecDeque::new(),
        }
    }
}

impl<S: SimServer> Run<'_, S> {
    /// Something happens to a client at `at`; its process, if it has one, learns of it.
    pub(super) fn client_event(&mut self, event: Event, at: Nanos) {
        let Some(generator) = &mut self.generator else {
            return self.client_acts(event, at);
        };
        if let Some(conn) = event.conn() {
            // It is named until the process has dealt with it.
            self.machine.network.will_be_named(conn);
        }
        generator.inbox.push_back(event);
        match event {
            Event::Delivered(conn, _) | Event::Closed(conn) => {
                let copy = self.machine.network.copy_of(conn);
                let waker = self.machine.home_cpu(copy);
                self.machine.wake_across(generator.proc, waker);
            }
            _ => self.machine.wake_by_interrupt(generator.proc, Nanos::ZERO),
        }
    }

    /// The load generator deals with one event. `false`: it has nothing to do.
    pub(super) fn step_generator(&mut self) -> bool {
        let generator = self.generator.as_mut();
        let inbox = &mut generator.expect("only a generator is stepped").inbox;
        let Some(event) = inbox.pop_front() else {
            return false;
        };
        if let Event::Delivered(conn, bytes) = event {
            self.generator_reads(conn, bytes);
        }
        self.client_acts(event, self.machine.local());
        if let Some(conn) = event.conn() {
            self.machine.network.was_named(conn);
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
    }

    /// The load generator, if there is one, spends `cost` from `at` on. Returns when it is over.
    pub(super) fn generator_spends(&mut self, cost: Nanos, at: Nanos) -> Nanos {
        if self.generator.is_none() {
            return at;
        }
        self.machine.charge(Activity::Request, cost);
        at + cost
    }
}
