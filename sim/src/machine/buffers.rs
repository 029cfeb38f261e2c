//! The buffers into which a server reads files: memory that the cache does not get.
//!
//! Each connection that a copy of the server has open has a buffer, and so has each worker that
//! reads for others. A page of a buffer takes memory from when it is first written to, as fresh
//! memory of a process does, and keeps it: the buffer of a connection that is closed waits for the
//! next one that is accepted, the last one closed first.

use super::PAGE_BYTES;
use super::cpu::ProcId;
use super::state::slot;
use crate::server::script::ConnId;

/// How many pages of each buffer have been written to.
#[derive(Default)]
pub(super) struct Buffers {
    /// By connection.
    of_connections: Vec<u32>,
    /// By process.
    of_workers: Vec<u32>,
    /// By copy of the server: those without a connection.
    free: Vec<Vec<u32>>,
}

impl Buffers {
    /// `copy` accepts a connection, which gets a buffer.
    pub(super) fn open(&mut self, conn: ConnId, copy: u32) {
        let buffer = slot(&mut self.free, copy).pop().unwrap_or(0);
        *slot(&mut self.of_connections, conn.0) = buffer;
    }

    /// `copy` closes it.
    pub(super) fn close(&mut self, conn: ConnId, copy: u32) {
        let buffer = *slot(&mut self.of_connections, conn.0);
        slot(&mut self.free, copy).push(buffer);
    }

    /// A connection's buffer is written to up to `end_bytes`. Returns how many pages are new.
    pub(super) fn write(&mut self, conn: ConnId, end_bytes: u64) -> u64 {
        grow(slot(&mut self.of_connections, conn.0), end_bytes)
    }

    /// A worker's own buffer is.
    pub(super) fn write_by_worker(&mut self, proc: ProcId, end_bytes: u64) -> u64 {
        grow(slot(&mut self.of_workers, proc.0), end_bytes)
    }
}

fn grow(pages: &mut u32, end_bytes: u64) -> u64 {
    let before = *pages;
    *pages = before.max(end_bytes.div_ceil(PAGE_BYTES) as u32);
    u64::from(*pages - before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_take_memory_once() {
        let mut buffers = Buffers::default();
        buffers.open(ConnId(3), 0);
        assert_eq!(buffers.write(ConnId(3), 1), 1);
        assert_eq!(buffers.write(ConnId(3), PAGE_BYTES), 0);
        assert_eq!(buffers.write(ConnId(3), 2 * PAGE_BYTES + 1), 2);
        assert_eq!(buffers.write_by_worker(ProcId(7), 1), 1);
    }

    #[test]
    fn a_copy_gives_the_next_connection_what_the_last_one_has_left() {
        let mut buffers = Buffers::default();
        for conn in [0, 1] {
            buffers.open(ConnId(conn), 0);
        }
        buffers.write(ConnId(0), 5 * PAGE_BYTES);
        buffers.close(ConnId(1), 0);
        buffers.close(ConnId(0), 0);
        buffers.open(ConnId(0), 1);
        assert_eq!(buffers.write(ConnId(0), PAGE_BYTES), 1, "another copy's");
        buffers.open(ConnId(2), 0);
        assert_eq!(buffers.write(ConnId(2), 5 * PAGE_BYTES), 0);
        buffers.open(ConnId(4), 0);
        assert_eq!(buffers.write(ConnId(4), PAGE_BYTES), 1);
    }
}
