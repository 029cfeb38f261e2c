//! Alone in its process, because it counts the threads.

mod common;

use common::{background, collect, naps};
use laio::Laio;

#[test]
fn carriers_end_with_the_engine() {
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let before = threads();
    let mut laio = Laio::new().unwrap();
    let naps = naps([1; 20]);
    for nap in &naps {
        background(common::nap(&mut laio, nap));
    }
    assert!(threads() > before + 20);
    collect(&mut laio, 20);
    drop(laio);
    // The kernel removes a thread that has been waited for a moment later.
    while threads() > before {
        std::thread::yield_now();
    }
}
