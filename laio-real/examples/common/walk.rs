//! Walking a tree: directories are opened and listed, and a task is done for every entry.

mod directory;
mod stock;

use std::collections::VecDeque;
use std::io;
use std::os::fd::RawFd;
use std::sync::Arc;

use self::directory::{CHUNK_BYTES, Chunk, Directory, Listing};
pub(crate) use self::directory::{Entry, Kind};
use self::stock::Piece;
pub(crate) use self::stock::Stock;
use super::job::{Call, Job};

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

    /// Adds what another loop has done in the same tree.
    fn add(&mut self, other: Self);
}

/// Ours: so many calls take a loop longer than it takes another's thread to wake up.
const ENOUGH_CALLS: usize = 16;

/// A call, ready or in flight.
enum Step<S> {
    Open(Entry),
    List(Arc<Directory>, Chunk),
    Task(Entry, S),
}

/// What is to be done.
enum Work<S> {
    /// By any loop.
    Piece(Piece),
    /// By this one.
    Step(Step<S>),
}

/// A loop's part in a walk. What is found last is done first, which keeps few directories open.
pub(crate) struct Walk<'a, T: Task> {
    pub(crate) task: T,
    /// Calls that failed. What they were for is left as it was.
    pub(crate) errors: u64,
    stock: &'a Stock,
    /// The oldest in front.
    work: VecDeque<Work<T::Step>>,
    in_flight: Vec<Option<Step<T::Step>>>,
    free_chunks: Vec<Chunk>,
}

impl<'a, T: Task> Walk<'a, T> {
    /// A loop's part in the walk of `stock`, with as many slots for calls.
    pub(crate) fn new(stock: &'a Stock, task: T, slots: usize) -> Self {
        Self {
            task,
            errors: 0,
            stock,
            work: VecDeque::new(),
            in_flight: (0..slots).map(|_| None).collect(),
            free_chunks: Vec::new(),
        }
    }

    /// Leaves the oldest directory to any loop, if enough else is left to do here.
    fn share(&mut self) {
        let is_piece = |work: &Work<T::Step>| matches!(work, Work::Piece(_));
        let oldest = self.work.iter().position(is_piece);
        let is_only = oldest == self.work.iter().rposition(is_piece);
        if let Some(oldest) = oldest
            && (!is_only || self.work.len() > ENOUGH_CALLS)
            && let Some(Work::Piece(piece)) = self.work.remove(oldest)
        {
            self.stock.put(piece);
        }
    }

    fn keep(&mut self, piece: Piece) {
        self.work.push_back(Work::Piece(piece));
    }

    fn make(&mut self, step: Step<T::Step>) {
        self.work.push_back(Work::Step(step));
    }

    fn begin(&mut self, piece: Piece) {
        match piece {
            Piece::Found(entry) => self.found(entry),
            Piece::Open(entry) => self.make(Step::Open(entry)),
            Piece::List(directory) => self.list(directory),
        }
    }

    fn found(&mut self, entry: Entry) {
        let next = self.task.found(&entry);
        self.go_on(entry, next);
    }

    fn go_on(&mut self, entry: Entry, next: Next<T::Step>) {
        match next {
            Next::Call(step) => self.make(Step::Task(entry, step)),
            Next::Descend => self.keep(Piece::Open(entry)),
            Next::Done => self.release(entry.listing),
        }
    }

    fn list(&mut self, directory: Arc<Directory>) {
        let chunk = self.free_chunks.pop().unwrap_or_default();
        self.make(Step::List(directory, chunk));
    }

    /// `chunk` has been filled with `bytes` of the directory's listing.
    fn listed(&mut self, directory: Arc<Directory>, chunk: Chunk, bytes: usize) {
        if bytes == 0 {
            self.free_chunks.push(chunk);
            return self.leave(directory);
        }
        let is_full = bytes > CHUNK_BYTES / 2;
        if is_full {
            self.keep(Piece::List(Arc::clone(&directory)));
        }
        let listing = Arc::new(Listing {
            directory: Some(Arc::clone(&directory)),
            chunk,
        });
        for entry in listing.entries(bytes) {
            match entry.kind {
                Kind::Directory => self.keep(Piece::Found(entry)),
                Kind::File | Kind::Other => self.found(entry),
            }
        }
        self.release(listing);
        if !is_full {
            // Most likely the end, which is soon seen.
            self.list(directory);
        }
    }

    /// An entry of `listing` is done; perhaps it was the last.
    fn release(&mut self, listing: Arc<Listing>) {
        let Some(Listing { directory, chunk }) = Arc::into_inner(listing) else {
            return;
        };
        self.free_chunks.push(chunk);
        match directory {
            Some(directory) => self.leave(directory),
            None => self.stock.close(),
        }
    }

    /// A listing of `directory`, or the reading of it, is done; perhaps it was the last.
    fn leave(&mut self, directory: Arc<Directory>) {
        if let Some(entry) = Arc::into_inner(directory).map(Directory::close) {
            let next = self.task.left(&entry);
            self.go_on(entry, next);
        }
    }

    fn failed(&mut self, step: Step<T::Step>, error: &io::Error) {
        self.errors += 1;
        let entry = match &step {
            Step::Open(entry) | Step::Task(entry, _) => entry,
            Step::List(directory, _) => &directory.entry,
        };
        eprintln!("{}: {error}", entry.shown());
        match step {
            Step::Open(entry) | Step::Task(entry, _) => self.release(entry.listing),
            Step::List(directory, chunk) => {
                self.free_chunks.push(chunk);
                self.leave(directory);
            }
        }
    }
}

impl<T: Task> Job for Walk<'_, T> {
    fn next(&mut self, slot: usize) -> Option<Call> {
        if self.stock.is_short() {
            self.share();
        }
        let mut step = loop {
            match self.work.pop_back() {
                Some(Work::Step(step)) => break step,
                Some(Work::Piece(piece)) => self.begin(piece),
                None => {
                    let piece = self.stock.take()?;
                    self.begin(piece);
                }
            }
        };
        let call = match &mut step {
            Step::Open(entry) => open_call(entry),
            Step::List(directory, chunk) => list_call(directory, chunk),
            Step::Task(entry, step) => self.task.call(slot, *step, entry.directory(), entry),
        };
        self.in_flight[slot] = Some(step);
        Some(call)
    }

    fn ended(&mut self, slot: usize, result: io::Result<i64>) {
        let step = self.in_flight[slot].take().expect("a call in this slot");
        match (step, result) {
            (step, Err(error)) => self.failed(step, &error),
            (Step::Open(entry), Ok(fd)) => {
                let directory = Directory::opened(entry, fd as RawFd);
                self.list(Arc::new(directory));
            }
            (Step::List(directory, chunk), Ok(bytes)) => {
                self.listed(directory, chunk, bytes as usize);
            }
            (Step::Task(entry, step), Ok(value)) => {
                let next = self.task.ended(slot, step, value);
                self.go_on(entry, next);
            }
        }
    }

    fn wait(&mut self) -> bool {
        self.stock.wait()
    }
}

fn open_call(entry: &Entry) -> Call {
    let flags = libc::O_RDONLY | libc::O_DIRECTORY | libc::O_NOFOLLOW | libc::O_CLOEXEC;
    let directory = entry.directory() as usize;
    Call {
        number: libc::SYS_openat,
        args: [directory, entry.name(), flags as usize, 0, 0, 0],
    }
}

fn list_call(directory: &Directory, chunk: &mut Chunk) -> Call {
    let address = chunk.address() as usize;
    Call {
        number: libc::SYS_getdents64,
        args: [directory.fd() as usize, address, CHUNK_BYTES, 0, 0, 0],
    }
}
