//! Where the rig is mounted, one at a time on a machine.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};

use super::error::{Attempting, EmulateError};
use super::{mounts, workqueues};

/// Holds the lock and, while a rig is up, all that is its.
const FOLDER: &str = "/run/laiosim";

/// The folder of the rig that is up; emptied when dropped.
#[derive(Debug)]
pub(super) struct RunFolder {
    /// An advisory lock, which the kernel releases even if we are killed.
    _lock: File,
}

impl RunFolder {
    /// Waits until no other rig is up on this machine, then makes the folder
    /// and takes down what a killed process left in it.
    pub(super) fn create() -> Result<Self, EmulateError> {
        fs::create_dir_all(FOLDER).attempting(|| format!("make {FOLDER}"))?;
        let lock = lock(&path("lock"))?;
        take_down_stale()?;
        let folder = Self { _lock: lock };
        for mount_point in [folder.files(), folder.disk()] {
            fs::create_dir_all(&mount_point)
                .attempting(|| format!("make {}", mount_point.display()))?;
        }
        Ok(folder)
    }

    /// Where the ext4 file system is mounted.
    pub(super) fn files(&self) -> PathBuf {
        path("files")
    }

    /// Where the emulated disk's file is mounted.
    pub(super) fn disk(&self) -> PathBuf {
        path("disk")
    }

    /// Where the setting of the kernel's workers is kept while it is changed.
    pub(super) fn saved_workers(&self) -> PathBuf {
        path("workqueue-cpumask")
    }
}

impl Drop for RunFolder {
    /// Not recursively: should an unmount have failed, nothing below is touched.
    fn drop(&mut self) {
        for mount_point in [self.files(), self.disk()] {
            if let Err(error) = fs::remove_dir(&mount_point) {
                eprintln!("cannot remove {}: {error}", mount_point.display());
            }
        }
    }
}

fn path(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

fn lock(path: &Path) -> Result<File, EmulateError> {
    let action = || format!("lock {}", path.display());
    let file = File::create(path).attempting(action)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::Error(error)) => return Err(error).attempting(action),
        Err(TryLockError::WouldBlock) => {
            eprintln!("waiting for another rig on this machine to be taken down");
        }
    }
    file.lock().attempting(action)?;
    Ok(file)
}

/// The loop device of a killed process unbinds itself when nothing is mounted
/// from it any more.
fn take_down_stale() -> Result<(), EmulateError> {
    for (mount_point, last_resort) in [(path("files"), 0), (path("disk"), libc::MNT_FORCE)] {
        if mounts::is_mounted(&mount_point) {
            mounts::unmount(&mount_point, last_resort);
        }
    }
    workqueues::restore(&path("workqueue-cpumask"))
}
