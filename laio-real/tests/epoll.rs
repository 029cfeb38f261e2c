//! `epoll_wait` made through [`Laio::syscall`], as programs for the original do: it goes to the
//! background if nothing is ready, and completes with its events.

mod common;

use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use common::{PipeRead, background, collect, done, millis, turn};
use laio::{EngineKind, Error, Laio, Submission};

const NOTHING: libc::epoll_event = libc::epoll_event { events: 0, u64: 0 };
const FOR_EVER: usize = -1i32 as usize;

/// Checks each engine that this machine has.
fn on_each(check: impl Fn(&mut Laio)) {
    let _turn = turn();
    for kind in EngineKind::ALL {
        println!("{kind}");
        match Laio::builder().engine(kind).start() {
            Ok(mut laio) => check(&mut laio),
            Err(error @ Error::NoIoUring { .. }) => println!("SKIPPED: {kind}: {error}"),
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

fn epoll_of(fd: BorrowedFd<'_>, token: u64) -> OwnedFd {
    let mut event = libc::epoll_event {
        events: libc::EPOLLIN as u32,
        u64: token,
    };
    // SAFETY: the new descriptor is nobody else's; the event is valid.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        let (at, member) = (epoll.as_raw_fd(), fd.as_raw_fd());
        assert_eq!(
            libc::epoll_ctl(at, libc::EPOLL_CTL_ADD, member, &raw mut event),
            0
        );
        epoll
    }
}

/// # Safety
/// The events stay until the call has ended.
unsafe fn epoll_wait(
    laio: &mut Laio,
    epoll: &OwnedFd,
    events: &mut [libc::epoll_event],
    timeout_ms: usize,
) -> Submission {
    let (fd, at) = (epoll.as_raw_fd() as usize, events.as_mut_ptr() as usize);
    let args = [fd, at, events.len(), timeout_ms, 0, 0];
    // SAFETY: the caller's promise.
    unsafe { laio.syscall(libc::SYS_epoll_wait, args) }
}

#[test]
fn epoll_wait_completes_with_its_events() {
    on_each(|laio| {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        let epoll = epoll_of(reader.as_fd(), 7);
        for _ in 0..20 {
            let mut events = [NOTHING; 4];
            // SAFETY: collected below.
            let handle = background(unsafe { epoll_wait(laio, &epoll, &mut events, FOR_EVER) });
            writer.write_all(b"x").unwrap();
            let ended = collect(laio, 1).remove(0);
            assert_eq!((ended.handle, ended.result.unwrap()), (handle, 1));
            let (token, what) = (events[0].u64, events[0].events);
            assert_eq!((token, what), (7, libc::EPOLLIN as u32));
            reader.read_exact(&mut [0]).unwrap();
        }
    });
}

/// A loop of the original's kind has one `epoll_wait` in the background for its sockets, and
/// everything else beside it.
#[test]
fn epoll_wait_and_other_operations_complete_in_the_same_poll() {
    on_each(|laio| {
        let (reader, mut writer) = std::io::pipe().unwrap();
        let epoll = epoll_of(reader.as_fd(), 9);
        let mut events = [NOTHING; 4];
        // SAFETY: collected below.
        let events_call = background(unsafe { epoll_wait(laio, &epoll, &mut events, FOR_EVER) });
        let mut reads = [(); 3].map(|()| PipeRead::new());
        let mut expected: Vec<_> = reads.iter_mut().map(|read| read.issue(laio)).collect();
        let nap = millis(1);
        expected.push(background(common::nap(laio, &nap)));
        // What ends first comes alone; the waiting call stays out of it.
        for completion in collect(laio, 1) {
            assert_eq!(completion.handle, expected.pop().unwrap());
        }
        reads.iter_mut().for_each(PipeRead::end);
        writer.write_all(b"x").unwrap();
        expected.push(events_call);
        let mut ended = collect(laio, 4);
        ended.sort_by_key(|completion| completion.handle);
        expected.sort();
        let handles: Vec<_> = ended.iter().map(|completion| completion.handle).collect();
        assert_eq!(handles, expected);
        assert!(ended.iter().all(|end| *end.result.as_ref().unwrap() == 1));
        let token = events[0].u64;
        assert_eq!(token, 9);
        assert_eq!(laio.counters().in_flight, 0);
    });
}

#[test]
fn epoll_wait_ends_after_its_timeout_and_when_it_is_cancelled() {
    on_each(|laio| {
        let (reader, _writer) = std::io::pipe().unwrap();
        let epoll = epoll_of(reader.as_fd(), 1);
        let mut events = [NOTHING; 4];
        // SAFETY: collected below.
        let handle = background(unsafe { epoll_wait(laio, &epoll, &mut events, 30) });
        let ended = collect(laio, 1).remove(0);
        assert_eq!((ended.handle, ended.result.unwrap()), (handle, 0));
        // SAFETY: collected below.
        let handle = background(unsafe { epoll_wait(laio, &epoll, &mut events, FOR_EVER) });
        laio.cancel(handle).unwrap();
        let error = collect(laio, 1).remove(0).result.unwrap_err();
        let number = error.raw_os_error().unwrap();
        assert!([libc::EINTR, libc::ECANCELED].contains(&number), "{error}");
    });
}

/// Where nothing is handed over that does not block.
#[test]
fn epoll_wait_is_done_at_once_if_something_is_ready() {
    let _turn = turn();
    let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let epoll = epoll_of(reader.as_fd(), 3);
    writer.write_all(b"x").unwrap();
    let mut events = [NOTHING; 4];
    let mut inline = 0;
    for _ in 0..100 {
        // SAFETY: collected at once.
        match unsafe { epoll_wait(&mut laio, &epoll, &mut events, FOR_EVER) } {
            Submission::Done(ready) => inline += ready.unwrap(),
            // A false steal.
            Submission::Background(_) => drop(collect(&mut laio, 1)),
        }
    }
    assert!(inline > 90, "{inline} of 100");
    // SAFETY: refused at once.
    let refused = unsafe { epoll_wait(&mut laio, &epoll, &mut [], FOR_EVER) };
    assert_eq!(
        done(refused).unwrap_err().raw_os_error(),
        Some(libc::EINVAL)
    );
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
