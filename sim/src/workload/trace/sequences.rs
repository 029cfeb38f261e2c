//! A trace cut into request sequences: what a simulated client plays.

use super::{Record, TraceError, TraceReader};
use crate::engine::Nanos;
use std::io::Read;

/// The most objects that [`PackedRequest`] can number.
pub(super) const MAX_OBJECTS: usize = 1 << 31;

/// A request in four bytes: an object, and whether its body is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackedRequest(u32);

impl PackedRequest {
    /// A request for `object`, answered with its body or, `not_modified`, without.
    ///
    /// # Panics
    ///
    /// If `object` is 2^31 or more; a trace has no such object.
    pub const fn new(object: u32, not_modified: bool) -> Self {
        assert!((object as usize) < MAX_OBJECTS, "object number too large");
        Self(object << 1 | not_modified as u32)
    }

    /// The object's number.
    pub const fn object(self) -> u32 {
        self.0 >> 1
    }

    /// Whether the answer has no body (status 304).
    pub const fn not_modified(self) -> bool {
        self.0 & 1 == 1
    }
}

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
        &self.requests[self.starts[index] as usize..self.starts[index + 1] as usize]
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
        if self.metadata().requests > u32::MAX.into() {
            return Err(self.too_many_requests());
        }
        let mut cutter = Cutter::default();
        for record in self {
            cutter.add(record?, longest_gap);
        }
        Ok(cutter.finish())
    }
}

/// Assigns requests to sequences as they come.
#[derive(Default)]
struct Cutter {
    /// Each client's latest sequence and request time.
    open: Vec<Option<(u32, Nanos)>>,
    /// Each sequence's number of requests.
    lengths: Vec<u32>,
    /// Each request and its sequence.
    requests: Vec<(u32, PackedRequest)>,
}

impl Cutter {
    fn add(&mut self, record: Record, longest_gap: Nanos) {
        let client = record.client as usize;
        if client >= self.open.len() {
            self.open.resize(client + 1, None);
        }
        let sequence = match self.open[client] {
            Some((sequence, last)) if record.time - last <= longest_gap => sequence,
            _ => {
                self.lengths.push(0);
                self.lengths.len() as u32 - 1
            }
        };
        self.open[client] = Some((sequence, record.time));
        self.lengths[sequence as usize] += 1;
        let request = PackedRequest::new(record.object, record.not_modified);
        self.requests.push((sequence, request));
    }

    /// Sorts the requests by sequence, keeping their order within each.
    fn finish(self) -> Sequences {
        let mut starts = Vec::with_capacity(self.lengths.len() + 1);
        let mut total = 0;
        starts.push(total);
        for length in self.lengths {
            total += length;
            starts.push(total);
        }
        let mut next = starts.clone();
        let mut requests = vec![PackedRequest(0); self.requests.len()];
        for (sequence, request) in self.requests {
            let place = &mut next[sequence as usize];
            requests[*place as usize] = request;
            *place += 1;
        }
        Sequences { requests, starts }
    }
}
