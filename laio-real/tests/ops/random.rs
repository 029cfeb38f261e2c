//! Random sequences of operations in one folder against the standard library's in another: the
//! same results, the same buffers, and the same files in the end; on every engine. Beside them reads
//! of pipes wait in the background all the time: some are cancelled, and the others get their own
//! bytes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, IoSlice, IoSliceMut, PipeWriter, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use laio::ops::{CWD, Dir, DirEntries, Operations, Output, Started, Transfer, VectoredTransfer};
use laio::{EngineKind, Handle, Laio};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

use crate::common::{self, turn};
use crate::{background, collect};

const NAMES: [&str; 6] = ["a", "b", "d", "d/a", "d/b", "missing/a"];
const SLOTS: usize = 3;
const WAITING_READS: u8 = 3;
/// Ours: as many as take a second or two.
const CASES: u32 = 64;

const OPEN_FLAGS: [i32; 6] = [
    libc::O_RDONLY,
    libc::O_RDWR,
    libc::O_RDWR | libc::O_CREAT,
    libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
    libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
    libc::O_WRONLY | libc::O_CREAT | libc::O_APPEND,
];

#[derive(Clone, Debug)]
enum Step {
    Open {
        slot: usize,
        name: &'static str,
        flags: i32,
    },
    Close {
        slot: usize,
    },
    Read {
        slot: usize,
        bytes: usize,
    },
    Pread {
        slot: usize,
        bytes: usize,
        offset: u64,
    },
    Write {
        slot: usize,
        bytes: Vec<u8>,
    },
    Pwrite {
        slot: usize,
        bytes: Vec<u8>,
        offset: u64,
    },
    /// With an offset, or from the file's own.
    Readv {
        slot: usize,
        bytes: [usize; 2],
        offset: Option<u64>,
    },
    Writev {
        slot: usize,
        parts: Vec<Vec<u8>>,
        offset: Option<u64>,
    },
    Sendfile {
        to: usize,
        from: usize,
        offset: Option<u64>,
        bytes: usize,
    },
    /// Has no counterpart: one of the reads that wait.
    Cancel {
        read: usize,
    },
    Sync {
        slot: usize,
        data_only: bool,
    },
    Rename {
        from: &'static str,
        to: &'static str,
    },
    Unlink {
        name: &'static str,
        folder: bool,
    },
    Mkdir {
        name: &'static str,
    },
    Stat {
        name: &'static str,
    },
    List,
}

fn step() -> impl Strategy<Value = Step> {
    let name = || prop::sample::select(&NAMES[..]);
    let slot = || 0..SLOTS;
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let offset = || 0..500u64;
    prop_oneof![
        3 => (slot(), name(), prop::sample::select(&OPEN_FLAGS[..]))
            .prop_map(|(slot, name, flags)| Step::Open { slot, name, flags }),
        1 => slot().prop_map(|slot| Step::Close { slot }),
        2 => (slot(), 0..400usize).prop_map(|(slot, bytes)| Step::Read { slot, bytes }),
        2 => (slot(), 0..400usize, offset())
            .prop_map(|(slot, bytes, offset)| Step::Pread { slot, bytes, offset }),
        2 => (slot(), bytes()).prop_map(|(slot, bytes)| Step::Write { slot, bytes }),
        2 => (slot(), bytes(), offset())
            .prop_map(|(slot, bytes, offset)| Step::Pwrite { slot, bytes, offset }),
        1 => (slot(), [0..300usize, 0..300], prop::option::of(offset()))
            .prop_map(|(slot, bytes, offset)| Step::Readv { slot, bytes, offset }),
        1 => (slot(), prop::collection::vec(bytes(), 0..4), prop::option::of(offset()))
            .prop_map(|(slot, parts, offset)| Step::Writev { slot, parts, offset }),
        1 => (0..usize::from(WAITING_READS)).prop_map(|read| Step::Cancel { read }),
        1 => (slot(), slot(), prop::option::of(offset()), 0..400usize)
            .prop_map(|(to, from, offset, bytes)| Step::Sendfile { to, from, offset, bytes }),
        1 => (slot(), any::<bool>()).prop_map(|(slot, data_only)| Step::Sync { slot, data_only }),
        1 => (name(), name()).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (name(), any::<bool>()).prop_map(|(name, folder)| Step::Unlink { name, folder }),
        2 => name().prop_map(|name| Step::Mkdir { name }),
        1 => name().prop_map(|name| Step::Stat { name }),
        1 => Just(Step::List),
    ]
}

/// What every sequence starts with, so that most operations find something.
fn start() -> [Step; 4] {
    let open = |slot, name, flags| Step::Open { slot, name, flags };
    let create = libc::O_RDWR | libc::O_CREAT;
    [
        Step::Mkdir { name: "d" },
        open(0, "a", create),
        open(1, "d/a", create),
        open(2, "b", create | libc::O_APPEND),
    ]
}

/// What a step has shown, or its error number.
type Seen = Result<Sight, i32>;

#[derive(Debug, PartialEq)]
enum Sight {
    Nothing,
    Count(usize),
    Bytes(Vec<u8>),
    Stat { bytes: u64, mode: u32, links: u64 },
    Names(Vec<String>),
}

fn seen<T>(result: io::Result<T>, sight: impl FnOnce(T) -> Sight) -> Seen {
    result
        .map(sight)
        .map_err(|error| error.raw_os_error().unwrap())
}

/// A read that waits, and the pipe's other end.
fn waiting_read(ops: &mut Operations) -> (Handle, PipeWriter) {
    let (reader, writer) = io::pipe().unwrap();
    let started = ops.read(&Arc::new(reader), Vec::new(), 10);
    (background(started), writer)
}

/// The operations under test, beside reads that wait.
struct Owned {
    ops: Operations,
    root: Arc<File>,
    path: PathBuf,
    files: [Option<Arc<OwnedFd>>; SLOTS],
    waiting: Vec<(Handle, PipeWriter)>,
}

impl Owned {
    fn new(path: &Path, mut ops: Operations) -> Self {
        let waiting = (0..WAITING_READS).map(|_| waiting_read(&mut ops)).collect();
        Self {
            ops,
            root: Arc::new(File::open(path).unwrap()),
            path: path.to_owned(),
            files: Default::default(),
            waiting,
        }
    }

    /// The output of the only operation that can end.
    fn end<T: TryFrom<Output, Error = Output>>(&mut self, started: Started<T>) -> T {
        match started {
            Started::Done(output) => output,
            Started::Background(handle) => {
                let ended = collect(&mut self.ops, 1).remove(0);
                assert_eq!(ended.handle, handle);
                ended.output.try_into().unwrap()
            }
        }
    }

    fn take(&mut self, step: &Step) -> Seen {
        let root = Arc::clone(&self.root);
        let file = |slot: usize| self.files[slot].clone().ok_or(libc::EBADF);
        match step.clone() {
            Step::Open { slot, name, flags } => {
                let started = self.ops.openat(&root, name, flags, 0o666);
                let result = self.end(started);
                seen(result, |fd| {
                    self.files[slot] = Some(Arc::new(fd));
                    Sight::Nothing
                })
            }
            Step::Close { slot } => {
                let file = self.files[slot].take().ok_or(libc::EBADF)?;
                let started = self.ops.close(Arc::into_inner(file).unwrap());
                seen(self.end(started), |()| Sight::Nothing)
            }
            Step::Read { slot, bytes } => {
                let started = self.ops.read(&file(slot)?, Vec::new(), bytes);
                Self::bytes_read(self.end(started))
            }
            Step::Pread {
                slot,
                bytes,
                offset,
            } => {
                let buffer = b"what was there before".to_vec();
                let started = self.ops.pread(&file(slot)?, buffer, bytes, offset);
                Self::bytes_read(self.end(started))
            }
            Step::Write { slot, bytes } => {
                let started = self.ops.write(&file(slot)?, bytes.clone());
                Self::bytes_written(self.end(started), &bytes)
            }
            Step::Pwrite {
                slot,
                bytes,
                offset,
            } => {
                let started = self.ops.pwrite(&file(slot)?, bytes.clone(), offset);
                Self::bytes_written(self.end(started), &bytes)
            }
            Step::Readv {
                slot,
                bytes,
                offset,
            } => {
                let (file, buffers) = (file(slot)?, bytes.map(Vec::with_capacity).into());
                let started = match offset {
                    Some(offset) => self.ops.preadv(&file, buffers, offset),
                    None => self.ops.readv(&file, buffers),
                };
                let VectoredTransfer { result, buffers } = self.end(started);
                Self::bytes_read(Transfer {
                    result,
                    buffer: buffers.concat(),
                })
            }
            Step::Writev {
                slot,
                parts,
                offset,
            } => {
                let (file, buffers) = (file(slot)?, parts.clone());
                let started = match offset {
                    Some(offset) => self.ops.pwritev(&file, buffers, offset),
                    None => self.ops.writev(&file, buffers),
                };
                let VectoredTransfer { result, buffers } = self.end(started);
                assert_eq!(buffers, parts);
                seen(result, Sight::Count)
            }
            Step::Cancel { read } => {
                self.cancel(read);
                Ok(Sight::Nothing)
            }
            Step::Sendfile {
                to,
                from,
                offset,
                bytes,
            } => {
                let (to, from) = (file(to)?, file(from)?);
                let started = self.ops.sendfile(&to, &from, offset, bytes);
                seen(self.end(started), Sight::Count)
            }
            Step::Sync { slot, data_only } => {
                let file = file(slot)?;
                let started = if data_only {
                    self.ops.fdatasync(&file)
                } else {
                    self.ops.fsync(&file)
                };
                seen(self.end(started), |()| Sight::Nothing)
            }
            Step::Rename { from, to } => {
                // One name relative to a directory, one absolute.
                let to = self.path.join(to);
                let started = self.ops.renameat(&root, from, CWD, to);
                seen(self.end(started), |()| Sight::Nothing)
            }
            Step::Unlink { name, folder } => {
                let flags = if folder { libc::AT_REMOVEDIR } else { 0 };
                let started = self.ops.unlinkat(&root, name, flags);
                seen(self.end(started), |()| Sight::Nothing)
            }
            Step::Mkdir { name } => {
                let started = self.ops.mkdirat(CWD, self.path.join(name), 0o777);
                seen(self.end(started), |()| Sight::Nothing)
            }
            Step::Stat { name } => {
                let directory = Dir::from(&root);
                let started = self.ops.statx(directory, name, 0, libc::STATX_BASIC_STATS);
                seen(self.end(started), |stat| Sight::Stat {
                    bytes: stat.stx_size,
                    mode: stat.stx_mode.into(),
                    links: stat.stx_nlink.into(),
                })
            }
            Step::List => {
                let started = self.ops.openat(&root, ".", libc::O_RDONLY, 0);
                let directory = Arc::new(self.end(started).unwrap());
                let (mut names, mut buffer) = (Vec::new(), Vec::new());
                loop {
                    // A few entries at a time.
                    let started = self.ops.getdents(&directory, buffer, 64);
                    let read = self.end(started);
                    if read.result.unwrap() == 0 {
                        break;
                    }
                    let entries = DirEntries::new(&read.buffer);
                    names.extend(entries.map(|entry| entry.name.to_str().unwrap().to_owned()));
                    buffer = read.buffer;
                }
                names.retain(|name| name != "." && name != "..");
                names.sort_unstable();
                Ok(Sight::Names(names))
            }
        }
    }

    /// Cancels a read that waits, which ends with nothing; another takes its place.
    fn cancel(&mut self, read: usize) {
        let (handle, _writer) = &self.waiting[read];
        self.ops.cancel(*handle).unwrap();
        let ended = collect(&mut self.ops, 1).remove(0);
        assert_eq!(ended.handle, *handle);
        let transfer: Transfer = ended.output.try_into().unwrap();
        let error = transfer.result.unwrap_err().raw_os_error().unwrap();
        assert!([libc::EINTR, libc::ECANCELED].contains(&error), "{error}");
        assert!(transfer.buffer.is_empty());
        self.waiting[read] = waiting_read(&mut self.ops);
    }

    fn bytes_read(Transfer { result, buffer }: Transfer) -> Seen {
        if let Ok(count) = result {
            assert_eq!(count, buffer.len());
        } else {
            assert!(buffer.is_empty());
        }
        seen(result, |_| Sight::Bytes(buffer))
    }

    fn bytes_written(Transfer { result, buffer }: Transfer, bytes: &[u8]) -> Seen {
        assert_eq!(buffer, bytes);
        seen(result, Sight::Count)
    }

    /// Ends the reads that waited.
    fn finish(mut self) {
        assert_eq!(self.ops.in_flight(), usize::from(WAITING_READS));
        for (read, (_, writer)) in (0..).zip(&mut self.waiting) {
            writer.write_all(&[read; 5]).unwrap();
        }
        for ended in collect(&mut self.ops, self.waiting.len()) {
            let mut handles = self.waiting.iter().map(|(handle, _)| *handle);
            let read = handles.position(|handle| handle == ended.handle).unwrap();
            let transfer: Transfer = ended.output.try_into().unwrap();
            assert_eq!(transfer.buffer, [read as u8; 5]);
        }
    }
}

/// The same by the standard library, and where it has no such call, the C library.
struct Standard {
    path: PathBuf,
    files: [Option<File>; SLOTS],
}

impl Standard {
    fn take(&mut self, step: &Step) -> Seen {
        let at = |name: &str| self.path.join(name);
        let file = |slot: usize| self.files[slot].as_ref().ok_or(libc::EBADF);
        let done = |result: io::Result<()>| seen(result, |()| Sight::Nothing);
        match step.clone() {
            Step::Open { slot, name, flags } => {
                let access = flags & libc::O_ACCMODE;
                let opened = File::options()
                    .read(access != libc::O_WRONLY)
                    .write(access != libc::O_RDONLY)
                    .custom_flags(flags & !libc::O_ACCMODE)
                    .open(at(name));
                seen(opened, |file| {
                    self.files[slot] = Some(file);
                    Sight::Nothing
                })
            }
            Step::Close { slot } => {
                self.files[slot].take().ok_or(libc::EBADF)?;
                Ok(Sight::Nothing)
            }
            Step::Read { slot, bytes } => {
                let mut buffer = vec![0; bytes];
                let result = file(slot)?.read(&mut buffer);
                seen(result, |count| Sight::Bytes(buffer[..count].to_vec()))
            }
            Step::Pread {
                slot,
                bytes,
                offset,
            } => {
                let mut buffer = vec![0; bytes];
                let result = file(slot)?.read_at(&mut buffer, offset);
                seen(result, |count| Sight::Bytes(buffer[..count].to_vec()))
            }
            Step::Write { slot, bytes } => seen(file(slot)?.write(&bytes), Sight::Count),
            Step::Pwrite {
                slot,
                bytes,
                offset,
            } => seen(file(slot)?.write_at(&bytes, offset), Sight::Count),
            Step::Sendfile {
                to,
                from,
                offset,
                bytes,
            } => {
                let (to, from) = (file(to)?.as_raw_fd(), file(from)?.as_raw_fd());
                let mut offset = offset.map(|offset| offset as i64);
                let offset = offset
                    .as_mut()
                    .map_or(std::ptr::null_mut(), std::ptr::from_mut);
                // SAFETY: the offset is valid or null.
                match unsafe { libc::sendfile(to, from, offset, bytes) } {
                    -1 => Err(io::Error::last_os_error().raw_os_error().unwrap()),
                    count => Ok(Sight::Count(count as usize)),
                }
            }
            Step::Readv {
                slot,
                bytes,
                offset,
            } => {
                let (file, mut buffer) = (file(slot)?, vec![0; bytes.iter().sum()]);
                let (first, second) = buffer.split_at_mut(bytes[0]);
                let result = match offset {
                    // One part: the same bytes.
                    Some(offset) => file.read_at(&mut buffer, offset),
                    None => (&*file)
                        .read_vectored(&mut [IoSliceMut::new(first), IoSliceMut::new(second)]),
                };
                seen(result, |count| Sight::Bytes(buffer[..count].to_vec()))
            }
            Step::Writev {
                slot,
                parts,
                offset,
            } => {
                let mut file = file(slot)?;
                let slices: Vec<_> = parts.iter().map(|part| IoSlice::new(part)).collect();
                let result = match offset {
                    Some(offset) => file.write_at(&parts.concat(), offset),
                    None => file.write_vectored(&slices),
                };
                seen(result, Sight::Count)
            }
            Step::Cancel { .. } => Ok(Sight::Nothing),
            Step::Sync {
                slot,
                data_only: true,
            } => done(file(slot)?.sync_data()),
            Step::Sync { slot, .. } => done(file(slot)?.sync_all()),
            Step::Rename { from, to } => done(fs::rename(at(from), at(to))),
            Step::Unlink { name, folder: true } => done(fs::remove_dir(at(name))),
            Step::Unlink { name, .. } => done(fs::remove_file(at(name))),
            Step::Mkdir { name } => done(fs::create_dir(at(name))),
            Step::Stat { name } => seen(fs::metadata(at(name)), |stat| Sight::Stat {
                bytes: stat.len(),
                mode: stat.mode(),
                links: stat.nlink(),
            }),
            Step::List => {
                let entries = fs::read_dir(&self.path).unwrap();
                let mut names: Vec<_> = entries
                    .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                    .collect();
                names.sort_unstable();
                Ok(Sight::Names(names))
            }
        }
    }
}

/// All files and folders under a folder, with their contents.
fn tree(path: &Path) -> BTreeMap<PathBuf, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![path.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let at = entry.unwrap().path();
            let content = at.is_file().then(|| fs::read(&at).unwrap());
            if content.is_none() {
                folders.push(at.clone());
            }
            found.insert(at.strip_prefix(path).unwrap().to_owned(), content);
        }
    }
    found
}

#[test]
fn random_operations_do_what_the_standard_library_does() {
    let _turn = turn();
    for kind in EngineKind::ALL {
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let sequences = prop::collection::vec(step(), 1..60);
        let outcome = TestRunner::new(config).run(&sequences, |steps| {
            match common::start(Laio::builder(), kind) {
                Some(laio) => compare(Operations::new(laio), &steps),
                None => Ok(()),
            }
        });
        outcome.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

fn compare(ops: Operations, steps: &[Step]) -> Result<(), TestCaseError> {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut owned = Owned::new(ours.path(), ops);
    let mut standard = Standard {
        path: theirs.path().to_owned(),
        files: Default::default(),
    };
    for step in start().iter().chain(steps) {
        prop_assert_eq!(owned.take(step), standard.take(step), "{:?}", step);
    }
    owned.finish();
    prop_assert_eq!(tree(ours.path()), tree(theirs.path()));
    Ok(())
}
