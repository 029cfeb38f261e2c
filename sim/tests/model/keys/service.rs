//! `[server]`: what every server has.

use sim::engine::Nanos;
use sim::machine::cpu::Activity;
use sim::run::Measured;
use sim::scenario::Structure::{self, LaioLaio, Mp, Mt, NbB, NbLaio};
use sim::server::OpKind;

use super::{
    assert_greater, assert_greater_for, base, issued, many_reads, run, run_each, throughput,
};
use crate::bench::{Bench, each_server};
use crate::measures::cpu_time;

#[test]
pub(super) fn smaller_chunks_take_more_calls() {
    let small = base().set("server.chunk", "4 KiB");
    for kind in [OpKind::Read, OpKind::Send] {
        assert_greater(&base(), &small, issued(kind));
    }
}

/// LAIO needs no meter: its continuations tell what blocked.
#[test]
pub(super) fn the_meter_costs_cpu() {
    let (bare, metered) = (base(), base().set("server.metered", "true"));
    let meter = |run: &Measured| run.server_cpu[Activity::Meter as usize];
    for server in each_server() {
        assert_eq!(meter(&bare.run(server)), Nanos::ZERO);
        let is_laio = matches!(server.structure, NbLaio | LaioLaio);
        assert_eq!(
            meter(&metered.run(server)) == Nanos::ZERO,
            is_laio,
            "{server}"
        );
    }
}

/// Servers whose calls nobody makes a second time.
const WITHOUT_HELPERS: [Structure; 4] = [NbB, NbLaio, Mp, Mt];

#[test]
pub(super) fn data_paths_make_their_own_calls() {
    let kinds = [OpKind::Read, OpKind::SendFile, OpKind::SendMapped];
    for (index, path) in ["read_send", "sendfile", "mapped"].into_iter().enumerate() {
        let bench = base().set("server.data_path", path);
        for structure in WITHOUT_HELPERS {
            let run = run(&bench, structure);
            let made = kinds.map(|kind| issued(kind)(&run) > 0.0);
            assert_eq!(made, std::array::from_fn(|kind| kind == index), "{path}");
        }
    }
    // Of a large file, where moving a page costs nothing, copying is saved.
    let copying = Bench::new(vec![1 << 20])
        .plays([0; 4])
        .figure("call.sendfile_page", "0 ns");
    let moving = copying.clone().set("server.data_path", "sendfile");
    let request = |run: &Measured| run.server_cpu[Activity::Request as usize].as_secs_f64();
    assert_greater_for(&WITHOUT_HELPERS, &moving, &copying, request);
}

/// A loop that blocks leaves the CPU and the disk to the others.
#[test]
pub(super) fn copies_read_at_once() {
    let (one, four) = (many_reads(6), many_reads(6).set("server.copies", "4"));
    let waiting = |run: &Measured| run.disk.waiting.as_secs_f64();
    assert_greater_for(&[NbB], &one, &four, waiting);
    assert_greater_for(&[NbB], &one, &four, throughput);
}

#[test]
pub(super) fn without_persistence_each_request_has_a_connection() {
    let accepts = issued(OpKind::Accept);
    assert_greater(&base(), &base().set("server.persistent", "false"), &accepts);
    for (persistent, connections) in [("true", 6.0), ("false", 96.0)] {
        let bench = base().set("server.persistent", persistent);
        for run in run_each(&bench) {
            assert_eq!(accepts(&run), connections);
        }
        // Whatever the flavour does.
        let thttpd = "thttpd-nb-b".parse().expect("a server");
        assert_eq!(accepts(&bench.run(thttpd)), connections);
    }
}

/// One stat of each of eight objects, then none.
#[test]
pub(super) fn kept_names_save_stats() {
    let asks = (0..64).map(|i| (i % 8, true)).collect();
    let without = Bench::new(vec![4096; 8]).asks(asks);
    let stats = issued(OpKind::Stat);
    for (names, expected) in [("0", 64.0), ("4", 64.0), ("8", 8.0)] {
        let bench = without.clone().set("server.name_cache", names);
        for structure in [NbB, NbLaio, Mt] {
            assert_eq!(stats(&run(&bench, structure)), expected, "{names} names");
        }
    }
}

/// One open of each of eight files, then none.
#[test]
pub(super) fn kept_files_save_opens() {
    let opens = issued(OpKind::Open);
    let without = Bench::new(vec![4096; 8]).plays((0..64).map(|i| i % 8));
    for (files, expected) in [("0 B", 64.0), ("16 KiB", 64.0), ("32 KiB", 8.0)] {
        let bench = without.clone().set("server.file_cache", files);
        for structure in [NbB, NbLaio, Mt] {
            assert_eq!(opens(&run(&bench, structure)), expected, "{files} of files");
        }
    }
}

#[test]
pub(super) fn computing_adds_to_each_response() {
    let alone = Bench::new(vec![4096; 4]).plays([0, 1, 2, 3]).times("0 ns");
    let busy = run_each(&alone.clone().set("server.app_cpu", "7 ms"));
    for (idle, busy) in run_each(&alone).iter().zip(&busy) {
        let more = idle.responses.iter();
        let more: Vec<_> = more.map(|&time| time + Nanos::from_millis(7)).collect();
        assert_eq!(more, busy.responses);
        assert_eq!(cpu_time(busy), cpu_time(idle) + Nanos::from_millis(28));
    }
}

#[test]
pub(super) fn a_log_is_written_once_a_request() {
    let logged = base().set("server.log", "true");
    assert_greater(&base(), &logged, issued(OpKind::Log));
    for run in run_each(&logged) {
        assert_eq!(issued(OpKind::Log)(&run), 96.0);
    }
}

/// Sixteen clients at once, each with a connection per request.
fn crowd() -> Bench {
    let mut bench = Bench::new(vec![4096]);
    for _ in 0..16 {
        bench = bench.plays([0; 8]);
    }
    bench.client_each().set("server.persistent", "false")
}

fn events(run: &Measured) -> f64 {
    run.server_cpu[Activity::Events as usize].as_secs_f64()
}

#[test]
pub(super) fn draining_accepts_saves_epoll_waits() {
    let one = crowd().set("server.accept", "one");
    assert_greater(&crowd().set("server.accept", "drain"), &one, events);
}

#[test]
pub(super) fn fewer_events_take_more_waits() {
    let many = crowd()
        .set("server.persistent", "true")
        .set("server.app_cpu", "1 ms");
    let one = many.clone().set("server.max_events", "1");
    assert_greater(&many, &one, events);
}
