//! What is counted while a machine runs.

use crate::engine::Nanos;
use crate::server::script::OpKind;

/// What a kind of operation counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpCount {
    /// Operations issued.
    pub issued: u64,
    /// Operations that would block, each counted once.
    pub would_block: u64,
    /// Of these, those that found the disk in their way first; the others a socket.
    pub on_disk: u64,
    /// Sleeps of these, or returns of EAGAIN.
    pub sleeps: u64,
}

/// Everything counted since a run began.
#[derive(Clone, Debug, Default)]
pub struct Counters {
    /// By [`OpKind`].
    pub ops: [OpCount; OpKind::ALL.len()],
    /// Operations in which an event loop itself slept.
    pub loop_stalls: u64,
    /// Time that loops slept in them, added up.
    pub stalled: Nanos,
    /// Operations that went on in the background, each with a continuation.
    pub continuations: u64,
    /// Events taken from the event set.
    pub events: u64,
    /// Steps of processes.
    pub steps: u64,
    /// Connections dropped for a full backlog.
    pub dropped: u64,
}

impl Counters {
    /// What was counted after `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        Self {
            ops: std::array::from_fn(|kind| {
                let (now, then) = (self.ops[kind], earlier.ops[kind]);
                OpCount {
                    issued: now.issued - then.issued,
                    would_block: now.would_block - then.would_block,
                    on_disk: now.on_disk - then.on_disk,
                    sleeps: now.sleeps - then.sleeps,
                }
            }),
            loop_stalls: self.loop_stalls - earlier.loop_stalls,
            stalled: self.stalled - earlier.stalled,
            continuations: self.continuations - earlier.continuations,
            events: self.events - earlier.events,
            steps: self.steps - earlier.steps,
            dropped: self.dropped - earlier.dropped,
        }
    }
}
