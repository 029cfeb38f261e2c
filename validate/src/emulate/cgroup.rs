//! A bounded page cache: a cgroup v1 memory group.
//!
//! The limit covers everything that the group's processes are charged for:
//! page cache, their own memory, and the kernel's objects for them (inodes,
//! directory entries, page-cache trees). What is left for the page cache is
//! therefore measured ([`MemoryGroup::usage`]), not assumed. After reading
//! 1,600 files of 102 KiB on average, under limits of 8 / 16 / 32 / 64 MiB: 0.60-0.63
//! / 0.80 / 0.90 / 0.95 of the limit; 2.5-2.8 MiB were kernel objects, some
//! 1.7 KiB for each file, and up to 0.6 MiB stayed free.
//!
//! A page is charged to the group that first touches it: pages that another
//! group has already cached are hits that evade the limit, hence
//! [`drop_caches`] before a run.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use super::error::{Attempting, EmulateError};
use super::mounts;

/// Groups are `laiosim-<process>-<number>`, so that one left behind by a
/// killed process can be recognised.
const PREFIX: &str = "laiosim-";

/// A memory group of our own; removed when dropped.
#[derive(Debug)]
pub struct MemoryGroup {
    path: PathBuf,
}

/// What a group is charged for, at one instant (bytes).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryUsage {
    /// Page cache, the file system's metadata blocks included.
    pub cache_bytes: u64,
    /// Anonymous memory of the group's processes.
    pub rss_bytes: u64,
    /// Kernel objects: inodes, directory entries, socket buffers, stacks.
    pub kernel_bytes: u64,
    /// All of it, as held against the limit. The kernel charges in batches per
    /// CPU, so this can exceed the sum by some hundred KiB.
    pub usage_bytes: u64,
}

impl MemoryGroup {
    /// Makes a group that may use `limit_bytes`, and removes those that dead
    /// processes of ours have left behind.
    ///
    /// # Errors
    /// [`EmulateError::Missing`] if there is no cgroup v1 memory hierarchy or
    /// we may not make groups in it.
    pub fn create(limit_bytes: u64) -> Result<Self, EmulateError> {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = hierarchy()?;
        remove_stale(&root);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = root.join(format!("{PREFIX}{}-{number}", std::process::id()));
        fs::create_dir(&path).map_err(unavailable)?;
        let group = Self { path };
        group.set_limit_bytes(limit_bytes)?;
        Ok(group)
    }

    /// Changes the limit. Lowering it below what is in use evicts at once.
    ///
    /// # Errors
    /// If the group cannot be shrunk that far.
    pub fn set_limit_bytes(&self, limit_bytes: u64) -> Result<(), EmulateError> {
        let file = self.path.join("memory.limit_in_bytes");
        fs::write(&file, limit_bytes.to_string())
            .attempting(|| format!("set {} to {limit_bytes}", file.display()))
    }

    /// Moves a running process into the group. What it was charged for before
    /// stays charged elsewhere.
    ///
    /// # Errors
    /// If there is no such process.
    pub fn add(&self, pid: u32) -> Result<(), EmulateError> {
        fs::write(self.processes(), pid.to_string())
            .attempting(|| format!("move process {pid} into {}", self.path.display()))
    }

    /// Makes `command`'s process join the group before it starts its program,
    /// so that all its memory is charged here.
    ///
    /// # Errors
    /// If the group's list of processes cannot be opened.
    pub fn contain(&self, command: &mut Command) -> Result<(), EmulateError> {
        let processes = OpenOptions::new()
            .write(true)
            .open(self.processes())
            .attempting(|| format!("open {}", self.processes().display()))?;
        // SAFETY: between fork and exec, `join` only calls write(2), which is
        // async-signal-safe.
        unsafe { command.pre_exec(move || join(&processes)) };
        Ok(())
    }

    /// What the group is charged for now.
    ///
    /// # Errors
    /// If the kernel's counters cannot be read.
    pub fn usage(&self) -> Result<MemoryUsage, EmulateError> {
        let stat = self.read("memory.stat")?;
        let counter = |name: &str| {
            stat.lines()
                .find_map(|line| line.strip_prefix(name)?.trim().parse().ok())
                .ok_or_else(|| io::Error::other(format!("no counter {name}")))
                .attempting(|| format!("read memory.stat of {}", self.path.display()))
        };
        Ok(MemoryUsage {
            cache_bytes: counter("cache ")?,
            rss_bytes: counter("rss ")?,
            kernel_bytes: self.number("memory.kmem.usage_in_bytes")?,
            usage_bytes: self.number("memory.usage_in_bytes")?,
        })
    }

    fn processes(&self) -> PathBuf {
        self.path.join("cgroup.procs")
    }

    fn read(&self, file: &str) -> Result<String, EmulateError> {
        let path = self.path.join(file);
        fs::read_to_string(&path).attempting(|| format!("read {}", path.display()))
    }

    fn number(&self, file: &str) -> Result<u64, EmulateError> {
        self.read(file)?
            .trim()
            .parse()
            .map_err(io::Error::other)
            .attempting(|| format!("read {file} of {}", self.path.display()))
    }
}

impl Drop for MemoryGroup {
    /// A process that has just been killed stays in the group for a moment.
    fn drop(&mut self) {
        for _ in 0..100 {
            // Otherwise its cached pages would stay charged to a dead group.
            let _ = fs::write(self.path.join("memory.force_empty"), "0");
            match fs::remove_dir(&self.path) {
                Err(e) if e.kind() == io::ErrorKind::ResourceBusy => {
                    thread::sleep(Duration::from_millis(20));
                }
                _ => return,
            }
        }
        eprintln!("{} still has processes: not removed", self.path.display());
    }
}

/// Drops every clean page, directory entry and inode of the whole machine that
/// is not in use. All pages of a read-only mount are clean.
///
/// # Errors
/// Without root.
pub fn drop_caches() -> Result<(), EmulateError> {
    fs::write("/proc/sys/vm/drop_caches", "3").attempting(|| "drop the page cache".into())
}

fn join(processes: &File) -> io::Result<()> {
    let own = b"0";
    // SAFETY: the buffer is one byte long and outlives the call.
    match unsafe { libc::write(processes.as_raw_fd(), own.as_ptr().cast(), own.len()) } {
        1 => Ok(()),
        _ => Err(io::Error::last_os_error()),
    }
}

fn hierarchy() -> Result<PathBuf, EmulateError> {
    mounts::all()?
        .into_iter()
        .find(|m| m.kind == "cgroup" && m.options.split(',').any(|o| o == "memory"))
        .map(|m| m.target)
        .ok_or_else(|| unavailable(io::Error::from(io::ErrorKind::NotFound)))
}

fn unavailable(source: io::Error) -> EmulateError {
    EmulateError::Missing {
        what: "a cgroup v1 memory hierarchy",
        remedy: "run as root where one is mounted \
                 (mount -t cgroup -o memory none /sys/fs/cgroup/memory; \
                 with cgroup v2 only, boot with systemd.unified_cgroup_hierarchy=0)",
        source,
    }
}

/// A group with processes in it cannot be removed, so at worst this does nothing.
fn remove_stale(root: &Path) {
    let Ok(groups) = fs::read_dir(root) else {
        return;
    };
    for group in groups.flatten() {
        let name = group.file_name();
        let owner = name.to_str().and_then(|n| n.strip_prefix(PREFIX));
        let pid = owner.and_then(|o| o.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            let _ = fs::remove_dir(group.path());
        }
    }
}
