//! The shipped scenarios: every file loads, and what their comments say came out comes out again,
//! with fewer requests and replications where they are long.

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

use sim::run::Keep;
use sim::scenario::Server;
use sim::scenario::experiment::{Conduct, PointRuns, WarmUpCut, conduct};
use sim::scenario::load::{Loaded, Overrides, load};
use sim::stats::{Estimate, Metric};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios")
}

fn loaded(file: &str, keys: &[(&str, &str)]) -> Loaded {
    let keys: Vec<(String, String)> = keys
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    load(&folder().join(file), &Overrides::of_keys(&keys)).unwrap_or_else(|error| panic!("{error}"))
}

/// The points of a scenario, played.
struct Results {
    loaded: Loaded,
    points: Vec<PointRuns>,
}

impl Results {
    fn of(file: &str, keys: &[(&str, &str)]) -> Self {
        let loaded = loaded(file, keys);
        let how = Conduct {
            threads: 2,
            stop: &AtomicBool::new(false),
            keep: Keep::default(),
            progress: &|| {},
        };
        let mut points = Vec::new();
        conduct(&loaded, 0..loaded.points.len(), &how, |point| {
            assert!(point.complete);
            points.push(point);
        });
        Self { loaded, points }
    }

    /// The point at which `key` has this value.
    fn point(&self, key: &str, value: &str) -> &PointRuns {
        let has = |point: &&PointRuns| {
            let values = &self.loaded.points[point.point].values;
            values.iter().any(|(k, v)| k == key && v.contains(value))
        };
        self.points.iter().find(has).expect("a point of the axis")
    }
}

/// Mean over the replications.
fn mean(point: &PointRuns, server: &str, metric: Metric) -> f64 {
    let server: Server = server.parse().expect("a server");
    let of_it = point.servers.iter().find(|runs| runs.server == server);
    let runs = of_it.expect("it ran").runs.iter().flatten();
    let values: Vec<f64> = runs.filter_map(|run| run.get(metric)).collect();
    Estimate::of(&values).expect("replications").mean
}

fn per_s(point: &PointRuns, server: &str) -> f64 {
    mean(point, server, Metric::Throughput)
}

/// Throughputs in descending order, each larger than the next.
fn assert_descending(point: &PointRuns, servers: &[&str]) {
    for pair in servers.windows(2) {
        let (first, second) = (per_s(point, pair[0]), per_s(point, pair[1]));
        assert!(first > second, "{pair:?}: {first} and {second}");
    }
}

/// `server`'s throughput beside `other`'s lies between these.
fn assert_lead(point: &PointRuns, server: &str, other: &str, from: f64, to: f64) {
    let lead = per_s(point, server) / per_s(point, other);
    println!("{server} / {other}: {lead:.3}");
    assert!((from..to).contains(&lead), "{server} / {other}: {lead}");
}

fn scenarios_in(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).expect("a folder") {
        let path = entry.expect("an entry").path();
        let is_part = path.ends_with("common.toml");
        if path.is_dir() {
            scenarios_in(&path, found);
        } else if path.extension().is_some_and(|ext| ext == "toml") && !is_part {
            found.push(path);
        }
    }
}

#[test]
fn every_scenario_loads_and_opens_with_what_it_shows() {
    let mut files = Vec::new();
    scenarios_in(&folder(), &mut files);
    assert!(files.len() >= 9, "{files:?}");
    for file in files {
        let loaded = load(&file, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        assert!(!loaded.points.is_empty());
        assert!(loaded.text.starts_with("# "), "{}", file.display());
    }
}

const CLIENTS: &str = "workload.clients";

/// One point of a scenario of the paper's, fewer requests.
fn paper(file: &str, clients: &str, requests: &str) -> Results {
    let keys = [
        (CLIENTS, clients),
        ("workload.requests", requests),
        ("run.replications", "2"),
    ];
    Results::of(&format!("paper/{file}.toml"), &keys)
}

/// So many requests that the caches have filled: before, AMPED's helpers for every name cost more
/// than they gain.
#[test]
fn disk_bound_servers_come_in_the_papers_order() {
    let keys = [
        (CLIENTS, "64"),
        ("workload.requests", "60000"),
        ("run.replications", "1"),
    ];
    let results = Results::of("paper/berkeley-like-cold.toml", &keys);
    let point = &results.points[0];
    assert_descending(
        point,
        &[
            "flash-nb-laio",
            "flash-nb-aio",
            "flash-nb-amped",
            "flash-nb-b",
        ],
    );
    assert_lead(point, "thttpd-laio-laio", "thttpd-nb-b", 1.1, 1.3);
    assert_lead(point, "flash-nb-laio", "flash-nb-b", 1.1, 1.3);
    assert_lead(point, "flash-laio-laio", "flash-nb-laio", 0.99, 1.01);
    let stalled = mean(point, "flash-nb-aio", Metric::StallShare);
    assert!(stalled > 0.9, "it sleeps in open: {stalled}");
}

/// Fewer requests for as much smaller a memory.
#[test]
fn a_warm_cache_too_small_leaves_laio_level_with_aio_and_ahead_of_amped() {
    let keys = [
        (CLIENTS, "64"),
        ("workload.requests", "15000"),
        ("cache.memory", "96 MiB"),
        ("run.replications", "2"),
    ];
    let results = Results::of("paper/berkeley-like-warm.toml", &keys);
    let point = &results.points[0];
    assert_descending(point, &["flash-nb-laio", "flash-nb-amped", "flash-nb-b"]);
    assert_lead(point, "flash-nb-laio", "flash-nb-aio", 0.98, 1.03);
    assert_lead(point, "flash-nb-laio", "flash-nb-b", 1.15, 1.4);
    let not_blocking = mean(point, "flash-nb-laio", Metric::NotBlocking);
    assert!((0.8..0.96).contains(&not_blocking), "{not_blocking}");
}

#[test]
fn laios_lead_is_the_disks_queue() {
    let keys = [
        (CLIENTS, "64"),
        ("workload.requests", "15000"),
        ("cache.memory", "96 MiB"),
        ("machine.scheduling", "fcfs"),
        ("run.replications", "2"),
    ];
    let results = Results::of("paper/berkeley-like-warm.toml", &keys);
    assert_lead(&results.points[0], "flash-nb-laio", "flash-nb-b", 1.0, 1.05);
}

#[test]
fn filling_caches_come_in_the_papers_order() {
    let results = paper("rice-like-cold", "64", "20000");
    let point = &results.points[0];
    assert_descending(point, &["flash-nb-laio", "flash-nb-amped", "flash-nb-b"]);
    assert_descending(point, &["flash-nb-laio", "flash-nb-aio", "flash-nb-b"]);
    assert_lead(point, "thttpd-laio-laio", "thttpd-nb-b", 1.1, 1.5);
}

#[test]
fn in_memory_all_are_within_a_few_per_cent_and_aio_behind() {
    let results = paper("rice-like-warm", "64", "30000");
    let link = "network.server_link";
    let fast = results.point(link, "10 Gbit/s");
    for server in ["aio", "amped", "amted", "laio"] {
        assert_lead(
            fast,
            &format!("flash-nb-{server}"),
            "flash-nb-b",
            0.92,
            1.001,
        );
    }
    assert_descending(fast, &["flash-nb-laio", "flash-nb-amped", "flash-nb-aio"]);
    assert_lead(fast, "flash-nb-laio", "flash-nb-b", 0.99, 1.005);
    let slow = results.point(link, "1 Gbit/s");
    for server in ["nb-aio", "nb-amped", "nb-amted", "nb-laio", "laio-laio"] {
        assert_lead(slow, &format!("flash-{server}"), "flash-nb-b", 0.98, 1.02);
    }
}

#[test]
fn the_world_cups_servers_differ_by_cpu_in_memory_and_by_memory_on_disk() {
    let keys = [("workload.requests", "40000"), ("run.replications", "2")];
    let results = Results::of("wc98.toml", &keys);
    let ample = results.point("cache.memory", "128 MiB");
    assert_eq!(ample.servers.len(), 11);
    assert_lead(ample, "nb-laio", "nb-b", 0.97, 1.001);
    assert_lead(ample, "nb-amted", "nb-b", 0.65, 0.85);
    assert_descending(
        ample,
        &[
            "nb-b", "nb-laio", "nb-amped", "nb-uring", "nb-aio", "nb-amted",
        ],
    );
    let little = results.point("cache.memory", "16 MiB");
    assert_descending(little, &["nb-b", "nb-laio", "laio-laio", "mp"]);
    assert_descending(little, &["nb-uring", "nb-laio"]);
    let reads = |server| mean(little, server, Metric::DiskRequests);
    assert!(
        reads("nb-laio") > 1.2 * reads("nb-b"),
        "carriers take the cache's memory"
    );
}

#[test]
fn on_an_nvme_drive_the_cpu_decides() {
    let keys = [
        ("workload.requests", "30000"),
        ("run.replications", "2"),
        ("cache.memory", "256 MiB"),
    ];
    let results = Results::of("nvme.toml", &keys);
    let point = &results.points[0];
    assert_descending(
        point,
        &["nb-uring", "nb-amted-nowait", "nb-laio", "nb-amted", "nb-b"],
    );
    assert_lead(point, "nb-laio", "nb-b", 1.4, 2.6);
}

#[test]
fn open_loads_medians_grow_for_the_loop_that_blocks_alone() {
    let keys = [("run.duration", "8 min"), ("run.replications", "3")];
    let results = Results::of("open.toml", &keys);
    let median = |rate, server| {
        let point = results.point("workload.arrivals.rate", rate);
        mean(point, server, Metric::ResponseQuantile(50))
    };
    assert!(median("60", "nb-b") > 4.0 * median("10", "nb-b"));
    assert!(median("60", "nb-laio") < 1.2 * median("10", "nb-laio"));
    for point in &results.points {
        assert!(
            matches!(point.warm_up, WarmUpCut::Share(_)),
            "{:?}",
            point.warm_up
        );
        let response = |server| mean(point, server, Metric::ResponseMean);
        assert!(response("nb-laio") < response("nb-b"));
        // As much comes out as goes in.
        let rate = &results.loaded.points[point.point].values[0].1;
        let per_session = per_s(point, "nb-laio") / rate.parse::<f64>().expect("a rate");
        assert!((4.7..5.3).contains(&per_session), "{per_session}");
    }
}

#[test]
fn the_smallest_scenario_answers_its_question() {
    let keys = [("workload.requests", "5000"), ("run.replications", "2")];
    let results = Results::of("minimal.toml", &keys);
    assert_eq!(results.points.len(), 1);
    assert!(per_s(&results.points[0], "nb-laio") > 0.0);
}
