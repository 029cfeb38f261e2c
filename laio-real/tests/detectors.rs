//! Each detector gives control back, parks while the loop sleeps, and is refused with a reason
//! where it cannot work.

mod common;

use std::error::Error as _;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::Duration;

use common::{PipeRead, background, collect, millis, turn, with_detector};
use laio::{Detector, EngineKind, Error, Laio};

/// Runs `check` with each detector that works here.
fn with_each(check: impl Fn(Laio)) {
    let _turn = turn();
    for detector in Detector::ALL {
        if let Some(laio) = with_detector(detector) {
            println!("{detector}");
            assert_eq!(laio.detector(), Some(detector));
            check(laio);
        }
    }
}

#[test]
fn reads_that_only_the_loop_can_end_give_control_back() {
    with_each(|mut laio| {
        for _ in 0..50 {
            let mut reads = PipeRead::issue_all::<10>(&mut laio);
            PipeRead::end_all(&mut reads, &mut laio);
        }
        let reads = laio.call_counters(libc::SYS_read);
        assert_eq!((reads.stolen, reads.blocked()), (500, 500), "{reads:?}");
    });
}

#[test]
fn naps_run_side_by_side() {
    with_each(|mut laio| {
        let naps = [300, 200, 100].map(millis);
        let handles = naps
            .each_ref()
            .map(|nap| background(common::nap(&mut laio, nap)));
        let ended = collect(&mut laio, 3);
        let order = [ended[2].handle, ended[1].handle, ended[0].handle];
        assert_eq!(order, handles);
    });
}

/// The loop goes on after its thread has moved about, which the unpinned detectors allow.
#[test]
fn reads_give_control_back_beside_a_busy_thread() {
    with_each(|mut laio| {
        let _busy = common::BusyThread::start();
        for _ in 0..20 {
            let mut reads = PipeRead::issue_all::<5>(&mut laio);
            PipeRead::end_all(&mut reads, &mut laio);
        }
        assert_eq!(laio.counters().calls.stolen, 100);
    });
}

#[test]
fn calls_are_cancelled() {
    with_each(|mut laio| {
        let mut read = PipeRead::new();
        for _ in 0..100 {
            let handle = read.issue(&mut laio);
            laio.cancel(handle).unwrap();
            let ended = collect(&mut laio, 1).remove(0);
            assert_eq!(ended.handle, handle);
            let error = ended.result.unwrap_err();
            assert_eq!(error.raw_os_error(), Some(libc::EINTR));
        }
    });
}

/// Ends in time only if nothing watches meanwhile: CPU time, not wall time, is asserted.
#[test]
fn watchers_park_while_the_loop_sleeps() {
    with_each(|mut laio| {
        let mut reads = PipeRead::issue_all::<4>(&mut laio);
        let second = Duration::from_secs(1);
        let before = common::cpu_time();
        laio.poll(&mut Vec::new(), Some(second)).unwrap();
        let used = common::cpu_time() - before;
        assert!(used < second / 100, "{used:?} in 1 s");
        PipeRead::end_all(&mut reads, &mut laio);
    });
}

/// A record tells blocking from preemption, so a call that only computes is left alone.
#[test]
fn with_a_ring_a_preempted_call_is_not_stolen() {
    let _turn = turn();
    let Some(mut laio) = with_detector(Detector::YieldPerf) else {
        return;
    };
    let zero = std::fs::File::open("/dev/zero").unwrap();
    let mut buffer = vec![1u8; 1 << 20];
    let part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    // A read of 1 GiB is preempted by the watcher and by whoever else is there.
    let parts = vec![part; 1024];
    let (fd, vector) = (zero.as_raw_fd() as usize, parts.as_ptr() as usize);
    for _ in 0..3 {
        // SAFETY: the parts overlap, which a read into them does not mind, and outlive the call.
        let read = unsafe { laio.syscall(libc::SYS_readv, [fd, vector, 1024, 0, 0, 0]) };
        assert_eq!(common::done(read).unwrap(), 1 << 30);
    }
    assert_eq!(laio.counters().calls.stolen, 0);
}

#[test]
fn without_perf_events_the_choice_falls_back_and_a_wish_is_refused() {
    for errno in [libc::EPERM, libc::ENOSYS] {
        confined(vec![libc::SYS_perf_event_open], errno, move || {
            let mut laio = Laio::new().unwrap();
            assert_eq!(laio.detector(), Some(Detector::Yield));
            common::wander(&mut laio);
            drop(laio);
            for detector in [Detector::YieldPerf, Detector::Perf] {
                assert_refused(detector, "perf_event_open", errno);
            }
        });
    }
}

#[test]
fn where_pinning_is_denied_another_detector_is_chosen() {
    let denied = vec![libc::SYS_sched_setaffinity, libc::SYS_perf_event_open];
    confined(denied, libc::EPERM, || {
        assert_refused(Detector::Yield, "sched_setaffinity", libc::EPERM);
        let mut laio = Laio::new().unwrap();
        assert_eq!(laio.detector(), Some(Detector::Timer));
        common::wander(&mut laio);
    });
}

fn assert_refused(detector: Detector, needs: &str, errno: i32) {
    let error = Laio::builder().detector(detector).start().unwrap_err();
    let reason = error.source().expect("the kernel's answer").to_string();
    assert!(reason.contains(&errno.to_string()), "{reason}");
    match error {
        Error::Detector {
            detector: refused,
            call,
            ..
        } => assert_eq!((refused, call), (detector, needs)),
        other => panic!("{other}"),
    }
}

/// Runs `check` on a thread on which the kernel answers `denied` calls with `errno`, as a
/// container's filter would.
fn confined(denied: Vec<i64>, errno: i32, check: impl FnOnce() + Send + 'static) {
    let _turn = turn();
    let thread = std::thread::spawn(move || {
        common::deny(&denied, errno);
        check();
    });
    thread.join().unwrap();
}

#[test]
fn where_no_detector_works_the_pool_is_taken_unless_one_was_asked_for() {
    let all = vec![
        libc::SYS_sched_setaffinity,
        libc::SYS_membarrier,
        libc::SYS_perf_event_open,
    ];
    confined(all, libc::EPERM, || {
        let mut laio = Laio::new().unwrap();
        assert_eq!((laio.engine(), laio.detector()), (EngineKind::Pool, None));
        let mut reads = PipeRead::issue_all::<3>(&mut laio);
        PipeRead::end_all(&mut reads, &mut laio);
        drop(laio);
        for detector in Detector::ALL {
            assert_refused_for_detector(detector);
        }
        let asked = Laio::builder().engine(EngineKind::Upcall).start();
        assert!(matches!(asked, Err(Error::Detector { .. })), "{asked:?}");
    });
}

fn assert_refused_for_detector(asked: Detector) {
    match Laio::builder().detector(asked).start() {
        Err(Error::Detector { detector, .. }) => assert_eq!(detector, asked),
        other => panic!("{other:?}"),
    }
}

/// A pinned loop of an unpinned detector, and one that may move: both are asked for by the CPU.
#[test]
fn only_the_yield_detectors_pin_the_loop_by_themselves() {
    with_each(|laio| {
        let detector = laio.detector().unwrap();
        let pins = matches!(detector, Detector::Yield | Detector::YieldPerf);
        let before = laio_free_cpus();
        assert_eq!(allowed_cpus() < before || before == 1, pins || before == 1);
        drop(laio);
        let asked = Laio::builder().detector(detector).cpu(0).start().unwrap();
        assert_eq!(allowed_cpus(), 1);
        drop(asked);
        assert_eq!(allowed_cpus(), before);
    });
}

/// How many CPUs the calling kernel thread may use.
fn allowed_cpus() -> i32 {
    // SAFETY: the call fills a set of the size told; all zeroes are a valid set.
    unsafe {
        let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &raw mut cpus);
        libc::CPU_COUNT(&cpus)
    }
}

/// The same for a thread that no engine has touched: the process's first.
fn laio_free_cpus() -> i32 {
    // SAFETY: as above.
    unsafe {
        let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        let first = std::process::id() as i32;
        libc::sched_getaffinity(first, size_of::<libc::cpu_set_t>(), &raw mut cpus);
        libc::CPU_COUNT(&cpus)
    }
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
