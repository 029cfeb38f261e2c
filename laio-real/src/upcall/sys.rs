//! System calls for code that runs on a carrier.
//!
//! A carrier has no thread-local storage of its own, so it must not reach libc, whose wrappers
//! write `errno` there. These are the bare instructions.

use std::arch::asm;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::AtomicU32;
use std::time::Duration;

use super::finished::result;

/// Makes a system call and returns what the kernel returned: -4095 to -1 are error numbers.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn raw(number: i64, [a, b, c, d]: [usize; 4]) -> i64 {
    // SAFETY: the caller's promise.
    unsafe { raw6(number, [a, b, c, d, 0, 0]) }
}

/// As [`raw`], with all arguments.
///
/// # Safety
/// As for the call itself.
pub(crate) unsafe fn raw6(number: i64, args: [usize; 6]) -> i64 {
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
            in("r8") args[4],
            in("r9") args[5],
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

/// As [`yield_cpu`]; says whether that is allowed.
pub(crate) fn try_yield() -> io::Result<()> {
    // SAFETY: touches no memory.
    result(unsafe { raw(libc::SYS_sched_yield, [0; 4]) }).map(drop)
}

/// Sleeps for a while.
pub(crate) fn nap(time: Duration) {
    let time = timespec(time);
    // SAFETY: a valid time; what is left of it is not asked for.
    unsafe { raw(libc::SYS_nanosleep, [&raw const time as usize, 0, 0, 0]) };
}

/// Sleeps until `fd` is readable, at most for `time`.
pub(crate) fn wait_readable(fd: i32, time: Duration) {
    let time = timespec(time);
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    let (poll, time) = (&raw mut poll as usize, &raw const time as usize);
    // SAFETY: one valid pollfd, a valid time, no mask.
    unsafe { raw(libc::SYS_ppoll, [poll, 1, time, 0]) };
}

fn timespec(time: Duration) -> libc::timespec {
    libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos().into(),
    }
}

/// Lets this process use [`barrier_everywhere`].
pub(crate) fn register_barrier() -> io::Result<()> {
    membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED)
}

/// A full memory barrier on every running thread of the process.
pub(crate) fn barrier_everywhere() {
    // It has been registered, and so cannot fail.
    let _ = membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

fn membarrier(command: libc::c_int) -> io::Result<()> {
    // SAFETY: takes no memory.
    result(unsafe { raw(libc::SYS_membarrier, [command as usize, 0, 0, 0]) }).map(drop)
}

/// Sleeps while `word` is `expected`; may return early.
pub(crate) fn futex_wait(word: &AtomicU32, expected: u32) {
    futex_wait_for(word, expected, None);
}

/// As [`futex_wait`], at most for `longest`. True if it was woken by [`futex_wake`].
pub(crate) fn futex_wait_for(word: &AtomicU32, expected: u32, longest: Option<Duration>) -> bool {
    let operation = libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG;
    futex(word, operation, expected, longest) == 0
}

/// As [`futex_wait`], for the word that the kernel clears when a thread ends: it wakes waiters of
/// the shared kind.
pub(crate) fn futex_wait_shared(word: &AtomicU32, expected: u32) {
    futex(word, libc::FUTEX_WAIT, expected, None);
}

/// Wakes up to `count` sleepers of `word`; returns how many there were.
#[cfg_attr(loom, expect(dead_code, reason = "the bell is a model"))]
pub(crate) fn futex_wake(word: &AtomicU32, count: u32) -> u32 {
    let count = count.min(i32::MAX as u32);
    let operation = libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG;
    // It fails for operations that are not known only.
    futex(word, operation, count, None).max(0) as u32
}

fn futex(word: &AtomicU32, operation: i32, value: u32, longest: Option<Duration>) -> i64 {
    let longest = longest.map(timespec);
    let time = longest
        .as_ref()
        .map_or(0, |time| ptr::from_ref(time) as usize);
    // SAFETY: the word outlives the call; the time is a valid one, or null, which is for ever.
    unsafe {
        raw(
            libc::SYS_futex,
            [
                word.as_ptr() as usize,
                operation as usize,
                value as usize,
                time,
            ],
        )
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

/// Whether a kernel thread of this process runs, or would if it had a CPU, by the directory `tasks`
/// of its threads in `/proc`. False where that does not tell.
pub(crate) fn is_runnable(tasks: i32, id: i32) -> bool {
    let mut name = [0; 24];
    let mut text = [0; 64];
    // It has room for every number.
    let _ = write!(&mut name[..], "{id}/stat\0");
    let flags = libc::O_RDONLY | libc::O_CLOEXEC;
    let name = name.as_ptr() as usize;
    // SAFETY: a name that ends with a zero; a writable buffer; a descriptor of our own.
    let length = unsafe {
        let fd = raw(libc::SYS_openat, [tasks as usize, name, flags as usize, 0]);
        if fd < 0 {
            return false;
        }
        let buffer = text.as_mut_ptr() as usize;
        let length = raw(libc::SYS_read, [fd as usize, buffer, text.len(), 0]);
        raw(libc::SYS_close, [fd as usize, 0, 0, 0]);
        length
    };
    usize::try_from(length).is_ok_and(|length| state_in_stat(&text[..length]) == Some(b'R'))
}

/// The state of a thread, by the beginning of its `stat` file: what follows its name, which is of at
/// most 15 bytes in brackets; proc_pid_stat(5).
fn state_in_stat(text: &[u8]) -> Option<u8> {
    let name_end = text.iter().rposition(|&byte| byte == b')')?;
    text.get(name_end + 2).copied()
}

/// Sends a signal to a kernel thread of this process.
pub(crate) fn signal_thread(id: i32, signal: i32) {
    // SAFETY: neither call takes memory.
    unsafe {
        let process = raw(libc::SYS_getpid, [0; 4]) as usize;
        raw(libc::SYS_tgkill, [process, id as usize, signal as usize, 0]);
    }
}

/// The monotonic clock, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let mut time = timespec(Duration::ZERO);
    let clock = libc::CLOCK_MONOTONIC as usize;
    // SAFETY: the call fills the structure.
    unsafe {
        raw(
            libc::SYS_clock_gettime,
            [clock, &raw mut time as usize, 0, 0],
        )
    };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
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

#[cfg(all(test, not(loom)))]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn state_follows_the_name() {
        assert_eq!(state_in_stat(b"17 (du) R 1 17 1"), Some(b'R'));
        assert_eq!(state_in_stat(b"17 (a) R (b) S 1 17"), Some(b'S'));
        assert_eq!(state_in_stat(b"17 (du)"), None);
        assert_eq!(state_in_stat(b""), None);
    }

    #[test]
    fn running_thread_is_runnable_and_a_sleeping_one_is_not() {
        // SAFETY: takes no memory.
        let gettid = || unsafe { raw(libc::SYS_gettid, [0; 4]) } as i32;
        let tasks = std::fs::File::open("/proc/self/task").unwrap();
        let is_runnable = |id| is_runnable(tasks.as_raw_fd(), id);
        assert!(is_runnable(gettid()));
        let (to_here, from_thread) = std::sync::mpsc::channel();
        let (to_thread, from_here) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            to_here.send(gettid()).unwrap();
            from_here.recv()
        });
        let id = from_thread.recv().unwrap();
        let deadline = std::time::Instant::now() + Duration::from_secs(10);
        while is_runnable(id) && std::time::Instant::now() < deadline {
            std::thread::yield_now();
        }
        assert!(!is_runnable(id));
        drop(to_thread);
        assert!(thread.join().unwrap().is_err());
        assert!(!is_runnable(-1));
    }
}
