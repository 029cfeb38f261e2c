//! What becomes of single calls.

mod common;

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::AsRawFd;
use std::time::Duration;

use common::{PipeRead, background, collect, done, millis, turn};
use laio::{Error, Handle, Laio};

#[test]
fn four_naps_go_to_the_background_at_once_and_end_shortest_first() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // One after the other they would end in the order of issue.
    let naps = [400, 300, 200, 100].map(millis);
    let handles = naps
        .each_ref()
        .map(|nap| background(common::nap(&mut laio, nap)));
    let ended = collect(&mut laio, 4);
    let order: Vec<Handle> = ended.iter().map(|completion| completion.handle).collect();
    assert_eq!(order, [handles[3], handles[2], handles[1], handles[0]]);
    for completion in ended {
        assert_eq!(completion.result.unwrap(), 0);
    }
    let counters = laio.counters();
    assert_eq!(
        (
            counters.calls.issued,
            counters.calls.stolen,
            counters.in_flight
        ),
        (4, 4, 0)
    );
    assert_eq!(counters.calls.blocked(), 4);
    assert_eq!(counters.carriers, 5, "four in calls and the loop's");
}

#[test]
fn a_call_that_does_not_block_is_done_inline() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // SAFETY: the call takes no memory.
    let id = done(unsafe { laio.syscall(libc::SYS_getppid, [0; 6]) }).unwrap();
    // SAFETY: as above.
    assert_eq!(id, i64::from(unsafe { libc::getppid() }));
    assert_eq!(laio.call_counters(libc::SYS_getppid).done_inline(), 1);
    assert_eq!(laio.counters().calls.blocked(), 0);
}

#[test]
fn error_numbers_come_through_inline_and_from_the_background() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // SAFETY: no such descriptor, so the null buffer is never reached.
    let failed = unsafe { laio.syscall(libc::SYS_read, [usize::MAX, 0, 1, 0, 0, 0]) };
    assert_eq!(done(failed).unwrap_err().raw_os_error(), Some(libc::EBADF));

    // A futex wait that nobody ends.
    let (word, patience) = (0u32, millis(300));
    let (word, patience) = (&raw const word as usize, &raw const patience as usize);
    // SAFETY: both outlive the completion below.
    let waits = unsafe { laio.syscall(libc::SYS_futex, [word, 0, 0, patience, 0, 0]) };
    let handle = background(waits);
    let ended = collect(&mut laio, 1).remove(0);
    assert_eq!(ended.handle, handle);
    assert_eq!(
        ended.result.unwrap_err().raw_os_error(),
        Some(libc::ETIMEDOUT)
    );
}

#[test]
fn all_six_arguments_reach_the_kernel() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&[0; 4096]).unwrap();
    file.write_all(b"second page").unwrap();
    let protection = libc::PROT_READ as usize;
    let args = [
        0,
        4096,
        protection,
        libc::MAP_PRIVATE as usize,
        file.as_raw_fd() as usize,
        4096,
    ];
    // SAFETY: a new mapping.
    let map = done(unsafe { laio.syscall(libc::SYS_mmap, args) }).unwrap();
    // SAFETY: the mapping has a page, and the file 11 bytes of it.
    let text = unsafe { std::slice::from_raw_parts(map as *const u8, 11) };
    assert_eq!(text, b"second page");
    // SAFETY: the mapping is not used any more.
    done(unsafe { laio.syscall(libc::SYS_munmap, [map as usize, 4096, 0, 0, 0, 0]) }).unwrap();
}

#[test]
fn a_read_of_a_file_that_is_not_cached_hands_control_back() {
    const BYTES: usize = 1 << 20;
    let _turn = turn();
    let mut file = tempfile::tempfile_in(common::folder_on_disk()).unwrap();
    file.write_all(&[9; BYTES]).unwrap();
    file.sync_all().unwrap();
    if !drop_from_cache(&file) {
        println!("SKIPPED: this file system keeps the file in memory");
        return;
    }
    let mut laio = Laio::new().unwrap();
    let mut buffer = vec![0u8; BYTES];
    let args = [
        file.as_raw_fd() as usize,
        buffer.as_mut_ptr() as usize,
        BYTES,
        0,
        0,
        0,
    ];
    let mut handed_back = 0;
    // On a busy machine the watcher may be late once, hardly five times.
    for _ in 0..5 {
        // Pages that somebody holds just then stay.
        assert!((0..1000).any(|_| drop_from_cache(&file)));
        // SAFETY: the buffer outlives the call.
        let result = match unsafe { laio.syscall(libc::SYS_pread64, args) } {
            laio::Submission::Done(result) => result,
            laio::Submission::Background(handle) => {
                handed_back += 1;
                let ended = collect(&mut laio, 1).remove(0);
                assert_eq!(ended.handle, handle);
                ended.result
            }
        };
        assert_eq!(result.unwrap(), BYTES as i64);
        assert!(buffer.iter().all(|&byte| byte == 9));
        buffer.fill(0);
    }
    let counters = laio.call_counters(libc::SYS_pread64);
    assert_eq!((counters.issued, counters.blocked()), (5, 5));
    assert!(
        handed_back > 0 && counters.stolen == handed_back,
        "{counters:?}"
    );
}

/// Whether the start of the file has left the page cache: a read that may not wait finds nothing.
fn drop_from_cache(file: &File) -> bool {
    let fd = file.as_raw_fd();
    let mut byte = 0u8;
    let iov = libc::iovec {
        iov_base: (&raw mut byte).cast(),
        iov_len: 1,
    };
    // SAFETY: one byte is writable. The test read starts a read, which is thrown away again.
    unsafe {
        libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_DONTNEED);
        let missing = libc::preadv2(fd, &raw const iov, 1, 0, libc::RWF_NOWAIT) < 0;
        libc::preadv2(fd, &raw const iov, 1, 0, 0);
        libc::posix_fadvise(fd, 0, 0, libc::POSIX_FADV_DONTNEED);
        missing
    }
}

#[test]
fn a_long_call_that_never_sleeps_is_not_counted_as_blocked() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let zero = File::open("/dev/zero").unwrap();
    let mut buffer = vec![1u8; 1 << 20];
    // A read of 1 GiB takes long enough to be preempted, and then stolen.
    let part = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: buffer.len(),
    };
    let parts = vec![part; 1024];
    let args = [
        zero.as_raw_fd() as usize,
        parts.as_ptr() as usize,
        parts.len(),
        0,
        0,
        0,
    ];
    for _ in 0..5 {
        // SAFETY: the parts overlap, which a read into them does not mind, and outlive the call.
        let read = match unsafe { laio.syscall(libc::SYS_readv, args) } {
            laio::Submission::Done(result) => result,
            laio::Submission::Background(_) => collect(&mut laio, 1).remove(0).result,
        };
        assert_eq!(read.unwrap(), 1 << 30);
    }
    let counters = laio.call_counters(libc::SYS_readv);
    assert_eq!((counters.issued, counters.late), (5, 0));
    assert_eq!(counters.stolen, counters.false_steals);
    assert_eq!(counters.blocked(), 0);
}

#[test]
fn at_the_limit_of_carriers_a_call_blocks_and_is_counted_late() {
    let _turn = turn();
    let mut laio = Laio::builder().max_carriers(2).start().unwrap();
    let longer = millis(300);
    let first = background(common::nap(&mut laio, &longer));
    // The second carrier runs the loop, and there is no third to watch it.
    assert_eq!(done(common::nap(&mut laio, &millis(5))).unwrap(), 0);
    let counters = laio.counters().calls;
    assert_eq!(
        (counters.late, counters.at_limit, counters.stolen),
        (1, 1, 1)
    );
    assert_eq!(counters.block_rate(), Some(1.0));
    assert_eq!(collect(&mut laio, 1)[0].handle, first);
    assert_eq!(laio.counters().carriers, 2);
}

#[test]
fn calls_about_the_thread_are_passed_through() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    // SAFETY: the call takes no memory.
    done(unsafe { laio.syscall(libc::SYS_gettid, [0; 6]) }).unwrap();
    // SAFETY: an unknown option is refused before any memory is touched.
    let failed = unsafe { laio.syscall(libc::SYS_prctl, [usize::MAX, 0, 0, 0, 0, 0]) };
    assert_eq!(done(failed).unwrap_err().raw_os_error(), Some(libc::EINVAL));
    let counters = laio.counters();
    assert_eq!((counters.passed_through, counters.calls.issued), (2, 0));
}

#[test]
fn a_handle_is_not_used_again_while_a_batch_is_handled() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut reads = [(); 8].map(|()| PipeRead::new());
    let mut handles = reads.each_mut().map(|read| read.issue(&mut laio));
    let mut seen = handles.to_vec();
    let mut batch = Vec::new();
    for _ in 0..20 {
        reads.iter_mut().for_each(PipeRead::end);
        let mut ended = 0;
        while ended < reads.len() {
            ended += laio.poll(&mut batch, None).unwrap();
            for completion in &batch {
                let slot = handles
                    .iter()
                    .position(|&handle| handle == completion.handle);
                let slot = slot.expect("the handle of a call in flight");
                handles[slot] = reads[slot].issue(&mut laio);
                assert!(!seen.contains(&handles[slot]));
                seen.push(handles[slot]);
            }
        }
    }
    PipeRead::end_all(&mut reads, &mut laio);
}

#[test]
fn poll_returns_after_its_timeout() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let mut completions = Vec::new();
    assert_eq!(
        laio.poll(&mut completions, Some(Duration::ZERO)).unwrap(),
        0
    );
    assert_eq!(
        laio.poll(&mut completions, Some(Duration::from_millis(2)))
            .unwrap(),
        0
    );
    let mut read = PipeRead::new();
    let handle = read.issue(&mut laio);
    assert_eq!(
        laio.poll(&mut completions, Some(Duration::from_millis(1)))
            .unwrap(),
        0
    );
    read.end();
    assert_eq!(laio.poll(&mut completions, Some(Duration::MAX)).unwrap(), 1);
    assert_eq!(completions[0].handle, handle);
    // What was returned before is replaced.
    assert_eq!(
        laio.poll(&mut completions, Some(Duration::ZERO)).unwrap(),
        0
    );
    assert!(completions.is_empty());
}

#[test]
fn a_thread_has_one_engine_at_a_time() {
    let _turn = turn();
    let first = Laio::new().unwrap();
    assert!(matches!(Laio::new(), Err(Error::AlreadyRunning)));
    std::thread::spawn(|| common::wander(&mut Laio::new().unwrap()))
        .join()
        .unwrap();
    drop(first);
    Laio::new().unwrap();
}

#[test]
fn senseless_options_are_refused() {
    let _turn = turn();
    let few = Laio::builder().max_carriers(1).start();
    assert!(matches!(few, Err(Error::TooFewCarriers(1))));
    for cpu in [1023, usize::MAX] {
        let nowhere = Laio::builder().cpu(cpu).start();
        assert!(matches!(nowhere, Err(Error::Pin { cpu: asked, .. }) if asked == cpu));
    }
    Laio::new().unwrap();
}

#[test]
fn results_of_a_pipe_are_the_bytes_written() {
    let _turn = turn();
    let mut laio = Laio::new().unwrap();
    let (mut reader, mut writer) = std::io::pipe().unwrap();
    let mut bytes = [0u8; 5];
    let args = [
        reader.as_raw_fd() as usize,
        bytes.as_mut_ptr() as usize,
        5,
        0,
        0,
        0,
    ];
    // SAFETY: the bytes outlive the completion.
    background(unsafe { laio.syscall(libc::SYS_read, args) });
    writer.write_all(b"hello, you").unwrap();
    assert_eq!(collect(&mut laio, 1)[0].result.as_ref().unwrap(), &5);
    assert_eq!(&bytes, b"hello");
    reader.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes, b", you");
}

#[test]
fn all_of_this_holds_for_nobody() {
    let _turn = turn();
    common::all_pass_as_nobody("all_of_this_holds_for_nobody");
}
