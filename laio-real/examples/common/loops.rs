//! Several event loops, each with a thread and a caller of its own, that walk a tree together.

use std::path::Path;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::compare::Options;
use super::contender::Contender;
use super::job::drive;
use super::walk::{Stock, Task, Walk};

/// What one of the loops has of what all may use.
pub(crate) struct Share {
    pub(crate) in_flight: usize,
    pub(crate) threads: usize,
    pub(crate) cpu: Option<usize>,
}

impl Share {
    /// That of the loop `index`, counted from 0.
    fn of(options: &Options, index: usize) -> Self {
        let loops = options.loops;
        let share = |all: usize| (all / loops + usize::from(index < all % loops)).max(1);
        Self {
            in_flight: share(options.in_flight),
            threads: share(options.threads),
            cpu: options.cpu.iter().copied().cycle().nth(index),
        }
    }
}

/// What loops have done.
pub(crate) struct Run<T> {
    pub(crate) task: T,
    pub(crate) calls: u64,
    /// Calls that failed.
    pub(crate) errors: u64,
    /// Calls that blocked, where it is known.
    pub(crate) blocked: Option<u64>,
    began: Instant,
    ended: Instant,
}

impl<T: Task> Run<T> {
    /// From the first loop's begin to the last one's end.
    pub(crate) fn time(&self) -> Duration {
        self.ended - self.began
    }

    fn add(mut self, other: Self) -> Self {
        self.task.add(other.task);
        self.calls += other.calls;
        self.errors += other.errors;
        self.blocked = self.blocked.zip(other.blocked).map(|(a, b)| a + b);
        self.began = self.began.min(other.began);
        self.ended = self.ended.max(other.ended);
        self
    }
}

/// Why loops have not done it.
pub(crate) enum Failure {
    /// The contender cannot run here.
    NotHere(io::Error),
    /// Trouble with the tree's name, or with waiting for calls.
    Other(io::Error),
}

/// Walks the tree at `root` by as many loops as the options say. `task` makes one loop's task, for
/// so many slots.
pub(crate) fn walk<T: Task + Send>(
    contender: Contender,
    options: &Options,
    root: &Path,
    mut task: impl FnMut(usize) -> T,
) -> Result<Run<T>, Failure> {
    let stock = &Stock::new(root, options.loops).map_err(Failure::Other)?;
    let mut loops = (0..options.loops).map(|index| {
        let share = Share::of(options, index);
        let task = task(share.in_flight);
        move || work(contender, &share, stock, task)
    });
    // The calling thread is the first loop, so that a single one is the process's only thread; and
    // it is so last, because threads inherit what an engine does to their maker.
    let first = loops.next();
    thread::scope(|scope| {
        let others: Vec<_> = loops.map(|other| scope.spawn(other)).collect();
        let runs = first.into_iter().map(|first| first()).chain(
            others
                .into_iter()
                .map(|other| other.join().expect("a loop that returns")),
        );
        runs.reduce(|all, run| Ok(all?.add(run?))).expect("a loop")
    })
}

/// The life of a loop.
fn work<T: Task>(
    contender: Contender,
    share: &Share,
    stock: &Stock,
    task: T,
) -> Result<Run<T>, Failure> {
    /// When a loop ends, all is done, or it never will be.
    struct End<'a>(&'a Stock);
    impl Drop for End<'_> {
        fn drop(&mut self) {
            self.0.close();
        }
    }
    let _end = End(stock);
    let mut caller = contender.start(share).map_err(Failure::NotHere)?;
    let walk = Walk::new(stock, task, share.in_flight);
    stock.enter();
    let began = Instant::now();
    let (walk, calls) = drive(&mut *caller, walk, share.in_flight).map_err(Failure::Other)?;
    Ok(Run {
        began,
        ended: Instant::now(),
        task: walk.task,
        calls,
        errors: walk.errors,
        blocked: caller.blocked(),
    })
}
