//! A session: one request sequence as one client plays it, over one connection that persists.

use super::trace::PackedRequest;
use crate::engine::Nanos;

/// How [`Session::times`] are to be read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Timing {
    /// `times[i]` is the pause between the end of the previous response (for the first request,
    /// the session's start) and the sending of request `i`. Empty: no pauses.
    #[default]
    Pauses,
    /// `times[i]` is the offset from the session's start before which request `i` is not sent: a
    /// trace at its own times. A request also waits for the previous response.
    Offsets,
}

/// One session. Meant to be filled again and again, so that playing allocates nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Session {
    /// What the client asks for, in order; at least one request once filled.
    pub requests: Vec<PackedRequest>,
    /// When; see [`timing`](Self::timing). As long as `requests`, or empty.
    pub times: Vec<Nanos>,
    /// What `times` mean.
    pub timing: Timing,
    /// Closed clients only: the pause between the end of the client's previous session (for its
    /// first one, the start of the run) and the start of this one.
    pub before: Nanos,
}

impl Session {
    /// Takes everything out and keeps the memory.
    pub fn clear(&mut self, timing: Timing) {
        self.requests.clear();
        self.times.clear();
        self.timing = timing;
        self.before = Nanos::ZERO;
    }

    /// When request `index` is sent in a session that began at `start`, if the previous response
    /// ended at `ready` (for the first request: when the connection was ready for it).
    pub fn send_at(&self, index: usize, start: Nanos, ready: Nanos) -> Nanos {
        let time = self.times.get(index).copied().unwrap_or_default();
        match self.timing {
            Timing::Pauses => ready + time,
            Timing::Offsets => ready.max(start + time),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session(timing: Timing, times: &[u64]) -> Session {
        Session {
            requests: vec![PackedRequest::new(0, false); 2],
            times: times.iter().copied().map(Nanos).collect(),
            timing,
            before: Nanos::ZERO,
        }
    }

    #[test]
    fn a_pause_follows_the_response_and_an_offset_is_a_lower_bound() {
        let (start, early, late) = (Nanos(1_000), Nanos(1_100), Nanos(9_000));
        let none = session(Timing::Pauses, &[]);
        assert_eq!(none.send_at(1, start, early), early);
        let pauses = session(Timing::Pauses, &[0, 500]);
        assert_eq!(pauses.send_at(1, start, early), Nanos(1_600));
        assert_eq!(pauses.send_at(1, start, late), Nanos(9_500));
        let offsets = session(Timing::Offsets, &[0, 500]);
        assert_eq!(offsets.send_at(1, start, early), Nanos(1_500));
        assert_eq!(offsets.send_at(1, start, late), late);
    }

    #[test]
    fn clearing_leaves_nothing_behind() {
        let mut used = session(Timing::Offsets, &[1, 2]);
        used.before = Nanos(7);
        used.clear(Timing::Pauses);
        assert_eq!(used, Session::default());
    }
}
