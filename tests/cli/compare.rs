//! `laiosim compare`, on folders as `laiosim run -o` writes them.

use serde_json::json;

use crate::fixture::{Fixture, assert_has};

/// Results of two servers at two points.
struct Run {
    seed: u64,
    helpers: u32,
    /// Added to the throughput in every replication.
    faster: f64,
    /// Throughputs of the replications.
    throughputs: Vec<f64>,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            seed: 1,
            helpers: 8,
            faster: 0.0,
            throughputs: vec![100.0, 140.0, 90.0, 120.0],
        }
    }
}

impl Run {
    fn results(&self) -> String {
        let mut text = "cache.memory,server,replication,throughput_per_s,response_mean_ms,\
                        response_p50_ms,response_p99_ms,block_rate,disk_requests_per_request,\
                        cpu_us_per_request\n"
            .to_owned();
        for memory in ["8 MiB", "16 MiB"] {
            for server in ["nb-b", "nb-laio"] {
                for (replication, throughput) in self.throughputs.iter().enumerate() {
                    let throughput = throughput + self.faster;
                    let response = 8e3 / throughput;
                    text += &format!(
                        "{memory},{server},{replication},{throughput},{response},4,9,0,0.5,\n"
                    );
                }
            }
        }
        text
    }

    fn record(&self) -> String {
        let text = format!("[server]\nhelpers = {}\n", self.helpers);
        let record = json!({
            "version": "0.1.0", "title": "Tiny", "seed": self.seed, "complete": true,
            "scenario": { "file": "tiny.toml", "text": text },
            "overrides": [{ "key": "run.replications", "value": "4" }],
            "profiles": { "epyc-vm": { "call": { "recv": { "value": "9 ns", "source": "lore" } } } },
        });
        record.to_string()
    }

    fn write(&self, fixture: &Fixture, folder: &str) {
        fixture.write(&format!("{folder}/results.csv"), &self.results());
        fixture.write(&format!("{folder}/run.json"), &self.record());
    }
}

fn two(before: &Run, after: &Run) -> Fixture {
    let fixture = Fixture::new();
    before.write(&fixture, "a");
    after.write(&fixture, "b");
    fixture
}

const COMPARE: [&str; 3] = ["compare", "a", "b"];
const FAIL: [&str; 4] = ["compare", "a", "b", "--fail-on-change"];

#[test]
fn equal_runs_are_the_same() {
    let fixture = two(&Run::default(), &Run::default());
    let shown = fixture.shown(&FAIL);
    assert_has(
        &shown,
        &["Nothing: program, scenario", "same", "0 of 24 figures"],
    );
    assert_has(
        &shown,
        &[
            "cache.memory = 8 MiB",
            "cache.memory = 16 MiB",
            "compared pair by pair",
        ],
    );
}

#[test]
fn with_the_same_seed_a_small_change_is_found_and_fails() {
    let after = Run {
        faster: 1.0,
        ..Run::default()
    };
    let fixture = two(&Run::default(), &after);
    let shown = fixture.shown(&COMPARE);
    let row = shown
        .lines()
        .find(|line| line.contains("requests/s"))
        .expect("a row");
    // 112.5 to 113.5 requests per second.
    assert!(row.contains("+0.89 ±"), "{row}");
    assert!(row.trim_end().ends_with('*'), "{row}");
    assert_eq!(fixture.run(&FAIL).status.code(), Some(1));
}

#[test]
fn with_another_seed_it_is_within_chance() {
    let after = Run {
        faster: 1.0,
        seed: 2,
        ..Run::default()
    };
    let fixture = two(&Run::default(), &after);
    let shown = fixture.shown(&FAIL);
    assert_has(&shown, &["seed: 1 -> 2", "Welch's t", "0 of 24 figures"]);
}

#[test]
fn with_another_seed_a_large_change_is_found() {
    let after = Run {
        faster: 200.0,
        seed: 2,
        ..Run::default()
    };
    assert_eq!(
        two(&Run::default(), &after).run(&FAIL).status.code(),
        Some(1)
    );
}

#[test]
fn one_replication_proves_nothing() {
    let before = Run {
        throughputs: vec![100.0],
        ..Run::default()
    };
    let after = Run {
        throughputs: vec![200.0],
        ..Run::default()
    };
    let shown = two(&before, &after).shown(&FAIL);
    assert_has(
        &shown,
        &[
            "+100 ±? %",
            "one replication, no interval is known",
            "0 of 0 figures",
        ],
    );
}

#[test]
fn what_differs_in_the_making_is_said() {
    let after = Run {
        helpers: 4,
        ..Run::default()
    };
    let shown = two(&Run::default(), &after).shown(&COMPARE);
    assert_has(&shown, &["scenario server.helpers: 8 -> 4"]);
    assert!(!shown.contains("run.replications"), "{shown}");
}

#[test]
fn what_only_one_has_is_said() {
    let fixture = two(&Run::default(), &Run::default());
    let without: String = fixture
        .read("b/results.csv")
        .lines()
        .filter(|line| !line.starts_with("8 MiB,nb-laio"))
        .map(|line| format!("{line}\n"))
        .collect();
    fixture.write("b/results.csv", &without);
    assert_has(
        &fixture.shown(&COMPARE),
        &["Only in A: nb-laio at cache.memory = 8 MiB."],
    );
}

#[test]
fn what_cannot_be_compared_is_refused() {
    let fixture = two(&Run::default(), &Run::default());
    fixture.refuses(
        &["compare", "a", "none"],
        &["none/results.csv", "cannot be read"],
    );
    std::fs::remove_file(fixture.path("b/run.json")).expect("removed");
    fixture.refuses(&COMPARE, &["b/run.json", "cannot be read"]);
    fixture.write("b/run.json", "{");
    fixture.refuses(&COMPARE, &["b/run.json", "is not as laiosim run writes it"]);
}

#[test]
fn other_columns_and_other_points_are_refused() {
    let fixture = two(&Run::default(), &Run::default());
    let other = |from: &str, to: &str| {
        let text = fixture.read("a/results.csv");
        assert!(text.contains(from), "{from}");
        fixture.write("b/results.csv", &text.replace(from, to));
    };
    other("cache.memory", "run.seed");
    fixture.refuses(
        &COMPARE,
        &[
            "columns differ",
            "only a has cache.memory",
            "only b has run.seed",
        ],
    );
    other(" MiB", " GiB");
    fixture.refuses(&COMPARE, &["no server at no point"]);
    other(",4,9,", ",4,nine,");
    fixture.refuses(
        &COMPARE,
        &[
            "b/results.csv: row 2",
            "response_p99_ms: \"nine\" is no number",
        ],
    );
    other(",server,", ",waiter,");
    fixture.refuses(&COMPARE, &["b/results.csv", "no columns \"server\""]);
}
