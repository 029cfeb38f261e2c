//! What can happen on the machine, packed into the event set's words.

use super::cpu::ProcId;
use crate::server::script::ConnId;

/// What can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A CPU takes its next step.
    Cpu(u32),
    /// A wake-up from another CPU reaches a process.
    Wake(ProcId),
    /// A request reaches its disk.
    DiskSubmit(u32),
    /// A disk finishes a request that it has in service: which disk, which request.
    DiskDone(u32, u32),
    /// A finished request's pages are usable.
    DiskReady(u32),
    /// A client begins its next session.
    Start(u32),
    /// The next session of open arrivals begins.
    Arrival,
    /// A client's pause before its next request is over.
    Resume(u32),
    /// A connection's handshake reaches the server.
    Connected(ConnId),
    /// A client whose connection was dropped tries again: which client, with which of its
    /// requests.
    Retry(u32, u32),
    /// A request reaches the server.
    Request(ConnId),
    /// A client's hang-up reaches the server.
    HangUp(ConnId),
    /// A client's reset reaches the server.
    Reset(ConnId),
    /// A connection's send buffer has drained.
    Writable(ConnId),
    /// Bytes of a response reach the client.
    Delivered(ConnId, u32),
    /// The server's closing of a connection reaches the client.
    Closed(ConnId),
    /// A client's patience with a request is over: which client, which of its requests.
    OutOfPatience(u32, u32),
    /// The kernel's proactive page-out takes the next pages.
    PageOut,
    /// The kernel gathers its statistics of memory.
    Statistics,
    /// What was counted so far is noted.
    Note,
}

/// Connections, disks and clients that share a word with something else are fewer than 2^24: a
/// connection takes a hundred bytes at the least.
const MAX_SHARED: u32 = 1 << 24;

impl Event {
    pub(super) fn pack(self) -> u64 {
        let word = |kind: u64, a: u32, b: u32| {
            debug_assert!(a < MAX_SHARED);
            kind << 56 | u64::from(a) << 32 | u64::from(b)
        };
        match self {
            Self::Cpu(cpu) => word(0, 0, cpu),
            Self::Wake(proc) => word(1, 0, proc.0),
            Self::DiskSubmit(io) => word(2, 0, io),
            Self::DiskDone(disk, token) => word(3, disk, token),
            Self::DiskReady(io) => word(4, 0, io),
            Self::Start(client) => word(5, 0, client),
            Self::Connected(conn) => word(6, 0, conn.0),
            Self::Request(conn) => word(7, 0, conn.0),
            Self::HangUp(conn) => word(8, 0, conn.0),
            Self::Writable(conn) => word(9, 0, conn.0),
            Self::Delivered(conn, bytes) => word(10, conn.0, bytes),
            Self::PageOut => word(11, 0, 0),
            Self::Arrival => word(12, 0, 0),
            Self::Resume(client) => word(13, 0, client),
            Self::Retry(client, request) => word(14, client, request),
            Self::Reset(conn) => word(15, 0, conn.0),
            Self::Closed(conn) => word(16, 0, conn.0),
            Self::OutOfPatience(client, request) => word(17, client, request),
            Self::Note => word(18, 0, 0),
            Self::Statistics => word(19, 0, 0),
        }
    }

    pub(super) fn unpack(word: u64) -> Self {
        let (shared, low) = ((word >> 32) as u32 & (MAX_SHARED - 1), word as u32);
        match word >> 56 {
            0 => Self::Cpu(low),
            1 => Self::Wake(ProcId(low)),
            2 => Self::DiskSubmit(low),
            3 => Self::DiskDone(shared, low),
            4 => Self::DiskReady(low),
            5 => Self::Start(low),
            6 => Self::Connected(ConnId(low)),
            7 => Self::Request(ConnId(low)),
            8 => Self::HangUp(ConnId(low)),
            9 => Self::Writable(ConnId(low)),
            10 => Self::Delivered(ConnId(shared), low),
            11 => Self::PageOut,
            12 => Self::Arrival,
            13 => Self::Resume(low),
            14 => Self::Retry(shared, low),
            15 => Self::Reset(ConnId(low)),
            16 => Self::Closed(ConnId(low)),
            17 => Self::OutOfPatience(shared, low),
            18 => Self::Note,
            _ => Self::Statistics,
        }
    }

    /// The connection that it names, if it names one.
    pub(crate) fn conn(self) -> Option<ConnId> {
        match self {
            Self::Connected(conn)
            | Self::Request(conn)
            | Self::HangUp(conn)
            | Self::Reset(conn)
            | Self::Writable(conn)
            | Self::Delivered(conn, _)
            | Self::Closed(conn) => Some(conn),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_survive_packing() {
        let events = [
            Event::Cpu(1),
            Event::Wake(ProcId(9)),
            Event::DiskSubmit(3),
            Event::DiskDone(7, u32::MAX),
            Event::DiskReady(u32::MAX),
            Event::Start(5),
            Event::Connected(ConnId(6)),
            Event::Request(ConnId(7)),
            Event::HangUp(ConnId(8)),
            Event::Writable(ConnId(9)),
            Event::Delivered(ConnId(MAX_SHARED - 1), u32::MAX),
            Event::PageOut,
            Event::Arrival,
            Event::Resume(2),
            Event::Retry(6, u32::MAX),
            Event::Reset(ConnId(1)),
            Event::Closed(ConnId(2)),
            Event::OutOfPatience(3, 4),
            Event::Note,
            Event::Statistics,
        ];
        for event in events {
            assert_eq!(Event::unpack(event.pack()), event);
        }
    }
}
