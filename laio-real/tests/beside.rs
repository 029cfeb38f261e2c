//! An upcall engine and an io_uring engine of one thread, with calls of both in flight.

mod common;

use std::collections::HashMap;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use common::{PipeRead, background, collect, millis, start, turn};
use laio::{EngineKind, Laio};

fn both() -> Option<(Laio, Laio)> {
    let upcall = start(Laio::builder(), EngineKind::Upcall)?;
    let uring = start(Laio::builder(), EngineKind::Uring)?;
    Some((upcall, uring))
}

/// Ends operations of the ring, whose completions wake the kernel thread that submitted them.
fn complete(reads: &mut [PipeRead], uring: &mut Laio) {
    PipeRead::end_all(reads, uring);
}

#[test]
fn a_rings_completions_leave_reads_and_naps_in_the_background_alone() {
    let _turn = turn();
    let Some((mut upcall, mut uring)) = both() else {
        return;
    };
    let nap = millis(50);
    // The kernel thread that has submitted is then the one that naps, or reads.
    let mut first = PipeRead::issue_all::<4>(&mut uring);
    let handle = background(common::nap(&mut upcall, &nap));
    let mut second = PipeRead::issue_all::<4>(&mut uring);
    let mut kept = PipeRead::issue_all::<1>(&mut upcall);
    let mut third = PipeRead::issue_all::<4>(&mut uring);
    for reads in [&mut first, &mut second, &mut third] {
        complete(reads, &mut uring);
    }
    let ended = collect(&mut upcall, 1).remove(0);
    assert_eq!((ended.handle, ended.result.unwrap()), (handle, 0));
    let naps = upcall.call_counters(libc::SYS_nanosleep).completion;
    assert!(naps.mean() >= Some(Duration::from_millis(50)), "{naps:?}");
    PipeRead::end_all(&mut kept, &mut upcall);
}

#[test]
fn a_rings_completion_may_interrupt_what_the_kernel_does_not_restart() {
    let _turn = turn();
    let Some((mut upcall, mut uring)) = both() else {
        return;
    };
    // SAFETY: takes no memory; the descriptor is new and nobody else's.
    let epoll = unsafe { OwnedFd::from_raw_fd(libc::epoll_create1(libc::EPOLL_CLOEXEC)) };
    let mut event = libc::epoll_event { events: 0, u64: 0 };
    let mut reads = PipeRead::issue_all::<1>(&mut uring);
    let (fd, events) = (epoll.as_raw_fd() as usize, &raw mut event as usize);
    // SAFETY: the event outlives the call.
    let wait = background(unsafe {
        upcall.syscall(libc::SYS_epoll_wait, [fd, events, 1, usize::MAX, 0, 0])
    });
    complete(&mut reads, &mut uring);
    let mut ended = Vec::new();
    // Nothing else ends it: if the ring's completion has not, that is for `cancel` to do.
    upcall
        .poll(&mut ended, Some(Duration::from_millis(50)))
        .unwrap();
    if ended.is_empty() {
        upcall.cancel(wait).unwrap();
        ended = collect(&mut upcall, 1);
    }
    let error = ended.remove(0).result.unwrap_err();
    assert_eq!(error.raw_os_error(), Some(libc::EINTR));
}

#[test]
fn an_upcall_engine_that_is_dropped_may_take_the_rings_operations_with_it_but_not_their_bytes() {
    let _turn = turn();
    let Some((mut upcall, mut uring)) = both() else {
        return;
    };
    let mut waiting = HashMap::new();
    for _ in 0..8 {
        let mut read = PipeRead::new();
        waiting.insert(read.issue(&mut uring), read);
        common::wander(&mut upcall);
    }
    // Its carriers end, and with them what they have submitted.
    drop(upcall);
    waiting.values_mut().for_each(PipeRead::end);
    for completion in collect(&mut uring, waiting.len()) {
        let read = waiting.remove(&completion.handle).expect("each ends once");
        match completion.result {
            Ok(bytes) => assert_eq!((bytes, read.byte()), (1, b'x')),
            Err(error) => {
                assert_eq!(error.raw_os_error(), Some(libc::ECANCELED));
                assert_eq!(read.byte(), 0, "nothing has been read");
            }
        }
    }
    // The ring itself goes on.
    let mut more = PipeRead::issue_all::<2>(&mut uring);
    PipeRead::end_all(&mut more, &mut uring);
}
