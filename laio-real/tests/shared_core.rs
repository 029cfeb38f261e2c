//! A loop that shares its CPU with a computing thread: blocked calls still give control back, and
//! it gets its share.

mod common;

use std::collections::HashSet;
use std::mem::MaybeUninit;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use common::{collect, millis, nap, turn, wander};
use laio::{Counters, Detector, Error, Laio, Submission};

const NAPS: usize = 500;
const IN_FLIGHT: usize = 16;

/// A thread that computes on one CPU until it is dropped.
struct Neighbour {
    cpu: usize,
    stop: Arc<AtomicBool>,
    clock: libc::clockid_t,
    thread: Option<JoinHandle<()>>,
}

impl Neighbour {
    /// On the first CPU that this thread may use.
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        let (started, where_it_is) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            started.send((pin_to_first_cpu(), own_clock())).unwrap();
            while !seen.load(Ordering::Relaxed) {}
        });
        let (cpu, clock) = where_it_is.recv().unwrap();
        Self {
            cpu,
            stop,
            clock,
            thread: Some(thread),
        }
    }

    /// The CPU time that it has used.
    fn cpu_time(&self) -> Duration {
        let mut time = millis(0);
        // SAFETY: the call fills the structure.
        assert_eq!(unsafe { libc::clock_gettime(self.clock, &raw mut time) }, 0);
        Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn pin_to_first_cpu() -> usize {
    let bytes = size_of::<libc::cpu_set_t>();
    // SAFETY: the calls fill and read sets of the size told; all zeroes are the empty set.
    unsafe {
        let mut cpus = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        assert_eq!(libc::sched_getaffinity(0, bytes, &raw mut cpus), 0);
        let cpu = (0..1024).find(|&cpu| libc::CPU_ISSET(cpu, &cpus)).unwrap();
        libc::CPU_ZERO(&mut cpus);
        libc::CPU_SET(cpu, &mut cpus);
        assert_eq!(libc::sched_setaffinity(0, bytes, &raw const cpus), 0);
        cpu
    }
}

/// The clock of the calling thread's CPU time, for all threads of the process.
fn own_clock() -> libc::clockid_t {
    let mut clock = 0;
    // SAFETY: the thread is alive, and the call fills the number.
    let status = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut clock) };
    assert_eq!(status, 0);
    clock
}

/// Makes all the naps, up to 16 at a time. Each has one result.
fn take_naps(laio: &mut Laio, time: &libc::timespec) -> Counters {
    let mut pending = HashSet::new();
    let mut ended = Vec::new();
    let mut issued = 0;
    while issued < NAPS || !pending.is_empty() {
        while issued < NAPS && pending.len() < IN_FLIGHT {
            issued += 1;
            match nap(laio, time) {
                Submission::Done(result) => assert_eq!(result.unwrap(), 0),
                Submission::Background(handle) => assert!(pending.insert(handle)),
            }
        }
        if pending.is_empty() {
            continue;
        }
        laio.poll(&mut ended, None).unwrap();
        for completion in ended.drain(..) {
            assert!(pending.remove(&completion.handle), "it has one result");
            assert_eq!(completion.result.unwrap(), 0);
        }
    }
    laio.counters()
}

#[test]
fn blocked_calls_give_control_back() {
    let _turn = turn();
    for detector in Detector::ALL {
        let neighbour = Neighbour::start();
        let mut laio = match Laio::builder()
            .cpu(neighbour.cpu)
            .detector(detector)
            .start()
        {
            Ok(laio) => laio,
            Err(error @ Error::Detector { .. }) => {
                println!("SKIPPED: {detector}: {error}");
                continue;
            }
            Err(error) => panic!("{detector}: {error}"),
        };
        // Longer than any slice that the neighbour may have before the watcher looks.
        let counters = take_naps(&mut laio, &millis(20));
        println!("{detector}: {:?}", counters.calls);
        assert_eq!(
            (counters.calls.issued, counters.in_flight),
            (NAPS as u64, 0)
        );
        assert_eq!(
            counters.calls.stolen + counters.calls.late,
            NAPS as u64,
            "every nap blocks"
        );
        assert!(counters.calls.late * 2 < NAPS as u64, "{detector}");
    }
}

/// What the neighbour computes while the loop makes a call is bounded in its CPU time, which
/// nobody else's load lengthens.
#[test]
fn a_woken_loop_does_not_wait_for_the_neighbours_tick() {
    let _turn = turn();
    let neighbour = Neighbour::start();
    let mut laio = Laio::builder().cpu(neighbour.cpu).start().unwrap();
    let before = neighbour.cpu_time();
    for _ in 0..NAPS {
        std::thread::sleep(Duration::from_micros(100));
    }
    let plain = (neighbour.cpu_time() - before) / NAPS as u32;
    let before = neighbour.cpu_time();
    take_naps(&mut laio, &millis(1));
    let stolen = (neighbour.cpu_time() - before) / NAPS as u32;
    println!("the neighbour computed for {plain:?} per plain nap, {stolen:?} per stolen one");
    // Waiting for the tick takes up to 4 ms at 250 Hz; a nap that is not kept waiting, 0.2 ms.
    assert!(plain < Duration::from_millis(2), "{plain:?}");
    assert!(stolen < Duration::from_millis(2), "{stolen:?}");
}

/// The scheduling policy and time slice of the calling thread.
fn policy_and_slice() -> (u32, u64) {
    let mut attributes = MaybeUninit::<libc::sched_attr>::zeroed();
    let size = size_of::<libc::sched_attr>();
    // SAFETY: the call fills the structure, whose size it is told; all zeroes are a valid value.
    unsafe {
        let into = attributes.as_mut_ptr();
        let status = libc::syscall(libc::SYS_sched_getattr, 0, into, size, 0);
        assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
        let attributes = attributes.assume_init();
        (attributes.sched_policy, attributes.sched_runtime)
    }
}

/// Gives the calling thread another time slice; false if the kernel has none.
fn set_slice(time: Duration) -> bool {
    // SAFETY: the call reads the structure, which tells its size; all zeroes are a valid value.
    unsafe {
        let mut attributes = MaybeUninit::<libc::sched_attr>::zeroed().assume_init();
        attributes.size = size_of::<libc::sched_attr>() as u32;
        attributes.sched_runtime = time.as_nanos() as u64;
        let attributes = &raw const attributes;
        let status = libc::syscall(libc::SYS_sched_setattr, 0, attributes, 0);
        assert_eq!(status, 0, "{}", std::io::Error::last_os_error());
    }
    policy_and_slice().1 == time.as_nanos() as u64
}

fn the_slice_is_the_loops_alone() {
    let before = policy_and_slice();
    let mut laio = Laio::new().unwrap();
    let during = policy_and_slice();
    wander(&mut laio);
    assert_eq!(policy_and_slice(), during, "carriers have it too");
    assert_eq!(during.0, before.0, "the policy stays");
    if during.1 != 0 {
        assert_ne!(during.1, before.1);
    }
    let thread = laio.unpinned(|| std::thread::spawn(policy_and_slice).join().unwrap());
    assert_eq!(thread, before);
    assert_eq!(policy_and_slice(), during);
    let mut read = common::PipeRead::new();
    read.issue(&mut laio);
    read.end();
    assert_eq!(collect(&mut laio, 1).len(), 1);
    drop(laio);
    assert_eq!(policy_and_slice(), before);
}

#[test]
fn the_time_slice_is_given_back() {
    let _turn = turn();
    the_slice_is_the_loops_alone();
    if set_slice(Duration::from_millis(7)) {
        the_slice_is_the_loops_alone();
    } else {
        println!("SKIPPED: this kernel has no time slices per thread");
    }
}

#[test]
fn a_batch_loop_stays_one() {
    let _turn = turn();
    let parameter = libc::sched_param { sched_priority: 0 };
    // SAFETY: a valid parameter; 0 is the calling thread.
    let status = unsafe { libc::sched_setscheduler(0, libc::SCHED_BATCH, &raw const parameter) };
    assert_eq!(status, 0);
    the_slice_is_the_loops_alone();
}
