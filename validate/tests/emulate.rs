//! The rig on the real machine. Everything here needs root, FUSE and loop
//! devices (and what is about memory groups a cgroup v1 hierarchy), and says so
//! loudly where it cannot run.

#[path = "emulate/measure.rs"]
mod measure;
#[path = "emulate/reads.rs"]
mod reads;
#[path = "emulate/teardown.rs"]
mod teardown;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, Scheduling};
use validate::emulate::cgroup::MemoryGroup;
use validate::emulate::image::{BLOCK_BYTES, Image, content_word};
use validate::emulate::rig::{self, Rig, RigConfig};

const SERVICE: Nanos = Nanos::from_millis(1);
const CONFIG: RigConfig = RigConfig {
    disk_cpu: 1,
    read_ahead_kib: 128,
};

/// One rig at a time: they share signal handlers and the page cache.
fn alone() -> MutexGuard<'static, ()> {
    static RIG: Mutex<()> = Mutex::new(());
    RIG.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs `test` if this machine can put up a rig.
fn with_rig_available(test: impl FnOnce()) {
    if thread::available_parallelism().is_ok_and(|cpus| cpus.get() <= CONFIG.disk_cpu) {
        return eprintln!("SKIPPED: the disk needs a CPU of its own, and there is only one");
    }
    match rig::available() {
        Ok(()) => {
            let _alone = alone();
            test();
        }
        Err(error) => eprintln!("SKIPPED: {error}"),
    }
}

/// 200 files from nothing to 200 KiB, few of them whole blocks.
fn sizes() -> Vec<u64> {
    (0..200u64)
        .map(|i| i * 7919 % 51 * BLOCK_BYTES + i * 31 % BLOCK_BYTES)
        .collect()
}

fn fixed_disk(service: Nanos) -> Disk {
    disk(&format!(
        "kind = \"fixed\"\nsectors = 2_000_000\nservice_ms = {}",
        service.as_millis_f64()
    ))
}

fn disk(profile: &str) -> Disk {
    let profile: DiskProfile = profile.parse().expect("a valid profile");
    Disk::new(&profile, Scheduling::Fcfs, 0.0, 0)
}

fn start(sizes: &[u64], service: Nanos) -> Rig {
    let image = Image::build(sizes).expect("mke2fs works");
    Rig::start(image, fixed_disk(service), CONFIG).expect("the rig is available")
}

fn assert_content(file: &Path, object: u32, size: u64) {
    let content = fs::read(file).expect("the file is there");
    assert_eq!(content.len() as u64, size, "{}", file.display());
    for (number, block) in content.chunks(BLOCK_BYTES as usize).enumerate() {
        let word = content_word(object, number as u32).to_le_bytes();
        let right = block
            .iter()
            .zip(word.iter().cycle())
            .all(|(is, must)| is == must);
        assert!(right, "block {number} of {}", file.display());
    }
}

/// Reads all objects in a process that the group contains.
fn read_all(rig: &Rig, group: &MemoryGroup) {
    let mut cat = Command::new("sh");
    cat.args(["-c", "cat obj/*/* > /dev/null"])
        .current_dir(rig.files());
    group.contain(&mut cat).expect("the group is there");
    assert!(cat.status().expect("sh").success());
}
