//! File calls that are lazy, in a tokio runtime that serves sockets.
//!
//! `cargo run -p laio --example in_tokio`
//!
//! tokio sleeps in an epoll instance that it does not show. That will do: the descriptor of the
//! completions becomes readable wherever the loop sleeps, and tokio waits for it as for any other,
//! by an `AsyncFd`. A call that does not block is over when the task has made it; one that blocks
//! is a future.
//!
//! The runtime must be a `current_thread` one, because the engine belongs to its thread. That this
//! wanders between kernel threads, tokio does not notice: its thread-local storage comes along.
//! What must not be used from such a loop is what makes threads or processes, because these would
//! be pinned to the loop's CPU with signals blocked:
//!
//! - `spawn_blocking`, and what uses it: `tokio::fs`, `tokio::io::stdin`, `stdout` and `stderr`,
//!   and names of hosts (`TcpStream::connect("host:80")`, `lookup_host`);
//! - `tokio::process`.
//!
//! `block_in_place` panics on such a runtime anyway.

use std::cell::RefCell;
use std::collections::HashMap;
use std::future::Future;
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use std::{fs, thread};

use clap::Parser;
use laio::ops::{CWD, Operations, Output, Started};
use laio::{Handle, Laio};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncReadExt, AsyncWriteExt, Interest};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime;
use tokio::task::{self, LocalSet};

const CLIENTS: usize = 4;
const MESSAGES: usize = 256;
const MESSAGE_BYTES: usize = 64;
const FILES: usize = 64;
/// Ours: the files are of one size, and fit in one read.
const FILE_BYTES: usize = 32 << 10;
/// Ours: while it lasts nothing but its own end can wake the runtime.
const NAP: Duration = Duration::from_millis(20);

/// Serve an echo to a few clients from one tokio thread, with lazy calls on files
///
/// It takes no arguments.
#[derive(Parser)]
struct Arguments {}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    Arguments::parse();
    let directory = tempfile::tempdir_in(".")?;
    make_files(directory.path())?;
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0))?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    // Before the engine pins this thread, and so the threads that it starts.
    let clients = [(); CLIENTS].map(|()| thread::spawn(move || talk(address)));
    let runtime = runtime::Builder::new_current_thread().enable_io().build()?;
    let lazy = Lazy::new(Laio::new()?);
    let served = serve(lazy.clone(), listener, directory.path());
    LocalSet::new().block_on(&runtime, served)?;
    for client in clients {
        client.join().expect("a client that returns")?;
    }
    let calls = lazy.0.borrow().operations.laio().counters().calls;
    println!(
        "{} messages echoed; {FILES} files read whole; {} lazy calls, {} blocked",
        CLIENTS * MESSAGES,
        calls.issued,
        calls.blocked()
    );
    Ok(())
}

/// The runtime's work: echoes until every client has gone, reads the files meanwhile, then naps.
async fn serve(lazy: Lazy, listener: std::net::TcpListener, directory: &Path) -> io::Result<()> {
    let completions = lazy.completion_fd()?;
    task::spawn_local(end_operations(lazy.clone(), completions));
    let echoes = task::spawn_local(echo_all(TcpListener::from_std(listener)?));
    let reads: Vec<_> = (0..FILES)
        .map(|number| {
            let path = directory.join(number.to_string());
            task::spawn_local(check_file(lazy.clone(), path, number))
        })
        .collect();
    for read in reads {
        read.await??;
    }
    echoes.await??;
    lazy.run(|operations| operations.nanosleep(NAP)).await
}

/// Operations that tasks of the runtime share, and await.
#[derive(Clone)]
struct Lazy(Rc<RefCell<State>>);

struct State {
    operations: Operations,
    /// Those in the background.
    background: HashMap<Handle, Background>,
}

enum Background {
    InProgress(Option<Waker>),
    Ended(Output),
}

impl Lazy {
    fn new(laio: Laio) -> Self {
        Self(Rc::new(RefCell::new(State {
            operations: Operations::new(laio),
            background: HashMap::new(),
        })))
    }

    /// The descriptor for tokio, which wants one of its own.
    fn completion_fd(&self) -> io::Result<OwnedFd> {
        let state = self.0.borrow();
        state.operations.laio().completion_fd().try_clone_to_owned()
    }

    /// Starts an operation, and waits for its end only if it blocks.
    async fn run<T>(&self, start: impl FnOnce(&mut Operations) -> Started<T>) -> T
    where
        T: TryFrom<Output>,
    {
        let handle = {
            let mut state = self.0.borrow_mut();
            match start(&mut state.operations) {
                Started::Done(output) => return output,
                Started::Background(handle) => {
                    let in_progress = Background::InProgress(None);
                    state.background.insert(handle, in_progress);
                    handle
                }
            }
        };
        let output = End { lazy: self, handle }.await;
        let Ok(output) = T::try_from(output) else {
            unreachable!("an operation has an output of its own kind");
        };
        output
    }

    /// Hands out what has ended.
    fn take_ended(&self) -> io::Result<()> {
        let state = &mut *self.0.borrow_mut();
        let mut ended = Vec::new();
        // Until there is nothing: tokio is told of a change only, not of what is left.
        while state.operations.poll(&mut ended, Some(Duration::ZERO))? > 0 {
            for operation in ended.drain(..) {
                let end = Background::Ended(operation.output);
                if let Some(Background::InProgress(Some(waker))) =
                    state.background.insert(operation.handle, end)
                {
                    waker.wake();
                }
            }
        }
        Ok(())
    }
}

/// The end of an operation in the background.
struct End<'a> {
    lazy: &'a Lazy,
    handle: Handle,
}

impl Future for End<'_> {
    type Output = Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Output> {
        let background = &mut self.lazy.0.borrow_mut().background;
        match background.remove(&self.handle) {
            Some(Background::Ended(output)) => Poll::Ready(output),
            Some(Background::InProgress(_)) => {
                let waker = Some(context.waker().clone());
                background.insert(self.handle, Background::InProgress(waker));
                Poll::Pending
            }
            None => unreachable!("polled after its end"),
        }
    }
}

/// A task of the runtime: hands out operations as they end.
async fn end_operations(lazy: Lazy, completions: OwnedFd) -> io::Result<()> {
    // SAFETY: it owns an open descriptor, and always the same.
    let completions = unsafe { AsyncFd::register_with_interest(completions, Interest::READABLE) }?;
    loop {
        // Cleared first: what ends from here on makes it ready again.
        completions.readable().await?.clear_ready();
        lazy.take_ended()?;
    }
}

/// Reads a file and compares it with what was written.
async fn check_file(lazy: Lazy, path: PathBuf, number: usize) -> io::Result<()> {
    let file = lazy
        .run(|operations| operations.openat(CWD, &path, libc::O_RDONLY, 0))
        .await?;
    let file = Arc::new(file);
    let read = lazy
        .run(|operations| operations.pread(&file, Vec::new(), FILE_BYTES, 0))
        .await;
    if read.result? != FILE_BYTES || read.buffer != content(number) {
        return Err(io::Error::other("a file is not what it should be"));
    }
    Ok(())
}

/// Serves every client to its end.
async fn echo_all(listener: TcpListener) -> io::Result<()> {
    let mut echoes = Vec::new();
    for _ in 0..CLIENTS {
        let (socket, _) = listener.accept().await?;
        echoes.push(task::spawn_local(echo(socket)));
    }
    for echo in echoes {
        echo.await??;
    }
    Ok(())
}

async fn echo(mut socket: TcpStream) -> io::Result<()> {
    let mut message = [0; MESSAGE_BYTES];
    loop {
        match socket.read(&mut message).await? {
            0 => return Ok(()),
            bytes => socket.write_all(&message[..bytes]).await?,
        }
    }
}

/// A client: says things and expects them back.
fn talk(server: SocketAddr) -> io::Result<()> {
    let mut server = std::net::TcpStream::connect(server)?;
    for message in 0..MESSAGES {
        let said = [message as u8; MESSAGE_BYTES];
        let mut heard = [0; MESSAGE_BYTES];
        server.write_all(&said)?;
        server.read_exact(&mut heard)?;
        if heard != said {
            return Err(io::Error::other("an echo is not what was said"));
        }
    }
    Ok(())
}

/// Files named by their numbers, not in the page cache.
fn make_files(directory: &Path) -> io::Result<()> {
    for number in 0..FILES {
        let file = fs::File::create_new(directory.join(number.to_string()))?;
        (&file).write_all(&content(number))?;
        file.sync_all()?;
        // SAFETY: takes no memory.
        unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
    }
    Ok(())
}

fn content(number: usize) -> Vec<u8> {
    (0..FILE_BYTES)
        .map(|i| (i * (number + 1) % 251) as u8)
        .collect()
}
