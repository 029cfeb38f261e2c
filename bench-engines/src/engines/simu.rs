//! simu-des 0.1: asynchronous processes, times as `f64` (here whole
//! nanoseconds, so exact).
//!
//! A process carries a pending event: it waits for its time, handles it, and
//! goes on with the first event scheduled meanwhile; for others it spawns
//! processes. In a model that cancels there is a process per identity, which
//! races its timeout against an event that cancels it (`any_of!`), the idiom
//! of its tutorial.

use super::Contender;
use crate::models::{Agenda, Model, Report};
use sim::engine::Nanos;
use simu::{EnvHandle, EventTrigger, SimEnv, any_of};
use std::cell::RefCell;
use std::rc::Rc;

type Shared<M> = Rc<RefCell<State<M>>>;

struct State<M> {
    model: M,
    /// What a handler has scheduled, in a model that does not cancel.
    scheduled: Scheduled,
    /// Per identity, in a model that does.
    timers: Timers,
}

#[derive(Default)]
struct Scheduled(Vec<(Nanos, u32)>);

impl Agenda for Scheduled {
    fn schedule(&mut self, at: Nanos, id: u32) {
        self.0.push((at, id));
    }

    fn cancel(&mut self, _: u32) {
        unreachable!("a model that cancels uses timers");
    }
}

struct Timers(Vec<Timer>);

#[derive(Default)]
struct Timer {
    due: Nanos,
    stop: Option<EventTrigger>,
}

impl Agenda for Timers {
    fn schedule(&mut self, at: Nanos, id: u32) {
        self.0[id as usize].due = at;
    }

    fn cancel(&mut self, id: u32) {
        if let Some(stop) = self.0[id as usize].stop.take() {
            stop.fire();
        }
    }
}

fn now(env: &EnvHandle) -> Nanos {
    Nanos(env.now() as u64)
}

fn until(env: &EnvHandle, at: Nanos) -> f64 {
    at.0 as f64 - env.now()
}

async fn carry<M: Model>(env: EnvHandle, shared: Shared<M>, event: (Nanos, u32)) {
    let mut next = Some(event);
    while let Some((at, id)) = next {
        env.timeout(until(&env, at)).await;
        let State {
            model, scheduled, ..
        } = &mut *shared.borrow_mut();
        model.handle(at, id, scheduled);
        let mut events = scheduled.0.drain(..);
        next = events.next();
        for event in events {
            env.spawn(carry(env.clone(), Rc::clone(&shared), event));
        }
    }
}

async fn run_timer<M: Model>(env: EnvHandle, shared: Shared<M>, id: u32) {
    loop {
        let (stop, stopped) = env.event();
        let due = {
            let timer = &mut shared.borrow_mut().timers.0[id as usize];
            timer.stop = Some(stop);
            timer.due
        };
        any_of![env.timeout(until(&env, due)), stopped].await;
        let State { model, timers, .. } = &mut *shared.borrow_mut();
        if timers.0[id as usize].due <= now(&env) {
            model.handle(now(&env), id, timers);
        }
    }
}

pub struct Simu<M> {
    env: SimEnv,
    shared: Shared<M>,
}

impl<M: Model> Simu<M> {
    pub fn new(model: M) -> Self {
        let env = SimEnv::with_seed(0);
        let timers = if M::CANCELS { model.ids() } else { 0 };
        let shared = Rc::new(RefCell::new(State {
            model,
            scheduled: Scheduled::default(),
            timers: Timers((0..timers).map(|_| Timer::default()).collect()),
        }));
        let State {
            model,
            scheduled,
            timers,
        } = &mut *shared.borrow_mut();
        if M::CANCELS {
            model.start(timers);
            for id in 0..timers.0.len() as u32 {
                env.spawn(run_timer(env.handle(), Rc::clone(&shared), id));
            }
        } else {
            model.start(scheduled);
            for event in scheduled.0.drain(..) {
                env.spawn(carry(env.handle(), Rc::clone(&shared), event));
            }
        }
        Self {
            env,
            shared: Rc::clone(&shared),
        }
    }
}

impl<M: Model> Contender for Simu<M> {
    fn advance(&mut self, until: Nanos) {
        self.env.run_until(until.0 as f64);
    }

    fn report(&mut self) -> Report {
        self.shared.borrow().model.report()
    }
}
