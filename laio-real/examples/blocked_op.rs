//! What a call that blocks costs: the time until control is back, the CPU time of the process and
//! its context switches, per operation. With each detector. Takes some 20 s.
//!
//! Four patterns: one pipe read at a time, which blocks until the loop itself writes; one that blocks
//! until a process on another CPU answers; 32 naps in flight, issued as fast as they end; and 32
//! reads of 4 KiB at random places of a file that is not in the page cache. Each ends after its
//! number of operations or 1 s.
//!
//! Two switches per steal are the least: out of the call, and to the carrier whose call has ended. Where
//! the loop itself writes there are three: the kernel lets the reader that it wakes preempt it.
//!
//! For scale, the naps and the reads as plain calls, one at a time: on a thread without an engine,
//! and on one that is a loop.
//!
//! With `--beside`, all of it on a CPU that a computing process shares.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::os::unix::process::parent_id;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use clap::Parser;
use laio::{Detector, Handle, Laio, Submission};

const IN_FLIGHT: usize = 32;
const BLOCK_BYTES: usize = 4096;
const FILE_BLOCKS: usize = 16384;
/// The longest that a pattern takes: ours.
const LONGEST: Duration = Duration::from_secs(1);
const PLAIN_NAP: Duration = Duration::from_micros(200);
const CPU: usize = 0;
/// Of the process that answers, where there is one.
const OTHER_CPU: usize = 1;

/// Measure what a call that blocks costs, with each detector
///
/// Takes some 20 seconds. "control us" is the median time until the loop has control back, "CPU us/op"
/// the CPU time of the process per operation.
#[derive(Parser)]
struct Arguments {
    /// Measure on a CPU that a computing process shares
    #[arg(long)]
    beside: bool,
    /// Be that process
    #[arg(long, hide = true)]
    compute: bool,
    /// Be the process that answers
    #[arg(long, hide = true)]
    answer: bool,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments = Arguments::parse();
    if arguments.compute {
        pin(CPU)?;
        compute();
        return Ok(());
    }
    if arguments.answer {
        // If there is no other, it shares the loop's.
        let _ = pin(OTHER_CPU);
        return Ok(answer()?);
    }
    let _neighbour = arguments.beside.then(Neighbour::start).transpose()?;
    println!(
        "{:<13} {:<9} {:>6} {:>6} {:>5} {:>5} {:>8} {:>10} {:>11} {:>9} {:>14}",
        "detector",
        "pattern",
        "ops",
        "stolen",
        "late",
        "false",
        "ops/s",
        "control us",
        "control p99",
        "CPU us/op",
        "switches/steal"
    );
    std::thread::spawn(|| {
        pin(CPU)?;
        measure_plain("plain calls")
    })
    .join()
    .expect("it does not panic")?;
    let mut peer = Peer::start()?;
    for detector in Detector::ALL {
        match Laio::builder().cpu(CPU).detector(detector).start() {
            Ok(mut laio) => measure_all(&mut laio, &mut peer)?,
            Err(error) => println!("{detector}: {error}"),
        }
    }
    let _laio = Laio::builder().cpu(CPU).start()?;
    measure_plain("plain on loop")?;
    Ok(())
}

/// A process that computes on the CPU until this is dropped.
struct Neighbour(Child);

impl Neighbour {
    fn start() -> std::io::Result<Self> {
        let this = std::env::current_exe()?;
        Command::new(this).arg("--compute").spawn().map(Self)
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        // It fails only if the process has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A process on another CPU that answers each byte with one.
struct Peer {
    process: Child,
    to: ChildStdin,
    from: ChildStdout,
}

impl Peer {
    fn start() -> std::io::Result<Self> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("--answer")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (to, from) = process
            .stdin
            .take()
            .zip(process.stdout.take())
            .expect("both are piped");
        Ok(Self { process, to, from })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // It fails only if the process has ended.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Answers until there is nobody left to answer.
fn answer() -> std::io::Result<()> {
    let (mut input, mut output) = (std::io::stdin(), std::io::stdout());
    let mut byte = [0u8];
    while input.read(&mut byte)? > 0 {
        output.write_all(&byte)?;
        output.flush()?;
    }
    Ok(())
}

/// Computes for as long as the process that started this one lives.
fn compute() {
    let parent = parent_id();
    while parent_id() == parent {
        for _ in 0..1_000_000 {
            std::hint::spin_loop();
        }
    }
}

/// Keeps the calling thread on the CPU.
fn pin(cpu: usize) -> std::io::Result<()> {
    // SAFETY: all zeroes are the empty set; the call reads as much as it is told.
    let status = unsafe {
        let mut set = MaybeUninit::<libc::cpu_set_t>::zeroed().assume_init();
        libc::CPU_SET(cpu, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if status == 0 {
        Ok(())
    } else {
        Err(std::io::Error::last_os_error())
    }
}

/// Plain calls on the calling thread, one at a time.
fn measure_plain(name: &str) -> std::io::Result<()> {
    measure_plain_calls(name, "naps", || {
        std::thread::sleep(PLAIN_NAP);
        Ok(())
    })?;
    let file = cold_file()?;
    let mut buffer = [0u8; BLOCK_BYTES];
    let mut block = 1;
    measure_plain_calls(name, "cold read", || {
        block = next_block(block);
        file.read_exact_at(&mut buffer, (block * BLOCK_BYTES) as u64)
    })
}

fn measure_plain_calls(
    name: &str,
    pattern: &str,
    mut call: impl FnMut() -> std::io::Result<()>,
) -> std::io::Result<()> {
    let (start, usage) = (Instant::now(), Usage::now());
    let mut count = 0;
    while count < 5000 && start.elapsed() < LONGEST {
        call()?;
        count += 1;
    }
    let (took, usage) = (start.elapsed(), Usage::now().since(&usage));
    println!(
        "{name:<13} {pattern:<9} {count:>6} {:>6} {:>5} {:>5} {:>8.0} {:>10} {:>11} {:>9.1} {:>14}",
        "-",
        "-",
        "-",
        count as f64 / took.as_secs_f64(),
        "-",
        "-",
        usage.cpu.as_secs_f64() * 1e6 / count as f64,
        "-"
    );
    Ok(())
}

fn measure_all(laio: &mut Laio, peer: &mut Peer) -> std::io::Result<()> {
    let (reader, mut writer) = std::io::pipe()?;
    measure("pipe", laio, |laio, control| {
        pipe_reads(laio, &reader, &mut writer, control)
    })?;
    measure("peer", laio, |laio, control| {
        pipe_reads(laio, &peer.from, &mut peer.to, control)
    })?;
    measure("naps", laio, |laio, control| naps(laio, 40_000, control))?;
    let file = cold_file()?;
    measure("cold read", laio, |laio, control| {
        cold_reads(laio, &file, 10_000, control)
    })
}

/// Runs a pattern, which records how long each stolen call kept control, and prints a row.
fn measure<F>(name: &str, laio: &mut Laio, pattern: F) -> std::io::Result<()>
where
    F: FnOnce(&mut Laio, &mut Vec<Duration>) -> std::io::Result<()>,
{
    let mut control = Vec::new();
    let (calls, usage, start) = (laio.counters().calls, Usage::now(), Instant::now());
    pattern(laio, &mut control)?;
    let (took, usage) = (start.elapsed(), Usage::now().since(&usage));
    let now = laio.counters().calls;
    control.sort();
    let (issued, stolen) = (now.issued - calls.issued, now.stolen - calls.stolen);
    println!(
        "{:<13} {name:<9} {issued:>6} {stolen:>6} {:>5} {:>5} {:>8.0} {:>10.1} {:>11.1} {:>9.1} {:>14.2}",
        laio.detector()
            .map_or_else(String::new, |it| it.to_string()),
        now.late - calls.late,
        now.false_steals - calls.false_steals,
        issued as f64 / took.as_secs_f64(),
        quantile(&control, 0.5).as_secs_f64() * 1e6,
        quantile(&control, 0.99).as_secs_f64() * 1e6,
        usage.cpu.as_secs_f64() * 1e6 / issued as f64,
        usage.switches as f64 / stolen as f64,
    );
    Ok(())
}

fn quantile(sorted: &[Duration], share: f64) -> Duration {
    sorted
        .get((sorted.len() as f64 * share) as usize)
        .copied()
        .unwrap_or_default()
}

/// Resources used by the whole process.
struct Usage {
    cpu: Duration,
    switches: i64,
}

impl Usage {
    fn now() -> Self {
        let mut usage = MaybeUninit::<libc::rusage>::zeroed();
        // SAFETY: the call fills the structure.
        let usage = unsafe {
            libc::getrusage(libc::RUSAGE_SELF, usage.as_mut_ptr());
            usage.assume_init()
        };
        let time = |t: libc::timeval| Duration::new(t.tv_sec as u64, t.tv_usec as u32 * 1000);
        let cpu = time(usage.ru_utime) + time(usage.ru_stime);
        Self {
            cpu,
            switches: usage.ru_nvcsw + usage.ru_nivcsw,
        }
    }

    fn since(&self, start: &Self) -> Self {
        Self {
            cpu: self.cpu - start.cpu,
            switches: self.switches - start.switches,
        }
    }
}

/// Reads a byte at a time, each of which is there only some time after another has been written.
fn pipe_reads(
    laio: &mut Laio,
    reader: &impl AsRawFd,
    writer: &mut impl Write,
    control: &mut Vec<Duration>,
) -> std::io::Result<()> {
    let mut byte = [0u8];
    let mut completions = Vec::new();
    let begin = Instant::now();
    for _ in 0..20_000 {
        let start = Instant::now();
        if start - begin > LONGEST {
            break;
        }
        let args = [
            reader.as_raw_fd() as usize,
            byte.as_mut_ptr() as usize,
            1,
            0,
            0,
            0,
        ];
        // SAFETY: the byte stays until the completion below.
        let submission = unsafe { laio.syscall(libc::SYS_read, args) };
        let took = start.elapsed();
        let Submission::Background(_) = submission else {
            return Err(std::io::Error::other("a read of an empty pipe returned"));
        };
        control.push(took);
        writer.write_all(b"x")?;
        laio.poll(&mut completions, None)?;
    }
    Ok(())
}

fn naps(laio: &mut Laio, count: usize, control: &mut Vec<Duration>) -> std::io::Result<()> {
    let naps: Vec<_> = (0..IN_FLIGHT)
        .map(|slot| libc::timespec {
            tv_sec: 0,
            tv_nsec: 200_000 + 20_000 * slot as i64,
        })
        .collect();
    keep_in_flight(laio, count, control, |slot| {
        (
            libc::SYS_nanosleep,
            [&raw const naps[slot] as usize, 0, 0, 0, 0, 0],
        )
    })
}

fn cold_reads(
    laio: &mut Laio,
    file: &File,
    count: usize,
    control: &mut Vec<Duration>,
) -> std::io::Result<()> {
    let mut buffers = vec![[0u8; BLOCK_BYTES]; IN_FLIGHT];
    let mut block = 1usize;
    keep_in_flight(laio, count, control, |slot| {
        block = next_block(block);
        let (fd, offset) = (file.as_raw_fd() as usize, block * BLOCK_BYTES);
        let buffer = buffers[slot].as_mut_ptr() as usize;
        (libc::SYS_pread64, [fd, buffer, BLOCK_BYTES, offset, 0, 0])
    })
}

/// A full-period generator: every block once.
fn next_block(block: usize) -> usize {
    (block * 5 + 3) % FILE_BLOCKS
}

/// A file of which nothing is in the page cache, read without read-ahead.
fn cold_file() -> std::io::Result<File> {
    let mut file = tempfile::tempfile_in(".")?;
    for _ in 0..FILE_BLOCKS / 256 {
        file.write_all(&[7; 256 * BLOCK_BYTES])?;
    }
    file.sync_all()?;
    // SAFETY: takes no memory.
    unsafe {
        libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED);
        libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM);
    }
    Ok(file)
}

/// Issues `count` calls, as many at a time as there are slots.
fn keep_in_flight(
    laio: &mut Laio,
    count: usize,
    control: &mut Vec<Duration>,
    mut next: impl FnMut(usize) -> (i64, [usize; 6]),
) -> std::io::Result<()> {
    let mut free: Vec<usize> = (0..IN_FLIGHT).collect();
    let mut slots: HashMap<Handle, usize> = HashMap::new();
    let mut completions = Vec::new();
    let mut issued = 0;
    let start = Instant::now();
    while issued < count || !slots.is_empty() {
        if start.elapsed() > LONGEST {
            issued = count;
        }
        while issued < count
            && let Some(slot) = free.pop()
        {
            issued += 1;
            let (number, args) = next(slot);
            let start = Instant::now();
            // SAFETY: each slot's memory is used by one call at a time and outlives them all.
            match unsafe { laio.syscall(number, args) } {
                Submission::Done(result) => {
                    result?;
                    free.push(slot);
                }
                Submission::Background(handle) => {
                    control.push(start.elapsed());
                    slots.insert(handle, slot);
                }
            }
        }
        laio.poll(
            &mut completions,
            (slots.is_empty()).then_some(Duration::ZERO),
        )?;
        for completion in completions.drain(..) {
            completion.result?;
            free.extend(slots.remove(&completion.handle));
        }
    }
    Ok(())
}
