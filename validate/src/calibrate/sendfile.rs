//! sendfile over loopback, as `sockets` measures sends: both ends in one thread.

use std::fs::File;
use std::io::{self, Read};
use std::net::{TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::ptr;

use super::timing::{Rounds, clock};
use super::tree::{PAGE, PAGES, Tree};
use super::{CalibrateError, Effort};

/// Connections used in turn, as `sockets` does.
const CONNECTIONS: usize = 32;

/// What was measured, in nanoseconds.
pub(super) struct Sendfile {
    pub(super) call: Rounds,
    pub(super) page: Rounds,
}

/// Measures on the CPU of the server.
pub(super) fn measure(effort: Effort, tree: &Tree) -> Result<Sendfile, CalibrateError> {
    measured(effort, tree).map_err(|source| CalibrateError::Call {
        what: "sendfile",
        source,
    })
}

fn measured(effort: Effort, tree: &Tree) -> io::Result<Sendfile> {
    let files = tree.open_files()?;
    let mut pairs = connect()?;
    let repeats = (effort.batch as usize / CONNECTIONS / 4).max(1);
    let (mut one, mut all) = (vec![], vec![]);
    for _ in 0..=effort.rounds {
        one.push(round(&mut pairs, &files, PAGE, repeats)?);
        all.push(round(&mut pairs, &files, PAGES * PAGE, repeats)?);
    }
    let one = Rounds::after_the_first(one);
    let all = Rounds::after_the_first(all);
    let page = one.with(&all, |one, all| (all - one) / (PAGES - 1) as f64);
    Ok(Sendfile {
        call: one.with(&page, |one, page| one - page),
        page,
    })
}

fn connect() -> io::Result<Vec<(TcpStream, TcpStream)>> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let pair = |_| {
        let client = TcpStream::connect(address)?;
        let (server, _) = listener.accept()?;
        server.set_nodelay(true)?;
        // A window that is too small would show as a short send, not as a process that waits for
        // itself.
        server.set_nonblocking(true)?;
        Ok((server, client))
    };
    (0..CONNECTIONS).map(pair).collect()
}

/// Mean time of sending `bytes` of a file. The ends read between the sends.
fn round(
    pairs: &mut [(TcpStream, TcpStream)],
    files: &[File],
    bytes: usize,
    repeats: usize,
) -> io::Result<f64> {
    let mut buffer = vec![0; bytes];
    let mut time = 0;
    for repeat in 0..repeats {
        let start = clock();
        for (index, (server, _)) in pairs.iter().enumerate() {
            let file = &files[(repeat * CONNECTIONS + index) % files.len()];
            send(server, file, bytes)?;
        }
        time += clock() - start;
        for (_, client) in pairs.iter_mut() {
            client.read_exact(&mut buffer)?;
        }
    }
    Ok(time as f64 / (repeats * pairs.len()) as f64)
}

fn send(socket: &TcpStream, file: &File, bytes: usize) -> io::Result<()> {
    let mut offset = 0;
    let offset: *mut libc::off_t = ptr::from_mut(&mut offset);
    // SAFETY: `offset` lives through the call.
    let sent = unsafe { libc::sendfile(socket.as_raw_fd(), file.as_raw_fd(), offset, bytes) };
    match sent {
        sent if sent == bytes as isize => Ok(()),
        sent if sent >= 0 => Err(io::Error::other(format!("{sent} of {bytes} bytes sent"))),
        _ => Err(io::Error::last_os_error()),
    }
}
