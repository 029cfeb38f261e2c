//! Mounting and unmounting.

use std::ffi::CString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use std::{fs, io, thread};

use super::error::{Attempting, EmulateError, check};

/// How long an unmount waits for stragglers to close their files; our choice.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why these options: access times would be writes; by default ext4 reads 32
/// inode-table blocks around the one it needs, which no model of single
/// metadata blocks could follow, and with 1 still two of them (its loop
/// includes the block at the end), so 0.
const EXT4_OPTIONS: &str = "inode_readahead_blks=0";

/// One line of the kernel's list of mounts.
pub(super) struct Mount {
    pub(super) target: PathBuf,
    pub(super) kind: String,
    pub(super) options: String,
}

/// Every mount that this process sees.
pub(super) fn all() -> Result<Vec<Mount>, EmulateError> {
    let list = fs::read_to_string("/proc/self/mounts")
        .attempting(|| "read the list of mounts".to_owned())?;
    Ok(list.lines().filter_map(parse).collect())
}

/// Whether something is mounted at exactly `target`. If the list of mounts
/// cannot be read, assumes so.
pub(super) fn is_mounted(target: &Path) -> bool {
    all().map_or(true, |mounts| mounts.iter().any(|m| m.target == target))
}

fn parse(line: &str) -> Option<Mount> {
    let mut fields = line.split(' ').skip(1);
    Some(Mount {
        target: fields.next()?.into(),
        kind: fields.next()?.into(),
        options: fields.next()?.into(),
    })
}

/// A mounted ext4 file system; unmounted when dropped.
#[derive(Debug)]
pub(super) struct Ext4Mount {
    target: PathBuf,
}

impl Ext4Mount {
    /// Mounts the file system on `device` read-only at `target`.
    pub(super) fn new(device: &Path, target: &Path) -> Result<Self, EmulateError> {
        let flags = libc::MS_RDONLY | libc::MS_NOATIME;
        let (source, kind, options) = (c_path(device), c"ext4", c_path(Path::new(EXT4_OPTIONS)));
        // SAFETY: all strings are C strings that outlive the call.
        check(unsafe {
            libc::mount(
                source.as_ptr(),
                c_path(target).as_ptr(),
                kind.as_ptr(),
                flags,
                options.as_ptr().cast(),
            )
        })
        .attempting(|| format!("mount {} at {}", device.display(), target.display()))?;
        Ok(Self {
            target: target.into(),
        })
    }

    pub(super) fn target(&self) -> &Path {
        &self.target
    }
}

impl Drop for Ext4Mount {
    fn drop(&mut self) {
        unmount(&self.target, 0);
    }
}

/// Unmounts `target`; if it is still in use after a while, takes it out of
/// the tree at once and lets the kernel finish when the last user is gone.
/// `last_resort` are further flags for that second case.
pub(super) fn unmount(target: &Path, last_resort: libc::c_int) {
    let deadline = Instant::now() + PATIENCE;
    while let Err(error) = umount(target, 0) {
        if error.kind() != io::ErrorKind::ResourceBusy {
            eprintln!("cannot unmount {}: {error}", target.display());
            return;
        }
        if Instant::now() > deadline {
            eprintln!("{} is still in use: detaching it", target.display());
            if let Err(error) = umount(target, libc::MNT_DETACH | last_resort) {
                eprintln!("cannot detach {}: {error}", target.display());
            }
            return;
        }
        thread::sleep(Duration::from_millis(20));
    }
}

fn umount(target: &Path, flags: libc::c_int) -> io::Result<()> {
    // SAFETY: the path is a C string that outlives the call.
    check(unsafe { libc::umount2(c_path(target).as_ptr(), flags) })?;
    Ok(())
}

/// Our own paths have no zero bytes in them.
fn c_path(path: &Path) -> CString {
    CString::new(path.as_os_str().as_bytes()).unwrap_or_default()
}
