//! The block device in front of the emulated disk's file: a loop device with
//! direct I/O.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::mem;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use super::error::{Attempting, EmulateError, check};

// linux/loop.h; libc does not have them.
const LOOP_CLR_FD: libc::c_ulong = 0x4C01;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LO_FLAGS_READ_ONLY: u32 = 1;
/// The kernel detaches the device when its last user is gone, even if this
/// process is killed.
const LO_FLAGS_AUTOCLEAR: u32 = 4;
const LO_FLAGS_DIRECT_IO: u32 = 16;

/// `struct loop_info64` of linux/loop.h.
#[repr(C)]
struct LoopInfo64 {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config` of linux/loop.h.
#[repr(C)]
struct LoopConfig {
    fd: u32,
    block_size: u32,
    info: LoopInfo64,
    reserved: [u64; 8],
}

/// A loop device bound to a file; unbound, with its queue settings restored,
/// when dropped.
#[derive(Debug)]
pub(super) struct LoopDevice {
    device: File,
    number: libc::c_int,
    /// Queue settings to write back: file below `queue/`, previous value.
    previous: Vec<(&'static str, String)>,
}

impl LoopDevice {
    /// Binds a free loop device to `backing`, read-only and with direct I/O,
    /// without a scheduler of its own and with the read-ahead given.
    pub(super) fn attach(backing: &Path, read_ahead_kib: u32) -> Result<Self, EmulateError> {
        let file = File::open(backing).attempting(|| format!("open {}", backing.display()))?;
        let mut device = bind_free_device(&file)?;
        if device.sysfs("loop/dio")?.trim() != "1" {
            return Err(EmulateError::DirectIoRefused {
                device: device.path().display().to_string(),
            });
        }
        device.set_queue("scheduler", "none")?;
        device.set_queue("read_ahead_kb", &read_ahead_kib.to_string())?;
        Ok(device)
    }

    /// `/dev/loopN`.
    pub(super) fn path(&self) -> PathBuf {
        node(self.number)
    }

    fn sysfs_path(&self, file: &str) -> PathBuf {
        PathBuf::from(format!("/sys/block/loop{}/{file}", self.number))
    }

    fn sysfs(&self, file: &str) -> Result<String, EmulateError> {
        let path = self.sysfs_path(file);
        fs::read_to_string(&path).attempting(|| format!("read {}", path.display()))
    }

    fn set_queue(&mut self, setting: &'static str, value: &str) -> Result<(), EmulateError> {
        let previous = selected(&self.sysfs(&format!("queue/{setting}"))?);
        let path = self.sysfs_path(&format!("queue/{setting}"));
        fs::write(&path, value).attempting(|| format!("set {} to {value}", path.display()))?;
        self.previous.push((setting, previous));
        Ok(())
    }
}

impl Drop for LoopDevice {
    fn drop(&mut self) {
        for (setting, value) in &self.previous {
            // The device may be unbound already; then there is nothing to restore.
            let _ = fs::write(self.sysfs_path(&format!("queue/{setting}")), value);
        }
        // SAFETY: LOOP_CLR_FD takes no argument. If something still uses the
        // device, the kernel unbinds it when that is gone.
        let cleared = check(unsafe { libc::ioctl(self.device.as_raw_fd(), LOOP_CLR_FD) });
        if let Err(error) = cleared {
            eprintln!("cannot unbind {}: {error}", self.path().display());
        }
    }
}

/// Another process may take the free device between the two calls: then the
/// kernel says EBUSY, and the next free one is tried.
fn bind_free_device(backing: &File) -> Result<LoopDevice, EmulateError> {
    loop {
        let number = free_number()?;
        let path = node(number);
        let device = OpenOptions::new()
            .read(true)
            .write(true)
            .open(&path)
            .attempting(|| format!("open {}", path.display()))?;
        match configure(&device, backing) {
            Ok(()) => {
                return Ok(LoopDevice {
                    device,
                    number,
                    previous: Vec::new(),
                });
            }
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => {
                return Err(error).attempting(|| format!("bind {}", path.display()));
            }
        }
    }
}

fn configure(device: &File, backing: &File) -> io::Result<()> {
    // SAFETY: plain integers, for which all zeroes is valid and means the default.
    let mut config: LoopConfig = unsafe { mem::zeroed() };
    config.fd = backing.as_raw_fd() as u32;
    config.info.flags = LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR | LO_FLAGS_DIRECT_IO;
    // SAFETY: LOOP_CONFIGURE reads one `loop_config`, which `config` is.
    check(unsafe { libc::ioctl(device.as_raw_fd(), LOOP_CONFIGURE, &config) })?;
    Ok(())
}

fn free_number() -> Result<libc::c_int, EmulateError> {
    let control = open_control()?;
    // SAFETY: LOOP_CTL_GET_FREE takes no argument.
    check(unsafe { libc::ioctl(control.as_raw_fd(), LOOP_CTL_GET_FREE) })
        .attempting(|| "find a free loop device".into())
}

/// Opens the loop driver's control device.
pub(super) fn open_control() -> Result<File, EmulateError> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .open("/dev/loop-control")
        .map_err(|source| EmulateError::Missing {
            what: "the loop device driver (/dev/loop-control)",
            remedy: "run as root on a kernel with CONFIG_BLK_DEV_LOOP (modprobe loop)",
            source,
        })
}

fn node(number: libc::c_int) -> PathBuf {
    PathBuf::from(format!("/dev/loop{number}"))
}

/// The value in force: in brackets where the file lists the alternatives.
fn selected(setting: &str) -> String {
    let bracketed = setting
        .split_once('[')
        .and_then(|(_, rest)| rest.split_once(']'));
    bracketed.map_or(setting.trim(), |(value, _)| value).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn structures_have_the_kernels_sizes() {
        assert_eq!(size_of::<LoopInfo64>(), 232);
        assert_eq!(size_of::<LoopConfig>(), 304);
    }

    #[test]
    fn the_setting_in_force_is_the_bracketed_one() {
        assert_eq!(selected("none [mq-deadline] bfq\n"), "mq-deadline");
        assert_eq!(selected("128\n"), "128");
    }
}
