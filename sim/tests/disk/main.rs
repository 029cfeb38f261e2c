//! The disk model against a reference simulator, a real drive, queueing theory
//! and plain bookkeeping.

mod drive;
mod geometry;
mod laws;
mod load;
mod measured;
mod positioning;
mod profiles;
mod queue;
mod ssd;
mod ssd_reference;
