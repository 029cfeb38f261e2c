//! Calls that are not handed over, because they cannot block.

/// They take no memory, which might have to be read from a disk, and no lock that is slept on:
/// each reads, or swaps, a few words that the kernel holds about the process.
const CALLS: [i64; 11] = [
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_getpgid,
    libc::SYS_getsid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_umask,
    libc::SYS_sched_get_priority_max,
    libc::SYS_sched_get_priority_min,
];

/// They tell something of the kernel thread that makes them, and do not block either; a thread of
/// the pool would tell its own.
const ABOUT_THE_THREAD: [i64; 11] = [
    libc::SYS_getrusage,
    libc::SYS_getcpu,
    libc::SYS_sched_getaffinity,
    libc::SYS_sched_getscheduler,
    libc::SYS_sched_getparam,
    libc::SYS_sched_getattr,
    libc::SYS_getpriority,
    libc::SYS_ioprio_get,
    libc::SYS_get_mempolicy,
    libc::SYS_capget,
    libc::SYS_rt_sigpending,
];

/// Whether a call cannot block, by its number, or because it asks the kernel not to wait.
///
/// What asks for that may still sleep for a moment on a lock of the socket or file, as in any
/// event loop.
pub(crate) fn never_blocks(number: i64, args: &[usize; 6]) -> bool {
    /// `RWF_NOWAIT` as the call takes it.
    const NOWAIT: usize = libc::RWF_NOWAIT as usize;
    const DONTWAIT: usize = libc::MSG_DONTWAIT as usize;
    match number {
        libc::SYS_recvfrom | libc::SYS_sendto => args[3] & DONTWAIT != 0,
        libc::SYS_recvmsg | libc::SYS_sendmsg => args[2] & DONTWAIT != 0,
        libc::SYS_preadv2 | libc::SYS_pwritev2 => args[5] & NOWAIT != 0,
        number => CALLS.contains(&number) || ABOUT_THE_THREAD.contains(&number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_wait_is_told_from_what_may_not() {
        assert!(never_blocks(libc::SYS_getppid, &[0; 6]));
        for number in [libc::SYS_read, libc::SYS_fstat, libc::SYS_recvfrom] {
            assert!(!never_blocks(number, &[0; 6]));
        }
        let dontwait = libc::MSG_DONTWAIT as usize;
        assert!(never_blocks(libc::SYS_sendto, &[0, 0, 0, dontwait, 0, 0]));
        assert!(never_blocks(libc::SYS_recvmsg, &[0, 0, dontwait, 0, 0, 0]));
        let nowait = libc::RWF_NOWAIT as usize;
        assert!(never_blocks(libc::SYS_preadv2, &[0, 0, 0, 0, 0, nowait]));
    }
}
