//! What holds for every trace.

use super::*;
use crate::workload::session::Session;
use proptest::prelude::*;

/// Clients in order of first appearance, so that none is without a request.
fn renumber(records: &mut [Record]) -> u32 {
    let mut order = Vec::new();
    for record in records {
        let place = order.iter().position(|&c| c == record.client);
        record.client = place.unwrap_or_else(|| {
            order.push(record.client);
            order.len() - 1
        }) as u32;
    }
    order.len() as u32
}

/// Object sizes, tick and records that make a valid trace.
fn any_trace() -> impl Strategy<Value = (Vec<u64>, u64, Vec<Record>)> {
    let gap = prop_oneof![4 => 0u64..5, 1 => 0u64..1 << 40];
    let request = (gap, 0u32..100, any::<prop::sample::Index>(), any::<bool>());
    let tick = prop::sample::select(vec![1, 1_000, 1_000_000]);
    let sizes = prop::collection::vec(any::<u64>(), 1..300);
    (sizes, tick, prop::collection::vec(request, 1..300)).prop_map(|(sizes, tick, requests)| {
        let mut ticks = 0;
        let records = requests.into_iter().map(|(gap, client, object, flag)| {
            ticks = (ticks + gap).min(u64::MAX / tick);
            record(ticks * tick, client, object.index(sizes.len()) as u32, flag)
        });
        let records = records.collect();
        (sizes, tick, records)
    })
}

/// Cuts records into sequences the slow way: per client, then by time of the first request.
fn naive_sequences(records: &[Record], longest_gap: Nanos) -> Vec<Vec<PackedRequest>> {
    let mut sequences: Vec<(usize, Vec<PackedRequest>)> = Vec::new();
    for client in 0..records.iter().map(|r| r.client + 1).max().unwrap_or(0) {
        let own = records
            .iter()
            .enumerate()
            .filter(|(_, r)| r.client == client);
        let mut last = None;
        for (index, r) in own {
            if last.is_none_or(|last| r.time.0 - last > longest_gap.0) {
                sequences.push((index, Vec::new()));
            }
            last = Some(r.time.0);
            let request = PackedRequest::new(r.object, r.not_modified);
            sequences.last_mut().unwrap().1.push(request);
        }
    }
    sequences.sort_by_key(|(first, _)| *first);
    sequences
        .into_iter()
        .map(|(_, requests)| requests)
        .collect()
}

/// When each request is played, and for what.
pub(super) fn played_times(timed: &TimedSequences) -> Vec<(Nanos, u32, bool)> {
    let mut session = Session::default();
    let mut played = Vec::new();
    for index in 0..timed.sequences().len() {
        timed.session(index, 1.0, &mut session);
        let start = timed.start(index, 1.0);
        let requests = session.requests.iter().zip(&session.times);
        played.extend(requests.map(|(r, t)| (start + *t, r.object(), r.not_modified())));
    }
    played
}

proptest! {
    #[test]
    fn what_is_written_is_read((sizes, tick, mut records) in any_trace()) {
        let clients = renumber(&mut records);
        let stated = metadata(sizes.len() as u32, clients, records.len() as u64, tick);
        let bytes = write(stated.clone(), &sizes, &records).unwrap();
        let reader = TraceReader::new(&bytes[..], "test").unwrap();
        prop_assert_eq!(reader.metadata(), &stated);
        prop_assert_eq!(reader.objects(), &sizes[..]);
        prop_assert_eq!(reader.collect::<Result<Vec<_>, _>>().unwrap(), records);
    }

    #[test]
    fn sequences_are_cut_at_long_gaps((sizes, tick, mut records) in any_trace(), gap in 0u64..9) {
        let clients = renumber(&mut records);
        let stated = metadata(sizes.len() as u32, clients, records.len() as u64, tick);
        let bytes = write(stated, &sizes, &records).unwrap();
        let gap = Nanos(gap * tick);
        let sequences = TraceReader::new(&bytes[..], "test").unwrap().sequences(gap).unwrap();
        let naive = naive_sequences(&records, gap);
        prop_assert_eq!(sequences.iter().map(<[_]>::to_vec).collect::<Vec<_>>(), naive);
        prop_assert_eq!(sequences.requests().len(), records.len());
    }

    #[test]
    fn timed_sequences_have_the_times_of_the_records(
        (sizes, tick, mut records) in any_trace(),
        gap in prop_oneof![0u64..9, Just(1 << 39), Just(u64::MAX)],
    ) {
        let clients = renumber(&mut records);
        let stated = metadata(sizes.len() as u32, clients, records.len() as u64, tick);
        let bytes = write(stated, &sizes, &records).unwrap();
        let gap = Nanos(gap.saturating_mul(tick));
        let reader = || TraceReader::new(&bytes[..], "test").unwrap();
        let timed = reader().timed_sequences(gap).unwrap();
        prop_assert_eq!(timed.sequences(), &reader().sequences(gap).unwrap());
        let mut expected: Vec<_> = records
            .iter()
            .map(|r| (r.time, r.object, r.not_modified))
            .collect();
        let mut played = played_times(&timed);
        expected.sort_unstable();
        played.sort_unstable();
        prop_assert_eq!(played, expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic(tail in prop::collection::vec(any::<u8>(), 0..200)) {
        let bytes = [b"LAIOTRACE 1\n", &tail[..]].concat();
        prop_assert!(read(&bytes).is_err());
    }

    #[test]
    fn arbitrary_records_in_a_valid_frame_never_panic(
        payload in prop::collection::vec(any::<u8>(), 0..200),
        requests in 1u64..50,
    ) {
        let stated = metadata(1, 1, requests, i64::MAX as u64);
        let _ = read(&framed(&stated, &[0], &[(Tag::Records, &payload), (Tag::End, &payload)]));
    }
}
