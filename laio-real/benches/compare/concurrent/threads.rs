//! A pool of threads and two channels, as one writes it with the standard library.

use std::sync::{Arc, Mutex, mpsc};

use super::Concurrent;
use crate::contenders::plain;
use crate::operations::Call;

type Job = (usize, Call);
type Ended = (usize, i64);

struct Threads {
    to_threads: mpsc::Sender<Job>,
    jobs: Arc<Mutex<mpsc::Receiver<Job>>>,
    to_loop: mpsc::Sender<Ended>,
    ended: mpsc::Receiver<Ended>,
    threads: usize,
    max_threads: usize,
    in_flight: usize,
}

pub(super) fn open(max_threads: usize) -> Box<dyn Concurrent> {
    let (to_threads, jobs) = mpsc::channel();
    let (to_loop, ended) = mpsc::channel();
    Box::new(Threads {
        to_threads,
        jobs: Arc::new(Mutex::new(jobs)),
        to_loop,
        ended,
        threads: 0,
        max_threads,
        in_flight: 0,
    })
}

impl Threads {
    /// It ends with the pool: its channel is closed then.
    fn add_thread(&mut self) {
        self.threads += 1;
        let (jobs, to_loop) = (Arc::clone(&self.jobs), self.to_loop.clone());
        std::thread::spawn(move || {
            loop {
                let job = jobs.lock().expect("no thread panics").recv();
                let Ok((slot, call)) = job else { break };
                if to_loop.send((slot, plain(&call))).is_err() {
                    break;
                }
            }
        });
    }
}

impl Concurrent for Threads {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        self.in_flight += 1;
        if self.in_flight > self.threads && self.threads < self.max_threads {
            self.add_thread();
        }
        self.to_threads.send((slot, *call)).expect("threads listen");
        None
    }

    fn wait(&mut self, ended: &mut Vec<Ended>) {
        let before = ended.len();
        ended.push(self.ended.recv().expect("this end has a sender too"));
        ended.extend(self.ended.try_iter());
        self.in_flight -= ended.len() - before;
    }
}
