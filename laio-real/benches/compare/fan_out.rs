//! Many reads of empty pipes in flight, all of which the loop then writes.
//!
//! On one CPU, threads to which a read was handed may begin it only when the loop waits, after it
//! has written: such a read costs less, because it never blocks. The rows on all CPUs show the
//! same where the threads can begin at once.

use std::io::{self, PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use crate::concurrent::{CONTENDERS, Concurrent, THREADS};
use crate::cpus::{Allowed, Cpus, cpu_time};
use crate::memory;
use crate::operations::Call;
use crate::statistics::{Estimate, cell};

/// Operations in flight.
const SIZES: [usize; 4] = [1, 10, 100, 1000];
/// About as many operations of a contender in a round: ours.
const OPERATIONS: usize = 1000;

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

/// Measures all, interleaved, and prints a table for each size.
pub(crate) fn print_tables(allowed: &Allowed, files: usize, rounds: usize) -> io::Result<()> {
    println!("\nReads of empty pipes in flight together, each of which the loop then writes.");
    for size in SIZES {
        println!("\n{size} in flight, us per read:\n");
        // Both ends, and some for everything else.
        if files < 2 * size + 100 {
            println!("Not measured here: this process may open {files} files only.");
            continue;
        }
        eprintln!("fan-out: {size} in flight, {rounds} rounds");
        let costs = measure_all(size, allowed, rounds)?;
        // For the processes in which memory is measured, which inherit it.
        allowed.run_on(Cpus::All)?;
        print_table(size, costs);
    }
    Ok(())
}

/// Microseconds per read: time, CPU time.
type Costs = [Vec<f64>; 2];

fn measure_all(size: usize, allowed: &Allowed, rounds: usize) -> io::Result<Vec<Costs>> {
    let mut pipes = Pipes::open(size)?;
    let mut costs: Vec<Costs> = CONTENDERS.iter().map(|_| Costs::default()).collect();
    for round in 0..rounds {
        for turn in 0..CONTENDERS.len() {
            let row = (round + turn) % CONTENDERS.len();
            allowed.run_on(CONTENDERS[row].cpus)?;
            if let Some(mut concurrent) = (CONTENDERS[row].open)(size) {
                let values = measure(&mut *concurrent, &mut pipes)?;
                for (costs, time) in costs[row].iter_mut().zip(values) {
                    costs.push(time.as_secs_f64() * 1e6);
                }
            }
        }
    }
    Ok(costs)
}

/// Time and CPU time per read, of several batches after one in which threads are made.
fn measure(concurrent: &mut dyn Concurrent, pipes: &mut Pipes) -> io::Result<[Duration; 2]> {
    pipes.submit_reads(concurrent);
    pipes.end_reads(concurrent)?;
    let batches = OPERATIONS.div_ceil(pipes.bytes.len());
    let (cpu, start) = (cpu_time(), Instant::now());
    for _ in 0..batches {
        pipes.submit_reads(concurrent);
        pipes.end_reads(concurrent)?;
    }
    let reads = (batches * pipes.bytes.len()) as u32;
    Ok([start.elapsed() / reads, (cpu_time() - cpu) / reads])
}

fn print_table(size: usize, costs: Vec<Costs>) {
    println!(
        "| | time | CPU | CPU over that of {THREADS} | resident KiB | threads | their kernel stacks, KiB |"
    );
    println!("|---|---|---|---|---|---|---|");
    let threads = CONTENDERS
        .iter()
        .position(|contender| contender.name == THREADS)
        .map(|row| costs[row][1].clone())
        .unwrap_or_default();
    for (contender, [time, cpu]) in CONTENDERS.iter().zip(costs) {
        let ratio = Estimate::of_ratios(&cpu, &threads);
        let used = memory::in_a_fresh_process(contender.name, size);
        println!(
            "| {} | {} | {} | {} | {} | {} | {} |",
            contender.name,
            cell(Estimate::of(time).map(|it| format!("{it:.1}"))),
            cell(Estimate::of(cpu).map(|it| format!("{it:.1}"))),
            cell(ratio),
            cell(used.as_ref().map(|it| it.resident_kib)),
            cell(used.as_ref().map(|it| it.threads)),
            cell(
                used.as_ref()
                    .map(|it| it.threads * memory::KERNEL_STACK_KIB)
            ),
        );
    }
}
