//! Where the kernel's workers run.
//!
//! The loop device hands every request to a kernel worker, which no real disk
//! does: with the completion, 28 us of CPU per request at 1,000 requests/s and
//! 65 us at 100. Left alone, the worker often runs on the CPU that submitted
//! the request: the server's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::error::{Attempting, EmulateError};

/// Which CPUs may run the workers that are bound to none, as a hexadecimal
/// mask in words of 32 bits (`Documentation/core-api/workqueue.rst`).
const CPUMASK: &str = "/sys/devices/virtual/workqueue/cpumask";

/// The kernel's workers confined to one CPU; set free when dropped. This
/// concerns the whole machine, not only the loop device.
#[derive(Debug)]
pub(super) struct ConfinedWorkers {
    saved: PathBuf,
}

impl ConfinedWorkers {
    /// Confines them to `cpu`. The previous setting is kept in the file
    /// `saved`, for [`restore`].
    pub(super) fn to(cpu: usize, saved: PathBuf) -> Result<Self, EmulateError> {
        fs::copy(CPUMASK, &saved).attempting(|| format!("save {CPUMASK}"))?;
        let workers = Self { saved };
        fs::write(CPUMASK, mask(cpu))
            .attempting(|| format!("confine the kernel's workers to CPU {cpu}"))?;
        Ok(workers)
    }
}

impl Drop for ConfinedWorkers {
    fn drop(&mut self) {
        if let Err(error) = restore(&self.saved) {
            eprintln!("{error}");
        }
    }
}

/// Restores the setting saved in `saved`, if there is that file, and removes it.
pub(super) fn restore(saved: &Path) -> Result<(), EmulateError> {
    let setting = match fs::read_to_string(saved) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        read => read.attempting(|| format!("read {}", saved.display()))?,
    };
    fs::write(CPUMASK, setting.trim())
        .and_then(|()| fs::remove_file(saved))
        .attempting(|| format!("restore {CPUMASK}"))
}

fn mask(cpu: usize) -> String {
    format!("{:x}{}", 1u32 << (cpu % 32), ",00000000".repeat(cpu / 32))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_have_words_of_32_bits() {
        assert_eq!(mask(0), "1");
        assert_eq!(mask(1), "2");
        assert_eq!(mask(31), "80000000");
        assert_eq!(mask(33), "2,00000000");
        assert_eq!(mask(64), "1,00000000,00000000");
    }
}
