//! How often each architecture goes on in the background, and where its loop stalls.

use proptest::prelude::*;
use sim::engine::Nanos;
use sim::server::OpKind;

use super::*;

/// What blocked in the disk's way first, of the kinds given.
fn disk_first(run: &Measured, kinds: &[OpKind]) -> u64 {
    kinds.iter().map(|&kind| count(run, kind).on_disk).sum()
}

/// Workers of which several fit into the smallest memory.
fn any_small_bench() -> impl Strategy<Value = Bench> {
    any_bench().prop_map(Bench::few_small_workers)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Sockets go to the background too. One accept always waits, so the last of the run is a
    /// continuation that has not ended.
    #[test]
    fn laio_laio_never_stalls_and_has_a_continuation_just_where_a_call_would_block(
        bench in any_small_bench(),
    ) {
        let run = bench.run(LAIO_LAIO);
        prop_assert_eq!(run.counters.loop_stalls, 0);
        prop_assert_eq!(run.counters.stalled, Nanos::ZERO);
        let blocks: u64 = run.counters.ops.iter().map(|count| count.would_block).sum();
        prop_assert_eq!(run.counters.continuations, blocks);
        let accepts = count(&run, OpKind::Accept);
        // In a warm run the first had begun to wait before the run was measured.
        let one_waits = u64::from(!bench.is_warm());
        prop_assert_eq!(accepts.issued, bench.connections() + one_waits);
    }

    /// One for every read, whether it would block or not; everything else stalls.
    #[test]
    fn nb_aio_continues_at_every_read_and_stalls_at_every_open_that_would_block(
        bench in any_small_bench(),
        kind in prop::sample::select(&["kernel", "glibc"][..]),
    ) {
        let run = bench.clone().set("server.aio", kind).run(NB_AIO);
        prop_assert_eq!(run.counters.continuations, bench.chunks_asked());
        let stalls = disk_first(&run, &[OpKind::Open, OpKind::Stat]);
        prop_assert_eq!(run.counters.loop_stalls, stalls);
    }

    /// One for every file operation, whether it would block or not.
    #[test]
    fn nb_amted_continues_at_every_file_operation_and_never_stalls(bench in any_small_bench()) {
        let run = bench.run(NB_AMTED);
        let kinds = OpKind::ALL.into_iter().filter(|kind| kind.on_disk());
        let issued: u64 = kinds.map(|kind| count(&run, kind).issued).sum();
        prop_assert_eq!(run.counters.continuations, issued);
        prop_assert_eq!(run.counters.loop_stalls, 0);
    }

    /// One for every open, stat and read; nothing that it leaves to the loop can block.
    #[test]
    fn nb_uring_continues_at_every_open_stat_and_read_and_never_stalls(bench in any_small_bench()) {
        let run = bench.run(NB_URING);
        let kinds = [OpKind::Open, OpKind::Stat, OpKind::Read];
        let issued: u64 = kinds.map(|kind| count(&run, kind).issued).iter().sum();
        prop_assert_eq!(run.counters.continuations, issued);
        prop_assert_eq!(run.counters.loop_stalls, 0);
    }

    /// What a residency test finds missing goes to somebody else and would mostly block there;
    /// what it finds is called in the loop, and stalls it where the test was wrong.
    #[test]
    fn after_a_residency_test_whatever_blocks_does_so_elsewhere_or_stalls(bench in any_small_bench()) {
        for server in [NB_AMTED_NOWAIT, NB_URING_HYBRID] {
            let run = bench.run(server);
            let blocks = disk_blocks(&run);
            prop_assert!(blocks <= run.counters.continuations + run.counters.loop_stalls);
            prop_assert!(run.counters.loop_stalls <= blocks);
        }
    }

    /// No loop, nothing of the kind: every call that would block has a process sleep in it.
    #[test]
    fn mp_and_mt_know_neither_continuations_nor_stalls(bench in any_small_bench()) {
        for server in [MP, MT] {
            let run = bench.run(server);
            prop_assert_eq!(run.counters.continuations, 0);
            prop_assert_eq!(run.counters.loop_stalls, 0);
        }
    }
}

/// Alone, and with nothing in flight that another asked for, the tests are right: a continuation
/// for each name and each page, none when all is cached.
#[test]
fn what_tests_residency_continues_only_at_what_is_missing() {
    for (start, continuations) in [("cold", 2 * 64), ("warm", 0)] {
        let bench = lone_pages().set("run.start", start);
        for server in [NB_AMPED, NB_AMTED_NOWAIT, NB_URING_HYBRID] {
            let run = bench.run(server);
            assert_eq!(run.counters.continuations, continuations, "{server}");
            assert_eq!(run.counters.loop_stalls, 0, "{server}");
        }
    }
}

/// A page in flight counts as resident, as cachestat has it: whoever believes it stalls.
#[test]
fn a_page_in_flight_deceives_every_residency_test() {
    let bench = Bench::new(vec![4096])
        .asks(vec![(0, false)])
        // The name first, so that its read comes a round-trip time after the other client's.
        .asks(vec![(0, true), (0, false)])
        .client_each()
        .links("1 ms")
        .fixed_disk_ms(5.0);
    for server in each_server() {
        let run = bench.run(server);
        let reads_stall = match server.structure {
            Structure::NbAmped | Structure::NbAmtedNowait | Structure::NbUringHybrid => 1,
            // Its opens do.
            Structure::NbAio | Structure::NbB => continue,
            _ => 0,
        };
        assert_eq!(run.counters.loop_stalls, reads_stall, "{server}");
    }
}

/// A page that was there at the test is gone at the call: between a helper's answer and the
/// loop's own call too much else was read.
#[test]
fn what_is_reclaimed_after_a_helpers_answer_stalls_the_loop() {
    let bench = (0..24)
        .fold(Bench::new(vec![200_000; 24]), |bench, client| {
            bench.plays([client])
        })
        .client_each()
        .small_processes()
        .set("server.helpers", "24")
        .set("server.chunk", "256 KiB")
        .set("cache.memory", "1 MiB");
    let run = bench.run(NB_AMPED);
    assert!(run.counters.loop_stalls > 0);
    assert_eq!(run.responses.len(), 24);
}

/// With none left, a call that blocks sleeps in the loop.
#[test]
fn without_carriers_left_laio_stalls() {
    for server in [NB_LAIO, LAIO_LAIO] {
        let stalls = |carriers: &str| {
            let run = lone_pages().set("server.carriers", carriers).run(server);
            assert_eq!(run.responses.len(), 64);
            run.counters.loop_stalls
        };
        let (one, two, plenty) = (stalls("1"), stalls("2"), stalls("6"));
        assert!(one > two && two > 0, "{server}: {one}, {two}");
        // One for each client, and one in which an accept waits.
        assert_eq!(plenty, 0, "{server}");
    }
}

/// Requests on one descriptor wait for each other, and only the C library's: on four disks one
/// read at a time takes longer.
#[test]
fn the_c_library_serializes_reads_of_a_shared_file() {
    // All keep the first file; after files of different lengths each is elsewhere in it.
    let sizes = std::iter::once(6 << 20).chain((1..7).map(|i| i * 200_000));
    let bench = (1..7)
        .fold(Bench::new(sizes.collect()), |bench, own| {
            bench.plays([0, own, 0])
        })
        .client_each()
        .free()
        .set("cache.memory", "1 MiB")
        .set("cache.read_ahead", "0 B")
        .set("machine.disks", "4")
        .set("machine.stripe", "256 KiB");
    let elapsed = |kind: &str, kept: &str| {
        let bench = bench.clone().set("server.aio", kind);
        let run = bench.set("server.file_cache", kept).run(NB_AIO);
        assert_eq!(run.responses.len(), 18);
        run.elapsed.as_secs_f64()
    };
    let together = elapsed("kernel", "32 MiB");
    assert!(elapsed("glibc", "32 MiB") > 1.2 * together);
    assert!(elapsed("glibc", "0 B") <= together);
}

/// A read that fails does so when the disk has found it out, not before.
#[test]
fn an_unreadable_page_takes_its_read_of_the_disk() {
    let bench = Bench::new(vec![4096])
        .plays([0])
        .free()
        .fixed_disk_ms(5.0)
        .set("files.unreadable", "1");
    for server in each_server() {
        let run = bench.run(server);
        assert_eq!(run.failures.broken, 1, "{server}");
        // Its directory's and its own inode and entries, then the page; what a helper failed to
        // read the loop of nb-amped tries again.
        let reads = if server == NB_AMPED { 5 } else { 4 };
        assert_eq!(run.elapsed, Nanos::from_millis(5) * reads, "{server}");
    }
}
