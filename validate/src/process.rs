//! The servers and the load generator as processes of their own: this program, started again.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use sim::scenario::Server;
use sim::scenario::keys::ServerKeys;

use crate::emulate::EmulateError;
use crate::emulate::cgroup::MemoryGroup;
use crate::load::{LoadError, LoadResult};
use crate::serve::ServeError;
use crate::serve::counters::{Shared, Snapshot};

/// The CPU of the server, its helpers and carriers.
pub const SERVER_CPU: usize = 0;
/// The CPU of the load generator and the emulated disk.
pub const CLIENT_CPU: usize = 1;

/// Why a server or a load generator did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started, or spoken to.
    #[error("{what}: {source}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// It ended without doing its work; what it wrote to its standard error.
    #[error("{what} failed: {said}")]
    Failed {
        /// Which process.
        what: &'static str,
        /// Its last words.
        said: String,
    },
    /// The memory group refused it.
    #[error(transparent)]
    Group(#[from] EmulateError),
    /// The server's counters cannot be read.
    #[error(transparent)]
    Counters(#[from] ServeError),
    /// The load generator's result cannot be read.
    #[error(transparent)]
    Load(#[from] LoadError),
}

fn io_error(what: &'static str) -> impl Fn(io::Error) -> ProcessError {
    move |source| ProcessError::Io { what, source }
}

/// A running server; ended when dropped.
pub struct ServerProcess {
    child: Child,
    address: SocketAddr,
    counters: Shared,
    _folder: tempfile::TempDir,
}

impl ServerProcess {
    /// Starts a server of the files below `root`, with the helpers and the chunk that `keys` say, in
    /// `group` if one is given, and waits until it listens.
    ///
    /// # Errors
    /// If it cannot be started or does not listen.
    pub fn start(
        root: &Path,
        server: Server,
        keys: &ServerKeys,
        group: Option<&MemoryGroup>,
    ) -> Result<Self, ProcessError> {
        // In memory: a page written back to a disk could block its writer.
        let folder = tempfile::tempdir_in("/dev/shm")
            .map_err(io_error("making a folder for counters in /dev/shm"))?;
        let counters = folder.path().join("counters");
        let program = std::env::current_exe().map_err(io_error("finding this program"))?;
        let mut command = Command::new(program);
        command
            .arg("serve")
            .arg(root)
            .args(["--server", &server.name()])
            .args(["--cpu", &SERVER_CPU.to_string()])
            .args(["--helpers", &keys.helpers.to_string()])
            .args(["--chunk", &format!("{} B", keys.chunk.0)])
            .arg("--counters")
            .arg(&counters)
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        if let Some(group) = group {
            group.contain(&mut command)?;
        }
        let mut child = command.spawn().map_err(io_error("starting the server"))?;
        let address = match listening(&mut child) {
            Ok(address) => address,
            Err(error) => {
                end(&mut child);
                return Err(error);
            }
        };
        let counters = Shared::open(&counters)?;
        Ok(Self {
            child,
            address,
            counters,
            _folder: folder,
        })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it has counted so far.
    pub fn counters(&self) -> Snapshot {
        self.counters.snapshot()
    }

    /// Its process and its helpers'.
    ///
    /// # Errors
    /// If the process is gone.
    pub fn pids(&self) -> Result<Vec<u32>, ProcessError> {
        let pid = self.child.id();
        let children = format!("/proc/{pid}/task/{pid}/children");
        let text =
            std::fs::read_to_string(children).map_err(io_error("listing the server's helpers"))?;
        let helpers = text.split_whitespace().filter_map(|pid| pid.parse().ok());
        Ok(std::iter::once(pid).chain(helpers).collect())
    }
}

fn listening(child: &mut Child) -> Result<SocketAddr, ProcessError> {
    let mut line = String::new();
    if let Some(stdout) = child.stdout.take() {
        BufReader::new(stdout)
            .read_line(&mut line)
            .map_err(io_error("waiting for the server"))?;
    }
    line.trim()
        .strip_prefix("listening ")
        .and_then(|port| port.parse().ok())
        .map(|port: u16| SocketAddr::from(([127, 0, 0, 1], port)))
        .ok_or_else(|| ProcessError::Failed {
            what: "the server",
            said: format!("it did not say \"listening PORT\" but \"{}\"", line.trim()),
        })
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

fn end(child: &mut Child) {
    // SAFETY: a signal to our own child, which has not been waited for.
    unsafe { libc::kill(child.id() as libc::pid_t, libc::SIGTERM) };
    // It is ending; there is nobody to tell if waiting fails.
    drop(child.wait());
}

/// What a load generator is to play.
#[derive(Clone, Debug)]
pub struct Load {
    /// The trace.
    pub trace: PathBuf,
    /// Closed clients.
    pub clients: u32,
    /// Longest gap within a sequence, as in scenarios.
    pub gap: String,
    /// Play only so many requests.
    pub requests: Option<u64>,
    /// Seed of the assignment of sequences to clients.
    pub seed: u64,
    /// Its replication.
    pub replication: u32,
}

impl Load {
    /// Plays against `server` to the end.
    ///
    /// # Errors
    /// If the load generator cannot be started, or says that a response was wrong.
    pub fn play(&self, server: &ServerProcess) -> Result<LoadResult, ProcessError> {
        let folder = tempfile::tempdir().map_err(io_error("making a folder for results"))?;
        let result = folder.path().join("result");
        let program = std::env::current_exe().map_err(io_error("finding this program"))?;
        let mut command = Command::new(program);
        command
            .arg("load")
            .arg(server.address().to_string())
            .arg("--trace")
            .arg(&self.trace)
            .args(["--clients", &self.clients.to_string()])
            .args(["--gap", &self.gap])
            .args(["--seed", &self.seed.to_string()])
            .args(["--replication", &self.replication.to_string()])
            .args(["--cpu", &CLIENT_CPU.to_string()])
            .arg("-o")
            .arg(&result)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        if let Some(requests) = self.requests {
            command.args(["--requests", &requests.to_string()]);
        }
        let output = command
            .stderr(Stdio::piped())
            .output()
            .map_err(io_error("starting the load generator"))?;
        if !output.status.success() {
            return Err(ProcessError::Failed {
                what: "the load generator",
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(LoadResult::read(&result)?)
    }
}
