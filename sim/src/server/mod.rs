//! The server: a script of operations per request, how it is built, and an I/O interface that
//! decides what becomes of an operation that would block.
//!
//! [`script`], [`caches`] and [`event_loop`] drive both worlds: the simulated machine here, and the
//! real operating system in the crate `validate`. Only the interface ([`event_loop::Io`]) has two
//! implementations: cost accounting in [`io`], system calls there.

mod answered;
pub mod caches;
pub mod event_loop;
pub mod io;
pub mod script;
pub mod structure;

pub use answered::Answered;
pub use event_loop::{EventLoop, Io, Issue, LoopSetup, Ready, Step, Wake};
pub use script::{Next, Op, OpKind, Outcome, Request, Script};
