//! Clients of a tiny server. They ask for responses, mostly small, and read them slowly.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::LazyLock;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use clap::Parser;

const CLIENTS: usize = 4;
const REQUESTS: usize = 50;
/// Every tenth response is large.
const LARGE_EVERY: usize = 10;
/// Fits into a socket's send buffer.
const SMALL_BYTES: usize = 4 << 10;
/// Does not.
const LARGE_BYTES: usize = 1 << 20;
/// A slow reader takes this much, and then a break.
const SIP_BYTES: usize = 16 << 10;
const BREAK: Duration = Duration::from_micros(100);

/// Requests are one byte.
const SMALL: u8 = b's';
const LARGE: u8 = b'l';

/// The response to a request.
pub(crate) fn response(request: u8) -> &'static [u8] {
    static CONTENT: LazyLock<Vec<u8>> =
        LazyLock::new(|| (0..LARGE_BYTES).map(|i| (i % 251) as u8).collect());
    match request {
        LARGE => &CONTENT,
        _ => &CONTENT[..SMALL_BYTES],
    }
}

/// Threads that ask and read.
pub(crate) struct Clients(Vec<JoinHandle<io::Result<()>>>);

/// Serve clients that read slowly, and count how often a response is not finished when its handler
/// returns
///
/// The same server is there three times: handler_nbio, handler_aio and handler_laio. They take no
/// arguments.
#[derive(Parser)]
struct Arguments {}

impl Clients {
    /// Starts them. Returns the server's ends of their connections, too. Ends the program if it was
    /// given arguments.
    pub(crate) fn start() -> io::Result<(Self, Vec<UnixStream>)> {
        Arguments::parse();
        let (mut threads, mut sockets) = (Vec::new(), Vec::new());
        for _ in 0..CLIENTS {
            let (ours, theirs) = UnixStream::pair()?;
            sockets.push(ours);
            threads.push(thread::spawn(move || ask_and_read(theirs)));
        }
        Ok((Self(threads), sockets))
    }

    /// Waits until each has got every response whole, and says how the server did it.
    pub(crate) fn finish(self, server: &str, continuations: u64) -> io::Result<()> {
        for client in self.0 {
            client.join().expect("a client that returns")?;
        }
        let responses = CLIENTS * REQUESTS;
        let large = CLIENTS * (REQUESTS / LARGE_EVERY);
        println!(
            "{server}: {responses} responses arrived whole, {large} of them large; \
             {continuations} continuations"
        );
        Ok(())
    }
}

fn ask_and_read(mut server: UnixStream) -> io::Result<()> {
    let mut sip = [0; SIP_BYTES];
    for request in 1..=REQUESTS {
        let request = if request % LARGE_EVERY == 0 {
            LARGE
        } else {
            SMALL
        };
        server.write_all(&[request])?;
        let mut expected = response(request);
        while !expected.is_empty() {
            let bytes = server.read(&mut sip)?;
            let Some(rest) = expected.strip_prefix(&sip[..bytes]).filter(|_| bytes > 0) else {
                return Err(io::Error::other("a response is not what it should be"));
            };
            expected = rest;
            thread::sleep(BREAK);
        }
    }
    Ok(())
}
