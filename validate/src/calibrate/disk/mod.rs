//! What a miss costs: reads and look-ups of what is not cached, on the emulated disk.

mod after_pauses;
mod metadata;
mod submission;

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

use sim::machine::disk::{Disk, DiskProfile, Scheduling};

use super::child::measure_in_child;
use super::paths::Beyond;
use super::timing::{Rounds, clock, thread_clock};
use super::{CalibrateError, Effort};
use crate::emulate::cgroup::{MemoryGroup, drop_caches};
use crate::emulate::image::{Image, path_of};
use crate::emulate::realtime::pin_to;
use crate::emulate::{Rig, RigConfig};

/// Files of one page, and as many of [`LARGE_PAGES`].
const FILES: u32 = 512;
const LARGE_PAGES: u64 = 16;
const PAGE: u64 = 4096;
/// Service time of the disk's law. Ours: near that of the drives simulated.
const SERVICE_MS: f64 = 5.0;
/// Reads at that speed in a round.
const SLOW_READS: u32 = 8;
/// Memory in which reclaim is measured: an eighth of the files.
const RECLAIM_LIMIT: u64 = 8 << 20;

/// Length of a round of watching the proactive page-out. Ours: it works every few seconds.
const PAGEOUT_ROUND_NS: u64 = 10_000_000_000;
/// Such rounds, after a first that does not count.
const PAGEOUT_ROUNDS: usize = 12;

/// What was measured, in nanoseconds and bytes.
pub(super) struct Misses {
    pub(super) disk_submit: Rounds,
    /// CPU of submitting a read that misses through io_uring, beyond that of a hit and the
    /// submission itself.
    pub(super) uring_arm: Option<Rounds>,
    pub(super) miss_page: Rounds,
    pub(super) reclaim_page: Rounds,
    pub(super) disk_path: Rounds,
    pub(super) disk_worker: Rounds,
    /// CPU of starting a read after each of the pauses, beyond that at a stretch.
    pub(super) after_pauses: Beyond,
    pub(super) metadata_fill: Rounds,
    pub(super) inode_bytes: Rounds,
}

/// Measures on the CPU of the server, with the disk on the other one.
pub(super) fn measure(effort: Effort) -> Result<Misses, CalibrateError> {
    let rig = start_rig()?;
    pin_to(0).map_err(failed)?;
    let files = Files::open(&rig).map_err(failed)?;
    let cold = files.cold_reads(&rig, effort).map_err(failed)?;
    let started = submission::measure(&files, &rig, effort).map_err(failed)?;
    let after_pauses = after_pauses::measure(&files, &rig, effort)?;
    let reclaim_page = files.reclaim(&rig, effort)?;
    if rig.is_interrupted() {
        return Err(CalibrateError::Interrupted);
    }
    let fast_miss = files.fast_misses(&rig, effort);
    // An open file would keep its name and inode cached.
    drop(files);
    let (metadata_fill, inode_bytes) = metadata::measure(&rig, effort, &fast_miss)?;
    Ok(Misses {
        disk_path: cold.path,
        disk_worker: cold.disk_cpu,
        disk_submit: started.submit,
        uring_arm: started.arm,
        miss_page: started.page,
        reclaim_page,
        after_pauses,
        metadata_fill,
        inode_bytes,
    })
}

/// How often a page is taken that is used all the time, with memory for all: without proactive
/// page-out nothing would be read again. Per nanosecond. Takes [`PAGEOUT_ROUNDS`] and one more.
pub(super) fn pageout_rate() -> Result<Rounds, CalibrateError> {
    let rig = start_rig()?;
    pin_to(0).map_err(failed)?;
    let files = Files::open(&rig).map_err(failed)?;
    let rate = files.pageout_rate(&rig);
    if rig.is_interrupted() {
        return Err(CalibrateError::Interrupted);
    }
    Ok(rate)
}

fn failed(source: io::Error) -> CalibrateError {
    CalibrateError::Call {
        what: "misses",
        source,
    }
}

fn start_rig() -> Result<Rig, CalibrateError> {
    let sizes: Vec<u64> = (0..2 * FILES)
        .map(|object| {
            if object < FILES {
                PAGE
            } else {
                LARGE_PAGES * PAGE
            }
        })
        .collect();
    let image = Image::build(&sizes)?;
    let law = format!(
        "kind = \"fixed\"\nsectors = {}\nservice_ms = {SERVICE_MS}",
        image.as_bytes().len() as u64 / 512
    );
    let law: DiskProfile = law.parse().expect("a fixed law has these keys");
    let config = RigConfig {
        disk_cpu: 1,
        read_ahead_kib: 128,
    };
    Ok(Rig::start(
        image,
        Disk::new(&law, Scheduling::Fcfs, 0.0, 0),
        config,
    )?)
}

struct ColdReads {
    /// Latency beyond the service time and the CPU.
    path: Rounds,
    /// CPU of the disk's threads per request.
    disk_cpu: Rounds,
}

struct Files {
    files: Vec<File>,
    buffer: Vec<u8>,
}

impl Files {
    fn open(rig: &Rig) -> io::Result<Self> {
        let open = |object| File::open(rig.files().join(path_of(object)));
        Ok(Self {
            files: (0..2 * FILES).map(open).collect::<io::Result<_>>()?,
            buffer: vec![0; (LARGE_PAGES * PAGE) as usize],
        })
    }

    fn read(&self, file: u32, pages: u64) {
        let mut buffer = self.buffer.clone();
        self.read_into(&mut buffer, file, pages);
    }

    fn read_into(&self, buffer: &mut [u8], file: u32, pages: u64) {
        let fd = self.files[file as usize].as_raw_fd();
        // SAFETY: the buffer has that many pages.
        unsafe { libc::pread(fd, buffer.as_mut_ptr().cast(), (pages * PAGE) as usize, 0) };
    }

    /// As [`pageout_rate`].
    fn pageout_rate(&self, rig: &Rig) -> Rounds {
        rig.disk().set_fast(true);
        let mut buffer = self.buffer.clone();
        let pages = u64::from(FILES) * LARGE_PAGES;
        let mut rates = Vec::new();
        for round in 0..=PAGEOUT_ROUNDS {
            drop(rig.disk().take_log());
            let start = clock();
            while clock() - start < PAGEOUT_ROUND_NS && !rig.is_interrupted() {
                for file in FILES..2 * FILES {
                    self.read_into(&mut buffer, file, LARGE_PAGES);
                }
                std::thread::sleep(std::time::Duration::from_millis(100));
            }
            let elapsed = (clock() - start) as f64;
            let log = rig.disk().take_log();
            let read_again: u64 = log.iter().map(|io| u64::from(io.length_bytes) / PAGE).sum();
            // The first round reads what other measurements have dropped.
            if round > 0 {
                rates.push(read_again as f64 / (elapsed * pages as f64));
            }
        }
        Rounds::from_values(rates)
    }

    fn drop_pages(&self, file: u32) {
        let fd = self.files[file as usize].as_raw_fd();
        // SAFETY: no pointers.
        unsafe { libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_DONTNEED) };
    }

    /// Reads of a page that wait for the disk.
    fn cold_reads(&self, rig: &Rig, effort: Effort) -> io::Result<ColdReads> {
        let mut buffer = self.buffer.clone();
        let (mut path, mut disk_cpu) = (vec![], vec![]);
        for round in 0..effort.rounds as u32 {
            let range = (0..SLOW_READS).map(|i| (round * SLOW_READS + i) % FILES);
            for file in range.clone() {
                self.drop_pages(file);
            }
            rig.disk().set_fast(false);
            let disk_before = rig.disk().cpu_time().map_err(io::Error::other)?;
            let (wall, cpu) = self.timed(&mut buffer, range, 1);
            let disk_after = rig.disk().cpu_time().map_err(io::Error::other)?;
            path.push(wall - cpu - SERVICE_MS * 1e6);
            disk_cpu.push((disk_after - disk_before).0 as f64 / f64::from(SLOW_READS));
        }
        Ok(ColdReads {
            path: Rounds::from_values(path),
            disk_cpu: Rounds::from_values(disk_cpu),
        })
    }

    /// CPU of reading a page when the disk answers at once, beyond that of a warm read.
    fn fast_misses(&self, rig: &Rig, effort: Effort) -> Rounds {
        let mut buffer = self.buffer.clone();
        rig.disk().set_fast(true);
        Rounds::of(effort.rounds, || {
            (0..FILES).for_each(|file| self.drop_pages(file));
            let (_, cold) = self.timed(&mut buffer, 0..FILES, 1);
            let (_, warm) = self.timed(&mut buffer, 0..FILES, 1);
            cold - warm
        })
    }

    /// Mean wall and CPU time of reading each of `range`.
    fn timed(
        &self,
        buffer: &mut [u8],
        range: impl Iterator<Item = u32> + Clone,
        pages: u64,
    ) -> (f64, f64) {
        let count = range.clone().count() as f64;
        let (wall, cpu) = (clock(), thread_clock());
        for file in range {
            self.read_into(buffer, file, pages);
        }
        let (wall, cpu) = (clock() - wall, thread_clock() - cpu);
        (wall as f64 / count, cpu as f64 / count)
    }

    /// Reads all large files with memory for an eighth of them, and with memory for all.
    fn reclaim(&self, rig: &Rig, effort: Effort) -> Result<Rounds, CalibrateError> {
        let sweep = |limit: u64| {
            drop_caches()?;
            let group = MemoryGroup::create(limit)?;
            measure_in_child("reclaim", Some(&group), || {
                let mut per_page = Vec::new();
                for _ in 0..effort.rounds.min(9) {
                    let cpu = thread_clock();
                    for file in FILES..2 * FILES {
                        self.read(file, LARGE_PAGES);
                    }
                    let spent = (thread_clock() - cpu) as f64;
                    per_page.push(spent / f64::from(FILES) / LARGE_PAGES as f64);
                    if limit > RECLAIM_LIMIT {
                        (FILES..2 * FILES).for_each(|file| self.drop_pages(file));
                    }
                }
                Ok(per_page)
            })
        };
        rig.disk().set_fast(true);
        let tight = sweep(RECLAIM_LIMIT)?;
        let ample = sweep(RECLAIM_LIMIT * 32)?;
        // The first sweep of the tight group reclaims little.
        let mut pairs = tight.into_iter().zip(ample).skip(1);
        let count = effort.rounds.min(9) - 1;
        Ok(Rounds::of(count, || {
            pairs.next().map_or(0.0, |(tight, ample)| tight - ample)
        }))
    }
}
