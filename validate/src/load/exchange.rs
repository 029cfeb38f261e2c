//! One client's connection: its request on the way, the response as far as it was read.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::time::Duration;

use sim::server::script::{Asked, HEADER_BYTES, Request};

use super::error::{Attempting, LoadError};
use crate::serve::http::{Answer, HeaderMessage, format_request, parse_header};

/// A connection that plays one sequence.
pub(super) struct Exchange {
    socket: OwnedFd,
    request: Request,
    answer: Answer,
    header: HeaderMessage,
    /// Bytes of the response read so far.
    read: u64,
}

impl Exchange {
    /// Connects to the server.
    pub(super) fn connect(address: SocketAddr, timeout: Duration) -> Result<Self, LoadError> {
        let stream = TcpStream::connect_timeout(&address, timeout)
            .map_err(|source| LoadError::Connect { address, source })?;
        Ok(Self {
            socket: stream.into(),
            request: Request {
                object: 0,
                asked: Asked::Whole,
            },
            answer: Answer::Body(0),
            header: [0; HEADER_BYTES as usize],
            read: 0,
        })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }

    /// Sends a request for an object of `size_bytes`; returns the length of the right response.
    pub(super) fn send(&mut self, request: Request, size_bytes: u64) -> Result<u64, LoadError> {
        self.request = request;
        self.answer = match request.asked {
            Asked::Whole => Answer::Body(size_bytes),
            Asked::NotModified => Answer::NotModified,
            Asked::Missing => Answer::NotFound,
        };
        self.read = 0;
        let message = format_request(request);
        let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
        // SAFETY: the message is valid for its length.
        let sent = unsafe { libc::send(self.fd(), message.as_ptr().cast(), message.len(), flags) };
        if sent < 0 {
            return Err(io::Error::last_os_error()).attempting("send a request");
        }
        if sent as usize != message.len() {
            // The send buffer of a connection without a request in it holds one at least.
            return Err(io::ErrorKind::WriteZero.into()).attempting("send a whole request");
        }
        Ok(self.awaited())
    }

    /// Length of the right response.
    fn awaited(&self) -> u64 {
        let body = match self.answer {
            Answer::Body(bytes) => bytes,
            Answer::NotModified | Answer::NotFound => 0,
        };
        u64::from(HEADER_BYTES) + body
    }

    /// Reads what has arrived of the response into `buffer`, and checks it.
    pub(super) fn receive(&mut self, buffer: &mut [u8]) -> Result<u64, LoadError> {
        let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: the buffer is valid for its length.
        let got = unsafe { libc::recv(self.fd(), start, length, libc::MSG_DONTWAIT) };
        if got < 0 {
            return match io::Error::last_os_error() {
                error if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
                error => Err(error).attempting("receive a response"),
            };
        }
        if got == 0 {
            return Err(self.wrong(format!("the end after {} bytes", self.read)));
        }
        let got = &buffer[..got as usize];
        self.check_header(got)?;
        self.read += got.len() as u64;
        if self.read > self.awaited() {
            return Err(self.wrong(format!("{} bytes", self.read)));
        }
        Ok(got.len() as u64)
    }

    /// Takes what belongs to the header; once that is complete, it must be the right one.
    fn check_header(&mut self, got: &[u8]) -> Result<(), LoadError> {
        let at = self.read.min(HEADER_BYTES.into()) as usize;
        let part = got.len().min(self.header.len() - at);
        if part == 0 {
            return Ok(());
        }
        self.header[at..][..part].copy_from_slice(&got[..part]);
        if at + part < self.header.len() || parse_header(&self.header) == Some(self.answer) {
            return Ok(());
        }
        Err(self.wrong(format!("{:?}", String::from_utf8_lossy(&self.header))))
    }

    fn wrong(&self, got: String) -> LoadError {
        let expected = match self.answer {
            Answer::Body(bytes) => format!("200 and {bytes} bytes"),
            Answer::NotModified => "304 and no body".to_owned(),
            Answer::NotFound => "404 and no body".to_owned(),
        };
        LoadError::WrongAnswer {
            object: self.request.object,
            expected: format!("{expected} ({} in all)", self.awaited()),
            got,
        }
    }
}
