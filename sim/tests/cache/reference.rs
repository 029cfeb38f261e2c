//! Miss counts on a block trace against those of an independent cache simulator.

use std::path::{Path, PathBuf};

use sim::machine::cache::Policy;

use crate::bench::{cache, misses};

/// The folder of reference data: `LAIOSIM_DATA`, or `../shared/data` beside the workspace.
fn reference_data() -> PathBuf {
    std::env::var_os("LAIOSIM_DATA").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data"),
        Into::into,
    )
}

/// The policy that the reference calls so, if it is one of ours; whole objects only.
fn policy_of(row: &csv::StringRecord) -> Option<Policy> {
    match (&row[1], &row[2]) {
        ("LRU", "unit") => Some(Policy::Lru),
        ("FIFO", "unit") => Some(Policy::Fifo),
        _ => None,
    }
}

/// Each block number is one object, whatever the request's size.
#[test]
fn miss_counts_on_a_block_trace_are_the_reference_simulators() {
    let folder = reference_data().join("cache");
    let (trace, reference) = (
        folder.join("cloudPhysicsIO.csv.gz"),
        folder.join("reference.csv"),
    );
    if !trace.exists() || !reference.exists() {
        println!("SKIPPED: no reference data in {}", folder.display());
        return;
    }
    let unzipped = std::process::Command::new("gzip")
        .arg("-dc")
        .arg(&trace)
        .output();
    let Ok(unzipped) = unzipped else {
        println!("SKIPPED: no gzip to read {}", trace.display());
        return;
    };
    let pages = dense_pages(&unzipped.stdout);
    let distinct = pages.iter().max().map_or(0, |&page| page as usize + 1);
    let mut rows = csv::Reader::from_path(reference).expect("readable");
    let mut compared = 0;
    for row in rows.records().map(|row| row.expect("a row")) {
        let Some(policy) = policy_of(&row) else {
            continue;
        };
        let capacity = row[3].parse().expect("a size");
        let expected: u64 = row[5].parse().expect("a count");
        let counted = misses(&mut cache(policy, distinct, capacity), &pages);
        assert_eq!(counted, expected, "{policy:?}, {capacity} pages");
        compared += 1;
    }
    assert_eq!(compared, 12);
}

/// The trace's block numbers, numbered in order of appearance.
fn dense_pages(trace: &[u8]) -> Vec<u32> {
    let mut numbers = std::collections::HashMap::new();
    csv::Reader::from_reader(trace)
        .records()
        .map(|row| {
            let block: u64 = row.expect("a row")[4].parse().expect("a block");
            let next = numbers.len() as u32;
            *numbers.entry(block).or_insert(next)
        })
        .collect()
}
