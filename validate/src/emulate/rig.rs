//! The whole rig: image, emulated disk, loop device, mount.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use sim::machine::disk::Disk;

use super::disk::{EmulatedDisk, missing_fuse};
use super::error::EmulateError;
use super::image::{Image, missing_mke2fs};
use super::interrupt::InterruptFlag;
use super::layout::Layout;
use super::loopdev::{self, LoopDevice};
use super::mounts::Ext4Mount;
use super::run_folder::RunFolder;
use super::workqueues::ConfinedWorkers;

/// How the rig is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RigConfig {
    /// CPU on which the disk's threads and the kernel's workers run; not the
    /// one of the server under test.
    pub disk_cpu: usize,
    /// Read-ahead of the loop device (KiB).
    pub read_ahead_kib: u32,
}

/// Files on an emulated disk, ready to be served.
///
/// Dropping it, also in a panic, unmounts everything and frees the loop
/// device. While it lives, SIGINT and SIGTERM only set a flag: whoever runs
/// for long looks at [`Rig::is_interrupted`] and returns. What a killed process
/// leaves behind is taken down when the next rig is put up.
///
/// The process that owns the rig must be neither the server under test nor in
/// its memory group: it plays the disk. There is one rig at a time on a machine:
/// [`Rig::start`] waits for the other one's end, so a process that starts a
/// second one waits for itself.
#[derive(Debug)]
pub struct Rig {
    // Dropped in this order, which is that of taking down.
    files: Ext4Mount,
    device: LoopDevice,
    disk: EmulatedDisk,
    _workers: ConfinedWorkers,
    _folder: RunFolder,
    interrupt: InterruptFlag,
}

impl Rig {
    /// Puts `image` on `disk` and mounts it. The disk starts in the fast mode,
    /// in which mounting, reading the layout and warming take no time.
    ///
    /// # Errors
    /// [`EmulateError::Missing`] says what the machine lacks; on any error,
    /// nothing is left behind.
    pub fn start(image: Image, disk: Disk, config: RigConfig) -> Result<Self, EmulateError> {
        available()?;
        let interrupt = InterruptFlag::raise_on_signals()?;
        let folder = RunFolder::create()?;
        let workers = ConfinedWorkers::to(config.disk_cpu, folder.saved_workers())?;
        let disk = EmulatedDisk::start(image, disk, &folder.disk(), config.disk_cpu)?;
        disk.set_fast(true);
        let device = LoopDevice::attach(&disk.image_path(), config.read_ahead_kib)?;
        let files = Ext4Mount::new(&device.path(), &folder.files())?;
        Ok(Self {
            files,
            device,
            disk,
            _workers: workers,
            _folder: folder,
            interrupt,
        })
    }

    /// Where the files are mounted; an object is at
    /// [`path_of`](super::image::path_of) below it.
    pub fn files(&self) -> &Path {
        self.files.target()
    }

    /// The block device itself, for reads that bypass the file system.
    pub fn device(&self) -> PathBuf {
        self.device.path()
    }

    /// The disk: its speed, its log, its costs.
    pub fn disk(&self) -> &EmulatedDisk {
        &self.disk
    }

    /// Where every object is on the disk. Opens each of them, so it is quick
    /// in the fast mode only.
    ///
    /// # Errors
    /// If the kernel does not tell.
    pub fn layout(&self) -> Result<Layout, EmulateError> {
        Layout::read(self.files(), self.disk.image())
    }

    /// Whether the user has asked to stop (SIGINT or SIGTERM).
    pub fn is_interrupted(&self) -> bool {
        self.interrupt.is_raised()
    }
}

/// Whether this machine can run the rig.
///
/// # Errors
/// [`EmulateError::Missing`], with what is missing and what to do.
pub fn available() -> Result<(), EmulateError> {
    // SAFETY: geteuid has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return Err(EmulateError::Missing {
            what: "the right to mount",
            remedy: "run as root (sudo)",
            source: std::io::ErrorKind::PermissionDenied.into(),
        });
    }
    Command::new("mke2fs")
        .arg("-V")
        .output()
        .map_err(missing_mke2fs)?;
    File::open("/dev/fuse").map_err(missing_fuse)?;
    loopdev::open_control()?;
    Ok(())
}
