//! Late watchers: calls that blocked and returned inline all the same.
//!
//! An early experiment seemed to have 82 % of its cold reads end inline. A call that nobody but the
//! loop can end cannot be late, or the loop would hang; a read of the disk can. Both are counted
//! here, exactly: a read that blocked was stolen or late.

mod common;

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;

use common::{background, collect, turn};
use laio::{Laio, Submission};

const BLOCK_BYTES: usize = 4096;
const BLOCKS: usize = 1024;

/// Not in the page cache, and read without read-ahead.
fn cold_file() -> File {
    let mut file = tempfile::tempfile_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    for block in 0..BLOCKS {
        file.write_all(&[block as u8; BLOCK_BYTES]).unwrap();
    }
    file.sync_all().unwrap();
    // SAFETY: takes no memory.
    unsafe {
        libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_RANDOM);
        libc::posix_fadvise(file.as_raw_fd(), 0, 0, libc::POSIX_FADV_DONTNEED);
    }
    file
}

/// How many blocks are in the page cache.
fn cached_blocks(file: &File) -> usize {
    let bytes = BLOCKS * BLOCK_BYTES;
    let mut pages = vec![0u8; BLOCKS];
    // SAFETY: a new mapping of the file, which is as long; one byte for each of its pages.
    unsafe {
        let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        let map = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            read,
            shared,
            file.as_raw_fd(),
            0,
        );
        assert_ne!(map, libc::MAP_FAILED);
        assert_eq!(libc::mincore(map, bytes, pages.as_mut_ptr()), 0);
        libc::munmap(map, bytes);
    }
    pages.iter().filter(|&&page| page & 1 == 1).count()
}

#[test]
fn cold_reads_that_block_are_stolen_and_seldom_late() {
    let _turn = turn();
    let file = cold_file();
    let cold = BLOCKS - cached_blocks(&file);
    if cold < BLOCKS / 2 {
        println!("SKIPPED: this file system keeps the file in memory");
        return;
    }
    let mut laio = Laio::new().unwrap();
    let mut buffer = [0u8; BLOCK_BYTES];
    for step in 0..BLOCKS {
        let block = step * 389 % BLOCKS;
        let (fd, offset) = (file.as_raw_fd() as usize, block * BLOCK_BYTES);
        let args = [fd, buffer.as_mut_ptr() as usize, BLOCK_BYTES, offset, 0, 0];
        // SAFETY: the buffer outlives the read, which has ended before the next.
        let result = match unsafe { laio.syscall(libc::SYS_pread64, args) } {
            Submission::Done(result) => result,
            Submission::Background(_) => collect(&mut laio, 1).remove(0).result,
        };
        assert_eq!(result.unwrap(), BLOCK_BYTES as i64);
        assert!(buffer.iter().all(|&byte| byte == block as u8));
    }
    let reads = laio.call_counters(libc::SYS_pread64);
    println!("{cold} of {BLOCKS} blocks were cold: {reads:?}");
    // A disk may answer before the reader gets to sleep, and blocks may be dropped meanwhile.
    assert!(reads.blocked() as usize >= cold * 9 / 10);
    assert!(reads.late * 2 < reads.blocked(), "82 % were late once");
}

#[test]
fn reads_of_a_fifo_are_never_late() {
    let _turn = turn();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("fifo");
    let name = std::ffi::CString::new(path.as_os_str().as_bytes()).unwrap();
    // SAFETY: a valid name.
    assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
    // Opening for both does not wait for the other side.
    let mut fifo = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_CLOEXEC)
        .open(&path)
        .unwrap();
    let mut laio = Laio::new().unwrap();
    let mut byte = 0u8;
    for round in 0..1000u64 {
        let args = [
            fifo.as_raw_fd() as usize,
            &raw mut byte as usize,
            1,
            0,
            0,
            0,
        ];
        // SAFETY: the byte outlives the completion.
        background(unsafe { laio.syscall(libc::SYS_read, args) });
        fifo.write_all(&[round as u8]).unwrap();
        assert_eq!(collect(&mut laio, 1)[0].result.as_ref().unwrap(), &1);
        assert_eq!(byte, round as u8);
    }
    let reads = laio.call_counters(libc::SYS_read);
    assert_eq!((reads.stolen, reads.late), (1000, 0), "{reads:?}");
}
