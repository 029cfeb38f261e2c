//! What is to be written, checked before anything is run: better found out then than afterwards.

use std::path::{Path, PathBuf};

use output::files::{CsvFile, OutputDir, OutputError, OutputFile};
use sim::scenario::load::Loaded;

use super::RunArgs;
use super::requests::RequestsFile;
use crate::failure::Failure;

/// Files that can be written.
pub(super) struct Targets {
    /// The folder of `-o`.
    pub(super) folder: Option<OutputDir>,
    /// The file of `--requests`.
    pub(super) requests: Option<RequestsFile>,
    /// The file of `--timeline`.
    pub(super) timeline: Option<OutputFile>,
}

impl Targets {
    /// Those that `args` ask for.
    ///
    /// # Errors
    /// One cannot be written.
    pub(super) fn prepare(args: &RunArgs, loaded: &Loaded) -> Result<Self, Failure> {
        let requests = args.requests.as_deref().map(File::of).transpose()?;
        let timeline = args.timeline.as_deref().map(File::of).transpose()?;
        let folder = args.output.as_deref().map(folder).transpose()?;
        let requests = requests.map(|file| RequestsFile::start(&file, &loaded.axes));
        Ok(Self {
            requests: requests.transpose().map_err(refused)?,
            timeline: timeline
                .map(|file| file.start())
                .transpose()
                .map_err(refused)?,
            folder,
        })
    }
}

fn refused(error: OutputError) -> Failure {
    Failure::Refused(error.to_string())
}

/// A file in a folder that there is.
pub(super) struct File {
    folder: OutputDir,
    name: String,
}

impl File {
    fn of(path: &Path) -> Result<Self, Failure> {
        let refused = |why: &str| Failure::Refused(format!("{}: {why}", path.display()));
        let name = path.file_name().and_then(|name| name.to_str());
        let name = name.ok_or_else(|| refused("is no file's name"))?;
        not_a_folder(path)?;
        let parent = path.parent().filter(|parent| *parent != Path::new(""));
        let parent = parent.map_or_else(|| PathBuf::from("."), Path::to_owned);
        if !parent.is_dir() {
            return Err(refused("cannot be written: there is no such folder"));
        }
        Ok(Self {
            folder: OutputDir::create(parent).map_err(self::refused)?,
            name: name.to_owned(),
        })
    }

    fn start(&self) -> Result<OutputFile, OutputError> {
        self.folder.file(&self.name)
    }

    /// The file as a table.
    ///
    /// # Errors
    /// It cannot be written to.
    pub(super) fn csv(&self, headers: Vec<String>) -> Result<CsvFile, OutputError> {
        self.folder.csv(&self.name, headers)
    }
}

fn not_a_folder(path: &Path) -> Result<(), Failure> {
    if !path.is_dir() {
        return Ok(());
    }
    let message = "is a folder, where a file is to be written; choose another name";
    Err(Failure::Refused(format!("{}: {message}", path.display())))
}

fn folder(path: &Path) -> Result<OutputDir, Failure> {
    let folder = OutputDir::create(path).map_err(refused)?;
    for name in super::files::NAMES {
        not_a_folder(&path.join(name))?;
    }
    Ok(folder)
}
