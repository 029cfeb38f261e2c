//! The one clock of a validation run.

use sim::engine::Nanos;

/// `CLOCK_MONOTONIC` now: the same clock in every process of the machine, so
/// that the disk's log, the server's and the load generator's can be merged.
pub fn now() -> Nanos {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: `time` is a valid timespec to write to. The call cannot fail:
    // every Linux has this clock.
    unsafe { libc::clock_gettime(libc::CLOCK_MONOTONIC, &mut time) };
    Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}
