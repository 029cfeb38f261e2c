//! System calls for code that runs on a carrier.
//!
//! A carrier has no thread-local storage of its own, so it must not reach libc, whose wrappers
//! write `errno` there. These are the bare instructions.

use std::arch::asm;
use std::mem::MaybeUninit;
use std::sync::atomic::AtomicU32;

/// Makes a system call and returns what the kernel returned: -4095 to -1 are error numbers.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn raw(number: i64, args: [usize; 4]) -> i64 {
    let value;
    // SAFETY: the instruction clobbers rax, rcx and r11 only; the rest is the caller's promise.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") number => value,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            lateout("rcx") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    value
}

/// Gives the CPU to whatever else is runnable on it.
pub(crate) fn yield_cpu() {
    // SAFETY: touches no memory.
    unsafe { raw(libc::SYS_sched_yield, [0; 4]) };
}

/// Sleeps while `word` is `expected`; may return early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
    futex(word, libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG, expected);
}

/// As [`futex_wait`], for the word that the kernel clears when a thread ends: it wakes waiters of
/// the shared kind.
pub(crate) fn futex_wait_shared(word: &AtomicU32, expected: u32) {
    futex(word, libc::FUTEX_WAIT, expected);
}

/// Wakes up to `count` sleepers of `word`.
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) {
    futex(word, libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG, count);
}

fn futex(word: &AtomicU32, operation: i32, value: u32) {
    // SAFETY: the word outlives the call, and the null timeout waits for ever.
    unsafe {
        raw(
            libc::SYS_futex,
            [
                word.as_ptr() as usize,
                operation as usize,
                value as usize,
                0,
            ],
        );
    }
}

/// Adds one to an eventfd, waking who sleeps on it.
pub(crate) fn signal_eventfd(fd: i32) {
    let one = 1u64;
    // SAFETY: eight readable bytes, as an eventfd wants.
    unsafe {
        raw(
            libc::SYS_write,
            [fd as usize, &raw const one as usize, 8, 0],
        )
    };
}

/// How often this kernel thread has given up the CPU of its own accord.
pub(crate) fn voluntary_switches() -> i64 {
    let mut usage = MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: `usage` is writable and of the size the call fills; all zeroes are a valid value.
    unsafe {
        raw(
            libc::SYS_getrusage,
            [
                libc::RUSAGE_THREAD as usize,
                usage.as_mut_ptr() as usize,
                0,
                0,
            ],
        );
        usage.assume_init().ru_nvcsw
    }
}

/// Ends this kernel thread, not the process.
pub(crate) fn exit_thread() -> ! {
    // SAFETY: the caller's stack is no longer needed by anyone else; the call does not return.
    unsafe {
        raw(libc::SYS_exit, [0; 4]);
        asm!("ud2", options(noreturn, nostack));
    }
}
