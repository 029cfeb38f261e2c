//! Trees of small files, and how to make them cold.

use std::fs::{self, File};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::compare::Options;

/// Ours: a directory holds this many files, and up to this many directories.
const FILES_PER_DIRECTORY: usize = 64;
const DIRECTORIES_PER_DIRECTORY: usize = 4;
/// Ours: sizes are spread evenly below this.
const LARGEST_FILE_BYTES: usize = 8192;

/// A tree of its own directory, which is removed with all that is left in it.
pub(crate) struct Temporary {
    path: PathBuf,
    _directory: TempDir,
}

impl Temporary {
    /// A tree of `files` small files somewhere in the directory `at`.
    pub(crate) fn make(at: &Path, files: usize) -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix("laio-example-")
            .tempdir_in(at)?;
        let path = directory.path().join("tree");
        make(&path, files)?;
        Ok(Self {
            path,
            _directory: directory,
        })
    }

    /// The directory given; or else a temporary tree.
    pub(crate) fn unless_given(
        dir: Option<PathBuf>,
        options: &Options,
    ) -> io::Result<(Option<Self>, PathBuf)> {
        if let Some(dir) = dir {
            return Ok((None, dir));
        }
        let tree = Self::make(&options.at, options.files)?;
        let path = tree.path.clone();
        Ok((Some(tree), path))
    }
}

impl AsRef<Path> for Temporary {
    fn as_ref(&self) -> &Path {
        &self.path
    }
}

/// Makes a tree of `files` small files at `root`. The same tree for the same number.
fn make(root: &Path, files: usize) -> io::Result<()> {
    let content: Vec<u8> = (0..2 * LARGEST_FILE_BYTES)
        .map(|i| (i % 251) as u8)
        .collect();
    for directory in 0..files.div_ceil(FILES_PER_DIRECTORY).max(1) {
        let path = directory_path(root, directory);
        fs::create_dir(&path)?;
        let first = directory * FILES_PER_DIRECTORY;
        for file in first..files.min(first + FILES_PER_DIRECTORY) {
            // A prime stride visits every size.
            let bytes = file * 7919 % LARGEST_FILE_BYTES;
            let start = file % LARGEST_FILE_BYTES;
            fs::write(
                path.join(format!("file-{file}")),
                &content[start..start + bytes],
            )?;
        }
    }
    sync(root)
}

/// Directories are numbered in the order in which they fill a tree level by level.
fn directory_path(root: &Path, directory: usize) -> PathBuf {
    if directory == 0 {
        return root.to_owned();
    }
    let parent = (directory - 1) / DIRECTORIES_PER_DIRECTORY;
    directory_path(root, parent).join(format!("directory-{directory}"))
}

/// Writes the file system of `path` to its disk, so that no write-back runs beside a measurement.
fn sync(path: &Path) -> io::Result<()> {
    let directory = File::open(path)?;
    // SAFETY: takes no memory.
    if unsafe { libc::syncfs(directory.as_raw_fd()) } < 0 {
        return Err(io::Error::last_os_error());
    }
    Ok(())
}

/// How cold a tree could be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cold {
    /// Names, attributes and contents have left the caches.
    Everything,
    /// Contents only: the system's caches may be dropped by root only.
    Contents,
}

/// Takes the tree at `root` out of the caches as far as that is permitted.
pub(crate) fn chill(root: &Path) -> io::Result<Cold> {
    sync(root)?;
    // 3: page cache, dentries and inodes; Documentation/admin-guide/sysctl/vm.rst.
    if fs::write("/proc/sys/vm/drop_caches", "3").is_ok() {
        return Ok(Cold::Everything);
    }
    drop_contents(root)?;
    Ok(Cold::Contents)
}

fn drop_contents(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            drop_contents(&entry.path())?;
        } else if kind.is_file() {
            let file = File::open(entry.path())?;
            // SAFETY: takes no memory.
            unsafe { libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED) };
        }
    }
    Ok(())
}
