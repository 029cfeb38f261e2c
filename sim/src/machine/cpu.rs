//! CPUs and the processes that they run.
//!
//! State: each process belongs to a CPU and is asleep, in that CPU's run queue, or running; a CPU
//! has at most one running process, and debts to interrupts that the next step pays. Events: a
//! wake-up, the end of a step, the end of a quantum. Transitions: a woken process goes to the
//! queue's end, or to its head and the running one gives way at its next step where wake-ups
//! preempt; one whose quantum is over goes to the end if another waits. A process that is not
//! pinned goes to an idle CPU when it is woken and its own is busy, and a CPU that would become
//! idle takes it over from another's queue (as Linux's `select_idle_sibling` and
//! `sched_balance_newidle` do, without their domains).
//!
//! Preemption happens between two operations, never inside one: operations take microseconds, a
//! quantum milliseconds. Leaves out: priorities, EEVDF's deadlines, what a migration costs the
//! caches.

use std::collections::VecDeque;

use crate::engine::Nanos;

/// A process, thread, helper or carrier: a dense index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcId(pub u32);

/// Who is told that what a call waits for is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiter {
    /// A process that sleeps in the call: it is woken.
    Process(ProcId),
    /// A call that waits without a process: the loop of this copy of the server goes on with it
    /// the next time it enters the kernel (io_uring's task work).
    TaskWork {
        /// The copy.
        copy: u32,
        /// Which of its calls.
        call: u32,
    },
}

/// What a process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It runs the event loop of this copy of the server.
    Loop(u32),
    /// It works for a copy of the server: a helper, a thread, a carrier, or one of the processes
    /// that serve a connection each.
    Worker {
        /// The copy.
        copy: u32,
        /// Which of its workers.
        index: u32,
    },
    /// It is the load generator.
    Generator,
}

/// A process's scheduling state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduled {
    /// Not runnable.
    Asleep,
    /// A wake-up is on its way to it.
    Waking,
    /// In the run queue.
    Queued,
    /// On the CPU.
    Running,
}

/// What CPU time was spent on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activity {
    /// Calls that the script asks for, and parsing.
    Request,
    /// Waiting for work: epoll_wait and its events, accept, connection set-up.
    Events,
    /// Misses: allocation, reclaim, submission to the disk, filling metadata.
    Miss,
    /// What the I/O interface adds: residency tests, messages, steals, completions.
    Interface,
    /// Context switches and wake-ups.
    Switch,
    /// Interrupts of disk and network.
    Interrupt,
    /// The block-rate meter.
    Meter,
}

impl Activity {
    /// Every activity, in the order of the tables.
    pub const ALL: [Self; 7] = [
        Self::Request,
        Self::Events,
        Self::Miss,
        Self::Interface,
        Self::Switch,
        Self::Interrupt,
        Self::Meter,
    ];

    /// The name in tables and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Events => "events",
            Self::Miss => "miss",
            Self::Interface => "interface",
            Self::Switch => "switch",
            Self::Interrupt => "interrupt",
            Self::Meter => "meter",
        }
    }
}

/// What a CPU does so rarely that the caches have lost the way by the next time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Path {
    /// A connection accepted, and closed in the end.
    Connect,
    /// A read of absent pages started.
    Miss,
    /// A trip to a helper or a thread of a pool.
    Handoff,
    /// A call that lazy asynchronous I/O takes to the background.
    Laio,
    /// A request of POSIX AIO.
    Aio,
    /// An operation by a kernel worker of io_uring.
    Uring,
}

impl Path {
    /// How many there are.
    const COUNT: usize = 6;
}

/// One process.
#[derive(Clone, Copy, Debug)]
pub struct Process {
    /// What it does.
    pub role: Role,
    /// The CPU it is on, or was on last.
    pub cpu: usize,
    /// Whether it stays there.
    pub pinned: bool,
    /// Its state.
    pub state: Scheduled,
    /// The end of the step in which it last went to sleep: until then it is still on its CPU.
    pub runs_until: Nanos,
}

/// One CPU.
#[derive(Clone, Debug, Default)]
pub struct Cpu {
    /// The running process.
    pub current: Option<ProcId>,
    /// The process that ran last: going on with it needs no switch.
    pub last: Option<ProcId>,
    /// Those that wait for the CPU.
    pub queue: VecDeque<ProcId>,
    /// Whether the running process gives way at its next step.
    pub preempt: bool,
    /// When the running process's quantum is over.
    pub quantum_ends: Nanos,
    /// Interrupt time that the next step pays.
    pub debt: Nanos,
    /// Whether its next step is in the event set (or being taken).
    pub busy: bool,
    /// Since when it has run nothing, if it has run no process since.
    pub idle_since: Option<Nanos>,
    /// The idle times that it has had.
    pub idles: Idles,
    /// When each [`Path`] was last taken.
    taken: [Option<Nanos>; Path::COUNT],
    /// CPU time by activity.
    pub spent: [Nanos; Activity::ALL.len()],
    /// Switches between processes.
    pub switches: u64,
}

/// A CPU's idle times, as far as they are the longest since some moment: when each ended and how
/// long it was, in order of time, each longer than those after it.
#[derive(Clone, Debug, Default)]
pub struct Idles(Vec<(Nanos, Nanos)>);

impl Idles {
    /// An idle time of this length has ended at `end`.
    pub fn ended(&mut self, end: Nanos, length: Nanos) {
        while self.0.pop_if(|last| last.1 <= length).is_some() {}
        self.0.push((end, length));
    }

    /// The length of the longest that has ended after `then`, if any has.
    pub fn longest_since(&self, then: Nanos) -> Option<Nanos> {
        let found = self.0.iter().find(|(end, _)| *end > then);
        found.map(|&(_, length)| length)
    }

    /// Just before the last one ended; the beginning of time if there was none.
    pub fn before_the_last(&self) -> Nanos {
        let last = self.0.last().map(|&(end, _)| end);
        last.unwrap_or_default().saturating_sub(Nanos(1))
    }
}

impl Cpu {
    /// Takes `path` now. How long ago that was last done, for ever if never; `None` if the CPU was
    /// not idle since.
    pub fn take_path(&mut self, path: Path, now: Nanos) -> Option<Nanos> {
        let Some(last) = self.taken[path as usize].replace(now) else {
            return Some(Nanos::MAX);
        };
        self.idles.longest_since(last).map(|_| now - last)
    }

    /// CPU time in all.
    pub fn busy_time(&self) -> Nanos {
        self.spent.iter().copied().sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_idle_time_since_a_moment_is_found() {
        let lengths = [5, 9, 2, 7, 7, 1, 3];
        let mut idles = Idles::default();
        for (at, length) in lengths.into_iter().enumerate() {
            idles.ended(Nanos(10 * (at as u64 + 1)), Nanos(length));
        }
        for since in 0..=75_u64 {
            let later = lengths.iter().enumerate();
            let later = later.filter(|(at, _)| 10 * (*at as u64 + 1) > since);
            let longest = later.map(|(_, &length)| Nanos(length)).max();
            assert_eq!(idles.longest_since(Nanos(since)), longest, "{since}");
        }
        assert_eq!(idles.longest_since(idles.before_the_last()), Some(Nanos(3)));
        assert_eq!(Idles::default().before_the_last(), Nanos::ZERO);
    }
}
