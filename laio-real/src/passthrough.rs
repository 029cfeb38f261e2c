//! Calls that must be made as plain ones.
//!
//! They act on the calling kernel thread or on the process as a whole, or depend on which kernel
//! thread makes them, so neither their effect nor their return may be left to another one.
//! Those that wait with a signal mask of their own let signals in, whose handlers would run where
//! the call is made.
//! `sched_yield` is here because a loop that yields is off the CPU and yet not blocked.

use syscalls::Sysno;

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
    libc::SYS_rt_sigsuspend,
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

/// Calls that take a signal mask, and which argument is its address: no mask if that is null. Of
/// `pselect6` and `io_pgetevents` it is the address of a pair that says where the mask is, of
/// `io_uring_enter` perhaps that of a structure which may: these count as one.
const MASKED: [(i64, usize); 6] = [
    (libc::SYS_ppoll, 3),
    (libc::SYS_pselect6, 5),
    (libc::SYS_epoll_pwait, 4),
    (libc::SYS_epoll_pwait2, 4),
    (Sysno::io_pgetevents as i64, 5),
    (libc::SYS_io_uring_enter, 4),
];

/// Whether a call must be made as a plain one.
#[inline]
pub(crate) fn is_passed_through(number: usize, args: &[usize; 6]) -> bool {
    let listed = TABLE
        .get(number / 64)
        .is_some_and(|word| word >> (number % 64) & 1 == 1);
    listed
        || (number == libc::SYS_futex as usize && is_pi_futex(args[1]))
        || mask_argument(number).is_some_and(|argument| args[argument] != 0)
}

/// Whether the arguments decide if a call must be made as a plain one.
#[cfg(target_arch = "x86_64")]
pub(crate) fn is_judged(number: usize) -> bool {
    number == libc::SYS_futex as usize || mask_argument(number).is_some()
}

/// Whether a call that must be made as a plain one waits with a signal mask of its own.
#[cfg(target_arch = "x86_64")]
pub(crate) fn has_mask(number: usize) -> bool {
    number == libc::SYS_rt_sigsuspend as usize || mask_argument(number).is_some()
}

fn mask_argument(number: usize) -> Option<usize> {
    let masked = MASKED.iter().find(|&&(call, _)| call as usize == number);
    masked.map(|&(_, argument)| argument)
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
    #[cfg(target_arch = "x86_64")]
    use crate::counted::ROWS;

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

    #[test]
    fn a_signal_mask_is_passed_through_and_none_is_not() {
        for (call, argument) in MASKED {
            let mut args = [1; 6];
            assert!(is_passed_through(call as usize, &args), "call {call}");
            args[argument] = 0;
            assert!(!is_passed_through(call as usize, &args), "call {call}");
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[test]
    fn whatever_arguments_decide_is_judged() {
        for number in 0..ROWS {
            let differs = is_passed_through(number, &[0; 6])
                != is_passed_through(number, &[1, libc::FUTEX_LOCK_PI as usize, 1, 1, 1, 1]);
            assert_eq!(is_judged(number), differs, "call {number}");
        }
    }
}
