//! When a resource that one user at a time occupies is taken.

use std::collections::VecDeque;

use crate::engine::Nanos;

/// The spans for which a channel or a link is booked.
///
/// A booking is never moved. A later one may use the gaps in front of it, so
/// that nobody waits for a resource that is free.
#[derive(Clone, Debug, Default)]
pub(super) struct Timeline {
    /// `(start, end)`, ascending, not overlapping.
    booked: VecDeque<(Nanos, Nanos)>,
}

impl Timeline {
    /// Books the first free time from `ready` on, in pieces if need be, that
    /// adds up to `span`, and returns when the last piece ends. No booking will
    /// be asked for before `now`.
    pub(super) fn book(&mut self, now: Nanos, ready: Nanos, span: Nanos) -> Nanos {
        while self.booked.front().is_some_and(|&(_, end)| end <= now) {
            self.booked.pop_front();
        }
        if span == Nanos::ZERO {
            return ready;
        }
        let first = self.booked.partition_point(|&(_, end)| end < ready);
        let (mut start, mut at, mut left, mut next) = (ready, ready, span, first);
        while let Some(&(from, to)) = self.booked.get(next) {
            let free = from.saturating_sub(at);
            if left <= free {
                break;
            }
            start = start.min(from);
            (at, left) = (to, left - free);
            next += 1;
        }
        // From here to there no gap is left.
        self.booked.drain(first..next);
        self.booked.insert(first, (start, at + left));
        at + left
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn books_the_first_free_nanoseconds(
            wishes in vec((0u64..5, 0u64..30, 0u64..6), 1..60),
        ) {
            let mut line = Timeline::default();
            let (mut now, mut taken) = (0, BTreeSet::new());
            for (gap, ahead, span) in wishes {
                now += gap;
                let ready = now + ahead;
                let free = (ready..).filter(|ns| !taken.contains(ns));
                let free: Vec<u64> = free.take(span as usize).collect();
                let end = free.last().map_or(ready, |last| last + 1);
                taken.extend(free);
                let booked = line.book(Nanos(now), Nanos(ready), Nanos(span));
                prop_assert_eq!(booked, Nanos(end));
            }
        }
    }

    #[test]
    fn back_to_back_bookings_are_one_span() {
        let mut line = Timeline::default();
        for _ in 0..1_000 {
            line.book(Nanos::ZERO, Nanos(5), Nanos(7));
        }
        assert_eq!(line.booked, [(Nanos(5), Nanos(7_005))]);
    }
}
