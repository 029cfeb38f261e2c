//! Calls that do not block: the plain call against the same call through an engine.
//!
//! `cargo bench -p laio`. The two of each pair run one after the other in a shared process, pinned
//! to the same CPU; compare their medians.

use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;

use divan::{Bencher, black_box};
use laio::{Laio, Submission};

const PAGE_BYTES: usize = 4096;

fn main() {
    divan::main();
}

/// A way to make a call.
trait Caller {
    fn new() -> Self;

    /// # Safety
    /// As for the call.
    unsafe fn call(&mut self, number: i64, args: [usize; 6]) -> i64;
}

/// `libc::syscall`, on the CPU and under the policy that an engine uses.
struct Plain(#[expect(dead_code, reason = "kept alive for its pinning")] Laio);

impl Caller for Plain {
    fn new() -> Self {
        Self(engine(true))
    }

    unsafe fn call(&mut self, number: i64, [a, b, c, d, e, f]: [usize; 6]) -> i64 {
        // SAFETY: the caller's promise.
        unsafe { libc::syscall(number, a, b, c, d, e, f) }
    }
}

/// An engine, with the FS base swapped around the call or not.
struct Lazy<const SWAP: bool>(Laio);

impl<const SWAP: bool> Caller for Lazy<SWAP> {
    fn new() -> Self {
        Self(engine(SWAP))
    }

    unsafe fn call(&mut self, number: i64, args: [usize; 6]) -> i64 {
        // SAFETY: the caller's promise.
        match unsafe { self.0.syscall(number, args) } {
            Submission::Done(result) => result.unwrap(),
            // A false steal: wait for it, so that the next call finds its memory free.
            Submission::Background(_) => {
                let mut completions = Vec::new();
                self.0.poll(&mut completions, None).unwrap();
                completions.remove(0).result.unwrap()
            }
        }
    }
}

fn engine(swap: bool) -> Laio {
    Laio::builder().cpu(0).swap_fs_base(swap).start().unwrap()
}

#[divan::bench(types = [Plain, Lazy<true>, Lazy<false>], sample_size = 2000)]
fn getppid<C: Caller>(bencher: Bencher) {
    let mut caller = C::new();
    // SAFETY: the call takes no memory.
    bencher.bench_local(|| unsafe { caller.call(libc::SYS_getppid, black_box([0; 6])) });
}

#[divan::bench(types = [Plain, Lazy<true>, Lazy<false>], sample_size = 2000)]
fn pipe_byte<C: Caller>(bencher: Bencher) {
    let mut caller = C::new();
    let (reader, writer): (PipeReader, PipeWriter) = std::io::pipe().unwrap();
    let mut byte = 7u8;
    let address = &raw mut byte as usize;
    let (reader, writer) = (reader.as_raw_fd() as usize, writer.as_raw_fd() as usize);
    // SAFETY: the byte outlives the calls, which end one by one.
    bencher.bench_local(|| unsafe {
        caller.call(libc::SYS_write, black_box([writer, address, 1, 0, 0, 0]));
        caller.call(libc::SYS_read, black_box([reader, address, 1, 0, 0, 0]))
    });
}

#[divan::bench(types = [Plain, Lazy<true>, Lazy<false>], sample_size = 2000)]
fn cached_pread<C: Caller>(bencher: Bencher) {
    let mut caller = C::new();
    let mut file: File = tempfile::tempfile().unwrap();
    file.write_all(&[7; PAGE_BYTES]).unwrap();
    let mut page = [0u8; PAGE_BYTES];
    let args = [
        file.as_raw_fd() as usize,
        page.as_mut_ptr() as usize,
        PAGE_BYTES,
        0,
        0,
        0,
    ];
    // SAFETY: the page outlives the calls, which end one by one.
    bencher.bench_local(|| unsafe { caller.call(libc::SYS_pread64, black_box(args)) });
}
