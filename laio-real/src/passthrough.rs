//! Calls that must be made as plain ones.
//!
//! They act on the calling kernel thread or on the process as a whole, or depend on which kernel
//! thread makes them, so neither their effect nor their return may be left to another one.
//! `sched_yield` is here because a loop that yields is off the CPU and yet not blocked.

const CALLS: &[i64] = &[
    // The life of threads and processes.
    libc::SYS_clone,
    libc::SYS_clone3,
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_exit,
    libc::SYS_exit_group,
    libc::SYS_ptrace,
    // What the kernel keeps per thread for the C library.
    libc::SYS_set_tid_address,
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_rseq,
    // Signals.
    libc::SYS_rt_sigreturn,
    libc::SYS_rt_sigprocmask,
    libc::SYS_sigaltstack,
    libc::SYS_restart_syscall,
    // Scheduling and memory policy.
    libc::SYS_sched_yield,
    libc::SYS_sched_setparam,
    libc::SYS_sched_setscheduler,
    libc::SYS_sched_setattr,
    libc::SYS_sched_setaffinity,
    libc::SYS_setpriority,
    libc::SYS_ioprio_set,
    libc::SYS_set_mempolicy,
    libc::SYS_prctl,
    // Namespaces, credentials, confinement, protection keys.
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_setuid,
    libc::SYS_setgid,
    libc::SYS_setreuid,
    libc::SYS_setregid,
    libc::SYS_setresuid,
    libc::SYS_setresgid,
    libc::SYS_setfsuid,
    libc::SYS_setfsgid,
    libc::SYS_setgroups,
    libc::SYS_capset,
    libc::SYS_seccomp,
    libc::SYS_landlock_restrict_self,
    libc::SYS_personality,
    libc::SYS_pkey_alloc,
    libc::SYS_pkey_free,
    libc::SYS_keyctl,
    libc::SYS_gettid,
    libc::SYS_perf_event_open,
];

/// Those that only this processor's kernel has.
#[cfg(target_arch = "x86_64")]
const OF_THE_PROCESSOR: &[i64] = &[
    libc::SYS_fork,
    libc::SYS_vfork,
    libc::SYS_arch_prctl,
    libc::SYS_set_thread_area,
    libc::SYS_get_thread_area,
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
];
#[cfg(not(target_arch = "x86_64"))]
const OF_THE_PROCESSOR: &[i64] = &[];

const WORDS: usize = 8;
const TABLE: [u64; WORDS] = with(OF_THE_PROCESSOR, with(CALLS, [0; WORDS]));

const fn with(calls: &[i64], mut table: [u64; WORDS]) -> [u64; WORDS] {
    let mut i = 0;
    while i < calls.len() {
        table[calls[i] as usize / 64] |= 1 << (calls[i] % 64);
        i += 1;
    }
    table
}

/// Whether a call must be made as a plain one.
#[inline]
pub(crate) fn is_passed_through(number: usize, args: &[usize; 6]) -> bool {
    let listed = TABLE
        .get(number / 64)
        .is_some_and(|word| word >> (number % 64) & 1 == 1);
    listed || (number == libc::SYS_futex as usize && is_pi_futex(args[1]))
}

/// Priority-inheriting futexes record which kernel thread holds them.
fn is_pi_futex(operation: usize) -> bool {
    const FUTEX_LOCK_PI2: i32 = 13;
    let flags = libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME;
    matches!(
        operation as i32 & !flags,
        libc::FUTEX_LOCK_PI
            | libc::FUTEX_UNLOCK_PI
            | libc::FUTEX_TRYLOCK_PI
            | libc::FUTEX_WAIT_REQUEUE_PI
            | libc::FUTEX_CMP_REQUEUE_PI
            | FUTEX_LOCK_PI2
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thread_state_is_passed_through_and_io_is_not() {
        for &call in CALLS.iter().chain(OF_THE_PROCESSOR) {
            assert!(is_passed_through(call as usize, &[0; 6]), "call {call}");
        }
        for call in [
            libc::SYS_read,
            libc::SYS_openat,
            libc::SYS_nanosleep,
            libc::SYS_statx,
        ] {
            assert!(!is_passed_through(call as usize, &[0; 6]), "call {call}");
        }
        assert!(!is_passed_through(usize::MAX, &[0; 6]));
    }

    #[test]
    fn only_priority_inheriting_futexes_are_passed_through() {
        let futex = libc::SYS_futex as usize;
        let args = |operation: i32| [0, operation as usize, 0, 0, 0, 0];
        let lock = libc::FUTEX_LOCK_PI | libc::FUTEX_PRIVATE_FLAG;
        assert!(is_passed_through(futex, &args(lock)));
        assert!(!is_passed_through(
            futex,
            &args(libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG)
        ));
    }
}
