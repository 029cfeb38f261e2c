//! What a way through the system costs more that has not been taken for a while: a trip to another
//! thread, a call in the background of each interface, a connection.
//!
//! The loop's thread sleeps for each of the idle times, then takes the way; what it does without
//! taking it, and what the way costs when taken over and over, is subtracted. All on the server's
//! CPU, which is idle meanwhile.

use std::io::{self, Read, Write, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::thread;
use std::time::Duration;

use laio::{Laio, Submission};
use sim::machine::profile::IDLE_TIMES;

use super::aio::Reader;
use super::child::measure_in_child;
use super::sockets::{new_epoll, register};
use super::spinning::{Connection, spin};
use super::timing::{Rounds, process_clock, read_clock};
use super::uring::Ring;
use super::{CalibrateError, Effort};
use crate::emulate::realtime::pin_to;
use crate::process::SERVER_CPU;

/// Pauses of a round take about so long in all, and are at least [`FEWEST`] and at most [`MOST`].
/// Ours.
const PAUSED_NS: u64 = 20_000_000;
const FEWEST: u64 = 5;
const MOST: u64 = 20;
/// How often a way is taken at a stretch, to know what it costs then. Ours.
const AT_A_STRETCH: u32 = 100;
/// A helper's message.
const MESSAGE: [u8; 64] = [1; 64];

/// CPU nanoseconds beyond those at a stretch, at each of [`IDLE_TIMES`].
pub(super) type Beyond = [Rounds; IDLE_TIMES.len()];

/// What was measured.
pub(super) struct Paths {
    pub(super) handoff: Beyond,
    pub(super) laio: Beyond,
    /// Where the system has them.
    pub(super) aio: Option<Beyond>,
    pub(super) uring: Option<Beyond>,
}

/// Measures all but connections, each way in a process of its own, whose CPU time is that of the way.
pub(super) fn measure(
    effort: Effort,
    has_aio: bool,
    has_uring: bool,
) -> Result<Paths, CalibrateError> {
    let in_child = |what: &'static str, rounds: fn(usize) -> io::Result<Vec<f64>>| {
        let figures = measure_in_child(what, None, || {
            sleep_exactly();
            rounds(effort.rounds)
        })?;
        Ok::<_, CalibrateError>(Rounds::columns(&figures))
    };
    let aio = has_aio.then(|| in_child("POSIX AIO after pauses", aio));
    let uring = has_uring.then(|| in_child("io_uring after pauses", uring));
    Ok(Paths {
        handoff: in_child("hand-offs after pauses", handoff)?,
        laio: in_child("laio after pauses", lazy)?,
        aio: aio.transpose()?,
        uring: uring.transpose()?,
    })
}

/// Has the calling thread's sleeps end when they are due.
pub(super) fn sleep_exactly() {
    // SAFETY: no pointers. If it fails, sleeps are 50 us longer.
    unsafe { libc::prctl(libc::PR_SET_TIMERSLACK, 1) };
}

/// A way, and a sleep.
pub(super) trait Way {
    fn take(&mut self) -> io::Result<()>;

    /// What is done after a sleep that it is compared with.
    fn leave(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Before each round.
    fn prepare(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        thread::sleep(time);
        Ok(())
    }
}

/// Per round, for each of the idle times: CPU of the process for the way after it, without the
/// sleep, beyond that at a stretch.
pub(super) fn beyond_a_stretch(rounds: usize, way: &mut impl Way) -> io::Result<Vec<f64>> {
    let mut figures = Vec::new();
    for _ in 0..=rounds {
        way.prepare()?;
        let cpu = process_clock();
        for _ in 0..AT_A_STRETCH {
            way.take()?;
        }
        let taken = process_clock();
        for _ in 0..AT_A_STRETCH {
            way.leave()?;
        }
        let left = process_clock() - taken;
        let at_a_stretch = (taken - cpu) as f64 - left as f64;
        let at_a_stretch = at_a_stretch / f64::from(AT_A_STRETCH);
        for pause in IDLE_TIMES {
            let time = Duration::from_nanos(pause.0);
            let (mut taken, mut slept) = (vec![], vec![]);
            for _ in 0..pauses_of(pause.0) {
                let before = process_clock();
                way.sleep(time)?;
                way.take()?;
                let between = process_clock();
                way.sleep(time)?;
                way.leave()?;
                taken.push((between - before) as f64);
                slept.push((process_clock() - between) as f64);
            }
            let mean = |times| Rounds::after_the_first(times).mean();
            figures.push(mean(taken) - mean(slept) - at_a_stretch);
        }
    }
    Ok(figures.split_off(IDLE_TIMES.len())) // the first round warms
}

fn pauses_of(pause_ns: u64) -> u64 {
    (PAUSED_NS / pause_ns).clamp(FEWEST, MOST)
}

/// A message to a thread of the same CPU, and its answer, through pipes.
struct Handoff {
    to_there: io::PipeWriter,
    here: io::PipeReader,
}

impl Way for Handoff {
    fn take(&mut self) -> io::Result<()> {
        let mut message = MESSAGE;
        self.to_there.write_all(&message)?;
        self.here.read_exact(&mut message)
    }
}

fn handoff(rounds: usize) -> io::Result<Vec<f64>> {
    let (mut there, to_there) = pipe()?;
    let (here, mut to_here) = pipe()?;
    thread::spawn(move || {
        let mut message = MESSAGE;
        while there.read_exact(&mut message).is_ok() && to_here.write_all(&message).is_ok() {}
    });
    pin_to(SERVER_CPU)?;
    beyond_a_stretch(rounds, &mut Handoff { to_there, here })
}

/// A read of an empty pipe that is stolen, the write that ends it, its completion.
struct Lazy {
    laio: Laio,
    epoll: std::os::fd::OwnedFd,
    reader: io::PipeReader,
    writer: io::PipeWriter,
    byte: Box<u8>,
    completions: Vec<laio::Completion>,
}

impl Way for Lazy {
    fn take(&mut self) -> io::Result<()> {
        let byte = (&raw mut *self.byte) as usize;
        let read = [self.reader.as_raw_fd() as usize, byte, 1, 0, 0, 0];
        // SAFETY: the byte is boxed, and nobody else looks at it until the read has ended.
        let submission = unsafe { self.laio.syscall(libc::SYS_read, read) };
        self.writer.write_all(&[1])?;
        if let Submission::Background(_) = submission {
            while self.laio.poll(&mut self.completions, None)? == 0 {}
        }
        Ok(())
    }

    fn sleep(&mut self, time: Duration) -> io::Result<()> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }];
        self.laio
            .wait(self.epoll.as_fd(), &mut events, Some(time))
            .map(drop)
    }
}

fn lazy(rounds: usize) -> io::Result<Vec<f64>> {
    let laio = Laio::builder().cpu(SERVER_CPU).start();
    let laio = laio.map_err(io::Error::other)?;
    let (reader, writer) = pipe()?;
    let epoll = new_epoll()?;
    register(&epoll, laio.completion_fd().as_raw_fd(), libc::EPOLLIN)?;
    let mut way = Lazy {
        laio,
        epoll,
        reader,
        writer,
        byte: Box::new(0),
        completions: Vec::new(),
    };
    beyond_a_stretch(rounds, &mut way)
}

impl Way for Reader {
    fn take(&mut self) -> io::Result<()> {
        self.read()
    }
}

fn aio(rounds: usize) -> io::Result<Vec<f64>> {
    beyond_a_stretch(rounds, &mut Reader::new()?)
}

/// A read of a cached page by a kernel worker.
struct Punted {
    ring: Ring,
    file: std::fs::File,
    buffer: Vec<u8>,
}

impl Way for Punted {
    fn take(&mut self) -> io::Result<()> {
        self.ring.read_by_worker(&self.file, &mut self.buffer)
    }
}

fn uring(rounds: usize) -> io::Result<Vec<f64>> {
    let ring = Ring::new()?.ok_or(io::ErrorKind::Unsupported)?;
    let mut file = tempfile::tempfile()?;
    file.write_all(&[1; 4096])?;
    let buffer = vec![0; 4096];
    beyond_a_stretch(rounds, &mut Punted { ring, file, buffer })
}

/// What a server takes more for a request if a new connection brings it, which is closed then.
#[derive(Default)]
pub(super) struct Connects([Vec<f64>; IDLE_TIMES.len()]);

impl Connects {
    /// Measures a round against the server of this CPU clock, with a client that never sleeps.
    /// After each pause come two requests one after the other, on two of `clients`, or the first
    /// on a new connection.
    pub(super) fn round(
        &mut self,
        open: impl Fn() -> io::Result<Connection>,
        clients: &mut [Connection; 2],
        server_clock: libc::clockid_t,
        settle_ns: u64,
    ) -> io::Result<()> {
        let [first, second] = clients;
        for (pause, figures) in IDLE_TIMES.into_iter().zip(&mut self.0) {
            let mut mean_of = |mut first: Box<dyn FnMut() -> io::Result<()> + '_>| {
                let mut cpu = vec![];
                for _ in 0..pauses_of(pause.0) {
                    spin(pause.0);
                    let before = read_clock(server_clock);
                    first()?;
                    second.exchange()?;
                    spin(settle_ns);
                    cpu.push((read_clock(server_clock) - before) as f64);
                }
                Ok::<_, io::Error>(Rounds::after_the_first(cpu).mean())
            };
            let old = mean_of(Box::new(|| first.exchange().map(drop)))?;
            let new = mean_of(Box::new(|| open()?.exchange().map(drop)))?;
            figures.push(new - old);
        }
        Ok(())
    }

    /// The figures, without the first round, which only warmed.
    pub(super) fn figures(self) -> Beyond {
        self.0.map(Rounds::after_the_first)
    }
}
