//! What holds of every server in every kind of run: closed and open, terminating and steady, with
//! failures, on several CPUs and disks.

use proptest::prelude::*;
use sim::engine::Nanos;
use sim::run::{Fate, Keep, Measured, Played, RequestRecord};
use sim::scenario::Server;
use sim::server::OpKind;
use sim::server::script::{Asked, HEADER_BYTES};

use super::{TAIL, issued, mixed};
use crate::bench::{Bench, each_server};
use crate::measures::cpu_time;
use crate::random::any_bench;

/// A run with all its requests.
struct Watched {
    played: Played,
    run: Measured,
    sizes: Vec<u64>,
    fixed_disk: Option<Nanos>,
}

impl Watched {
    fn new(bench: &Bench, server: Server, fixed_disk: Option<Nanos>) -> Self {
        let loaded = bench.load();
        let keep = Keep {
            requests: true,
            ..Keep::default()
        };
        let played = bench.play(&loaded, server, 0, keep);
        Self {
            run: played.measured(0, &loaded.points[0]),
            played,
            sizes: loaded.workloads[0].sizes.clone(),
            fixed_disk,
        }
    }

    fn records(&self) -> &[RequestRecord] {
        self.played.records.as_ref().expect("kept")
    }

    /// Body and header of a request's response.
    fn response_bytes(&self, record: &RequestRecord) -> u64 {
        let body = match record.request.asked {
            Asked::Whole => self.sizes[record.request.object as usize],
            Asked::NotModified | Asked::Missing => 0,
        };
        body + u64::from(HEADER_BYTES)
    }

    /// Every request ends once, with the fate that is counted.
    fn assert_fates(&self) {
        let records = self.records();
        let of = |record: &RequestRecord| (record.client, record.session, record.index);
        let mut requests: Vec<_> = records.iter().map(of).collect();
        requests.sort_unstable();
        requests.dedup();
        assert_eq!(requests.len(), records.len(), "one ended twice");
        let count = |fate| records.iter().filter(|record| record.fate == fate).count() as u64;
        let failures = self.run.failures;
        assert_eq!(count(Fate::NotFound), failures.not_found);
        assert_eq!(count(Fate::Broken), failures.broken);
        assert_eq!(count(Fate::Abandoned), failures.abandoned);
        assert_eq!(count(Fate::Refused), failures.refused);
        let answered = count(Fate::Answered) + count(Fate::NotFound);
        assert_eq!(self.run.responses.len() as u64, answered);
        for record in records {
            let missing = record.request.asked == Asked::Missing;
            assert!(!missing || record.fate != Fate::Answered);
        }
    }

    /// Those who were answered have their bytes, the others a part of theirs at most.
    fn assert_bytes(&self) {
        let answered = self
            .records()
            .iter()
            .filter(|record| record.fate.is_answered());
        let whole: u64 = answered.map(|record| self.response_bytes(record)).sum();
        let all: u64 = self.records().iter().map(|r| self.response_bytes(r)).sum();
        assert!(self.run.bytes >= whole, "{} of {whole}", self.run.bytes);
        if self.is_over() {
            assert!(self.run.bytes <= all, "{} of {all}", self.run.bytes);
            assert!(self.run.failures.unanswered() > 0 || self.run.bytes == whole);
        }
    }

    /// Of a steady run something goes on.
    fn is_over(&self) -> bool {
        self.played.totals.len() == 2
    }

    /// Little's law: the time integral of the requests in the system is the sum of their times.
    fn assert_littles_law(&self) {
        let times = self.records().iter().map(|r| u128::from(r.response_time.0));
        let total: u128 = times.sum();
        if self.is_over() {
            assert_eq!(self.run.in_system, total);
        } else {
            // Each client that has not been answered yet waits for a part of the run.
            assert!(self.run.in_system >= total);
            let waiting = u128::from(self.run.elapsed.0) * 1000;
            assert!(self.run.in_system <= total + waiting);
        }
    }

    /// No more work than there is time for it; the disk's is its requests times their service.
    fn assert_work(&self) {
        let run = &self.run;
        let time = run.elapsed + TAIL * 20;
        assert!(cpu_time(run) <= time * u64::from(run.cpus));
        assert!(run.client_cpu <= time);
        if !self.is_over() {
            return;
        }
        let disk = &run.disk;
        assert_eq!(
            disk.busy,
            disk.seek + disk.rotation + disk.transfer + disk.overhead
        );
        if let Some(service) = self.fixed_disk {
            assert_eq!(disk.busy, service * disk.requests);
        }
    }

    /// What comes in goes out.
    fn assert_flow_balance(&self, server: Server) {
        let run = &self.run;
        for count in run.counters.ops {
            assert!(count.on_disk <= count.would_block);
            assert!(count.would_block <= count.issued.max(count.sleeps));
            assert!(count.would_block <= count.sleeps);
        }
        if !self.is_over() {
            return;
        }
        assert_eq!(self.played.unfinished, Default::default(), "{server}");
        if run.failures == Default::default() {
            // An open file for each body is closed again.
            assert_eq!(
                issued(run, OpKind::Open),
                issued(run, OpKind::Close),
                "{server}"
            );
        }
    }

    fn assert_laws(&self, server: Server) {
        self.assert_fates();
        self.assert_bytes();
        self.assert_littles_law();
        self.assert_work();
        self.assert_flow_balance(server);
    }
}

const SERVICE: Nanos = Nanos::from_micros(1500);

fn small(bench: Bench) -> Bench {
    bench
        .small_processes()
        .few_small_workers()
        .fixed_disk_ms(1.5)
        .set("cache.memory", "2 MiB")
}

/// Drawn requests of every kind, open or closed.
fn drawn() -> Bench {
    small(Bench::synthetic())
        .drawn("objects", "300")
        .drawn("session_requests", "3")
        .drawn("missing", "0.05")
        .drawn("not_modified", "0.1")
        .links("1 ms")
}

fn poisson(rate: &str) -> Bench {
    drawn().arrivals(&[("kind", "\"poisson\""), ("rate", rate)])
}

fn on_machine(bench: Bench, cpus: &str, copies: &str, pinned: &str, disks: &str) -> Bench {
    bench
        .set("machine.cpus", cpus)
        .set("server.copies", copies)
        .set("machine.pinned", pinned)
        .set("machine.disks", disks)
}

/// Each kind of run, by its name.
pub(crate) fn kinds() -> Vec<(&'static str, Bench)> {
    let closed = small(mixed());
    let failing = closed
        .clone()
        .set("files.unreadable", "400")
        .set("network.backlog", "2")
        .set("network.syn_retries", "1")
        .set("workload.patience", "60 ms");
    let open = poisson("60.0").set("workload.requests", "400");
    vec![
        ("closed", closed.clone()),
        ("failing", failing.clone()),
        ("open", open.clone()),
        (
            "open, failing",
            open.clone().set("workload.patience", "20 ms"),
        ),
        (
            "steady",
            drawn()
                .set("workload.clients", "5")
                .set("run.duration", "2 s"),
        ),
        ("steady, open", poisson("40.0").set("run.duration", "2 s")),
        (
            "pinned copies",
            on_machine(closed.clone(), "2", "3", "true", "2"),
        ),
        (
            "copies that move",
            on_machine(closed.clone(), "2", "3", "false", "2"),
        ),
        (
            "one that moves",
            on_machine(failing.clone(), "3", "1", "false", "1"),
        ),
        (
            "loopback",
            on_machine(closed.loopback(), "2", "2", "false", "1"),
        ),
        ("failing on loopback", failing.loopback()),
        ("open, moving", on_machine(open, "2", "2", "false", "2")),
    ]
}

#[test]
fn every_server_obeys_the_laws_in_every_kind_of_run() {
    for (name, bench) in kinds() {
        for server in each_server() {
            let watched = Watched::new(&bench, server, Some(SERVICE));
            assert!(watched.records().len() > 50, "{name}: {server}");
            watched.assert_laws(server);
        }
    }
}

/// Every fate occurs in these runs, so that the laws are about them too.
#[test]
fn every_fate_occurs() {
    let kinds = kinds();
    let (_, failing) = &kinds[1];
    for server in each_server() {
        let failures = Watched::new(failing, server, None).run.failures;
        assert!(
            failures.broken > 0 && failures.abandoned > 0,
            "{server}: {failures:?}"
        );
    }
    let (_, open) = &kinds[2];
    let failures = Watched::new(open, each_server()[0], None).run.failures;
    assert!(failures.not_found > 0);
}

/// Any machine, for any server.
fn any_machine() -> impl Strategy<Value = Vec<(String, String)>> {
    let one_of = |key: &'static str, values: &'static [&'static str]| {
        let value = prop::sample::select(values);
        value.prop_map(move |value| (key.to_owned(), value.to_owned()))
    };
    (
        one_of("machine.cpus", &["1", "2", "3"]),
        one_of("server.copies", &["1", "2"]),
        one_of("machine.pinned", &["true", "false"]),
        one_of("machine.disks", &["1", "2"]),
        one_of("files.unreadable", &["0", "0", "5"]),
        one_of("workload.patience", &["1 min", "5 ms", "40 ms"]),
        one_of("network.backlog", &["1", "4096"]),
        one_of("network.syn_retries", &["0", "2"]),
        one_of("server.accept", &["one", "drain"]),
        one_of("server.log", &["true", "false"]),
        one_of("server.file_cache", &["0 B", "100 KiB"]),
        one_of("server.persistent", &["true", "false"]),
    )
        .prop_map(|(a, b, c, d, e, f, g, h, i, j, k, l)| vec![a, b, c, d, e, f, g, h, i, j, k, l])
}

/// Any data path that all servers given have.
fn any_server() -> impl Strategy<Value = (Server, &'static str)> {
    let paths = prop::sample::select(&["read_send", "sendfile", "mapped"][..]);
    let server = prop::sample::select(each_server().to_vec());
    (server, paths).prop_map(|(server, path)| match server.structure.name() {
        "nb-aio" | "nb-uring" | "nb-uring-hybrid" => (server, "read_send"),
        _ => (server, path),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_server_on_any_machine_obeys_the_laws(
        bench in any_bench(),
        machine in any_machine(),
        (server, path) in any_server(),
    ) {
        let bench = machine.iter().fold(bench, |bench, (key, value)| bench.set(key, value));
        let bench = bench.few_small_workers().set("server.data_path", path);
        let bench = bench.set("servers", &format!("[\"{server}\"]"));
        let kept = machine.iter().any(|(_, value)| value == "100 KiB");
        let watched = Watched::new(&bench, server, None);
        let requests: u64 = bench.requests();
        prop_assert_eq!(watched.records().len() as u64, requests);
        watched.assert_fates();
        watched.assert_bytes();
        watched.assert_littles_law();
        watched.assert_work();
        if !kept {
            watched.assert_flow_balance(server);
        }
        prop_assert_eq!(watched.played.unfinished, Default::default());
    }
}
