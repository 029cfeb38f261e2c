//! Operations that block: control comes back, and later the output, with the buffer.

use std::ffi::CString;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::sync::Arc;
use std::time::Duration;

use laio::Handle;
use laio::ops::{Accepted, CWD, Started, Transfer};

use crate::common::turn;
use crate::{background, collect, end, ended, operations};

/// More than any pipe or socket takes at once.
const MUCH_BYTES: usize = 8 << 20;

/// Bytes that tell where they are from.
fn pattern(bytes: usize) -> Vec<u8> {
    (0..bytes).map(|at| (at * 31 % 251) as u8).collect()
}

#[test]
fn a_read_of_an_empty_pipe_ends_when_it_is_written_to() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let buffer = Vec::with_capacity(100);
    let address = buffer.as_ptr();
    let handle = background(ops.read(&Arc::new(reader), buffer, 100));
    assert_eq!(ops.in_flight(), 1);
    writer.write_all(b"at last").unwrap();
    let read: Transfer = ended(&mut ops, handle);
    assert_eq!(read.result.unwrap(), 7);
    assert_eq!(read.buffer, b"at last");
    assert_eq!(read.buffer.as_ptr(), address, "the same buffer");
}

#[test]
fn a_write_to_a_full_pipe_ends_when_all_is_read() {
    let _turn = turn();
    let mut ops = operations();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = Arc::new(writer);
    let sent = pattern(MUCH_BYTES);
    let handle = background(ops.write(&writer, sent.clone()));
    // Nobody else keeps it open.
    drop(writer);
    let mut received = vec![0; MUCH_BYTES];
    reader.read_exact(&mut received).unwrap();
    let written: Transfer = ended(&mut ops, handle);
    assert_eq!(written.result.unwrap(), MUCH_BYTES);
    assert!(written.buffer == sent && received == sent);
    assert_eq!(reader.read(&mut received).unwrap(), 0, "closed now");
}

#[test]
fn many_reads_end_in_any_order_with_their_own_buffers() {
    const READS: usize = 50;
    let _turn = turn();
    let mut ops = operations();
    let mut pipes: Vec<_> = (0..READS).map(|_| std::io::pipe().unwrap()).collect();
    let mut handles: Vec<Handle> = Vec::new();
    for (reader, _) in &pipes {
        let reader = Arc::new(reader.try_clone().unwrap());
        handles.push(background(ops.read(&reader, Vec::new(), READS + 1)));
    }
    assert_eq!(ops.in_flight(), READS);
    for read in (0..READS).rev() {
        pipes[read]
            .1
            .write_all(&vec![read as u8; read + 1])
            .unwrap();
    }
    for ended in collect(&mut ops, READS) {
        let read = handles.iter().position(|&handle| handle == ended.handle);
        let read = read.expect("a handle of one of the reads");
        let transfer: Transfer = ended.output.try_into().unwrap();
        assert_eq!(transfer.buffer, vec![read as u8; read + 1]);
    }
    assert_eq!(ops.in_flight(), 0);
}

#[test]
fn opening_a_fifo_waits_for_the_other_end() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a terminated string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    let handle = background(ops.openat(CWD, &path, libc::O_RDONLY, 0));
    let mut writer = File::options().write(true).open(&path).unwrap();
    let opened: std::io::Result<OwnedFd> = ended(&mut ops, handle);
    writer.write_all(b"through").unwrap();
    let mut bytes = [0; 7];
    File::from(opened.unwrap()).read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b"through");
}

#[test]
fn an_opened_file_that_nobody_takes_is_closed() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let name = CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a terminated string.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    background(ops.openat(CWD, &path, libc::O_RDONLY, 0));
    let mut writer = File::options().write(true).open(&path).unwrap();
    drop(collect(&mut ops, 1));
    let refused = writer.write(b"x").unwrap_err();
    assert_eq!(
        refused.raw_os_error(),
        Some(libc::EPIPE),
        "no reader is left"
    );
}

#[test]
fn accept_waits_for_a_connection() {
    let _turn = turn();
    let mut ops = operations();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let handle = background(ops.accept(&Arc::new(listener), 0));
    let client = TcpStream::connect(address).unwrap();
    let accepted: std::io::Result<Accepted> = ended(&mut ops, handle);
    let accepted = accepted.unwrap();
    assert_eq!(accepted.peer, Some(client.local_addr().unwrap()));
    assert_eq!(
        TcpStream::from(accepted.socket).local_addr().unwrap(),
        address
    );
}

#[test]
fn connect_waits_for_room_in_the_backlog() {
    let _turn = turn();
    let mut ops = operations();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes no memory.
    assert_eq!(unsafe { libc::listen(listener.as_raw_fd(), 0) }, 0);
    let address = listener.local_addr().unwrap();
    // The kernel answers none when the backlog is full, and asks again after a second.
    let mut connected = Vec::new();
    let handle = loop {
        assert!(connected.len() < 10, "the backlog is never full");
        // SAFETY: takes no memory, and the descriptor is new.
        let socket = unsafe {
            let socket = libc::socket(libc::AF_INET, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
            Arc::new(OwnedFd::from_raw_fd(socket))
        };
        let started = ops.connect(&socket, address);
        connected.push(socket);
        match started {
            Started::Done(result) => result.unwrap(),
            Started::Background(handle) => {
                // Not one that was only preempted.
                let mut batch = Vec::new();
                if ops
                    .poll(&mut batch, Some(Duration::from_millis(10)))
                    .unwrap()
                    == 0
                {
                    break handle;
                }
            }
        }
    };
    listener.accept().unwrap();
    let result: std::io::Result<()> = ended(&mut ops, handle);
    result.unwrap();
}

#[test]
fn recv_and_send_wait_for_the_peer() {
    let _turn = turn();
    let mut ops = operations();
    let (here, mut there) = UnixStream::pair().unwrap();
    let here = Arc::new(here);
    let handle = background(ops.recv(&here, Vec::new(), 100, 0));
    there.write_all(b"hello").unwrap();
    let received: Transfer = ended(&mut ops, handle);
    assert_eq!(received.buffer, b"hello");

    let sent = pattern(MUCH_BYTES);
    let handle = background(ops.send(&here, sent.clone(), 0));
    let mut received = vec![0; MUCH_BYTES];
    there.read_exact(&mut received).unwrap();
    let send: Transfer = ended(&mut ops, handle);
    assert_eq!(send.result.unwrap(), MUCH_BYTES);
    assert!(send.buffer == sent && received == sent);
}

#[test]
fn sendfile_waits_for_the_peer() {
    let _turn = turn();
    let mut ops = operations();
    let content = pattern(MUCH_BYTES);
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&content).unwrap();
    let (here, mut there) = UnixStream::pair().unwrap();
    let started = ops.sendfile(&Arc::new(here), &Arc::new(file), Some(1), MUCH_BYTES - 1);
    let handle = background(started);
    let mut received = vec![0; MUCH_BYTES - 1];
    there.read_exact(&mut received).unwrap();
    let sent: std::io::Result<usize> = ended(&mut ops, handle);
    assert_eq!(sent.unwrap(), MUCH_BYTES - 1);
    assert!(received == content[1..]);
    assert_eq!(there.read(&mut received).unwrap(), 0, "closed now");
}

#[test]
fn naps_end_shortest_first() {
    let _turn = turn();
    let mut ops = operations();
    let handles =
        [300, 200, 100].map(|millis| background(ops.nanosleep(Duration::from_millis(millis))));
    let ended = collect(&mut ops, 3);
    let order: Vec<Handle> = ended.iter().map(|ended| ended.handle).collect();
    assert_eq!(order, [handles[2], handles[1], handles[0]]);
    for nap in ended {
        let result: std::io::Result<()> = nap.output.try_into().unwrap();
        result.unwrap();
    }
}

#[test]
fn errors_come_from_the_background_with_the_buffer() {
    let _turn = turn();
    let mut ops = operations();
    let (mut reader, writer) = std::io::pipe().unwrap();
    let sent = pattern(MUCH_BYTES);
    let handle = background(ops.write(&Arc::new(writer), sent.clone()));
    // It has begun.
    reader.read_exact(&mut [0]).unwrap();
    drop(reader);
    let written: Transfer = ended(&mut ops, handle);
    // A pipe takes a part, and the reader is gone.
    assert!(written.result.unwrap() < MUCH_BYTES);
    assert!(written.buffer == sent);

    let (here, there) = std::os::unix::net::UnixDatagram::pair().unwrap();
    here.set_read_timeout(Some(Duration::from_millis(20)))
        .unwrap();
    let handle = background(ops.recv(&Arc::new(here), b"lost".to_vec(), 4, 0));
    let received: Transfer = ended(&mut ops, handle);
    assert_eq!(
        received.result.unwrap_err().raw_os_error(),
        Some(libc::EAGAIN)
    );
    assert_eq!(received.buffer, b"");
    drop(there);

    let folder = tempfile::tempdir().unwrap();
    let listener = UnixListener::bind(folder.path().join("socket")).unwrap();
    let second = listener.try_clone().unwrap();
    let handle = background(ops.accept(&Arc::new(listener), 0));
    // SAFETY: takes no memory.
    let shut = unsafe { libc::shutdown(second.as_raw_fd(), libc::SHUT_RDWR) };
    assert_eq!(shut, 0);
    let accepted: std::io::Result<Accepted> = ended(&mut ops, handle);
    assert_eq!(accepted.unwrap_err().raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn a_read_of_a_file_that_is_not_cached_brings_its_bytes() {
    const BYTES: usize = 1 << 20;
    let _turn = turn();
    let content = pattern(BYTES);
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    file.write_all(&content).unwrap();
    file.sync_all().unwrap();
    let file = Arc::new(file);
    let mut ops = operations();
    let mut buffer = Vec::new();
    for _ in 0..5 {
        // SAFETY: takes no memory.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        let started = ops.pread(&file, buffer, BYTES, 0);
        let read = end(&mut ops, started);
        assert_eq!(read.result.unwrap(), BYTES);
        assert!(read.buffer == content);
        buffer = read.buffer;
    }
    if ops.laio().call_counters(libc::SYS_pread64).blocked() == 0 {
        println!("SKIPPED: this file system keeps the file in memory");
    } else {
        assert!(ops.laio().call_counters(libc::SYS_pread64).stolen > 0);
    }
}

#[test]
fn a_loop_with_sockets_waits_in_its_own_epoll() {
    let _turn = turn();
    let mut ops = operations();
    // SAFETY: takes no memory, and the descriptor is new.
    let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: 7,
    };
    let completions = ops.laio().completion_fd().as_raw_fd();
    // SAFETY: a valid event.
    unsafe {
        let added = libc::epoll_ctl(
            epoll.as_raw_fd(),
            libc::EPOLL_CTL_ADD,
            completions,
            &raw mut event,
        );
        assert_eq!(added, 0);
    }
    let handle = background(ops.nanosleep(Duration::from_millis(20)));
    let mut batch = Vec::new();
    while batch.is_empty() {
        ops.wait(epoll.as_fd(), &mut [event], None).unwrap();
        ops.poll(&mut batch, Some(Duration::ZERO)).unwrap();
    }
    assert_eq!(batch[0].handle, handle);
}
