//! Random sequences of system calls through an engine in one folder, against the same as plain
//! calls in another: the same results and error numbers, the same bytes, and the same tree in the
//! end. Every engine that this machine allows takes part.

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs;
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{collect, turn};
use laio::ops::DirEntries;
use laio::{EngineKind, Laio, Submission};
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestCaseError, TestRunner};

/// Ours: as many as take a few seconds.
const CASES: u32 = 96;
const MOST_STEPS: usize = 80;
const SLOTS: usize = 5;
const NAMES: [&str; 8] = ["a", "b", "c", "d", "d/a", "d/b", "d/d", "missing/a"];
/// Longer than the name of any folder here.
const LINK_BYTES: usize = 64;

const OPEN_FLAGS: [i32; 8] = [
    libc::O_RDONLY,
    libc::O_RDWR,
    libc::O_RDWR | libc::O_CREAT,
    libc::O_RDWR | libc::O_CREAT | libc::O_EXCL,
    libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC,
    libc::O_RDWR | libc::O_CREAT | libc::O_APPEND,
    libc::O_RDONLY | libc::O_DIRECTORY,
    libc::O_RDONLY | libc::O_NOFOLLOW,
];

type Name = &'static str;

/// A call. Descriptors are named by slot; an empty one holds -1.
#[derive(Clone, Debug)]
enum Step {
    Open(usize, Name, i32),
    Close(usize),
    Dup(usize, usize),
    Dup3(usize, usize),
    /// Never blocks.
    Pipe(usize, usize),
    Read(usize, usize),
    Write(usize, Vec<u8>),
    Pread(usize, usize, i64),
    Pwrite(usize, Vec<u8>, i64),
    Readv(usize, usize, usize),
    Seek(usize, i64, i32),
    Truncate(usize, i64),
    Allocate(usize, i64, i64),
    CopyRange(usize, usize, usize),
    Sync(usize),
    Fcntl(usize, i32, i32),
    Fstat(usize),
    Rename(Name, Name, u32),
    Link(Name, Name),
    Symlink(Name, Name),
    Readlink(Name),
    Unlink(Name, i32),
    Mkdir(Name, u32),
    Chmod(Name, u32),
    Stat(Name, i32),
    List(Name),
    /// A read of an empty pipe, which is written to afterwards.
    WaitingRead(Vec<u8>, usize),
}

fn step() -> impl Strategy<Value = Step> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..300);
    let (name, slot) = (|| select(&NAMES[..]), || 0..SLOTS);
    let stat_flags = select(vec![0, libc::AT_SYMLINK_NOFOLLOW]);
    let rename_flags = select(vec![0, libc::RENAME_NOREPLACE, libc::RENAME_EXCHANGE]);
    // Pipes stay non-blocking.
    let status_flags = select(vec![libc::O_NONBLOCK, libc::O_NONBLOCK | libc::O_APPEND]);
    let on_descriptors = prop_oneof![
        6 => (slot(), name(), select(&OPEN_FLAGS[..])).prop_map(|(s, n, f)| Step::Open(s, n, f)),
        1 => slot().prop_map(Step::Close),
        1 => (slot(), slot()).prop_map(|(s, t)| Step::Dup(s, t)),
        1 => (slot(), slot()).prop_map(|(s, t)| Step::Dup3(s, t)),
        1 => (slot(), slot()).prop_map(|(s, t)| Step::Pipe(s, t)),
        3 => (slot(), 0..400usize).prop_map(|(s, b)| Step::Read(s, b)),
        4 => (slot(), bytes()).prop_map(|(s, b)| Step::Write(s, b)),
        2 => (slot(), 0..400usize, -1..500i64).prop_map(|(s, b, o)| Step::Pread(s, b, o)),
        2 => (slot(), bytes(), -1..500i64).prop_map(|(s, b, o)| Step::Pwrite(s, b, o)),
        1 => (slot(), 0..90usize, 0..90usize).prop_map(|(s, a, b)| Step::Readv(s, a, b)),
        3 => (slot(), -50..600i64, 0..4i32).prop_map(|(s, o, w)| Step::Seek(s, o, w)),
        1 => (slot(), -1..1000i64).prop_map(|(s, b)| Step::Truncate(s, b)),
        1 => (slot(), 0..1000i64, 0..1000i64).prop_map(|(s, o, b)| Step::Allocate(s, o, b)),
        1 => (slot(), slot(), 0..500usize).prop_map(|(s, t, b)| Step::CopyRange(s, t, b)),
        1 => slot().prop_map(Step::Sync),
        1 => slot().prop_map(|s| Step::Fcntl(s, libc::F_GETFL, 0)),
        1 => (slot(), status_flags).prop_map(|(s, f)| Step::Fcntl(s, libc::F_SETFL, f)),
        1 => slot().prop_map(|s| Step::Fcntl(s, libc::F_GETFD, 0)),
        2 => slot().prop_map(Step::Fstat),
        1 => (bytes(), 1..400usize).prop_map(|(b, n)| Step::WaitingRead(b, n)),
    ];
    let on_names = prop_oneof![
        2 => (name(), name(), rename_flags).prop_map(|(a, b, f)| Step::Rename(a, b, f)),
        1 => (name(), name()).prop_map(|(a, b)| Step::Link(a, b)),
        1 => (name(), name()).prop_map(|(a, b)| Step::Symlink(a, b)),
        1 => name().prop_map(Step::Readlink),
        2 => (name(), select(vec![0, libc::AT_REMOVEDIR])).prop_map(|(n, f)| Step::Unlink(n, f)),
        3 => (name(), 0..0o100u32).prop_map(|(n, m)| Step::Mkdir(n, m)),
        1 => (name(), 0..0o100u32).prop_map(|(n, m)| Step::Chmod(n, m)),
        2 => (name(), stat_flags).prop_map(|(n, f)| Step::Stat(n, f)),
        1 => name().prop_map(Step::List),
    ];
    prop_oneof![3 => on_descriptors, 2 => on_names]
}

/// What every sequence starts with, so that most calls find something.
fn start() -> [Step; 5] {
    let create = libc::O_RDWR | libc::O_CREAT;
    [
        Step::Mkdir("d", 0o55),
        Step::Open(0, "a", create),
        Step::Open(1, "d/a", create),
        Step::Open(2, "b", create | libc::O_APPEND),
        Step::Pipe(3, 4),
    ]
}

/// The value of a call, or its error number.
type Value = Result<i64, i32>;

/// A way to make calls.
trait Caller {
    /// # Safety
    /// As for the call.
    unsafe fn call(&mut self, number: i64, args: [usize; 6]) -> Value;

    /// Reads from a blocking pipe that is written to in time.
    ///
    /// # Safety
    /// As for the call.
    unsafe fn read_written(&mut self, args: [usize; 6], write: impl FnOnce()) -> Value;
}

struct Plain;

impl Caller for Plain {
    unsafe fn call(&mut self, number: i64, [a, b, c, d, e, f]: [usize; 6]) -> Value {
        // SAFETY: the caller's promise.
        match unsafe { libc::syscall(number, a, b, c, d, e, f) } {
            -1 => Err(io::Error::last_os_error().raw_os_error().unwrap()),
            value => Ok(value),
        }
    }

    unsafe fn read_written(&mut self, args: [usize; 6], write: impl FnOnce()) -> Value {
        write();
        // SAFETY: the caller's promise.
        unsafe { self.call(libc::SYS_read, args) }
    }
}

struct Lazy<'a>(&'a mut Laio);

impl Lazy<'_> {
    fn end(&mut self, submission: Submission) -> Value {
        let result = match submission {
            Submission::Done(result) => result,
            Submission::Background(handle) => {
                let completion = collect(self.0, 1).remove(0);
                assert_eq!(completion.handle, handle);
                completion.result
            }
        };
        result.map_err(|error| error.raw_os_error().unwrap())
    }
}

impl Caller for Lazy<'_> {
    unsafe fn call(&mut self, number: i64, args: [usize; 6]) -> Value {
        // SAFETY: the caller's promise; the call has ended on return.
        let submission = unsafe { self.0.syscall(number, args) };
        self.end(submission)
    }

    unsafe fn read_written(&mut self, args: [usize; 6], write: impl FnOnce()) -> Value {
        // SAFETY: as above.
        let submission = unsafe { self.0.syscall(libc::SYS_read, args) };
        assert!(matches!(submission, Submission::Background(_)));
        write();
        self.end(submission)
    }
}

/// A folder, and the descriptors opened in it.
struct World<C> {
    caller: C,
    root: PathBuf,
    slots: [i32; SLOTS],
}

/// What a step has shown: a value, where that is no descriptor, and bytes.
#[derive(Debug, PartialEq)]
struct Seen(Value, Vec<u8>);

impl<C: Caller> World<C> {
    fn new(caller: C, root: &Path) -> Self {
        Self {
            caller,
            root: root.to_owned(),
            slots: [-1; SLOTS],
        }
    }

    /// Makes a call with valid arguments, whose memory the step keeps.
    fn call(&mut self, number: i64, args: &[usize]) -> Value {
        let mut six = [0; 6];
        six[..args.len()].copy_from_slice(args);
        // SAFETY: the steps pass memory that is valid until the call has ended, on return.
        unsafe { self.caller.call(number, six) }
    }

    /// Puts a new descriptor into a slot.
    fn put(&mut self, slot: usize, value: Value) -> Seen {
        if let Ok(number) = value {
            let old = std::mem::replace(&mut self.slots[slot], number as i32);
            if old >= 0 {
                self.call(libc::SYS_close, &[old as usize]).unwrap();
            }
        }
        Seen(value.map(|_| 0), Vec::new())
    }

    fn name(&self, name: &str) -> CString {
        CString::new(self.root.join(name).as_os_str().as_bytes()).unwrap()
    }

    fn take(&mut self, step: &Step) -> Seen {
        match step {
            Step::Open(..)
            | Step::Close(_)
            | Step::Dup(..)
            | Step::Dup3(..)
            | Step::Pipe(..)
            | Step::Fcntl(..) => self.take_descriptors(step),
            Step::Rename(..)
            | Step::Link(..)
            | Step::Symlink(..)
            | Step::Readlink(_)
            | Step::Unlink(..)
            | Step::Mkdir(..)
            | Step::Chmod(..)
            | Step::Stat(..)
            | Step::List(_) => self.take_names(step),
            _ => self.take_contents(step),
        }
    }

    fn take_descriptors(&mut self, step: &Step) -> Seen {
        match *step {
            Step::Open(slot, name, flags) => {
                let name = self.name(name);
                let args = [0, name.as_ptr() as usize, flags as usize, 0o644];
                let value = self.call(libc::SYS_openat, &args);
                self.put(slot, value)
            }
            Step::Close(slot) => {
                let number = std::mem::replace(&mut self.slots[slot], -1);
                Seen(self.call(libc::SYS_close, &[number as usize]), Vec::new())
            }
            Step::Dup(from, to) => {
                let value = self.call(libc::SYS_dup, &[self.slots[from] as usize]);
                self.put(to, value)
            }
            Step::Dup3(from, to) => {
                let flags = libc::O_CLOEXEC as usize;
                let args = [self.slots[from] as usize, self.slots[to] as usize, flags];
                let value = self.call(libc::SYS_dup3, &args);
                // It has closed what was there.
                Seen(value.map(|_| 0), Vec::new())
            }
            Step::Pipe(reader, writer) => {
                let mut ends = [-1i32; 2];
                let flags = (libc::O_NONBLOCK | libc::O_CLOEXEC) as usize;
                let value = self.call(libc::SYS_pipe2, &[ends.as_mut_ptr() as usize, flags]);
                self.put(reader, Ok(ends[0].into()));
                self.put(writer, Ok(ends[1].into()));
                Seen(value, Vec::new())
            }
            Step::Fcntl(slot, command, argument) => {
                let args = [
                    self.slots[slot] as usize,
                    command as usize,
                    argument as usize,
                ];
                Seen(self.call(libc::SYS_fcntl, &args), Vec::new())
            }
            _ => unreachable!("{step:?}"),
        }
    }

    fn take_contents(&mut self, step: &Step) -> Seen {
        match *step {
            Step::Read(slot, bytes) => self.read(libc::SYS_read, slot, bytes, 0),
            Step::Pread(slot, bytes, offset) => self.read(libc::SYS_pread64, slot, bytes, offset),
            Step::Write(slot, ref bytes) => self.write(libc::SYS_write, slot, bytes, 0),
            Step::Pwrite(slot, ref bytes, offset) => {
                self.write(libc::SYS_pwrite64, slot, bytes, offset)
            }
            Step::Readv(slot, first, second) => {
                let mut buffer = vec![0u8; first + second];
                let (head, tail) = buffer.split_at_mut(first);
                let parts = [head, tail].map(|part| libc::iovec {
                    iov_base: part.as_mut_ptr().cast(),
                    iov_len: part.len(),
                });
                let args = [self.slots[slot] as usize, parts.as_ptr() as usize, 2];
                Seen(self.call(libc::SYS_readv, &args), buffer)
            }
            Step::Seek(slot, offset, whence) => {
                // Past `SEEK_END`, where data and holes are depends on what has been written back.
                let whence = if whence > libc::SEEK_END { 99 } else { whence };
                let args = [self.slots[slot] as usize, offset as usize, whence as usize];
                Seen(self.call(libc::SYS_lseek, &args), Vec::new())
            }
            Step::Truncate(slot, bytes) => {
                let args = [self.slots[slot] as usize, bytes as usize];
                Seen(self.call(libc::SYS_ftruncate, &args), Vec::new())
            }
            Step::Allocate(slot, offset, bytes) => {
                let args = [
                    self.slots[slot] as usize,
                    0,
                    offset as usize,
                    bytes as usize,
                ];
                Seen(self.call(libc::SYS_fallocate, &args), Vec::new())
            }
            Step::CopyRange(from, to, bytes) => {
                let (from, to) = (self.slots[from] as usize, self.slots[to] as usize);
                let args = [from, 0, to, 0, bytes, 0];
                Seen(self.call(libc::SYS_copy_file_range, &args), Vec::new())
            }
            Step::Sync(slot) => {
                let args = [self.slots[slot] as usize];
                Seen(self.call(libc::SYS_fsync, &args), Vec::new())
            }
            Step::Fstat(slot) => self.stat(self.slots[slot], c"", libc::AT_EMPTY_PATH),
            Step::WaitingRead(ref bytes, most) => {
                // An empty write would not end it.
                let bytes = if bytes.is_empty() { &[0][..] } else { bytes };
                let (reader, mut writer) = io::pipe().unwrap();
                let mut buffer = vec![0u8; most];
                let address = buffer.as_mut_ptr() as usize;
                let args = [reader.as_raw_fd() as usize, address, most, 0, 0, 0];
                let write = || writer.write_all(bytes).unwrap();
                // SAFETY: the buffer is valid until the read has ended, on return.
                let value = unsafe { self.caller.read_written(args, write) };
                Seen(value, buffer)
            }
            _ => unreachable!("{step:?}"),
        }
    }

    fn read(&mut self, number: i64, slot: usize, bytes: usize, offset: i64) -> Seen {
        let mut buffer = vec![0u8; bytes];
        let address = buffer.as_mut_ptr() as usize;
        let args = [self.slots[slot] as usize, address, bytes, offset as usize];
        Seen(self.call(number, &args), buffer)
    }

    fn write(&mut self, number: i64, slot: usize, bytes: &[u8], offset: i64) -> Seen {
        let address = bytes.as_ptr() as usize;
        let args = [
            self.slots[slot] as usize,
            address,
            bytes.len(),
            offset as usize,
        ];
        Seen(self.call(number, &args), Vec::new())
    }

    fn take_names(&mut self, step: &Step) -> Seen {
        let at = |name: &CString| name.as_ptr() as usize;
        let value = match *step {
            Step::Rename(from, to, flags) => {
                let (from, to) = (self.name(from), self.name(to));
                let args = [0, at(&from), 0, at(&to), flags as usize];
                self.call(libc::SYS_renameat2, &args)
            }
            Step::Link(from, to) => {
                let (from, to) = (self.name(from), self.name(to));
                self.call(libc::SYS_linkat, &[0, at(&from), 0, at(&to), 0])
            }
            Step::Symlink(target, name) => {
                let (target, name) = (CString::new(target).unwrap(), self.name(name));
                self.call(libc::SYS_symlinkat, &[at(&target), 0, at(&name)])
            }
            Step::Readlink(name) => {
                let (name, mut target) = (self.name(name), vec![0u8; LINK_BYTES]);
                let args = [0, at(&name), target.as_mut_ptr() as usize, LINK_BYTES];
                return Seen(self.call(libc::SYS_readlinkat, &args), target);
            }
            Step::Unlink(name, flags) => {
                let name = self.name(name);
                self.call(libc::SYS_unlinkat, &[0, at(&name), flags as usize])
            }
            // The owner keeps all rights, so that the folders can be removed.
            Step::Mkdir(name, mode) => {
                let name = self.name(name);
                let mode = 0o700 | mode as usize;
                self.call(libc::SYS_mkdirat, &[0, at(&name), mode])
            }
            Step::Chmod(name, mode) => {
                let name = self.name(name);
                let mode = 0o700 | mode as usize;
                self.call(libc::SYS_fchmodat, &[0, at(&name), mode])
            }
            Step::Stat(name, flags) => {
                let name = self.name(name);
                return self.stat(libc::AT_FDCWD, &name, flags);
            }
            Step::List(name) => return self.list(name),
            _ => unreachable!("{step:?}"),
        };
        Seen(value, Vec::new())
    }

    fn stat(&mut self, directory: i32, name: &std::ffi::CStr, flags: i32) -> Seen {
        // SAFETY: a structure of integers.
        let mut stat: libc::stat = unsafe { std::mem::zeroed() };
        let (name, written) = (name.as_ptr() as usize, &raw mut stat as usize);
        let args = [directory as usize, name, written, flags as usize];
        let value = self.call(libc::SYS_newfstatat, &args);
        let same = [
            stat.st_mode.into(),
            stat.st_nlink as u64,
            stat.st_size as u64,
        ];
        Seen(value, same.map(u64::to_ne_bytes).concat())
    }

    /// The names and kinds in a directory, sorted.
    fn list(&mut self, name: &str) -> Seen {
        let name = self.name(name);
        let args = [0, name.as_ptr() as usize, libc::O_RDONLY as usize];
        let number = match self.call(libc::SYS_openat, &args) {
            Ok(number) => number as usize,
            Err(error) => return Seen(Err(error), Vec::new()),
        };
        let mut lines = Vec::new();
        let end = loop {
            // A few entries at a time.
            let mut buffer = [0u8; 80];
            let args = [number, buffer.as_mut_ptr() as usize, buffer.len()];
            match self.call(libc::SYS_getdents64, &args) {
                Ok(bytes) if bytes > 0 => lines.extend(
                    DirEntries::new(&buffer[..bytes as usize])
                        .map(|entry| format!("{:?} {}\n", entry.name, entry.kind)),
                ),
                end => break end,
            }
        };
        self.call(libc::SYS_close, &[number]).unwrap();
        lines.sort_unstable();
        Seen(end, lines.concat().into_bytes())
    }
}

impl<C> Drop for World<C> {
    fn drop(&mut self) {
        for number in self.slots.into_iter().filter(|&number| number >= 0) {
            // SAFETY: the world's own.
            unsafe { libc::close(number) };
        }
    }
}

#[derive(Debug, PartialEq)]
struct Node {
    mode: u32,
    links: u64,
    content: Vec<u8>,
}

/// All that is under a folder.
fn tree(root: &Path) -> BTreeMap<PathBuf, Node> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let at = entry.unwrap().path();
            let stat = fs::symlink_metadata(&at).unwrap();
            let content = if stat.is_dir() {
                folders.push(at.clone());
                Vec::new()
            } else if stat.is_symlink() {
                fs::read_link(&at).unwrap().as_os_str().as_bytes().to_vec()
            } else {
                fs::read(&at).unwrap()
            };
            let node = Node {
                mode: stat.mode(),
                links: stat.nlink(),
                content,
            };
            found.insert(at.strip_prefix(root).unwrap().to_owned(), node);
        }
    }
    found
}

fn compare(laio: &mut Laio, steps: &[Step]) -> Result<(), TestCaseError> {
    let (ours, theirs) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let mut lazy = World::new(Lazy(laio), ours.path());
    let mut plain = World::new(Plain, theirs.path());
    for step in start().iter().chain(steps) {
        prop_assert_eq!(lazy.take(step), plain.take(step), "{:?}", step);
    }
    prop_assert_eq!(tree(ours.path()), tree(theirs.path()));
    Ok(())
}

#[test]
fn random_calls_do_what_plain_calls_do() {
    let _turn = turn();
    let mut engines = 0;
    for kind in EngineKind::ALL {
        let laio = match Laio::builder().engine(kind).start() {
            Ok(laio) if laio.engine() == kind => RefCell::new(laio),
            _ => {
                println!("SKIPPED: no {kind} engine here");
                continue;
            }
        };
        engines += 1;
        let config = Config {
            cases: CASES,
            failure_persistence: None,
            ..Config::default()
        };
        let sequences = prop::collection::vec(step(), 1..MOST_STEPS);
        let outcome = TestRunner::new(config)
            .run(&sequences, |steps| compare(&mut laio.borrow_mut(), &steps));
        outcome.unwrap_or_else(|failure| panic!("{kind}: {failure}"));
        println!("{kind}: {:?}", laio.borrow().counters());
    }
    assert!(engines > 0);
}
