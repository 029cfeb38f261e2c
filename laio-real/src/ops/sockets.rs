//! Operations on sockets.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::descriptor::Shared;
use super::files::{initialize, unit};
use super::memory::Memory;
use super::names::new_descriptor;
use super::{Accepted, Operations, Started, Transfer};

impl Operations {
    /// Takes a new connection (`accept4(2)`). The new socket is blocking, unless `SOCK_NONBLOCK` is
    /// in `flags`; `SOCK_CLOEXEC` is added.
    pub fn accept<F: AsFd + 'static>(
        &mut self,
        listener: &Arc<F>,
        flags: i32,
    ) -> Started<io::Result<Accepted>> {
        let mut slot = self.slot();
        let [address, address_bytes] = slot.address_out();
        let flags = (flags | libc::SOCK_CLOEXEC) as usize;
        let args = [listener.number(), address, address_bytes, flags, 0, 0];
        let accepted = |result: io::Result<i64>, memory: &Memory| {
            result.map(|number| Accepted {
                socket: new_descriptor(number),
                peer: memory.address(),
            })
        };
        // SAFETY: the call writes the address and its length, which the slot owns.
        unsafe {
            self.start(
                libc::SYS_accept4,
                args,
                [Some(listener), None],
                slot,
                accepted,
            )
        }
    }

    /// Connects a socket to an IPv4 or IPv6 address (`connect(2)`).
    pub fn connect<F: AsFd + 'static>(
        &mut self,
        socket: &Arc<F>,
        address: SocketAddr,
    ) -> Started<io::Result<()>> {
        let mut slot = self.slot();
        let [address, bytes] = slot.address_in(address);
        let args = [socket.number(), address, bytes, 0, 0, 0];
        // SAFETY: the call reads the address, which the slot owns.
        unsafe { self.start(libc::SYS_connect, args, [Some(socket), None], slot, unit) }
    }

    /// Receives up to `bytes` bytes, which replace what is in `buffer` (`recv(2)`). With
    /// `MSG_TRUNC` in `flags` the result may count more than were received.
    pub fn recv<F: AsFd + 'static>(
        &mut self,
        socket: &Arc<F>,
        mut buffer: Vec<u8>,
        bytes: usize,
        flags: i32,
    ) -> Started<Transfer> {
        if flags & libc::MSG_TRUNC != 0 {
            // TCP counts bytes without writing them.
            if let Err(error) = initialize(&mut buffer, bytes) {
                return Transfer::refused(error, buffer);
            }
        }
        let rest = [flags as usize, 0, 0];
        self.fill(libc::SYS_recvfrom, socket, buffer, bytes, rest)
    }

    /// Sends the bytes in `buffer`, or some of them (`send(2)`). `MSG_NOSIGNAL` is added to
    /// `flags`: a closed connection is `EPIPE`, not a signal. `MSG_ZEROCOPY` is refused with
    /// `EOPNOTSUPP`: the kernel would go on reading the buffer after it has been given back.
    pub fn send<F: AsFd + 'static>(
        &mut self,
        socket: &Arc<F>,
        buffer: Vec<u8>,
        flags: i32,
    ) -> Started<Transfer> {
        if flags & libc::MSG_ZEROCOPY != 0 {
            return Transfer::refused(io::Error::from_raw_os_error(libc::EOPNOTSUPP), buffer);
        }
        let rest = [(flags | libc::MSG_NOSIGNAL) as usize, 0, 0];
        self.empty(libc::SYS_sendto, socket, buffer, rest)
    }
}
