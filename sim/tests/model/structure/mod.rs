//! What makes each architecture what it is.

use proptest::prelude::*;
use sim::engine::Nanos;
use sim::machine::OpCount;
use sim::machine::cpu::Activity;
use sim::run::Measured;
use sim::scenario::{Server, Structure};
use sim::server::OpKind;

use crate::bench::{Bench, NB_AMPED, NB_B, NB_LAIO, each_server};
use crate::measures::cpu_time;
use crate::random::any_bench;

mod bounds;
mod continuations;
mod failures;
mod flavours;
mod paths;
mod scale;

const NB_AIO: Server = Server::plain(Structure::NbAio);
const NB_AMTED: Server = Server::plain(Structure::NbAmted);
const NB_AMTED_NOWAIT: Server = Server::plain(Structure::NbAmtedNowait);
const NB_URING: Server = Server::plain(Structure::NbUring);
const NB_URING_HYBRID: Server = Server::plain(Structure::NbUringHybrid);
const LAIO_LAIO: Server = Server::plain(Structure::LaioLaio);
const MP: Server = Server::plain(Structure::Mp);
const MT: Server = Server::plain(Structure::Mt);

fn count(run: &Measured, kind: OpKind) -> OpCount {
    run.counters.ops[kind as usize]
}

fn disk_blocks(run: &Measured) -> u64 {
    let on_disk = OpKind::ALL.into_iter().filter(|kind| kind.on_disk());
    on_disk
        .map(|kind| run.counters.ops[kind as usize].would_block)
        .sum()
}

/// 64 objects of one page each, four clients that share none.
fn lone_pages() -> Bench {
    (0..4)
        .fold(Bench::new(vec![4096; 64]), |bench, client| {
            bench.plays(client * 16..(client + 1) * 16)
        })
        .client_each()
        .set("cache.read_ahead", "0 B")
}

/// Who hands every call of some kind to somebody else, cached or not.
fn always_continues(structure: Structure) -> bool {
    matches!(
        structure,
        Structure::NbAio | Structure::NbAmted | Structure::NbUring
    )
}

#[test]
fn in_memory_nothing_touches_the_disk_or_becomes_a_continuation() {
    let bench = lone_pages().cheetah().set("run.start", "warm");
    for bench in [bench.clone().loopback(), bench] {
        for server in each_server() {
            let run = bench.run(server);
            assert_eq!(run.disk.requests, 0);
            assert_eq!(run.cache.misses, 0);
            assert_eq!(run.counters.loop_stalls, 0);
            assert_eq!(disk_blocks(&run), 0);
            // laio-laio's are receives and accepts.
            let continues = server == LAIO_LAIO || always_continues(server.structure);
            assert_eq!(run.counters.continuations > 0, continues, "{server}");
        }
    }
}

/// The CPU works for other requests only while the loop does not sleep in a call: what is left
/// during a stall are interrupts and switches.
#[test]
fn nb_b_never_works_and_waits_for_the_disk_at_once() {
    let bench = lone_pages().cheetah();
    // One call that sleeps many times, and works in between.
    let large = Bench::new(vec![300_000; 8])
        .plays(0..8)
        .figure("call.read_page", "50 us")
        .set("server.chunk", "1 MiB")
        .set("cache.read_ahead", "16 KiB");
    for bench in [bench.clone().loopback(), bench, large] {
        let run = bench.run(NB_B);
        let overlapping = [Activity::Switch, Activity::Interrupt];
        let aside: Nanos = overlapping
            .map(|a| run.server_cpu[a as usize])
            .into_iter()
            .sum();
        let work = cpu_time(&run) - aside;
        // After the last response come a close and the hang-ups of the clients.
        let tail = Nanos::from_millis(1);
        assert!(run.counters.stalled + work <= run.elapsed + tail);
        assert_eq!(run.counters.continuations, 0);
        assert_eq!(run.counters.loop_stalls, disk_blocks(&run));
    }
}

/// All that do not block their only process in the open or in the read overlap the disk with
/// itself, and with the CPU; nb-aio has no asynchronous open, but reads.
#[test]
fn only_nb_b_keeps_the_disks_queue_empty() {
    let bench = lone_pages().cheetah();
    assert_eq!(bench.run(NB_B).disk.max_waiting, 0);
    for server in each_server().into_iter().filter(|&other| other != NB_B) {
        let queued = bench.run(server).disk.max_waiting;
        assert!((1..=3).contains(&queued), "{queued} wait for {server}");
    }
}

#[test]
fn one_helper_keeps_the_disks_queue_empty_too() {
    let run = lone_pages()
        .cheetah()
        .set("server.helpers", "1")
        .run(NB_AMPED);
    assert_eq!(run.disk.max_waiting, 0);
}

#[test]
fn helpers_sleep_in_the_loops_stead() {
    let run = lone_pages().cheetah().run(NB_AMPED);
    assert_eq!(run.counters.loop_stalls, 0);
    assert_eq!(run.counters.stalled, Nanos::ZERO);
    assert!(disk_blocks(&run) >= 64, "the helpers' calls are counted");
    // The name and the page of each object.
    assert_eq!(run.counters.continuations, 2 * 64);
}

/// A page in flight counts as resident, as cachestat has it: the second client's read then stalls
/// the loop of nb-amped, while nb-laio lets it wait in the background.
#[test]
fn a_page_in_flight_deceives_the_residency_test() {
    let bench = Bench::new(vec![4096])
        .asks(vec![(0, false)])
        // The name first, so that its read comes a round-trip time after the other client's.
        .asks(vec![(0, true), (0, false)])
        .client_each()
        .links("1 ms")
        .fixed_disk_ms(5.0);
    let amped = bench.run(NB_AMPED);
    assert_eq!(amped.counters.loop_stalls, 1);
    let stalled = amped.counters.stalled.as_millis_f64();
    assert!((3.5..4.5).contains(&stalled), "{stalled} of 5 ms are left");
    let laio = bench.run(NB_LAIO);
    assert_eq!(laio.counters.loop_stalls, 0);
    assert_eq!(laio.disk.requests, amped.disk.requests, "read once");
}

#[test]
fn a_page_wanted_by_many_is_read_once() {
    let bench = (0..8)
        .fold(Bench::new(vec![4096]), |bench, _| bench.plays([0]))
        .client_each();
    for server in each_server() {
        // The directory's inode block and entries, the file's inode block, its page.
        assert_eq!(bench.run(server).disk.requests, 4);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn nb_laio_never_stalls_and_has_a_continuation_just_where_a_call_would_block(
        bench in any_bench(),
    ) {
        let run = bench.run(NB_LAIO);
        prop_assert_eq!(run.counters.loop_stalls, 0);
        prop_assert_eq!(run.counters.stalled, Nanos::ZERO);
        prop_assert_eq!(run.counters.continuations, disk_blocks(&run));
    }

    #[test]
    fn nb_b_stalls_just_where_a_call_would_block(bench in any_bench()) {
        let run = bench.run(NB_B);
        prop_assert_eq!(run.counters.continuations, 0);
        prop_assert_eq!(run.counters.loop_stalls, disk_blocks(&run));
    }

    /// In ample memory, small files and no reading ahead: with nothing in flight for two and
    /// nothing reclaimed, the residency tests are right.
    #[test]
    fn nb_amped_stalls_only_where_pages_are_in_flight_or_reclaimed(
        clients in 1u32..6,
        helpers in 1u32..4,
        warm: bool,
    ) {
        let bench = (0..clients).fold(Bench::new(vec![6000; 60]), |bench, client| {
            bench.plays(client * 10..(client + 1) * 10)
        });
        let bench = bench
            .client_each()
            .cheetah()
            .set("cache.read_ahead", "0 B")
            .set("server.helpers", &helpers.to_string())
            .set("run.start", if warm { "warm" } else { "cold" });
        let run = bench.run(NB_AMPED);
        prop_assert_eq!(run.counters.loop_stalls, 0);
    }
}
