//! Calls that do not block, made one at a time.

use std::hint::black_box;
use std::io;
use std::time::{Duration, Instant};

use crate::contenders::{AIO, BARE, CONTENDERS, Contender, UPCALL, UPCALL_NO_SWAP};
use crate::operations::{OPERATIONS, Operation};
use crate::statistics::{Estimate, cell};

/// Calls of a contender in a round, after as many as [`WARM_UP`].
const CALLS: usize = 400;
const WARM_UP: usize = 20;

/// Nanoseconds per call of each round, for each contender.
type Nanoseconds = Vec<Vec<f64>>;

/// Measures all, interleaved, and prints the tables.
pub(crate) fn print_tables(rounds: usize) -> io::Result<()> {
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
            if let Some(time) = time_of(&CONTENDERS[row], operation)? {
                times[row].push(time.as_nanos() as f64 / CALLS as f64);
            }
        }
    }
    Ok(times)
}

/// The time of all calls of a contender in a round.
fn time_of(contender: &Contender, operation: &Operation) -> io::Result<Option<Duration>> {
    let subject = (operation.subject)(CALLS + WARM_UP)?;
    let call = subject.call;
    let Some(mut make) = (contender.open)(&call)? else {
        return Ok(None);
    };
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
