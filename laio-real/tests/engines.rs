//! What holds on every engine.

mod common;

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;
use std::{ffi::CString, io};

use common::{PipeRead, Random, background, collect, done, millis, start, turn};
use laio::{Builder, Completion, EngineKind, Error, Handle, Laio, Submission};

/// The pool, which every machine has.
fn pool(builder: Builder) -> Laio {
    builder.engine(EngineKind::Pool).start().unwrap()
}

/// Checks each of the engines, one after the other.
fn on(kinds: &[EngineKind], check: impl Fn(&mut Laio)) {
    let _turn = turn();
    for &kind in kinds {
        eprintln!("engine {kind}");
        if let Some(mut laio) = start(Laio::builder(), kind) {
            check(&mut laio);
            assert_eq!(laio.counters().in_flight, 0);
        }
    }
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

fn path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap()
}

fn fd(file: &impl AsRawFd) -> usize {
    file.as_raw_fd() as usize
}

#[test]
fn every_errno_comes_through() {
    let folder = tempfile::tempdir().unwrap();
    let (folder_path, nowhere) = (path(folder.path()), path(&folder.path().join("nowhere")));
    let directory = File::open(folder.path()).unwrap();
    let file = tempfile::tempfile().unwrap();
    let (empty, writer) = io::pipe().unwrap();
    let (reader, unread) = io::pipe().unwrap();
    drop(reader);
    let mut buffer = [0u8; 64];
    let b = buffer.as_mut_ptr() as usize;
    let too_many_nanos = libc::timespec {
        tv_sec: 0,
        tv_nsec: 1_000_000_000,
    };
    let here = libc::AT_FDCWD as usize;
    let (folder_at, nowhere_at) = (folder_path.as_ptr() as usize, nowhere.as_ptr() as usize);
    let cases: &[(i64, [usize; 6])] = &[
        (libc::SYS_read, [usize::MAX, b, 1, 0, 0, 0]),
        (libc::SYS_read, [fd(&directory), b, 1, 0, 0, 0]),
        (libc::SYS_read, [fd(&writer), b, 1, 0, 0, 0]),
        (libc::SYS_write, [fd(&empty), b, 1, 0, 0, 0]),
        (libc::SYS_write, [fd(&unread), b, 1, 0, 0, 0]),
        (libc::SYS_pread64, [fd(&empty), b, 1, 0, 0, 0]),
        (libc::SYS_pread64, [fd(&file), b, 1, usize::MAX, 0, 0]),
        (libc::SYS_pwrite64, [fd(&file), b, 1, usize::MAX, 0, 0]),
        (libc::SYS_preadv, [fd(&file), 8, 1, 0, 0, 0]),
        (libc::SYS_recvfrom, [fd(&file), b, 1, 0, 0, 0]),
        (libc::SYS_sendto, [fd(&file), b, 1, 0, 0, 0]),
        (libc::SYS_accept, [fd(&file), 0, 0, 0, 0, 0]),
        (libc::SYS_connect, [fd(&file), b, 16, 0, 0, 0]),
        (libc::SYS_openat, [here, nowhere_at, 0, 0, 0, 0]),
        (libc::SYS_statx, [here, nowhere_at, 0, 0, b, 0]),
        (libc::SYS_mkdirat, [here, folder_at, 0o700, 0, 0, 0]),
        (libc::SYS_unlinkat, [here, folder_at, 0, 0, 0, 0]),
        (libc::SYS_unlinkat, [here, 8, 0, 0, 0, 0]),
        (
            libc::SYS_renameat2,
            [here, nowhere_at, here, folder_at, 0, 0],
        ),
        (libc::SYS_linkat, [here, nowhere_at, here, nowhere_at, 0, 0]),
        (libc::SYS_symlinkat, [folder_at, here, folder_at, 0, 0, 0]),
        (libc::SYS_fsync, [fd(&empty), 0, 0, 0, 0, 0]),
        (libc::SYS_fallocate, [fd(&empty), 0, 0, 1, 0, 0]),
        (libc::SYS_fadvise64, [fd(&empty), 0, 1, 0, 0, 0]),
        (libc::SYS_madvise, [1, 1, 0, 0, 0, 0]),
        (libc::SYS_close, [usize::MAX, 0, 0, 0, 0, 0]),
        (libc::SYS_splice, [fd(&file), 0, fd(&file), 0, 1, 0]),
        (libc::SYS_tee, [fd(&file), fd(&file), 1, 0, 0, 0]),
        (libc::SYS_nanosleep, [8, 0, 0, 0, 0, 0]),
        (
            libc::SYS_nanosleep,
            [&raw const too_many_nanos as usize, 0, 0, 0, 0, 0],
        ),
        (libc::SYS_getdents64, [fd(&file), b, 64, 0, 0, 0]),
        (1000, [0; 6]),
    ];
    on(&EngineKind::ALL, |laio| {
        for &(number, args) in cases {
            let [a, b, c, d, e, f] = args;
            // SAFETY: what the calls write fits into the buffer; the other addresses are invalid.
            let plain = unsafe { libc::syscall(number, a, b, c, d, e, f) };
            let expected = io::Error::last_os_error().raw_os_error();
            assert_eq!(plain, -1, "call {number} must fail");
            // SAFETY: as above.
            let error = unsafe { call(laio, number, args) }.unwrap_err();
            assert_eq!(error.raw_os_error(), expected, "call {number}");
        }
    });
}

#[test]
fn four_naps_end_shortest_first() {
    on(&EngineKind::ALL, |laio| {
        // One after the other they would end in the order of issue.
        let naps = [400, 300, 200, 100].map(millis);
        let mut handles = naps
            .each_ref()
            .map(|nap| background(common::nap(laio, nap)));
        handles.reverse();
        let ended = collect(laio, 4);
        assert!(ended.iter().map(|ended| ended.handle).eq(handles));
        for completion in ended {
            assert_eq!(completion.result.unwrap(), 0);
        }
    });
}

#[test]
fn a_pipe_read_ends_when_the_pipe_is_written() {
    on(&EngineKind::ALL, |laio| {
        let mut read = PipeRead::new();
        let handle = read.issue(laio);
        let mut completions = Vec::new();
        let none = laio.poll(&mut completions, Some(Duration::from_millis(20)));
        assert_eq!(none.unwrap(), 0);
        read.end();
        assert_eq!(laio.poll(&mut completions, None).unwrap(), 1);
        assert_eq!(completions[0].handle, handle);
        assert_eq!(completions[0].result.as_ref().unwrap(), &1);
        assert_eq!(laio.call_counters(libc::SYS_read).blocked(), 1);
    });
}

#[test]
fn the_completion_descriptor_ends_a_wait() {
    on(&EngineKind::ALL, |laio| {
        let epoll = epoll_of(laio);
        let mut completions = Vec::new();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }];
        let mut read = PipeRead::new();
        for _ in 0..20 {
            let handle = read.issue(laio);
            let ending = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(2));
                read.end();
                read
            });
            while laio.poll(&mut completions, Some(Duration::ZERO)).unwrap() == 0 {
                laio.wait(epoll.as_fd(), &mut events, None).unwrap();
            }
            assert_eq!(completions[0].handle, handle);
            read = ending.join().unwrap();
        }
        // Nothing is left to end a wait.
        let idle = laio.wait(epoll.as_fd(), &mut events, Some(Duration::from_millis(1)));
        assert_eq!(idle.unwrap(), 0);
    });
}

#[test]
fn the_completion_descriptor_ends_a_sleep_that_the_engine_does_not_know_of() {
    on(&[EngineKind::Uring, EngineKind::Pool], |laio| {
        let epoll = epoll_of(laio);
        let mut read = PipeRead::new();
        let handle = read.issue(laio);
        read.end();
        let mut event = libc::epoll_event { events: 0, u64: 0 };
        // SAFETY: one valid event.
        while unsafe { libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, -1) } != 1 {}
        assert_eq!(collect(laio, 1)[0].handle, handle);
    });
}

fn epoll_of(laio: &Laio) -> OwnedFd {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 0,
    };
    // SAFETY: the new descriptor is nobody else's; the event is valid.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        let member = laio.completion_fd().as_raw_fd();
        let added = libc::epoll_ctl(
            epoll.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            member,
            &raw mut event,
        );
        assert_eq!(added, 0);
        epoll
    }
}

/// A call of the mix, and how to know that its result is its own.
enum Mixed {
    /// The pipe in this slot.
    Read(usize),
    Other(i64),
}

/// Pipe reads that the loop ends one by one, amid calls of other kinds.
struct Mix {
    reads: Vec<PipeRead>,
    /// Whether the pipe in the slot has been written since its read was issued.
    written: Vec<bool>,
    in_flight: HashMap<Handle, Mixed>,
    seen: HashSet<Handle>,
    file: File,
    bytes: [u8; 256],
    nap: libc::timespec,
}

impl Mix {
    fn new(reads: usize) -> Self {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        Self {
            reads: (0..reads).map(|_| PipeRead::new()).collect(),
            written: vec![false; reads],
            in_flight: HashMap::new(),
            seen: HashSet::new(),
            file,
            bytes: [0; 256],
            nap: libc::timespec {
                tv_sec: 0,
                tv_nsec: 50_000,
            },
        }
    }

    fn background(&mut self, handle: Handle, call: Mixed) {
        assert!(self.seen.insert(handle), "{handle:?} came twice");
        self.in_flight.insert(handle, call);
    }

    fn issue_read(&mut self, laio: &mut Laio, slot: usize) {
        self.written[slot] = false;
        let handle = self.reads[slot].issue(laio);
        self.background(handle, Mixed::Read(slot));
    }

    fn end_read(&mut self, slot: usize) {
        if !self.written[slot] {
            self.written[slot] = true;
            self.reads[slot].end();
        }
    }

    /// Issues another call; whether it was done inline.
    fn issue_other(&mut self, laio: &mut Laio, choice: u64) -> bool {
        let (file, bytes) = (fd(&self.file), self.bytes.as_mut_ptr() as usize);
        let nap = &raw const self.nap as usize;
        let (number, args) = match choice {
            0 => (libc::SYS_getppid, [0; 6]),
            1 => (libc::SYS_nanosleep, [nap, 0, 0, 0, 0, 0]),
            2 => (libc::SYS_pread64, [file, bytes, 10, 0, 0, 0]),
            3 => (libc::SYS_fsync, [file, 0, 0, 0, 0, 0]),
            _ => (libc::SYS_fdatasync, [usize::MAX, 0, 0, 0, 0, 0]),
        };
        // SAFETY: everything outlives the calls; what they write is always the same.
        match unsafe { laio.syscall(number, args) } {
            Submission::Done(result) => check(number, &result),
            Submission::Background(handle) => {
                self.background(handle, Mixed::Other(number));
                return false;
            }
        }
        true
    }

    /// Checks a batch, and issues its reads anew while it is at it.
    fn handle(&mut self, laio: &mut Laio, batch: Vec<Completion>, again: bool) {
        for Completion { handle, result } in batch {
            match self.in_flight.remove(&handle).expect("ended twice") {
                Mixed::Other(number) => check(number, &result),
                Mixed::Read(slot) => {
                    assert!(self.written[slot], "ended before its pipe was written");
                    assert_eq!(result.unwrap(), 1);
                    if again {
                        self.issue_read(laio, slot);
                    }
                }
            }
        }
    }
}

#[track_caller]
fn check(number: i64, result: &io::Result<i64>) {
    match (number, result) {
        (libc::SYS_getppid, Ok(id)) => assert!(*id > 0),
        (libc::SYS_pread64, Ok(bytes)) => assert_eq!(*bytes, 10),
        (libc::SYS_nanosleep | libc::SYS_fsync, Ok(value)) => assert_eq!(*value, 0),
        (libc::SYS_fdatasync, Err(error)) => assert_eq!(error.raw_os_error(), Some(libc::EBADF)),
        _ => panic!("call {number} returned {result:?}"),
    }
}

#[test]
fn of_ten_thousand_mixed_calls_each_ends_once_and_no_handle_comes_twice() {
    const CALLS: u64 = 10_000;
    const READS: usize = 200;
    let _turn = turn();
    for kind in EngineKind::ALL {
        eprintln!("engine {kind}");
        let Some(mut laio) = start(Laio::builder().max_carriers(512), kind) else {
            continue;
        };
        let (mut mix, mut random) = (Mix::new(READS), Random(0x5eed));
        let (mut issued_other, mut inline, mut ended) = (0, 0, 0);
        (0..READS).for_each(|slot| mix.issue_read(&mut laio, slot));
        while mix.seen.len() as u64 + inline < CALLS {
            inline += u64::from(mix.issue_other(&mut laio, random.below(5)));
            issued_other += 1;
            if issued_other % 4 == 0 {
                mix.end_read(random.below(READS as u64) as usize);
            }
            let mut batch = Vec::new();
            laio.poll(&mut batch, Some(Duration::ZERO)).unwrap();
            ended += batch.len() as u64;
            mix.handle(&mut laio, batch, true);
        }
        assert_eq!(laio.counters().in_flight, mix.in_flight.len());
        (0..READS).for_each(|slot| mix.end_read(slot));
        let batch = collect(&mut laio, mix.in_flight.len());
        ended += batch.len() as u64;
        mix.handle(&mut laio, batch, false);
        assert!(mix.in_flight.is_empty());
        let counters = laio.counters();
        assert_eq!(counters.in_flight, 0);
        assert_eq!(
            (counters.calls.stolen, counters.calls.done_inline()),
            (ended, inline)
        );
        assert_eq!(ended, mix.seen.len() as u64);
    }
}

#[test]
fn an_engine_can_be_dropped_with_calls_in_flight() {
    let _turn = turn();
    for kind in [EngineKind::Uring, EngineKind::Pool] {
        let Some(mut laio) = start(Laio::builder().max_carriers(5), kind) else {
            continue;
        };
        // Four threads, so that some calls have not begun. They may still write their bytes.
        let reads: &mut [PipeRead; 8] = Box::leak(Box::new(PipeRead::issue_all(&mut laio)));
        drop(laio);
        let mut next = start(Laio::builder(), kind).unwrap();
        reads.iter_mut().for_each(PipeRead::end);
        let mut read = PipeRead::new();
        let handle = read.issue(&mut next);
        read.end();
        assert_eq!(collect(&mut next, 1)[0].handle, handle);
    }
}

/// The two ways in which a cancelled call ends.
#[track_caller]
fn assert_cancelled(completion: &Completion, handle: Handle) {
    assert_eq!(completion.handle, handle);
    let error = completion.result.as_ref().unwrap_err().raw_os_error();
    assert!(
        error == Some(libc::ECANCELED) || error == Some(libc::EINTR),
        "{error:?}"
    );
}

#[test]
fn a_cancelled_read_ends_and_the_others_go_on() {
    on(&EngineKind::ALL, |laio| {
        let (mut kept, mut cancelled) = (PipeRead::new(), PipeRead::new());
        let kept_handle = kept.issue(laio);
        for _ in 0..50 {
            let handle = cancelled.issue(laio);
            laio.cancel(handle).unwrap();
            assert_cancelled(&collect(laio, 1)[0], handle);
            assert_eq!(
                laio.cancel(handle).unwrap_err().kind(),
                io::ErrorKind::NotFound
            );
        }
        kept.end();
        let completion = collect(laio, 1).remove(0);
        assert_eq!(completion.handle, kept_handle);
        assert_eq!(completion.result.unwrap(), 1);
    });
}

#[test]
fn a_call_that_no_thread_has_begun_is_cancelled() {
    let _turn = turn();
    let mut laio = pool(Laio::builder().max_carriers(2));
    // One thread, which is in the first.
    let (mut first, mut second) = (PipeRead::new(), PipeRead::new());
    first.issue(&mut laio);
    let handle = second.issue(&mut laio);
    laio.cancel(handle).unwrap();
    let completion = collect(&mut laio, 1).remove(0);
    assert_eq!(completion.handle, handle);
    let error = completion.result.unwrap_err().raw_os_error();
    assert_eq!(error, Some(libc::ECANCELED));
    first.end();
    collect(&mut laio, 1);
}

#[test]
fn a_timeout_cancels_what_has_not_ended_by_then() {
    on(&EngineKind::ALL, |laio| {
        let mut reads = [(); 3].map(|()| PipeRead::new());
        let [long, short, none] = reads.each_mut().map(|read| read.issue(laio));
        laio.set_timeout(long, Duration::from_millis(60));
        laio.set_timeout(short, Duration::from_millis(20));
        assert_cancelled(&collect(laio, 1)[0], short);
        assert_cancelled(&collect(laio, 1)[0], long);
        // One that ends first is not cancelled.
        laio.set_timeout(none, Duration::from_secs(3600));
        reads[2].end();
        assert_eq!(collect(laio, 1)[0].result.as_ref().unwrap(), &1);
    });
}

#[test]
fn a_timeout_ends_a_wait() {
    on(&EngineKind::ALL, |laio| {
        let epoll = epoll_of(laio);
        let mut read = PipeRead::new();
        let handle = read.issue(laio);
        laio.set_timeout(handle, Duration::from_millis(20));
        let mut completions = Vec::new();
        let mut events = [libc::epoll_event { events: 0, u64: 0 }];
        while laio.poll(&mut completions, Some(Duration::ZERO)).unwrap() == 0 {
            laio.wait(epoll.as_fd(), &mut events, None).unwrap();
        }
        assert_cancelled(&completions[0], handle);
    });
}

#[test]
fn a_poll_with_a_timeout_of_its_own_returns_before_a_later_deadline() {
    on(&EngineKind::ALL, |laio| {
        let mut read = PipeRead::new();
        let handle = read.issue(laio);
        laio.set_timeout(handle, Duration::from_secs(3600));
        let mut completions = Vec::new();
        let count = laio.poll(&mut completions, Some(Duration::from_millis(5)));
        assert_eq!(count.unwrap(), 0);
        read.end();
        collect(laio, 1);
    });
}

#[test]
fn a_nonblocking_descriptor_does_not_wait() {
    on(&EngineKind::ALL, |laio| {
        let (reader, writer) = io::pipe().unwrap();
        let (socket, _peer) = UnixStream::pair().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        for descriptor in [fd(&reader), fd(&writer), fd(&socket), fd(&listener)] {
            // SAFETY: takes no memory.
            let set = unsafe { libc::fcntl(descriptor as i32, libc::F_SETFL, libc::O_NONBLOCK) };
            assert_eq!(set, 0);
        }
        let mut bytes = vec![0u8; 1 << 20];
        let (b, all) = (bytes.as_mut_ptr() as usize, bytes.len());
        let calls = [
            (libc::SYS_read, [fd(&reader), b, 1, 0, 0, 0]),
            (libc::SYS_read, [fd(&socket), b, 1, 0, 0, 0]),
            (libc::SYS_recvfrom, [fd(&socket), b, 1, 0, 0, 0]),
            (libc::SYS_accept4, [fd(&listener), 0, 0, 0, 0, 0]),
        ];
        for (number, args) in calls {
            // SAFETY: the buffer is large enough.
            let error = unsafe { call(laio, number, args) }.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EAGAIN), "call {number}");
        }
        for descriptor in [fd(&writer), fd(&socket)] {
            let args = [descriptor, b, all, 0, 0, 0];
            // SAFETY: the buffer is as long as told.
            let (part, full) = unsafe {
                let part = call(laio, libc::SYS_write, args).unwrap();
                (part, call(laio, libc::SYS_write, args).unwrap_err())
            };
            assert!(part > 0 && (part as usize) < all);
            assert_eq!(full.raw_os_error(), Some(libc::EAGAIN));
        }
    });
}

#[test]
fn a_socket_timeout_is_kept() {
    on(&EngineKind::ALL, |laio| {
        let (socket, _peer) = UnixStream::pair().unwrap();
        let timeout = Some(Duration::from_millis(10));
        socket.set_read_timeout(timeout).unwrap();
        let mut byte = 0u8;
        let args = [fd(&socket), &raw mut byte as usize, 1, 0, 0, 0];
        for number in [libc::SYS_read, libc::SYS_recvfrom] {
            // SAFETY: the byte outlives the call.
            let error = unsafe { call(laio, number, args) }.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EAGAIN), "call {number}");
        }
    });
}

#[test]
fn a_write_that_waits_writes_everything() {
    const BYTES: usize = 1 << 20;
    on(&EngineKind::ALL, |laio| {
        let data: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
        for number in [libc::SYS_write, libc::SYS_sendto] {
            let (socket, mut peer) = UnixStream::pair().unwrap();
            let args = [fd(&socket), data.as_ptr() as usize, BYTES, 0, 0, 0];
            // SAFETY: the data outlives the call.
            background(unsafe { laio.syscall(number, args) });
            let mut got = vec![0; BYTES];
            peer.read_exact(&mut got).unwrap();
            assert!(got == data, "call {number}");
            let result = collect(laio, 1).remove(0).result;
            assert_eq!(result.unwrap(), BYTES as i64, "call {number}");
        }
        let (mut reader, writer) = io::pipe().unwrap();
        let args = [fd(&writer), data.as_ptr() as usize, BYTES, 0, 0, 0];
        // SAFETY: the data outlives the call.
        background(unsafe { laio.syscall(libc::SYS_write, args) });
        let mut got = vec![0; BYTES];
        reader.read_exact(&mut got).unwrap();
        assert!(got == data);
        assert_eq!(
            collect(laio, 1)[0].result.as_ref().unwrap(),
            &(BYTES as i64)
        );
    });
}

#[test]
fn an_open_of_a_fifo_waits_for_the_other_end() {
    on(&EngineKind::ALL, |laio| {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("fifo");
        let name = path(&fifo);
        // SAFETY: a valid string.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let here = libc::AT_FDCWD as usize;
        let args = [
            here,
            name.as_ptr() as usize,
            libc::O_RDONLY as usize,
            0,
            0,
            0,
        ];
        // SAFETY: the name outlives the call.
        let handle = background(unsafe { laio.syscall(libc::SYS_openat, args) });
        let mut completions = Vec::new();
        let none = laio.poll(&mut completions, Some(Duration::from_millis(20)));
        assert_eq!(none.unwrap(), 0);
        let mut writer = File::options().write(true).open(&fifo).unwrap();
        writer.write_all(b"x").unwrap();
        let completion = collect(laio, 1).remove(0);
        assert_eq!(completion.handle, handle);
        // SAFETY: the new descriptor is nobody else's.
        let mut opened = unsafe { File::from_raw_fd(completion.result.unwrap() as i32) };
        drop(writer);
        let mut got = String::new();
        opened.read_to_string(&mut got).unwrap();
        assert_eq!(got, "x");
    });
}

#[test]
fn the_ring_engine_opens_and_reads_what_is_cached_inline() {
    on(&[EngineKind::Uring], |laio| {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all(b"x").unwrap();
        let (name, mut byte) = (path(file.path()), 0u8);
        let here = libc::AT_FDCWD as usize;
        let args = [here, name.as_ptr() as usize, 0, 0, 0, 0];
        // SAFETY: the name and the byte outlive the calls, which end at once.
        unsafe {
            let opened = done(laio.syscall(libc::SYS_openat, args)).unwrap();
            let opened = OwnedFd::from_raw_fd(opened as i32);
            let args = [fd(&opened), &raw mut byte as usize, 1, 0, 0, 0];
            let read = done(laio.syscall(libc::SYS_pread64, args)).unwrap();
            assert_eq!((read, byte), (1, b'x'));
        }
        assert_eq!(laio.counters().calls.stolen, 0);
    });
}

#[test]
fn files_read_cold_and_warm_by_position_and_in_sequence_are_whole() {
    const BYTES: usize = 1 << 20;
    on(&EngineKind::ALL, |laio| {
        let mut file = tempfile::tempfile_in(common::folder_on_disk()).unwrap();
        let data: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
        file.write_all(&data).unwrap();
        file.sync_all().unwrap();
        for cold in [true, false] {
            let chill = || {
                if cold {
                    // SAFETY: takes no memory.
                    unsafe {
                        libc::posix_fadvise(fd(&file) as i32, 0, 0, libc::POSIX_FADV_DONTNEED)
                    };
                }
            };
            let mut got = vec![0u8; BYTES];
            let at = |got: &mut [u8], position: usize| got[position..].as_mut_ptr() as usize;
            chill();
            // From the first third to beyond the end.
            let start = BYTES / 3;
            let args = [fd(&file), at(&mut got, start), BYTES - start, start, 0, 0];
            // SAFETY: the buffer is large enough.
            let read = unsafe { call(laio, libc::SYS_pread64, args) }.unwrap();
            assert_eq!(read, (BYTES - start) as i64);
            assert!(got[start..] == data[start..]);
            let args = [fd(&file), at(&mut got, 0), BYTES, start, 0, 0];
            // SAFETY: as above.
            let short = unsafe { call(laio, libc::SYS_pread64, args) }.unwrap();
            assert_eq!(short, (BYTES - start) as i64);
            chill();
            // SAFETY: takes no memory.
            unsafe { libc::lseek(fd(&file) as i32, 0, libc::SEEK_SET) };
            got.fill(0);
            let mut done = 0;
            while done < BYTES {
                let args = [
                    fd(&file),
                    at(&mut got, done),
                    300_000.min(BYTES - done),
                    0,
                    0,
                    0,
                ];
                // SAFETY: as above.
                done += unsafe { call(laio, libc::SYS_read, args) }.unwrap() as usize;
            }
            assert!(got == data);
        }
    });
}

#[test]
fn the_counters_of_the_pool_tell_blocking_from_not() {
    on(&[EngineKind::Pool], |laio| {
        // SAFETY: no such descriptor, so no memory is reached.
        let failed = unsafe { call(laio, libc::SYS_fstat, [usize::MAX, 0, 0, 0, 0, 0]) };
        assert_eq!(failed.unwrap_err().raw_os_error(), Some(libc::EBADF));
        let fstat = laio.call_counters(libc::SYS_fstat);
        assert_eq!(
            (fstat.stolen, fstat.false_steals, fstat.blocked()),
            (1, 1, 0)
        );
        // SAFETY: the call takes no memory.
        unsafe { call(laio, libc::SYS_gettid, [0; 6]) }.unwrap();
        assert_eq!(laio.counters().passed_through, 1);
    });
}

#[test]
fn beyond_the_limit_of_threads_calls_wait_in_the_background() {
    let _turn = turn();
    let mut laio = pool(Laio::builder().max_carriers(4));
    let mut reads = PipeRead::issue_all::<12>(&mut laio);
    assert_eq!(laio.counters().carriers, 4);
    PipeRead::end_all(&mut reads, &mut laio);
    let refused = Laio::builder().max_carriers(1).engine(EngineKind::Pool);
    assert!(matches!(refused.start(), Err(Error::TooFewCarriers(1))));
}

#[test]
fn by_itself_the_upcall_engine_or_the_pool_is_chosen() {
    let _turn = turn();
    let upcall = Laio::builder().engine(EngineKind::Upcall).start();
    let expected = match &upcall {
        Ok(_) => EngineKind::Upcall,
        Err(_) => EngineKind::Pool,
    };
    drop(upcall);
    assert_eq!(Laio::new().unwrap().engine(), expected);
}

#[test]
fn calls_on_a_tree_of_files_do_what_plain_ones_do() {
    on(&EngineKind::ALL, |laio| {
        let folder = tempfile::tempdir().unwrap();
        let name = |name: &str| path(&folder.path().join(name));
        let (made, file, other) = (name("made"), name("made/file"), name("made/other"));
        let (link, moved) = (name("link"), name("moved"));
        let [made, file, other, link, moved] =
            [&made, &file, &other, &link, &moved].map(|name| name.as_ptr() as usize);
        let here = libc::AT_FDCWD as usize;
        let mut ok = |number, args| {
            // SAFETY: the names outlive the calls; what they write is large enough.
            unsafe { call(laio, number, args) }.unwrap_or_else(|error| panic!("{number}: {error}"))
        };
        ok(libc::SYS_mkdirat, [here, made, 0o750, 0, 0, 0]);
        let flags = (libc::O_CREAT | libc::O_RDWR | libc::O_EXCL) as usize;
        let opened = ok(libc::SYS_openat, [here, file, flags, 0o640, 0, 0]) as usize;
        // Keep the size; from 4096, 8192 bytes.
        let keep = libc::FALLOC_FL_KEEP_SIZE as usize;
        ok(libc::SYS_fallocate, [opened, keep, 4096, 8192, 0, 0]);
        ok(libc::SYS_fallocate, [opened, 0, 0, 5000, 0, 0]);
        ok(
            libc::SYS_fadvise64,
            [opened, 0, 5000, libc::POSIX_FADV_WILLNEED as usize, 0, 0],
        );
        ok(libc::SYS_fsync, [opened, 0, 0, 0, 0, 0]);
        ok(libc::SYS_fdatasync, [opened, 0, 0, 0, 0, 0]);
        ok(libc::SYS_linkat, [here, file, here, other, 0, 0]);
        ok(libc::SYS_symlinkat, [file, here, link, 0, 0, 0]);
        let metadata = std::fs::metadata(folder.path().join("link")).unwrap();
        assert_eq!(metadata.len(), 5000);
        assert_eq!(metadata.permissions().mode() & 0o777, 0o640);
        let noreplace = libc::RENAME_NOREPLACE as usize;
        ok(
            libc::SYS_renameat2,
            [here, other, here, moved, noreplace, 0],
        );
        let mut stat = vec![0u8; size_of::<libc::statx>()];
        let to = stat.as_mut_ptr() as usize;
        let nofollow = libc::AT_SYMLINK_NOFOLLOW as usize;
        let mask = libc::STATX_SIZE as usize;
        ok(libc::SYS_statx, [here, moved, nofollow, mask, to, 0]);
        // SAFETY: the call has filled it; all bytes are valid.
        let size = unsafe { stat.as_ptr().cast::<libc::statx>().read_unaligned() }.stx_size;
        assert_eq!(size, 5000);
        ok(libc::SYS_close, [opened, 0, 0, 0, 0, 0]);
        ok(libc::SYS_unlinkat, [here, file, 0, 0, 0, 0]);
        ok(
            libc::SYS_unlinkat,
            [here, made, libc::AT_REMOVEDIR as usize, 0, 0, 0],
        );
        let left = std::fs::read_dir(folder.path()).unwrap();
        let mut left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["link", "moved"]);
    });
}

#[test]
fn vectored_spliced_and_advised_bytes_arrive() {
    on(&EngineKind::ALL, |laio| {
        let mut file = tempfile::tempfile().unwrap();
        let mut bytes = [0u8; 8];
        let base = bytes.as_mut_ptr();
        let vectors = [(0, 3), (3, 5)].map(|(start, length)| libc::iovec {
            iov_base: base.wrapping_add(start).cast(),
            iov_len: length,
        });
        let vectors = vectors.as_ptr() as usize;
        // SAFETY: the bytes are reached through this pointer only, and by one call at a time.
        let fill = |from: &[u8; 8]| unsafe { std::ptr::copy(from.as_ptr(), base, 8) };
        // SAFETY: as above.
        let held = || unsafe { base.cast::<[u8; 8]>().read_volatile() };
        let (reader, writer) = io::pipe().unwrap();
        let (copy_reader, copy_writer) = io::pipe().unwrap();
        let mut ok = |number, args| {
            // SAFETY: the parts outlive the calls.
            unsafe { call(laio, number, args) }.unwrap_or_else(|error| panic!("{number}: {error}"))
        };
        fill(b"abcdefgh");
        assert_eq!(ok(libc::SYS_pwritev, [fd(&file), vectors, 2, 4, 0, 0]), 8);
        fill(b"........");
        assert_eq!(ok(libc::SYS_preadv, [fd(&file), vectors, 2, 4, 0, 0]), 8);
        assert_eq!(&held(), b"abcdefgh");
        let byte = base as usize;
        assert_eq!(ok(libc::SYS_pwrite64, [fd(&file), byte, 3, 12, 0, 0]), 3);
        let mut all = Vec::new();
        file.read_to_end(&mut all).unwrap();
        assert_eq!(all, b"\0\0\0\0abcdefghabc");
        // From the file's position into a pipe, from there into another, and out of both.
        file.seek(io::SeekFrom::Start(4)).unwrap();
        let splice = [fd(&file), 0, fd(&writer), 0, 8, 0];
        assert_eq!(ok(libc::SYS_splice, splice), 8);
        assert_eq!(
            ok(libc::SYS_tee, [fd(&reader), fd(&copy_writer), 8, 0, 0, 0]),
            8
        );
        for pipe in [fd(&reader), fd(&copy_reader)] {
            fill(b"........");
            assert_eq!(ok(libc::SYS_readv, [pipe, vectors, 2, 0, 0, 0]), 8);
            assert_eq!(&held(), b"abcdefgh");
        }
        assert_eq!(ok(libc::SYS_writev, [fd(&writer), vectors, 2, 0, 0, 0]), 8);
        // SAFETY: a new private mapping.
        let page = unsafe {
            let access = libc::PROT_READ | libc::PROT_WRITE;
            let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
            libc::mmap(std::ptr::null_mut(), 4096, access, kind, -1, 0)
        };
        // SAFETY: the mapping's own bytes.
        unsafe { page.cast::<u8>().write(7) };
        let dontneed = libc::MADV_DONTNEED as usize;
        ok(libc::SYS_madvise, [page as usize, 4096, dontneed, 0, 0, 0]);
        // SAFETY: as above.
        unsafe {
            assert_eq!(page.cast::<u8>().read_volatile(), 0);
            libc::munmap(page, 4096);
        }
    });
}

#[test]
fn a_connection_is_made_and_carries_messages() {
    on(&EngineKind::ALL, |laio| {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: listener.local_addr().unwrap().port().to_be(),
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
            },
            sin_zero: [0; 8],
        };
        // SAFETY: the new descriptor is nobody else's.
        let socket =
            unsafe { OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0)) };
        let flags = libc::SOCK_CLOEXEC as usize;
        // SAFETY: takes no memory; the address outlives the calls.
        let accept = background(unsafe {
            laio.syscall(libc::SYS_accept4, [fd(&listener), 0, 0, flags, 0, 0])
        });
        let bytes = size_of_val(&address);
        let args = [fd(&socket), &raw const address as usize, bytes, 0, 0, 0];
        // SAFETY: as above.
        let connect = unsafe { laio.syscall(libc::SYS_connect, args) };
        let mut results = HashMap::new();
        let background_calls = match connect {
            Submission::Done(result) => {
                result.unwrap();
                1
            }
            Submission::Background(_) => 2,
        };
        for completion in collect(laio, background_calls) {
            results.insert(completion.handle, completion.result.unwrap());
        }
        // SAFETY: the new descriptor is nobody else's.
        let accepted = unsafe { OwnedFd::from_raw_fd(results[&accept] as i32) };
        // SAFETY: takes no memory.
        let close_on_exec = unsafe { libc::fcntl(accepted.as_raw_fd(), libc::F_GETFD) };
        assert_eq!(close_on_exec, libc::FD_CLOEXEC);

        let mut text = *b"hello";
        let mut part = libc::iovec {
            iov_base: text.as_mut_ptr().cast(),
            iov_len: text.len(),
        };
        // SAFETY: all zeroes are an empty message.
        let mut message = unsafe { std::mem::zeroed::<libc::msghdr>() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut part, 1);
        let to = &raw mut message as usize;
        // SAFETY: the message outlives the calls.
        unsafe {
            let sent = call(laio, libc::SYS_sendmsg, [fd(&socket), to, 0, 0, 0, 0]);
            assert_eq!(sent.unwrap(), 5);
            text.fill(0);
            let got = call(laio, libc::SYS_recvmsg, [fd(&accepted), to, 0, 0, 0, 0]);
            assert_eq!((got.unwrap(), &text), (5, b"hello"));
            // Nothing more has come: this one waits, and the sender ends it.
            let waiting = laio.syscall(libc::SYS_recvmsg, [fd(&accepted), to, 0, 0, 0, 0]);
            let waiting = background(waiting);
            let bye = b"bye!!".as_ptr() as usize;
            let send = [fd(&socket), bye, 5, 0, 0, 0];
            assert_eq!(
                done_or_collected(laio, libc::SYS_sendto, send, waiting),
                (5, 5)
            );
            assert_eq!(&text, b"bye!!");
        }
    });
}

/// Makes a call beside a waiting one; the results of both.
///
/// # Safety
/// As for the call.
unsafe fn done_or_collected(
    laio: &mut Laio,
    number: i64,
    args: [usize; 6],
    waiting: Handle,
) -> (i64, i64) {
    // SAFETY: the caller's promise.
    let submission = unsafe { laio.syscall(number, args) };
    let ended = |laio: &mut Laio, count| -> HashMap<Handle, i64> {
        let all = collect(laio, count).into_iter();
        all.map(|ended| (ended.handle, ended.result.unwrap()))
            .collect()
    };
    match submission {
        Submission::Done(result) => (result.unwrap(), ended(laio, 1)[&waiting]),
        Submission::Background(handle) => {
            let results = ended(laio, 2);
            (results[&handle], results[&waiting])
        }
    }
}

#[test]
fn where_io_uring_is_forbidden_it_is_refused_and_the_others_start() {
    let _turn = turn();
    // A filter binds only the thread that installs it, and what that starts.
    let forbidden = std::thread::spawn(|| {
        common::deny(&[libc::SYS_io_uring_setup], libc::EPERM);
        let refused = Laio::builder().engine(EngineKind::Uring).start();
        let Err(Error::NoIoUring { source }) = refused else {
            panic!("{refused:?}");
        };
        assert_eq!(source.raw_os_error(), Some(libc::EPERM));
        let mut laio = pool(Laio::builder());
        let mut read = PipeRead::new();
        read.issue(&mut laio);
        read.end();
        assert_eq!(collect(&mut laio, 1)[0].result.as_ref().unwrap(), &1);
    });
    forbidden.join().unwrap();
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
