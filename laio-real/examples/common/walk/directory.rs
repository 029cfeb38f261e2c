//! Open directories, what their listings say, and who still needs them.
//!
//! An entry holds its listing, a listing its directory, a directory the entry that it is. So what an
//! entry's calls use is there until the entry is done, and whoever does the last one, in whatever
//! loop, knows that it was the last.

use std::ffi::{CStr, CString, OsStr};
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::Arc;
use std::{fmt, io, iter};

/// Bytes of a listing taken at a time: as the C library's `readdir`.
pub(super) const CHUNK_BYTES: usize = 32 << 10;

/// Memory for a listing.
pub(super) struct Chunk(Box<[u8; CHUNK_BYTES]>);

impl Chunk {
    pub(super) fn address(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }
}

impl Default for Chunk {
    fn default() -> Self {
        Self(Box::new([0; CHUNK_BYTES]))
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Other,
}

/// A name in a directory. It is valid until the task is done with it.
pub(crate) struct Entry {
    pub(super) listing: Arc<Listing>,
    /// Where its name begins there.
    offset: u16,
    pub(crate) kind: Kind,
}

impl Entry {
    /// The root of a walk: a listing of one name, in no directory.
    ///
    /// # Errors
    /// A name that no path can have.
    pub(super) fn root(path: &Path) -> io::Result<Self> {
        let path = CString::new(path.as_os_str().as_bytes())?;
        let mut chunk = Chunk::default();
        let name = path.as_bytes_with_nul();
        chunk
            .0
            .get_mut(..name.len())
            .ok_or_else(|| io::Error::from_raw_os_error(libc::ENAMETOOLONG))?
            .copy_from_slice(name);
        Ok(Self {
            listing: Arc::new(Listing {
                directory: None,
                chunk,
            }),
            offset: 0,
            kind: Kind::Directory,
        })
    }

    fn name_bytes(&self) -> &[u8] {
        &self.listing.chunk.0[self.offset.into()..]
    }

    /// The name's address, for a call.
    pub(crate) fn name(&self) -> usize {
        self.name_bytes().as_ptr() as usize
    }

    /// The name, to be shown.
    pub(super) fn shown(&self) -> impl fmt::Display {
        let name = CStr::from_bytes_until_nul(self.name_bytes()).unwrap_or_default();
        OsStr::from_bytes(name.to_bytes()).display()
    }

    /// The directory that holds it.
    pub(super) fn directory(&self) -> RawFd {
        self.listing
            .directory
            .as_ref()
            .map_or(libc::AT_FDCWD, |directory| directory.fd())
    }
}

/// A part of a directory's listing, of whose entries not all are done.
pub(super) struct Listing {
    /// `None` for the root.
    pub(super) directory: Option<Arc<Directory>>,
    pub(super) chunk: Chunk,
}

impl Listing {
    /// The entries in its first `bytes`.
    pub(super) fn entries(self: &Arc<Self>, bytes: usize) -> impl Iterator<Item = Entry> {
        let mut at = 0;
        iter::from_fn(move || {
            let start = at;
            at += record_bytes(&self.chunk.0[start..bytes])?;
            Some(start..at)
        })
        .filter_map(|record| self.entry(record.start))
    }

    /// The entry whose record begins at `start`, unless that is `.` or `..`.
    fn entry(self: &Arc<Self>, start: usize) -> Option<Entry> {
        let record = &self.chunk.0[start..];
        let name = offset_of!(libc::dirent64, d_name);
        if record[name..].starts_with(b".\0") || record[name..].starts_with(b"..\0") {
            return None;
        }
        let mut entry = Entry {
            listing: Arc::clone(self),
            offset: (start + name) as u16,
            kind: Kind::Other,
        };
        entry.kind = match record[offset_of!(libc::dirent64, d_type)] {
            libc::DT_UNKNOWN => kind_of(&entry),
            libc::DT_DIR => Kind::Directory,
            libc::DT_REG => Kind::File,
            _ => Kind::Other,
        };
        Some(entry)
    }
}

/// Length of the first record, if there is one.
fn record_bytes(records: &[u8]) -> Option<usize> {
    let at = offset_of!(libc::dirent64, d_reclen);
    let length = records.get(at..at + 2)?;
    Some(u16::from_ne_bytes([length[0], length[1]]).into())
}

/// For file systems that do not say it in the listing. A plain call: none of the usual ones.
fn kind_of(entry: &Entry) -> Kind {
    let mut stat = MaybeUninit::<libc::stat>::zeroed();
    let name = entry.name_bytes().as_ptr().cast();
    // SAFETY: the name ends with a zero; the call fills the structure, or it stays zeroed.
    let mode = unsafe {
        let flags = libc::AT_SYMLINK_NOFOLLOW;
        libc::fstatat(entry.directory(), name, stat.as_mut_ptr(), flags);
        stat.assume_init().st_mode
    };
    match mode & libc::S_IFMT {
        libc::S_IFDIR => Kind::Directory,
        libc::S_IFREG => Kind::File,
        _ => Kind::Other,
    }
}

/// An open directory of which not all is done.
pub(super) struct Directory {
    /// What it is in its own directory.
    pub(super) entry: Entry,
    fd: OwnedFd,
}

impl Directory {
    /// `entry`, which has been opened as `fd`.
    pub(super) fn opened(entry: Entry, fd: RawFd) -> Self {
        // SAFETY: the call has just made it, and it is nobody else's.
        let fd = unsafe { OwnedFd::from_raw_fd(fd) };
        Self { entry, fd }
    }

    /// Closes it, and returns the entry that it is.
    pub(super) fn close(self) -> Entry {
        self.entry
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_raw_fd()
    }
}
