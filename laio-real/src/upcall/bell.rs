//! Where standbys sleep: a futex that counts its rings, or, under `cfg(loom)`, its model.

#[cfg(loom)]
mod model;

#[cfg(loom)]
pub(super) use self::model::Bell;

#[cfg(not(loom))]
pub(super) use self::futex::Bell;

#[cfg(not(loom))]
mod futex {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::super::sys;

    /// See [above](super).
    pub(in super::super) struct Bell(AtomicU32);

    impl Bell {
        pub(in super::super) const fn new() -> Self {
            Self(AtomicU32::new(0))
        }

        /// How often it has been rung.
        pub(in super::super) fn rung(&self) -> u32 {
            self.0.load(Ordering::SeqCst)
        }

        /// Wakes up to `count` sleepers, and those that are about to fall asleep; returns how many
        /// of the former there were.
        pub(in super::super) fn ring(&self, count: u32) -> u32 {
            self.0.fetch_add(1, Ordering::SeqCst);
            sys::futex_wake(&self.0, count)
        }

        /// Sleeps if it has been rung `rung` times, at most for `longest`. True if it was woken by
        /// [`ring`](Self::ring), and so counted there; it may return early, with false.
        pub(in super::super) fn sleep(&self, rung: u32, longest: Option<Duration>) -> bool {
            sys::futex_wait_for(&self.0, rung, longest)
        }
    }
}
