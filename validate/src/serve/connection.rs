//! One connection of the real server: what its operations work on, and what it waits for.

use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsRawFd, FromRawFd, IntoRawFd, OwnedFd, RawFd};

use sim::machine::network::Awaiting;
use sim::server::script::{Errno, HEADER_BYTES, Op, Outcome, REQUEST_BYTES, Request};

use super::error::errno;
use super::http::{self, Answer};

/// Events that bring input: data, or news of the end.
const INPUT: u32 = (libc::EPOLLIN | libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// Events after which a receive does not wait any more, whatever was received before.
const END: u32 = (libc::EPOLLRDHUP | libc::EPOLLHUP | libc::EPOLLERR) as u32;
/// Events that let a send go on, or fail.
const ROOM: u32 = (libc::EPOLLOUT | libc::EPOLLHUP | libc::EPOLLERR) as u32;

/// A file operation as a system call.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FileCall {
    pub(crate) number: i64,
    pub(crate) args: [usize; 6],
}

/// A connection. Boxed, so that what an operation in the background writes to stays in place.
pub(crate) struct Connection {
    socket: Option<OwnedFd>,
    awaiting: Awaiting,
    /// Input was reported since the last receive.
    has_input: bool,
    /// The client's end, or an error, was reported.
    has_ended: bool,
    /// One byte longer than a request: a receive that fills less has emptied the socket, so that
    /// more input will be a new event.
    request: [u8; REQUEST_BYTES as usize + 1],
    received: usize,
    object: u32,
    /// The requested object's path, with the final zero.
    path: Vec<u8>,
    file: Option<OwnedFd>,
    stat: MaybeUninit<libc::stat>,
    /// A header and a chunk. Not written to before it is needed: what is never used takes no
    /// memory.
    buffer: Box<[MaybeUninit<u8>]>,
}

impl Connection {
    pub(crate) fn new(chunk_bytes: u32) -> Box<Self> {
        Box::new(Self {
            socket: None,
            awaiting: Awaiting::Nothing,
            has_input: false,
            has_ended: false,
            request: [0; REQUEST_BYTES as usize + 1],
            received: 0,
            object: 0,
            path: Vec::new(),
            file: None,
            stat: MaybeUninit::uninit(),
            buffer: Box::new_uninit_slice(HEADER_BYTES as usize + chunk_bytes as usize),
        })
    }

    /// Begins anew with a client's socket.
    pub(crate) fn open(&mut self, socket: OwnedFd) {
        self.socket = Some(socket);
        self.awaiting = Awaiting::Nothing;
        self.has_input = false;
        self.has_ended = false;
        self.received = 0;
    }

    /// Releases the socket and the file.
    pub(crate) fn close(&mut self) {
        self.socket = None;
        self.file = None;
        self.awaiting = Awaiting::Nothing;
    }

    /// Takes an event of the socket. `true` if it was awaited; otherwise it is noted.
    pub(crate) fn on_event(&mut self, events: u32) -> bool {
        self.has_input |= events & INPUT != 0;
        self.has_ended |= events & END != 0;
        let awaited = match self.awaiting {
            Awaiting::Request => events & INPUT != 0,
            Awaiting::Room => events & ROOM != 0,
            Awaiting::Nothing => false,
        };
        if awaited {
            self.awaiting = Awaiting::Nothing;
        }
        awaited
    }

    /// Whether it has had a request.
    pub(crate) fn has_request(&self) -> bool {
        self.received > 0
    }

    /// Waits for the next request. `true` if there is input already.
    pub(crate) fn await_request(&mut self) -> bool {
        self.received = 0;
        let input = self.has_input || self.has_ended;
        if !input {
            self.awaiting = Awaiting::Request;
        }
        input
    }

    /// Receives what there is of a request; `None`: the rest will be an event.
    ///
    /// # Errors
    /// Those of `recv`, and input that is longer or ends sooner than a request.
    pub(crate) fn receive(&mut self) -> io::Result<Option<u64>> {
        self.has_input = false;
        let free = &mut self.request[self.received..];
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::recv(raw(&self.socket), free.as_mut_ptr().cast(), free.len(), 0) };
        let got = match usize::try_from(got) {
            Ok(0) if self.received > 0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(0) => return Ok(Some(0)),
            Ok(got) => got,
            Err(_) => {
                self.would_block(Awaiting::Request)?;
                0
            }
        };
        self.received += got;
        match self.received.cmp(&(REQUEST_BYTES as usize)) {
            std::cmp::Ordering::Less => {
                self.awaiting = Awaiting::Request;
                Ok(None)
            }
            std::cmp::Ordering::Equal => Ok(Some(REQUEST_BYTES.into())),
            std::cmp::Ordering::Greater => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// Understands the received request.
    pub(crate) fn parse(&mut self) -> Option<Request> {
        let (request, path) = http::parse_request(&self.request[..self.received])?;
        self.object = request.object;
        self.path.clear();
        self.path.extend_from_slice(path.as_bytes());
        self.path.push(0);
        Some(request)
    }

    /// Sends `bytes` of the buffer from `at`, or as many as the socket takes; `None`: there is no
    /// room, and room will be an event.
    ///
    /// # Errors
    /// Those of `send`.
    pub(crate) fn send(&mut self, at: u32, bytes: u32) -> io::Result<Option<u64>> {
        let part = &self.buffer[at as usize..][..bytes as usize];
        let flags = libc::MSG_NOSIGNAL;
        // SAFETY: the buffer is valid for its length, and the kernel may read whatever is in it.
        let sent =
            unsafe { libc::send(raw(&self.socket), part.as_ptr().cast(), part.len(), flags) };
        if let Ok(sent) = u64::try_from(sent) {
            return Ok(Some(sent));
        }
        self.would_block(Awaiting::Room)?;
        Ok(None)
    }

    /// After a socket call that failed: if it was for EAGAIN, `awaiting` is what it waits for.
    fn would_block(&mut self, awaiting: Awaiting) -> io::Result<()> {
        let error = io::Error::last_os_error();
        if error.kind() != io::ErrorKind::WouldBlock {
            return Err(error);
        }
        self.awaiting = awaiting;
        Ok(())
    }

    /// The object asked for.
    pub(crate) fn object(&self) -> u32 {
        self.object
    }

    /// Its path, with the final zero.
    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    /// The open file, -1 if there is none.
    pub(crate) fn file(&self) -> RawFd {
        raw(&self.file)
    }

    /// The system call that is `op`, on files below the folder `root`. Its memory is valid and
    /// unused by others until the connection is served again.
    ///
    /// # Panics
    /// If `op` is no file operation.
    pub(crate) fn file_call(&mut self, root: RawFd, op: Op) -> FileCall {
        let path = self.path.as_ptr() as usize;
        let stat = self.stat.as_mut_ptr() as usize;
        let root = root as usize;
        let file = self.file() as usize;
        let (number, args) = match op {
            Op::Open { .. } => (libc::SYS_openat, [root, path, OPEN_FLAGS as usize, 0, 0, 0]),
            Op::Stat(_) => (libc::SYS_newfstatat, [root, path, stat, 0, 0, 0]),
            Op::Fstat => (libc::SYS_fstat, [file, stat, 0, 0, 0, 0]),
            Op::Read { offset, bytes, at } => {
                let part = &mut self.buffer[at as usize..][..bytes as usize];
                let start = part.as_mut_ptr() as usize;
                let offset = offset as usize;
                (libc::SYS_pread64, [file, start, part.len(), offset, 0, 0])
            }
            Op::Close => {
                // The call takes it over.
                let _ = self.file.take().map(IntoRawFd::into_raw_fd);
                (libc::SYS_close, [file, 0, 0, 0, 0, 0])
            }
            _ => panic!("{op:?} is no file operation"),
        };
        FileCall { number, args }
    }

    /// What the call of `op` came to: keeps an opened file, makes the header once it can be made.
    pub(crate) fn file_outcome(&mut self, op: Op, result: io::Result<i64>) -> Outcome {
        let value = match result {
            Ok(value) => value,
            Err(error) => return self.file_failure(op, errno(&error)),
        };
        match op {
            Op::Open { .. } => {
                // SAFETY: the call has just opened it.
                self.file = Some(unsafe { OwnedFd::from_raw_fd(value as RawFd) });
                Outcome::Done
            }
            Op::Stat(_) => {
                self.put_header(Answer::NotModified);
                Outcome::Done
            }
            Op::Fstat => {
                // SAFETY: the call has succeeded and filled it.
                let size = unsafe { self.stat.assume_init_ref() }.st_size as u64;
                self.put_header(Answer::Body(size));
                Outcome::Bytes(size)
            }
            // The file has become shorter than its header says.
            Op::Read { .. } if value == 0 => Outcome::Failed(Errno::Other),
            Op::Read { .. } => Outcome::Bytes(value as u64),
            _ => Outcome::Done,
        }
    }

    /// A name that does not exist has an answer all the same.
    fn file_failure(&mut self, op: Op, errno: Errno) -> Outcome {
        if matches!(op, Op::Open { .. }) && errno == Errno::NotFound {
            self.put_header(Answer::NotFound);
        }
        Outcome::Failed(errno)
    }

    fn put_header(&mut self, answer: Answer) {
        for (byte, header) in self.buffer.iter_mut().zip(http::format_header(answer)) {
            byte.write(header);
        }
    }
}

/// How files are opened, in every interface.
pub(crate) const OPEN_FLAGS: i32 = libc::O_RDONLY | libc::O_CLOEXEC;

fn raw(fd: &Option<OwnedFd>) -> RawFd {
    fd.as_ref().map_or(-1, AsRawFd::as_raw_fd)
}
