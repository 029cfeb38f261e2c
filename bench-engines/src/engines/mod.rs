//! The contenders: one file each, in the configuration its documentation
//! recommends or, where that leaves a choice, the fastest.

pub mod desru;
pub mod heap;
pub mod nexosim;
pub mod ours;
pub mod simu;

use crate::models::{Model, Report};
use sim::engine::Nanos;
use std::marker::PhantomData;

/// A model running on an engine.
pub trait Contender {
    /// Handles every event up to `until`, inclusive.
    fn advance(&mut self, until: Nanos);
    fn report(&mut self) -> Report;
    /// The memory of the pending-event set, in bytes, and the number of events
    /// in it, cancelled ones included; `None` if the engine does not tell.
    fn memory(&self) -> Option<(usize, usize)> {
        None
    }
}

/// Which of an identity's events is the live one: cancelling leaves the old
/// one in the queue, with an old generation. Costs nothing in a model that
/// never cancels.
struct Generations<M> {
    of: Vec<u32>,
    model: PhantomData<M>,
}

impl<M: Model> Generations<M> {
    fn new(model: &M) -> Self {
        Self {
            of: vec![0; if M::CANCELS { model.ids() } else { 0 }],
            model: PhantomData,
        }
    }

    fn payload(&self, id: u32) -> u64 {
        if M::CANCELS {
            u64::from(self.of[id as usize]) << 32 | u64::from(id)
        } else {
            u64::from(id)
        }
    }

    /// The identity of a payload, if its event was not cancelled.
    fn live(&self, payload: u64) -> Option<u32> {
        let id = payload as u32;
        (!M::CANCELS || u64::from(self.of[id as usize]) == payload >> 32).then_some(id)
    }

    fn cancel(&mut self, id: u32) {
        self.of[id as usize] += 1;
    }
}
