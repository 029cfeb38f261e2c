//! A folder with a small scenario and the files that it names.

use std::fs::File;
use std::io::BufWriter;
use std::path::PathBuf;

use sim::engine::Nanos;
use sim::scenario::error::ScenarioError;
use sim::scenario::load::{Loaded, Overrides, load};
use sim::workload::trace::{Metadata, Record, TraceWriter};
use tempfile::TempDir;

/// A scenario that nothing is wrong with.
pub(crate) const SMALL: &str = r#"title = "small"
servers = ["nb-b", "nb-laio"]
[machine]
profile = "epyc-vm"
disk = "cheetah9lp"
[cache]
memory = "64 MiB"
[workload]
trace = "t.laiotrace"
clients = 2
"#;

/// A machine profile as it is shipped.
pub(crate) const PROFILE: &str = include_str!("../../profiles/machines/epyc-vm.toml");

/// The same with `old` in the place of `new`.
pub(crate) fn with(old: &str, new: &str) -> String {
    assert_eq!(SMALL.matches(old).count(), 1, "{old}");
    SMALL.replace(old, new)
}

/// The same and more.
pub(crate) fn and(tables: &str) -> String {
    SMALL.to_owned() + tables
}

/// The same with drawn objects in the place of the trace.
pub(crate) fn drawn() -> String {
    with("trace = \"t.laiotrace\"\n", "")
        + "[workload.synthetic]\nobjects = 40\nbody_median = \"8 KiB\"\nbody_sigma = 0.5\n\
           zipf = 0.8\n"
}

pub(crate) struct Folder(TempDir);

impl Folder {
    /// With a trace of four requests of two clients for two objects.
    pub(crate) fn new() -> Self {
        let folder = Self(tempfile::tempdir().expect("a temporary folder"));
        folder.write_trace("t.laiotrace");
        folder
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, its folder too if need be.
    pub(crate) fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a writable folder");
    }

    pub(crate) fn write_trace(&self, name: &str) {
        let metadata = Metadata {
            title: "made up".into(),
            source: "made up".into(),
            notice: String::new(),
            tick_ns: 1,
            objects: 2,
            clients: 2,
            requests: 4,
        };
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        let out = BufWriter::new(File::create(path).expect("a new file"));
        let mut writer = TraceWriter::new(out, metadata, &[5000, 70_000]).expect("a trace");
        for request in 0..4 {
            let record = Record {
                time: Nanos::from_millis(request),
                client: request as u32 % 2,
                object: request as u32 / 2,
                not_modified: false,
            };
            writer.write(record).expect("a record");
        }
        writer.finish().expect("a whole trace");
    }

    pub(crate) fn try_load(&self, name: &str, set: &Overrides) -> Result<Loaded, ScenarioError> {
        load(&self.path(name), set)
    }

    pub(crate) fn load(&self, name: &str) -> Loaded {
        self.try_load(name, &Overrides::default())
            .unwrap_or_else(|error| panic!("{error}"))
    }

    pub(crate) fn refusal(&self, name: &str) -> ScenarioError {
        self.try_load(name, &Overrides::default())
            .expect_err("refused")
    }
}

/// Where an error stands: the file's name, the line's text, the key.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place<'a> {
    pub(crate) file: &'a str,
    pub(crate) line: Option<&'a str>,
    pub(crate) key: &'a str,
}

/// The error names `place`, and its message has these words.
pub(crate) fn assert_blames(folder: &Folder, error: &ScenarioError, place: Place, words: &str) {
    let path = folder.path(place.file);
    let named = error.file.canonicalize().unwrap_or(error.file.clone());
    assert_eq!(
        named,
        path.canonicalize().unwrap_or(path.clone()),
        "{error}"
    );
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let line = error
        .line
        .map(|line| text.lines().nth(line - 1).expect("a line of it"));
    assert_eq!(line, place.line, "{error}");
    assert_eq!(
        error.key.as_deref().unwrap_or_default(),
        place.key,
        "{error}"
    );
    assert!(error.message.contains(words), "{error}");
    let shown = error.to_string();
    assert!(
        shown.contains(place.key) && shown.contains(place.file.rsplit('/').next().expect("a name"))
    );
}

/// The scenario of this text is refused at this line and key, in these words.
pub(crate) fn assert_refused(text: &str, line: &str, key: &str, words: &str) {
    let folder = Folder::new();
    folder.write("s.toml", text);
    let place = Place {
        file: "s.toml",
        line: Some(line),
        key,
    };
    assert_blames(&folder, &folder.refusal("s.toml"), place, words);
}
