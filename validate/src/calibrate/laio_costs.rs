//! What lazy asynchronous I/O adds, through the real library.

use std::io::{self, Write, pipe};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use laio::{EngineKind, Laio, Submission};

use super::child::measure_in_child;
use super::paths::sleep_exactly;
use super::scheduling::Scheduling;
use super::sockets::new_epoll;
use super::timing::{Rounds, clock, mean_of, process_clock};
use super::{CalibrateError, Effort};
use crate::emulate::realtime::pin_to;
use crate::process::SERVER_CPU;

/// Blocking calls in a round.
const STEALS: u64 = 200;

/// Sleeps in a round, and how long each is: longer than it takes a watcher to go to sleep too. Ours.
const SLEEPS: u32 = 100;
const SLEEP: Duration = Duration::from_micros(100);

/// What was measured, in nanoseconds.
pub(super) struct LaioFigures {
    pub(super) inline: Rounds,
    pub(super) steal: Rounds,
    pub(super) completion: Rounds,
    pub(super) poll: Rounds,
    pub(super) watch: Rounds,
}

/// Measures on the CPU of the server, in a process of its own: the engine takes over the thread
/// that starts it.
pub(super) fn measure(
    effort: Effort,
    scheduling: &Scheduling,
) -> Result<LaioFigures, CalibrateError> {
    let rounds = effort.rounds;
    let figures = measure_in_child("laio", None, || in_child(effort))?;
    let series = |offset: usize| {
        let mut values = figures.iter().skip(offset).step_by(4).copied();
        Rounds::of(rounds, || values.next().unwrap_or_default())
    };
    let (inline, steal, in_all, poll) = (series(0), series(1), series(2), series(3));
    // In all: steal, the write that wakes the carrier, a switch to it and one back, its
    // completion, the poll.
    let known = scheduling.message_write.median()
        + scheduling.wake_same_cpu.median()
        + 2.0 * scheduling.context_switch.median();
    let completion = in_all
        .with(&steal, |in_all, steal| in_all - steal)
        .with(&poll, |rest, poll| rest - poll)
        .map(|rest| rest - known);
    let sleeps = |engine| {
        let sleeps = || sleeps_with_a_call(engine, rounds);
        measure_in_child("sleeps of laio", None, sleeps).map(Rounds::from_values)
    };
    let unwatched = sleeps(EngineKind::Pool)?;
    let watch = sleeps(EngineKind::Upcall)?
        .with(&unwatched, |watched, unwatched| watched - unwatched)
        .with(&inline, |difference, inline| difference - inline)
        .map(|rest| rest - scheduling.wake_same_cpu.median());
    Ok(LaioFigures {
        inline,
        steal,
        completion,
        poll,
        watch,
    })
}

/// Per round: all CPU of a sleep in `laio_wait` and a call that does not block after it.
fn sleeps_with_a_call(engine: EngineKind, rounds: usize) -> io::Result<Vec<f64>> {
    pin_to(SERVER_CPU)?;
    sleep_exactly();
    let builder = Laio::builder().cpu(SERVER_CPU).engine(engine);
    let mut laio = builder.start().map_err(io::Error::other)?;
    let epoll = new_epoll()?;
    let mut events = [libc::epoll_event { events: 0, u64: 0 }];
    let mut figures = Vec::new();
    for _ in 0..=rounds {
        let cpu = process_clock();
        for _ in 0..SLEEPS {
            laio.wait(epoll.as_fd(), &mut events, Some(SLEEP))?;
            // SAFETY: getppid has no arguments.
            unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) };
        }
        figures.push((process_clock() - cpu) as f64 / f64::from(SLEEPS));
    }
    Ok(figures.split_off(1)) // the first round warms
}

/// Per round: inline, steal, all CPU of a blocking call, poll.
fn in_child(effort: Effort) -> io::Result<Vec<f64>> {
    let (reader, mut writer) = pipe()?;
    let mut laio = Laio::builder().cpu(0).start().map_err(io::Error::other)?;
    let mut byte = [0_u8];
    let read = [
        reader.as_raw_fd() as usize,
        (&raw mut byte) as usize,
        1,
        0,
        0,
        0,
    ];
    let mut completions = Vec::new();
    let mut figures = Vec::new();
    for _ in 0..=effort.rounds {
        let plain = mean_of(effort.batch, |_| {
            // SAFETY: getppid has no arguments.
            unsafe { libc::syscall(libc::SYS_getppid) };
        });
        let mut falsely_stolen = 0;
        let lazy = mean_of(effort.batch, |_| {
            // SAFETY: as above.
            let submission = unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) };
            falsely_stolen += usize::from(matches!(submission, Submission::Background(_)));
        });
        // Their completions must not be taken for those of the reads that follow.
        while falsely_stolen > 0 {
            falsely_stolen -= laio.poll(&mut completions, Some(Duration::from_secs(5)))?;
        }
        let (mut steal, mut poll, mut stolen) = (0, 0, 0);
        let cpu = process_clock();
        for _ in 0..STEALS {
            let start = clock();
            // SAFETY: `byte` outlives the engine, and nobody else looks at it.
            let submission = unsafe { laio.syscall(libc::SYS_read, read) };
            let stolen_at = clock();
            writer.write_all(&[1])?;
            if let Submission::Background(_) = submission {
                stolen += 1;
                steal += stolen_at - start;
                poll += take_one(&mut laio, &mut completions)?;
            }
        }
        if stolen < STEALS / 2 {
            return Err(io::Error::other("most blocking reads returned inline"));
        }
        let in_all = (process_clock() - cpu) as f64 / STEALS as f64;
        let each = |time: u64| time as f64 / stolen as f64;
        figures.extend([lazy - plain, each(steal), in_all, each(poll)]);
    }
    Ok(figures.split_off(4)) // the first round warms
}

/// Waits for the completion, then times what a poll costs that finds one: the second look, at an
/// empty list, is what the loop pays when there is none.
fn take_one(laio: &mut Laio, completions: &mut Vec<laio::Completion>) -> io::Result<u64> {
    let start = clock();
    let mut taken = laio.poll(completions, Some(Duration::ZERO))?;
    let took = clock() - start;
    while taken == 0 {
        taken = laio.poll(completions, Some(Duration::from_secs(5)))?;
    }
    Ok(took)
}
