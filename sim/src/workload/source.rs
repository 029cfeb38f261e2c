//! Where the sessions of a run come from.

use super::session::Session;
use super::synthetic::Synthetic;
use super::trace::{Sequences, TimedSequences};
use crate::engine::Nanos;

/// A supply of sessions.
#[derive(Clone, Debug)]
pub enum Source {
    /// A trace's request sequences, without their times, with this pause before each request but
    /// the first.
    Trace(Sequences, Nanos),
    /// A trace's request sequences at their own times, stretched by this factor.
    Timed(TimedSequences, f64),
    /// Drawn on demand.
    Synthetic(Synthetic),
}

impl Source {
    /// Fills `out` with the session `number`, of those that are not a client's own.
    pub fn session(&self, replication: u32, number: u32, out: &mut Session) {
        match self {
            Self::Trace(sequences, pause) => sequences.session(number as usize, *pause, out),
            Self::Timed(sequences, scale) => sequences.session(number as usize, *scale, out),
            Self::Synthetic(synthetic) => {
                synthetic.session(replication.into(), 0, number.into(), out);
            }
        }
    }

    /// Fills `out` with the session `number` of `client`, where sessions are without end.
    ///
    /// # Panics
    /// If they are a trace's.
    pub fn endless_session(&self, replication: u32, client: u32, number: u32, out: &mut Session) {
        match self {
            Self::Synthetic(synthetic) => {
                synthetic.session(replication.into(), client, number.into(), out);
            }
            Self::Trace(..) | Self::Timed(..) => panic!("a trace has an end"),
        }
    }

    /// How many of the first sessions bring `requests` requests, or all where that is `None` or
    /// more than there are; and how many requests these are. Synthetic sessions without a number
    /// of requests have no end: `None`.
    pub fn bringing(&self, requests: Option<u64>) -> Option<(u32, u64)> {
        match self {
            Self::Trace(sequences, _) => Some(sequences.bringing(requests)),
            Self::Timed(sequences, _) => Some(sequences.sequences().bringing(requests)),
            Self::Synthetic(_) => {
                let (wanted, mut sessions, mut brought) = (requests?, 0, 0);
                let mut session = Session::default();
                while brought < wanted {
                    // Counted in the first replication; others bring about as many.
                    self.session(0, sessions, &mut session);
                    brought += session.requests.len() as u64;
                    sessions += 1;
                }
                Some((sessions, brought))
            }
        }
    }
}
