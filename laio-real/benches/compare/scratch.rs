//! Files on a real disk: those of the build, which `/tmp` need not be.

use std::io;

use tempfile::TempDir;

/// A directory that is removed at the end.
pub(crate) fn directory() -> io::Result<TempDir> {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
}
