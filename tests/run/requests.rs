//! `--requests`: a row for every request.

use std::collections::BTreeMap;

use crate::fixture::Fixture;

type Row = BTreeMap<String, String>;

fn rows(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let rows = reader.deserialize();
    rows.map(|row| row.expect("a row")).collect()
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{row:?}"))
}

#[test]
fn the_requests_of_a_run_make_up_its_figures() {
    let fixture = Fixture::new();
    fixture.shown(&["--requests", "requests.csv", "-o", "out"]);
    let requests = rows(&fixture.read("requests.csv"));
    let results = rows(&fixture.read("out/results.csv"));
    assert_eq!(results.len(), 18);
    for run in &results {
        let same = |row: &&Row| {
            let keys = ["cache.memory", "server", "replication"];
            keys.iter().all(|&key| row[key] == run[key])
        };
        let own: Vec<&Row> = requests.iter().filter(same).collect();
        assert!(own.len() >= 200, "{}", own.len());
        assert!(own.iter().all(|row| row["fate"] == "answered"));
        let times = own.iter().map(|row| number(row, "response_ms"));
        let mean = times.sum::<f64>() / own.len() as f64;
        assert!((mean / number(run, "response_mean_ms") - 1.0).abs() < 1e-9);
        let end = |row: &&Row| number(row, "sent_s") + number(row, "response_ms") / 1e3;
        let last = own.iter().map(end).fold(0.0, f64::max);
        let throughput = own.len() as f64 / last;
        assert!((throughput / number(run, "throughput_per_s") - 1.0).abs() < 1e-6);
    }
}

#[test]
fn every_server_is_asked_for_the_same() {
    let fixture = Fixture::new();
    fixture.shown(&["--requests", "requests.csv"]);
    let mut asked: BTreeMap<String, Vec<[String; 4]>> = BTreeMap::new();
    let first = |row: &Row| row["replication"] == "0" && row["cache.memory"] == "8 MiB";
    for row in rows(&fixture.read("requests.csv"))
        .iter()
        .filter(|row| first(row))
    {
        let key = ["client", "session", "index", "object"].map(|key| row[key].clone());
        asked.entry(row["server"].clone()).or_default().push(key);
    }
    asked.values_mut().for_each(|of| of.sort());
    assert_eq!(asked.len(), 3);
    assert_eq!(asked["nb-b"], asked["nb-laio"]);
    assert_eq!(asked["nb-b"], asked["nb-amped"]);
}
