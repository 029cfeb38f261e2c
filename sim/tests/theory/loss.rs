//! Loss systems: a thread for each connection, a short backlog, clients that try once.
//!
//! c threads that each wait for a disk of their own, and a backlog of k: M/M/c/(c+k). Without a
//! backlog it is Erlang's loss system.

use sim::run::{Measured, Played};

use crate::closed_form::closed_form;
use crate::judge::assert_agrees;
use crate::system::{MT, System};

fn lossy(requests: u32, per_ms: f64, threads: u32, backlog: u32) -> System {
    System::lone_reads(requests, 1)
        .disk("exponential", 1.0, 64)
        .arrivals(per_ms)
        .set("server.threads", &threads.to_string())
        .set("network.backlog", &backlog.to_string())
        .set("network.syn_retries", "0")
}

/// Share of the requests that were refused, all others having been read from the disk.
fn refused(run: &Measured, _: &Played) -> f64 {
    let (answered, refused) = (run.responses.len() as u64, run.failures.refused);
    assert_eq!(run.failures.unanswered(), refused);
    assert_eq!(run.counters.dropped, refused, "each tried once");
    // A name that was refused whenever it was asked for before has to be read as well.
    assert!((answered..answered + answered / 1000).contains(&run.disk.requests));
    refused as f64 / (answered + refused) as f64
}

#[test]
fn one_thread_and_a_backlog_of_nine_are_m_m_1_10() {
    let parameters = "lambda=0.8 mu=1 K=10 (in system)";
    let row = |quantity| closed_form("M/M/1/K", parameters, quantity);
    for seed in ["1", "2"] {
        let system = lossy(20_000, 0.8, 1, 9).set("run.seed", seed);
        let both = system.each(MT, 10, |run, played| {
            let total: u64 = run.responses.iter().map(|time| time.0).sum();
            let mean_ms = total as f64 / 1e6 / run.responses.len() as f64;
            (refused(run, played), mean_ms)
        });
        let (blocked, times): (Vec<f64>, Vec<f64>) = both.into_iter().unzip();
        assert_agrees("P_block", &blocked, row("Pblock"), 0.06);
        // Little's law for those that are let in.
        let time = row("L") / (0.8 * (1.0 - row("Pblock")));
        assert_agrees("W", &times, time, 0.02);
    }
}

#[test]
fn threads_without_a_backlog_lose_what_erlang_b_says() {
    let expected = closed_form("M/M/c/c", "a=10 erl c=12", "ErlangB");
    for seed in ["1", "2"] {
        let system = lossy(20_000, 10.0, 12, 0).set("run.seed", seed);
        let blocked = system.each(MT, 10, refused);
        assert_agrees("Erlang B", &blocked, expected, 0.02);
    }
}

#[test]
fn clients_that_try_again_are_refused_less() {
    let once = lossy(20_000, 10.0, 12, 0);
    let twice = once.clone().set("network.syn_retries", "1");
    let (once, twice) = (once.run(MT), twice.run(MT));
    assert!(twice.failures.refused < once.failures.refused);
    assert!(twice.counters.dropped > once.counters.dropped);
}
