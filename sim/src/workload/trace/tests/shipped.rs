//! The trace in the repository.

use super::*;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn shipped() -> TraceReader {
    TraceReader::open(workspace().join("scenarios/traces/wc98-day6.laiotrace")).unwrap()
}

#[test]
fn the_shipped_trace_has_the_known_figures() {
    let trace = shipped();
    assert_eq!(trace.metadata().requests, 199_692);
    assert_eq!(trace.metadata().clients, 17_471);
    assert_eq!(trace.objects().len(), 2_542);
    assert_eq!(trace.objects().iter().sum::<u64>(), 54_588_037);
    assert!(trace.metadata().notice.contains("Hewlett-Packard"));

    let records: Vec<_> = trace.map(Result::unwrap).collect();
    assert_eq!(records.iter().filter(|r| r.not_modified).count(), 25_373);
    let sequences = shipped().sequences(Nanos(15_000_000_000)).unwrap();
    assert_eq!(sequences.len(), 85_691);
    assert_eq!(sequences.requests().len(), 199_692);
}

#[test]
fn the_shipped_trace_played_at_its_own_times_is_the_recording() {
    let timed = shipped().timed_sequences(Nanos(15_000_000_000)).unwrap();
    let mut played = super::properties::played_times(&timed);
    let mut recorded: Vec<_> = shipped()
        .map(Result::unwrap)
        .map(|r| (r.time, r.object, r.not_modified))
        .collect();
    assert!((1..timed.sequences().len()).all(|i| timed.start(i - 1, 1.0) <= timed.start(i, 1.0)));
    played.sort_unstable();
    recorded.sort_unstable();
    assert_eq!(played, recorded);
}

/// The log that the shipped trace was made from, unpacked; `None` where it is not at hand.
fn original_log() -> Option<Vec<u8>> {
    let data = std::env::var_os("LAIOSIM_DATA")
        .map_or_else(|| workspace().join("../shared/data"), PathBuf::from);
    let path = data.join("logs/wc98-day6.csv.gz");
    if !path.exists() {
        return None;
    }
    let gzip = Command::new("gzip")
        .arg("-dc")
        .arg(path)
        .stderr(Stdio::inherit())
        .output()
        .ok()?;
    gzip.status.success().then_some(gzip.stdout)
}

#[test]
fn the_shipped_trace_equals_the_original_log() {
    let Some(log) = original_log() else {
        let mut stderr = std::io::stderr();
        writeln!(
            stderr,
            "SKIPPED: no logs/wc98-day6.csv.gz in LAIOSIM_DATA, or no gzip"
        )
        .unwrap();
        return;
    };
    let mut rows = csv::Reader::from_reader(&log[..]);
    let mut rows = rows.deserialize::<(u64, u32, u32, u64, u16)>();
    let mut clients = std::collections::HashMap::new();
    let trace = shipped();
    let sizes = trace.objects().to_vec();
    for record in trace {
        let record = record.unwrap();
        let (seconds, client, object, bytes, status) = rows.next().unwrap().unwrap();
        let dense = clients.len() as u32;
        let client = *clients.entry(client).or_insert(dense);
        let expected = Record {
            time: Nanos(seconds * 1_000_000_000),
            client,
            object,
            not_modified: status == 304,
        };
        assert_eq!(record, expected);
        assert_eq!(sizes[object as usize], bytes);
    }
    assert!(rows.next().is_none());
}
