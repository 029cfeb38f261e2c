//! A socket whose error queue holds something (`IP_RECVERR`) is ready for epoll all the time, and
//! yet a receive on it waits for a message. It must wait in peace: not end, nor keep the loop awake.

mod common;

use std::net::UdpSocket;
use std::os::fd::AsRawFd;
use std::time::Duration;

use common::{background, collect, start, turn};
use laio::{EngineKind, Handle, Laio};

/// So few carriers that with the upcall engine the receives wait in epoll instead of on one.
const FEW: usize = 2;

/// A socket that sends to another that is not there.
struct Deserted {
    socket: UdpSocket,
    peer: std::net::SocketAddr,
    buffer: Box<[u8; 16]>,
}

impl Deserted {
    fn new() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let peer = UdpSocket::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        socket.connect(peer).unwrap();
        let on = 1_i32;
        // SAFETY: an integer, of the size that is told.
        let set = unsafe {
            libc::setsockopt(
                socket.as_raw_fd(),
                libc::IPPROTO_IP,
                libc::IP_RECVERR,
                (&raw const on).cast(),
                size_of::<i32>() as libc::socklen_t,
            )
        };
        assert_eq!(set, 0);
        Self {
            socket,
            peer,
            buffer: Box::new([0; 16]),
        }
    }

    fn receive(&mut self, laio: &mut Laio) -> Handle {
        let fd = self.socket.as_raw_fd() as usize;
        let (buffer, bytes) = (self.buffer.as_mut_ptr() as usize, self.buffer.len());
        // SAFETY: the tests keep the buffer until the call has ended.
        background(unsafe { laio.syscall(libc::SYS_recvfrom, [fd, buffer, bytes, 0, 0, 0]) })
    }

    /// Whether the error queue makes the socket ready, though there is no message.
    fn has_queued_error(&self) -> bool {
        poll(self.socket.as_raw_fd(), 0) & libc::POLLERR != 0
    }
}

/// What a descriptor is ready for, within so many milliseconds.
fn poll(fd: i32, timeout_ms: i32) -> i16 {
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLIN,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, timeout_ms) };
    poll.revents
}

#[test]
fn a_queued_error_ends_one_receive_and_the_next_one_waits_in_peace() {
    let _turn = turn();
    for kind in EngineKind::ALL {
        if let Some(laio) = start(Laio::builder().max_carriers(FEW), kind) {
            check(laio);
        }
    }
}

fn check(mut laio: Laio) {
    let kind = laio.engine();
    let mut deserted = Deserted::new();
    let first = deserted.receive(&mut laio);
    // The kernel answers with an ICMP message: the port is not in use.
    deserted.socket.send(b"anybody?").unwrap();
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!(ended.handle, first, "{kind}");
    let error = ended.result.unwrap_err().raw_os_error();
    assert_eq!(error, Some(libc::ECONNREFUSED), "{kind}");
    assert!(deserted.has_queued_error());

    let second = deserted.receive(&mut laio);
    let mut none = Vec::new();
    let nap = Duration::from_millis(50);
    assert_eq!(laio.poll(&mut none, Some(nap)).unwrap(), 0, "{kind}");
    // The descriptor may have told of the socket once, and is not ready for ever.
    assert_eq!(
        laio.poll(&mut none, Some(Duration::ZERO)).unwrap(),
        0,
        "{kind}"
    );
    let fd = laio.completion_fd().as_raw_fd();
    assert_eq!(poll(fd, 50), 0, "{kind}: the loop would spin");
    assert!(deserted.has_queued_error());
    if kind == EngineKind::Upcall {
        assert_eq!(laio.call_counters(libc::SYS_recvfrom).parked, 2);
    }

    let peer = UdpSocket::bind(deserted.peer).unwrap();
    peer.send_to(b"here", deserted.socket.local_addr().unwrap())
        .unwrap();
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!((ended.handle, ended.result.unwrap()), (second, 4), "{kind}");
    assert_eq!(&deserted.buffer[..4], b"here", "{kind}");
}
