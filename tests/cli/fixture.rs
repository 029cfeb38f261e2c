//! A folder, and the program started in it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// The folder.
pub(crate) struct Fixture {
    dir: TempDir,
}

impl Fixture {
    /// An empty one.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary folder"),
        }
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A file's text.
    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Writes a file, and the folders to it.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        let folder = path.parent().expect("a file is in a folder");
        std::fs::create_dir_all(folder).expect("made");
        std::fs::write(path, text).expect("written");
    }

    /// Runs `laiosim` with these arguments.
    pub(crate) fn run(&self, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_laiosim"));
        command.args(args).current_dir(&self.dir);
        command.output().expect("the program starts")
    }

    /// Runs that, and expects it to succeed; what it showed.
    pub(crate) fn shown(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(output.status.success(), "{args:?}: {}", stderr(&output));
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// Runs that, and expects it to be refused: exit code 2, one line that has all of `parts`.
    pub(crate) fn refuses(&self, args: &[&str], parts: &[&str]) {
        let output = self.run(args);
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{message}");
        assert!(message.starts_with("error: "), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        for part in parts {
            assert!(message.contains(part), "no {part:?} in: {message}");
        }
        assert!(output.stdout.is_empty());
    }
}

/// A file of the repository.
pub(crate) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// What a run wrote to the standard error.
pub(crate) fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Asserts that `text` has all of `parts`, wherever its lines end.
pub(crate) fn assert_has(text: &str, parts: &[&str]) {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for part in parts {
        assert!(
            words(text).contains(&words(part)),
            "no {part:?} in:\n{text}"
        );
    }
}

#[test]
fn every_help_has_examples() {
    let fixture = Fixture::new();
    for command in ["check", "init", "schema", "list", "compare", "completions"] {
        let help = fixture.shown(&[command, "--help"]);
        assert_has(&help, &["Examples:", &format!("laiosim {command} ")]);
    }
}
