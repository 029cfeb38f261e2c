//! NeXosim 1.0.
//!
//! One component holds the whole model and schedules events on itself, which
//! spares nexosim all messages between components; cancelling is by its event
//! keys. Single-threaded, because a single component leaves nothing to do for
//! a second thread and the multi-threaded executor costs more per event.

use super::Contender;
use crate::models::{Agenda, Model, Report};
use nexosim::model::{Context, schedulable};
use nexosim::ports::{
    EventSinkReader, EventSlotReader, EventSource, Output, SinkState, event_slot,
};
use nexosim::simulation::{EventId, EventKey, Mailbox, SimInit, Simulation};
use nexosim::time::MonotonicTime;
use serde::{Deserialize, Serialize};
use sim::engine::Nanos;
use std::time::Duration;

#[derive(Serialize, Deserialize)]
#[serde(bound = "M: Model")]
struct Component<M: Model> {
    model: M,
    /// Per identity, in a model that cancels.
    keys: Vec<Option<EventKey>>,
    reports: Output<Report>,
}

#[nexosim::model::Model]
impl<M: Model> Component<M> {
    #[nexosim(init)]
    async fn init(&mut self, cx: &Context<Self>) {
        self.step(cx, |model, agenda| model.start(agenda));
    }

    #[nexosim(schedulable)]
    fn fire(&mut self, id: u32, cx: &Context<Self>) {
        let now = nanos(cx.time());
        self.step(cx, |model, agenda| model.handle(now, id, agenda));
    }

    async fn report(&mut self) {
        self.reports.send(self.model.report()).await;
    }

    fn step(&mut self, cx: &Context<Self>, step: impl FnOnce(&mut M, &mut Pending<M>)) {
        let mut pending = Pending {
            keys: &mut self.keys,
            cx,
        };
        step(&mut self.model, &mut pending);
    }
}

struct Pending<'a, M: Model> {
    keys: &'a mut [Option<EventKey>],
    cx: &'a Context<Component<M>>,
}

impl<M: Model> Agenda for Pending<'_, M> {
    fn schedule(&mut self, at: Nanos, id: u32) {
        let at = instant(at);
        let fire = schedulable!(Component::<M>::fire);
        if M::CANCELS {
            let key = self.cx.schedule_keyed_event(at, fire, id);
            self.keys[id as usize] = Some(key.expect("in the future"));
        } else {
            self.cx.schedule_event(at, fire, id).expect("in the future");
        }
    }

    fn cancel(&mut self, id: u32) {
        if let Some(key) = self.keys[id as usize].take() {
            key.cancel();
        }
    }
}

fn instant(at: Nanos) -> MonotonicTime {
    MonotonicTime::EPOCH + Duration::from_nanos(at.0)
}

fn nanos(at: MonotonicTime) -> Nanos {
    Nanos(at.as_secs() as u64 * 1_000_000_000 + u64::from(at.subsec_nanos()))
}

pub struct Nexosim {
    simulation: Simulation,
    ask: EventId<()>,
    answers: EventSlotReader<Report>,
}

impl Nexosim {
    pub fn new<M: Model>(model: M) -> Self {
        let keys = if M::CANCELS { model.ids() } else { 0 };
        let mut component = Component {
            model,
            keys: (0..keys).map(|_| None).collect(),
            reports: Output::default(),
        };
        let (sink, answers) = event_slot(SinkState::Enabled);
        component.reports.connect_sink(sink);
        let mailbox = Mailbox::new();
        let mut bench = SimInit::with_num_threads(1);
        let ask = EventSource::new()
            .connect(Component::report, &mailbox)
            .register(&mut bench);
        let simulation = bench
            .add_model(component, mailbox, "model")
            .init(MonotonicTime::EPOCH)
            .expect("nothing can fail at the start");
        Self {
            simulation,
            ask,
            answers,
        }
    }
}

impl Contender for Nexosim {
    fn advance(&mut self, until: Nanos) {
        self.simulation
            .step_until(instant(until))
            .expect("no event fails");
    }

    fn report(&mut self) -> Report {
        self.simulation
            .process_event(&self.ask, ())
            .expect("reporting cannot fail");
        self.answers.try_read().expect("a report was asked for")
    }
}
