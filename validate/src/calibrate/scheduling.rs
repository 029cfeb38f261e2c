//! Switches between processes and the three wake-ups.

use std::io::{self, PipeReader, PipeWriter, Read, Write, pipe};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use super::timing::{Rounds, clock, mean_of};
use super::{CalibrateError, Effort};
use crate::emulate::realtime::pin_to;

/// Time given to a woken thread to go back to sleep. Ours.
const SETTLE: Duration = Duration::from_micros(300);
/// Wake-ups in a round: each waits for [`SETTLE`].
const WAKE_UPS: u64 = 40;

/// What was measured, in nanoseconds.
pub(super) struct Scheduling {
    pub(super) context_switch: Rounds,
    pub(super) wake_same_cpu: Rounds,
    pub(super) wake_busy_cpu: Rounds,
    pub(super) wake_idle_cpu: Rounds,
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
    let idle = wakes(rounds, 0, Sleeper::Normal)?;
    let spinning = Spinner::start(0)?;
    let busy = wakes(rounds, 0, Sleeper::Normal)?;
    drop(spinning);
    pin_to(0)?;
    Ok(Scheduling {
        context_switch: one_way.with(&wake_same_cpu, |one_way, wake| one_way - wake),
        wake_same_cpu,
        wake_busy_cpu: busy.with(&message_write, |woken, plain| woken - plain),
        wake_idle_cpu: idle.with(&message_write, |woken, plain| woken - plain),
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
    let wakes = Arc::new(AtomicU64::new(0));
    let thread = {
        let wakes = Arc::clone(&wakes);
        thread::spawn(move || sleep_in(reader, cpu, sleeper, &wakes))
    };
    thread::sleep(SETTLE);
    let mut writes = Vec::new();
    for _ in 0..rounds {
        let mut write = 0;
        for _ in 0..WAKE_UPS {
            write += wake(&mut writer, &wakes)?;
        }
        writes.push(write as f64 / WAKE_UPS as f64);
    }
    drop(writer);
    thread
        .join()
        .map_err(|_| io::Error::other("the sleeper panicked"))??;
    let mut writes = writes.into_iter();
    Ok(Rounds::of(rounds, || writes.next().unwrap_or_default()))
}

/// Wakes the sleeper, and waits until it has gone back to sleep.
fn wake(writer: &mut PipeWriter, wakes: &AtomicU64) -> io::Result<u64> {
    let before = wakes.load(Ordering::SeqCst);
    let start = clock();
    writer.write_all(&[1; 64])?;
    let took = clock() - start;
    thread::sleep(SETTLE);
    while wakes.load(Ordering::SeqCst) == before {
        thread::sleep(SETTLE);
    }
    Ok(took)
}

fn sleep_in(
    mut reader: PipeReader,
    cpu: usize,
    sleeper: Sleeper,
    wakes: &AtomicU64,
) -> io::Result<()> {
    pin_to(cpu)?;
    if sleeper == Sleeper::IdleClass {
        set_idle_class()?;
    }
    let mut message = [0_u8; 64];
    while reader.read_exact(&mut message).is_ok() {
        wakes.fetch_add(1, Ordering::SeqCst);
    }
    Ok(())
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
