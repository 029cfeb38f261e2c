//! desru 0.1: boxed closures in a `BinaryHeap`, times as `f64` (here whole
//! nanoseconds, so exact).
//!
//! The state is shared with the closures as `Rc<RefCell<_>>`, and the log of
//! executed events, which would grow without bound and is copied at the end of
//! each run, is filtered out. An event can be deactivated only before it is
//! scheduled, so cancelling is by generation, like ours.

use super::{Contender, Generations};
use crate::models::{Agenda, Model, Report};
use desru::{Event, EventScheduler};
use sim::engine::Nanos;
use std::cell::RefCell;
use std::rc::Rc;

type Shared<M> = Rc<RefCell<State<M>>>;

struct State<M> {
    model: M,
    generations: Generations<M>,
}

pub struct Desru<M> {
    scheduler: EventScheduler,
    shared: Shared<M>,
}

struct Pending<'a, M> {
    scheduler: &'a mut EventScheduler,
    shared: &'a Shared<M>,
    generations: &'a mut Generations<M>,
}

impl<M: Model> Agenda for Pending<'_, M> {
    fn schedule(&mut self, at: Nanos, id: u32) {
        let payload = self.generations.payload(id);
        let shared = Rc::clone(self.shared);
        let action = move |scheduler: &mut EventScheduler| {
            fire(scheduler, &shared, payload);
            None
        };
        self.scheduler
            .schedule(Event::new(at.0 as f64, Some(Box::new(action)), None));
    }

    fn cancel(&mut self, id: u32) {
        self.generations.cancel(id);
    }
}

fn fire<M: Model>(scheduler: &mut EventScheduler, shared: &Shared<M>, payload: u64) {
    let State { model, generations } = &mut *shared.borrow_mut();
    if let Some(id) = generations.live(payload) {
        let now = Nanos(scheduler.current_time as u64);
        let mut pending = Pending {
            scheduler,
            shared,
            generations,
        };
        model.handle(now, id, &mut pending);
    }
}

impl<M: Model> Desru<M> {
    pub fn new(model: M) -> Self {
        let generations = Generations::new(&model);
        let shared = Rc::new(RefCell::new(State { model, generations }));
        let mut scheduler = EventScheduler::new();
        let State { model, generations } = &mut *shared.borrow_mut();
        model.start(&mut Pending {
            scheduler: &mut scheduler,
            shared: &shared,
            generations,
        });
        Self {
            scheduler,
            shared: Rc::clone(&shared),
        }
    }
}

impl<M: Model> Contender for Desru<M> {
    fn advance(&mut self, until: Nanos) {
        let until = until.0 as f64;
        let stop = move |scheduler: &EventScheduler| {
            let next = scheduler.event_queue.peek();
            next.is_none_or(|event| event.time > until)
        };
        self.scheduler
            .run(Box::new(stop), Some(Box::new(|_, _| false)));
    }

    fn report(&mut self) -> Report {
        self.shared.borrow().model.report()
    }
}
