//! Waiting for work: what ends it, and that it costs nothing.

mod common;

use std::io::Write;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use common::{PipeRead, Random, turn};
use laio::Laio;

const COMPLETIONS: u64 = 1;
const PIPE: u64 = 2;

fn epoll_of(members: &[(BorrowedFd<'_>, u64)]) -> OwnedFd {
    epoll_with(libc::EPOLLIN, members)
}

fn epoll_with(interest: i32, members: &[(BorrowedFd<'_>, u64)]) -> OwnedFd {
    // SAFETY: the new descriptor is nobody else's; the events are valid.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        for &(fd, token) in members {
            let mut event = libc::epoll_event {
                events: interest as u32,
                u64: token,
            };
            let (epoll, fd) = (epoll.as_raw_fd(), fd.as_raw_fd());
            assert_eq!(
                libc::epoll_ctl(epoll, libc::EPOLL_CTL_ADD, fd, &raw mut event),
                0
            );
        }
        epoll
    }
}

/// One wait; the tokens of its events.
fn tokens(laio: &mut Laio, epoll: &OwnedFd, timeout: Option<Duration>) -> Vec<u64> {
    let mut events = [libc::epoll_event { events: 0, u64: 0 }; 8];
    let count = laio.wait(epoll.as_fd(), &mut events, timeout).unwrap();
    events[..count].iter().map(|event| event.u64).collect()
}

#[test]
fn a_completion_ends_the_wait() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS)]);
    let mut read = PipeRead::new();
    let mut completions = Vec::new();
    for _ in 0..10 {
        let handle = read.issue(&mut laio);
        let ending = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(5));
            read.end();
            read
        });
        while laio.poll(&mut completions, Some(Duration::ZERO)).unwrap() == 0 {
            tokens(&mut laio, &epoll, None);
        }
        assert_eq!(completions[0].handle, handle);
        read = ending.join().unwrap();
    }
    assert_comes_to_rest(&mut laio, &epoll);
}

/// Once the last signals have been read, nothing is left to end a wait.
fn assert_comes_to_rest(laio: &mut Laio, epoll: &OwnedFd) {
    let mut signals = 0;
    while !tokens(laio, epoll, Some(Duration::from_millis(1))).is_empty() {
        signals += 1;
        assert!(signals < 100, "readable for ever");
        assert_eq!(laio.poll(&mut Vec::new(), Some(Duration::ZERO)).unwrap(), 0);
    }
}

/// A sleep in epoll that the engine does not know of. Fails where it would never end.
fn sleep_elsewhere(epoll: &OwnedFd) {
    const LOST_MS: i32 = 60_000;
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    // SAFETY: room for one event.
    let ready = unsafe { libc::epoll_wait(epoll.as_raw_fd(), &raw mut event, 1, LOST_MS) };
    assert_eq!(ready, 1, "a wake-up was lost");
}

/// Ends reads on a thread of its own, as they are given to it, and gives them back.
fn ender() -> (mpsc::Sender<PipeRead>, mpsc::Receiver<PipeRead>) {
    let (give, take) = mpsc::channel::<PipeRead>();
    let (give_back, take_back) = mpsc::channel();
    thread::spawn(move || {
        for mut read in take {
            read.end();
            if give_back.send(read).is_err() {
                break;
            }
        }
    });
    (give, take_back)
}

/// Both ways of registering: tokio's and mio's is the edge.
#[test]
fn every_completion_ends_a_sleep_elsewhere() {
    const BATCHES: usize = 1_000;
    let _turn = turn();
    for interest in [libc::EPOLLIN, libc::EPOLLIN | libc::EPOLLET] {
        // Before the engine starts, so that it runs beside the loop.
        let (give, take_back) = ender();
        let mut laio = Laio::new().unwrap();
        let epoll = epoll_with(interest, &[(laio.completion_fd(), COMPLETIONS)]);
        let mut random = Random(7);
        let mut completions = Vec::new();
        let mut reads: Vec<_> = (0..4).map(|_| PipeRead::new()).collect();
        for _ in 0..BATCHES {
            // Several may end at once, or one while the loop polls, or goes to sleep.
            let batch = 1 + random.below(4) as usize;
            for mut read in reads.drain(..batch) {
                read.issue(&mut laio);
                give.send(read).unwrap();
            }
            let mut ended = 0;
            while ended < batch {
                sleep_elsewhere(&epoll);
                ended += laio.poll(&mut completions, Some(Duration::ZERO)).unwrap();
            }
            reads.extend(take_back.iter().take(batch));
        }
        let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS)]);
        assert_comes_to_rest(&mut laio, &epoll);
    }
}

#[test]
fn the_end_of_a_parked_operation_ends_a_sleep_elsewhere() {
    let _turn = turn();
    let mut laio = Laio::builder().max_carriers(3).start().unwrap();
    let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS)]);
    let mut reads = PipeRead::issue_all::<8>(&mut laio);
    assert!(laio.counters().calls.parked > 0);
    let mut completions = Vec::new();
    for read in &mut reads {
        read.end();
        loop {
            sleep_elsewhere(&epoll);
            if laio.poll(&mut completions, Some(Duration::ZERO)).unwrap() > 0 {
                break;
            }
        }
        assert_eq!(completions.len(), 1);
    }
}

#[test]
fn a_cancelled_parked_operation_ends_a_sleep_elsewhere() {
    let _turn = turn();
    let mut laio = Laio::builder().max_carriers(3).start().unwrap();
    let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS)]);
    let mut reads = PipeRead::issue_all::<4>(&mut laio);
    let mut last = PipeRead::new();
    let handle = last.issue(&mut laio);
    assert!(laio.counters().calls.parked > 0);
    laio.cancel(handle).unwrap();
    sleep_elsewhere(&epoll);
    let ended = common::collect(&mut laio, 1);
    assert_eq!(ended[0].handle, handle);
    PipeRead::end_all(&mut reads, &mut laio);
}

#[test]
fn an_event_of_the_caller_ends_the_wait() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS), (reader.as_fd(), PIPE)]);
    let mut read = PipeRead::new();
    let handle = read.issue(&mut laio);
    writer.write_all(b"x").unwrap();
    assert_eq!(tokens(&mut laio, &epoll, None), [PIPE]);
    read.end();
    let mut completions = Vec::new();
    assert_eq!(laio.poll(&mut completions, None).unwrap(), 1);
    assert_eq!(completions[0].handle, handle);
}

#[test]
fn a_completion_that_is_there_already_ends_the_wait() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // Nothing is registered, so only the engine or the timeout can end the wait.
    let epoll = epoll_of(&[]);
    let mut reads = PipeRead::issue_all::<2>(&mut laio);
    reads.iter_mut().for_each(PipeRead::end);
    // While this thread is busy elsewhere, the reads end.
    std::thread::sleep(Duration::from_millis(50));
    tokens(&mut laio, &epoll, Some(Duration::from_secs(60)));
    common::collect(&mut laio, 2);
}

#[test]
fn an_invalid_epoll_instance_is_an_error() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let (reader, _writer) = std::io::pipe().unwrap();
    let mut events = [libc::epoll_event { events: 0, u64: 0 }];
    let error = laio.wait(reader.as_fd(), &mut events, None).unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINVAL));
}

#[test]
fn an_idle_loop_uses_under_one_per_cent_of_the_cpu() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let epoll = epoll_of(&[(laio.completion_fd(), COMPLETIONS)]);
    let second = Duration::from_secs(1);
    let mut reads = PipeRead::issue_all::<4>(&mut laio);
    let mut completions = Vec::new();
    let before = common::cpu_time();
    laio.poll(&mut completions, Some(second)).unwrap();
    tokens(&mut laio, &epoll, Some(second));
    // A sleep that the engine does not know of.
    std::thread::sleep(second / 2);
    let used = common::cpu_time() - before;
    assert!(used < (second * 5 / 2) / 100, "{used:?} in 2.5 s");
    PipeRead::end_all(&mut reads, &mut laio);
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
