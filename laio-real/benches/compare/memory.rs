//! What operations in flight cost in memory, each contender in a process of its own: memory that
//! one has given back is reused by the next.
//!
//! Seen: what has become resident since before the contender was opened, and its threads. Not
//! seen: page tables, and what the kernel keeps for a thread besides its stack, for a pipe, and for
//! an operation in a ring.

use std::fs;
use std::io;
use std::process::Command;

use crate::concurrent::CONTENDERS;
use crate::cpus::Allowed;
use crate::fan_out::Pipes;

/// THREAD_SIZE on x86-64 and arm64 with 4 KiB pages.
pub(crate) const KERNEL_STACK_KIB: i64 = 16;

/// All of it, more than before the contender was opened.
pub(crate) struct Memory {
    pub(crate) resident_kib: i64,
    pub(crate) threads: i64,
}

impl Memory {
    fn now() -> io::Result<Self> {
        Ok(Self {
            // Exact, unlike VmRSS of status.
            resident_kib: field("/proc/self/smaps_rollup", "Rss:")?,
            threads: field("/proc/self/status", "Threads:")?,
        })
    }
}

fn field(path: &str, name: &str) -> io::Result<i64> {
    fs::read_to_string(path)?
        .lines()
        .find_map(|line| line.strip_prefix(name))
        .and_then(|value| value.split_whitespace().next()?.parse().ok())
        .ok_or_else(|| io::Error::other(format!("no {name} in {path}")))
}

/// `None` if the contender is not to be had.
pub(crate) fn in_a_fresh_process(contender: &str, in_flight: usize) -> Option<Memory> {
    let output = Command::new(std::env::current_exe().ok()?)
        .args(["--memory-of", contender, "--in-flight"])
        .arg(in_flight.to_string())
        .output()
        .ok()?;
    let printed = String::from_utf8(output.stdout).ok()?;
    let mut numbers = printed.split_whitespace().map(str::parse);
    Some(Memory {
        resident_kib: numbers.next()?.ok()?,
        threads: numbers.next()?.ok()?,
    })
}

/// In that process: prints the two numbers, with a second batch in flight.
pub(crate) fn print_numbers(name: &str, in_flight: usize) -> io::Result<()> {
    let contender = CONTENDERS
        .iter()
        .find(|contender| contender.name == name)
        .ok_or_else(|| io::Error::other(format!("no contender {name}")))?;
    Allowed::now()?.run_on(contender.cpus)?;
    let mut pipes = Pipes::open(in_flight)?;
    let before = Memory::now()?;
    let Some(mut concurrent) = (contender.open)(in_flight) else {
        return Ok(());
    };
    pipes.submit_reads(&mut *concurrent);
    pipes.end_reads(&mut *concurrent)?;
    pipes.submit_reads(&mut *concurrent);
    let now = Memory::now()?;
    println!(
        "{} {}",
        now.resident_kib - before.resident_kib,
        now.threads - before.threads
    );
    pipes.end_reads(&mut *concurrent)
}
