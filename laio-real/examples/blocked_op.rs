//! What a call that blocks costs: the time until control is back, the CPU time of the process and
//! its context switches, per operation. Takes a few seconds.
//!
//! Three patterns: one pipe read at a time, which blocks until the loop itself writes; 32 naps in
//! flight, issued as fast as they end; and 32 reads of 4 KiB at random places of a file that is not
//! in the page cache.

use std::collections::HashMap;
use std::fs::File;
use std::io::Write;
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use laio::{Handle, Laio, Submission};

const IN_FLIGHT: usize = 32;
const BLOCK_BYTES: usize = 4096;
const FILE_BLOCKS: usize = 16384;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut laio = Laio::builder().cpu(0).start()?;
    println!(
        "{:<10} {:>7} {:>7} {:>6} {:>6} {:>12} {:>12} {:>11} {:>14}",
        "pattern",
        "ops",
        "stolen",
        "late",
        "false",
        "control us",
        "control p99",
        "CPU us/op",
        "switches/steal"
    );
    measure("pipe", &mut laio, |laio, control| {
        pipe_reads(laio, 20_000, control)
    })?;
    measure("naps", &mut laio, |laio, control| {
        naps(laio, 40_000, control)
    })?;
    measure("cold read", &mut laio, |laio, control| {
        cold_reads(laio, 10_000, control)
    })?;
    Ok(())
}

/// Runs a pattern, which records how long each stolen call kept control, and prints a row.
fn measure<F>(name: &str, laio: &mut Laio, pattern: F) -> std::io::Result<()>
where
    F: FnOnce(&mut Laio, &mut Vec<Duration>) -> std::io::Result<()>,
{
    let mut control = Vec::new();
    let (calls, usage) = (laio.counters().calls, Usage::now());
    pattern(laio, &mut control)?;
    let (usage, now) = (Usage::now().since(&usage), laio.counters().calls);
    control.sort();
    let stolen = now.stolen - calls.stolen;
    println!(
        "{name:<10} {:>7} {stolen:>7} {:>6} {:>6} {:>12.1} {:>12.1} {:>11.1} {:>14.2}",
        now.issued - calls.issued,
        now.late - calls.late,
        now.false_steals - calls.false_steals,
        quantile(&control, 0.5).as_secs_f64() * 1e6,
        quantile(&control, 0.99).as_secs_f64() * 1e6,
        usage.cpu.as_secs_f64() * 1e6 / (now.issued - calls.issued) as f64,
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

fn pipe_reads(laio: &mut Laio, count: usize, control: &mut Vec<Duration>) -> std::io::Result<()> {
    let (reader, mut writer) = std::io::pipe()?;
    let mut byte = [0u8];
    let mut completions = Vec::new();
    for _ in 0..count {
        let start = Instant::now();
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

fn cold_reads(laio: &mut Laio, count: usize, control: &mut Vec<Duration>) -> std::io::Result<()> {
    let file = cold_file()?;
    let mut buffers = vec![[0u8; BLOCK_BYTES]; IN_FLIGHT];
    let mut block = 1usize;
    keep_in_flight(laio, count, control, |slot| {
        // A full-period generator: every block once.
        block = (block * 5 + 3) % FILE_BLOCKS;
        let (fd, offset) = (file.as_raw_fd() as usize, block * BLOCK_BYTES);
        let buffer = buffers[slot].as_mut_ptr() as usize;
        (libc::SYS_pread64, [fd, buffer, BLOCK_BYTES, offset, 0, 0])
    })
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
    while issued < count || !slots.is_empty() {
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
