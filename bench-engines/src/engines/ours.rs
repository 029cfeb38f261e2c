//! `sim::engine::PendingEvents`. Cancels by generation, as its documentation
//! says.

use super::{Contender, Generations};
use crate::models::{Agenda, Model, Report};
use sim::engine::{Nanos, PendingEvents};

pub struct Ours<M> {
    model: M,
    pending: Pending<M>,
}

struct Pending<M> {
    events: PendingEvents,
    generations: Generations<M>,
}

impl<M: Model> Agenda for Pending<M> {
    fn schedule(&mut self, at: Nanos, id: u32) {
        self.events.push(at, self.generations.payload(id));
    }

    fn cancel(&mut self, id: u32) {
        self.generations.cancel(id);
    }
}

impl<M: Model> Ours<M> {
    pub fn new(mut model: M) -> Self {
        let mut pending = Pending {
            events: PendingEvents::new(),
            generations: Generations::new(&model),
        };
        model.start(&mut pending);
        Self { model, pending }
    }
}

impl<M: Model> Contender for Ours<M> {
    fn advance(&mut self, until: Nanos) {
        while self.pending.events.next_time() <= until {
            let Some((now, payload)) = self.pending.events.pop() else {
                return;
            };
            if let Some(id) = self.pending.generations.live(payload) {
                self.model.handle(now, id, &mut self.pending);
            }
        }
    }

    fn report(&mut self) -> Report {
        self.model.report()
    }

    fn memory(&self) -> Option<(usize, usize)> {
        let events = &self.pending.events;
        Some((events.memory_bytes(), events.len()))
    }
}
