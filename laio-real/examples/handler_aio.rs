//! A server that writes its responses with POSIX asynchronous I/O.
//!
//! One of three of the same shape: compare with `handler_nbio.rs` and `handler_laio.rs`.
//! `cargo run -p laio --example handler_aio`

#[path = "common/clients.rs"]
mod clients;
#[path = "common/epoll.rs"]
mod epoll;

use std::fs::File;
use std::io::{self, Read};
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::ptr;

use clients::Clients;
use epoll::{Epoll, Interest};

/// The number of the completions' descriptor in the epoll instance.
const COMPLETIONS: usize = usize::MAX;

fn main() -> io::Result<()> {
    let completions = Completions::new()?;
    let (clients, sockets) = Clients::start()?;
    // Not dropped: after an error, writes would still use its control blocks.
    let mut server = ManuallyDrop::new(Server::new(sockets, completions)?);
    while server.open > 0 {
        server.turn()?;
    }
    clients.finish("AIO", server.continuations)
}

struct Server {
    sockets: Vec<UnixStream>,
    epoll: Epoll,
    open: usize,
    /// Times that a response was not finished when the handler returned.
    continuations: u64,
    /// To remember, per connection: the control block, in its place until the write has ended.
    blocks: Box<[libc::aiocb]>,
    completions: Completions,
}

impl Server {
    fn new(sockets: Vec<UnixStream>, completions: Completions) -> io::Result<Self> {
        let epoll = Epoll::new()?;
        epoll.add(&completions.0, COMPLETIONS, Interest::Readable)?;
        for (id, socket) in sockets.iter().enumerate() {
            epoll.add(socket, id, Interest::Readable)?;
        }
        // SAFETY: all zeroes are a valid control block.
        let block = unsafe { MaybeUninit::<libc::aiocb>::zeroed().assume_init() };
        Ok(Self {
            open: sockets.len(),
            continuations: 0,
            blocks: vec![block; sockets.len()].into(),
            completions,
            epoll,
            sockets,
        })
    }

    fn turn(&mut self) -> io::Result<()> {
        for id in self.epoll.wait()? {
            if id == COMPLETIONS {
                let id = self.completions.next()?;
                self.written(id)?;
            } else {
                self.request(id)?;
            }
        }
        Ok(())
    }

    fn request(&mut self, id: usize) -> io::Result<()> {
        let mut request = [0];
        if self.sockets[id].read(&mut request)? == 0 {
            self.open -= 1;
            return self.epoll.remove(&self.sockets[id]);
        }
        self.respond(id, clients::response(request[0]))
    }

    fn respond(&mut self, id: usize, response: &'static [u8]) -> io::Result<()> {
        let block = &mut self.blocks[id];
        block.aio_fildes = self.sockets[id].as_raw_fd();
        block.aio_buf = response.as_ptr().cast_mut().cast();
        block.aio_nbytes = response.len();
        block.aio_sigevent = Completions::event(id);
        // SAFETY: the response is never freed, and the block is left alone until the write ends.
        if unsafe { libc::aio_write(block) } < 0 {
            return Err(io::Error::last_os_error());
        }
        self.continuations += 1;
        self.epoll.remove(&self.sockets[id])
    }

    fn written(&mut self, id: usize) -> io::Result<()> {
        let block = &raw mut self.blocks[id];
        // SAFETY: the write has ended, and its block is where it was.
        match unsafe { (libc::aio_error(block), libc::aio_return(block)) } {
            (0, _bytes) => self.epoll.add(&self.sockets[id], id, Interest::Readable),
            (error, _) => Err(io::Error::from_raw_os_error(error)),
        }
    }
}

/// Ends of writes, each a queued signal with the connection's number, read from a signalfd.
struct Completions(File);

impl Completions {
    /// Blocks the signal; to be called before any thread is started.
    fn new() -> io::Result<Self> {
        let mut signals = MaybeUninit::<libc::sigset_t>::uninit();
        // SAFETY: `sigemptyset` initialises the set; the rest takes it.
        let fd = unsafe {
            libc::sigemptyset(signals.as_mut_ptr());
            libc::sigaddset(signals.as_mut_ptr(), libc::SIGRTMIN());
            libc::pthread_sigmask(libc::SIG_BLOCK, signals.as_ptr(), ptr::null_mut());
            libc::signalfd(-1, signals.as_ptr(), libc::SFD_CLOEXEC)
        };
        if fd < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: new, and nobody else's.
        Ok(Self(unsafe { File::from_raw_fd(fd) }))
    }

    fn event(id: usize) -> libc::sigevent {
        // SAFETY: all zeroes are a valid event.
        let mut event = unsafe { MaybeUninit::<libc::sigevent>::zeroed().assume_init() };
        event.sigev_notify = libc::SIGEV_SIGNAL;
        event.sigev_signo = libc::SIGRTMIN();
        event.sigev_value.sival_ptr = ptr::without_provenance_mut(id);
        event
    }

    fn next(&mut self) -> io::Result<usize> {
        let mut signal = [0; size_of::<libc::signalfd_siginfo>()];
        self.0.read_exact(&mut signal)?;
        // SAFETY: the kernel has filled in a whole structure, of integers.
        let signal: libc::signalfd_siginfo = unsafe { ptr::read_unaligned(signal.as_ptr().cast()) };
        Ok(signal.ssi_ptr as usize)
    }
}
