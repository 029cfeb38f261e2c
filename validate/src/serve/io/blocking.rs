//! `nb-b`: non-blocking sockets, and disk I/O that blocks the loop (SPED; thttpd as shipped).
//!
//! Covers every file operation: the plain call, metered.

use sim::server::event_loop::{Accepted, Io, Issue, Ready};
use sim::server::script::{ConnId, Op};

use super::{RealIo, call_in_loop, file_kind, nonblocking};
use crate::serve::ServeError;
use crate::serve::os::Os;

/// See the module's page.
pub(crate) struct NbBlocking;

impl RealIo for NbBlocking {
    fn begin(&mut self, _: &Os) -> Result<(), ServeError> {
        Ok(())
    }

    fn end(&mut self, _: &mut Os) {}
}

impl Io for NbBlocking {
    type Cx = Os;

    fn issue(&mut self, os: &mut Os, conn: ConnId, op: Op) -> Issue {
        match file_kind(op) {
            Some(kind) => call_in_loop(os, conn, op, kind),
            None => nonblocking::issue(os, conn, op),
        }
    }

    fn accept(&mut self, os: &mut Os) -> Accepted {
        os.accept().map_or(Accepted::None, Accepted::Conn)
    }

    fn collect(&mut self, os: &mut Os, ready: &mut Ready) -> bool {
        let found = os.wait();
        os.take_events(found, ready)
    }

    fn next_request(&mut self, os: &mut Os, conn: ConnId) -> bool {
        os.next_request(conn)
    }

    fn hang_up(&mut self, os: &mut Os, conn: ConnId) {
        os.hang_up(conn);
    }
}
