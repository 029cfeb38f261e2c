//! An open directory and what its listing says.

use std::ffi::c_char;
use std::mem::{MaybeUninit, offset_of};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};

use super::{Entry, Kind};

/// Bytes of a listing taken at a time: as the C library's `readdir`.
pub(super) const CHUNK_BYTES: usize = 32 << 10;

/// A part of a listing. Entries point into it.
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

/// A directory of which not all is done.
pub(super) struct Directory {
    /// What it is in its own directory.
    pub(super) entry: Entry,
    pub(super) fd: Option<OwnedFd>,
    /// Kept until all is done, because entries point into them.
    pub(super) chunks: Vec<Chunk>,
    /// Entries found and not done, and one more until the listing has ended.
    pub(super) unfinished: usize,
}

impl Directory {
    pub(super) fn new(entry: Entry) -> Self {
        Self {
            entry,
            fd: None,
            chunks: Vec::new(),
            unfinished: 1,
        }
    }

    pub(super) fn opened(&mut self, fd: RawFd) {
        // SAFETY: the call has just made it, and it is nobody else's.
        self.fd = Some(unsafe { OwnedFd::from_raw_fd(fd) });
    }

    pub(super) fn fd(&self) -> RawFd {
        self.fd.as_ref().expect("an open directory").as_raw_fd()
    }

    /// Stands for the listing itself among the unfinished entries.
    pub(super) fn end_of_list(&self, index: usize) -> Entry {
        Entry {
            directory: Some(index),
            ..self.entry
        }
    }

    /// The entries in the first `bytes` of the last chunk.
    pub(super) fn entries(&self, index: usize, bytes: usize) -> Vec<Entry> {
        let Some(chunk) = self.chunks.last() else {
            return Vec::new();
        };
        let mut rest = &chunk.0[..bytes];
        let mut entries = Vec::new();
        while let Some(length) = record_bytes(rest) {
            let (record, after) = rest.split_at(length);
            rest = after;
            let name = &record[offset_of!(libc::dirent64, d_name)..];
            if !name.starts_with(b".\0") && !name.starts_with(b"..\0") {
                let name: *const c_char = name.as_ptr().cast();
                let kind = match record[offset_of!(libc::dirent64, d_type)] {
                    libc::DT_UNKNOWN => self.kind_of(name),
                    libc::DT_DIR => Kind::Directory,
                    libc::DT_REG => Kind::File,
                    _ => Kind::Other,
                };
                entries.push(Entry {
                    directory: Some(index),
                    name,
                    kind,
                });
            }
        }
        entries
    }

    /// For file systems that do not say it in the listing. A plain call: none of the usual ones.
    fn kind_of(&self, name: *const c_char) -> Kind {
        let mut stat = MaybeUninit::<libc::stat>::zeroed();
        // SAFETY: the name ends with a zero; the call fills the structure, or it stays zeroed.
        let mode = unsafe {
            let flags = libc::AT_SYMLINK_NOFOLLOW;
            libc::fstatat(self.fd(), name, stat.as_mut_ptr(), flags);
            stat.assume_init().st_mode
        };
        match mode & libc::S_IFMT {
            libc::S_IFDIR => Kind::Directory,
            libc::S_IFREG => Kind::File,
            _ => Kind::Other,
        }
    }
}

/// Length of the first record, if there is one.
fn record_bytes(records: &[u8]) -> Option<usize> {
    let at = offset_of!(libc::dirent64, d_reclen);
    let length = records.get(at..at + 2)?;
    Some(u16::from_ne_bytes([length[0], length[1]]).into())
}
