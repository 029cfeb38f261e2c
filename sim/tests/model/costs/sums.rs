//! The CPU time of one request is the sum of its calls: for every server, every data path, from
//! memory and from the disk.

use std::collections::BTreeMap;

use sim::engine::Nanos;
use sim::scenario::{Server, Structure};
use sim::server::script::DataPath;

use super::{is_laio, is_uring, polls_sockets, tests_residency};
use crate::bench::{Ask, Bench, each_server};
use crate::measures::cpu_time;

const PATHS: [DataPath; 3] = [DataPath::ReadSend, DataPath::Sendfile, DataPath::Mapped];

/// How often one request pays each figure; those that are not named, never.
type Times = BTreeMap<&'static str, u64>;

/// A request, as the servers see it.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// For one cached page.
    Cached(DataPath),
    /// For one page that must be read, its name cached.
    Missed(DataPath),
    /// Answered "not modified", its name cached.
    NotModified,
}

/// Which of a request's calls an interface has elsewhere than in its loop.
#[derive(Default)]
struct Elsewhere {
    /// Handed to a worker, which is woken and wakes the loop.
    handed: u64,
    /// Completed in the loop's own process, but as an event.
    completed: u64,
}

impl Kind {
    fn path(self) -> DataPath {
        match self {
            Self::Cached(path) | Self::Missed(path) => path,
            Self::NotModified => DataPath::ReadSend,
        }
    }

    fn misses(self) -> bool {
        matches!(self, Self::Missed(_))
    }

    /// Calls that may wait for the disk: open, fstat, the body, close, log; or stat and log.
    fn file_calls(self) -> u64 {
        match self {
            Self::NotModified => 2,
            Self::Cached(_) | Self::Missed(_) => 5,
        }
    }

    /// Calls on the socket.
    fn socket_calls(self) -> u64 {
        match self.path() {
            // The header goes out alone.
            DataPath::Sendfile => 2,
            // What is sent from a mapping is a call on both.
            DataPath::Mapped => 1,
            DataPath::ReadSend => 2,
        }
    }

    fn calls(self) -> Times {
        let request = [("call.recv", 1), ("call.parse", 1), ("call.log", 1)];
        let name = match self {
            Self::NotModified => vec![("call.stat", 1), ("call.send", 1), ("call.send_page", 1)],
            _ => vec![("call.open", 1), ("call.fstat", 1), ("call.close", 1)],
        };
        // The header makes it a page and a bit, or goes out alone.
        let body = match (self, self.path()) {
            (Self::NotModified, _) => vec![],
            (_, DataPath::ReadSend) => vec![
                ("call.read", 1),
                ("call.read_page", 1),
                ("call.send", 1),
                ("call.send_page", 2),
            ],
            (_, DataPath::Sendfile) => vec![
                ("call.send", 1),
                ("call.send_page", 1),
                ("call.sendfile", 1),
                ("call.sendfile_page", 1),
            ],
            (_, DataPath::Mapped) => vec![
                ("call.map", 1),
                ("call.fault", 1),
                ("call.send", 1),
                ("call.send_page", 2),
            ],
        };
        let kernel = [("kernel.net_interrupt", 1), ("kernel.wake_same_cpu", 1)];
        let mut times: Times = request.into_iter().chain(kernel).collect();
        times.extend(name.into_iter().chain(body));
        if self.misses() {
            let missing = [
                ("kernel.miss_page", 1),
                ("kernel.disk_submit", 1),
                ("kernel.disk_interrupt", 1),
                ("kernel.disk_worker", 1),
                // Whoever sleeps in the call.
                ("kernel.wake_same_cpu", 1),
            ];
            add(&mut times, &missing);
        }
        times
    }
}

fn add(times: &mut Times, more: &[(&'static str, u64)]) {
    for &(figure, count) in more {
        *times.entry(figure).or_default() += count;
    }
}

/// What LAIO adds: of laio-laio each request's receive blocks too.
fn add_laio(times: &mut Times, structure: Structure, kind: Kind) {
    let all = structure == Structure::LaioLaio;
    let inline = kind.file_calls() + if all { kind.socket_calls() } else { 0 };
    // A call on a mapping's socket and file is one.
    let inline = inline.min(if all { u64::MAX } else { kind.file_calls() });
    let blocks = u64::from(all) + u64::from(kind.misses());
    add(
        times,
        &[
            ("laio.inline", inline),
            ("laio.steal", blocks),
            ("laio.completion", blocks),
            ("laio.poll", blocks),
            // Whenever the loop has slept: before the request, and while the page comes.
            ("laio.watch", 1 + u64::from(kind.misses())),
            // The carrier wakes the loop.
            ("kernel.wake_same_cpu", blocks),
            ("kernel.context_switch", 2 * blocks),
        ],
    );
}

/// What residency tests and helpers add.
fn add_tests(times: &mut Times, structure: Structure, kind: Kind) {
    let test = match (kind, kind.path()) {
        (Kind::NotModified, _) => "helper.name_residency",
        (_, DataPath::Mapped) => "helper.mapped_residency",
        _ => "helper.residency",
    };
    add(times, &[(test, 1)]);
    if structure == Structure::NbAmped && kind.misses() {
        add(
            times,
            &[
                ("helper.message_write", 2),
                ("helper.message_read", 2),
                // It reads by a file of its own.
                ("call.open", 1),
                ("call.read", 1),
                ("call.read_page", 1),
                ("call.close", 1),
                ("call.meter", 3),
            ],
        );
    }
}

/// Calls that end elsewhere than in the loop, and what that costs.
fn add_elsewhere(times: &mut Times, structure: Structure, kind: Kind) -> Elsewhere {
    let missed = u64::from(kind.misses());
    let reads = u64::from(!matches!(kind, Kind::NotModified));
    match structure {
        Structure::NbAmped => Elsewhere {
            handed: missed,
            completed: 0,
        },
        Structure::NbAmted | Structure::NbAmtedNowait => {
            let all = structure == Structure::NbAmted;
            let handed = if all { kind.file_calls() } else { missed };
            let each = [
                "threads.enqueue",
                "threads.dequeue",
                "threads.reply",
                "threads.collect",
            ];
            add(times, &each.map(|figure| (figure, handed)));
            Elsewhere {
                handed,
                completed: 0,
            }
        }
        Structure::NbAio => {
            let costs = [
                ("aio.submit", reads),
                ("aio.complete", reads),
                ("aio.work", missed),
            ];
            add(times, &costs);
            Elsewhere {
                handed: missed,
                completed: reads - missed,
            }
        }
        Structure::NbUring | Structure::NbUringHybrid => {
            let all = structure == Structure::NbUring;
            // Open and read; or the stat, which is punted.
            let submitted = if all { 1 + reads } else { missed };
            let punted = u64::from(all) * (1 - reads);
            let costs = [
                ("uring.submit", submitted),
                ("uring.complete", submitted),
                ("uring.arm", missed),
                ("uring.punt", punted),
            ];
            add(times, &costs);
            Elsewhere {
                handed: punted,
                completed: submitted - punted,
            }
        }
        _ => Elsewhere::default(),
    }
}

fn meters(structure: Structure, kind: Kind) -> u64 {
    let reads = u64::from(!matches!(kind, Kind::NotModified));
    match structure {
        Structure::NbLaio | Structure::LaioLaio => 0,
        // What the kernel carries out has no meter around it.
        Structure::NbAio => kind.file_calls() - reads,
        Structure::NbUring => kind.file_calls() - 1 - reads,
        Structure::NbUringHybrid => kind.file_calls() - u64::from(kind.misses()),
        _ => kind.file_calls(),
    }
}

fn expected(structure: Structure, kind: Kind) -> Times {
    let mut times = kind.calls();
    add(&mut times, &[("call.meter", meters(structure, kind))]);
    if is_laio(structure) {
        add_laio(&mut times, structure, kind);
    }
    if tests_residency(structure) {
        add_tests(&mut times, structure, kind);
    }
    let elsewhere = add_elsewhere(&mut times, structure, kind);
    let Elsewhere { handed, completed } = elsewhere;
    let handing = [
        ("kernel.wake_same_cpu", 2 * handed),
        ("kernel.context_switch", 2 * handed),
    ];
    add(&mut times, &handing);
    if polls_sockets(structure) {
        // The request itself, and whatever ends elsewhere.
        let lazily = u64::from(is_laio(structure) && kind.misses());
        let events = 1 + handed + completed + lazily;
        let polls = [("call.epoll_wait", events), ("call.epoll_event", events)];
        add(&mut times, &polls);
    }
    times
}

/// CPU time that the last of these requests adds.
fn of_the_last(bench: &Bench, asks: &[Ask], server: Server) -> Nanos {
    let cpu = |asks: &[Ask]| cpu_time(&bench.clone().asks(asks.to_vec()).run(server));
    cpu(asks) - cpu(&asks[..asks.len() - 1])
}

/// How often the last request pays each of `figures`, up to three: they alone cost, each a hundred
/// times the one before, so that the sum tells them apart.
pub(super) fn paid_by_the_last(
    bench: &Bench,
    asks: &[Ask],
    figures: &[&str],
    server: Server,
) -> Vec<u64> {
    let digits = (0..figures.len() as u32).map(|place| 100u64.pow(place));
    let costly = figures.iter().zip(digits.clone());
    let bench = costly.fold(bench.clone(), |bench, (figure, cost)| {
        bench.figure(figure, &format!("{cost} ns"))
    });
    let sum = of_the_last(&bench, asks, server).0;
    digits.map(|digit| sum / digit % 100).collect()
}

/// Where somebody watches the loop, its first call after it slept wakes him: before the request, and
/// after the page has come.
#[test]
fn who_watches_a_lazy_loop_is_woken_after_each_of_its_sleeps() {
    let bench = Bench::new(vec![4096; 2]).free().links("1 ms");
    for server in each_server().into_iter().filter(|it| is_laio(it.structure)) {
        for (start, asks, sleeps) in [
            ("warm", [(0, false), (0, false), (0, false)], 1),
            ("cold", [(0, false), (1, true), (1, false)], 2),
        ] {
            let bench = bench.clone().set("run.start", start);
            let woken = |watch: bool| {
                let figures = ["kernel.wake_same_cpu", "laio.watch"];
                let figures = &figures[..1 + usize::from(watch)];
                paid_by_the_last(&bench, &asks, figures, server)
            };
            let (watched, alone) = (woken(true), woken(false));
            assert_eq!(watched, [alone[0] + sleeps, sleeps], "{server}, {start}");
        }
    }
}

fn assert_sum(kind: Kind) {
    let bench = Bench::new(vec![4096; 2])
        .free()
        // So that the server has nothing to do when a request comes.
        .links("1 ms")
        .set("server.metered", "true")
        .set("server.log", "true")
        .set("server.data_path", kind.path().name());
    // The name of the second object is cached with the first's page, its own page never.
    let (start, asks): (_, &[Ask]) = match kind {
        Kind::Cached(_) => ("warm", &[(0, false), (0, false), (0, false)]),
        Kind::NotModified => ("warm", &[(0, false), (0, true), (0, true)]),
        Kind::Missed(_) => ("cold", &[(0, false), (1, true), (1, false)]),
    };
    let bench = bench.set("run.start", start);
    let names = bench.figures();
    let is_time = |name: &&str| !name.starts_with("memory.") && !name.starts_with("idle.");
    let figures: Vec<&str> = names.iter().map(String::as_str).filter(is_time).collect();
    for server in each_server() {
        let lacks_path = is_uring(server.structure) || server.structure == Structure::NbAio;
        if lacks_path && kind.path() != DataPath::ReadSend {
            continue;
        }
        let expected = expected(server.structure, kind);
        for three in figures.chunks(3) {
            let times: Vec<u64> = three
                .iter()
                .map(|&figure| expected.get(figure).copied().unwrap_or(0))
                .collect();
            let paid = paid_by_the_last(&bench, asks, three, server);
            assert_eq!(paid, times, "{three:?} of {kind:?} for {server}");
        }
    }
}

#[test]
fn a_cached_request_costs_the_sum_of_its_calls() {
    for path in PATHS {
        assert_sum(Kind::Cached(path));
    }
}

#[test]
fn a_request_for_a_page_on_the_disk_costs_the_sum_of_its_calls() {
    for path in PATHS {
        assert_sum(Kind::Missed(path));
    }
}

#[test]
fn a_not_modified_costs_the_sum_of_its_calls() {
    assert_sum(Kind::NotModified);
}
