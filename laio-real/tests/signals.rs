//! Signals that the upcall engine keeps off the loop and its carriers: which calls let them in, and
//! what becomes of those that a call raises for its own kernel thread.

mod common;

use std::io::{PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU64, Ordering};

use common::{PipeRead, background, begin_child, child_passes, collect, done, turn, wander};
use laio::{EngineKind, Laio, Submission};

fn upcall() -> Laio {
    Laio::builder().engine(EngineKind::Upcall).start().unwrap()
}

/// Which of the calls of [`masked_calls`] the handler interrupted, and what it found in
/// thread-local storage.
static SEEN: AtomicU64 = AtomicU64::new(0);
static HANDLED_ON: AtomicI32 = AtomicI32::new(0);

thread_local! {
    static OF_THE_LOOP: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
}

extern "C" fn note_storage(_signal: i32) {
    SEEN.store(OF_THE_LOOP.get(), Ordering::SeqCst);
    // SAFETY: takes no memory.
    HANDLED_ON.store(unsafe { libc::gettid() }, Ordering::SeqCst);
}

/// The kernel's set of signals with none in it, and the pair of its address and size.
static NOTHING: u64 = 0;
const SET_BYTES: usize = size_of::<u64>();

/// Every call with a mask, waiting for ever, with no signal blocked. `pair` is the address and the
/// size of the mask.
fn masked_calls(
    epoll: &OwnedFd,
    events: &mut [libc::epoll_event; 1],
    pair: &[usize; 2],
) -> [(i64, [usize; 6]); 5] {
    let mask = &raw const NOTHING as usize;
    let epoll = epoll.as_raw_fd() as usize;
    let events = events.as_mut_ptr() as usize;
    let for_ever = usize::MAX;
    [
        (libc::SYS_ppoll, [0, 0, 0, mask, SET_BYTES, 0]),
        (
            libc::SYS_pselect6,
            [0, 0, 0, 0, 0, ptr::from_ref(pair) as usize],
        ),
        (
            libc::SYS_epoll_pwait,
            [epoll, events, 1, for_ever, mask, SET_BYTES],
        ),
        (
            libc::SYS_epoll_pwait2,
            [epoll, events, 1, 0, mask, SET_BYTES],
        ),
        (libc::SYS_rt_sigsuspend, [mask, SET_BYTES, 0, 0, 0, 0]),
    ]
}

fn new_epoll() -> OwnedFd {
    // SAFETY: a new descriptor, nobody else's.
    unsafe {
        let fd = libc::epoll_create1(libc::EPOLL_CLOEXEC);
        assert!(fd >= 0);
        OwnedFd::from_raw_fd(fd)
    }
}

fn handle(signal: i32, handler: extern "C" fn(i32)) {
    // SAFETY: the handlers here only make a call, read thread-local storage and store atomics.
    unsafe { libc::signal(signal, handler as libc::sighandler_t) };
}

/// Signals the kernel thread that the loop is on; it stays pending there.
fn signal_this_kernel_thread(signal: i32) {
    // SAFETY: takes no memory. Not `raise`, which uses an id that the C library remembers.
    unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), libc::gettid(), signal) };
}

#[test]
#[ignore = "a child of a_call_with_a_mask_runs_handlers_as_the_loop"]
fn child_that_waits_for_signals() {
    if !begin_child() {
        return;
    }
    handle(libc::SIGUSR1, note_storage);
    let mut laio = upcall();
    wander(&mut laio);
    let (epoll, mut events) = (new_epoll(), [libc::epoll_event { events: 0, u64: 0 }]);
    let pair = [&raw const NOTHING as usize, SET_BYTES];
    let calls = masked_calls(&epoll, &mut events, &pair);
    for (mark, (number, args)) in (1..).zip(calls.into_iter().chain(calls)) {
        OF_THE_LOOP.set(mark);
        signal_this_kernel_thread(libc::SIGUSR1);
        // SAFETY: all of it outlives the call.
        let result = done(unsafe { laio.syscall(number, args) });
        assert_eq!(
            result.unwrap_err().raw_os_error(),
            Some(libc::EINTR),
            "call {number}"
        );
        assert_eq!(SEEN.load(Ordering::SeqCst), mark, "call {number}");
        // SAFETY: takes no memory.
        assert_eq!(HANDLED_ON.load(Ordering::SeqCst), unsafe { libc::gettid() });
    }
    assert_eq!(laio.counters().passed_through, 2 * calls.len() as u64);
}

#[test]
fn a_call_with_a_mask_runs_handlers_as_the_loop() {
    let _turn = turn();
    child_passes("child_that_waits_for_signals");
}

#[test]
fn the_same_calls_without_a_mask_are_lazy() {
    const CALLS: u64 = 3;
    let _turn = turn();
    let mut laio = upcall();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let mut poll = libc::pollfd {
        fd: reader.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    let epoll = new_epoll();
    let mut events = [libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 7,
    }];
    // SAFETY: valid descriptors, and an event that the call reads.
    let added = unsafe {
        libc::epoll_ctl(
            epoll.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            reader.as_raw_fd(),
            events.as_mut_ptr(),
        )
    };
    assert_eq!(added, 0);
    let mut set = [0u64; 16];
    let bit = reader.as_raw_fd() as usize;
    set[bit / 64] = 1 << (bit % 64);
    let for_ever = usize::MAX;
    let (epoll, events) = (epoll.as_raw_fd() as usize, events.as_mut_ptr() as usize);
    let calls = [
        (
            libc::SYS_ppoll,
            [&raw mut poll as usize, 1, 0, 0, SET_BYTES, 0],
        ),
        (
            libc::SYS_pselect6,
            [bit + 1, set.as_mut_ptr() as usize, 0, 0, 0, 0],
        ),
        (
            libc::SYS_epoll_pwait,
            [epoll, events, 1, for_ever, 0, SET_BYTES],
        ),
        (libc::SYS_epoll_pwait2, [epoll, events, 1, 0, 0, SET_BYTES]),
    ];
    for (number, args) in calls {
        for _ in 0..CALLS {
            // SAFETY: all of it outlives the call.
            background(unsafe { laio.syscall(number, args) });
            writer.write_all(b"x").unwrap();
            let completion = collect(&mut laio, 1).remove(0);
            assert_eq!(completion.result.unwrap(), 1, "call {number}");
            reader.read_exact(&mut [0]).unwrap();
        }
        let counters = laio.call_counters(number);
        assert_eq!((counters.issued, counters.stolen), (CALLS, CALLS));
        assert_eq!(counters.control_back.samples, 1, "the first is timed");
    }
    assert_eq!(laio.counters().passed_through, 0);
}

/// Writes a byte through the engine.
fn write(laio: &mut Laio, fd: i32) -> std::io::Result<i64> {
    static BYTE: u8 = b'x';
    let args = [fd as usize, &raw const BYTE as usize, 1, 0, 0, 0];
    // SAFETY: the byte is there for ever.
    match unsafe { laio.syscall(libc::SYS_write, args) } {
        Submission::Done(result) => result,
        Submission::Background(_) => collect(laio, 1).remove(0).result,
    }
}

/// A pipe that nobody reads.
fn closed_pipe() -> PipeWriter {
    std::io::pipe().unwrap().1
}

/// Whether the kernel thread that the loop is on has this signal pending.
fn is_pending_here(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let pending = status.lines().find_map(|line| line.strip_prefix("SigPnd:"));
    let pending = u64::from_str_radix(pending.unwrap().trim(), 16).unwrap();
    pending >> (signal - 1) & 1 == 1
}

#[test]
#[ignore = "a child of signals_that_writes_raise_kill_nobody"]
fn child_that_writes_to_a_closed_pipe() {
    if !begin_child() {
        return;
    }
    // SAFETY: takes no memory; Rust's runtime has it ignored.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let mut closed = closed_pipe();
    let mut laio = upcall();
    let fail_to_write = |laio: &mut Laio| {
        let error = write(laio, closed.as_raw_fd()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
    };
    fail_to_write(&mut laio);
    while !is_pending_here(libc::SIGPIPE) {
        // The write went to the background, and left the signal there.
        fail_to_write(&mut laio);
    }
    laio.unpinned(|| assert!(!is_pending_here(libc::SIGPIPE)));
    fail_to_write(&mut laio);
    let mask = &raw const NOTHING as usize;
    let no_time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    let args = [0, 0, ptr::from_ref(&no_time) as usize, mask, SET_BYTES, 0];
    // SAFETY: all of it outlives the call.
    let ready = done(unsafe { laio.syscall(libc::SYS_ppoll, args) });
    assert_eq!(ready.unwrap(), 0);
    // On whatever carriers, the home one included.
    for _ in 0..20 {
        fail_to_write(&mut laio);
        wander(&mut laio);
    }
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    fail_to_write(&mut laio);
    laio.unpinned(|| ());
    PipeRead::end_all(&mut reads, &mut laio);
    fail_to_write(&mut laio);
    // As a plain write leaves it.
    let error = closed.write_all(b"x").unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EPIPE));
    assert!(is_pending_here(libc::SIGPIPE));
    drop(laio);
    assert!(!is_pending_here(libc::SIGPIPE));
}

#[test]
#[ignore = "a child of signals_that_writes_raise_kill_nobody"]
fn child_that_writes_too_large_a_file() {
    if !begin_child() {
        return;
    }
    let file = tempfile::tempfile().unwrap();
    let mut laio = upcall();
    let none = libc::rlimit {
        rlim_cur: 0,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: a valid limit.
    let limited = unsafe { libc::setrlimit(libc::RLIMIT_FSIZE, &raw const none) };
    assert_eq!(limited, 0);
    for _ in 0..3 {
        let error = write(&mut laio, file.as_raw_fd()).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EFBIG));
        laio.unpinned(|| ());
    }
    assert_eq!(
        write(&mut laio, file.as_raw_fd())
            .unwrap_err()
            .raw_os_error(),
        Some(libc::EFBIG)
    );
    drop(laio);
}

#[test]
#[ignore = "a child of signals_that_writes_raise_kill_nobody"]
fn child_that_keeps_the_signal_for_itself() {
    if !begin_child() {
        return;
    }
    // SAFETY: a set, initialised before use, and blocked on this thread.
    unsafe {
        let mut pipe = std::mem::MaybeUninit::<libc::sigset_t>::uninit();
        libc::sigemptyset(pipe.as_mut_ptr());
        libc::sigaddset(pipe.as_mut_ptr(), libc::SIGPIPE);
        libc::pthread_sigmask(libc::SIG_BLOCK, pipe.as_ptr(), ptr::null_mut());
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
    }
    let mut laio = upcall();
    closed_pipe().write_all(b"x").unwrap_err();
    laio.unpinned(|| assert!(is_pending_here(libc::SIGPIPE)));
    drop(laio);
    assert!(is_pending_here(libc::SIGPIPE));
}

#[test]
fn signals_that_writes_raise_kill_nobody() {
    let _turn = turn();
    child_passes("child_that_writes_to_a_closed_pipe");
    child_passes("child_that_writes_too_large_a_file");
    child_passes("child_that_keeps_the_signal_for_itself");
}
