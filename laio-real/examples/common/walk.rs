//! Walking a tree: directories are opened and listed, and a task is done for every entry.

mod directory;

use std::ffi::{CStr, CString, OsStr, c_char};
use std::os::fd::RawFd;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::{io, ptr};

use self::directory::{CHUNK_BYTES, Chunk, Directory};
use super::job::{Call, Job};

/// A name in a directory. It is valid until the task is done with it.
#[derive(Clone, Copy)]
pub(crate) struct Entry {
    /// `None`: the root of the walk.
    directory: Option<usize>,
    name: *const c_char,
    pub(crate) kind: Kind,
}

impl Entry {
    /// The name's address, for a call.
    pub(crate) fn name(&self) -> usize {
        self.name as usize
    }
}

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Directory,
    File,
    Other,
}

/// What to do next with an entry.
pub(crate) enum Next<S> {
    /// A call.
    Call(S),
    /// Walk the directory that it is.
    Descend,
    /// Nothing more.
    Done,
}

/// What is to be done with every entry. `Step` names the calls that this takes.
pub(crate) trait Task {
    type Step: Copy;

    /// An entry has been found.
    fn found(&mut self, entry: &Entry) -> Next<Self::Step>;

    /// The call that `step` names. `directory` is the one that holds the entry.
    fn call(&mut self, slot: usize, step: Self::Step, directory: RawFd, entry: &Entry) -> Call;

    /// A call in `slot` has ended well.
    fn ended(&mut self, slot: usize, step: Self::Step, value: i64) -> Next<Self::Step>;

    /// All that is in this directory is done.
    fn left(&mut self, _entry: &Entry) -> Next<Self::Step> {
        Next::Done
    }
}

enum Step<S> {
    Open(usize),
    List(usize),
    Task(Entry, S),
}

/// A walk. What is found last is done first, which keeps few directories open.
pub(crate) struct Walk<T: Task> {
    pub(crate) task: T,
    /// Calls that failed. What they were for is left as it was.
    pub(crate) errors: u64,
    directories: Vec<Directory>,
    free_directories: Vec<usize>,
    free_chunks: Vec<Chunk>,
    ready: Vec<Step<T::Step>>,
    in_flight: Vec<Option<Step<T::Step>>>,
    /// Where the root entry's name is.
    _root: CString,
}

impl<T: Task> Walk<T> {
    /// A walk of the tree at `root`, with as many slots for calls.
    ///
    /// # Errors
    /// A name that no path can have.
    pub(crate) fn new(root: &Path, task: T, slots: usize) -> io::Result<Self> {
        let path = CString::new(root.as_os_str().as_bytes())?;
        let root = Entry {
            directory: None,
            name: path.as_ptr(),
            kind: Kind::Directory,
        };
        let mut walk = Self {
            task,
            errors: 0,
            directories: Vec::new(),
            free_directories: Vec::new(),
            free_chunks: Vec::new(),
            ready: Vec::new(),
            in_flight: (0..slots).map(|_| None).collect(),
            _root: path,
        };
        let next = walk.task.found(&root);
        walk.go_on(root, next);
        Ok(walk)
    }

    fn go_on(&mut self, entry: Entry, next: Next<T::Step>) {
        match next {
            Next::Call(step) => self.ready.push(Step::Task(entry, step)),
            Next::Descend => {
                let directory = self.new_directory(entry);
                self.ready.push(Step::Open(directory));
            }
            Next::Done => self.done(entry),
        }
    }

    /// Nothing more is to be done with `entry`; perhaps it was the last of its directory.
    fn done(&mut self, entry: Entry) {
        let Some(index) = entry.directory else {
            return;
        };
        self.directories[index].unfinished -= 1;
        if self.directories[index].unfinished == 0 {
            let entry = self.close(index);
            let next = self.task.left(&entry);
            self.go_on(entry, next);
        }
    }

    fn new_directory(&mut self, entry: Entry) -> usize {
        let directory = Directory::new(entry);
        if let Some(index) = self.free_directories.pop() {
            self.directories[index] = directory;
            return index;
        }
        self.directories.push(directory);
        self.directories.len() - 1
    }

    /// Closes a directory and returns the entry that it is.
    fn close(&mut self, index: usize) -> Entry {
        let directory = &mut self.directories[index];
        directory.fd = None;
        self.free_chunks.append(&mut directory.chunks);
        self.free_directories.push(index);
        directory.entry
    }

    fn open_call(&self, index: usize) -> Call {
        let entry = self.directories[index].entry;
        let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let directory = self.fd_of(entry.directory);
        Call {
            number: libc::SYS_openat,
            args: [directory as usize, entry.name(), flags as usize, 0, 0, 0],
        }
    }

    fn list_call(&mut self, index: usize) -> Call {
        let chunk = self.free_chunks.pop().unwrap_or_default();
        let directory = self.fd_of(Some(index)) as usize;
        let chunks = &mut self.directories[index].chunks;
        chunks.push(chunk);
        let address = chunks.last_mut().map_or(ptr::null_mut(), Chunk::address);
        Call {
            number: libc::SYS_getdents64,
            args: [directory, address as usize, CHUNK_BYTES, 0, 0, 0],
        }
    }

    fn fd_of(&self, directory: Option<usize>) -> RawFd {
        directory.map_or(libc::AT_FDCWD, |index| self.directories[index].fd())
    }

    /// The directory's last chunk has been filled with `bytes`.
    fn listed(&mut self, index: usize, bytes: usize) {
        if bytes == 0 {
            let directory = &mut self.directories[index];
            self.free_chunks.extend(directory.chunks.pop());
            let end = directory.end_of_list(index);
            return self.done(end);
        }
        self.ready.push(Step::List(index));
        let directory = &mut self.directories[index];
        let found = directory.entries(index, bytes);
        directory.unfinished += found.len();
        for entry in found {
            let next = self.task.found(&entry);
            self.go_on(entry, next);
        }
    }

    fn failed(&mut self, step: &Step<T::Step>, error: &io::Error) {
        self.errors += 1;
        let entry = match step {
            Step::Open(index) | Step::List(index) => self.directories[*index].entry,
            Step::Task(entry, _) => *entry,
        };
        // SAFETY: the entry is not done, so its name is there.
        let name = unsafe { CStr::from_ptr(entry.name) };
        eprintln!("{}: {error}", OsStr::from_bytes(name.to_bytes()).display());
        match step {
            Step::Open(index) => {
                self.close(*index);
                self.done(entry);
            }
            Step::List(index) => {
                let end = self.directories[*index].end_of_list(*index);
                self.done(end);
            }
            Step::Task(entry, _) => self.done(*entry),
        }
    }
}

impl<T: Task> Job for Walk<T> {
    fn next(&mut self, slot: usize) -> Option<Call> {
        let step = self.ready.pop()?;
        let call = match &step {
            Step::Open(index) => self.open_call(*index),
            Step::List(index) => self.list_call(*index),
            Step::Task(entry, step) => {
                let directory = self.fd_of(entry.directory);
                self.task.call(slot, *step, directory, entry)
            }
        };
        self.in_flight[slot] = Some(step);
        Some(call)
    }

    fn ended(&mut self, slot: usize, result: io::Result<i64>) {
        let step = self.in_flight[slot].take().expect("a call in this slot");
        match (&step, result) {
            (_, Err(error)) => self.failed(&step, &error),
            (Step::Open(index), Ok(fd)) => {
                self.directories[*index].opened(fd as RawFd);
                self.ready.push(Step::List(*index));
            }
            (Step::List(index), Ok(bytes)) => self.listed(*index, bytes as usize),
            (Step::Task(entry, step), Ok(value)) => {
                let next = self.task.ended(slot, *step, value);
                self.go_on(*entry, next);
            }
        }
    }
}
