//! A tiny scenario in a folder of its own, and the program run on it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

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
requests = 200

[run]
replications = 3

[axes]
"cache.memory" = ["8 MiB", "16 MiB"]
"#;

/// The folder.
pub(crate) struct Fixture {
    dir: TempDir,
}

impl Fixture {
    /// With the tiny scenario and the trace that comes with the program.
    pub(crate) fn new() -> Self {
        Self::with(|text| text)
    }

    /// The same, after `edit` of the scenario.
    pub(crate) fn with(edit: impl Fn(String) -> String) -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let text = SCENARIO.replace("TRACE", &shipped_trace().display().to_string());
        std::fs::write(dir.path().join("tiny.toml"), edit(text)).expect("written");
        Self { dir }
    }

    /// With `from` replaced by `to` in the scenario.
    pub(crate) fn replacing(from: &str, to: &str) -> Self {
        Self::with(|text| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        })
    }

    /// At one point, after `edit` of the scenario.
    pub(crate) fn without_axes(edit: impl Fn(String) -> String) -> Self {
        let axes = "\n[axes]\n\"cache.memory\" = [\"8 MiB\", \"16 MiB\"]\n";
        Self::with(|text| {
            assert!(text.contains(axes), "{text}");
            edit(text.replace(axes, ""))
        })
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// `laiosim run tiny.toml` with further arguments, to be started in the folder.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laiosim"));
        command
            .args(["run", "tiny.toml"])
            .args(args)
            .current_dir(&self.dir);
        command
    }

    /// Runs that.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().expect("the program starts")
    }

    /// Runs that, and expects it to succeed; what it showed.
    pub(crate) fn shown(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{}", stderr(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The words of what that shows, wherever lines end.
    pub(crate) fn said(&self, args: &[&str]) -> String {
        words(&self.shown(args))
    }

    /// Runs that with `-o out`, and expects it to be refused: exit code 2, one line that has all
    /// of `parts`, nothing written.
    pub(crate) fn refuses(&self, args: &[&str], parts: &[&str]) {
        let before = self.names();
        let output = self.run(&[args, &["-o", "out"]].concat());
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
        assert!(output.stdout.is_empty());
        assert_eq!(self.names(), before, "nothing is written");
    }

    fn names(&self) -> Vec<String> {
        names_in(self.dir.path())
    }
}

/// The trace that comes with the program.
pub(crate) fn shipped_trace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/traces/wc98-day6.laiotrace")
}

/// Names of the files in a folder, sorted.
pub(crate) fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("a folder");
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry
            .expect("an entry")
            .file_name()
            .to_string_lossy()
            .into_owned()
    };
    let mut names: Vec<String> = entries.map(name).collect();
    names.sort();
    names
}

/// What a run wrote to the standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// `text` with a space between words, wherever lines end.
pub(crate) fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
