//! The part of a tree that any loop may take.
//!
//! Each loop walks depth first by itself. While the stock is short, it puts in the directory that it
//! would come to last, so that a loop which has run out of work finds some, and a large part.

use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::directory::{Directory, Entry};

/// What can be done with a directory next, by any loop.
pub(super) enum Piece {
    /// The task is to be told that it has been found.
    Found(Entry),
    Open(Entry),
    /// There is more to list in it.
    List(Arc<Directory>),
}

/// What the loops of one walk share.
pub(crate) struct Stock {
    state: Mutex<State>,
    changed: Condvar,
    /// How many pieces there are; read without the lock, as a hint.
    pieces: AtomicUsize,
    /// One for each other loop.
    enough: usize,
}

struct State {
    pieces: Vec<Piece>,
    /// Loops that have not come yet.
    absent: usize,
    /// The tree is done, or a loop has failed.
    closed: bool,
}

impl Stock {
    /// The tree at `root`, for so many loops.
    ///
    /// # Errors
    /// A name that no path can have.
    pub(crate) fn new(root: &Path, loops: usize) -> io::Result<Self> {
        Ok(Self {
            state: Mutex::new(State {
                pieces: vec![Piece::Found(Entry::root(root)?)],
                absent: loops,
                closed: false,
            }),
            changed: Condvar::new(),
            pieces: AtomicUsize::new(1),
            enough: loops - 1,
        })
    }

    /// A loop comes, and waits for the others.
    pub(crate) fn enter(&self) {
        let mut state = self.lock();
        state.absent -= 1;
        self.changed.notify_all();
        let too_few = |state: &mut State| state.absent > 0 && !state.closed;
        drop(self.changed.wait_while(state, too_few));
    }

    /// Nobody is to wait any more, because all is done, or because a loop has failed.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        state.pieces.clear();
        self.pieces.store(0, Ordering::Relaxed);
        self.changed.notify_all();
    }

    pub(super) fn is_short(&self) -> bool {
        self.pieces.load(Ordering::Relaxed) < self.enough
    }

    pub(super) fn put(&self, piece: Piece) {
        let mut state = self.lock();
        state.pieces.push(piece);
        self.pieces.store(state.pieces.len(), Ordering::Relaxed);
        self.changed.notify_one();
    }

    pub(super) fn take(&self) -> Option<Piece> {
        if self.pieces.load(Ordering::Relaxed) == 0 {
            return None;
        }
        let mut state = self.lock();
        let piece = state.pieces.pop();
        self.pieces.store(state.pieces.len(), Ordering::Relaxed);
        piece
    }

    /// Waits until there is a piece; or false, there will be none.
    pub(super) fn wait(&self) -> bool {
        let none = |state: &mut State| state.pieces.is_empty() && !state.closed;
        let state = self.changed.wait_while(self.lock(), none);
        !state.unwrap_or_else(PoisonError::into_inner).closed
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
