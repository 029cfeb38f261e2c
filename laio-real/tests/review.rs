//! What a hostile user would try: exhausted resources, senseless arguments, forks, panics, races.

mod common;

use std::io::{self, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use common::{PipeRead, Random, background, collect, done, millis, turn};
use laio::ops::{Operations, Output, Started};
use laio::{EngineKind, Error, Laio, Submission};

/// Fails to compile, because it cannot be told which one is meant, if `T` is `Send` or `Sync`.
trait OfOneThread<Which> {
    fn check() {}
}
struct IfSend;
struct IfSync;
impl<T: ?Sized> OfOneThread<()> for T {}
impl<T: ?Sized + Send> OfOneThread<IfSend> for T {}
impl<T: ?Sized + Sync> OfOneThread<IfSync> for T {}
const _: fn() = || {
    <Laio as OfOneThread<_>>::check();
    <Operations as OfOneThread<_>>::check();
};

/// An engine of this kind; `None`, and said so, where this machine does not have it.
fn start(kind: EngineKind) -> Option<Laio> {
    match Laio::builder().engine(kind).start() {
        Ok(laio) => Some(laio),
        Err(Error::NoIoUring { .. } | Error::UnsupportedPlatform | Error::NoFsgsbase) => {
            println!("SKIPPED: {kind} is not to be had here");
            None
        }
        Err(error) => panic!("{kind}: {error}"),
    }
}

fn all_engines() -> impl Iterator<Item = Laio> {
    EngineKind::ALL.into_iter().filter_map(start)
}

/// Makes a call and waits for its end.
///
/// # Safety
/// As for the call.
unsafe fn call(laio: &mut Laio, number: i64, args: [usize; 6]) -> io::Result<i64> {
    // SAFETY: the caller's promise.
    match unsafe { laio.syscall(number, args) } {
        Submission::Done(result) => result,
        Submission::Background(handle) => {
            let completion = collect(laio, 1).remove(0);
            assert_eq!(completion.handle, handle);
            completion.result
        }
    }
}

/// How many entries a directory of the process in `/proc` has.
fn count(what: &str) -> usize {
    std::fs::read_dir(format!("/proc/self/{what}"))
        .unwrap()
        .count()
}

/// The process's resident memory, in KiB.
fn resident_kib() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let number = line.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

#[test]
fn engines_leave_no_descriptors_or_threads_behind() {
    const ROUNDS: usize = 1000;
    let _turn = turn();
    for kind in EngineKind::ALL {
        let round = || {
            let Some(mut laio) = start(kind) else { return };
            let mut read = PipeRead::new();
            read.issue(&mut laio);
            PipeRead::end_all(std::slice::from_mut(&mut read), &mut laio);
        };
        round();
        let (fds, threads) = (count("fd"), count("task"));
        for _ in 0..ROUNDS {
            round();
        }
        assert_eq!(count("fd"), fds, "{kind}");
        // A thread that has been joined may be seen for a moment yet.
        while count("task") > threads {
            std::thread::yield_now();
        }
    }
}

/// Steals or hand-offs, `times` over; how much the memory grew from the first tenth on, in KiB.
fn growth_kib(laio: &mut Laio, times: usize) -> usize {
    let mut read = PipeRead::new();
    let mut completions = Vec::new();
    let mut round = |laio: &mut Laio| {
        let handle = read.issue(laio);
        read.end();
        laio.poll(&mut completions, None).unwrap();
        assert_eq!(completions[0].handle, handle);
    };
    for _ in 0..times / 10 {
        round(laio);
    }
    let before = resident_kib();
    for _ in 0..times {
        round(laio);
    }
    resident_kib().saturating_sub(before)
}

#[test]
fn background_calls_leave_no_memory_behind() {
    let _turn = turn();
    for mut laio in all_engines() {
        let kib = growth_kib(&mut laio, 20_000);
        // 20,000 of the smallest blocks there are would take 600 KiB.
        assert!(kib < 300, "{}: {kib} KiB", laio.engine());
    }
}

#[test]
#[ignore = "takes a minute"]
fn a_million_background_calls_leave_no_memory_behind() {
    let _turn = turn();
    for mut laio in all_engines() {
        let kib = growth_kib(&mut laio, 1_000_000);
        println!("{}: {kib} KiB", laio.engine());
        assert!(kib < 1000, "{}: {kib} KiB", laio.engine());
    }
}

#[test]
#[ignore = "takes a few seconds"]
fn ten_million_calls_are_all_counted() {
    const CALLS: u64 = 10_000_000;
    let _turn = turn();
    for mut laio in all_engines() {
        for _ in 0..CALLS {
            // SAFETY: takes no memory.
            if let Submission::Background(_) = unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) } {
                collect(&mut laio, 1);
            }
        }
        let counters = laio.call_counters(libc::SYS_getppid);
        assert_eq!(counters.issued, CALLS);
        println!("{}: {counters:?}", laio.engine());
    }
}

#[test]
fn a_forked_child_may_drop_the_engine() {
    let _turn = turn();
    for mut laio in all_engines() {
        let kind = laio.engine();
        // So that the loop is not where it started, and threads are there to be missed.
        common::wander(&mut laio);
        let mut read = PipeRead::new();
        read.issue(&mut laio);
        // SAFETY: the child makes only system calls, but for what is tested.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(laio);
            // SAFETY: ends the child.
            unsafe { libc::_exit(7) };
        }
        assert_eq!(exit_status(child), Some(7), "{kind}");
        PipeRead::end_all(std::slice::from_mut(&mut read), &mut laio);
    }
}

#[test]
fn a_forked_child_may_drop_the_operations() {
    const READS: usize = 4;
    const LONGEST: Duration = Duration::from_secs(20);
    let _turn = turn();
    for kind in EngineKind::ALL {
        // Carriers for one read: the upcall engine parks the others.
        let Some(laio) = common::start(Laio::builder().max_carriers(3), kind) else {
            continue;
        };
        let mut operations = Operations::new(laio);
        let mut writers = [(); READS].map(|()| {
            let (reader, writer) = io::pipe().unwrap();
            let read = operations.read(&Arc::new(reader), Vec::new(), 1);
            assert!(matches!(read, Started::Background(_)), "{kind}: {read:?}");
            writer
        });
        // Some have ended, or could, and have not been polled when the child is made.
        let (early, late) = writers.split_at_mut(READS / 2);
        for writer in early {
            writer.write_all(b"x").unwrap();
        }
        wait_readable(operations.laio().completion_fd(), -1);
        // SAFETY: the child makes only system calls, but for what is tested.
        let child = unsafe { libc::fork() };
        if child == 0 {
            drop(operations);
            // SAFETY: ends the child.
            unsafe { libc::_exit(7) };
        }
        assert_eq!(exit_status(child), Some(7), "{kind}");
        let still_readable = wait_readable(operations.laio().completion_fd(), 0);
        assert!(
            still_readable,
            "{kind}: the child took what tells the parent"
        );
        for writer in late {
            writer.write_all(b"x").unwrap();
        }
        let mut ended = Vec::new();
        while operations.in_flight() > 0 {
            let count = operations.poll(&mut ended, Some(LONGEST)).unwrap();
            assert!(count > 0, "{kind}: {} lost", operations.in_flight());
            for operation in ended.drain(..) {
                let Output::Transfer(read) = operation.output else {
                    panic!("{kind}: {operation:?}");
                };
                assert_eq!((read.result.unwrap(), read.buffer), (1, b"x".to_vec()));
            }
        }
    }
}

/// Waits until a descriptor is readable, or for a time; -1 is for ever.
fn wait_readable(fd: BorrowedFd<'_>, timeout_ms: i32) -> bool {
    let mut poll = libc::pollfd {
        fd: fd.as_raw_fd(),
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, timeout_ms) == 1 }
}

/// The exit status of a child; `None` if it had to be killed, or died.
fn exit_status(child: i32) -> Option<i32> {
    const LONGEST_MS: i32 = 20_000;
    // SAFETY: one valid pollfd; the descriptor is new; the status is writable.
    unsafe {
        let fd = OwnedFd::from_raw_fd(libc::syscall(libc::SYS_pidfd_open, child, 0) as i32);
        let mut poll = libc::pollfd {
            fd: fd.as_raw_fd(),
            events: libc::POLLIN,
            revents: 0,
        };
        while libc::poll(&raw mut poll, 1, LONGEST_MS) < 0 {}
        libc::kill(child, libc::SIGKILL);
        let mut status = 0;
        assert_eq!(libc::waitpid(child, &raw mut status, 0), child);
        libc::WIFEXITED(status).then(|| libc::WEXITSTATUS(status))
    }
}

/// The lowest number that is free for a descriptor.
fn free_fd() -> usize {
    io::stdin()
        .as_fd()
        .try_clone_to_owned()
        .unwrap()
        .as_raw_fd() as usize
}

/// While it lives, descriptors have lower numbers than this.
struct FdLimit(libc::rlimit);

impl FdLimit {
    fn new(limit: usize) -> Self {
        let mut former = libc::rlimit {
            rlim_cur: 0,
            rlim_max: 0,
        };
        // SAFETY: valid structures.
        unsafe {
            libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut former);
            let limit = libc::rlimit {
                rlim_cur: limit as libc::rlim_t,
                ..former
            };
            assert_eq!(libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit), 0);
        }
        Self(former)
    }
}

impl Drop for FdLimit {
    fn drop(&mut self) {
        // SAFETY: a valid structure.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const self.0) };
    }
}

#[test]
fn without_descriptors_no_engine_starts_and_none_is_lost() {
    let _turn = turn();
    for kind in EngineKind::ALL {
        if start(kind).is_none() {
            continue;
        }
        let (free, fds) = (free_fd(), count("fd"));
        let mut failures = 0;
        loop {
            let limit = FdLimit::new(free + failures);
            match Laio::builder().engine(kind).start() {
                Ok(_) => break,
                Err(Error::Os { call, source }) => {
                    assert_eq!(source.raw_os_error(), Some(libc::EMFILE), "{kind}: {call}");
                }
                Err(error) => panic!("{kind}: {error}"),
            }
            drop(limit);
            assert_eq!(count("fd"), fds, "{kind}, limit {failures} more");
            failures += 1;
        }
        assert!(failures > 0, "{kind}");
    }
}

#[test]
fn without_descriptors_calls_go_to_the_background_all_the_same() {
    let _turn = turn();
    for mut laio in all_engines() {
        let mut reads = [(); 40].map(|()| PipeRead::new());
        let limit = FdLimit::new(free_fd());
        for read in &mut reads {
            read.issue(&mut laio);
        }
        // SAFETY: the path is static.
        let opened = unsafe {
            let path = c"/etc/passwd".as_ptr() as usize;
            let cwd = libc::AT_FDCWD as usize;
            call(&mut laio, libc::SYS_openat, [cwd, path, 0, 0, 0, 0])
        };
        assert_eq!(opened.unwrap_err().raw_os_error(), Some(libc::EMFILE));
        drop(limit);
        PipeRead::end_all(&mut reads, &mut laio);
    }
}

#[test]
fn where_no_carrier_can_be_made_reads_of_idle_pipes_do_not_hold_the_loop_up() {
    let _turn = turn();
    // A filter binds only the thread that installs it, and what that starts. The C library's
    // threads are started by `clone3`.
    let forbidden = std::thread::spawn(|| {
        refuse(libc::SYS_clone, libc::EAGAIN);
        let Some(mut laio) = start(EngineKind::Upcall) else {
            return;
        };
        let mut reads = PipeRead::issue_all::<5>(&mut laio);
        assert_eq!(laio.counters().calls.parked, 5);
        assert_eq!(laio.counters().carriers, 1);
        // What cannot be parked holds the loop up.
        done(common::nap(&mut laio, &millis(1))).unwrap();
        assert_eq!(laio.counters().calls.at_limit, 1);
        PipeRead::end_all(&mut reads, &mut laio);
    });
    forbidden.join().unwrap();
}

/// Makes a call fail on this thread from now on.
fn refuse(number: i64, error: i32) {
    let statement = |code: u32, k: u32, on_true: u8, on_false: u8| libc::sock_filter {
        code: code as u16,
        jt: on_true,
        jf: on_false,
        k,
    };
    let refuse = libc::SECCOMP_RET_ERRNO | error as u32;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    // The call's number is the first word of what a filter is given.
    let mut filter = [
        statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, 0),
        statement(is, number as u32, 0, 1),
        statement(libc::BPF_RET | libc::BPF_K, refuse, 0, 0),
        statement(libc::BPF_RET | libc::BPF_K, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog {
        len: filter.len() as u16,
        filter: filter.as_mut_ptr(),
    };
    // SAFETY: a valid program, which the kernel copies.
    unsafe {
        assert_eq!(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 0);
        let mode = libc::SECCOMP_MODE_FILTER;
        let installed = libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program);
        assert_eq!(installed, 0);
    }
}

#[test]
fn numbers_of_no_call_fail_and_others_are_what_the_kernel_takes_them_for() {
    let _turn = turn();
    for mut laio in all_engines() {
        for number in [-1, 10_000, i64::from(i32::MAX), i64::from(i32::MIN)] {
            // SAFETY: no such call.
            let result = unsafe { call(&mut laio, number, [0; 6]) };
            let error = result.unwrap_err().raw_os_error();
            assert_eq!(error, Some(libc::ENOSYS), "{} {number}", laio.engine());
        }
        let passed_through = laio.counters().passed_through;
        // SAFETY: takes no memory.
        let id = unsafe { laio.syscall(libc::SYS_gettid | 5 << 32, [0; 6]) };
        assert!(done(id).unwrap() > 0);
        assert_eq!(laio.counters().passed_through, passed_through + 1);
    }
}

#[test]
fn six_arguments_arrive() {
    const PAGE_BYTES: usize = 4096;
    let _turn = turn();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[1; PAGE_BYTES]).unwrap();
    file.write_all(&[2; PAGE_BYTES]).unwrap();
    for mut laio in all_engines() {
        let (read, private) = (libc::PROT_READ as usize, libc::MAP_PRIVATE as usize);
        let fd = file.as_raw_fd() as usize;
        // SAFETY: a new mapping of a page of a file, which is looked at and unmapped.
        unsafe {
            let args = [0, PAGE_BYTES, read, private, fd, PAGE_BYTES];
            let map = call(&mut laio, libc::SYS_mmap, args).unwrap() as usize;
            assert_eq!(*(map as *const u8), 2);
            call(&mut laio, libc::SYS_munmap, [map, PAGE_BYTES, 0, 0, 0, 0]).unwrap();
        }
    }
}

#[test]
fn transfers_of_nothing_do_what_the_calls_do() {
    let _turn = turn();
    for mut laio in all_engines() {
        check_empty_transfers(&mut laio);
    }
    // At the limit, where a write might be parked.
    check_empty_transfers(&mut Laio::builder().max_carriers(2).start().unwrap());
}

fn check_empty_transfers(laio: &mut Laio) {
    let (from, to) = UnixDatagram::pair().unwrap();
    to.set_nonblocking(true).unwrap();
    let fd = from.as_raw_fd() as usize;
    for number in [libc::SYS_write, libc::SYS_sendto] {
        // SAFETY: no bytes are read.
        let written = unsafe { call(laio, number, [fd, 1, 0, 0, 0, 0]) };
        assert_eq!(written.unwrap(), 0, "{}", laio.engine());
        assert_eq!(to.recv(&mut [0; 8]).expect("an empty datagram"), 0);
    }
    let file = std::fs::File::open("/etc/passwd").unwrap();
    for number in [libc::SYS_read, libc::SYS_pread64] {
        let fd = file.as_raw_fd() as usize;
        // SAFETY: no bytes are written.
        let read = unsafe { call(laio, number, [fd, 1, 0, 0, 0, 0]) };
        assert_eq!(read.unwrap(), 0);
    }
}

#[test]
fn engines_of_different_kinds_share_a_thread() {
    let _turn = turn();
    let orders = [[0, 1, 2], [2, 1, 0], [1, 0, 2]];
    for order in orders {
        let mut engines: Vec<Laio> = all_engines().collect();
        let mut reads: Vec<_> = engines.iter_mut().map(PipeRead::issue_all::<8>).collect();
        for (laio, reads) in engines.iter_mut().zip(&mut reads) {
            PipeRead::end_all(reads, laio);
        }
        let mut engines: Vec<_> = engines.into_iter().map(Some).collect();
        for which in order {
            engines.get_mut(which).map(Option::take);
            for laio in engines.iter_mut().flatten() {
                common::wander(laio);
            }
        }
    }
}

#[test]
fn a_panic_drops_the_engine_and_the_next_one_starts() {
    let _turn = turn();
    for kind in EngineKind::ALL {
        let panicked = std::panic::catch_unwind(AssertUnwindSafe(|| {
            let mut laio = start(kind)?;
            common::wander(&mut laio);
            panic!("on purpose");
            #[expect(unreachable_code, reason = "says what the closure returns")]
            Some(laio)
        }));
        if let Ok(engine) = panicked {
            assert!(engine.is_none(), "{kind}");
            continue;
        }
        common::wander(&mut start(kind).unwrap());
    }
}

#[test]
fn an_engine_is_dropped_while_its_calls_end() {
    const ROUNDS: usize = 20;
    let _turn = turn();
    for kind in EngineKind::ALL {
        for round in 0..ROUNDS {
            let Some(mut laio) = start(kind) else { break };
            let mut reads = PipeRead::issue_all::<20>(&mut laio);
            std::thread::scope(|scope| {
                let mut end = || reads.iter_mut().for_each(PipeRead::end);
                if round % 2 == 0 {
                    end();
                } else {
                    laio.unpinned(|| scope.spawn(end));
                }
                drop(laio);
            });
            // The bytes are written to until the calls have ended, which nobody tells any more.
            std::mem::forget(reads);
        }
    }
}

/// The first of the reads sits on the kernel thread that the loop's thread began on.
#[test]
fn a_thread_that_panics_with_calls_in_flight_can_be_joined() {
    let _turn = turn();
    for kind in EngineKind::ALL {
        let panicking = std::thread::spawn(move || {
            let mut laio = start(kind)?;
            // Nobody ends them, and nobody frees what they write to.
            let reads: &mut [PipeRead; 8] = Box::leak(Box::new(PipeRead::issue_all(&mut laio)));
            assert!(reads.is_empty(), "on purpose");
            Some(())
        });
        let (joined, watchdog) = std::sync::mpsc::channel();
        std::thread::spawn(move || joined.send(panicking.join()));
        match watchdog.recv_timeout(Duration::from_secs(60)) {
            Ok(Err(_panic)) => {}
            Ok(Ok(engine)) => assert!(engine.is_none(), "{kind}"),
            Err(_) => panic!("{kind}: the thread cannot be joined"),
        }
    }
}

#[test]
fn times_too_long_to_be_told_do_not_end_and_can_be_cancelled() {
    let _turn = turn();
    for laio in all_engines() {
        let mut ops = Operations::new(laio);
        let Started::Background(nap) = ops.nanosleep(Duration::MAX) else {
            panic!("ended");
        };
        ops.set_timeout(nap, Duration::MAX);
        let (reader, mut writer) = io::pipe().unwrap();
        let reader = Arc::new(reader);
        let Started::Background(read) = ops.read(&reader, Vec::new(), 1) else {
            panic!("ended");
        };
        writer.write_all(b"x").unwrap();
        let mut ended = Vec::new();
        ops.poll(&mut ended, Some(Duration::MAX)).unwrap();
        assert_eq!(ended[0].handle, read);
        ops.set_timeout(nap, Duration::ZERO);
        ops.poll(&mut ended, Some(Duration::MAX)).unwrap();
        assert_eq!(ended[0].handle, nap);
        assert!(matches!(ended[0].output, Output::Unit(Err(_))), "{ended:?}");
        assert_eq!(ops.cancel(nap).unwrap_err().kind(), io::ErrorKind::NotFound);
        // For a call that has ended, it does nothing.
        ops.set_timeout(nap, Duration::ZERO);
        assert_eq!(ops.poll(&mut ended, Some(Duration::ZERO)).unwrap(), 0);
    }
}

#[test]
fn a_cancelled_operation_gives_its_buffer_back() {
    let _turn = turn();
    for laio in all_engines() {
        let mut ops = Operations::new(laio);
        let (reader, _writer) = io::pipe().unwrap();
        let Started::Background(read) = ops.read(&Arc::new(reader), vec![1, 2, 3], 100) else {
            panic!("ended");
        };
        ops.cancel(read).unwrap();
        let mut ended = Vec::new();
        ops.poll(&mut ended, None).unwrap();
        let Output::Transfer(transfer) = &ended[0].output else {
            panic!("{ended:?}");
        };
        let error = transfer.result.as_ref().unwrap_err().raw_os_error();
        assert!(matches!(error, Some(libc::EINTR | libc::ECANCELED)));
        assert!(transfer.buffer.is_empty() && transfer.buffer.capacity() >= 100);
    }
}

#[test]
fn a_cancel_that_races_with_the_end_loses_no_byte_and_doubles_no_completion() {
    const ROUNDS: usize = 2000;
    let _turn = turn();
    let mut random = Random(88);
    for mut laio in all_engines() {
        let kind = laio.engine();
        let (reader, mut writer) = io::pipe().unwrap();
        let mut byte = Box::new(0u8);
        let args = [
            reader.as_raw_fd() as usize,
            &raw mut *byte as usize,
            1,
            0,
            0,
            0,
        ];
        for round in 0..ROUNDS {
            // SAFETY: the byte outlives the call, whose end is awaited below.
            let handle = background(unsafe { laio.syscall(libc::SYS_read, args) });
            let mut write = || writer.write_all(b"x").unwrap();
            let cancelled = match random.below(3) {
                0 => {
                    write();
                    laio.cancel(handle)
                }
                1 => {
                    let cancelled = laio.cancel(handle);
                    write();
                    cancelled
                }
                _ => std::thread::scope(|scope| {
                    scope.spawn(write);
                    laio.cancel(handle)
                }),
            };
            let completion = collect(&mut laio, 1).remove(0);
            assert_eq!(completion.handle, handle);
            if let Err(error) = completion.result {
                assert!(cancelled.is_ok(), "{kind}, round {round}: {error}");
                // The byte is still there.
                // SAFETY: as above.
                let rest = unsafe { call(&mut laio, libc::SYS_read, args) };
                assert_eq!(rest.unwrap(), 1, "{kind}, round {round}");
            }
            let mut waiting = 0;
            // SAFETY: the call writes an `int`.
            unsafe { libc::ioctl(reader.as_raw_fd(), libc::FIONREAD, &raw mut waiting) };
            assert_eq!(waiting, 0, "{kind}, round {round}");
        }
        let mut rest = Vec::new();
        assert_eq!(laio.poll(&mut rest, Some(Duration::ZERO)).unwrap(), 0);
        assert_eq!(laio.counters().in_flight, 0);
    }
}

#[test]
fn more_completions_than_a_ring_holds_all_come_once() {
    const NAPS: usize = 10_000;
    let _turn = turn();
    let Some(mut laio) = start(EngineKind::Uring) else {
        return;
    };
    let nap = millis(300);
    // On a slow day, some end while they are submitted.
    let mut handles: Vec<_> = (0..NAPS)
        .filter_map(|_| match common::nap(&mut laio, &nap) {
            Submission::Background(handle) => Some(handle),
            Submission::Done(result) => {
                result.unwrap();
                None
            }
        })
        .collect();
    let mut ended: Vec<_> = collect(&mut laio, handles.len())
        .into_iter()
        .map(|completion| {
            completion.result.unwrap();
            completion.handle
        })
        .collect();
    handles.sort_unstable();
    ended.sort_unstable();
    assert_eq!(handles, ended);
}

#[test]
fn what_a_thread_is_told_about_itself_is_about_the_loops() {
    let _turn = turn();
    for mut laio in all_engines() {
        let kind = laio.engine();
        // SAFETY: takes no memory; the calling thread's.
        let policy = unsafe { libc::sched_getscheduler(0) };
        // SAFETY: takes no memory.
        let told = unsafe { call(&mut laio, libc::SYS_sched_getscheduler, [0; 6]) }.unwrap();
        assert_eq!(told, i64::from(policy), "{kind}");
        if kind != EngineKind::Upcall {
            // SAFETY: takes no memory.
            let inline = unsafe { laio.syscall(libc::SYS_getpriority, [0; 6]) };
            done(inline).unwrap();
        }
    }
}

#[test]
fn a_descriptor_of_an_engine_is_closed_on_exec() {
    let _turn = turn();
    for laio in all_engines() {
        // SAFETY: takes no memory.
        let flags = unsafe { libc::fcntl(laio.completion_fd().as_fd().as_raw_fd(), libc::F_GETFD) };
        assert_eq!(flags, libc::FD_CLOEXEC, "{}", laio.engine());
    }
}
