//! Calls that block, made one at a time: what control and completion cost.

mod subjects;

use std::io;
use std::time::{Duration, Instant};

use crate::concurrent::{CONTENDERS, Concurrent, Contender, THREADS};
use crate::cpus::{Allowed, cpu_time};
use crate::statistics::{Estimate, cell};
use subjects::{KINDS, Kind, Subject};

/// Calls before the measured ones, in which threads are made.
const WARM_UP: usize = 5;

/// What a call cost in a round.
#[derive(Default)]
struct Costs {
    /// Microseconds until the loop had control again: the median call.
    control: Vec<f64>,
    /// Microseconds until the loop had the result: the median call.
    completed: Vec<f64>,
    /// Microseconds of CPU time of the process: the mean call.
    cpu: Vec<f64>,
    /// Share of the calls that control did not wait for.
    background: Vec<f64>,
}

/// Measures all, interleaved, and prints a table for each kind of call.
pub(crate) fn print_tables(allowed: &Allowed, rounds: usize) -> io::Result<()> {
    for kind in KINDS {
        eprintln!("blocking: {}, {rounds} rounds", kind.name);
        println!("\n{}, us per call:\n", kind.name);
        match measure_all(kind, allowed, rounds) {
            Ok(costs) => print_table(&costs),
            Err(error) => println!("Not measured here: {error}."),
        }
    }
    Ok(())
}

fn measure_all(kind: &Kind, allowed: &Allowed, rounds: usize) -> io::Result<Vec<Costs>> {
    let mut subject = (kind.open)()?;
    let call = subject.prepare()?;
    let mut costs: Vec<Costs> = CONTENDERS.iter().map(|_| Costs::default()).collect();
    for round in 0..rounds {
        // Whoever comes first in a round comes last in another.
        for turn in 0..CONTENDERS.len() {
            let row = (round + turn) % CONTENDERS.len();
            let contender = &CONTENDERS[row];
            if !(contender.makes)(&call) {
                continue;
            }
            allowed.run_on(contender.cpus)?;
            if let Some(mut concurrent) = (contender.open)(1) {
                measure(
                    contender,
                    &mut *concurrent,
                    kind,
                    &mut *subject,
                    &mut costs[row],
                )?;
            }
        }
    }
    Ok(costs)
}

/// A round of a contender.
fn measure(
    contender: &Contender,
    concurrent: &mut dyn Concurrent,
    kind: &Kind,
    subject: &mut dyn Subject,
    costs: &mut Costs,
) -> io::Result<()> {
    subject.begin()?;
    let (mut controls, mut completions) = (Vec::new(), Vec::new());
    let (mut cpu, mut background) = (Duration::ZERO, 0);
    for number in 0..kind.calls {
        let one = measure_call(concurrent, subject)?;
        assert!(one.result >= 0, "{}: {}", contender.name, one.result);
        if number >= WARM_UP {
            controls.push(one.control);
            completions.push(one.completed);
            cpu += one.cpu;
            background += usize::from(one.in_background);
        }
    }
    let calls = controls.len() as f64;
    costs.control.push(median_micros(controls));
    costs.completed.push(median_micros(completions));
    costs.cpu.push(cpu.as_secs_f64() * 1e6 / calls);
    costs.background.push(background as f64 / calls);
    Ok(())
}

struct One {
    result: i64,
    control: Duration,
    completed: Duration,
    cpu: Duration,
    in_background: bool,
}

/// The CPU time is that between two readings of its clock, and holds one of them.
fn measure_call(concurrent: &mut dyn Concurrent, subject: &mut dyn Subject) -> io::Result<One> {
    let call = subject.prepare()?;
    let mut ended = Vec::with_capacity(1);
    let (cpu, start) = (cpu_time(), Instant::now());
    let inline = concurrent.submit(0, &call);
    concurrent.flush();
    let control = start.elapsed();
    subject.release()?;
    if inline.is_none() {
        concurrent.wait(&mut ended);
    }
    let completed = start.elapsed();
    Ok(One {
        result: inline.unwrap_or_else(|| ended[0].1),
        control,
        completed,
        cpu: cpu_time() - cpu,
        in_background: inline.is_none(),
    })
}

fn median_micros(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn print_table(costs: &[Costs]) {
    println!("| | control back | completed | CPU | CPU over that of {THREADS} | in background |");
    println!("|---|---|---|---|---|---|");
    let threads = CONTENDERS
        .iter()
        .position(|contender| contender.name == THREADS)
        .map(|row| &costs[row].cpu);
    for (contender, costs) in CONTENDERS.iter().zip(costs) {
        let of = |values: &[f64]| Estimate::of(values.iter().copied());
        println!(
            "| {} | {} | {} | {} | {} | {} |",
            contender.name,
            cell(of(&costs.control).map(|it| format!("{it:.1}"))),
            cell(of(&costs.completed).map(|it| format!("{:.1}", it.median))),
            cell(of(&costs.cpu).map(|it| format!("{it:.1}"))),
            cell(threads.and_then(|threads| Estimate::of_ratios(&costs.cpu, threads))),
            cell(of(&costs.background).map(|it| format!("{:.0} %", it.median * 100.0))),
        );
    }
}
