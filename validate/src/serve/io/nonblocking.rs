//! Non-blocking sockets under epoll.
//!
//! Covers receive and send; accepting is [`Os::accept`]. What would block comes back with EAGAIN;
//! the connection is registered for edges since it was accepted, and the loop issues the operation
//! again when an event says so.

use std::io;

use sim::server::event_loop::Issue;
use sim::server::script::{ConnId, Errno, Op, OpKind, Outcome};

use crate::serve::error::errno;
use crate::serve::os::Os;

/// Issues a socket operation, or parses.
///
/// # Panics
/// If `op` is a file operation.
pub(super) fn issue(os: &mut Os, id: ConnId, op: Op) -> Issue {
    match op {
        Op::Recv => {
            let received = os.conn(id).receive();
            count(os, OpKind::Recv, received)
        }
        Op::Send { at, bytes } => {
            let sent = os.conn(id).send(at, bytes);
            count(os, OpKind::Send, sent)
        }
        Op::Parse => {
            let request = os.conn(id).parse();
            Issue::Done(os.counted(request.map_or(Outcome::Failed(Errno::Other), Outcome::Request)))
        }
        _ => panic!("{op:?} is no socket operation"),
    }
}

fn count(os: &Os, kind: OpKind, result: io::Result<Option<u64>>) -> Issue {
    let counts = os.counts().op(kind);
    counts.issued.add(1);
    match result {
        Ok(Some(bytes)) => Issue::Done(Outcome::Bytes(bytes)),
        Ok(None) => {
            counts.would_block.add(1);
            counts.sleeps.add(1);
            Issue::Background
        }
        Err(error) => Issue::Done(os.counted(Outcome::Failed(errno(&error)))),
    }
}
