//! The machine: CPUs and their processes, memory, disks, buffer cache, network, and the profile
//! that holds their figures.
//!
//! One function decides whether an operation would block: [`Machine::advance`]. Nothing is
//! ever drawn.

pub mod cache;
pub mod calls;
pub mod counters;
pub mod cpu;
pub mod disk;
pub mod events;
pub mod files;
pub mod network;
pub mod profile;
pub mod timeline;
pub mod volume;

mod buffers;
mod scheduler;
mod state;
mod storage;

pub use counters::{Counters, OpCount};
pub use events::Event;
pub use state::{Machine, MachineSetup, Unfinished};

/// Bytes in a page of the buffer cache.
pub const PAGE_BYTES: u64 = 4096;
