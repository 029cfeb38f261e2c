//! Tests of the trace format.

mod properties;
mod shipped;

use super::chunk::{ChunkWriter, Tag};
use super::codec::put_varint;
use super::*;

fn metadata(objects: u32, clients: u32, requests: u64, tick_ns: u64) -> Metadata {
    Metadata {
        title: "a test".into(),
        source: "made up\nover two lines".into(),
        notice: "\"none\"".into(),
        tick_ns,
        objects,
        clients,
        requests,
    }
}

fn write(metadata: Metadata, sizes: &[u64], records: &[Record]) -> Result<Vec<u8>, WriteError> {
    let mut writer = TraceWriter::new(Vec::new(), metadata, sizes)?;
    for &record in records {
        writer.write(record)?;
    }
    writer.finish()
}

fn read(bytes: &[u8]) -> Result<Vec<Record>, TraceError> {
    TraceReader::new(bytes, "test.laiotrace")?.collect()
}

fn record(time: u64, client: u32, object: u32, not_modified: bool) -> Record {
    Record {
        time: Nanos(time),
        client,
        object,
        not_modified,
    }
}

const SIZES: [u64; 3] = [0, 127, u64::MAX];

fn small_records() -> Vec<Record> {
    vec![
        record(0, 0, 2, false),
        record(0, 1, 0, true),
        record(20, 0, 1, false),
        record(30_000, 1, 2, true),
    ]
}

fn small_trace() -> Vec<u8> {
    write(metadata(3, 2, 4, 10), &SIZES, &small_records()).unwrap()
}

#[test]
fn a_trace_cut_anywhere_is_refused() {
    let bytes = small_trace();
    assert_eq!(read(&bytes).unwrap(), small_records());
    for length in 0..bytes.len() {
        match read(&bytes[..length]) {
            Err(TraceError::Truncated { offset, .. }) => assert_eq!(offset, length as u64),
            other => panic!("cut at {length}: {other:?}"),
        }
    }
}

#[test]
fn any_flipped_bit_is_detected() {
    let bytes = small_trace();
    for index in 0..bytes.len() {
        for bit in 0..8 {
            let mut damaged = bytes.clone();
            damaged[index] ^= 1 << bit;
            assert!(read(&damaged).is_err(), "byte {index}, bit {bit}");
        }
    }
}

#[test]
fn damage_is_reported_before_a_damaged_record_is_yielded() {
    let mut bytes = small_trace();
    let record_block = chunk_ranges(&bytes)[2].clone();
    bytes[record_block.end - 5] ^= 1;
    let mut reader = TraceReader::new(&bytes[..], "test").unwrap();
    assert!(matches!(
        reader.next(),
        Some(Err(TraceError::Damaged { .. }))
    ));
    assert!(reader.next().is_none());
}

#[test]
fn blocks_in_another_order_are_detected() {
    let records: Vec<_> = (0..60_000)
        .map(|i| record(i / 7, 0, 0, i % 3 == 0))
        .collect();
    let bytes = write(metadata(1, 1, 60_000, 1), &[5], &records).unwrap();
    assert_eq!(read(&bytes).unwrap(), records);
    let blocks = chunk_ranges(&bytes);
    assert!(blocks.len() >= 5, "two record blocks or more are needed");
    let swapped = [
        &bytes[..blocks[2].start],
        &bytes[blocks[3].clone()],
        &bytes[blocks[2].clone()],
        &bytes[blocks[3].end..],
    ]
    .concat();
    assert!(matches!(read(&swapped), Err(TraceError::Damaged { .. })));
}

/// Where each chunk lies.
fn chunk_ranges(bytes: &[u8]) -> Vec<std::ops::Range<usize>> {
    let mut ranges = Vec::new();
    let mut at = 12;
    while at < bytes.len() {
        let length = u32::from_le_bytes(bytes[at + 1..at + 5].try_into().unwrap()) as usize;
        ranges.push(at..at + 5 + length + 4);
        at += 5 + length + 4;
    }
    ranges
}

#[test]
fn bytes_after_the_end_are_refused() {
    let mut bytes = small_trace();
    let length = bytes.len() as u64;
    bytes.push(0);
    match read(&bytes) {
        Err(TraceError::TrailingBytes { offset, .. }) => assert_eq!(offset, length),
        other => panic!("{other:?}"),
    }
}

#[test]
fn other_files_and_versions_are_named_as_such() {
    assert!(matches!(
        read(b"time_s,client,object"),
        Err(TraceError::NotATrace { .. })
    ));
    let message = read(b"LAIOTRACE 2\n and more").unwrap_err().to_string();
    assert!(message.contains("version \"2\""), "{message}");
    assert!(message.starts_with("test.laiotrace: "), "{message}");
}

#[test]
fn an_empty_trace_is_neither_written_nor_read() {
    let none = write(metadata(3, 0, 0, 1), &SIZES, &[]);
    assert!(matches!(none, Err(WriteError::Empty)));
    let bytes = framed(&metadata(3, 0, 0, 1), &SIZES, &[(Tag::End, &[0, 0])]);
    assert!(matches!(read(&bytes), Err(TraceError::Empty { .. })));
    assert!(matches!(
        read(b""),
        Err(TraceError::Truncated { offset: 0, .. })
    ));
}

#[test]
fn a_missing_file_is_named() {
    let error = TraceReader::open("no/such.laiotrace").err().unwrap();
    assert!(error.to_string().contains("no/such.laiotrace"), "{error}");
}

/// A file with correct checksums and these chunks.
fn framed(metadata: &Metadata, sizes: &[u64], chunks: &[(Tag, &[u8])]) -> Vec<u8> {
    let mut out = ChunkWriter::new(Vec::new()).unwrap();
    let text = toml::to_string(metadata).unwrap();
    out.write(Tag::Metadata, text.as_bytes()).unwrap();
    let mut payload = Vec::new();
    sizes
        .iter()
        .for_each(|&size| put_varint(&mut payload, size));
    out.write(Tag::Objects, &payload).unwrap();
    for (tag, payload) in chunks {
        out.write(*tag, payload).unwrap();
    }
    out.into_inner().unwrap()
}

#[track_caller]
fn assert_malformed(sizes: &[u64], chunks: &[(Tag, &[u8])], why: &str) {
    match read(&framed(&metadata(1, 1, 1, 1), sizes, chunks)) {
        Err(TraceError::Malformed { what, .. }) => assert!(what.contains(why), "{what}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn broken_rules_behind_a_valid_checksum_are_found() {
    // Token 31 << 3: the client follows; then client 0 and object 0.
    let good: &[u8] = &[1, 31 << 3, 0, 0];
    let end: &[u8] = &[1, 1];
    let fine = framed(
        &metadata(1, 1, 1, 1),
        &[9],
        &[(Tag::Records, good), (Tag::End, end)],
    );
    assert_eq!(read(&fine).unwrap(), [record(0, 0, 0, false)]);

    let records = |payload| [(Tag::Records, payload), (Tag::End, end)];
    assert_malformed(&[9], &[(Tag::End, end)], "0 requests were read");
    assert_malformed(
        &[9],
        &[(Tag::Records, good), (Tag::End, &[2, 1])],
        "2 written",
    );
    assert_malformed(&[9], &[(Tag::Objects, &[9])], "out of order");
    assert_malformed(&[9, 9], &records(good), "more objects");
    assert_malformed(&[], &records(good), "fewer objects");
    assert_malformed(&[9], &records(&[1, 31 << 3, 0, 0, 7]), "bytes follow");
    assert_malformed(&[9], &records(&[1, 31 << 3, 0]), "ends inside");
    assert_malformed(&[9], &records(&[1, 31 << 3, 1, 0]), "does not exist");
    assert_malformed(&[9], &records(&[1, 31 << 3, 0, 1]), "does not exist");
    assert_malformed(&[9], &records(&[1, 4 << 3, 0]), "not seen yet");
    assert_malformed(&[9], &records(&[2, 31 << 3, 0, 0, 0, 0]), "more requests");
}

#[test]
fn records_that_do_not_fit_are_refused_with_their_number() {
    let stated = || metadata(3, 2, 4, 10);
    let second = |bad: Record| match write(stated(), &SIZES, &[record(50, 0, 0, false), bad]) {
        Err(WriteError::Record { index: 1, what }) => what,
        other => panic!("{other:?}"),
    };
    assert!(second(record(55, 0, 0, false)).contains("tick"));
    assert!(second(record(40, 0, 0, false)).contains("earlier"));
    assert!(second(record(50, 2, 0, false)).contains("client"));
    assert!(second(record(50, 0, 3, false)).contains("object"));
    let short = write(stated(), &SIZES, &small_records()[..3]);
    assert!(matches!(
        short,
        Err(WriteError::Count {
            what: "requests",
            stated: 4,
            found: 3
        })
    ));
    let one_client = write(stated(), &SIZES, &[record(0, 0, 0, false); 4]);
    assert!(matches!(
        one_client,
        Err(WriteError::Count {
            what: "clients",
            ..
        })
    ));
}

#[test]
fn closed_play_has_the_pauses_asked_for_and_no_others() {
    use crate::workload::session::{Session, Timing};
    let bytes = small_trace();
    let reader = TraceReader::new(&bytes[..], "test").unwrap();
    let sequences = reader.sequences(Nanos(20)).unwrap();
    let mut session = Session::default();
    sequences.session(0, Nanos::ZERO, &mut session);
    assert_eq!(session.requests, sequences.get(0));
    assert!(session.times.is_empty());
    sequences.session(0, Nanos(9), &mut session);
    assert_eq!(session.requests, sequences.get(0));
    assert_eq!(session.times, [Nanos::ZERO, Nanos(9)]);
    assert_eq!(session.timing, Timing::Pauses);
}
