//! Directory entries in a buffer.

use std::ffi::{CStr, OsStr};
use std::os::unix::ffi::OsStrExt;

/// Bytes of a record before its name: inode number, offset, record length, type
/// (`struct linux_dirent64`).
const NAME: usize = 19;

/// The entries that [`getdents`](super::Operations::getdents) has read, in the directory's order,
/// with `.` and `..`.
#[derive(Clone, Debug)]
pub struct DirEntries<'a> {
    records: &'a [u8],
}

impl<'a> DirEntries<'a> {
    /// The entries in what `getdents` has read. Ends where the bytes make no sense.
    pub fn new(buffer: &'a [u8]) -> Self {
        Self { records: buffer }
    }
}

/// A directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirEntry<'a> {
    /// The number of its inode.
    pub inode: u64,
    /// What it is, `DT_REG`, `DT_DIR`, ..., or `DT_UNKNOWN` where the file system does not say.
    pub kind: u8,
    /// Its name, without the directory's.
    pub name: &'a OsStr,
}

impl<'a> Iterator for DirEntries<'a> {
    type Item = DirEntry<'a>;

    fn next(&mut self) -> Option<DirEntry<'a>> {
        let (inode, rest) = self.records.split_first_chunk()?;
        let (_offset, rest) = rest.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_first_chunk()?;
        let (&kind, _) = rest.split_first()?;
        let (record, rest) = self
            .records
            .split_at_checked(u16::from_ne_bytes(*bytes).into())?;
        let name = CStr::from_bytes_until_nul(record.get(NAME..)?).ok()?;
        self.records = rest;
        Some(DirEntry {
            inode: u64::from_ne_bytes(*inode),
            kind,
            name: OsStr::from_bytes(name.to_bytes()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(inode: u64, kind: u8, name: &[u8], bytes: u16) -> Vec<u8> {
        let mut record = inode.to_ne_bytes().to_vec();
        record.extend(77u64.to_ne_bytes());
        record.extend(bytes.to_ne_bytes());
        record.push(kind);
        record.extend(name);
        record.resize(bytes.into(), 0xff);
        record
    }

    #[test]
    fn records_of_different_lengths_follow_each_other() {
        let mut buffer = record(5, libc::DT_REG, b"a\0", 24);
        buffer.extend(record(6, libc::DT_DIR, b"a longer name\0", 40));
        let entries: Vec<_> = DirEntries::new(&buffer)
            .map(|entry| (entry.inode, entry.kind, entry.name.as_bytes()))
            .collect();
        let expected: [(u64, u8, &[u8]); 2] =
            [(5, libc::DT_REG, b"a"), (6, libc::DT_DIR, b"a longer name")];
        assert_eq!(entries, expected);
    }

    #[test]
    fn bytes_that_are_no_records_end_the_entries() {
        let whole = record(5, libc::DT_REG, b"name\0", 24);
        for cut in 0..whole.len() {
            assert_eq!(DirEntries::new(&whole[..cut]).next(), None, "{cut} bytes");
        }
        let unterminated = record(5, libc::DT_REG, b"name", 24);
        assert_eq!(DirEntries::new(&unterminated).next(), None);
        let too_short = record(5, libc::DT_REG, b"name\0", 24);
        let mut wrong = too_short.clone();
        wrong[16..18].copy_from_slice(&3u16.to_ne_bytes());
        assert_eq!(DirEntries::new(&wrong).next(), None);
    }
}
