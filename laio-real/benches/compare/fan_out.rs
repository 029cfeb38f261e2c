//! Many reads of empty pipes in flight, all of which the loop then writes.
//!
//! Between issuing and writing the loop sleeps, so that all reads wait in the kernel when it
//! writes. Otherwise, on one CPU, threads to which reads were handed may begin them only after the
//! loop has written: such a read never blocks, and costs less than one that was in flight. That is
//! measured too, as "written at once".

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::concurrent::{CONTENDERS, Concurrent, Contender, THREADS, UNLIMITED};
use crate::cpus::{Allowed, Cpus, cpu_time};
use crate::memory::{self, Used};
use crate::operations::Call;
use crate::statistics::{Estimate, cell};

/// Operations in flight.
const SIZES: [usize; 4] = [1, 10, 100, 1000];
/// The least operations of a contender in a round, with a sleep in each batch and without: ours.
const SLEPT_OPERATIONS: usize = 50;
const OPERATIONS: usize = 1000;
/// Ours: threads begin a read every 5 to 15 us here. The column of waiting threads says whether all
/// have begun.
const SLEEP_PER_READ: Duration = Duration::from_micros(20);
const LEAST_SLEEP: Duration = Duration::from_micros(200);

/// What the tables show.
const WAITING: &str = "\
Reads of empty pipes in flight together, all of which wait before the loop writes. Issuing done, the
loop sleeps, 0.2 ms and 20 us for each read: all reads that have a thread, or need none, then wait in
the kernel, as the threads in a read show (a ring's reads, and those past a limit of threads or
carriers, have none). \"Issue\" and \"end\" are the times before and after the sleep, \"CPU\" is that of
all three, less what the sleep costs with nothing in flight.";
const AT_ONCE: &str = "\
The same without the sleep: the loop writes as soon as it has issued. On one CPU most threads then
begin their reads when the byte is there, and never wait. That costs less, and says what calls in
flight cost only where they end that soon. In each cell: us per read, CPU us per read, and that over";

/// As many pipes as operations in flight, and a byte for each.
pub(crate) struct Pipes {
    pipes: Vec<(PipeReader, PipeWriter)>,
    bytes: Vec<u8>,
}

impl Pipes {
    pub(crate) fn open(count: usize) -> io::Result<Self> {
        Ok(Self {
            pipes: (0..count).map(|_| io::pipe()).collect::<io::Result<_>>()?,
            bytes: vec![0; count],
        })
    }

    /// Issues a read of each, all of which go to the background.
    pub(crate) fn submit_reads(&mut self, concurrent: &mut dyn Concurrent) {
        for (slot, (pipe, byte)) in self.pipes.iter().zip(&mut self.bytes).enumerate() {
            let call = Call {
                number: libc::SYS_read,
                args: [
                    pipe.0.as_raw_fd() as usize,
                    &raw mut *byte as usize,
                    1,
                    0,
                    0,
                    0,
                ],
            };
            let inline = concurrent.submit(slot, &call);
            assert_eq!(inline, None, "a read of an empty pipe returned");
        }
        concurrent.flush();
    }

    /// Sleeps until all reads that have a thread, or need none, wait in the kernel.
    pub(crate) fn let_reads_begin(&self, concurrent: &mut dyn Concurrent) {
        concurrent.sleep(LEAST_SLEEP + SLEEP_PER_READ * self.pipes.len() as u32);
    }

    /// Writes every pipe and waits for all reads.
    pub(crate) fn end_reads(&mut self, concurrent: &mut dyn Concurrent) -> io::Result<()> {
        for (_, writer) in &mut self.pipes {
            writer.write_all(b"x")?;
        }
        let mut ended = Vec::new();
        while ended.len() < self.pipes.len() {
            concurrent.wait(&mut ended);
        }
        assert!(ended.iter().all(|(_, result)| *result == 1));
        Ok(())
    }
}

/// Microseconds per read of each round.
#[derive(Default)]
struct Costs {
    issued: Vec<f64>,
    ended: Vec<f64>,
    cpu: Vec<f64>,
    /// Without a sleep.
    at_once: Vec<f64>,
    at_once_cpu: Vec<f64>,
}

/// The costs of each contender with so many operations in flight.
struct InFlight {
    size: usize,
    /// Empty if not measured.
    costs: Vec<(&'static Contender, Costs)>,
}

/// Measures all, interleaved, and prints a table for each size.
pub(crate) fn print_tables(allowed: &Allowed, files: usize, rounds: usize) -> io::Result<()> {
    println!("\n{WAITING}");
    let mut all = Vec::new();
    for size in SIZES {
        let mut sized = InFlight {
            size,
            costs: Vec::new(),
        };
        println!("\n{size} in flight, us per read:\n");
        // Both ends, and some for everything else.
        if files < 2 * size + 100 {
            println!("Not measured here: this process may open {files} files only.");
        } else {
            eprintln!("fan-out: {size} in flight, {rounds} rounds");
            sized.costs = measure_all(size, allowed, rounds)?;
            // For the processes in which memory is measured, which inherit it.
            allowed.run_on(Cpus::All)?;
            print_table(&sized);
        }
        all.push(sized);
    }
    print_at_once(&all);
    Ok(())
}

/// Without those that would be like another.
fn contenders(size: usize) -> impl Iterator<Item = &'static Contender> {
    let largest = SIZES.into_iter().max() == Some(size);
    CONTENDERS
        .iter()
        .chain(largest.then_some(UNLIMITED).into_iter().flatten())
}

fn measure_all(
    size: usize,
    allowed: &Allowed,
    rounds: usize,
) -> io::Result<Vec<(&'static Contender, Costs)>> {
    let mut pipes = Pipes::open(size)?;
    let mut all: Vec<_> = contenders(size).map(|it| (it, Costs::default())).collect();
    for round in 0..rounds {
        for turn in 0..all.len() {
            let row = (round + turn) % all.len();
            let (contender, costs) = &mut all[row];
            allowed.run_on(contender.cpus)?;
            if let Some(mut concurrent) = (contender.open)(size) {
                // Threads are made.
                pipes.submit_reads(&mut *concurrent);
                pipes.let_reads_begin(&mut *concurrent);
                pipes.end_reads(&mut *concurrent)?;
                measure_waiting(&mut *concurrent, &mut pipes, costs)?;
                measure_at_once(&mut *concurrent, &mut pipes, costs)?;
            }
        }
    }
    Ok(all)
}

/// All reads wait before the first is written. The sleeps count neither as time nor, as far as they
/// cost the same with nothing in flight, as CPU time.
fn measure_waiting(
    concurrent: &mut dyn Concurrent,
    pipes: &mut Pipes,
    costs: &mut Costs,
) -> io::Result<()> {
    let batches = SLEPT_OPERATIONS.div_ceil(pipes.bytes.len());
    let (mut issued, mut ended) = (Duration::ZERO, Duration::ZERO);
    let cpu = cpu_time();
    for _ in 0..batches {
        let start = Instant::now();
        pipes.submit_reads(concurrent);
        issued += start.elapsed();
        pipes.let_reads_begin(concurrent);
        let start = Instant::now();
        pipes.end_reads(concurrent)?;
        ended += start.elapsed();
    }
    let cpu = (cpu_time() - cpu).saturating_sub(cpu_time_of_sleeps(concurrent, batches));
    let reads = batches * pipes.bytes.len();
    costs.issued.push(micros_each(issued, reads));
    costs.ended.push(micros_each(ended, reads));
    costs.cpu.push(micros_each(cpu, reads));
    Ok(())
}

/// With nothing in flight: of falling asleep and waking up, however long the sleep.
fn cpu_time_of_sleeps(concurrent: &mut dyn Concurrent, count: usize) -> Duration {
    let cpu = cpu_time();
    for _ in 0..count {
        concurrent.sleep(LEAST_SLEEP);
    }
    cpu_time() - cpu
}

/// The loop writes as soon as all reads are issued.
fn measure_at_once(
    concurrent: &mut dyn Concurrent,
    pipes: &mut Pipes,
    costs: &mut Costs,
) -> io::Result<()> {
    let batches = OPERATIONS.div_ceil(pipes.bytes.len());
    let (cpu, start) = (cpu_time(), Instant::now());
    for _ in 0..batches {
        pipes.submit_reads(concurrent);
        pipes.end_reads(concurrent)?;
    }
    let (time, cpu) = (start.elapsed(), cpu_time() - cpu);
    let reads = batches * pipes.bytes.len();
    costs.at_once.push(micros_each(time, reads));
    costs.at_once_cpu.push(micros_each(cpu, reads));
    Ok(())
}

fn micros_each(time: Duration, reads: usize) -> f64 {
    time.as_secs_f64() * 1e6 / reads as f64
}

impl InFlight {
    fn of(&self, name: &str) -> Option<&Costs> {
        let mut named = self.costs.iter().filter(|(it, _)| it.name == name);
        named.next().map(|(_, costs)| costs)
    }

    /// The ratios of a row's values to those of the threads.
    fn over_threads(&self, row: &Costs, of: impl Fn(&Costs) -> &[f64]) -> Option<Estimate> {
        Estimate::of_ratios(of(row), of(self.of(THREADS)?))
    }
}

fn estimate(values: &[f64]) -> Option<String> {
    Estimate::of(values.iter().copied()).map(|it| format!("{it:.1}"))
}

fn median(values: &[f64]) -> Option<String> {
    Estimate::of(values.iter().copied()).map(|it| format!("{:.1}", it.median))
}

fn print_table(sized: &InFlight) {
    println!(
        "| | issue | end | CPU | CPU over that of {THREADS} | resident KiB | threads, of these waiting in a read | their kernel stacks, KiB |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for (contender, costs) in &sized.costs {
        let used = memory::in_a_fresh_process(contender.name, sized.size);
        let cell_of = |value: fn(&Used) -> String| cell(used.as_ref().map(value));
        println!(
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            contender.name,
            cell(median(&costs.issued)),
            cell(median(&costs.ended)),
            cell(estimate(&costs.cpu)),
            cell(sized.over_threads(costs, |it| &it.cpu)),
            cell_of(|it| it.resident_kib.to_string()),
            cell_of(|it| format!("{}, {}", it.threads, it.waiting)),
            cell_of(|it| (it.threads * memory::KERNEL_STACK_KIB).to_string()),
        );
    }
}

/// A table with a column for each size.
fn print_at_once(all: &[InFlight]) {
    println!("\n{AT_ONCE} {THREADS}:\n");
    let sizes = all.iter().map(|it| format!(" {} in flight |", it.size));
    println!("| |{}", sizes.collect::<String>());
    println!("|---|{}", "---|".repeat(all.len()));
    for contender in CONTENDERS.iter().chain(UNLIMITED) {
        let cells = all.iter().map(|sized| {
            let costs = sized.of(contender.name);
            let figures = costs.and_then(|costs| {
                let ratio = sized.over_threads(costs, |it| &it.at_once_cpu)?;
                let (time, cpu) = (median(&costs.at_once)?, median(&costs.at_once_cpu)?);
                Some(format!("{time}, {cpu}, {ratio}"))
            });
            format!(" {} |", cell(figures))
        });
        println!("| {} |{}", contender.name, cells.collect::<String>());
    }
}
