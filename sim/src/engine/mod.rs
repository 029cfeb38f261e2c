//! The simulation engine: time, the pending-event set, random streams.

pub mod pending;
pub mod random;
pub mod time;

pub use pending::PendingEvents;
pub use time::Nanos;
