//! An idle loop costs no CPU time, wherever it sleeps, on every engine and with every detector.

mod common;

use std::io::PipeReader;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::{Duration, Instant};

use common::{PipeRead, cpu_time, turn, with_detector};
use laio::{Detector, EngineKind, Error, Laio};

const SLEEP: Duration = Duration::from_secs(1);
/// One per cent.
const AT_MOST: Duration = Duration::from_millis(10);

/// An engine of each kind, the upcall engine with each detector.
fn with_each(check: impl Fn(&mut Laio)) {
    let _turn = turn();
    for detector in Detector::ALL {
        if let Some(mut laio) = with_detector(detector) {
            println!("upcall, {detector}");
            check(&mut laio);
        }
    }
    for kind in [EngineKind::Uring, EngineKind::Pool] {
        println!("{kind}");
        match Laio::builder().engine(kind).start() {
            Ok(mut laio) => check(&mut laio),
            Err(error @ Error::NoIoUring { .. }) => println!("SKIPPED: {kind}: {error}"),
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

/// An epoll instance of a server without work: a pipe that nobody writes, and the completions.
fn idle_epoll(laio: &Laio, idle: &PipeReader) -> OwnedFd {
    // SAFETY: the new descriptor is nobody else's; the event is valid.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        for fd in [idle.as_raw_fd(), laio.completion_fd().as_raw_fd()] {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
                u64: 0,
            };
            let at = epoll.as_raw_fd();
            let added = libc::epoll_ctl(at, libc::EPOLL_CTL_ADD, fd, &raw mut event);
            assert_eq!(added, 0);
        }
        epoll
    }
}

/// Has `sleep` sleep for [`SLEEP`] with reads in the background, after the loop was busy.
fn assert_idle(sleep: impl Fn(&mut Laio, &OwnedFd)) {
    with_each(|laio| {
        let (idle, _writer) = std::io::pipe().unwrap();
        let epoll = idle_epoll(laio, &idle);
        let mut reads = PipeRead::issue_all::<8>(laio);
        // All of the process's threads, whatever they are.
        let before = cpu_time();
        sleep(laio, &epoll);
        let used = cpu_time() - before;
        println!("{used:?}");
        assert!(used < AT_MOST, "{used:?} in {SLEEP:?}");
        PipeRead::end_all(&mut reads, laio);
    });
}

#[test]
fn a_loop_that_sleeps_in_wait_costs_nothing() {
    assert_idle(|laio, epoll| {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        let ready = laio.wait(epoll.as_fd(), &mut events, Some(SLEEP)).unwrap();
        assert_eq!(ready, 0);
    });
}

#[test]
fn a_loop_that_sleeps_in_a_plain_epoll_wait_costs_nothing() {
    assert_idle(|_laio, epoll| {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        let end = Instant::now() + SLEEP;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            // Rounded up, so that it does not turn into looking again and again.
            let timeout_ms = left.as_micros().div_ceil(1000) as i32;
            // SAFETY: the buffer holds eight events.
            let ready =
                unsafe { libc::epoll_wait(epoll.as_raw_fd(), events.as_mut_ptr(), 8, timeout_ms) };
            // The kernel may still be ending the operations of an io_uring engine before this one.
            let is_interrupted = ready < 0
                && std::io::Error::last_os_error().kind() == std::io::ErrorKind::Interrupted;
            if !is_interrupted {
                assert_eq!(ready, 0);
                return;
            }
        }
    });
}

/// A server that looks in now and then, as one with a timer wheel does.
#[test]
fn a_loop_that_wakes_ten_times_a_second_costs_next_to_nothing() {
    assert_idle(|laio, epoll| {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
        let mut completions = Vec::new();
        for _ in 0..10 {
            let tick = Some(SLEEP / 10);
            laio.wait(epoll.as_fd(), &mut events, tick).unwrap();
            laio.poll(&mut completions, Some(Duration::ZERO)).unwrap();
        }
    });
}
