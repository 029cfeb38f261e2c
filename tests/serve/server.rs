//! The server as a process.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use sim::server::script::OpKind;
use validate::load::LoadResult;
use validate::serve::counters::{Shared, Snapshot, Tally};

use crate::site::{CHUNK_BYTES, CLIENTS, GAP, Site};

/// How often, and with which pause, something is looked for before it counts as missing.
const LOOKS: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// A running server; killed when dropped.
pub(crate) struct Server {
    process: Child,
    pub(crate) port: u16,
    counters: Shared,
    counters_file: PathBuf,
}

/// The command that serves `site`.
pub(crate) fn serve_command(site: &Site, server: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_laiosim"));
    let chunk = format!("{CHUNK_BYTES} B");
    command.arg("serve").arg(site.folder.path()).args([
        "--server",
        server,
        "--helpers",
        "4",
        "--chunk",
        &chunk,
    ]);
    command
}

impl Server {
    /// `None`, and a word about it, if this machine cannot run the architecture.
    pub(crate) fn start(site: &Site, server: &str) -> Option<Self> {
        let counters_file = site.folder.path().join(format!("counters-{server}"));
        let mut process = serve_command(site, server)
            .arg("--counters")
            .arg(&counters_file)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut line = String::new();
        let stdout = process.stdout.take().expect("it is piped");
        BufReader::new(stdout).read_line(&mut line).expect("text");
        let Some(port) = line.trim().strip_prefix("listening ") else {
            let mut error = String::new();
            let mut stderr = process.stderr.take().expect("it is piped");
            stderr.read_to_string(&mut error).expect("text");
            process.wait().expect("an exit code");
            let lacks = ["cannot start LAIO", "cachestat"];
            assert!(lacks.iter().any(|lack| error.contains(lack)), "{error}");
            eprintln!("SKIPPED: {server}: {error}");
            return None;
        };
        Some(Self {
            process,
            port: port.parse().expect("a port"),
            counters: Shared::open(&counters_file).expect("counters"),
            counters_file,
        })
    }

    /// Plays the site's trace; returns what the load generator measured.
    pub(crate) fn load(&self, site: &Site) -> LoadResult {
        let result = self.counters_file.with_extension("result");
        let output = Command::new(env!("CARGO_BIN_EXE_laiosim"))
            .arg("load")
            .arg(format!("127.0.0.1:{}", self.port))
            .args(["--gap", GAP, "--cpu", "0"])
            .args(["--clients", &CLIENTS.to_string(), "--trace"])
            .arg(site.trace())
            .arg("-o")
            .arg(&result)
            .output()
            .expect("the program starts");
        assert!(output.status.success(), "{output:?}");
        LoadResult::read(&result).expect("a result")
    }

    pub(crate) fn snapshot(&self) -> Snapshot {
        self.counters.snapshot()
    }

    /// The counters once so many receives have found something: the clients' hang-ups come last.
    pub(crate) fn snapshot_after(&self, receives: u64) -> Snapshot {
        for _ in 0..LOOKS {
            let snapshot = self.snapshot();
            if received(&snapshot.event_loop) == receives {
                return snapshot;
            }
            sleep(PAUSE);
        }
        panic!("{:?}", self.snapshot());
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Its process and its helpers.
    pub(crate) fn processes(&self) -> Vec<u32> {
        let mut all = children(self.pid());
        all.push(self.pid());
        all
    }

    /// Tells it to stop; `true` if it ended in order.
    pub(crate) fn stop(&mut self) -> bool {
        terminate(self.pid());
        self.process.wait().expect("an exit code").success()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Receives that found something: a request, or the end.
pub(crate) fn received(tally: &Tally) -> u64 {
    let counts = tally.op(OpKind::Recv);
    counts.issued - counts.would_block
}

pub(crate) fn children(pid: u32) -> Vec<u32> {
    let listed = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let listed = listed.expect("the process exists");
    listed
        .split_whitespace()
        .map(|child| child.parse().expect("a number"))
        .collect()
}

pub(crate) fn terminate(pid: u32) {
    let kill = Command::new("kill").arg(pid.to_string()).status();
    assert!(kill.expect("kill").success());
}

/// Whether the process ends; a zombie has.
pub(crate) fn ends(pid: u32) -> bool {
    (0..LOOKS).any(|_| {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let ended = status.is_empty() || status.contains("\nState:\tZ");
        if !ended {
            sleep(PAUSE);
        }
        ended
    })
}

/// Waits until the file has a line, and returns it.
pub(crate) fn first_line(path: &Path) -> String {
    for _ in 0..LOOKS {
        let text = fs::read_to_string(path).unwrap_or_default();
        if let Some((line, _)) = text.split_once('\n') {
            return line.to_owned();
        }
        sleep(PAUSE);
    }
    panic!("{} stays empty", path.display());
}
