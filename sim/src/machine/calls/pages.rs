//! Reading, and moving or sending a file's pages: each must be in the cache, and is read with
//! what the kernel reads ahead if it is not.

use super::{Call, Caller, Progress, Sockets, Wait};
use crate::engine::Nanos;
use crate::machine::PAGE_BYTES;
use crate::machine::cache::PageState;
use crate::machine::cache::readahead::Window;
use crate::machine::cpu::Activity;
use crate::machine::state::{Machine, OpenFile};
use crate::scenario::units::Bytes;
use crate::server::script::{ConnId, Errno, Op, Outcome};

/// Pages that sendfile moves at a time: the buffers of the pipe inside it
/// (`PIPE_DEF_BUFFERS`, fs/splice.c).
const PAGES_PER_SPLICE: u32 = 16;

/// Pages that a fault on a cached page maps: Linux's `fault_around_bytes`, 64 KiB.
const PAGES_PER_FAULT: u32 = 16;

impl Machine {
    /// The part of the file that a call works on.
    pub(super) fn find_first_page(&mut self, call: &mut Call) {
        let (Op::Read { offset, .. } | Op::SendFile { offset, .. } | Op::SendMapped { offset, .. }) =
            call.op
        else {
            return;
        };
        let object = self.file(call.caller).object;
        let (first, _) = self.files.pages(object);
        call.next_page = first + (offset / PAGE_BYTES) as u32;
    }

    pub(super) fn advance_read(&mut self, call: &mut Call) -> Progress {
        let Op::Read { offset, bytes, at } = call.op else {
            unreachable!("asked for by the operation")
        };
        let object = self.file(call.caller).object;
        let end_byte = (offset + u64::from(bytes)).min(self.files.size(object));
        let (first, _) = self.files.pages(object);
        let end = first + end_byte.div_ceil(PAGE_BYTES) as u32;
        let from = call.next_page;
        let ready = self.need_pages(call, end, false);
        let page_cost = self.costs.call.read_page;
        self.charge(
            Activity::Request,
            page_cost * u64::from(call.next_page - from),
        );
        if let Err(wait) = ready {
            return Progress::Waits(wait);
        }
        self.file(call.caller).read_ahead.read_up_to(end_byte);
        self.write_to_buffer(call.caller, u64::from(at) + end_byte - offset);
        Progress::Ran(Outcome::Bytes(end_byte - offset))
    }

    /// The buffer of a call that reads is written to up to `end_bytes`: its new pages take memory.
    fn write_to_buffer(&mut self, caller: Caller, end_bytes: u64) {
        let new = match caller {
            Caller::Conn(conn) => self.buffers.write(conn, end_bytes),
            Caller::Worker(proc) => self.buffers.write_by_worker(proc, end_bytes),
            Caller::Copy(_) => unreachable!("a copy reads for a connection"),
        };
        if new > 0 {
            self.reserve(Bytes(self.costs.memory.buffer_page.0 * new));
        }
    }

    /// Takes up to 16 pages at a time from the cache into the socket.
    pub(super) fn advance_sendfile(&mut self, call: &mut Call) -> Progress {
        let Op::SendFile { offset, bytes } = call.op else {
            unreachable!("asked for by the operation")
        };
        let conn = call.conn().expect("moves to a socket");
        let object = self.file(call.caller).object;
        let (first, _) = self.files.pages(object);
        let end_byte = offset + u64::from(bytes);
        loop {
            let at = offset + call.moved;
            let splice = (u64::from(PAGES_PER_SPLICE) * PAGE_BYTES).min(end_byte - at);
            let end = first + (at + splice).div_ceil(PAGE_BYTES) as u32;
            if let Err(wait) = self.need_pages(call, end, false) {
                return Progress::Waits(wait);
            }
            self.file(call.caller).read_ahead.read_up_to(at + splice);
            let costs = (self.costs.call.sendfile, self.costs.call.sendfile_page);
            match self.put_into_socket(call, conn, splice, costs) {
                Ok(0) => return self.socket_is_full(call, conn),
                Ok(taken) => call.moved += taken,
                Err(errno) => return Progress::Ran(Outcome::Failed(errno)),
            }
            if offset + call.moved >= end_byte {
                return Progress::Ran(Outcome::Bytes(call.moved));
            }
        }
    }

    /// Copies from the mapping into the socket; a page that is absent is a fault that sleeps.
    pub(super) fn advance_send_mapped(&mut self, call: &mut Call) -> Progress {
        let Op::SendMapped {
            offset,
            bytes,
            header,
        } = call.op
        else {
            unreachable!("asked for by the operation")
        };
        let conn = call.conn().expect("sends to a socket");
        let object = self.file(call.caller).object;
        let (first, _) = self.files.pages(object);
        let end_byte = offset + u64::from(bytes);
        let end = first + end_byte.div_ceil(PAGE_BYTES) as u32;
        self.map_up_to(call.caller, end - first);
        if let Err(wait) = self.need_pages(call, end, true) {
            return Progress::Waits(wait);
        }
        let whole = u64::from(bytes) + u64::from(header);
        loop {
            let costs = (self.costs.call.send, self.costs.call.send_page);
            match self.put_into_socket(call, conn, whole - call.moved, costs) {
                Ok(0) => return self.socket_is_full(call, conn),
                Ok(taken) => call.moved += taken,
                Err(errno) => return Progress::Ran(Outcome::Failed(errno)),
            }
            if call.moved == whole || call.sockets == Sockets::DoNotBlock {
                return Progress::Ran(Outcome::Bytes(call.moved));
            }
        }
    }

    /// The faults of the pages up to `end` (counted in the file) that a mapping's user has not
    /// touched yet.
    fn map_up_to(&mut self, caller: Caller, end: u32) {
        let from = self.file(caller).untouched_from;
        if from < end {
            let faults = (end - from).div_ceil(PAGES_PER_FAULT);
            self.file(caller).untouched_from = from + faults * PAGES_PER_FAULT;
            self.charge(Activity::Request, self.costs.call.fault * u64::from(faults));
        }
    }

    /// Puts up to `bytes` into a call's socket: the first of the call cost `base`, each page
    /// `page`. Zero: the buffer is full.
    pub(super) fn put_into_socket(
        &mut self,
        call: &Call,
        conn: ConnId,
        bytes: u64,
        (base, page): (Nanos, Nanos),
    ) -> Result<u64, Errno> {
        let begins = self.local();
        let base = if call.moved == 0 { base } else { Nanos::ZERO };
        let cost = |taken: u64| base + page * taken.div_ceil(PAGE_BYTES);
        let sent = self
            .network
            .send(conn, bytes, self.now(), |taken| begins + cost(taken));
        self.take_sent(conn, sent, cost)
    }

    /// The buffer of a call's socket has no room: it ends with what it has moved, or waits.
    pub(super) fn socket_is_full(&mut self, call: &Call, conn: ConnId) -> Progress {
        match call.sockets {
            Sockets::DoNotBlock if call.moved > 0 => Progress::Ran(Outcome::Bytes(call.moved)),
            Sockets::DoNotBlock => {
                self.charge(Activity::Request, self.costs.call.would_block);
                Progress::Again
            }
            Sockets::Block => Progress::Waits(Wait::Room(conn)),
        }
    }

    /// Goes through the pages up to `end`; the first that is absent is read, with what is read
    /// ahead of it (around it, if it is a fault of a mapping).
    fn need_pages(&mut self, call: &mut Call, end: u32, mapped: bool) -> Result<(), Wait> {
        let object = self.file(call.caller).object;
        let (first, last) = self.files.pages(object);
        let max = self.read_ahead_pages;
        while call.next_page < end.min(last) {
            let page = call.next_page;
            let state = self.cache.look_up(page);
            // The mark triggers whether the page is present or in flight, before it is waited for.
            if self.cache.take_mark(page) {
                self.read_on(call.caller, page, if mapped { max } else { end - page });
            }
            match state {
                PageState::Present => call.next_page += 1,
                PageState::Absent if call.held.has(page) => call.next_page += 1,
                PageState::InFlight(io) => {
                    call.wait_for(page, self.is_unreadable(page));
                    return Err(Wait::Disk(io));
                }
                PageState::Absent => {
                    call.wait_for(page, self.is_unreadable(page));
                    let before = self.cached_before(first, page, max);
                    let file = self.file(call.caller);
                    let window = match mapped {
                        true => file.read_ahead.on_fault(page - first, max),
                        false => file
                            .read_ahead
                            .on_miss(page - first, end - page, max, before),
                    };
                    self.read_window(first, last, window);
                    return Err(self.in_flight_page(page));
                }
            }
        }
        Ok(())
    }

    /// The marked page `page` of an open file is touched, with `request` pages still wanted: the
    /// next window is read.
    fn read_on(&mut self, caller: Caller, page: u32, request: u32) {
        let OpenFile {
            object,
            mut read_ahead,
            ..
        } = *self.file(caller);
        let (first, last) = self.files.pages(object);
        let max = self.read_ahead_pages;
        let window = read_ahead.on_mark(page - first, request, max, || {
            let next_missing = (page + 1..=page + max)
                .find(|&next| next >= last || self.cache.peek(next) == PageState::Absent);
            next_missing.map(|next| next - first)
        });
        self.file(caller).read_ahead = read_ahead;
        if let Some(window) = window {
            self.read_window(first, last, window);
        }
    }

    /// Reads what is absent of a window, within the file, and marks its page if that is read.
    fn read_window(&mut self, first: u32, last: u32, window: Window) {
        let start = (first + window.start).min(last);
        let end = start.saturating_add(window.pages).min(last);
        let marked = window.marked.map(|page| first + page);
        let marked =
            marked.filter(|&page| page < end && self.cache.peek(page) == PageState::Absent);
        self.read_pages(start, end);
        if let Some(page) = marked {
            self.cache.mark_readahead(page);
        }
    }

    /// What a call that waited for the disk still waits for, if the page that it needs next has not
    /// come.
    pub fn still_waits(&self, call: &Call) -> Option<Wait> {
        match self.cache.peek(call.next_page) {
            PageState::InFlight(io) => Some(Wait::Disk(io)),
            PageState::Absent | PageState::Present => None,
        }
    }

    fn cached_before(&self, first: u32, page: u32, max: u32) -> u32 {
        let from = page.saturating_sub(max).max(first);
        (from..page)
            .rev()
            .take_while(|&before| self.cache.peek(before) != PageState::Absent)
            .count() as u32
    }

    /// Whether the pages of a read are in the cache, or at least on their way into it: what
    /// cachestat and mincore tell.
    pub fn is_resident(&self, object: u32, offset: u64, bytes: u32) -> bool {
        let (first, last) = self.files.pages(object);
        let start = first + (offset / PAGE_BYTES) as u32;
        let end = first + (offset + u64::from(bytes)).div_ceil(PAGE_BYTES) as u32;
        (start..end.min(last)).all(|page| self.cache.peek(page) != PageState::Absent)
    }

    /// The object of the file that a connection has open.
    pub fn open_object(&mut self, conn: ConnId) -> u32 {
        self.conn_file(conn).object
    }
}
