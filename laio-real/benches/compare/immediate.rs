//! Calls that do not block, made one at a time.

use std::hint::black_box;
use std::io;
use std::sync::mpsc::{self, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::contenders::{self, AIO, BARE, CONTENDERS, Contender, UPCALL, UPCALL_NO_SWAP};
use crate::operations::{OPERATIONS, Operation};
use crate::statistics::{Estimate, cell};

/// Calls of a contender in a round, after as many plain ones and then as many as [`WARM_UP`].
const CALLS: usize = 400;
const WARM_UP: usize = 20;

/// Nanoseconds per call of each round, for each contender.
type Nanoseconds = Vec<Vec<f64>>;

/// A thread that sleeps until it is dropped.
struct IdleThread {
    to_thread: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl IdleThread {
    fn new() -> Self {
        let (to_thread, calls) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let _ = calls.recv();
        });
        Self {
            to_thread: Some(to_thread),
            thread: Some(thread),
        }
    }
}

impl Drop for IdleThread {
    fn drop(&mut self) {
        // Ends its wait.
        self.to_thread = None;
        if let Some(thread) = self.thread.take() {
            // It cannot panic.
            let _ = thread.join();
        }
    }
}

/// Measures all, interleaved, and prints the tables.
///
/// Beside a second thread a call on a descriptor costs more, whoever makes it: the kernel then
/// counts its users. Every contender but the bare instruction and the C library's function has
/// threads, or workers of the kernel, so those two get one as well; what that costs them is printed
/// first.
pub(crate) fn print_tables(rounds: usize) -> io::Result<()> {
    print_costs_of_a_thread(rounds)?;
    let _second_thread = IdleThread::new();
    let columns = OPERATIONS
        .iter()
        .map(|operation| measure(operation, rounds))
        .collect::<io::Result<Vec<_>>>()?;
    println!("\nCalls that do not block, ns per call, and the ratio to the bare instruction:\n");
    print_header();
    for (row, contender) in CONTENDERS.iter().enumerate() {
        print!("| {} |", contender.name);
        for column in &columns {
            let nanoseconds = Estimate::of(column[row].iter().copied());
            let ratio = Estimate::of_ratios(&column[row], &column[BARE]);
            match nanoseconds.zip(ratio) {
                Some((nanoseconds, ratio)) => print!(" {:.0}, {ratio} |", nanoseconds.median),
                None => print!(" - |"),
            }
        }
        println!();
    }
    println!("\nThe same, compared:\n");
    print_header();
    print_row("upcall, no FS swap, over bare: ratio", &columns, |column| {
        Estimate::of_ratios(&column[UPCALL_NO_SWAP], &column[BARE]).map(|it| it.to_string())
    });
    print_row("upcall, no FS swap, over bare: ns", &columns, |column| {
        Estimate::of_differences(&column[UPCALL_NO_SWAP], &column[BARE])
            .map(|it| format!("{it:.0}"))
    });
    print_row("upcall over bare: ns", &columns, |column| {
        Estimate::of_differences(&column[UPCALL], &column[BARE]).map(|it| format!("{it:.0}"))
    });
    print_row("POSIX AIO over upcall: ratio", &columns, |column| {
        Estimate::of_ratios(&column[AIO], &column[UPCALL]).map(|it| format!("{it:.1}"))
    });
    Ok(())
}

/// Before other contenders have left threads behind.
fn print_costs_of_a_thread(rounds: usize) -> io::Result<()> {
    println!("\nThe bare instruction as the process's only thread, and beside an idle one, ns:\n");
    print_header();
    let mut columns = Vec::new();
    for operation in OPERATIONS {
        let mut times = vec![Vec::new(); 2];
        for _ in 0..rounds {
            times[0].extend(nanoseconds_of(&CONTENDERS[BARE], operation)?);
            let _second_thread = IdleThread::new();
            times[1].extend(nanoseconds_of(&CONTENDERS[BARE], operation)?);
        }
        columns.push(times);
    }
    let median =
        |times: &[f64]| Estimate::of(times.iter().copied()).map(|it| format!("{:.0}", it.median));
    print_row("alone", &columns, |column| median(&column[0]));
    print_row("beside an idle thread", &columns, |column| {
        median(&column[1])
    });
    print_row("difference", &columns, |column| {
        Estimate::of_differences(&column[1], &column[0]).map(|it| format!("{it:.0}"))
    });
    Ok(())
}

fn print_header() {
    print!("| |");
    OPERATIONS
        .iter()
        .for_each(|operation| print!(" {} |", operation.name));
    println!("\n|---|{}", "---|".repeat(OPERATIONS.len()));
}

fn print_row(name: &str, columns: &[Nanoseconds], of: impl Fn(&Nanoseconds) -> Option<String>) {
    print!("| {name} |");
    columns
        .iter()
        .for_each(|column| print!(" {} |", cell(of(column))));
    println!();
}

/// Nothing for a contender that cannot make the call.
fn measure(operation: &Operation, rounds: usize) -> io::Result<Nanoseconds> {
    eprintln!("not blocking: {}, {rounds} rounds", operation.name);
    let mut times = vec![Vec::new(); CONTENDERS.len()];
    for round in 0..rounds {
        // Whoever comes first in a round comes last in another.
        for turn in 0..CONTENDERS.len() {
            let row = (round + turn) % CONTENDERS.len();
            times[row].extend(nanoseconds_of(&CONTENDERS[row], operation)?);
        }
    }
    Ok(times)
}

/// Nanoseconds per call of a contender in a round.
fn nanoseconds_of(contender: &Contender, operation: &Operation) -> io::Result<Option<f64>> {
    let time = time_of(contender, operation)?;
    Ok(time.map(|time| time.as_nanos() as f64 / CALLS as f64))
}

/// The time of all calls of a contender in a round.
fn time_of(contender: &Contender, operation: &Operation) -> io::Result<Option<Duration>> {
    let subject = (operation.subject)(2 * CALLS + WARM_UP)?;
    let call = subject.call;
    let Some(mut make) = (contender.open)(&call)? else {
        return Ok(None);
    };
    // What starting a contender leaves in the caches is no part of its calls' price. It matters to an
    // `openat`, which touches another `struct file` each time.
    let plain: Vec<_> = (0..CALLS).map(|_| contenders::plain(&call)).collect();
    plain.into_iter().for_each(subject.undo);
    let mut results = vec![0; CALLS + WARM_UP];
    let (warm_up, measured) = results.split_at_mut(WARM_UP);
    warm_up.iter_mut().for_each(|result| *result = make(&call));
    let start = Instant::now();
    for result in measured {
        *result = make(black_box(&call));
    }
    let time = start.elapsed();
    drop(make);
    for result in results {
        assert!(
            result >= 0,
            "{} in {}: {result}",
            operation.name,
            contender.name
        );
        (subject.undo)(result);
    }
    Ok(Some(time))
}
