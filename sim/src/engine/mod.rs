//! The simulation engine: time, the pending-event set, random streams.

pub mod time;

pub use time::Nanos;
