//! When background calls are to be cancelled.

use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

use crate::{Completion, Handle};

/// At most one deadline per call.
#[derive(Default)]
pub(crate) struct Deadlines {
    by_time: BTreeSet<(Instant, Handle)>,
    by_call: HashMap<Handle, Instant>,
}

impl Deadlines {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_time.is_empty()
    }

    /// Sets, or moves, the deadline of a call.
    pub(crate) fn set(&mut self, call: Handle, deadline: Instant) {
        self.remove(call);
        self.by_call.insert(call, deadline);
        self.by_time.insert((deadline, call));
    }

    pub(crate) fn remove(&mut self, call: Handle) {
        if let Some(deadline) = self.by_call.remove(&call) {
            self.by_time.remove(&(deadline, call));
        }
    }

    /// Forgets calls that have ended.
    pub(crate) fn remove_all(&mut self, ended: &[Completion]) {
        if !self.is_empty() {
            for completion in ended {
                self.remove(completion.handle);
            }
        }
    }

    /// Takes the call whose deadline has passed the longest time ago, if any has.
    pub(crate) fn take_passed(&mut self, now: Instant) -> Option<Handle> {
        let &(deadline, call) = self.by_time.first()?;
        if deadline > now {
            return None;
        }
        self.remove(call);
        Some(call)
    }

    /// How long after `now` the next deadline is; `None` if there is none.
    pub(crate) fn next(&self, now: Instant) -> Option<Duration> {
        let (deadline, _) = self.by_time.first()?;
        Some(deadline.saturating_duration_since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn deadlines_pass_in_order_of_time() {
        let mut deadlines = Deadlines::default();
        let start = Instant::now();
        deadlines.set(Handle(1), start + 2 * SECOND);
        deadlines.set(Handle(2), start + SECOND);
        assert_eq!(deadlines.next(start), Some(SECOND));
        assert_eq!(deadlines.take_passed(start), None);
        let late = start + 3 * SECOND;
        assert_eq!(deadlines.next(late), Some(Duration::ZERO));
        assert_eq!(deadlines.take_passed(late), Some(Handle(2)));
        assert_eq!(deadlines.take_passed(late), Some(Handle(1)));
        assert_eq!(deadlines.take_passed(late), None);
        assert_eq!(deadlines.next(late), None);
    }

    #[test]
    fn a_call_has_one_deadline_and_none_once_it_has_ended() {
        let mut deadlines = Deadlines::default();
        let start = Instant::now();
        deadlines.set(Handle(1), start);
        deadlines.set(Handle(1), start + SECOND);
        assert_eq!(deadlines.take_passed(start), None);
        let ended = Completion {
            handle: Handle(1),
            result: Ok(0),
        };
        deadlines.remove_all(&[ended]);
        assert!(deadlines.is_empty());
    }
}
