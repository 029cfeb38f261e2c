//! Operations with several buffers, and buffers that there is no memory for.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;

use laio::ops::VectoredTransfer;

use crate::common::turn;
use crate::{background, end, ended, error_number, operations};

/// Empty buffers of these capacities.
fn empty(capacities: &[usize]) -> Vec<Vec<u8>> {
    capacities.iter().map(|&bytes| exactly(bytes)).collect()
}

fn exactly(bytes: usize) -> Vec<u8> {
    let buffer = Vec::with_capacity(bytes);
    assert_eq!(buffer.capacity(), bytes);
    buffer
}

#[test]
fn several_buffers_are_written_and_filled_in_their_order() {
    let _turn = turn();
    let mut ops = operations();
    let file = Arc::new(tempfile::tempfile().unwrap());
    let parts = || vec![b"one".to_vec(), Vec::new(), b"three".to_vec()];
    let started = ops.writev(&file, parts());
    let written = end(&mut ops, started);
    assert_eq!(written.result.unwrap(), 8);
    assert_eq!(written.buffers, parts());
    let started = ops.pwritev(&file, vec![b"T".to_vec(), b"H".to_vec()], 3);
    assert_eq!(end(&mut ops, started).result.unwrap(), 2);

    let mut old = empty(&[4, 0, 3, 5, 2]);
    old[0].extend(b"old");
    let addresses: Vec<_> = old.iter().map(Vec::as_ptr).collect();
    let started = ops.preadv(&file, old, 0);
    let read = end(&mut ops, started);
    assert_eq!(read.result.unwrap(), 8);
    let expected: [&[u8]; 5] = [b"oneT", b"", b"Hre", b"e", b""];
    assert_eq!(read.buffers, expected);
    assert!(
        read.buffers.iter().map(Vec::as_ptr).eq(addresses),
        "the same buffers"
    );
    let started = ops.preadv(&file, empty(&[2, 2]), 5);
    assert_eq!(end(&mut ops, started).buffers, [b"re", &b"e"[..]]);
    // `writev` has moved the file's own position to the end, `pwritev` and `preadv` have not.
    let started = ops.readv(&file, vec![b"gone".to_vec()]);
    let read = end(&mut ops, started);
    assert_eq!((read.result.unwrap(), &read.buffers[0][..]), (0, &b""[..]));
}

#[test]
fn several_buffers_come_back_from_the_background() {
    let _turn = turn();
    let mut ops = operations();
    let (here, mut there) = UnixStream::pair().unwrap();
    let here = Arc::new(here);
    let handle = background(ops.readv(&here, empty(&[3, 4])));
    there.write_all(b"hello").unwrap();
    let read: VectoredTransfer = ended(&mut ops, handle);
    assert_eq!(read.result.unwrap(), 5);
    assert_eq!(read.buffers, [b"hel", &b"lo"[..]]);

    const MUCH_BYTES: usize = 4 << 20;
    let parts = vec![vec![1; MUCH_BYTES], vec![2; MUCH_BYTES]];
    let handle = background(ops.writev(&here, parts.clone()));
    let mut all = vec![0; 2 * MUCH_BYTES];
    there.read_exact(&mut all).unwrap();
    assert!(all == parts.concat());
    let written: VectoredTransfer = ended(&mut ops, handle);
    assert_eq!(written.result.unwrap(), 2 * MUCH_BYTES);
    assert!(written.buffers == parts);
}

#[test]
fn several_buffers_come_back_with_errors() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, writer) = std::io::pipe().unwrap();
    let (reader, writer) = (Arc::new(reader), Arc::new(writer));
    let started = ops.readv(&writer, vec![b"lost".to_vec()]);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::EBADF);
    assert_eq!(failed.buffers, [b""]);
    let started = ops.writev(&reader, vec![b"kept".to_vec()]);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::EBADF);
    assert_eq!(failed.buffers, [b"kept"]);
    let started = ops.writev(&writer, vec![vec![1]; 1025]);
    assert_eq!(error_number(end(&mut ops, started).result), libc::EINVAL);
    let started = ops.writev(&writer, Vec::new());
    assert_eq!(end(&mut ops, started).result.unwrap(), 0);
}

#[test]
fn a_buffer_that_there_is_no_memory_for_is_an_error() {
    let _turn = turn();
    let mut ops = operations();
    let directory = Arc::new(std::fs::File::open(".").unwrap());
    let (socket, _other) = UnixStream::pair().unwrap();
    let socket = Arc::new(socket);
    for bytes in [usize::MAX, isize::MAX as usize, 1 << 56] {
        let buffer = || b"old".to_vec();
        for started in [
            ops.read(&socket, buffer(), bytes),
            ops.pread(&directory, buffer(), bytes, 0),
            ops.getdents(&directory, buffer(), bytes),
            ops.recv(&socket, buffer(), bytes, 0),
            ops.recv(&socket, buffer(), bytes, libc::MSG_TRUNC),
        ] {
            let refused = end(&mut ops, started);
            assert_eq!(error_number(refused.result), libc::ENOMEM);
            assert_eq!(refused.buffer, b"");
        }
    }
    assert_eq!(
        (ops.in_flight(), ops.laio().counters().calls.issued),
        (0, 0)
    );
}
