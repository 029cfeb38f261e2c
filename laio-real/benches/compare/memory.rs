//! What operations in flight cost in memory, each contender in a process of its own: memory that
//! one has given back is reused by the next.
//!
//! Seen: what has become resident since before the contender was opened, its threads, and how many
//! of these wait in a read. Not
//! seen: page tables, and what the kernel keeps for a thread besides its stack, for a pipe, and for
//! an operation in a ring or in epoll.

use std::fs;
use std::io;
use std::process::Command;

use crate::concurrent::{CONTENDERS, UNLIMITED};
use crate::cpus::Allowed;
use crate::fan_out::Pipes;

/// THREAD_SIZE on x86-64 and arm64 with 4 KiB pages.
pub(crate) const KERNEL_STACK_KIB: i64 = 16;

/// With operations in flight, more than before the contender was opened.
pub(crate) struct Used {
    pub(crate) resident_kib: i64,
    pub(crate) threads: i64,
    /// Threads that wait in a read.
    pub(crate) waiting: i64,
}

impl Used {
    fn now() -> io::Result<Self> {
        Ok(Self {
            // Exact, unlike VmRSS of status.
            resident_kib: field("/proc/self/smaps_rollup", "Rss:")?,
            threads: field("/proc/self/status", "Threads:")?,
            waiting: threads_in_a_read()?,
        })
    }
}

/// The thread that asks is running, and so in no call to see.
fn threads_in_a_read() -> io::Result<i64> {
    let read = format!("{} ", libc::SYS_read);
    let mut count = 0;
    for thread in fs::read_dir("/proc/self/task")? {
        let call = fs::read_to_string(thread?.path().join("syscall"))?;
        count += i64::from(call.starts_with(&read));
    }
    Ok(count)
}

fn field(path: &str, name: &str) -> io::Result<i64> {
    fs::read_to_string(path)?
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no {name} in {path}")))
}

/// `None` if the contender is not to be had.
pub(crate) fn in_a_fresh_process(contender: &str, in_flight: usize) -> Option<Used> {
    let output = Command::new(std::env::current_exe().ok()?)
        .args(["--memory-of", contender, "--in-flight"])
        .arg(in_flight.to_string())
        .output()
        .ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    Some(Used {
        resident_kib: numbers.next()?.ok()?,
        threads: numbers.next()?.ok()?,
        waiting: numbers.next()?.ok()?,
    })
}

/// In that process: prints the numbers, with a second batch in flight.
pub(crate) fn print_numbers(name: &str, in_flight: usize) -> io::Result<()> {
    let contender = CONTENDERS
        .iter()
        .chain(UNLIMITED)
        .find(|contender| contender.name == name)
        .ok_or_else(|| io::Error::other(format!("no contender {name}")))?;
    Allowed::now()?.run_on(contender.cpus)?;
    let mut pipes = Pipes::open(in_flight)?;
    let before = Used::now()?;
    let Some(mut concurrent) = (contender.open)(in_flight) else {
        return Ok(());
    };
    pipes.submit_reads(&mut *concurrent);
    pipes.end_reads(&mut *concurrent)?;
    pipes.submit_reads(&mut *concurrent);
    pipes.let_reads_begin(&mut *concurrent);
    let now = Used::now()?;
    println!(
        "{} {} {}",
        now.resident_kib - before.resident_kib,
        now.threads - before.threads,
        now.waiting - before.waiting
    );
    pipes.end_reads(&mut *concurrent)
}
