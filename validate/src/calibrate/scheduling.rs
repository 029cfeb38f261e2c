//! Switches between processes and the three wake-ups.

use std::io::{self, PipeReader, Read, Write, pipe};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use sim::machine::profile::IDLE_TIMES;

use super::sockets::{new_epoll, register, wait};
use super::spinning::spin;
use super::timing::{Rounds, clock, mean_of};
use super::{CalibrateError, Effort};
use crate::emulate::realtime::pin_to;

/// Time given to a woken thread to go back to sleep. Ours.
const SETTLE: Duration = Duration::from_micros(300);
/// Wake-ups in a round: each waits for [`SETTLE`].
const WAKE_UPS: u64 = 40;
/// Of those after a pause, a round has as many as take about so long, and at least so many. Ours.
const PAUSED_NS: u64 = 40_000_000;
const FEWEST_WAKE_UPS: u64 = 5;
/// Time in which a woken thread is asleep again. Ours.
const SETTLED_NS: u64 = 20_000;
/// What is sent: a helper's message.
const MESSAGE: [u8; 64] = [1; 64];

/// What was measured, in nanoseconds.
pub(super) struct Scheduling {
    pub(super) context_switch: Rounds,
    pub(super) wake_same_cpu: Rounds,
    pub(super) wake_busy_cpu: Rounds,
    /// By [`IDLE_TIMES`].
    pub(super) wake_idle_cpu: [Rounds; IDLE_TIMES.len()],
    pub(super) message_write: Rounds,
    pub(super) message_read: Rounds,
}

/// Measures between the server's CPU, 0, and the load generator's, 1.
pub(super) fn measure(effort: Effort) -> Result<Scheduling, CalibrateError> {
    measured(effort).map_err(|source| CalibrateError::Call {
        what: "switches and wake-ups",
        source,
    })
}

fn measured(effort: Effort) -> io::Result<Scheduling> {
    let rounds = effort.rounds;
    let (message_write, message_read) = messages(effort)?;
    pin_to(0)?;
    let round_trip = ping_pong(effort)?;
    let one_way = round_trip.with(
        &message_write.with(&message_read, |write, read| write + read),
        |trip, message| trip / 2.0 - message,
    );
    let same = wakes(rounds, 0, Sleeper::IdleClass)?;
    let wake_same_cpu = same.with(&message_write, |woken, plain| woken - plain);
    pin_to(1)?;
    let idle = wakes_after_pauses(rounds, 0)?;
    let spinning = Spinner::start(0)?;
    let busy = wakes(rounds, 0, Sleeper::Normal)?;
    drop(spinning);
    pin_to(0)?;
    Ok(Scheduling {
        context_switch: one_way.with(&wake_same_cpu, |one_way, wake| one_way - wake),
        wake_same_cpu,
        wake_busy_cpu: busy.with(&message_write, |woken, plain| woken - plain),
        wake_idle_cpu: idle,
        message_write,
        message_read,
    })
}

/// A message of a helper's size through a pipe at whose other end nobody sleeps.
fn messages(effort: Effort) -> io::Result<(Rounds, Rounds)> {
    let (mut reader, mut writer) = pipe()?;
    let message = [1_u8; 64];
    let batch = effort.batch.min(512); // what a pipe of 64 KiB takes
    let (mut writes, mut reads) = (Vec::new(), Vec::new());
    for _ in 0..=effort.rounds {
        let mut buffer = [0_u8; 64];
        writes.push(mean_of(batch, |_| drop(writer.write_all(&message))));
        reads.push(mean_of(batch, |_| drop(reader.read_exact(&mut buffer))));
    }
    let series = |values: Vec<f64>| {
        let mut values = values.into_iter().skip(1);
        Rounds::of(effort.rounds, || values.next().unwrap_or_default())
    };
    Ok((series(writes), series(reads)))
}

/// Round trip of a message between two threads of one CPU.
fn ping_pong(effort: Effort) -> io::Result<Rounds> {
    let (mut there, mut to_there) = pipe()?;
    let (mut here, mut to_here) = pipe()?;
    let echo = thread::spawn(move || -> io::Result<()> {
        pin_to(0)?;
        let mut message = [0_u8; 64];
        while there.read_exact(&mut message).is_ok() {
            to_here.write_all(&message)?;
        }
        Ok(())
    });
    let mut message = [0_u8; 64];
    let mut failure = None;
    let rounds = Rounds::of(effort.rounds, || {
        mean_of(effort.batch, |_| {
            let result = to_there
                .write_all(&message)
                .and_then(|()| here.read_exact(&mut message));
            failure = failure.take().or(result.err());
        })
    });
    drop(to_there);
    echo.join()
        .map_err(|_| io::Error::other("the echo thread panicked"))??;
    failure.map_or(Ok(rounds), Err)
}

/// How the woken thread is scheduled.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Sleeper {
    /// As usual.
    Normal,
    /// `SCHED_IDLE`: woken, it does not preempt the waker.
    IdleClass,
}

/// Time of a write to a pipe whose reader sleeps on `cpu`.
fn wakes(rounds: usize, cpu: usize, sleeper: Sleeper) -> io::Result<Rounds> {
    let (reader, mut writer) = pipe()?;
    let mut asleep = Asleep::in_read(cpu, sleeper, reader)?;
    let mut writes = Vec::new();
    for _ in 0..rounds {
        let mut write = 0;
        for _ in 0..WAKE_UPS {
            write += asleep.wake(&mut writer, || thread::sleep(SETTLE))?;
        }
        writes.push(write as f64 / WAKE_UPS as f64);
    }
    drop(writer);
    asleep.end()?;
    Ok(Rounds::from_values(writes))
}

/// Time of a send to a socket whose receiver has slept in `epoll_wait` on `cpu` for each of
/// [`IDLE_TIMES`], while this thread kept its own CPU busy, less a send after as long to one who
/// does not wait: the difference of a round's means. Either send has not been made for so long;
/// what that alone costs is measured with whole requests (`idle`).
fn wakes_after_pauses(rounds: usize, cpu: usize) -> io::Result<[Rounds; IDLE_TIMES.len()]> {
    let (mut to_nobody, mut nobody) = connected()?;
    let mut buffer = [0; MESSAGE.len()];
    let mut plain = || {
        let start = clock();
        to_nobody.write_all(&MESSAGE)?;
        let took = clock() - start;
        spin(SETTLED_NS);
        nobody.read_exact(&mut buffer).map(|()| took as f64)
    };
    let (mut to_sleeper, receiver) = connected()?;
    let mut asleep = Asleep::in_epoll(cpu, receiver)?;
    let mut differences = [const { Vec::new() }; IDLE_TIMES.len()];
    for _ in 0..rounds {
        for (pause, differences) in IDLE_TIMES.into_iter().zip(&mut differences) {
            let wake_ups = (PAUSED_NS / pause.0).clamp(FEWEST_WAKE_UPS, WAKE_UPS);
            let (mut waking, mut not_waking) = (vec![], vec![]);
            for _ in 0..wake_ups {
                spin(pause.0);
                not_waking.push(plain()?);
                spin(pause.0);
                waking.push(asleep.wake(&mut to_sleeper, || spin(SETTLED_NS))? as f64);
            }
            // The first comes after another pause.
            let mean = |times| Rounds::after_the_first(times).mean();
            differences.push(mean(waking) - mean(not_waking));
        }
    }
    drop(to_sleeper);
    asleep.end()?;
    Ok(differences.map(Rounds::from_values))
}

fn connected() -> io::Result<(TcpStream, TcpStream)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let sender = TcpStream::connect(listener.local_addr()?)?;
    sender.set_nodelay(true)?;
    Ok((sender, listener.accept()?.0))
}

/// A thread that sleeps until a message comes, and counts them.
struct Asleep {
    wakes: Arc<AtomicU64>,
    thread: thread::JoinHandle<io::Result<()>>,
}

impl Asleep {
    /// In a read from a pipe.
    fn in_read(cpu: usize, sleeper: Sleeper, mut pipe: PipeReader) -> io::Result<Self> {
        Self::start(move |wakes| {
            pin_to(cpu)?;
            if sleeper == Sleeper::IdleClass {
                set_idle_class()?;
            }
            let mut message = MESSAGE;
            while pipe.read_exact(&mut message).is_ok() {
                wakes.fetch_add(1, Ordering::SeqCst);
            }
            Ok(())
        })
    }

    /// In `epoll_wait` for a socket.
    fn in_epoll(cpu: usize, mut socket: TcpStream) -> io::Result<Self> {
        Self::start(move |wakes| {
            pin_to(cpu)?;
            let epoll = new_epoll()?;
            register(&epoll, socket.as_raw_fd(), libc::EPOLLIN)?;
            let mut message = MESSAGE;
            loop {
                wait(&epoll)?;
                if socket.read_exact(&mut message).is_err() {
                    return Ok(());
                }
                wakes.fetch_add(1, Ordering::SeqCst);
            }
        })
    }

    fn start(
        sleep: impl FnOnce(&AtomicU64) -> io::Result<()> + Send + 'static,
    ) -> io::Result<Self> {
        let wakes = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&wakes);
        let thread = thread::Builder::new().spawn(move || sleep(&counted))?;
        thread::sleep(SETTLE);
        Ok(Self { wakes, thread })
    }

    /// Wakes it, and lets time pass until it has gone back to sleep. Returns how long the write
    /// took.
    fn wake(&mut self, to_it: &mut impl Write, pass_time: impl Fn()) -> io::Result<u64> {
        let before = self.wakes.load(Ordering::SeqCst);
        let start = clock();
        to_it.write_all(&MESSAGE)?;
        let took = clock() - start;
        pass_time();
        while self.wakes.load(Ordering::SeqCst) == before {
            if self.thread.is_finished() {
                return Err(io::Error::other("the sleeper has ended"));
            }
            pass_time();
        }
        Ok(took)
    }

    /// Waits for its end: nobody can write to it any more.
    fn end(self) -> io::Result<()> {
        let ended = self.thread.join();
        ended.map_err(|_| io::Error::other("the sleeper panicked"))?
    }
}

fn set_idle_class() -> io::Result<()> {
    let parameters = libc::sched_param { sched_priority: 0 };
    // SAFETY: `parameters` lives through the call; 0 is the calling thread.
    let result = unsafe { libc::sched_setscheduler(0, libc::SCHED_IDLE, &raw const parameters) };
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// Keeps a CPU busy with a thread that gives way to every other.
struct Spinner {
    stop: Arc<AtomicBool>,
    thread: Option<thread::JoinHandle<io::Result<()>>>,
}

impl Spinner {
    fn start(cpu: usize) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let thread = {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                pin_to(cpu)?;
                set_idle_class()?;
                while !stop.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
                Ok(())
            })
        };
        thread::sleep(SETTLE);
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // A spinner that could not start has kept nothing busy, which the figures show.
            drop(thread.join());
        }
    }
}
