//! The real server: the simulator's script and event loop over the operating system.
//!
//! [`EventLoop`] and its script come from `sim`; here are its world, the operating system, and the
//! I/O interfaces with the system calls that their namesakes in `sim` account for: `nb-b`,
//! `nb-amped`, `nb-laio`. One loop, pinned to a CPU together with its helper processes or carriers;
//! epoll, edge-triggered, registered once per connection; HTTP/1.1 with persistent connections.
//!
//! What can be asked for is `GET /obj/<directory>/<object>`, where `<object>` is a number of six
//! digits or more and `<directory>` that number divided by
//! [`OBJECTS_PER_DIRECTORY`](crate::emulate::image::OBJECTS_PER_DIRECTORY), of two digits or more,
//! as [`path_of`](crate::emulate::image::path_of) says; any folder with such files will do.
//! Requests and response headers have fixed lengths. A name that does not exist is answered 404, a
//! header alone (unless the request is conditional); a connection on which anything else fails is
//! closed, and counted.
//!
//! Left out: anything but GET, pipelined requests, ranges, dates, content types. Of what the
//! simulator has: the other structures and the flavours, sendfile and mapped files, connections
//! for one request, caches of the server's own, its own computation, logging, several copies.
//!
//! # How it was checked
//! Concurrent clients compare every byte of files of all sizes, with every architecture, and the
//! counters with what the script implies.

mod connection;
pub mod counters;
mod error;
pub(crate) mod http;
mod io;
mod meter;
mod os;
mod process;

use std::fs::File;
use std::path::PathBuf;

use sim::scenario::{Server, Structure};
use sim::server::caches::Caches;
use sim::server::script::ScriptSetup;
use sim::server::{EventLoop, LoopSetup, Step};

use crate::emulate::realtime::pin_to;
use counters::Shared;
use error::Attempting;
pub use error::ServeError;
use io::{NbAmped, NbBlocking, NbLaio, RealIo};
use os::Os;

/// The server whose disk I/O blocks its loop.
pub const NB_B: Server = Server::plain(Structure::NbB);
/// The server with helper processes.
pub const NB_AMPED: Server = Server::plain(Structure::NbAmped);
/// The server with lazy asynchronous I/O.
pub const NB_LAIO: Server = Server::plain(Structure::NbLaio);
/// The servers that exist for real.
pub const SERVERS: [Server; 3] = [NB_B, NB_AMPED, NB_LAIO];

/// What a server serves, and how.
#[derive(Clone, Debug)]
pub struct ServeConfig {
    /// The folder that holds `obj`.
    pub root: PathBuf,
    /// The architecture, one of [`SERVERS`].
    pub server: Server,
    /// The port on the loopback interface; 0 for one of the system's choice.
    pub port: u16,
    /// The CPU that the server, its helpers and carriers are pinned to.
    pub cpu: usize,
    /// Number of helper processes, for `nb-amped`.
    pub helpers: u32,
    /// Bodies are read and sent in chunks of this size.
    pub chunk_bytes: u32,
    /// `SO_SNDBUF` of the connections; the kernel doubles it. Without it the kernel adapts the
    /// buffers by itself.
    pub send_buffer_bytes: Option<u32>,
    /// The file to count in, made anew; see [`Shared::create`].
    pub counters: Option<PathBuf>,
}

/// Serves until SIGTERM or SIGINT comes, or the thread that made this process ends. Calls
/// `listening` with the port once clients can connect.
///
/// It takes the process over: pins it, blocks those signals, and needs it to have one thread.
///
/// # Errors
/// If the server cannot be set up on this machine, is none of [`SERVERS`], or cannot go on. Its
/// helpers are ended then too.
pub fn run(config: &ServeConfig, listening: impl FnOnce(u16)) -> Result<(), ServeError> {
    process::check_single_thread()?;
    let stop = process::stop_signals()?;
    process::die_with_parent(libc::SIGTERM)?;
    pin_to(config.cpu).attempting("pin the server to its CPU")?;
    let root = File::open(&config.root).map_err(|source| ServeError::File {
        path: config.root.clone(),
        source,
    })?;
    let helpers = match config.server {
        NB_AMPED => config.helpers,
        _ => 0,
    };
    let counters = match &config.counters {
        Some(path) => Shared::create(path, helpers)?,
        None => Shared::anonymous(helpers).attempting("map memory for the counters")?,
    };
    match config.server {
        NB_B => {
            let os = Os::new(config, root, stop, counters)?;
            drive(config, NbBlocking, os, listening)
        }
        NB_AMPED => {
            let io = NbAmped::fork(helpers, &root, config.chunk_bytes, &counters)?;
            let os = Os::new(config, root, stop, counters)?;
            drive(config, io, os, listening)
        }
        NB_LAIO => {
            let os = Os::new(config, root, stop, counters)?;
            let io = NbLaio::start(config.cpu)?;
            drive(config, io, os, listening)
        }
        other => Err(ServeError::NotReal(other)),
    }
}

fn drive(
    config: &ServeConfig,
    mut io: impl RealIo,
    mut os: Os,
    listening: impl FnOnce(u16),
) -> Result<(), ServeError> {
    io.begin(&os)?;
    listening(os.port()?);
    let mut event_loop = EventLoop::new(LoopSetup {
        script: ScriptSetup::read_send(config.chunk_bytes),
        caches: Caches::none(),
        drains_backlog: false,
    });
    while event_loop.step(&mut io, &mut os) != Step::SleptIdle {}
    io.end(&mut os);
    os.take_error().map_or(Ok(()), Err)
}
