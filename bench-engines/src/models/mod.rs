//! The models, each written once for all engines.
//!
//! An engine calls [`Model::handle`] when an event is due and carries out what
//! the model asks of its [`Agenda`]. Every event has an identity, and each
//! identity has at most one event pending. Delays are at least 1 ns, because
//! nexosim does not schedule at the present time. The order of events at equal
//! times, which desru leaves open, changes no result: what happens at one time
//! draws from streams of its own. (A timer restarted in the very nanosecond it
//! is due would be an exception; were there one, the reports would differ.)

mod closed_network;
mod hold;
mod single_server;
mod timers;

pub use closed_network::ClosedNetwork;
pub use hold::Hold;
pub use single_server::SingleServer;
pub use timers::Timers;

use serde::{Deserialize, Serialize, de::DeserializeOwned};
use sim::engine::Nanos;
use sim::engine::random::{Stream, exponential};

const SEED: u64 = 1;

/// What a model may ask of an engine.
pub trait Agenda {
    fn schedule(&mut self, at: Nanos, id: u32);
    /// Cancels the pending event of `id`.
    fn cancel(&mut self, id: u32);
}

/// What must be the same on every engine.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub events: u64,
    pub mean: f64,
}

pub trait Model: Serialize + DeserializeOwned + Send + 'static {
    /// Whether it ever cancels; if so, it reschedules the identity at once.
    const CANCELS: bool = false;
    /// In the long run; the length of a round is chosen by it.
    const EVENTS_PER_NS: f64;
    fn new() -> Self;
    /// The number of identities, 0 upwards.
    fn ids(&self) -> usize;
    fn start(&mut self, agenda: &mut impl Agenda);
    fn handle(&mut self, now: Nanos, id: u32, agenda: &mut impl Agenda);
    fn report(&self) -> Report;
}

fn delay(rng: &mut Stream, mean_ns: f64) -> Nanos {
    exponential(rng, mean_ns).max(Nanos(1))
}

/// The integral of a number over time, for its time average.
#[derive(Default, Serialize, Deserialize)]
struct Area {
    number: u64,
    since_ns: u64,
    sum: u128,
}

impl Area {
    fn change(&mut self, now: Nanos, number: u64) {
        self.sum += u128::from(now.0 - self.since_ns) * u128::from(self.number);
        self.since_ns = now.0;
        self.number = number;
    }

    fn mean(&self) -> f64 {
        self.sum as f64 / self.since_ns as f64
    }
}
