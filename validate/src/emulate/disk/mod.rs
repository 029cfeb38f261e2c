//! An emulated disk: a file that takes as long to read as the simulator's
//! disk model says.
//!
//! A FUSE file system with one file, the image, read with direct I/O. One
//! thread reads the kernel's requests, another is the disk; both are real-time
//! threads on a CPU of their own choosing.
//!
//! **Modelled**: service times and host scheduling, by the very code that the
//! simulator uses ([`Disk`]), so that a difference between the two worlds is
//! never the disk's.
//!
//! **Left out**: writes. The way through FUSE and the loop device adds latency
//! before the arrival and after the finish that the model does not have; the
//! log has the second part of it. A request larger than the kernel's limit
//! (1 MiB) arrives as several.

mod fuse;
mod log;
mod queue;
mod server;

use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::thread::{self, JoinHandle};
use std::{fmt, io};

use fuser::{Config, MountOption, Session};
use sim::engine::Nanos;
use sim::machine::disk::{Disk, SECTOR_BYTES};

use super::error::{Attempting, EmulateError};
use super::image::Image;
use super::realtime::Urgency;
use super::{mounts, realtime};
use fuse::{IMAGE_NAME, ImageFileSystem};
pub use log::{DiskIo, DiskUse};
use server::Server;

/// A mounted, running emulated disk; unmounted and stopped when dropped.
pub struct EmulatedDisk {
    server: Arc<Server>,
    mount_point: PathBuf,
    threads: Vec<JoinHandle<()>>,
}

impl EmulatedDisk {
    /// Serves `image` by the law of `disk` in a file below `mount_point`, an
    /// empty directory, from threads pinned to `cpu`.
    ///
    /// # Errors
    /// If the image is larger than the disk, FUSE is missing, or the threads
    /// may not become real-time.
    pub(super) fn start(
        image: Image,
        disk: Disk,
        mount_point: &Path,
        cpu: usize,
    ) -> Result<Self, EmulateError> {
        let image_sectors = image.as_bytes().len() as u64 / SECTOR_BYTES;
        if image_sectors > disk.sectors() {
            return Err(EmulateError::ImageTooLarge {
                image_sectors,
                disk_sectors: disk.sectors(),
            });
        }
        let server = Arc::new(Server::new(image, disk));
        let mut emulated = Self {
            server: server.clone(),
            mount_point: mount_point.into(),
            threads: Vec::new(),
        };
        emulated.spawn("disk", {
            let server = server.clone();
            move |ready| {
                let prepared = realtime::become_realtime(cpu, Urgency::Disk);
                report(ready, prepared, |()| server.run_disk());
            }
        })?;
        emulated.spawn("disk-fuse", {
            let mount_point = emulated.mount_point.clone();
            move |ready| {
                report(ready, mount(server.clone(), &mount_point, cpu), |session| {
                    serve(session, &server)
                })
            }
        })?;
        Ok(emulated)
    }

    /// Starts a thread and waits until it says that it is ready.
    fn spawn(
        &mut self,
        name: &str,
        body: impl FnOnce(mpsc::Sender<Result<(), EmulateError>>) + Send + 'static,
    ) -> Result<(), EmulateError> {
        let (ready, is_ready) = mpsc::channel();
        let thread = thread::Builder::new()
            .name(name.into())
            .spawn(move || body(ready))
            .attempting(|| format!("start the thread {name}"))?;
        self.threads.push(thread);
        is_ready
            .recv()
            .map_err(io::Error::other)
            .attempting(|| format!("start the thread {name}"))?
    }

    /// The file to bind a loop device to.
    pub(super) fn image_path(&self) -> PathBuf {
        self.mount_point.join(IMAGE_NAME)
    }

    /// What is on the disk.
    pub fn image(&self) -> &Image {
        &self.server.image
    }

    /// Fast: requests that arrive from now on are served at once, to fill and
    /// warm caches. Those that are in the disk finish by its law.
    pub fn set_fast(&self, fast: bool) {
        self.server.set_fast(fast);
    }

    /// All requests replied to since the last call, in the order of their
    /// replies. Those that are in the disk now will be in the next log.
    pub fn take_log(&self) -> Vec<DiskIo> {
        self.server.take_log()
    }

    /// CPU time that the disk's two threads have used so far. The way through
    /// the loop device costs more, in kernel threads, which is not in it.
    ///
    /// # Errors
    /// If the kernel's counters cannot be read.
    pub fn cpu_time(&self) -> Result<Nanos, EmulateError> {
        self.server.cpu_time()
    }
}

impl fmt::Debug for EmulatedDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EmulatedDisk")
            .field("mount_point", &self.mount_point)
            .finish_non_exhaustive()
    }
}

impl Drop for EmulatedDisk {
    fn drop(&mut self) {
        if mounts::is_mounted(&self.mount_point) {
            // Forced: aborts the connection, so that no reader hangs.
            mounts::unmount(&self.mount_point, libc::MNT_FORCE);
        }
        self.server.stop();
        for thread in self.threads.drain(..) {
            // A panic there has been reported by the panic hook already.
            let _ = thread.join();
        }
    }
}

/// Tells the starter how the preparation went, then runs.
fn report<T>(
    ready: mpsc::Sender<Result<(), EmulateError>>,
    prepared: Result<T, EmulateError>,
    run: impl FnOnce(T),
) {
    // The starter waits for this message, so it is there to receive it.
    match prepared {
        Ok(value) => {
            let _ = ready.send(Ok(()));
            run(value);
        }
        Err(error) => {
            let _ = ready.send(Err(error));
        }
    }
}

/// The thread that will read requests is created by the session and inherits
/// this thread's scheduling.
fn mount(
    server: Arc<Server>,
    mount_point: &Path,
    cpu: usize,
) -> Result<Session<ImageFileSystem>, EmulateError> {
    realtime::become_realtime(cpu, Urgency::Reader)?;
    let mut config = Config::default();
    config.mount_options = vec![MountOption::RO, MountOption::FSName("laiosim".into())];
    Session::new(ImageFileSystem(server), mount_point, &config).map_err(missing_fuse)
}

/// Returns when the file system is unmounted, or if the reader panics: then
/// what still waits is refused, which also lets go of the connection.
fn serve(session: Session<ImageFileSystem>, server: &Server) {
    if let Err(error) = session.run() {
        eprintln!("the emulated disk's FUSE session ended: {error}");
    }
    server.stop();
}

/// The error for a machine without FUSE.
pub(super) fn missing_fuse(source: io::Error) -> EmulateError {
    EmulateError::Missing {
        what: "FUSE (/dev/fuse)",
        remedy: "run as root on a kernel with CONFIG_FUSE_FS (modprobe fuse); \
                 in a container, allow the device and mounting",
        source,
    }
}

#[cfg(test)]
mod tests {
    use sim::engine::Nanos;
    use sim::machine::disk::{Disk, DiskProfile, Scheduling};

    /// A disk that takes the same time for every request, in their order.
    pub(super) fn fixed_disk(service: Nanos) -> Disk {
        fixed_disk_with_servers(service, 1)
    }

    /// One that serves several at once.
    pub(super) fn fixed_disk_with_servers(service: Nanos, servers: u32) -> Disk {
        let profile: DiskProfile = format!(
            "kind = \"fixed\"\nsectors = 1_000_000\nservice_ms = {}\nservers = {servers}",
            service.as_millis_f64()
        )
        .parse()
        .expect("a valid profile");
        Disk::new(&profile, Scheduling::Fcfs, 0.0, 0)
    }
}
