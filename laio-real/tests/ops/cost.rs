//! What an operation that ends inline costs over the call that it makes.

use std::hint::black_box;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::Instant;

use laio::ops::{CWD, Operations};

use crate::common::turn;
use crate::{end, operations};

/// Many and short, so that what disturbs the machine meets both of a pair.
const ROUNDS: usize = 501;
const CALLS: u32 = 1000;

/// Nanoseconds per call, and how many more an operation takes: medians over pairs of rounds.
fn compare(
    operations: &mut Operations,
    mut call: impl FnMut(&mut Operations),
    mut operation: impl FnMut(&mut Operations),
) -> [f64; 2] {
    let mut time = |run: &mut dyn FnMut(&mut Operations)| {
        let start = Instant::now();
        for _ in 0..CALLS {
            run(operations);
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    let pairs = (0..ROUNDS).map(|_| {
        let [call, operation] = [time(&mut call), time(&mut operation)];
        (call, operation - call)
    });
    let (calls, more): (Vec<f64>, Vec<f64>) = pairs.unzip();
    [calls, more].map(|mut nanoseconds| {
        nanoseconds.sort_by(f64::total_cmp);
        nanoseconds[ROUNDS / 2]
    })
}

/// The same call without its memory being owned.
fn plain(operations: &mut Operations, number: i64, args: [usize; 6]) {
    // SAFETY: the callers' memory outlives the measurement; calls that are preempted may overlap.
    let started = unsafe { operations.syscall(number, black_box(args)) };
    let result: std::io::Result<i64> = end(operations, started);
    result.unwrap();
}

#[test]
#[ignore = "a measurement: run it alone, with --release and --nocapture"]
fn cost_over_the_call() {
    let _turn = turn();
    let mut ops = operations();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[7; 4096]).unwrap();
    let file = Arc::new(file);
    let number = file.as_raw_fd() as usize;
    for bytes in [1, 4096] {
        let mut own = vec![0u8; bytes];
        let args = [number, own.as_mut_ptr() as usize, bytes, 0, 0, 0];
        let mut buffer = Some(Vec::with_capacity(bytes));
        let [call, more] = compare(
            &mut ops,
            |ops| plain(ops, libc::SYS_pread64, args),
            |ops| {
                let started = ops.pread(&file, buffer.take().unwrap(), bytes, 0);
                buffer = Some(end(ops, started).buffer);
            },
        );
        println!("pread of {bytes} bytes: {call:.0} ns, as an operation {more:.0} ns more");
    }

    let mut stat = std::mem::MaybeUninit::<libc::statx>::uninit();
    let mask = libc::STATX_BASIC_STATS as usize;
    let path = c"/etc/passwd".as_ptr() as usize;
    let cwd = libc::AT_FDCWD as usize;
    let args = [cwd, path, 0, mask, stat.as_mut_ptr() as usize, 0];
    let [call, more] = compare(
        &mut ops,
        |ops| plain(ops, libc::SYS_statx, args),
        |ops| {
            let started = ops.statx(CWD, "/etc/passwd", 0, libc::STATX_BASIC_STATS);
            black_box(end(ops, started).unwrap());
        },
    );
    println!("statx: {call:.0} ns, as an operation {more:.0} ns more");
}
