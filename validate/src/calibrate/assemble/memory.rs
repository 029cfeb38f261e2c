//! Memory that is not page cache.

use sim::machine::profile::{MemorySection, Sourced};
use sim::scenario::units::Bytes;

use super::Parts;
use crate::calibrate::memory::Memory;

pub(super) fn memory(parts: &Parts) -> MemorySection {
    let memory = &parts.once.memory;
    MemorySection {
        process: memory
            .process
            .size("nb-b just started: anonymous and kernel memory charged to its memory group"),
        helper: memory
            .helper
            .size("nb-amped with 32 helpers less nb-b, per helper"),
        worker: memory
            .worker
            .size("8 nb-b forked from a process that serves nothing, per process: anonymous and kernel memory"),
        thread: memory
            .thread
            .size("32 threads that have each run a pread, per thread"),
        kernel_worker: kernel_worker(memory),
        carrier: memory
            .carrier
            .size("32 blocked reads through laio, per carrier"),
        connection: memory
            .connection
            .size("nb-b with 32 idle connections less without, per connection"),
        buffer_page: memory
            .buffer_page
            .size("the same connections after a file of 64 KiB was read for each, per page"),
        inode: parts
            .disk
            .inode_bytes
            .size("kernel memory of 1024 names looked up and their files read, half of 1 page, half of 16, per name"),
    }
}

fn kernel_worker(memory: &Memory) -> Sourced<Bytes> {
    match &memory.kernel_worker {
        Some(worker) => worker.size("32 opens of FIFOs by io_uring's workers, per worker"),
        None => memory
            .thread_in_kernel
            .size("no io_uring here: the kernel memory of a thread, of 32"),
    }
}
