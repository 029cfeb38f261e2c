//! Every way to make a call without blocking the loop, side by side, as Markdown tables.
//!
//! All contenders run interleaved in one process. Figures are medians over the rounds, with 95 %
//! intervals in brackets; ratios and differences are taken within a round, so that drift of the
//! machine cancels out. The loop and all threads are on one CPU, the best case for those that hand
//! calls over: nothing has to be woken on another CPU. Rows that say so may use all CPUs.

mod blocking;
mod concurrent;
mod contenders;
mod cpus;
mod fan_out;
mod immediate;
mod memory;
mod operations;
mod residency;
mod scratch;
mod statistics;

use std::io;

use clap::{Parser, ValueEnum};

use cpus::{Allowed, Cpus};

/// Compares the ways to make a call without blocking the loop. Prints Markdown tables on standard
/// output, progress on standard error.
#[derive(Parser)]
#[command(name = "compare")]
struct Arguments {
    /// What to measure; all of it by default.
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// Few rounds: a look that takes seconds, with intervals that mean little.
    #[arg(long)]
    quick: bool,
    /// Given by cargo.
    #[arg(long, hide = true)]
    bench: bool,
    /// Prints the memory of this contender; for the process that measures it.
    #[arg(long, hide = true, requires = "in_flight")]
    memory_of: Option<String>,
    #[arg(long, hide = true)]
    in_flight: Option<usize>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Part {
    /// Calls that do not block.
    NonBlocking,
    /// Calls that block, one at a time.
    Blocking,
    /// 1 to 1,000 calls that block, in flight together.
    FanOut,
}

/// Interleaved rounds of each part: ours. Odd, so that a median is a value.
struct Rounds {
    non_blocking: usize,
    blocking: usize,
    fan_out: usize,
}

impl Rounds {
    const FULL: Self = Self {
        non_blocking: 101,
        blocking: 41,
        fan_out: 21,
    };
    const QUICK: Self = Self {
        non_blocking: 5,
        blocking: 3,
        fan_out: 3,
    };
}

fn main() -> io::Result<()> {
    let arguments = Arguments::parse();
    concurrent::block_signal();
    let files = cpus::raise_file_limit();
    if let Some((name, in_flight)) = arguments.memory_of.zip(arguments.in_flight) {
        return memory::print_numbers(&name, in_flight);
    }
    let rounds = if arguments.quick {
        Rounds::QUICK
    } else {
        Rounds::FULL
    };
    let wanted = |part| arguments.parts.is_empty() || arguments.parts.contains(&part);
    let allowed = Allowed::now()?;
    if wanted(Part::NonBlocking) {
        allowed.run_on(Cpus::One)?;
        immediate::print_tables(rounds.non_blocking)?;
    }
    if wanted(Part::Blocking) {
        blocking::print_tables(&allowed, rounds.blocking)?;
    }
    if wanted(Part::FanOut) {
        fan_out::print_tables(&allowed, files, rounds.fan_out)?;
    }
    Ok(())
}
