//! At the limit of carriers: operations on sockets, pipes and eventfds wait without one.

mod common;

use std::ffi::CString;
use std::fs::{self, File};
use std::io::{ErrorKind, IoSlice, Read, Write};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Stdio;
use std::time::Duration;

use common::{PipeRead, background, begin_child, collect, done, turn};
use laio::{Handle, Laio, Submission};

/// Few enough that every operation of a kind that can be parked is.
const FEW: usize = 2;

fn few() -> Laio {
    Laio::builder().max_carriers(FEW).start().unwrap()
}

/// A byte received from a stream in the background.
struct Receive {
    stream: UnixStream,
    peer: UnixStream,
    byte: Box<u8>,
}

impl Receive {
    fn new() -> Self {
        let (stream, peer) = UnixStream::pair().unwrap();
        Self {
            stream,
            peer,
            byte: Box::new(0),
        }
    }

    fn issue(&mut self, laio: &mut Laio) -> Submission {
        let (fd, byte) = (self.stream.as_raw_fd() as usize, &raw mut *self.byte);
        // SAFETY: the tests keep the byte until the call has ended.
        unsafe { laio.syscall(libc::SYS_recvfrom, [fd, byte as usize, 1, 0, 0, 0]) }
    }
}

#[test]
fn with_twice_the_limit_of_idle_clients_a_live_one_is_served() {
    const CARRIERS: usize = 8;
    let _turn = turn();
    let mut laio = Laio::builder().max_carriers(CARRIERS).start().unwrap();
    let mut idle: Vec<Receive> = (0..2 * CARRIERS).map(|_| Receive::new()).collect();
    let mut waiting: Vec<Handle> = idle
        .iter_mut()
        .map(|receive| background(receive.issue(&mut laio)))
        .collect();
    let mut live = Receive::new();
    for round in 0..100u8 {
        let request = background(live.issue(&mut laio));
        live.peer.write_all(&[round]).unwrap();
        assert_eq!(collect(&mut laio, 1)[0].handle, request);
        let (fd, byte) = (live.stream.as_raw_fd() as usize, &raw mut *live.byte);
        // SAFETY: the byte outlives the call, which does not block.
        let sent = unsafe { laio.syscall(libc::SYS_sendto, [fd, byte as usize, 1, 0, 0, 0]) };
        assert_eq!(done(sent).unwrap(), 1);
        let mut answer = [0];
        live.peer.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [round]);
    }
    let counters = laio.counters();
    assert!(counters.carriers <= CARRIERS);
    assert_eq!(counters.in_flight, idle.len());
    assert!(counters.calls.parked >= 100 + idle.len() as u64 / 2);
    assert_eq!(counters.calls.late, counters.calls.at_limit);
    // The idle ones wake up.
    for receive in &mut idle {
        receive.peer.write_all(b"x").unwrap();
    }
    let mut ended: Vec<Handle> = collect(&mut laio, idle.len())
        .into_iter()
        .inspect(|completion| assert_eq!(*completion.result.as_ref().unwrap(), 1))
        .map(|completion| completion.handle)
        .collect();
    ended.sort();
    waiting.sort();
    assert_eq!(ended, waiting);
}

#[test]
fn a_parked_operation_that_is_ready_ends_the_wait() {
    let _turn = turn();
    let mut laio = few();
    let mut receive = Receive::new();
    let handle = background(receive.issue(&mut laio));
    // SAFETY: the new descriptor is nobody else's; the event is valid.
    let epoll = unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        let mut event = libc::epoll_event {
            events: libc::EPOLLIN as u32,
            u64: 1,
        };
        let fd = laio.completion_fd().as_raw_fd();
        libc::epoll_ctl(epoll.as_raw_fd(), libc::EPOLL_CTL_ADD, fd, &raw mut event);
        epoll
    };
    let mut peer = receive.peer.try_clone().unwrap();
    let sender = std::thread::spawn(move || peer.write_all(b"x").unwrap());
    let (mut completions, mut events) = (Vec::new(), [libc::epoll_event { events: 0, u64: 0 }]);
    while laio.poll(&mut completions, Some(Duration::ZERO)).unwrap() == 0 {
        laio.wait(epoll.as_fd(), &mut events, None).unwrap();
    }
    assert_eq!(completions[0].handle, handle);
    sender.join().unwrap();
    let millisecond = Some(Duration::from_millis(1));
    let events = laio.wait(epoll.as_fd(), &mut events, millisecond);
    assert_eq!(events.unwrap(), 0, "nothing is left to end a wait");
}

/// Issues an input operation, has `supply` end it, and checks that it was parked meanwhile.
fn check_input(
    laio: &mut Laio,
    number: i64,
    args: [usize; 6],
    supply: impl FnOnce(),
) -> std::io::Result<i64> {
    // SAFETY: the callers keep the memory.
    let handle = background(unsafe { laio.syscall(number, args) });
    let counters = laio.call_counters(number);
    assert_eq!((counters.parked, counters.stolen), (1, 1), "call {number}");
    supply();
    let ended = collect(laio, 1).remove(0);
    assert_eq!(ended.handle, handle);
    ended.result
}

#[test]
fn every_kind_of_input_is_parked_and_ends_when_there_is_some() {
    let _turn = turn();
    let mut laio = few();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let (stream, mut peer) = UnixStream::pair().unwrap();
    let (reader, stream) = (reader.as_raw_fd() as usize, stream.as_raw_fd() as usize);
    let mut bytes = [0u8; 4];
    let buffer = bytes.as_mut_ptr() as usize;
    let mut parts = [libc::iovec {
        iov_base: buffer as *mut libc::c_void,
        iov_len: 4,
    }];
    let vector = parts.as_mut_ptr() as usize;
    // SAFETY: all zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (parts.as_mut_ptr(), 1);
    let header = &raw mut header as usize;

    let from_pipe = [reader, buffer, 4, 0, 0, 0];
    let read = check_input(&mut laio, libc::SYS_read, from_pipe, || {
        writer.write_all(b"ab").unwrap();
    });
    assert_eq!((read.unwrap(), &bytes), (2, b"ab\0\0"));
    let from_pipe = [reader, vector, 1, 0, 0, 0];
    let read = check_input(&mut laio, libc::SYS_readv, from_pipe, || {
        writer.write_all(b"cde").unwrap();
    });
    assert_eq!((read.unwrap(), &bytes), (3, b"cde\0"));
    let from_stream = [stream, header, 0, 0, 0, 0];
    let read = check_input(&mut laio, libc::SYS_recvmsg, from_stream, || {
        peer.write_all(b"f").unwrap();
    });
    assert_eq!((read.unwrap(), &bytes), (1, b"fde\0"));
    let from_stream = [stream, buffer, 4, 0, 0, 0];
    let read = check_input(&mut laio, libc::SYS_recvfrom, from_stream, || {
        peer.shutdown(std::net::Shutdown::Both).unwrap();
    });
    assert_eq!(read.unwrap(), 0, "the end of the stream");
}

#[test]
fn an_accept_and_an_eventfd_are_parked() {
    let _turn = turn();
    let mut laio = few();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("socket");
    let listener = UnixListener::bind(&path).unwrap();
    for number in [libc::SYS_accept, libc::SYS_accept4] {
        let args = [listener.as_raw_fd() as usize, 0, 0, 0, 0, 0];
        let mut client = None;
        let accepted = check_input(&mut laio, number, args, || {
            client = Some(UnixStream::connect(&path).unwrap());
        });
        // SAFETY: the descriptor is new.
        let mut server = unsafe { UnixStream::from_raw_fd(accepted.unwrap() as i32) };
        server.write_all(b"x").unwrap();
        client.unwrap().read_exact(&mut [0]).unwrap();
    }

    // SAFETY: the new descriptor is nobody else's.
    let eventfd = unsafe { OwnedFd::from_raw_fd(libc::eventfd(0, libc::EFD_CLOEXEC)) };
    let (mut value, seven) = (0u64, 7u64);
    let fd = eventfd.as_raw_fd();
    let args = [fd as usize, &raw mut value as usize, 8, 0, 0, 0];
    // SAFETY: eight readable bytes.
    let supply = || unsafe {
        libc::write(fd, (&raw const seven).cast(), 8);
    };
    assert_eq!(
        check_input(&mut laio, libc::SYS_read, args, supply).unwrap(),
        8
    );
    assert_eq!(value, 7);
    // Its counter overflows: the write waits for a read.
    let most = u64::MAX - 1;
    let args = [fd as usize, &raw const most as usize, 8, 0, 0, 0];
    // SAFETY: the value outlives the call, which does not block.
    done(unsafe { laio.syscall(libc::SYS_write, args) }).unwrap();
    // SAFETY: as above.
    let handle = background(unsafe { laio.syscall(libc::SYS_write, args) });
    assert_eq!(laio.call_counters(libc::SYS_write).parked, 1);
    // SAFETY: eight writable bytes.
    unsafe { libc::read(fd, (&raw mut value).cast(), 8) };
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!((ended.handle, ended.result.unwrap()), (handle, 8));
}

/// Each of the output calls, with a message far larger than any buffer: it ends when all of it is
/// written, in order.
#[test]
fn every_kind_of_output_is_parked_and_ends_when_all_is_written() {
    const BYTES: usize = 3 << 20;
    let _turn = turn();
    let mut laio = few();
    let mut message: Vec<u8> = (0..BYTES).map(|at| (at % 251) as u8).collect();
    let (first, rest) = message.split_at(1000);
    let parts = [IoSlice::new(first), IoSlice::new(&[]), IoSlice::new(rest)];
    let vector = parts.as_ptr() as usize;
    // SAFETY: all zeroes are a valid header.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    (header.msg_iov, header.msg_iovlen) = (vector as *mut libc::iovec, parts.len());
    let (buffer, header) = (message.as_ptr() as usize, &raw mut header as usize);
    let calls = [
        (libc::SYS_write, [0, buffer, BYTES, 0, 0, 0]),
        (libc::SYS_writev, [0, vector, parts.len(), 0, 0, 0]),
        (libc::SYS_sendto, [0, buffer, BYTES, 0, 0, 0]),
        (libc::SYS_sendmsg, [0, header, 0, 0, 0, 0]),
    ];
    for (number, mut args) in calls {
        let (stream, mut peer) = UnixStream::pair().unwrap();
        args[0] = stream.as_raw_fd() as usize;
        // SAFETY: all of the memory outlives the call.
        let handle = background(unsafe { laio.syscall(number, args) });
        assert_eq!(laio.call_counters(number).parked, 1, "call {number}");
        let reader = laio.unpinned(|| {
            std::thread::spawn(move || {
                let mut read = vec![0; BYTES];
                peer.read_exact(&mut read).unwrap();
                (read, peer)
            })
        });
        let ended = collect(&mut laio, 1).remove(0);
        assert_eq!(
            (ended.handle, ended.result.unwrap()),
            (handle, BYTES as i64)
        );
        let (read, _peer) = reader.join().unwrap();
        assert!(read == message, "call {number}");
    }
    message.clear();
}

#[test]
fn a_write_that_fails_half_way_returns_what_was_written() {
    let _turn = turn();
    let mut laio = few();
    let (stream, peer) = UnixStream::pair().unwrap();
    let message = vec![1u8; 4 << 20];
    let (fd, buffer) = (stream.as_raw_fd() as usize, message.as_ptr() as usize);
    let args = [fd, buffer, message.len(), 0, 0, 0];
    // SAFETY: the message outlives the call.
    background(unsafe { laio.syscall(libc::SYS_write, args) });
    drop(peer);
    let written = collect(&mut laio, 1).remove(0).result.unwrap();
    assert!(written > 0 && written < message.len() as i64);
    // SAFETY: as above.
    let error = done(unsafe { laio.syscall(libc::SYS_write, args) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn what_never_waits_is_not_parked() {
    let _turn = turn();
    let mut laio = few();
    let mut receive = Receive::new();
    receive.stream.set_nonblocking(true).unwrap();
    let error = done(receive.issue(&mut laio)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    receive.stream.set_nonblocking(false).unwrap();
    let (fd, byte) = (receive.stream.as_raw_fd() as usize, &raw mut *receive.byte);
    let args = [fd, byte as usize, 1, libc::MSG_DONTWAIT as usize, 0, 0];
    // SAFETY: the byte outlives the call.
    let error = done(unsafe { laio.syscall(libc::SYS_recvfrom, args) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    // SAFETY: as above; the address is refused, not used.
    let error = done(unsafe { laio.syscall(libc::SYS_sendmsg, [fd, 8, 0, 0, 0, 0]) });
    assert_eq!(error.unwrap_err().raw_os_error(), Some(libc::EFAULT));
    assert_eq!(laio.counters().calls.parked, 0);
}

#[test]
fn two_receives_from_one_socket_are_parked_beside_each_other() {
    let _turn = turn();
    let mut laio = few();
    let mut receive = Receive::new();
    let mut second = 0u8;
    let first_handle = background(receive.issue(&mut laio));
    let (fd, byte) = (receive.stream.as_raw_fd() as usize, &raw mut second);
    let args = [fd, byte as usize, 1, 0, 0, 0];
    // SAFETY: the byte outlives the call.
    let handle = background(unsafe { laio.syscall(libc::SYS_recvfrom, args) });
    receive.peer.write_all(b"ab").unwrap();
    let ended = collect(&mut laio, 2);
    assert!(ended.iter().any(|completion| completion.handle == handle));
    assert!(
        ended
            .iter()
            .any(|completion| completion.handle == first_handle)
    );
    let mut both = [*receive.byte, second];
    both.sort_unstable();
    assert_eq!(&both, b"ab");
}

#[test]
fn a_parked_operation_is_cancelled() {
    let _turn = turn();
    let mut laio = few();
    let mut receive = Receive::new();
    let handle = background(receive.issue(&mut laio));
    laio.cancel(handle).unwrap();
    assert_eq!(
        laio.cancel(handle).unwrap_err().kind(),
        ErrorKind::NotFound,
        "it has ended"
    );
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!(ended.handle, handle);
    assert_eq!(ended.result.unwrap_err().kind(), ErrorKind::Interrupted);
    // What comes later is for the next one.
    receive.peer.write_all(b"x").unwrap();
    assert_eq!(done(receive.issue(&mut laio)).unwrap(), 1);
}

#[test]
fn a_parked_operation_outlives_its_descriptor() {
    let _turn = turn();
    let mut laio = few();
    let Receive {
        stream,
        mut peer,
        mut byte,
    } = Receive::new();
    let args = [
        stream.as_raw_fd() as usize,
        &raw mut *byte as usize,
        1,
        0,
        0,
        0,
    ];
    // SAFETY: the byte outlives the call.
    let handle = background(unsafe { laio.syscall(libc::SYS_recvfrom, args) });
    drop(stream);
    peer.write_all(b"x").unwrap();
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!((ended.handle, ended.result.unwrap()), (handle, 1));
    assert_eq!(*byte, b'x');
}

/// A folder, and a descriptor that tells of files made in it, and knows no tries without waiting.
struct Watched {
    folder: tempfile::TempDir,
    inotify: OwnedFd,
    /// Such descriptors when it was new, with itself and what former tests have left.
    with_former: usize,
}

/// What is read there when a file has been made: of any name, with bytes to spare.
type Event = [u8; 512];

/// A read of one, in the background.
struct EventRead {
    handle: Handle,
    /// Kept for good: an engine may be dropped before the read has ended.
    event: *const Event,
}

impl Watched {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = CString::new(folder.path().as_os_str().as_bytes()).unwrap();
        // SAFETY: the new descriptor is nobody else's; the path is a string.
        let inotify = unsafe {
            let fd = libc::inotify_init1(libc::IN_CLOEXEC);
            assert!(libc::inotify_add_watch(fd, path.as_ptr(), libc::IN_CREATE) >= 0);
            OwnedFd::from_raw_fd(fd)
        };
        Self {
            folder,
            inotify,
            with_former: inotify_descriptors(),
        }
    }

    /// How many duplicates of the descriptor there are.
    fn duplicates(&self) -> usize {
        inotify_descriptors() - self.with_former
    }

    fn make_file(&self, name: &str) {
        fs::write(self.folder.path().join(name), "").unwrap();
    }

    fn read(&self, laio: &mut Laio) -> EventRead {
        let event = Box::into_raw(Box::new([0; size_of::<Event>()]));
        let fd = self.inotify.as_raw_fd() as usize;
        let args = [fd, event as usize, size_of::<Event>(), 0, 0, 0];
        // SAFETY: the memory stays.
        let handle = background(unsafe { laio.syscall(libc::SYS_read, args) });
        EventRead { handle, event }
    }

    /// Parks two reads and makes a file: one ends. The other has been tried again too, and has
    /// blocked: it sits on a carrier.
    fn read_on_a_carrier(&self, laio: &mut Laio) -> EventRead {
        let (one, other) = (self.read(laio), self.read(laio));
        assert_eq!(laio.call_counters(libc::SYS_read).parked, 2);
        self.make_file("first");
        let ended = collect(laio, 1).remove(0);
        ended.result.unwrap();
        if ended.handle == one.handle {
            other
        } else {
            one
        }
    }
}

/// Descriptors of this process that are an inotify instance.
fn inotify_descriptors() -> usize {
    let descriptors = fs::read_dir("/proc/self/fd").unwrap();
    // One is the folder's own, and closed by the time that it is asked for.
    let names = descriptors.filter_map(|entry| fs::read_link(entry.unwrap().path()).ok());
    names
        .filter(|name| name.as_os_str().as_bytes() == b"anon_inode:inotify")
        .count()
}

#[test]
fn a_parked_operation_on_a_carrier_keeps_its_descriptor_until_its_end_is_polled() {
    let _turn = turn();
    let (mut laio, watched) = (few(), Watched::new());
    let read = watched.read_on_a_carrier(&mut laio);
    assert_eq!(watched.duplicates(), 1, "on a carrier");
    watched.make_file("second");
    assert_eq!(watched.duplicates(), 1, "not polled");
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!(ended.handle, read.handle);
    assert!(ended.result.unwrap() > 0);
    assert_eq!(watched.duplicates(), 0, "polled");
}

#[test]
fn a_parked_operation_on_a_carrier_keeps_its_descriptor_when_the_engine_is_dropped() {
    let _turn = turn();
    let mut laio = Laio::builder().max_carriers(FEW + 1).start().unwrap();
    // So that the loop can go home when that is interrupted, and another carrier has the read.
    let mut pipe = PipeRead::new();
    pipe.issue(&mut laio);
    let watched = Watched::new();
    watched.read_on_a_carrier(&mut laio);
    drop(laio);
    assert_eq!(watched.duplicates(), 1);
    // Ends the carrier.
    watched.make_file("second");
}

#[test]
fn a_parked_operation_that_ends_as_the_engine_is_dropped_leaves_no_descriptor() {
    let _turn = turn();
    let (mut laio, watched) = (few(), Watched::new());
    watched.read_on_a_carrier(&mut laio);
    // It sits on the loop's first kernel thread, and so is interrupted.
    drop(laio);
    assert_eq!(watched.duplicates(), 0);
}

#[test]
#[ignore = "a child of a_parked_operation_that_is_restarted_reads_from_its_own_descriptor"]
fn child_that_stops_with_an_operation_on_a_carrier() {
    if !begin_child() {
        return;
    }
    let stranger = tempfile::NamedTempFile::new().unwrap();
    fs::write(&stranger, [b'?'; size_of::<Event>()]).unwrap();
    let (mut laio, watched) = (few(), Watched::new());
    let read = watched.read_on_a_carrier(&mut laio);
    // Take the numbers that are free.
    let _strangers = [(); 16].map(|()| File::open(&stranger).unwrap());
    // SAFETY: take no memory. To this thread, so that the process has stopped and gone on by the
    // time that the call returns.
    unsafe {
        let (process, thread) = (libc::getpid(), libc::gettid());
        libc::syscall(libc::SYS_tgkill, process, thread, libc::SIGSTOP);
    }
    watched.make_file("second");
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!(ended.handle, read.handle);
    assert!(ended.result.unwrap() > 0);
    // SAFETY: it has ended.
    assert!(!unsafe { *read.event }.contains(&b'?'), "a stranger's");
}

/// The kernel restarts the read, by the number of its descriptor.
#[test]
fn a_parked_operation_that_is_restarted_reads_from_its_own_descriptor() {
    let _turn = turn();
    let child = common::child("child_that_stops_with_an_operation_on_a_carrier")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // SAFETY: all zeroes are a valid structure, which the call fills.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let stopped_or_ended = libc::WSTOPPED | libc::WEXITED | libc::WNOWAIT;
        let waited = libc::waitid(libc::P_PID, child.id(), &raw mut info, stopped_or_ended);
        assert_eq!((waited, info.si_code), (0, libc::CLD_STOPPED));
        libc::kill(child.id() as i32, libc::SIGCONT);
    }
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:#?}");
}
