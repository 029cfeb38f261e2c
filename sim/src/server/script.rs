//! What a static-file server does for a request, as a pure state machine: no time, no I/O.
//!
//! Per request: receive, parse, compute, open, fstat, then the body by one of three data paths,
//! close, log. `read_send`: read and send chunk by chunk, the header before the first chunk.
//! `sendfile`: send the header, then let the kernel move the file chunk by chunk. `mapped`: map the
//! file, send header and body from the mapping. A conditional request that is answered "304 Not
//! Modified" is a stat and a header without a body; a name that does not exist is answered "404"
//! with a header alone.
//!
//! A server that keeps open files ([`Caches`]) skips open, fstat and close for these, and one that
//! keeps names the stat. On a persistent connection the script returns to receiving until the
//! client hangs up; otherwise it hangs up after the response.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::caches::{Caches, Known};
use crate::engine::Nanos;

/// A connection of the server, a dense index that is used again after a hang-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId(pub u32);

/// How a request is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// With the object.
    Whole,
    /// 304: the object is looked up, no body is sent.
    NotModified,
    /// 404: there is no such name.
    Missing,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The object, a dense number.
    pub object: u32,
    /// How it is answered.
    pub asked: Asked,
}

/// Why an operation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Errno {
    /// `ENOENT`: no such name.
    NotFound,
    /// `EIO`: the disk cannot read it.
    Io,
    /// `ECONNRESET`: the client has gone.
    Reset,
    /// Anything else; the connection is dropped.
    Other,
}

/// One operation made for a connection. All but [`Op::Parse`], [`Op::Compute`] and [`Op::Attach`]
/// are system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Accept a connection. Not asked for by the script; a worker that serves one connection
    /// after the other begins with it.
    Accept,
    /// Receive a request into the connection's buffer.
    Recv,
    /// Understand the received request: computation, no system call.
    Parse,
    /// What the server itself computes, a slice of it.
    Compute(Nanos),
    /// Open the object's file by name; there is none if `missing`.
    Open {
        /// The object.
        object: u32,
        /// Whether its name does not exist.
        missing: bool,
        /// Whether the server keeps the name: it has looked it up before.
        known: bool,
    },
    /// Use the kept open file of the object: no system call.
    Attach(u32),
    /// Size of the open file.
    Fstat,
    /// Map the open file (and later take the mapping back).
    Map,
    /// Look the object's file up by name without opening it.
    Stat(u32),
    /// Read `bytes` of the open file from `offset` into the connection's buffer at `at`.
    Read {
        /// Offset in the file.
        offset: u64,
        /// Bytes to read.
        bytes: u32,
        /// Position in the connection's buffer.
        at: u32,
    },
    /// Send `bytes` of the connection's buffer from `at`.
    Send {
        /// Position in the connection's buffer.
        at: u32,
        /// Bytes to send.
        bytes: u32,
    },
    /// Move `bytes` of the open file from `offset` to the socket.
    SendFile {
        /// Offset in the file.
        offset: u64,
        /// Bytes to move.
        bytes: u32,
    },
    /// Send `header` bytes of header, then `bytes` of the mapped file from `offset`.
    SendMapped {
        /// Offset in the file.
        offset: u64,
        /// Bytes to send from there.
        bytes: u32,
        /// Bytes of header still to be sent before.
        header: u32,
    },
    /// Close the open file.
    Close,
    /// Write a line to the access log.
    Log,
}

/// The kinds under which operations are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpKind {
    /// `accept4`
    Accept,
    /// `recv`
    Recv,
    /// `open`
    Open,
    /// `stat` by name
    Stat,
    /// `fstat` of an open file
    Fstat,
    /// `pread`
    Read,
    /// `send`
    Send,
    /// `sendfile`
    SendFile,
    /// `send` from a mapping
    SendMapped,
    /// `close` of a file
    Close,
    /// `write` to the log
    Log,
}

impl OpKind {
    /// Every kind, in the order of the tables.
    pub const ALL: [Self; 11] = [
        Self::Accept,
        Self::Recv,
        Self::Open,
        Self::Stat,
        Self::Fstat,
        Self::Read,
        Self::Send,
        Self::SendFile,
        Self::SendMapped,
        Self::Close,
        Self::Log,
    ];

    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Recv => "recv",
            Self::Open => "open",
            Self::Stat => "stat",
            Self::Fstat => "fstat",
            Self::Read => "read",
            Self::Send => "send",
            Self::SendFile => "sendfile",
            Self::SendMapped => "send_mapped",
            Self::Close => "close",
            Self::Log => "log",
        }
    }

    /// Whether it may wait for the disk; the others wait for a socket alone.
    pub fn on_disk(self) -> bool {
        !matches!(self, Self::Accept | Self::Recv | Self::Send)
    }

    /// Whether it may wait for a socket.
    pub fn on_socket(self) -> bool {
        matches!(
            self,
            Self::Accept | Self::Recv | Self::Send | Self::SendFile | Self::SendMapped
        )
    }
}

impl Op {
    /// The kind it is counted under; `None` for computation, mapping and what is no call at all.
    pub fn kind(self) -> Option<OpKind> {
        match self {
            Self::Parse | Self::Compute(_) | Self::Attach(_) | Self::Map => None,
            Self::Accept => Some(OpKind::Accept),
            Self::Recv => Some(OpKind::Recv),
            Self::Open { .. } => Some(OpKind::Open),
            Self::Stat(_) => Some(OpKind::Stat),
            Self::Fstat => Some(OpKind::Fstat),
            Self::Read { .. } => Some(OpKind::Read),
            Self::Send { .. } => Some(OpKind::Send),
            Self::SendFile { .. } => Some(OpKind::SendFile),
            Self::SendMapped { .. } => Some(OpKind::SendMapped),
            Self::Close => Some(OpKind::Close),
            Self::Log => Some(OpKind::Log),
        }
    }

    /// What it is called in a timeline.
    pub fn name(self) -> &'static str {
        match self {
            Self::Parse => "parse",
            Self::Compute(_) => "compute",
            Self::Attach(_) => "attach",
            Self::Map => "map",
            _ => self.kind().map_or("", OpKind::name),
        }
    }

    /// Whether it may wait for the disk.
    pub fn on_disk(self) -> bool {
        self.kind().is_some_and(OpKind::on_disk)
    }
}

/// How an operation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Bytes received, read or sent; or the file's size (`Fstat`). A receive of zero bytes is the
    /// client's hang-up.
    Bytes(u64),
    /// The parsed request.
    Request(Request),
    /// The accepted connection.
    Accepted(ConnId),
    /// Done, nothing to say.
    Done,
    /// Failed.
    Failed(Errno),
}

/// What the script wants next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Issue this operation.
    Call(Op),
    /// The response is sent: wait for the connection's next request, then receive it.
    NextRequest,
    /// Drop the connection.
    Hangup,
}

/// Length of every response header in bytes, padded to be the same in both worlds. Ours; nginx
/// sends about 240 bytes for such a response, thttpd about 250.
pub const HEADER_BYTES: u32 = 256;

/// Length of every request in bytes, padded likewise. Ours.
pub const REQUEST_BYTES: u32 = 128;

/// A slice of the server's own computation, after which others get their turn at the CPU. Ours:
/// below every sensible quantum.
const SLICE: Nanos = Nanos::from_micros(500);

/// How a file's bytes get to the socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataPath {
    /// Read into a buffer, then sent from it.
    ReadSend,
    /// Moved by the kernel.
    Sendfile,
    /// Sent from a mapping of the file.
    Mapped,
}

impl DataPath {
    /// The word in scenarios.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadSend => "read_send",
            Self::Sendfile => "sendfile",
            Self::Mapped => "mapped",
        }
    }
}

/// What the requests of a server have in common.
#[derive(Clone, Copy, Debug)]
pub struct ScriptSetup {
    /// How a file's bytes get to the socket.
    pub data_path: DataPath,
    /// Bodies are read, moved or sent in chunks of this size; under `read_send` the connection's
    /// buffer holds a header and a chunk.
    pub chunk_bytes: u32,
    /// Whether a connection serves one request after the other.
    pub persistent: bool,
    /// What the server itself computes for every request.
    pub app_cpu: Nanos,
    /// Whether every request is logged.
    pub log: bool,
}

impl ScriptSetup {
    /// Persistent connections, bodies read and sent in chunks, nothing else.
    pub fn read_send(chunk_bytes: u32) -> Self {
        Self {
            data_path: DataPath::ReadSend,
            chunk_bytes,
            persistent: true,
            app_cpu: Nanos::ZERO,
            log: false,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Receiving,
    Parsing,
    Computing {
        left: Nanos,
    },
    Opening,
    Sizing,
    Attaching,
    Mapping,
    LookingUp,
    Reading,
    /// Sending what stands in the buffer in `at..end`.
    Sending {
        at: u32,
        end: u32,
    },
    /// Moving or sending the file up to `end`, after so many bytes of header.
    Moving {
        header: u32,
        end: u64,
    },
    /// Closing so many files.
    Closing {
        files: u32,
    },
    Logging,
}

/// Where one connection is in its request.
#[derive(Clone, Debug)]
pub struct Script {
    setup: ScriptSetup,
    state: State,
    request: Request,
    /// What the server knows of the object.
    known: Known,
    /// Size of the file, zero for a response without a body.
    size: u64,
    /// Bytes of the file read, moved or sent so far.
    done: u64,
}

impl Script {
    /// A new connection, about to receive its first request.
    pub fn new(setup: ScriptSetup) -> Self {
        Self {
            setup,
            state: State::Receiving,
            request: Request {
                object: 0,
                asked: Asked::Missing,
            },
            known: Known::Nothing,
            size: 0,
            done: 0,
        }
    }

    /// The request being served.
    pub fn request(&self) -> Request {
        self.request
    }

    /// The operation of a connection whose next request has arrived.
    pub fn first_op(&self) -> Op {
        Op::Recv
    }

    /// Takes the outcome of the operation it asked for last, says what comes next. `caches` are
    /// those of the process that serves the connection.
    pub fn next(&mut self, caches: &mut Caches, last: Outcome) -> Next {
        match (self.state, last) {
            (State::Receiving, Outcome::Bytes(n)) if n > 0 => self.call(State::Parsing, Op::Parse),
            (State::Parsing, Outcome::Request(request)) => {
                self.request = request;
                self.known = caches.look_up(request.object);
                self.compute(self.setup.app_cpu)
            }
            (State::Computing { left }, Outcome::Done) => self.compute(left),
            (State::LookingUp, Outcome::Done) => {
                caches.keep_name(self.request.object);
                self.send_header_only()
            }
            (State::Opening, Outcome::Done) => self.call(State::Sizing, Op::Fstat),
            (State::Opening, Outcome::Failed(Errno::NotFound)) => {
                // A real server does not know it before.
                self.request.asked = Asked::Missing;
                self.send_header_only()
            }
            (State::Sizing, Outcome::Bytes(size)) => {
                self.size = size;
                match self.setup.data_path {
                    DataPath::Mapped if size > 0 => self.call(State::Mapping, Op::Map),
                    _ => self.first_chunk(),
                }
            }
            (State::Attaching | State::Mapping, Outcome::Done) => self.first_chunk(),
            (State::Reading, Outcome::Bytes(n)) if n > 0 || self.size == 0 => {
                let at = if self.done == 0 { 0 } else { HEADER_BYTES };
                self.done += n;
                self.send(at, HEADER_BYTES + n as u32)
            }
            (State::Sending { at, end }, Outcome::Bytes(n)) => {
                let at = at + n as u32;
                if at < end {
                    return self.send(at, end);
                }
                self.after_send(caches)
            }
            (State::Moving { header, end }, Outcome::Bytes(n)) => {
                let of_header = n.min(header.into());
                self.done += n - of_header;
                let header = header - of_header as u32;
                if header > 0 || self.done < end {
                    return self.go_on_moving(header, end);
                }
                self.after_send(caches)
            }
            (State::Closing { files }, Outcome::Done) => self.close(files - 1),
            (State::Logging, Outcome::Done) => self.end(),
            _ => Next::Hangup,
        }
    }

    fn call(&mut self, state: State, op: Op) -> Next {
        self.state = state;
        Next::Call(op)
    }

    fn compute(&mut self, left: Nanos) -> Next {
        if left == Nanos::ZERO {
            return self.look_up();
        }
        let slice = left.min(SLICE);
        let left = left - slice;
        self.call(State::Computing { left }, Op::Compute(slice))
    }

    fn look_up(&mut self) -> Next {
        let object = self.request.object;
        (self.size, self.done) = (0, 0);
        match (self.request.asked, self.known) {
            (Asked::NotModified, Known::Nothing) => self.call(State::LookingUp, Op::Stat(object)),
            (Asked::NotModified, _) => self.send_header_only(),
            (Asked::Whole, Known::File { size }) => {
                self.size = size;
                self.call(State::Attaching, Op::Attach(object))
            }
            (asked, _) => {
                let missing = asked == Asked::Missing;
                let op = Op::Open {
                    object,
                    missing,
                    known: !missing && self.known == Known::Name,
                };
                self.call(State::Opening, op)
            }
        }
    }

    fn send_header_only(&mut self) -> Next {
        self.send(0, HEADER_BYTES)
    }

    fn first_chunk(&mut self) -> Next {
        match self.setup.data_path {
            _ if self.size == 0 => self.send_header_only(),
            DataPath::ReadSend => self.read_chunk(),
            DataPath::Sendfile => self.send_header_only(),
            DataPath::Mapped => self.move_chunk(HEADER_BYTES),
        }
    }

    fn read_chunk(&mut self) -> Next {
        let op = Op::Read {
            offset: self.done,
            bytes: self.chunk_bytes(),
            at: HEADER_BYTES,
        };
        self.call(State::Reading, op)
    }

    fn chunk_bytes(&self) -> u32 {
        (self.size - self.done).min(u64::from(self.setup.chunk_bytes)) as u32
    }

    fn move_chunk(&mut self, header: u32) -> Next {
        let end = self.done + u64::from(self.chunk_bytes());
        self.go_on_moving(header, end)
    }

    fn go_on_moving(&mut self, header: u32, end: u64) -> Next {
        let (offset, bytes) = (self.done, (end - self.done) as u32);
        let op = match self.setup.data_path {
            DataPath::Mapped => Op::SendMapped {
                offset,
                bytes,
                header,
            },
            _ => Op::SendFile { offset, bytes },
        };
        self.call(State::Moving { header, end }, op)
    }

    fn send(&mut self, at: u32, end: u32) -> Next {
        let op = Op::Send {
            at,
            bytes: end - at,
        };
        self.call(State::Sending { at, end }, op)
    }

    fn after_send(&mut self, caches: &mut Caches) -> Next {
        if self.done < self.size {
            return match self.setup.data_path {
                DataPath::ReadSend => self.read_chunk(),
                DataPath::Sendfile | DataPath::Mapped => self.move_chunk(0),
            };
        }
        match (self.request.asked, self.known) {
            (Asked::Whole, Known::Nothing | Known::Name) => {
                let object = self.request.object;
                caches.keep_name(object);
                self.close(caches.keep_file(object, self.size))
            }
            _ => self.log(),
        }
    }

    fn close(&mut self, files: u32) -> Next {
        match files {
            0 => self.log(),
            _ => self.call(State::Closing { files }, Op::Close),
        }
    }

    fn log(&mut self) -> Next {
        if self.setup.log {
            return self.call(State::Logging, Op::Log);
        }
        self.end()
    }

    fn end(&mut self) -> Next {
        self.state = State::Receiving;
        if self.setup.persistent {
            Next::NextRequest
        } else {
            Next::Hangup
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const OBJECT: u32 = 7;

    /// Plays one request of a file of `size` bytes; every send takes at most `room` bytes. Returns
    /// the operations, and the bytes sent.
    fn play(setup: ScriptSetup, caches: &mut Caches, asked: Asked, size: u64) -> (Vec<Op>, u64) {
        let room = 700;
        let mut script = Script::new(setup);
        let mut next = script.next(caches, Outcome::Bytes(REQUEST_BYTES.into()));
        let (mut ops, mut sent) = (Vec::new(), 0);
        while let Next::Call(op) = next {
            ops.push(op);
            let outcome = match op {
                Op::Parse => Outcome::Request(Request {
                    object: OBJECT,
                    asked,
                }),
                Op::Open { missing: true, .. } => Outcome::Failed(Errno::NotFound),
                Op::Fstat => Outcome::Bytes(size),
                Op::Read { bytes, .. } => Outcome::Bytes(bytes.into()),
                Op::Send { bytes, .. } | Op::SendFile { bytes, .. } => {
                    let taken = bytes.min(room);
                    sent += u64::from(taken);
                    Outcome::Bytes(taken.into())
                }
                Op::SendMapped { bytes, header, .. } => {
                    let taken = (bytes + header).min(room);
                    sent += u64::from(taken);
                    Outcome::Bytes(taken.into())
                }
                _ => Outcome::Done,
            };
            next = script.next(caches, outcome);
        }
        let ended = match setup.persistent {
            true => Next::NextRequest,
            false => Next::Hangup,
        };
        assert_eq!(next, ended);
        (ops, sent)
    }

    fn setup(data_path: DataPath) -> ScriptSetup {
        ScriptSetup {
            data_path,
            ..ScriptSetup::read_send(1000)
        }
    }

    const PATHS: [DataPath; 3] = [DataPath::ReadSend, DataPath::Sendfile, DataPath::Mapped];

    #[test]
    fn a_not_modified_is_a_stat_and_a_header() {
        let script = setup(DataPath::ReadSend);
        let (ops, sent) = play(script, &mut Caches::none(), Asked::NotModified, 5000);
        let send = Op::Send {
            at: 0,
            bytes: HEADER_BYTES,
        };
        assert_eq!(ops, [Op::Parse, Op::Stat(OBJECT), send]);
        assert_eq!(sent, u64::from(HEADER_BYTES));
    }

    #[test]
    fn a_missing_name_is_an_open_and_a_header() {
        let script = setup(DataPath::ReadSend);
        let (ops, sent) = play(script, &mut Caches::none(), Asked::Missing, 5000);
        assert_eq!(ops.len(), 3);
        assert_eq!(sent, u64::from(HEADER_BYTES));
    }

    #[test]
    fn a_name_found_missing_when_opened_is_answered_without_a_close() {
        let mut script = Script::new(setup(DataPath::ReadSend));
        let request = Request {
            object: OBJECT,
            asked: Asked::Whole,
        };
        for outcome in [
            Outcome::Bytes(REQUEST_BYTES.into()),
            Outcome::Request(request),
            Outcome::Failed(Errno::NotFound),
        ] {
            let next = script.next(&mut Caches::none(), outcome);
            assert!(matches!(next, Next::Call(_)), "{outcome:?}");
        }
        let sent = Outcome::Bytes(HEADER_BYTES.into());
        assert_eq!(script.next(&mut Caches::none(), sent), Next::NextRequest);
    }

    #[test]
    fn a_body_goes_out_whole_by_every_data_path() {
        for path in PATHS {
            for size in [0, 1, 999, 1000, 2500] {
                let (ops, sent) = play(setup(path), &mut Caches::none(), Asked::Whole, size);
                assert_eq!(sent, size + u64::from(HEADER_BYTES), "{path:?} {size}");
                assert_eq!(ops.last(), Some(&Op::Close));
                let reads = ops.iter().filter(|op| matches!(op, Op::Read { .. }));
                let chunks = size.div_ceil(1000) as usize;
                assert_eq!(
                    reads.count(),
                    if path == DataPath::ReadSend {
                        chunks
                    } else {
                        0
                    }
                );
            }
        }
    }

    #[test]
    fn a_kept_file_is_neither_opened_nor_closed_again() {
        for path in PATHS {
            let mut caches = Caches::new(10, 1 << 20);
            let (first, _) = play(setup(path), &mut caches, Asked::Whole, 2500);
            assert!(!first.contains(&Op::Close), "{path:?}: it is kept open");
            let (again, sent) = play(setup(path), &mut caches, Asked::Whole, 2500);
            assert_eq!(again[1], Op::Attach(OBJECT));
            assert!(
                again
                    .iter()
                    .all(|op| !matches!(op, Op::Open { .. } | Op::Fstat | Op::Map))
            );
            assert_eq!(sent, 2500 + u64::from(HEADER_BYTES));
            let (stat, _) = play(setup(path), &mut caches, Asked::NotModified, 2500);
            assert_eq!(stat.len(), 2, "no stat: {stat:?}");
        }
    }

    #[test]
    fn a_file_too_large_to_keep_is_closed() {
        let mut caches = Caches::new(10, 1000);
        let (ops, _) = play(setup(DataPath::ReadSend), &mut caches, Asked::Whole, 2500);
        assert_eq!(ops.last(), Some(&Op::Close));
    }

    #[test]
    fn what_the_server_computes_comes_in_slices_that_add_up() {
        let app_cpu = Nanos::from_micros(1200);
        let script = ScriptSetup {
            app_cpu,
            log: true,
            persistent: false,
            ..setup(DataPath::ReadSend)
        };
        let (ops, _) = play(script, &mut Caches::none(), Asked::Whole, 10);
        let slices = ops.iter().filter_map(|op| match op {
            Op::Compute(slice) => Some(*slice),
            _ => None,
        });
        assert_eq!(slices.sum::<Nanos>(), app_cpu);
        assert_eq!(ops.last(), Some(&Op::Log));
    }

    #[test]
    fn a_failure_or_an_empty_receive_hangs_up() {
        let caches = &mut Caches::none();
        let fresh = || Script::new(setup(DataPath::ReadSend));
        assert_eq!(fresh().next(caches, Outcome::Bytes(0)), Next::Hangup);
        let mut script = fresh();
        script.next(caches, Outcome::Bytes(REQUEST_BYTES.into()));
        let asked = Asked::Whole;
        let request = Request { object: 3, asked };
        script.next(caches, Outcome::Request(request));
        assert_eq!(
            script.next(caches, Outcome::Failed(Errno::Io)),
            Next::Hangup
        );
    }
}
