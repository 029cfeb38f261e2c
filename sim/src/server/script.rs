//! What a static-file server does for a request, as a pure state machine: no time, no I/O.
//!
//! Per request: receive, parse, open, fstat, then read and send chunk by chunk, close. A
//! conditional request that is answered "304 Not Modified" is a stat and a header without a body.
//! Connections are persistent, as Flash's are: the script returns to receiving until the client
//! hangs up. Data path: `read_send`.

/// A connection of the server, a dense index that is used again after a hang-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ConnId(pub u32);

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The object, a dense number.
    pub object: u32,
    /// Answered 304: the object is looked up, no body is sent.
    pub not_modified: bool,
}

/// One operation made for a connection. All but [`Op::Parse`] are system calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Op {
    /// Receive a request into the connection's buffer.
    Recv,
    /// Understand the received request: computation, no system call.
    Parse,
    /// Open the object's file by name.
    Open(u32),
    /// Size of the open file.
    Fstat,
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
    /// Close the open file.
    Close,
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
    /// `close` of a file
    Close,
}

impl OpKind {
    /// Every kind, in the order of the tables.
    pub const ALL: [Self; 8] = [
        Self::Accept,
        Self::Recv,
        Self::Open,
        Self::Stat,
        Self::Fstat,
        Self::Read,
        Self::Send,
        Self::Close,
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
            Self::Close => "close",
        }
    }

    /// Whether what it may wait for is the disk; the others wait for a socket.
    pub fn on_disk(self) -> bool {
        !matches!(self, Self::Accept | Self::Recv | Self::Send)
    }
}

impl Op {
    /// The kind it is counted under; `None` for computation.
    pub fn kind(self) -> Option<OpKind> {
        Some(match self {
            Self::Recv => OpKind::Recv,
            Self::Parse => return None,
            Self::Open(_) => OpKind::Open,
            Self::Fstat => OpKind::Fstat,
            Self::Stat(_) => OpKind::Stat,
            Self::Read { .. } => OpKind::Read,
            Self::Send { .. } => OpKind::Send,
            Self::Close => OpKind::Close,
        })
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
    /// Done, nothing to say.
    Done,
    /// Failed; the connection is dropped.
    Failed,
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

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Receiving,
    Parsing,
    Opening,
    Sizing,
    LookingUp,
    Reading,
    /// Sending what stands in the buffer in `at..end`.
    Sending {
        at: u32,
        end: u32,
    },
    Closing,
}

/// Where one connection is in its request.
#[derive(Clone, Debug)]
pub struct Script {
    state: State,
    request: Request,
    /// Size of the open file, zero for a response without a body.
    size: u64,
    /// Bytes of the file read so far.
    read: u64,
    chunk_bytes: u32,
}

impl Script {
    /// A new connection, about to receive its first request. Bodies are read in chunks of
    /// `chunk_bytes`; the connection's buffer holds a header and a chunk.
    pub fn new(chunk_bytes: u32) -> Self {
        Self {
            state: State::Receiving,
            request: Request {
                object: 0,
                not_modified: false,
            },
            size: 0,
            read: 0,
            chunk_bytes,
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

    /// Takes the outcome of the operation it asked for last, says what comes next.
    pub fn next(&mut self, last: Outcome) -> Next {
        match (self.state, last) {
            (State::Receiving, Outcome::Bytes(n)) if n > 0 => self.call(State::Parsing, Op::Parse),
            (State::Parsing, Outcome::Request(request)) => self.look_up(request),
            (State::LookingUp, Outcome::Done) => self.send_header_only(),
            (State::Opening, Outcome::Done) => self.call(State::Sizing, Op::Fstat),
            (State::Sizing, Outcome::Bytes(size)) => {
                self.size = size;
                self.read_chunk()
            }
            (State::Reading, Outcome::Bytes(n)) if n > 0 || self.size == 0 => {
                let at = self.buffer_start();
                self.read += n;
                self.send(at, HEADER_BYTES + n as u32)
            }
            (State::Sending { at, end }, Outcome::Bytes(n)) => {
                let at = at + n as u32;
                if at < end {
                    return self.send(at, end);
                }
                self.after_send()
            }
            (State::Closing, Outcome::Done) => self.next_request(),
            _ => Next::Hangup,
        }
    }

    fn call(&mut self, state: State, op: Op) -> Next {
        self.state = state;
        Next::Call(op)
    }

    fn look_up(&mut self, request: Request) -> Next {
        self.request = request;
        self.size = 0;
        self.read = 0;
        if request.not_modified {
            self.call(State::LookingUp, Op::Stat(request.object))
        } else {
            self.call(State::Opening, Op::Open(request.object))
        }
    }

    fn send_header_only(&mut self) -> Next {
        self.send(0, HEADER_BYTES)
    }

    /// The header stands before the first chunk; later chunks go out without it.
    fn buffer_start(&self) -> u32 {
        if self.read == 0 { 0 } else { HEADER_BYTES }
    }

    fn read_chunk(&mut self) -> Next {
        if self.size == 0 {
            return self.send_header_only();
        }
        let bytes = (self.size - self.read).min(u64::from(self.chunk_bytes)) as u32;
        let op = Op::Read {
            offset: self.read,
            bytes,
            at: HEADER_BYTES,
        };
        self.call(State::Reading, op)
    }

    fn send(&mut self, at: u32, end: u32) -> Next {
        let op = Op::Send {
            at,
            bytes: end - at,
        };
        self.call(State::Sending { at, end }, op)
    }

    fn after_send(&mut self) -> Next {
        if self.request.not_modified {
            self.next_request()
        } else if self.read < self.size {
            self.read_chunk()
        } else {
            self.call(State::Closing, Op::Close)
        }
    }

    fn next_request(&mut self) -> Next {
        self.state = State::Receiving;
        Next::NextRequest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(script: &mut Script, request: Request) -> Next {
        assert_eq!(
            script.next(Outcome::Bytes(REQUEST_BYTES.into())),
            Next::Call(Op::Parse)
        );
        script.next(Outcome::Request(request))
    }

    #[test]
    fn a_not_modified_is_a_stat_and_a_header() {
        let mut script = Script::new(4096);
        let request = Request {
            object: 7,
            not_modified: true,
        };
        assert_eq!(parsed(&mut script, request), Next::Call(Op::Stat(7)));
        let send = Op::Send {
            at: 0,
            bytes: HEADER_BYTES,
        };
        assert_eq!(script.next(Outcome::Done), Next::Call(send));
        let sent = Outcome::Bytes(HEADER_BYTES.into());
        assert_eq!(script.next(sent), Next::NextRequest);
    }

    #[test]
    fn a_body_goes_out_chunk_by_chunk_and_whole() {
        let mut script = Script::new(1000);
        let request = Request {
            object: 3,
            not_modified: false,
        };
        assert_eq!(parsed(&mut script, request), Next::Call(Op::Open(3)));
        assert_eq!(script.next(Outcome::Done), Next::Call(Op::Fstat));
        let mut next = script.next(Outcome::Bytes(2500));
        let (mut read, mut sent) = (0, 0);
        while let Next::Call(op) = next {
            next = match op {
                Op::Read { offset, bytes, .. } => {
                    assert_eq!(offset, read);
                    read += u64::from(bytes);
                    script.next(Outcome::Bytes(bytes.into()))
                }
                Op::Send { bytes, .. } => {
                    let part = bytes.min(700);
                    sent += u64::from(part);
                    script.next(Outcome::Bytes(part.into()))
                }
                Op::Close => script.next(Outcome::Done),
                other => panic!("unexpected {other:?}"),
            };
        }
        assert_eq!(next, Next::NextRequest);
        assert_eq!((read, sent), (2500, 2500 + u64::from(HEADER_BYTES)));
    }

    #[test]
    fn a_failure_or_an_empty_receive_hangs_up() {
        assert_eq!(Script::new(1000).next(Outcome::Bytes(0)), Next::Hangup);
        let mut script = Script::new(1000);
        let request = Request {
            object: 3,
            not_modified: false,
        };
        parsed(&mut script, request);
        assert_eq!(script.next(Outcome::Failed), Next::Hangup);
    }
}
