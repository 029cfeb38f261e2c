//! A loop that the scheduler takes the CPU from is left in its call, and one that has blocked after
//! running for as long is taken out of it.

mod common;

use std::fs::File;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use common::{PipeRead, turn, with_detector};
use laio::{Counters, Detector, Laio, Submission};

/// Makes calls that do not block for so long.
fn run_for(laio: &mut Laio, time: Duration) {
    let file = File::open("/").unwrap();
    let mut stat = MaybeUninit::<libc::stat>::uninit();
    let mut completions = Vec::new();
    let end = Instant::now() + time;
    while Instant::now() < end {
        for _ in 0..100 {
            let args = [file.as_raw_fd() as usize, stat.as_mut_ptr() as usize];
            let args = [args[0], args[1], 0, 0, 0, 0];
            // SAFETY: the structure outlives the call, also in the background.
            if let Submission::Background(_) = unsafe { laio.syscall(libc::SYS_fstat, args) } {
                laio.poll(&mut completions, None).unwrap();
            }
        }
    }
}

/// The scheduler does so a hundred times a second or more. Others who use the CPU too, whose turns end
/// when they please, may lead to some false steals: the least of some attempts counts.
#[test]
fn preempted_loop_is_not_stolen() {
    let _turn = turn();
    let attempt = || -> Option<Counters> {
        let mut laio = with_detector(Detector::Yield)?;
        run_for(&mut laio, Duration::from_millis(500));
        Some(laio.counters())
    };
    for _ in 0..5 {
        let Some(counters) = attempt() else { return };
        println!("{counters:?}");
        if counters.calls.false_steals <= 10 && counters.carriers <= 4 {
            return;
        }
    }
    panic!("stolen by nearly every tick");
}

#[test]
fn loop_that_blocks_after_a_long_stretch_is_taken_out_of_the_call() {
    let _turn = turn();
    let Some(mut laio) = with_detector(Detector::Yield) else {
        return;
    };
    for _ in 0..100 {
        run_for(&mut laio, Duration::from_millis(3));
        let mut read = PipeRead::issue_all::<1>(&mut laio);
        PipeRead::end_all(&mut read, &mut laio);
    }
    let reads = laio.call_counters(libc::SYS_read);
    assert_eq!((reads.stolen, reads.late), (100, 0), "{reads:?}");
}
