//! A pool of threads that make the calls.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::{io, mem, thread};

use super::plain::plain;
use super::{Caller, Ended};
use crate::common::job::Call;

/// Hands every call to a thread, those of one turn of the loop under one lock.
pub(crate) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// Not handed over yet.
    batch: Vec<(usize, Call)>,
}

#[derive(Default)]
struct Shared {
    queues: Mutex<Queues>,
    work: Condvar,
    ended: Condvar,
}

#[derive(Default)]
struct Queues {
    work: VecDeque<(usize, Call)>,
    ended: Vec<Ended>,
    idle_threads: usize,
    closed: bool,
}

impl Pool {
    pub(crate) fn start(threads: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let threads = (0..threads)
            .map(|_| {
                let shared = Arc::clone(&shared);
                thread::spawn(move || shared.serve())
            })
            .collect();
        Self {
            shared,
            threads,
            batch: Vec::new(),
        }
    }
}

impl Caller for Pool {
    unsafe fn call(&mut self, slot: usize, call: Call) -> Option<io::Result<i64>> {
        self.batch.push((slot, call));
        None
    }

    fn wait(&mut self, ended: &mut Vec<Ended>) -> io::Result<()> {
        let mut queues = self.shared.lock();
        for _ in 0..self.batch.len().min(queues.idle_threads) {
            self.shared.work.notify_one();
        }
        queues.work.extend(self.batch.drain(..));
        while queues.ended.is_empty() {
            let woken = self.shared.ended.wait(queues);
            queues = woken.unwrap_or_else(PoisonError::into_inner);
        }
        mem::swap(ended, &mut queues.ended);
        Ok(())
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
        for thread in self.threads.drain(..) {
            // It cannot have panicked: it only makes calls.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Queues> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The life of a thread.
    fn serve(&self) {
        let mut queues = self.lock();
        loop {
            if let Some((slot, call)) = queues.work.pop_front() {
                drop(queues);
                // SAFETY: the promise of `Caller::call`'s caller.
                let result = unsafe { plain(call) };
                queues = self.lock();
                queues.ended.push(Ended { slot, result });
                if queues.ended.len() == 1 {
                    self.ended.notify_one();
                }
            } else if queues.closed {
                return;
            } else {
                queues.idle_threads += 1;
                let woken = self.work.wait(queues);
                queues = woken.unwrap_or_else(PoisonError::into_inner);
                queues.idle_threads -= 1;
            }
        }
    }
}
