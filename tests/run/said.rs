//! What is said of how runs were made: warm-up, precision, limits, the paper.

use crate::fixture::Fixture;

/// Drawn requests for a given time instead of a trace.
fn steady(duration: &str) -> Fixture {
    Fixture::without_axes(|text| {
        let at = text.find("[workload]").expect("a workload");
        format!(
            "{}[workload]\nclients = 8\n[workload.synthetic]\npreset = \"rice-like\"\nobjects = 200\n\
             [run]\nreplications = 3\nduration = \"{duration}\"\n",
            &text[..at]
        )
    })
}

#[test]
fn steady_runs_say_what_was_left_out_and_how_to_keep_it() {
    let shown = steady("2 s").said(&[]);
    let said = [
        "is left out (MSER-5",
        "steady from the beginning",
        "NOT STEADY",
    ];
    assert!(said.iter().any(|part| shown.contains(part)), "{shown}");
    let shown = steady("2 s").said(&["--set", "run.warm_up=off"]);
    assert!(
        shown.contains("nothing is left out (run.warm_up = \"auto\""),
        "{shown}"
    );
}

#[test]
fn a_precision_says_whether_it_was_reached() {
    let fixture = Fixture::new();
    let shown = fixture.said(&["--set", "run.precision=90%"]);
    assert!(
        shown.contains("are known to 90% after 10 replications"),
        "{shown}"
    );
    let few = [
        "--set",
        "run.precision=0.001%",
        "--set",
        "run.max_replications=11",
    ];
    let shown = fixture.said(&few);
    assert!(
        shown.contains("Precision NOT reached: after 11 replications"),
        "{shown}"
    );
}

#[test]
fn a_time_limit_keeps_what_is_complete_and_is_no_failure() {
    let fixture = Fixture::new();
    let set = [
        "--set",
        "run.replications=100000",
        "--time-limit",
        "300 ms",
        "-o",
        "out",
    ];
    let shown = fixture.said(&set);
    assert!(shown.contains("CUT SHORT by --time-limit: "), "{shown}");
    let record: serde_json::Value = serde_json::from_str(&fixture.read("out/run.json")).unwrap();
    assert_eq!(record["complete"], false);
    let rows = fixture.read("out/results.csv").lines().count() as u64 - 1;
    assert_eq!(record["runs"]["complete"], rows);
}

#[test]
fn a_time_limit_that_is_not_reached_changes_nothing() {
    let fixture = Fixture::new();
    assert_eq!(fixture.said(&["--time-limit", "10 min"]), fixture.said(&[]));
}

#[test]
fn the_paper_stands_beside_the_figures_where_the_scenario_asks_for_it() {
    let fixture = Fixture::with(|text| text + "\n[paper]\ncompare = true\n");
    let shown = fixture.said(&[]);
    for part in [
        "24 %: the peak, in one disk-bound",
        "73 to 86 %",
        "throughput of nb-laio above",
    ] {
        assert!(shown.contains(part), "no {part:?} in:\n{shown}");
    }
    assert!(!Fixture::new().said(&[]).contains("LAIO paper"));
}

#[test]
fn in_memory_aio_is_held_against_laio_and_marked_where_it_was_put_in() {
    let fixture = Fixture::without_axes(|text| {
        text.replace("\"nb-b\", \"nb-amped\"", "\"nb-aio\", \"nb-b\"")
            .replace("epyc-vm", "xeon-2004")
            .replace("8 MiB", "128 MiB")
            .replace(
                "replications = 3",
                "replications = 3\nstart = \"warm\"\n[paper]\ncompare = true",
            )
    });
    let shown = fixture.said(&[]);
    assert!(shown.contains("in memory: throughput of nb-aio"), "{shown}");
    assert!(
        shown.contains("(by input: ") && shown.contains("NOT validated"),
        "{shown}"
    );
}
