//! Requests that do not end well: each has one fate, and leaves nothing behind.

use sim::run::{Fate, Keep, Played};

use super::*;

fn played(bench: &Bench, server: Server) -> Played {
    let keep = Keep {
        requests: true,
        ..Keep::default()
    };
    bench.play(&bench.load(), server, 0, keep)
}

fn fates(bench: &Bench, server: Server) -> Vec<Fate> {
    let played = played(bench, server);
    assert_eq!(played.unfinished, Default::default(), "{server}");
    let records = played.records.expect("kept");
    records.iter().map(|record| record.fate).collect()
}

/// Drawn requests, some for names that do not exist.
fn some_missing() -> Bench {
    Bench::synthetic()
        .drawn("session_requests", "4")
        .drawn("missing", "0.3")
        .drawn("not_modified", "0.2")
        .set("workload.requests", "300")
}

#[test]
fn a_missing_name_is_answered_and_counted_as_not_found() {
    for server in each_server() {
        let bench = some_missing();
        let fates = fates(&bench, server);
        let missing = fates.iter().filter(|&&fate| fate == Fate::NotFound).count();
        assert!(missing > 30, "{missing} for {server}");
        assert!(fates.iter().all(|fate| fate.is_answered()));
        let run = bench.run(server);
        assert_eq!(run.failures.not_found, missing as u64);
        assert_eq!(run.responses.len(), fates.len());
    }
}

/// No cache tells of names that do not exist: with everything else cached, they alone go elsewhere.
#[test]
fn a_missing_name_is_never_resident() {
    let bench = some_missing().set("run.start", "warm");
    for server in [NB_AMPED, NB_AMTED_NOWAIT, NB_URING_HYBRID] {
        let run = bench.run(server);
        assert!(run.failures.not_found > 30, "{server}");
        assert_eq!(
            run.counters.continuations, run.failures.not_found,
            "{server}"
        );
        assert_eq!(run.counters.loop_stalls, 0, "{server}");
    }
}

/// Twenty lone pages of which three cannot be read: their requests are dropped with their
/// connections, the client connects again.
#[test]
fn an_unreadable_page_breaks_its_request_and_drops_the_connection() {
    let bench = Bench::new(vec![4096; 20])
        .plays(0..20)
        .set("files.unreadable", "3");
    for server in each_server() {
        let fates = fates(&bench, server);
        assert_eq!(fates.len(), 20, "{server}");
        let broken = fates.iter().filter(|&&fate| fate == Fate::Broken).count();
        assert_eq!(broken, 3, "{server}");
        let run = bench.run(server);
        assert_eq!((run.failures.broken, run.responses.len()), (3, 17));
        // A new connection after each that was dropped, unless that was the last request's; a
        // receive for each request, and one that finds the last hang-up.
        let last = u64::from(fates[19] != Fate::Broken);
        assert_eq!(count(&run, OpKind::Recv).issued, 20 + last, "{server}");
        if server.structure.is_event_driven() && server != LAIO_LAIO {
            assert_eq!(count(&run, OpKind::Accept).issued, 3 + last, "{server}");
        }
    }
}

/// A disk too slow for the clients' patience.
#[test]
fn who_loses_patience_resets_and_asks_for_the_next() {
    let bench = (0..3)
        .fold(Bench::new(vec![4096; 30]), |bench, client| {
            bench.plays(client * 10..(client + 1) * 10)
        })
        .client_each()
        .fixed_disk_ms(9.0)
        .set("cache.read_ahead", "0 B")
        .set("workload.patience", "30 ms");
    for server in each_server() {
        let fates = fates(&bench, server);
        assert_eq!(fates.len(), 30, "{server}");
        let run = bench.run(server);
        assert!(run.failures.abandoned > 0, "{server}");
        assert_eq!(run.failures.unanswered(), run.failures.abandoned);
        let played = played(&bench, server);
        for record in played.records.expect("kept") {
            let patience = Nanos::from_millis(30);
            match record.fate {
                Fate::Abandoned => assert_eq!(record.response_time, patience),
                _ => assert!(record.response_time <= patience),
            }
        }
    }
}

/// What was sent to a client that has gone fails: the server does not read the rest of a large
/// file for nobody.
#[test]
fn a_reset_ends_the_sending() {
    let bench = Bench::new(vec![4 << 20])
        .plays([0])
        .fixed_disk_ms(2.0)
        .set("cache.read_ahead", "0 B")
        .set("network.client_link", "20 Mbit/s")
        .set("network.send_buffer", "64 KiB")
        .set("workload.patience", "100 ms");
    for server in each_server() {
        assert_eq!(fates(&bench, server), [Fate::Abandoned], "{server}");
        let run = bench.run(server);
        assert!(run.disk.sectors * 512 < 2 << 20, "{server}");
    }
}

/// One thread or loop busy for a second per request, a backlog of one, no second try.
fn crowded(retries: &str) -> Bench {
    (0..8)
        .fold(Bench::new(vec![4096]), |bench, _| bench.plays([0, 0]))
        .client_each()
        .figure("call.parse", "100 ms")
        .set("server.processes", "1")
        .set("server.threads", "1")
        .set("network.backlog", "1")
        .set("network.syn_retries", retries)
}

#[test]
fn a_full_backlog_refuses_who_does_not_try_again() {
    for server in each_server() {
        let (fates, run) = (fates(&crowded("0"), server), crowded("0").run(server));
        assert_eq!(fates.len(), 16, "{server}");
        assert!(run.failures.refused > 0, "{server}");
        // Without a second try each drop refuses a request.
        assert_eq!(run.counters.dropped, run.failures.refused, "{server}");
        let patient = crowded("12").run(server);
        assert_eq!(patient.failures.unanswered(), 0, "{server}");
        assert!(patient.counters.dropped >= 1, "{server}");
    }
}

/// A client that tries again, loses patience and makes its next request starts its tries anew: the
/// waits of two requests do not mix.
#[test]
fn tries_belong_to_their_request() {
    // One client keeps the only process for ten seconds, another one stands in the backlog; all
    // others' connections are dropped.
    let bench = Bench::new(vec![4096])
        .plays([0, 0])
        .plays([0, 0])
        .plays([0, 0, 0, 0])
        .client_each()
        .free()
        .figure("call.parse", "10 s")
        .set("server.processes", "1")
        .set("server.threads", "1")
        .set("network.backlog", "1")
        .set("workload.patience", "1500 ms")
        .set("network.syn_retries", "6");
    for server in [MP, MT] {
        let run = bench.run(server);
        let played = played(&bench, server);
        assert_eq!(played.unfinished, Default::default());
        let records = played.records.expect("kept");
        assert_eq!(records.len(), 8);
        assert!(records.iter().all(|record| record.fate == Fate::Abandoned));
        // Each tries at once and after a second, then its patience is over; but the first is
        // accepted, and one finds room in the backlog at its second try.
        assert_eq!(run.counters.dropped, 2 * 8 - 2 - 1, "{server}");
    }
}

/// A client loses patience while its second try is on the way: that it is dropped too is no
/// business of the request after it.
#[test]
fn a_drop_that_comes_after_the_clients_patience_concerns_nobody() {
    // Tried at 0 s, dropped at 0.1 s, tried again at 1.1 s, given up at 1.15 s, dropped at 1.2 s.
    let bench = (0..3)
        .fold(Bench::new(vec![4096]), |bench, _| bench.plays([0; 4]))
        .client_each()
        .free()
        .links("200 ms")
        .figure("call.parse", "30 s")
        .set("server.processes", "1")
        .set("server.threads", "1")
        .set("network.backlog", "1")
        .set("workload.patience", "950 ms");
    for server in [MP, MT] {
        let fates = fates(&bench, server);
        assert_eq!(fates, [Fate::Abandoned; 12], "{server}");
        // But the first is accepted, and one finds room at its second try.
        let dropped = bench.run(server).counters.dropped;
        assert_eq!(dropped, 2 * 12 - 2 - 1, "{server}");
    }
}
