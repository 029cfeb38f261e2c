//! Waiting for work: what ends it, and that it costs nothing.

mod common;

use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::time::Duration;

use common::{PipeRead, turn};
use laio::Laio;

const COMPLETIONS: u64 = 1;
const PIPE: u64 = 2;

fn epoll_of(members: &[(BorrowedFd<'_>, u64)]) -> OwnedFd {
    // SAFETY: the new descriptor is nobody else's; the events are valid.
    unsafe {
        let epoll = OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC));
        for &(fd, token) in members {
            let mut event = libc::epoll_event {
                events: libc::EPOLLIN as u32,
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
    // The wake-ups have been read: nothing is left to end a wait.
    assert_eq!(
        tokens(&mut laio, &epoll, Some(Duration::from_millis(1))),
        []
    );
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
    let before = cpu_time();
    laio.poll(&mut completions, Some(second)).unwrap();
    tokens(&mut laio, &epoll, Some(second));
    // A sleep that the engine does not know of.
    std::thread::sleep(second / 2);
    let used = cpu_time() - before;
    assert!(used < (second * 5 / 2) / 100, "{used:?} in 2.5 s");
    PipeRead::end_all(&mut reads, &mut laio);
}

/// CPU time of the process so far.
fn cpu_time() -> Duration {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call fills the structure.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
