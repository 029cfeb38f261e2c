//! `[server]`: what works beside the loops.

use sim::run::Measured;
use sim::scenario::Structure::{self, Mp, Mt, NbAio, NbAmped, NbAmted, NbLaio, NbUring};

use super::{assert_greater_for, assert_same_for, base, many_reads, run, throughput};
use crate::bench::{Bench, NB_AMPED, NB_B, NB_LAIO};
use crate::measures::{fingerprint, mean_response};

#[test]
pub(super) fn more_helpers_keep_more_reads_at_the_disk() {
    let run = |helpers, server| base().set("server.helpers", helpers).run(server);
    let (one, four) = (run("1", NB_AMPED), run("4", NB_AMPED));
    assert!(one.disk.waiting < four.disk.waiting);
    assert!(mean_response(&four) < mean_response(&one));
    for server in [NB_B, NB_LAIO] {
        let (one, four) = (run("1", server), run("4", server));
        assert_eq!(fingerprint(&one), fingerprint(&four));
    }
}

/// More of `key` than one have more requests at the disk, but only in the server that has it.
fn assert_reads_at_once(key: &str, server: Structure) {
    let (one, four) = (many_reads(6).set(key, "1"), many_reads(6).set(key, "4"));
    assert_greater_for(&[server], &one, &four, |run| run.disk.waiting.as_secs_f64());
    assert_greater_for(&[server], &one, &four, throughput);
    assert_same_for(&[Structure::NbB], &one, &four);
}

#[test]
pub(super) fn more_threads_in_the_pool_keep_more_reads_at_the_disk() {
    assert_reads_at_once("server.pool_threads", NbAmted);
}

#[test]
pub(super) fn more_aio_workers_keep_more_reads_at_the_disk() {
    assert_reads_at_once("server.aio_workers", NbAio);
}

#[test]
pub(super) fn more_processes_read_at_once() {
    assert_reads_at_once("server.processes", Mp);
}

#[test]
pub(super) fn more_threads_read_at_once() {
    assert_reads_at_once("server.threads", Mt);
}

/// Reads need none.
#[test]
pub(super) fn more_uring_workers_look_up_more_names_at_once() {
    assert_reads_at_once("server.uring_workers", NbUring);
}

#[test]
pub(super) fn name_helpers_keep_names_from_waiting_for_reads() {
    let shared = many_reads(6).set("server.helpers", "1");
    let apart = shared.clone().set("server.name_helpers", "2");
    assert_greater_for(&[NbAmped], &shared, &apart, throughput);
    assert_same_for(&[NbLaio, Structure::NbB], &shared, &apart);
}

fn continuations(run: &Measured) -> f64 {
    run.counters.continuations as f64
}

/// Everything is cached: with the test nothing goes to a helper, without it each open does.
#[test]
pub(super) fn without_a_test_of_names_helpers_look_them_all_up() {
    let tested = Bench::new(vec![4096; 8])
        .plays(0..8)
        .set("run.start", "warm");
    let untested = tested.clone().set("server.name_test", "none");
    assert_eq!(continuations(&run(&tested, NbAmped)), 0.0);
    assert_eq!(continuations(&run(&untested, NbAmped)), 8.0);
    // Names that it keeps itself need no test; with those of the warm-up it knows all.
    let kept = untested.clone().set("server.name_cache", "8");
    assert_eq!(continuations(&run(&kept, NbAmped)), 0.0);
    assert_same_for(&[NbLaio, Structure::NbB], &tested, &untested);
}

/// The kernel's ends a read of cached pages in the submission.
#[test]
pub(super) fn glibc_wakes_a_thread_for_cached_reads() {
    let kernel = Bench::new(vec![4096; 8])
        .plays(0..8)
        .set("run.start", "warm");
    let glibc = kernel.clone().set("server.aio", "glibc");
    assert_greater_for(&[NbAio], &kernel, &glibc, |run| run.switches as f64);
    assert_greater_for(&[NbAio], &kernel, &glibc, mean_response);
    assert_same_for(&[NbAmped, NbLaio], &kernel, &glibc);
}

#[test]
pub(super) fn fewer_carriers_stall_the_loop() {
    let stalls = |run: &Measured| run.counters.loop_stalls as f64;
    let two = many_reads(6).set("server.carriers", "2");
    let laio = [NbLaio, Structure::LaioLaio];
    assert_greater_for(&laio, &many_reads(6), &two, stalls);
    assert_greater_for(&laio, &two, &many_reads(6), throughput);
    assert_eq!(stalls(&run(&many_reads(6), NbLaio)), 0.0);
    assert_same_for(&[NbAmped], &two, &many_reads(6));
}
