//! The machine: CPUs and their processes, memory, disk, buffer cache, network, and the profile
//! that holds their figures.
//!
//! One function decides whether an operation would block: [`Machine::advance`]. Nothing is
//! ever drawn.

pub mod cache;
pub mod calls;
pub mod cpu;
pub mod disk;
pub mod files;
pub mod network;
pub mod profile;

mod state;

pub use state::{Counters, Event, Machine, MachineSetup, OpCount, Wait};

/// Bytes in a page of the buffer cache.
pub const PAGE_BYTES: u64 = 4096;
