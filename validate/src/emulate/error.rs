//! What can go wrong while the rig is built, used or taken down.

use std::io;

/// Why the rig could not be built or read. The rig tears down whatever it had
/// already put up before the error is returned.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmulateError {
    /// The machine lacks something that the rig cannot do without.
    #[error("{what} is not available ({source}): {remedy}")]
    Missing {
        /// The device, program or privilege.
        what: &'static str,
        /// What the user can do about it.
        remedy: &'static str,
        /// What the attempt to use it returned.
        source: io::Error,
    },
    /// A system call or a file of the kernel's failed.
    #[error("cannot {action}: {source}")]
    System {
        /// What was being done, with the path or number it was done to.
        action: String,
        /// The system's answer.
        source: io::Error,
    },
    /// An external program failed.
    #[error("{program} failed ({status}): {stderr}")]
    Program {
        /// Its name.
        program: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// The loop device works through the page cache: every read would be
    /// cached twice and the emulated disk would not see the second one.
    #[error("{device} refuses direct I/O on its backing file: use Linux 5.8 or newer")]
    DirectIoRefused {
        /// The loop device's path.
        device: String,
    },
    /// The file system does not fit onto the modelled disk.
    #[error(
        "the image has {image_sectors} sectors, the disk model only {disk_sectors}: \
         use fewer or smaller objects, or a larger disk"
    )]
    ImageTooLarge {
        /// Image size (512-byte sectors).
        image_sectors: u64,
        /// Disk size (512-byte sectors).
        disk_sectors: u64,
    },
    /// The image's ext4 structures are not those that the rig asked for.
    #[error("unexpected ext4 structure: {detail}")]
    UnexpectedExt4 {
        /// Which one, and what was found.
        detail: String,
    },
}

/// Adds to an [`io::Error`] what was being attempted.
pub(crate) trait Attempting<T> {
    /// `action` completes the sentence "cannot ...".
    fn attempting(self, action: impl FnOnce() -> String) -> Result<T, EmulateError>;
}

impl<T> Attempting<T> for io::Result<T> {
    fn attempting(self, action: impl FnOnce() -> String) -> Result<T, EmulateError> {
        self.map_err(|source| EmulateError::System {
            action: action(),
            source,
        })
    }
}

/// The result of a system call that reports failure as a negative number.
pub(crate) fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(result)
}
