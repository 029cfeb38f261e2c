//! System calls as the machine executes them, page by page, by whoever runs them.
//!
//! [`Machine::advance`] is the one function that decides whether an operation would block: it goes
//! on until the call is over or something it needs is absent, in flight or not ready. Who sleeps
//! then is the I/O interface's business.

mod names;
mod pages;
mod sockets;

use super::cpu::{Activity, ProcId, Waiter};
use super::network::Awaiting;
use super::state::{Machine, OpenFile};
use crate::engine::Nanos;
use crate::server::script::{ConnId, Errno, Op, Outcome};

/// Who makes a call, and so on whose open file it works.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller {
    /// Somebody for a connection: its file, its socket.
    Conn(ConnId),
    /// A worker for itself: its own file.
    Worker(ProcId),
    /// A copy of the server, to accept a connection.
    Copy(u32),
}

/// Whether a call on a socket waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sockets {
    /// It does.
    Block,
    /// It returns EAGAIN; the connection's readiness will be an event.
    DoNotBlock,
}

/// A call being executed.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    caller: Caller,
    op: Op,
    sockets: Sockets,
    /// The next page of a file that it needs.
    next_page: u32,
    /// Bytes that it has read or sent.
    moved: u64,
    /// The page it waits for cannot be read.
    unreadable: bool,
    /// Whether it has blocked already.
    blocked: bool,
    /// Pages that it has waited for: it holds them until it is over, as a process in the kernel
    /// holds the page it waits for, so that calls make progress however little memory there is.
    held: Held,
}

/// The last pages that a call has waited for. A look-up needs three: the directory's inode, its
/// entries, the file's inode.
#[derive(Clone, Copy, Debug, Default)]
struct Held {
    pages: [Option<u32>; 3],
    next: u8,
}

impl Held {
    fn add(&mut self, page: u32) {
        self.pages[usize::from(self.next)] = Some(page);
        self.next = (self.next + 1) % self.pages.len() as u8;
    }

    fn has(&self, page: u32) -> bool {
        self.pages.contains(&Some(page))
    }
}

/// What a call waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// A disk request in flight.
    Disk(u32),
    /// A request or the client's hang-up.
    Input(ConnId),
    /// Room in the send buffer.
    Room(ConnId),
    /// A connection to accept.
    Connection,
}

/// How far a call came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is over.
    Ran(Outcome),
    /// It cannot go on before this.
    Waits(Wait),
    /// EAGAIN: its socket is not ready, and it does not wait for it.
    Again,
}

impl Call {
    /// What it does.
    pub fn op(&self) -> Op {
        self.op
    }

    fn wait_for(&mut self, page: u32, unreadable: bool) {
        self.unreadable = unreadable;
        self.held.add(page);
    }

    /// For which connection.
    pub fn conn(&self) -> Option<ConnId> {
        match self.caller {
            Caller::Conn(conn) => Some(conn),
            Caller::Worker(_) | Caller::Copy(_) => None,
        }
    }
}

impl Machine {
    /// Begins the operation `op`.
    pub fn begin(&mut self, caller: Caller, op: Op, sockets: Sockets) -> Call {
        if let Some(kind) = op.kind() {
            self.count(kind).issued += 1;
        }
        self.doing(op.name());
        let call = self.costs.call;
        let cost = match op {
            Op::Open { .. } => call.open,
            Op::Stat(_) => call.stat,
            Op::Fstat => call.fstat,
            Op::Read { .. } => call.read,
            Op::Close => call.close,
            Op::Log => call.log,
            Op::Map => call.map,
            Op::Parse => call.parse,
            Op::Compute(time) => time,
            // What a call on a socket costs depends on what it comes to.
            Op::Attach(_)
            | Op::Accept
            | Op::Recv
            | Op::Send { .. }
            | Op::SendFile { .. }
            | Op::SendMapped { .. } => Nanos::ZERO,
        };
        self.charge(Activity::Request, cost);
        let mut call = Call {
            caller,
            op,
            sockets,
            next_page: 0,
            moved: 0,
            unreadable: false,
            blocked: false,
            held: Held::default(),
        };
        self.find_first_page(&mut call);
        call
    }

    /// Executes `call` until it is over or must wait.
    pub fn advance(&mut self, call: &mut Call) -> Progress {
        let progress = self.go_on(call);
        if !matches!(progress, Progress::Ran(_)) {
            self.count_block(call, progress);
        }
        progress
    }

    fn go_on(&mut self, call: &mut Call) -> Progress {
        if call.unreadable {
            return Progress::Ran(Outcome::Failed(Errno::Io));
        }
        match call.op {
            Op::Accept => self.advance_accept(call),
            Op::Recv => self.advance_recv(call),
            Op::Parse => Progress::Ran(self.parse(call)),
            Op::Open {
                object, missing, ..
            } => self.advance_open(call, object, missing),
            Op::Attach(object) => {
                *self.file(call.caller) = OpenFile {
                    object,
                    // A kept mapping has been touched before.
                    untouched_from: u32::MAX,
                    ..OpenFile::default()
                };
                Progress::Ran(Outcome::Done)
            }
            Op::Stat(object) => self.advance_stat(call, object),
            Op::Fstat => {
                let object = self.file(call.caller).object;
                Progress::Ran(Outcome::Bytes(self.files.size(object)))
            }
            Op::Map => {
                self.file(call.caller).untouched_from = 0;
                Progress::Ran(Outcome::Done)
            }
            Op::Read { .. } => self.advance_read(call),
            Op::Send { .. } => self.advance_send(call),
            Op::SendFile { .. } => self.advance_sendfile(call),
            Op::SendMapped { .. } => self.advance_send_mapped(call),
            Op::Close | Op::Log | Op::Compute(_) => Progress::Ran(Outcome::Done),
        }
    }

    fn count_block(&mut self, call: &mut Call, progress: Progress) {
        let first_time = !std::mem::replace(&mut call.blocked, true);
        let on_disk = matches!(progress, Progress::Waits(Wait::Disk(_)));
        let kind = call.op.kind().expect("computation does not wait");
        let count = self.count(kind);
        count.sleeps += 1;
        count.would_block += u64::from(first_time);
        count.on_disk += u64::from(first_time && on_disk);
    }

    /// Has `waiter` told when what `wait` names is there.
    pub fn await_for(&mut self, wait: Wait, waiter: Waiter) {
        match wait {
            Wait::Disk(io) => self.await_disk(io, waiter),
            Wait::Input(conn) => self.network.sleep_until(conn, Awaiting::Request, waiter),
            Wait::Room(conn) => self.network.sleep_until(conn, Awaiting::Room, waiter),
            Wait::Connection => self.network.await_connection(waiter),
        }
    }

    /// Has the process `proc` woken then.
    pub fn sleep_until(&mut self, wait: Wait, proc: ProcId) {
        self.await_for(wait, Waiter::Process(proc));
    }

    fn file(&mut self, caller: Caller) -> &mut OpenFile {
        match caller {
            Caller::Conn(conn) => self.conn_file(conn),
            Caller::Worker(proc) => self.worker_file(proc),
            Caller::Copy(_) => panic!("a listening socket is no file"),
        }
    }

    /// The metered servers' own cost, around a file operation.
    pub fn charge_meter(&mut self, metered: bool) {
        if metered {
            self.charge(Activity::Meter, self.costs.call.meter);
        }
    }
}
