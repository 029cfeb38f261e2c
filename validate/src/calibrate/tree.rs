//! A tree of warm files like the servers'.

use std::ffi::{CString, OsStr};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::emulate::image::path_of;

/// Files of the tree. Ours: enough that names and pages do not stay in the CPU's caches.
pub(super) const FILES: u32 = 2048;
/// Files open at once.
const OPEN: u64 = 256;
/// Pages of each file.
pub(super) const PAGES: usize = 16;
pub(super) const PAGE: usize = 4096;

/// The tree; removed when dropped.
pub(super) struct Tree {
    _folder: tempfile::TempDir,
    paths: Vec<CString>,
}

impl Tree {
    pub(super) fn create() -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mut paths = Vec::new();
        for object in 0..FILES {
            let path = folder.path().join(path_of(object));
            fs::create_dir_all(path.parent().unwrap_or(folder.path()))?;
            File::create(&path)?.write_all(&vec![1; PAGES * PAGE])?;
            paths.push(CString::new(path.as_os_str().as_bytes()).map_err(io::Error::other)?);
        }
        Ok(Self {
            _folder: folder,
            paths,
        })
    }

    /// The paths in an order that spreads over the tree.
    pub(super) fn path(&self, index: u64) -> &CString {
        // 787 is prime to 2048: every path comes round before one repeats.
        &self.paths[(index * 787 % u64::from(FILES)) as usize]
    }

    /// The first 256 of them, open.
    pub(super) fn open_files(&self) -> io::Result<Vec<File>> {
        let open = |index| File::open(Path::new(OsStr::from_bytes(self.path(index).as_bytes())));
        (0..OPEN).map(open).collect()
    }
}
