//! The I/O interfaces on the real machine: one file each, with the system calls that the file of
//! the same name in `sim` accounts for.

mod blocking;
mod helper;
mod helper_process;
mod laio;
mod nonblocking;
mod residency;

pub(super) use blocking::NbBlocking;
pub(super) use helper::NbAmped;
pub(super) use laio::NbLaio;

use sim::server::event_loop::{Io, Issue};
use sim::server::script::{ConnId, Op, OpKind};

use super::ServeError;
use super::meter::metered;
use super::os::Os;

/// An interface that the server can run.
pub(super) trait RealIo: Io<Cx = Os> {
    /// Registers its own descriptors.
    ///
    /// # Errors
    /// If it cannot.
    fn begin(&mut self, os: &Os) -> Result<(), ServeError>;

    /// The loop has ended: ends what goes on in the background.
    fn end(&mut self, os: &mut Os);
}

/// The kind of a file operation; `None` for what [`nonblocking`] does.
///
/// # Panics
/// For an operation that the script, as the real server sets it up, never asks for: it reads and
/// sends, keeps nothing, computes nothing of its own, writes no log; and the loop accepts.
fn file_kind(op: Op) -> Option<OpKind> {
    match op {
        Op::Open { .. } | Op::Stat(_) | Op::Fstat | Op::Read { .. } | Op::Close => op.kind(),
        Op::Recv | Op::Parse | Op::Send { .. } => None,
        Op::Accept
        | Op::Compute(_)
        | Op::Attach(_)
        | Op::Map
        | Op::SendFile { .. }
        | Op::SendMapped { .. }
        | Op::Log => unreachable!("the real server's script never asks for {op:?}"),
    }
}

/// Makes the file operation `op` in the loop, which sleeps if it blocks.
fn call_in_loop(os: &mut Os, conn: ConnId, op: Op, kind: OpKind) -> Issue {
    let call = os.file_call(conn, op);
    // SAFETY: the connection's memory is valid for the call, and nobody else uses it.
    let metered = unsafe { metered(call) };
    metered.slept.count_in_loop(os.counts(), kind);
    Issue::Done(os.file_outcome(conn, op, metered.result))
}
