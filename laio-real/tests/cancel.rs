//! Cancelling interrupts the call that is meant, once, and no other.

mod common;

use std::io::{ErrorKind, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::mpsc;

use common::{PipeRead, Random, background, collect, millis, turn};
use laio::{Handle, Laio, Submission};

/// Cancels a call and checks that it ends as interrupted.
fn assert_interrupted(laio: &mut Laio, handle: Handle) {
    laio.cancel(handle).unwrap();
    let ended = collect(laio, 1).remove(0);
    assert_eq!(ended.handle, handle);
    assert_eq!(ended.result.unwrap_err().kind(), ErrorKind::Interrupted);
}

#[test]
fn a_nap_is_interrupted() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let hour = millis(3_600_000);
    let handle = background(common::nap(&mut laio, &hour));
    assert_interrupted(&mut laio, handle);
}

#[test]
fn only_the_read_that_is_meant_is_interrupted() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut reads = [(); 5].map(|()| PipeRead::new());
    let handles = reads.each_mut().map(|read| read.issue(&mut laio));
    assert_interrupted(&mut laio, handles[2]);
    let (before, after) = reads.split_at_mut(2);
    PipeRead::end_all(before, &mut laio);
    PipeRead::end_all(&mut after[1..], &mut laio);
}

#[test]
fn an_accept_is_interrupted() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let args = [listener.as_raw_fd() as usize, 0, 0, 0, 0, 0];
    // SAFETY: the call takes no memory.
    let handle = background(unsafe { laio.syscall(libc::SYS_accept4, args) });
    assert_interrupted(&mut laio, handle);
}

#[test]
fn a_connect_is_interrupted() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // With its backlog full, a listener lets further connections wait.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    // SAFETY: takes no memory.
    unsafe { libc::listen(listener.as_raw_fd(), 0) };
    let address = listener.local_addr().unwrap();
    let _fills_the_backlog = TcpStream::connect(address).unwrap();
    // SAFETY: takes no memory.
    let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0) };
    let to = libc::sockaddr_in {
        sin_family: libc::AF_INET as u16,
        sin_port: address.port().to_be(),
        sin_addr: libc::in_addr {
            s_addr: u32::from_ne_bytes([127, 0, 0, 1]),
        },
        sin_zero: [0; 8],
    };
    let args = [
        socket as usize,
        &raw const to as usize,
        size_of_val(&to),
        0,
        0,
        0,
    ];
    // SAFETY: the address outlives the call.
    let handle = background(unsafe { laio.syscall(libc::SYS_connect, args) });
    assert_interrupted(&mut laio, handle);
    // SAFETY: the socket is this test's.
    unsafe { libc::close(socket) };
}

#[test]
fn what_is_not_in_the_background_is_not_found() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut read = PipeRead::new();
    let handle = read.issue(&mut laio);
    PipeRead::end_all(&mut [read], &mut laio);
    let error = laio.cancel(handle).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

/// Another thread ends reads while the loop cancels them: each completes once, either way, and the
/// calls after it, on whatever carrier, are not interrupted.
#[test]
fn a_cancel_that_races_with_the_end_neither_loses_nor_doubles_a_completion() {
    const ROUNDS: usize = 3_000;
    let _turn = turn();
    let mut laio = Laio::builder().cpu(0).start().unwrap();
    let (to_end, ends) = mpsc::channel::<(std::io::PipeWriter, u64)>();
    // Spins for a random while, so that either may come first. On the other CPU, if there is one.
    let ender = laio.unpinned(|| {
        std::thread::spawn(move || {
            for (mut writer, spins) in ends {
                (0..spins).for_each(|_| std::hint::spin_loop());
                // Nobody is there to read it any more if the cancel came first.
                let _ = writer.write_all(b"x");
            }
        })
    });
    let (mut random, mut interrupted, mut ended) = (Random(7), 0, 0);
    for _ in 0..ROUNDS {
        let (reader, writer) = std::io::pipe().unwrap();
        let mut byte = 0u8;
        let (fd, buffer) = (reader.as_raw_fd() as usize, &raw mut byte as usize);
        // SAFETY: the byte outlives the completion.
        let handle = background(unsafe { laio.syscall(libc::SYS_read, [fd, buffer, 1, 0, 0, 0]) });
        to_end.send((writer, random.below(2_000))).unwrap();
        (0..random.below(20_000)).for_each(|_| std::hint::spin_loop());
        let cancelled = laio.cancel(handle).is_ok();
        // Not interrupted, wherever it runs.
        let soon = libc::timespec {
            tv_sec: 0,
            tv_nsec: 1,
        };
        let nap = common::nap(&mut laio, &soon);
        let naps = usize::from(matches!(nap, Submission::Background(_)));
        if let Submission::Done(result) = nap {
            assert_eq!(result.unwrap(), 0);
        }
        for completion in collect(&mut laio, 1 + naps) {
            if completion.handle != handle {
                assert_eq!(completion.result.unwrap(), 0);
            } else if completion.result.is_ok() {
                ended += 1;
            } else {
                assert!(cancelled);
                interrupted += 1;
            }
        }
        assert_eq!(laio.counters().in_flight, 0);
    }
    drop(to_end);
    ender.join().unwrap();
    println!("{interrupted} interrupted, {ended} ended");
    assert_eq!(interrupted + ended, ROUNDS);
    assert!(interrupted > 0 && ended > 0);
}

/// Calls that were stolen before they had begun are cancelled too: a busy neighbour makes the
/// watcher find the loop preempted at every point.
#[test]
fn a_call_is_cancelled_wherever_it_was_stolen() {
    let _turn = turn();
    let mut laio = Laio::builder().cpu(0).start().unwrap();
    let _busy = common::BusyThread::start();
    let mut read = PipeRead::new();
    for _ in 0..300 {
        let handle = read.issue(&mut laio);
        assert_interrupted(&mut laio, handle);
    }
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
