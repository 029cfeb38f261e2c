//! The atomics of the protocol between the loop and its carriers: the standard library's, or under
//! `cfg(loom)` those of loom, which tries every order in which threads can meet.

#[cfg(loom)]
pub(super) use loom::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
#[cfg(not(loom))]
pub(super) use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicU32, AtomicU64, Ordering, fence};
