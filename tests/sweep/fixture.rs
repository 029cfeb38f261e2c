//! A tiny scenario in a folder of its own, and sweeps of it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::SystemTime;

use tempfile::TempDir;

/// Few enough requests that a build without optimization plays them in a moment.
const SCENARIO: &str = r#"
title = "Tiny"
servers = ["nb-b", "nb-amped", "nb-laio"]

[machine]
profile = "epyc-vm"
disk = "cheetah9lp"

[cache]
memory = "8 MiB"

[workload]
trace = "TRACE"
clients = 8
requests = 150

[run]
replications = 3
"#;

/// The two axes of most tests: eight points.
pub(crate) const AXES: [&str; 4] = [
    "--axis",
    "memory=8MiB..64MiB:log:4",
    "--axis",
    "clients=4,8",
];

/// Points of [`AXES`].
pub(crate) const POINTS: usize = 8;

/// The folder.
pub(crate) struct Fixture {
    dir: TempDir,
}

impl Fixture {
    /// With the tiny scenario and the trace that comes with the program.
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
        let trace = manifest.join("scenarios/traces/wc98-day6.laiotrace");
        let text = SCENARIO.replace("TRACE", &trace.display().to_string());
        std::fs::write(dir.path().join("tiny.toml"), text).expect("written");
        Self { dir }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `laiosim sweep tiny.toml -o OUT` with further arguments, to be started in the folder.
    pub(crate) fn command(&self, out: &str, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laiosim"));
        command
            .args(["sweep", "tiny.toml", "-o", out])
            .args(args)
            .current_dir(&self.dir);
        command
    }

    /// Runs that.
    pub(crate) fn run(&self, out: &str, args: &[&str]) -> Output {
        self.command(out, args)
            .output()
            .expect("the program starts")
    }

    /// Runs that, and expects it to succeed; what it showed.
    pub(crate) fn shown(&self, out: &str, args: &[&str]) -> String {
        let output = self.run(out, args);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs that, and expects it to be refused: exit code 2, a message that has all of `parts`, and
    /// the folder as it was.
    pub(crate) fn refuses(&self, out: &str, args: &[&str], parts: &[&str]) {
        let before = files(self.dir.path());
        let output = self.run(out, args);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
        assert!(output.stdout.is_empty());
        assert_eq!(files(self.dir.path()), before, "nothing is written");
    }

    /// Every file of a sweep's folder.
    pub(crate) fn files(&self, out: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        files(&self.path(out))
    }

    /// When each finished point was written.
    pub(crate) fn written(&self, out: &str) -> BTreeMap<String, SystemTime> {
        let Ok(entries) = std::fs::read_dir(self.path(out).join("points")) else {
            return BTreeMap::new();
        };
        let entry = |entry: std::io::Result<std::fs::DirEntry>| {
            let entry = entry.expect("an entry");
            let modified = entry.metadata().and_then(|it| it.modified());
            (entry.file_name().to_string_lossy().into_owned(), modified)
        };
        entries
            .map(entry)
            .filter(|(name, _)| !name.starts_with('.'))
            .map(|(name, modified)| (name, modified.expect("a time")))
            .collect()
    }
}

/// Every file below `folder`, by its path in it.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let entry = entry.expect("an entry");
        let name = PathBuf::from(entry.file_name());
        if entry.path().is_dir() {
            let inside = files(&entry.path()).into_iter();
            found.extend(inside.map(|(path, bytes)| (name.join(path), bytes)));
        } else {
            found.insert(name, std::fs::read(entry.path()).expect("read"));
        }
    }
    found
}

/// What the program wrote to the standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}
