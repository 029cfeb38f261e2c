//! A rig for validation on the real machine: files on a disk with a known law,
//! behind a page cache of a known size, and meters that look on from outside.
//!
//! ```text
//! server under test   in a [`cgroup::MemoryGroup`], metered by [`host`]
//!   ext4, read-only   placement known by [`layout`]
//!   loop device       direct I/O, no scheduler, read-ahead as asked
//!   FUSE file         [`disk::EmulatedDisk`]: the simulator's disk model in real time
//!   image in memory   [`image::Image`]
//! ```
//!
//! [`rig::Rig`] puts it all up and takes it down again.
//!
//! **Modelled**: a disk with a known law, a page cache with a known limit, and
//! the kernel's own read-ahead, replacement and file system in between.
//!
//! **Left out**: writes, and a disk's own cache and command queue.
//!
//! **Checked**: the log replayed through a fresh disk model gives the same
//! starts and finishes, to the nanosecond; every data block of a file is read
//! where the layout says, every other request is one of the layout's metadata
//! blocks. **How far off**: what the model does not have is the way there and
//! back. With an otherwise idle machine (two virtual CPUs, AMD EPYC, Linux
//! 6.18), random 4 KiB reads: under a law of 1 ms, 908 / 1,000 / 1,000
//! requests/s at depth 1 / 4 / 16, each read 94-101 us longer than the law's
//! (5-6 us of it a late reply); under 10 ms, 98 / 100 / 100 requests/s, 135-201
//! us (14-33 us). Most of it is the wake-up of idle virtual CPUs: with the
//! kernel's latency limit at 0 (`/dev/cpu_dma_latency`), 25-55 us. The disk's
//! threads take 95-125 us of CPU per request, most of it waiting for the exact
//! instant.

pub mod cgroup;
pub mod clock;
pub mod disk;
pub mod error;
mod ext4;
pub mod host;
pub mod image;
mod interrupt;
pub mod layout;
mod loopdev;
mod mounts;
pub mod realtime;
pub mod rig;
mod run_folder;
mod workqueues;

pub use error::EmulateError;
pub use rig::{Rig, RigConfig};
