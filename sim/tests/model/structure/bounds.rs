//! At most so many of what there are so many.

use super::*;
use sim::machine::cpu::Role;
use sim::machine::timeline::{Span, Track};
use sim::run::{Keep, Played};

/// Sixteen clients, each with pages of its own; on the disk at most as many reads as there is
/// somebody to sleep in them.
fn sixteen() -> Bench {
    (0..16)
        .fold(Bench::new(vec![4096; 64]), |bench, client| {
            bench.plays(client * 4..(client + 1) * 4)
        })
        .client_each()
        .set("cache.read_ahead", "0 B")
}

fn at_the_disk(bench: &Bench, server: Server) -> usize {
    // One is in service beside those that wait.
    bench.run(server).disk.max_waiting + 1
}

#[test]
fn so_many_workers_have_so_many_reads_at_the_disk() {
    let cases = [
        (NB_AMPED, "server.helpers"),
        (NB_AMTED, "server.pool_threads"),
        (NB_AMTED_NOWAIT, "server.pool_threads"),
        (MP, "server.processes"),
        (MT, "server.threads"),
    ];
    for (server, key) in cases {
        for workers in [1, 2, 5, 16] {
            let bench = sixteen().set(key, &workers.to_string());
            let most = at_the_disk(&bench, server);
            assert!(most <= workers, "{most} of {workers} for {server}");
            assert!(workers == 16 || most == workers, "{most} for {server}");
        }
    }
    // The C library's threads and the kernel's processes: opens come one by one, reads together.
    for kind in ["kernel", "glibc"] {
        let bench = sixteen().set("server.aio", kind).set("run.start", "cold");
        let with = |workers| at_the_disk(&bench.clone().set("server.aio_workers", workers), NB_AIO);
        assert!(with("16") > 1);
    }
}

/// Beside its punted opens, io_uring's reads wait without a worker.
#[test]
fn reads_of_io_uring_need_no_worker() {
    let names_cached = (0..16).fold(Bench::new(vec![4096; 64]), |bench, client| {
        let pages = client * 4..(client + 1) * 4;
        let stats = pages.clone().map(|object| (object, true));
        bench.asks(stats.chain(pages.map(|object| (object, false))).collect())
    });
    let bench = names_cached.client_each().set("cache.read_ahead", "0 B");
    let most = at_the_disk(&bench.set("server.uring_workers", "1"), NB_URING);
    assert!(most > 8, "{most} reads of sixteen clients");
}

/// With helpers of their own names do not wait behind reads.
#[test]
fn names_have_helpers_of_their_own_if_there_are_any() {
    let bench = sixteen().set("server.helpers", "1");
    assert_eq!(at_the_disk(&bench, NB_AMPED), 1);
    let apart = bench.clone().set("server.name_helpers", "1");
    assert_eq!(at_the_disk(&apart, NB_AMPED), 2);
    assert!(apart.run(NB_AMPED).elapsed < bench.run(NB_AMPED).elapsed);
}

fn played(bench: &Bench, server: Server) -> Played {
    let keep = Keep {
        requests: true,
        spans: 100_000,
    };
    bench.play(&bench.load(), server, 0, keep)
}

/// Connections being served at an instant: accepted, and the client not yet gone.
fn workers_at_work(played: &Played) -> usize {
    let timeline = played.timeline.as_ref().expect("kept");
    let accepts = |span: &&Span| span.what == "accept";
    let mut workers: Vec<Track> = timeline
        .spans
        .iter()
        .filter(accepts)
        .map(|s| s.track)
        .collect();
    workers.sort_unstable();
    workers.dedup();
    let roles = timeline.roles.iter();
    assert!(
        roles
            .clone()
            .all(|(_, role)| matches!(role, Role::Worker { .. }))
    );
    workers.len()
}

/// The sessions of five clients on two processes: the others' connections wait in the backlog
/// until a whole session is over.
#[test]
fn mp_and_mt_serve_so_many_connections_and_let_the_others_wait() {
    for (server, key) in [(MP, "server.processes"), (MT, "server.threads")] {
        let bench = (0..5)
            .fold(Bench::new(vec![4096; 20]), |bench, client| {
                bench.plays(client * 4..(client + 1) * 4)
            })
            .client_each()
            .set("workload.think", "10 ms")
            .set(key, "2");
        let played = played(&bench, server);
        assert_eq!(workers_at_work(&played), 2, "{server}");
        let records = played.records.expect("kept");
        // In the middle of a session only two clients can be.
        let begun = |client: u32| records.iter().find(|r| r.client == client && r.index == 0);
        let ended = |client: u32| records.iter().rfind(|r| r.client == client);
        let sessions: Vec<_> = (0..5)
            .map(|client| {
                let first = begun(client).expect("played");
                let last = ended(client).expect("played");
                let answered = first.sent_at + first.response_time;
                (answered, last.sent_at + last.response_time)
            })
            .collect();
        for &(at, _) in &sessions {
            let open = sessions.iter().filter(|&&(from, to)| from <= at && at < to);
            assert!(open.count() <= 2, "{server}: {sessions:?}");
        }
        // With enough of them nobody waits.
        let plenty = bench.clone().set(key, "5").run(server);
        assert!(plenty.elapsed < bench.run(server).elapsed);
    }
}

/// MP takes a process's memory for each, MT a thread's: the same memory caches less under MP.
#[test]
fn processes_take_more_memory_than_threads() {
    let bench = (0..8)
        .fold(Bench::new(vec![16_384; 60]), |bench, client| {
            bench.plays((0..30).map(|i| (client * 7 + i) % 60))
        })
        .client_each()
        .small_processes()
        .figure("memory.worker", "64 KiB")
        .figure("memory.thread", "8 KiB")
        .set("server.processes", "8")
        .set("server.threads", "8")
        .set("cache.memory", "1 MiB");
    assert!(bench.run(MP).disk.sectors > bench.run(MT).disk.sectors);
}

/// Draining the backlog ends with an accept that finds none: potentially blocking, and it would.
#[test]
fn draining_the_backlog_takes_an_accept_in_vain() {
    let bench = sixteen().set("server.accept", "drain");
    for server in each_server() {
        let polls = server.structure.is_event_driven() && server != LAIO_LAIO;
        let accepts = count(&bench.run(server), OpKind::Accept);
        if polls {
            assert!(accepts.would_block > 0, "{server}");
            assert_eq!(accepts.issued - accepts.would_block, 16, "{server}");
            // One for each event never does.
            let one = count(&sixteen().run(server), OpKind::Accept);
            assert_eq!((one.issued, one.would_block), (16, 0), "{server}");
        }
    }
}

/// More connections than memory: every page is reclaimed as soon as it has come, and only a call
/// that waits for it still has it.
#[test]
fn requests_are_answered_however_little_memory_is_left() {
    for server in crate::bench::each_server() {
        let bench = Bench::synthetic()
            .small_processes()
            .figure("memory.connection", "64 KiB")
            .arrivals(&[("kind", "\"poisson\""), ("rate", "5000")])
            .set("cache.memory", "2 MiB")
            .set("workload.requests", "200")
            .set("server.processes", "4")
            .set("server.threads", "4")
            .set("server.pool_threads", "4")
            .fixed_disk_ms(2.0);
        let run = bench.run(server);
        assert_eq!(run.responses.len() as u64 + run.failures.unanswered(), 200);
    }
}
