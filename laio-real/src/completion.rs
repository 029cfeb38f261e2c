//! What becomes of a call.

use std::io;

/// What became of a call.
#[derive(Debug)]
pub enum Submission {
    /// It has ended: its value, or its error number.
    Done(io::Result<i64>),
    /// It blocked and continues in the background. [`Laio::poll`](crate::Laio::poll) will return its result.
    Background(Handle),
}

/// A call that continues in the background.
///
/// Handles count the calls of an engine and are never used again, so a handle cannot be confused
/// with a later call's, in whatever order completions are handled. Those of two engines can be equal:
/// keep each with its engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Handle(pub(crate) u64);

/// The end of a call that went to the background.
#[derive(Debug)]
pub struct Completion {
    /// The handle that [`Submission::Background`] returned.
    pub handle: Handle,
    /// What the call returned: its value, or its error number.
    pub result: io::Result<i64>,
}
