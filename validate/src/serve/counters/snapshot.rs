//! Counts as plain numbers, to be subtracted and added.

use sim::engine::Nanos;
use sim::server::script::OpKind;

/// What one kind of operation counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpTally {
    /// Operations issued.
    pub issued: u64,
    /// Those that could not finish without waiting: they slept, or came back with EAGAIN.
    pub would_block: u64,
    /// How often they slept. Zero for the file operations of `nb-laio`: there it is known only
    /// that a call slept.
    pub sleeps: u64,
    /// `nb-laio`: those that slept and yet returned inline, because no watcher ran in time: the
    /// loop stalled. They are among `would_block`.
    pub late: u64,
    /// `nb-laio`: those whose control was taken although they were preempted only. They are not
    /// among `would_block`.
    pub false_steals: u64,
}

/// What one process counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// By [`OpKind`].
    pub ops: [OpTally; OpKind::ALL.len()],
    /// Operations in which the loop itself slept.
    pub loop_stalls: u64,
    /// Time from the start of those to their end. Zero for `nb-laio`, which does not take it.
    pub stalled: Nanos,
    /// Operations that went on in the background, each with a continuation.
    pub continuations: u64,
    /// Requests answered.
    pub requests: u64,
    /// Operations that failed and ended their connection; a name that does not exist, which is
    /// answered, is none of them.
    pub failures: u64,
}

impl Tally {
    /// The counts of one kind.
    pub fn op(&self, kind: OpKind) -> OpTally {
        self.ops[kind as usize]
    }

    fn combined(&self, other: &Self, with: fn(u64, u64) -> u64) -> Self {
        Self {
            ops: std::array::from_fn(|kind| {
                let (a, b) = (self.ops[kind], other.ops[kind]);
                OpTally {
                    issued: with(a.issued, b.issued),
                    would_block: with(a.would_block, b.would_block),
                    sleeps: with(a.sleeps, b.sleeps),
                    late: with(a.late, b.late),
                    false_steals: with(a.false_steals, b.false_steals),
                }
            }),
            loop_stalls: with(self.loop_stalls, other.loop_stalls),
            stalled: Nanos(with(self.stalled.0, other.stalled.0)),
            continuations: with(self.continuations, other.continuations),
            requests: with(self.requests, other.requests),
            failures: with(self.failures, other.failures),
        }
    }
}

/// The counters of a server's processes at one time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The event loop.
    pub event_loop: Tally,
    /// Each helper process.
    pub helpers: Vec<Tally>,
}

impl Snapshot {
    /// What was counted since `earlier`, a snapshot of the same server.
    pub fn minus(&self, earlier: &Self) -> Self {
        let since = |late: &Tally, early: &Tally| late.combined(early, |a, b| a - b);
        Self {
            event_loop: since(&self.event_loop, &earlier.event_loop),
            helpers: self
                .helpers
                .iter()
                .zip(&earlier.helpers)
                .map(|(late, early)| since(late, early))
                .collect(),
        }
    }

    /// The loop and its helpers together.
    pub fn total(&self) -> Tally {
        self.helpers.iter().fold(self.event_loop, |sum, helper| {
            sum.combined(helper, |a, b| a + b)
        })
    }
}
