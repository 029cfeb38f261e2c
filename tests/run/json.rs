//! `--json`: everything on the standard output.

use serde_json::Value;

use crate::fixture::{Fixture, stderr};

fn shown(fixture: &Fixture, args: &[&str]) -> Value {
    let text = fixture.shown(&[args, &["--json"]].concat());
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn every_point_server_and_metric_is_there() {
    let json = shown(&Fixture::new(), &[]);
    assert_eq!(json["complete"], true);
    let points = json["points"].as_array().expect("points");
    assert_eq!(points.len(), 2);
    for point in points {
        assert_eq!(point["warm_up"]["left_out"], 0.0);
        let servers = point["results"]["servers"].as_array().expect("servers");
        assert_eq!(servers.len(), 3);
        for server in servers {
            assert_eq!(server["runs"].as_array().expect("runs").len(), 3);
            for metric in sim::stats::METRICS {
                let summary = &server["summary"][metric.name()];
                assert!(summary["replications"].is_u64(), "{}", metric.name());
            }
            let throughput = &server["summary"]["throughput_per_s"]["mean"];
            assert!(throughput.as_f64().expect("a number") > 0.0);
        }
    }
}

#[test]
fn figures_are_those_of_the_table() {
    let fixture = Fixture::new();
    let json = shown(&fixture, &["-o", "out"]);
    let server = &json["points"][0]["results"]["servers"][0];
    let mean = server["summary"]["throughput_per_s"]["mean"].to_string();
    let summary = fixture.read("out/summary.csv");
    let line = summary.lines().nth(1).expect("a row");
    let cell = line.split(',').nth(3).expect("a mean");
    assert_eq!(cell.parse::<f64>().ok(), mean.parse::<f64>().ok(), "{line}");
}

#[test]
fn what_was_written_is_told_on_the_standard_error() {
    let output = Fixture::new().run(&["--json", "-o", "out"]);
    assert!(serde_json::from_slice::<Value>(&output.stdout).is_ok());
    assert!(stderr(&output).contains("written: out/results.csv"));
}

#[test]
fn a_run_that_is_cut_short_is_valid_and_marked() {
    let set = ["--set", "run.replications=100000", "--time-limit", "300 ms"];
    let json = shown(&Fixture::new(), &set);
    assert_eq!(json["complete"], false);
    assert_eq!(json["runs"]["planned"], 600_000);
    assert!(json["runs"]["complete"].as_u64().expect("a number") < 600_000);
}
