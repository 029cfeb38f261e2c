//! The disk model driven by real arrivals, in virtual time.

use std::collections::HashMap;
use std::mem;

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskRequest, SECTOR_BYTES, Started};

use super::log::DiskIo;

/// A disk model and the requests in it.
///
/// Requests arrive at the real instant; the model's completions happen at the
/// instants that it announces, however late the caller notices. So a thread
/// that oversleeps delays one reply, but never the start of the next request.
pub(super) struct VirtualDisk<Ticket> {
    disk: Disk,
    in_service: Vec<InService>,
    /// What the model has started in the present call; empty between two.
    started: Vec<Started>,
    pending: HashMap<u64, Pending<Ticket>>,
    next_tag: u64,
    served: Vec<Served<Ticket>>,
}

#[derive(Clone, Copy)]
struct InService {
    token: u32,
    start: Nanos,
    finish: Nanos,
}

struct Pending<Ticket> {
    io: DiskIo,
    ticket: Ticket,
}

/// A request that the model has finished and that is to be replied to.
pub(super) struct Served<Ticket> {
    /// Everything but the time of the reply.
    pub(super) io: DiskIo,
    /// What the caller needs to reply.
    pub(super) ticket: Ticket,
}

impl<Ticket> VirtualDisk<Ticket> {
    pub(super) fn new(disk: Disk) -> Self {
        Self {
            disk,
            in_service: Vec::new(),
            started: Vec::new(),
            pending: HashMap::new(),
            next_tag: 0,
            served: Vec::new(),
        }
    }

    /// A request arrives `now`, which is not earlier than in any previous call.
    pub(super) fn arrive(
        &mut self,
        now: Nanos,
        offset_bytes: u64,
        length_bytes: u32,
        ticket: Ticket,
    ) {
        self.advance(now);
        let tag = self.next_tag;
        self.next_tag += 1;
        let request = DiskRequest {
            lbn: offset_bytes / SECTOR_BYTES,
            sectors: length_bytes.div_ceil(SECTOR_BYTES as u32),
            tag,
        };
        self.disk.submit(now, request, &mut self.started);
        self.note_started(now);
        let ahead = self.pending.len() as u32;
        let io = DiskIo::arriving(now, offset_bytes, length_bytes, ahead);
        self.pending.insert(tag, Pending { io, ticket });
    }

    /// Lets the disk work until `now`.
    pub(super) fn advance(&mut self, now: Nanos) {
        while let Some(index) = self.earliest() {
            let InService {
                token,
                start,
                finish,
            } = self.in_service[index];
            if finish > now {
                break;
            }
            self.in_service.remove(index);
            let request = self.disk.complete(finish, token, &mut self.started);
            self.note_started(finish);
            if let Some(Pending { mut io, ticket }) = self.pending.remove(&request.tag) {
                (io.start, io.finish) = (start, finish);
                self.served.push(Served { io, ticket });
            }
        }
    }

    /// When the next request will be finished.
    pub(super) fn next_finish(&self) -> Option<Nanos> {
        self.earliest().map(|index| self.in_service[index].finish)
    }

    /// Which request in service ends next; of several, the one started first.
    fn earliest(&self) -> Option<usize> {
        (0..self.in_service.len()).min_by_key(|&index| self.in_service[index].finish)
    }

    fn note_started(&mut self, start: Nanos) {
        let started = self
            .started
            .drain(..)
            .map(|Started { token, finish }| InService {
                token,
                start,
                finish,
            });
        self.in_service.extend(started);
    }

    /// What was finished since the last call, in order.
    pub(super) fn take_served(&mut self) -> Vec<Served<Ticket>> {
        mem::take(&mut self.served)
    }

    /// Forgets all requests; their tickets are dropped.
    pub(super) fn abandon(&mut self) {
        self.pending.clear();
        self.served.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::emulate::disk::tests::{fixed_disk, fixed_disk_with_servers};

    const SERVICE: Nanos = Nanos::from_millis(10);

    fn disk() -> VirtualDisk<u32> {
        VirtualDisk::new(fixed_disk(SERVICE))
    }

    fn ms(n: u64) -> Nanos {
        Nanos::from_millis(n)
    }

    #[test]
    fn oversleeping_never_adds_up() {
        let mut disk = disk();
        for ticket in 0..100 {
            disk.arrive(ms(1), 0, 4096, ticket);
        }
        // The caller looks only every 37 ms, never when a request finishes.
        let mut served = Vec::new();
        for look in 1..=30 {
            disk.advance(ms(37 * look));
            served.append(&mut disk.take_served());
        }
        let finishes: Vec<_> = served.iter().map(|s| s.io.finish).collect();
        let law: Vec<_> = (1..=100).map(|n| ms(1) + SERVICE * n).collect();
        assert_eq!(finishes, law);
        assert!(served.iter().all(|s| s.io.finish == s.io.start + SERVICE));
    }

    #[test]
    fn an_arrival_after_an_unnoticed_finish_starts_at_once() {
        let mut disk = disk();
        disk.arrive(ms(0), 0, 4096, 0);
        disk.arrive(ms(15), 8192, 4096, 1);
        disk.advance(ms(25));
        let io = disk.take_served().remove(1).io;
        assert_eq!((io.start, io.finish, io.ahead), (ms(15), ms(25), 0));
    }

    #[test]
    fn an_arrival_before_the_finish_waits_for_it() {
        let mut disk = disk();
        disk.arrive(ms(0), 0, 4096, 0);
        disk.arrive(ms(4), 8192, 4096, 1);
        assert_eq!(disk.next_finish(), Some(ms(10)));
        disk.advance(ms(19));
        assert_eq!(disk.take_served().len(), 1);
        disk.advance(ms(20));
        let io = disk.take_served().remove(0).io;
        assert_eq!((io.start, io.finish, io.ahead), (ms(10), ms(20), 1));
        assert_eq!(disk.next_finish(), None);
    }

    #[test]
    fn several_in_service_finish_at_their_own_instants() {
        let mut disk = VirtualDisk::new(fixed_disk_with_servers(SERVICE, 2));
        for (arrival, ticket) in [(0, 0), (4, 1), (5, 2)] {
            disk.arrive(ms(arrival), 0, 4096, ticket);
        }
        assert_eq!(disk.next_finish(), Some(ms(10)));
        // Noticed late, all at once.
        disk.advance(ms(100));
        let served = disk.take_served();
        let times: Vec<_> = served.iter().map(|s| (s.io.start, s.io.finish)).collect();
        let law = [(ms(0), ms(10)), (ms(4), ms(14)), (ms(10), ms(20))];
        assert_eq!(times, law);
    }

    #[test]
    fn abandoned_requests_release_their_tickets() {
        let ticket = std::rc::Rc::new(());
        let mut disk = VirtualDisk::new(fixed_disk(SERVICE));
        disk.arrive(ms(0), 0, 4096, ticket.clone());
        disk.arrive(ms(1), 0, 4096, ticket.clone());
        disk.abandon();
        assert_eq!(std::rc::Rc::strong_count(&ticket), 1);
    }
}
