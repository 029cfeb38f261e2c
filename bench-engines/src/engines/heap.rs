//! The baseline: the standard library's `BinaryHeap` of (time, sequence number,
//! payload). Cancels by generation, like ours.

use super::{Contender, Generations};
use crate::models::{Agenda, Model, Report};
use sim::engine::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

pub struct Heap<M> {
    model: M,
    pending: Pending<M>,
}

struct Pending<M> {
    events: BinaryHeap<Reverse<(Nanos, u64, u64)>>,
    pushed: u64,
    generations: Generations<M>,
}

impl<M: Model> Agenda for Pending<M> {
    fn schedule(&mut self, at: Nanos, id: u32) {
        let payload = self.generations.payload(id);
        self.events.push(Reverse((at, self.pushed, payload)));
        self.pushed += 1;
    }

    fn cancel(&mut self, id: u32) {
        self.generations.cancel(id);
    }
}

impl<M: Model> Heap<M> {
    pub fn new(mut model: M) -> Self {
        let mut pending = Pending {
            events: BinaryHeap::new(),
            pushed: 0,
            generations: Generations::new(&model),
        };
        model.start(&mut pending);
        Self { model, pending }
    }
}

impl<M: Model> Contender for Heap<M> {
    fn advance(&mut self, until: Nanos) {
        while let Some(&Reverse((now, _, payload))) = self.pending.events.peek() {
            if now > until {
                return;
            }
            self.pending.events.pop();
            if let Some(id) = self.pending.generations.live(payload) {
                self.model.handle(now, id, &mut self.pending);
            }
        }
    }

    fn report(&mut self) -> Report {
        self.model.report()
    }
}
