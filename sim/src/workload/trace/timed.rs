//! Sequences with their recorded times: a trace played when it happened.

use std::io::Read;

use super::sequences::{Cutter, Sequences};
use super::{TraceError, TraceReader};
use crate::engine::Nanos;
use crate::workload::session::{Session, Timing};

/// Stands for a gap that does not fit 32 bits.
const LONG: u32 = u32::MAX;

/// Request sequences and when their requests were recorded.
///
/// Times are kept in the recording's own ticks, and so exactly, as the gap since the request
/// before in the same sequence: 4 bytes per request. A gap of 2^32 - 1 ticks or more (4.3 s where
/// a tick is 1 ns, 71 minutes where it is 1 us) takes 16 bytes more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedSequences {
    sequences: Sequences,
    /// A tick in nanoseconds.
    tick_ns: u64,
    /// When each sequence starts, in ticks.
    starts: Vec<u64>,
    /// Ticks since the request before, in the order of the requests; a sequence's first has 0.
    gaps: Vec<u32>,
    /// The gaps that [`LONG`] stands for: the request's place and the ticks, by place.
    long: Vec<(u32, u64)>,
}

impl TimedSequences {
    /// The sequences without their times.
    pub fn sequences(&self) -> &Sequences {
        &self.sequences
    }

    /// When sequence `index` was started, with the recording stretched by `time_scale` (2 = twice
    /// as slow). Sequences come in the order of their starts; starts can be equal.
    ///
    /// Exact for a scale of 1, else to the rounding of an `f64`: to a nanosecond in the first 2^53
    /// (104 days).
    ///
    /// # Panics
    ///
    /// If there is no such sequence.
    pub fn start(&self, index: usize, time_scale: f64) -> Nanos {
        self.scaled(self.starts[index], time_scale)
    }

    /// Fills `out` with sequence `index` at its own times, stretched by `time_scale`: offsets
    /// from [`start`](Self::start).
    ///
    /// # Panics
    ///
    /// If there is no such sequence.
    pub fn session(&self, index: usize, time_scale: f64, out: &mut Session) {
        out.clear(Timing::Offsets);
        let range = self.sequences.range(index);
        let mut ticks = 0;
        for place in range {
            ticks += self.gap(place);
            out.requests.push(self.sequences.requests()[place]);
            out.times.push(self.scaled(ticks, time_scale));
        }
    }

    fn gap(&self, place: usize) -> u64 {
        let gap = self.gaps[place];
        if gap < LONG {
            return gap.into();
        }
        let found = self.long.binary_search_by_key(&place, |(p, _)| *p as usize);
        self.long[found.expect("every long gap is listed")].1
    }

    fn scaled(&self, ticks: u64, time_scale: f64) -> Nanos {
        if time_scale == 1.0 {
            return Nanos(ticks * self.tick_ns);
        }
        Nanos(((ticks * self.tick_ns) as f64 * time_scale).round() as u64)
    }
}

impl<R: Read> TraceReader<R> {
    /// As [`sequences`](Self::sequences), with the recorded times.
    ///
    /// Takes 4 bytes more per request and 8 per sequence, and 4 more per request while reading.
    ///
    /// # Errors
    ///
    /// As [`sequences`](Self::sequences).
    pub fn timed_sequences(self, longest_gap: Nanos) -> Result<TimedSequences, TraceError> {
        self.check_length()?;
        let tick_ns = self.metadata().tick_ns;
        let mut cutter = Cutter::default();
        let mut times = Times::default();
        for record in self {
            let record = record?;
            match cutter.add(record, longest_gap) {
                Some(gap) => times.continue_sequence(gap.0 / tick_ns),
                None => times.start_sequence(record.time.0 / tick_ns),
            }
        }
        Ok(times.place(cutter, tick_ns))
    }
}

/// Times in the order of the recording.
#[derive(Default)]
struct Times {
    starts: Vec<u64>,
    gaps: Vec<u32>,
    long: Vec<u64>,
}

impl Times {
    fn start_sequence(&mut self, ticks: u64) {
        self.starts.push(ticks);
        self.gaps.push(0);
    }

    fn continue_sequence(&mut self, ticks: u64) {
        let short = u32::try_from(ticks).unwrap_or(LONG);
        if short == LONG {
            self.long.push(ticks);
        }
        self.gaps.push(short);
    }

    /// Puts the gaps where the requests go.
    fn place(self, cutter: Cutter, tick_ns: u64) -> TimedSequences {
        let mut gaps = vec![0; self.gaps.len()];
        let mut long = Vec::with_capacity(self.long.len());
        let mut recorded_long = self.long.into_iter();
        let sequences = cutter.finish(|from, to| {
            gaps[to] = self.gaps[from];
            if gaps[to] == LONG {
                let ticks = recorded_long.next().expect("one was kept for each");
                long.push((to as u32, ticks));
            }
        });
        long.sort_unstable();
        TimedSequences {
            sequences,
            tick_ns,
            starts: self.starts,
            gaps,
            long,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workload::trace::PackedRequest;

    fn timed() -> TimedSequences {
        let record = |time, client| crate::workload::trace::Record {
            time: Nanos(time),
            client,
            object: client,
            not_modified: false,
        };
        let mut cutter = Cutter::default();
        let mut times = Times::default();
        for (time, client) in [
            (3, 0),
            (5, 1),
            (6, 0),
            (5_000_000_000, 1),
            (5_000_000_009, 0),
        ] {
            match cutter.add(record(time, client), Nanos::MAX) {
                Some(gap) => times.continue_sequence(gap.0),
                None => times.start_sequence(time),
            }
        }
        times.place(cutter, 1)
    }

    fn offsets(timed: &TimedSequences, index: usize, scale: f64) -> Vec<u64> {
        let mut session = Session::default();
        timed.session(index, scale, &mut session);
        assert_eq!(session.timing, Timing::Offsets);
        assert!(
            session
                .requests
                .iter()
                .all(|r| *r == PackedRequest::new(index as u32, false))
        );
        session.times.into_iter().map(|time| time.0).collect()
    }

    #[test]
    fn gaps_of_more_than_32_bits_are_kept_exactly() {
        let timed = timed();
        assert_eq!(timed.long.len(), 2);
        assert_eq!(offsets(&timed, 0, 1.0), [0, 3, 5_000_000_006]);
        assert_eq!(offsets(&timed, 1, 1.0), [0, 4_999_999_995]);
    }

    #[test]
    fn the_time_scale_stretches_starts_and_offsets() {
        let timed = timed();
        assert_eq!(
            [timed.start(0, 2.0), timed.start(1, 2.0)],
            [Nanos(6), Nanos(10)]
        );
        assert_eq!(offsets(&timed, 0, 2.0), [0, 6, 10_000_000_012]);
        assert_eq!(offsets(&timed, 0, 0.5), [0, 2, 2_500_000_003]);
    }
}
