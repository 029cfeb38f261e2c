//! Alone in its process, because it counts the threads.

mod common;

use common::PipeRead;
use laio::Laio;

#[test]
fn carriers_end_with_the_engine() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut laio = Laio::new().unwrap();
    let mut reads = PipeRead::issue_all::<20>(&mut laio);
    assert!(threads() > before + 20);
    PipeRead::end_all(&mut reads, &mut laio);
    drop(laio);
    // The kernel removes a thread that has been waited for a moment later.
    while threads() > before {
        std::thread::yield_now();
    }
}
