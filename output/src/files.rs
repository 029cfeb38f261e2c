//! Result files: each appears under its name whole, or not at all.
//!
//! A file is written under a temporary name in the folder where it will be, and renamed on
//! `commit`. A program that fails or is interrupted before leaves what was there before. An
//! existing file of the same name is replaced.

use serde_json::Value;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use tempfile::NamedTempFile;

/// Why a result could not be written. Nothing has changed at the final name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// The output folder's name is a file's.
    #[error("{}: cannot be the output folder: it is a file; choose another name", path.display())]
    NotAFolder {
        /// The name.
        path: PathBuf,
    },
    /// The output folder cannot be created.
    #[error("{}: cannot create the output folder: {error}", path.display())]
    Create {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// No file can be created in the output folder.
    #[error("{}: cannot write to the output folder: {error}", path.display())]
    Unwritable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// A file cannot be written.
    #[error("{}: cannot write: {error}", path.display())]
    Write {
        /// The file's final name.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// A row has another number of cells than the header.
    #[error("{}: a row has {found} cells, the header has {expected}", path.display())]
    Cells {
        /// The file's final name.
        path: PathBuf,
        /// Cells in the header.
        expected: usize,
        /// Cells in the row.
        found: usize,
    },
}

/// A folder for results.
#[derive(Clone, Debug)]
pub struct OutputDir {
    path: PathBuf,
}

impl OutputDir {
    /// Uses the folder at `path`; creates it, and those above it, where there is none.
    ///
    /// # Errors
    ///
    /// The name is a file's, or the folder cannot be created or written to: found out here, so
    /// that hours of simulation do not end in it.
    pub fn create(path: impl Into<PathBuf>) -> Result<Self, OutputError> {
        let path = path.into();
        if path.is_file() {
            return Err(OutputError::NotAFolder { path });
        }
        if let Err(error) = fs::create_dir_all(&path) {
            return Err(OutputError::Create { path, error });
        }
        match tempfile::tempfile_in(&path) {
            Ok(_) => Ok(Self { path }),
            Err(error) => Err(OutputError::Unwritable { path, error }),
        }
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Starts the file `name` (no folders in it).
    ///
    /// # Errors
    ///
    /// The folder has become unwritable.
    pub fn file(&self, name: &str) -> Result<OutputFile, OutputError> {
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        builder.prefix(&prefix);
        // As any new file: the umask takes away what it should.
        #[cfg(unix)]
        builder.permissions(<Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o666));
        let path = self.path.join(name);
        match builder.tempfile_in(&self.path) {
            Ok(file) => Ok(OutputFile { file, path }),
            Err(error) => Err(OutputError::Write { path, error }),
        }
    }

    /// Starts the CSV file `name` with a header.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be written to.
    pub fn csv<S: AsRef<str>>(
        &self,
        name: &str,
        headers: impl IntoIterator<Item = S>,
    ) -> Result<CsvFile, OutputError> {
        let file = self.file(name)?;
        let mut csv = CsvFile {
            path: file.path.clone(),
            writer: csv::Writer::from_writer(file),
        };
        csv.row(headers)?;
        Ok(csv)
    }

    /// Writes `text` to the file `name`, as it is; returns its path.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be written to.
    pub fn text(&self, name: &str, text: &str) -> Result<PathBuf, OutputError> {
        let mut file = self.file(name)?;
        let result = file.write_all(text.as_bytes());
        result.map_err(|error| file.write_error(error))?;
        file.commit()
    }

    /// Writes `value` to the JSON file `name`, indented, with a final newline; returns its path.
    ///
    /// # Errors
    ///
    /// The folder or the file cannot be written to.
    pub fn json(&self, name: &str, value: &Value) -> Result<PathBuf, OutputError> {
        let mut file = self.file(name)?;
        let result = writeln!(file, "{value:#}");
        result.map_err(|error| file.write_error(error))?;
        file.commit()
    }
}

/// A file that is not there yet. Dropped without [`commit`](Self::commit), it never was.
#[derive(Debug)]
pub struct OutputFile {
    file: NamedTempFile,
    path: PathBuf,
}

impl OutputFile {
    /// The name that the file will have.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Gives the file its name, which is returned.
    ///
    /// # Errors
    ///
    /// What was written did not reach the disk, or the name cannot be taken.
    pub fn commit(self) -> Result<PathBuf, OutputError> {
        let Self { file, path } = self;
        let synced = file.as_file().sync_all();
        match synced.and_then(|()| Ok(file.persist(&path)?)) {
            Ok(_) => Ok(path),
            Err(error) => Err(OutputError::Write { path, error }),
        }
    }

    fn write_error(&self, error: io::Error) -> OutputError {
        OutputError::Write {
            path: self.path.clone(),
            error,
        }
    }
}

impl Write for OutputFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// A CSV file that is not there yet.
#[derive(Debug)]
pub struct CsvFile {
    writer: csv::Writer<OutputFile>,
    path: PathBuf,
}

impl CsvFile {
    /// Adds a row.
    ///
    /// # Errors
    ///
    /// It has more or fewer cells than the header, or the file cannot be written to.
    pub fn row<S: AsRef<str>>(
        &mut self,
        cells: impl IntoIterator<Item = S>,
    ) -> Result<(), OutputError> {
        let record: csv::StringRecord = cells.into_iter().collect();
        self.writer
            .write_record(&record)
            .map_err(|error| csv_error(&self.path, error))
    }

    /// Gives the file its name, which is returned.
    ///
    /// # Errors
    ///
    /// What was written did not reach the disk, or the name cannot be taken.
    pub fn commit(self) -> Result<PathBuf, OutputError> {
        let Self { writer, path } = self;
        match writer.into_inner() {
            Ok(file) => file.commit(),
            Err(error) => Err(OutputError::Write {
                path,
                error: error.into_error(),
            }),
        }
    }
}

fn csv_error(path: &Path, error: csv::Error) -> OutputError {
    let path = path.to_owned();
    match *error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => OutputError::Cells {
            path,
            expected: expected_len as usize,
            found: len as usize,
        },
        _ => OutputError::Write {
            path,
            error: error.into(),
        },
    }
}

#[cfg(test)]
mod tests;
