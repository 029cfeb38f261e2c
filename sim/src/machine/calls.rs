//! System calls as the machine executes them, page by page, by whoever runs them.
//!
//! [`Machine::advance`] is the one function that decides whether an operation would block: it goes
//! on until the call is over or something it needs is absent or in flight. Who sleeps then is the
//! I/O interface's business.

use super::PAGE_BYTES;
use super::Wait;
use super::cache::{EntryId, PageState};
use super::cpu::Activity;
use super::network::Sent;
use super::state::{Event, Machine, OpenFile};
use crate::server::script::{ConnId, Op, OpKind, Outcome, REQUEST_BYTES};

/// Whose open file a call works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileSlot {
    /// A connection's.
    Conn(ConnId),
    /// A helper process's own.
    Helper(u32),
}

/// A file operation being executed.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    slot: FileSlot,
    op: Op,
    /// The next page of a read.
    next_page: u32,
    /// Whether it has blocked already.
    blocked: bool,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is over.
    Ran(Outcome),
    /// It cannot go on before this.
    Waits(Wait),
}

/// What a non-blocking socket operation came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// It is over.
    Ran(Outcome),
    /// EAGAIN; the connection's readiness will be an event.
    WouldBlock,
}

impl Machine {
    /// Begins the file operation `op`.
    ///
    /// # Panics
    /// If `op` is not a file operation.
    pub fn begin(&mut self, slot: FileSlot, op: Op) -> Call {
        let call = self.costs.call;
        let cost = match op {
            Op::Open(_) => call.open,
            Op::Stat(_) => call.stat,
            Op::Fstat => call.fstat,
            Op::Read { .. } => call.read,
            Op::Close => call.close,
            Op::Recv | Op::Parse | Op::Send { .. } => panic!("{op:?} is no file operation"),
        };
        self.charge(Activity::Request, cost);
        let kind = op.kind().expect("a file operation is counted");
        self.count(kind).issued += 1;
        let next_page = match op {
            Op::Read { offset, .. } => {
                let object = self.file(slot).object;
                let (first, _) = self.files.pages(object);
                first + (offset / PAGE_BYTES) as u32
            }
            _ => 0,
        };
        Call {
            slot,
            op,
            next_page,
            blocked: false,
        }
    }

    /// Executes `call` until it is over or must wait.
    pub fn advance(&mut self, call: &mut Call) -> Progress {
        let progress = match call.op {
            Op::Open(object) => match self.resolve(object) {
                Ok(()) => {
                    *self.file(call.slot) = OpenFile {
                        object,
                        ..OpenFile::default()
                    };
                    Progress::Ran(Outcome::Done)
                }
                Err(wait) => Progress::Waits(wait),
            },
            Op::Stat(object) => match self.resolve(object) {
                Ok(()) => Progress::Ran(Outcome::Done),
                Err(wait) => Progress::Waits(wait),
            },
            Op::Fstat => {
                let object = self.file(call.slot).object;
                Progress::Ran(Outcome::Bytes(self.files.size(object)))
            }
            Op::Read { offset, bytes, .. } => self.advance_read(call, offset, bytes),
            _ => Progress::Ran(Outcome::Done),
        };
        if let Progress::Waits(_) = progress {
            self.count_block(call);
        }
        progress
    }

    fn count_block(&mut self, call: &mut Call) {
        let first_time = !std::mem::replace(&mut call.blocked, true);
        let kind = call.op.kind().expect("a file operation is counted");
        let count = self.count(kind);
        count.sleeps += 1;
        count.would_block += u64::from(first_time);
    }

    fn file(&mut self, slot: FileSlot) -> &mut OpenFile {
        let (files, index) = match slot {
            FileSlot::Conn(conn) => (&mut self.conn_files, conn.0 as usize),
            FileSlot::Helper(index) => (&mut self.helper_files, index as usize),
        };
        if files.len() <= index {
            files.resize_with(index + 1, OpenFile::default);
        }
        &mut files[index]
    }

    /// Looks a name up: its directory, then the name in the directory's block, then its inode.
    fn resolve(&mut self, object: u32) -> Result<(), Wait> {
        let directory = self.files.directory_of(object);
        self.resolve_inode(directory, None)?;
        let entries = self.files.directory_page(object);
        self.resolve_inode(object, Some(entries))
    }

    fn resolve_inode(&mut self, name: u32, entries: Option<u32>) -> Result<(), Wait> {
        let inode: EntryId = self.cache.inode(name);
        if self.cache.look_up_inode(inode) {
            return Ok(());
        }
        if let Some(block) = entries {
            self.need_block(block)?;
        }
        self.need_block(self.files.inode_page(name))?;
        let reclaimed = self.cache.insert_inode(inode);
        let kernel = self.costs.kernel;
        self.charge(
            Activity::Miss,
            kernel.metadata_fill + kernel.reclaim_page * reclaimed,
        );
        Ok(())
    }

    /// A metadata block must be cached: reads it alone if it is not.
    fn need_block(&mut self, page: u32) -> Result<(), Wait> {
        match self.cache.look_up(page) {
            PageState::Present => Ok(()),
            PageState::InFlight(io) => Err(Wait(io)),
            PageState::Absent => {
                self.read_pages(page, page + 1);
                Err(self.in_flight(page))
            }
        }
    }

    fn in_flight(&self, page: u32) -> Wait {
        match self.cache.peek(page) {
            PageState::InFlight(io) => Wait(io),
            state => unreachable!("a page just requested is {state:?}"),
        }
    }

    fn advance_read(&mut self, call: &mut Call, offset: u64, bytes: u32) -> Progress {
        let object = self.file(call.slot).object;
        let (first, last) = self.files.pages(object);
        let end_byte = (offset + u64::from(bytes)).min(self.files.size(object));
        let end = first + end_byte.div_ceil(PAGE_BYTES) as u32;
        let max = self.read_ahead_pages;
        while call.next_page < end {
            let page = call.next_page;
            match self.cache.look_up(page) {
                PageState::Present => {
                    if let Some(next) = self.file(call.slot).read_ahead.on_hit(page - first, max) {
                        self.read_window(first, last, next.start, next.pages);
                    }
                    self.charge(Activity::Request, self.costs.call.read_page);
                    call.next_page += 1;
                }
                PageState::InFlight(io) => return Progress::Waits(Wait(io)),
                PageState::Absent => {
                    let before = self.cached_before(first, page, max);
                    let window = self.file(call.slot).read_ahead.on_miss(
                        page - first,
                        end - page,
                        max,
                        before,
                    );
                    self.read_window(first, last, window.start, window.pages);
                    return Progress::Waits(self.in_flight(page));
                }
            }
        }
        self.file(call.slot).read_ahead.read_up_to(end - first);
        Progress::Ran(Outcome::Bytes(end_byte - offset))
    }

    fn read_window(&mut self, first: u32, last: u32, start: u32, pages: u32) {
        let start = first + start;
        let end = start.saturating_add(pages).min(last);
        self.read_pages(start.min(last), end);
    }

    fn cached_before(&self, first: u32, page: u32, max: u32) -> u32 {
        let from = page.saturating_sub(max).max(first);
        (from..page)
            .rev()
            .take_while(|&before| self.cache.peek(before) != PageState::Absent)
            .count() as u32
    }

    /// Whether the pages of a read are in the cache, or at least on their way into it: what
    /// cachestat tells.
    pub fn is_resident(&self, object: u32, offset: u64, bytes: u32) -> bool {
        let (first, last) = self.files.pages(object);
        let start = first + (offset / PAGE_BYTES) as u32;
        let end = first + (offset + u64::from(bytes)).div_ceil(PAGE_BYTES) as u32;
        (start..end.min(last)).all(|page| self.cache.peek(page) != PageState::Absent)
    }

    /// Whether a name and its directory are cached: what openat2 with RESOLVE_CACHED tells.
    pub fn is_name_resident(&self, object: u32) -> bool {
        let directory = self.cache.inode(self.files.directory_of(object));
        self.cache.has_inode(directory) && self.cache.has_inode(self.cache.inode(object))
    }

    /// The object of the file that a connection has open.
    pub fn open_object(&mut self, conn: ConnId) -> u32 {
        self.file(FileSlot::Conn(conn)).object
    }

    /// A socket operation or parsing, as a non-blocking server makes them.
    ///
    /// # Panics
    /// If `op` is a file operation.
    pub fn attempt_socket(&mut self, conn: ConnId, op: Op) -> Attempt {
        match op {
            Op::Recv => {
                self.count(OpKind::Recv).issued += 1;
                self.charge(Activity::Request, self.costs.call.recv);
                let bytes = match self.network.peek_request(conn) {
                    Some(_) => REQUEST_BYTES,
                    None => 0,
                };
                Attempt::Ran(Outcome::Bytes(bytes.into()))
            }
            Op::Parse => {
                self.charge(Activity::Request, self.costs.call.parse);
                let request = self.network.receive(conn);
                Attempt::Ran(request.map_or(Outcome::Failed, Outcome::Request))
            }
            Op::Send { bytes, .. } => self.attempt_send(conn, bytes),
            _ => panic!("{op:?} is no socket operation"),
        }
    }

    fn attempt_send(&mut self, conn: ConnId, bytes: u32) -> Attempt {
        let call = self.costs.call;
        let cost = |taken: u64| call.send + call.send_page * taken.div_ceil(PAGE_BYTES);
        let begins = self.local();
        let kind = OpKind::Send;
        self.count(kind).issued += 1;
        let sent = self
            .network
            .send(conn, bytes.into(), self.now(), |taken| begins + cost(taken));
        match sent {
            Sent::Taken { bytes, arrives } => {
                self.charge(Activity::Request, cost(bytes));
                self.at(arrives, Event::Delivered(conn, bytes as u32));
                Attempt::Ran(Outcome::Bytes(bytes))
            }
            Sent::WouldBlock { writable_at } => {
                self.charge(Activity::Request, call.would_block);
                self.count(kind).would_block += 1;
                self.count(kind).sleeps += 1;
                if let Some(at) = writable_at {
                    self.at(at.max(self.now()), Event::Writable(conn));
                }
                Attempt::WouldBlock
            }
        }
    }

    /// Accepts one connection.
    pub fn accept(&mut self) -> Option<ConnId> {
        self.count(OpKind::Accept).issued += 1;
        self.charge(Activity::Events, self.costs.call.accept);
        let conn = self.network.accept()?;
        self.reserve(self.costs.memory.connection);
        Some(conn)
    }

    /// Closes a connection.
    pub fn close_connection(&mut self, conn: ConnId) {
        self.charge(Activity::Events, self.costs.call.hang_up);
        self.cache.release(self.costs.memory.connection.0);
        self.network.close(conn);
    }

    /// CPU cost of calling `epoll_wait`.
    pub fn charge_epoll_call(&mut self) {
        self.charge(Activity::Events, self.costs.call.epoll_wait);
    }

    /// CPU cost of the events that it returns.
    pub fn charge_epoll_events(&mut self, events: u64) {
        self.charge(Activity::Events, self.costs.call.epoll_event * events);
    }

    /// The metered servers' own cost, around a file operation.
    pub fn charge_meter(&mut self, metered: bool) {
        if metered {
            self.charge(Activity::Meter, self.costs.call.meter);
        }
    }
}
