//! A trace cut into request sequences: what a simulated client plays.

use super::{PackedRequest, Record, TraceError, TraceReader};
use crate::engine::Nanos;
use crate::workload::session::{Session, Timing};
use std::io::Read;

/// Request sequences, in order of the time of their first requests; of equal times, in the order
/// of the trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sequences {
    requests: Vec<PackedRequest>,
    /// Where each sequence starts in `requests`, and where the last ends.
    starts: Vec<u32>,
}

impl Sequences {
    /// Number of sequences.
    pub fn len(&self) -> usize {
        self.starts.len().saturating_sub(1)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The requests of sequence `index`.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Self::len).
    pub fn get(&self, index: usize) -> &[PackedRequest] {
        &self.requests[self.range(index)]
    }

    /// All sequences in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[PackedRequest]> {
        (0..self.len()).map(|index| self.get(index))
    }

    /// How many of the first sequences bring `requests` requests (all of them where that is
    /// `None` or more than there are), and how many requests these are.
    pub fn bringing(&self, requests: Option<u64>) -> (u32, u64) {
        let wanted = requests.unwrap_or(u64::MAX);
        let (mut sequences, mut brought) = (0, 0);
        for sequence in self.iter() {
            if brought >= wanted {
                break;
            }
            brought += sequence.len() as u64;
            sequences += 1;
        }
        (sequences, brought)
    }

    /// Fills `out` with sequence `index` as a client plays it that pauses for `think` between a
    /// response and its next request, whatever the recorded times.
    ///
    /// # Panics
    ///
    /// If `index` is not below [`len`](Self::len).
    pub fn session(&self, index: usize, think: Nanos, out: &mut Session) {
        out.clear(Timing::Pauses);
        out.requests.extend_from_slice(self.get(index));
        if think > Nanos::ZERO {
            out.times.resize(out.requests.len(), think);
            out.times[0] = Nanos::ZERO;
        }
    }

    /// Where sequence `index` lies in [`requests`](Self::requests).
    pub(super) fn range(&self, index: usize) -> std::ops::Range<usize> {
        self.starts[index] as usize..self.starts[index + 1] as usize
    }

    /// The requests of all sequences, one sequence after the other.
    pub fn requests(&self) -> &[PackedRequest] {
        &self.requests
    }
}

impl<R: Read> TraceReader<R> {
    /// Reads the rest of the trace and cuts each client's requests into sequences wherever more
    /// than `longest_gap` lies between two of them.
    ///
    /// Takes 4 bytes per request and sequence, and twice that again while reading.
    ///
    /// # Errors
    ///
    /// The trace is damaged or cut off, or has more than 2^32 - 1 requests.
    pub fn sequences(self, longest_gap: Nanos) -> Result<Sequences, TraceError> {
        self.check_length()?;
        let mut cutter = Cutter::default();
        for record in self {
            cutter.add(record?, longest_gap);
        }
        Ok(cutter.finish(|_, _| {}))
    }

    pub(super) fn check_length(&self) -> Result<(), TraceError> {
        match u32::try_from(self.metadata().requests) {
            Ok(_) => Ok(()),
            Err(_) => Err(self.too_many_requests()),
        }
    }
}

/// Assigns requests to sequences as they come.
#[derive(Default)]
pub(super) struct Cutter {
    /// Each client's latest sequence and request time.
    open: Vec<Option<(u32, Nanos)>>,
    /// Each sequence's number of requests.
    lengths: Vec<u32>,
    /// Each request and its sequence.
    requests: Vec<(u32, PackedRequest)>,
}

impl Cutter {
    /// Adds a request; returns the time since the one before it in its sequence, if any is.
    pub(super) fn add(&mut self, record: Record, longest_gap: Nanos) -> Option<Nanos> {
        let client = record.client as usize;
        if client >= self.open.len() {
            self.open.resize(client + 1, None);
        }
        let before = self.open[client]
            .map(|(sequence, last)| (sequence, record.time - last))
            .filter(|(_, gap)| *gap <= longest_gap);
        let sequence = before.map_or(self.lengths.len() as u32, |(sequence, _)| sequence);
        if before.is_none() {
            self.lengths.push(0);
        }
        self.open[client] = Some((sequence, record.time));
        self.lengths[sequence as usize] += 1;
        let request = PackedRequest::new(record.object, record.not_modified);
        self.requests.push((sequence, request));
        before.map(|(_, gap)| gap)
    }

    /// Sorts the requests by sequence, keeping their order within each; tells `moved` where each
    /// came from, counted in the order of adding, and where it went.
    pub(super) fn finish(self, mut moved: impl FnMut(usize, usize)) -> Sequences {
        let mut starts = Vec::with_capacity(self.lengths.len() + 1);
        let mut total = 0;
        starts.push(total);
        for length in self.lengths {
            total += length;
            starts.push(total);
        }
        let mut next = starts.clone();
        let mut requests = vec![PackedRequest::new(0, false); self.requests.len()];
        for (from, (sequence, request)) in self.requests.into_iter().enumerate() {
            let place = &mut next[sequence as usize];
            requests[*place as usize] = request;
            moved(from, *place as usize);
            *place += 1;
        }
        Sequences { requests, starts }
    }
}
