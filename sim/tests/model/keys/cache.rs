//! `[cache]` and `[files]`.

use sim::scenario::Structure;

use super::{assert_greater, base, reads, run, run_each, service_time, throughput};
use crate::bench::Bench;
use crate::measures::{fingerprint, mean_response};

#[test]
pub(super) fn more_memory_reads_less() {
    let (little, much) = (
        base().set("cache.memory", "700 KiB"),
        base().set("cache.memory", "8 MiB"),
    );
    assert_greater(&much, &little, reads);
    assert_greater(&much, &little, |run| run.cache.misses as f64);
    assert_greater(&little, &much, throughput);
}

/// Forty files used over and over, between them others used once; then a scan of more of these
/// than fit; then the forty once more. LRU keeps them until the scan, FIFO at no time, Linux always.
#[test]
pub(super) fn policies_differ_in_what_they_keep_through_a_scan() {
    let under = |policy| {
        let mixed = (0..600).map(|i| if i % 2 == 0 { i / 2 % 40 } else { 40 + i / 2 });
        Bench::new(vec![4096; 640])
            .plays(mixed.chain(340..640).chain(0..40))
            .small_processes()
            .fixed_disk_ms(1.0)
            .set("cache.memory", "1 MiB")
            .set("cache.policy", policy)
    };
    let policies = ["lru", "fifo", "random", "linux"].map(under);
    let runs = policies.map(|bench| run(&bench, Structure::NbB));
    for (index, one) in runs.iter().enumerate() {
        for other in &runs[..index] {
            assert_ne!(fingerprint(one), fingerprint(other));
        }
    }
    let [lru, fifo, random, linux] = runs.map(|run| reads(&run));
    assert!(
        linux < lru && lru < fifo,
        "linux {linux}, lru {lru}, fifo {fifo}, random {random}"
    );
}

#[test]
pub(super) fn proactive_pageout_reads_again() {
    let bench = base()
        .set("cache.memory", "64 MiB")
        .figure("kernel.pageout_age", "50 ms");
    let with = bench.clone().set("cache.proactive_pageout", "true");
    assert_greater(&bench, &with, reads);
}

#[test]
pub(super) fn reading_ahead_takes_fewer_and_larger_reads() {
    let large = || {
        Bench::new(vec![1 << 20])
            .plays([0])
            .cheetah()
            .set("server.chunk", "16 KiB")
    };
    let (none, some) = (
        large().set("cache.read_ahead", "0 B"),
        large().set("cache.read_ahead", "128 KiB"),
    );
    assert_greater(&some, &none, reads);
    assert_greater(&some, &none, mean_response);
    for run in run_each(&some) {
        assert_eq!(run.disk.sectors, (1 << 20) / 512 + 3 * 8, "each page once");
    }
}

#[test]
pub(super) fn files_further_apart_take_longer_seeks() {
    let near = base().set("files.span", "16 MiB");
    let far = base().set("files.span", "8 GiB");
    assert_greater(&near, &far, |run| run.disk.seek.as_secs_f64());
    assert_greater(&near, &far, service_time);
}

#[test]
pub(super) fn unreadable_pages_break_responses() {
    let damaged = base().set("files.unreadable", "40");
    assert_greater(&base(), &damaged, |run| run.failures.broken as f64);
    assert!(run_each(&base()).iter().all(|run| run.failures.broken == 0));
}
