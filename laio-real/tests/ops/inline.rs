//! Every operation once where it need not block, and the errors that it passes on.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::Path;
use std::sync::Arc;

use laio::ops::{CWD, Dir, DirEntries, Operations};

use crate::common::turn;
use crate::{end, error_number, is_lazy, operations};

/// Operations that need not block seldom go to the background: only if they are preempted, or if a
/// file system waits for a journal.
fn mostly_inline(operations: &Operations) {
    let calls = operations.laio().counters().calls;
    assert!(
        !is_lazy(operations) || calls.done_inline() * 2 > calls.issued,
        "{calls:?}"
    );
}

fn file_with(content: &[u8]) -> Arc<File> {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(content).unwrap();
    file.rewind().unwrap();
    Arc::new(file)
}

#[test]
fn reads_replace_what_is_in_the_buffer() {
    let _turn = turn();
    let mut ops = operations();
    let file = file_with(b"0123456789");
    let started = ops.read(&file, b"old and longer".to_vec(), 4);
    let read = end(&mut ops, started);
    assert_eq!(read.result.unwrap(), 4);
    assert_eq!(read.buffer, b"0123");
    // On from there, and past the end.
    let started = ops.read(&file, read.buffer, 100);
    let read = end(&mut ops, started);
    assert_eq!(read.result.unwrap(), 6);
    assert_eq!(read.buffer, b"456789");
    let started = ops.read(&file, read.buffer, 100);
    let read = end(&mut ops, started);
    assert_eq!((read.result.unwrap(), read.buffer.len()), (0, 0));
    let started = ops.pread(&file, read.buffer, 3, 7);
    let read = end(&mut ops, started);
    assert_eq!(read.result.unwrap(), 3);
    assert_eq!(read.buffer, b"789");
    mostly_inline(&ops);
}

#[test]
fn writes_give_the_buffer_back_as_it_was() {
    let _turn = turn();
    let mut ops = operations();
    let file = file_with(b"");
    let buffer = b"hello".to_vec();
    let address = buffer.as_ptr();
    let started = ops.write(&file, buffer);
    let written = end(&mut ops, started);
    assert_eq!(written.result.unwrap(), 5);
    assert_eq!(written.buffer, b"hello");
    assert_eq!(written.buffer.as_ptr(), address);
    let started = ops.pwrite(&file, b"HE".to_vec(), 0);
    assert_eq!(end(&mut ops, started).result.unwrap(), 2);
    let started = ops.write(&file, b", you".to_vec());
    assert_eq!(end(&mut ops, started).result.unwrap(), 5);
    let started = ops.fsync(&file);
    end(&mut ops, started).unwrap();
    let started = ops.fdatasync(&file);
    end(&mut ops, started).unwrap();
    let mut content = String::new();
    let mut file = &*file;
    file.rewind().unwrap();
    file.read_to_string(&mut content).unwrap();
    assert_eq!(content, "HEllo, you");
}

#[test]
fn sendfile_goes_on_from_its_offset_or_the_files() {
    let _turn = turn();
    let mut ops = operations();
    let from = file_with(b"0123456789");
    let (mut reader, writer) = std::io::pipe().unwrap();
    let writer = Arc::new(writer);
    for (offset, bytes, expected) in [
        (None, 3, &b"012"[..]),
        (Some(5), 2, b"56"),
        (None, 100, b"3456789"),
    ] {
        let started = ops.sendfile(&writer, &from, offset, bytes);
        assert_eq!(end(&mut ops, started).unwrap(), expected.len());
        let mut sent = vec![0; expected.len()];
        reader.read_exact(&mut sent).unwrap();
        assert_eq!(sent, expected);
    }
    mostly_inline(&ops);
}

#[test]
fn names_are_made_seen_changed_and_removed() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let dir = Arc::new(File::open(path).unwrap());

    let started = ops.mkdirat(&dir, "sub", 0o750);
    end(&mut ops, started).unwrap();
    assert_eq!(
        fs::metadata(path.join("sub")).unwrap().mode() & 0o777,
        0o750
    );

    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL;
    let started = ops.openat(&dir, "sub/file", flags, 0o640);
    let file = Arc::new(end(&mut ops, started).unwrap());
    // SAFETY: takes no memory.
    let descriptor_flags = unsafe { libc::fcntl(file.as_raw_fd(), libc::F_GETFD) };
    assert_eq!(descriptor_flags, libc::FD_CLOEXEC);
    let started = ops.write(&file, vec![1; 1234]);
    end(&mut ops, started).result.unwrap();

    // Relative to a directory, absolute, and the open file itself.
    let seen = fs::metadata(path.join("sub/file")).unwrap();
    let absolute = path.join("sub/file");
    let in_directory = (Dir::from(&dir), Path::new("sub/file"), 0);
    let itself = (Dir::from(&file), Path::new(""), libc::AT_EMPTY_PATH);
    for (directory, path, flags) in [in_directory, (CWD, &absolute, 0), itself] {
        let started = ops.statx(directory, path, flags, libc::STATX_BASIC_STATS);
        let stat = end(&mut ops, started).unwrap();
        assert_eq!((stat.stx_size, stat.stx_ino), (1234, seen.ino()));
        assert_eq!(u32::from(stat.stx_mode), seen.mode());
    }

    let sub = Arc::new(File::open(path.join("sub")).unwrap());
    let started = ops.renameat(&sub, "file", &dir, "moved");
    end(&mut ops, started).unwrap();
    assert_eq!(fs::metadata(path.join("moved")).unwrap().ino(), seen.ino());

    let started = ops.getdents(&dir, Vec::new(), 4096);
    let read = end(&mut ops, started);
    assert_eq!(read.result.unwrap(), read.buffer.len());
    let mut entries: Vec<_> = DirEntries::new(&read.buffer)
        .map(|entry| (entry.name.to_str().unwrap(), entry.inode, entry.kind))
        .collect();
    entries.sort_unstable();
    assert_eq!((entries.len(), entries[0].0, entries[1].0), (4, ".", ".."));
    assert_eq!(entries[2], ("moved", seen.ino(), libc::DT_REG));
    assert_eq!((entries[3].0, entries[3].2), ("sub", libc::DT_DIR));
    let started = ops.getdents(&dir, read.buffer, 4096);
    assert_eq!(end(&mut ops, started).result.unwrap(), 0, "the end");

    for (name, flags) in [("moved", 0), ("sub", libc::AT_REMOVEDIR)] {
        let started = ops.unlinkat(&dir, name, flags);
        end(&mut ops, started).unwrap();
    }
    assert_eq!(fs::read_dir(path).unwrap().count(), 0);
}

#[test]
fn connections_are_made_and_carry_bytes() {
    let _turn = turn();
    let mut ops = operations();
    for local in ["127.0.0.1:0", "[::1]:0"] {
        let Ok(listener) = TcpListener::bind(local) else {
            println!("SKIPPED {local}: this machine does not have it");
            continue;
        };
        let address = listener.local_addr().unwrap();
        let listener = Arc::new(listener);
        let socket = Arc::new(unconnected(address));
        let started = ops.connect(&socket, address);
        end(&mut ops, started).unwrap();
        let started = ops.accept(&listener, 0);
        let accepted = end(&mut ops, started).unwrap();
        let client = TcpStream::from(socket.try_clone().unwrap());
        assert_eq!(accepted.peer, Some(client.local_addr().unwrap()));

        let server = Arc::new(accepted.socket);
        let started = ops.send(&server, b"hello".to_vec(), 0);
        let sent = end(&mut ops, started);
        assert_eq!((sent.result.unwrap(), &sent.buffer[..]), (5, &b"hello"[..]));
        let started = ops.recv(&socket, Vec::new(), 100, libc::MSG_PEEK);
        assert_eq!(end(&mut ops, started).buffer, b"hello");
        let started = ops.recv(&socket, Vec::new(), 2, 0);
        assert_eq!(end(&mut ops, started).buffer, b"he");
        // TCP throws away what it counts here, and writes nothing.
        let started = ops.recv(&socket, Vec::new(), 100, libc::MSG_TRUNC);
        let thrown_away = end(&mut ops, started);
        assert_eq!(thrown_away.result.unwrap(), 3);
        assert_eq!(thrown_away.buffer, [0; 3]);
        let server = Arc::into_inner(server).unwrap();
        let started = ops.close(server);
        end(&mut ops, started).unwrap();
        let started = ops.recv(&socket, Vec::new(), 100, 0);
        assert_eq!(end(&mut ops, started).result.unwrap(), 0, "the end");
    }
}

fn unconnected(address: SocketAddr) -> OwnedFd {
    use std::os::fd::FromRawFd;
    let family = if address.is_ipv4() {
        libc::AF_INET
    } else {
        libc::AF_INET6
    };
    // SAFETY: takes no memory, and the descriptor is new.
    unsafe {
        let socket = libc::socket(family, libc::SOCK_STREAM | libc::SOCK_CLOEXEC, 0);
        assert!(socket >= 0);
        OwnedFd::from_raw_fd(socket)
    }
}

#[test]
fn a_peer_without_an_address_of_the_internet_has_none() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let name = folder.path().join("socket");
    let listener = Arc::new(UnixListener::bind(&name).unwrap());
    let _client = UnixStream::connect(&name).unwrap();
    let started = ops.accept(&listener, libc::SOCK_NONBLOCK);
    let accepted = end(&mut ops, started).unwrap();
    assert_eq!(accepted.peer, None);
    // SAFETY: takes no memory.
    let flags = unsafe { libc::fcntl(accepted.socket.as_raw_fd(), libc::F_GETFL) };
    assert_ne!(flags & libc::O_NONBLOCK, 0);
}

#[test]
fn a_datagram_that_does_not_fit_is_counted_in_full_if_asked_for() {
    let _turn = turn();
    let mut ops = operations();
    let (from, to) = UnixDatagram::pair().unwrap();
    from.send(b"a long datagram").unwrap();
    let started = ops.recv(&Arc::new(to), Vec::new(), 6, libc::MSG_TRUNC);
    let received = end(&mut ops, started);
    assert_eq!(received.result.unwrap(), 15);
    assert_eq!(received.buffer, b"a long");
}

#[test]
fn any_other_call_can_be_made() {
    let _turn = turn();
    let mut ops = operations();
    // SAFETY: the call takes no memory.
    let started = unsafe { ops.syscall(libc::SYS_getppid, [0; 6]) };
    // SAFETY: as above.
    let parent = i64::from(unsafe { libc::getppid() });
    assert_eq!(end(&mut ops, started).unwrap(), parent);
}

#[test]
fn errors_come_through() {
    let _turn = turn();
    let mut ops = operations();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let dir = Arc::new(File::open(path).unwrap());
    fs::create_dir(path.join("full")).unwrap();
    fs::write(path.join("full/file"), "").unwrap();
    let (reader, writer) = std::io::pipe().unwrap();
    let (reader, writer) = (Arc::new(reader), Arc::new(writer));

    // A reader cannot be written to, and a pipe has no offsets.
    let started = ops.write(&reader, b"kept".to_vec());
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::EBADF);
    assert_eq!(failed.buffer, b"kept");
    let started = ops.pwrite(&writer, b"kept".to_vec(), 0);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::ESPIPE);
    assert_eq!(failed.buffer, b"kept");
    let started = ops.read(&writer, b"lost".to_vec(), 4);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::EBADF);
    assert_eq!(failed.buffer, b"");
    let started = ops.pread(&reader, Vec::new(), 4, 0);
    assert_eq!(error_number(end(&mut ops, started).result), libc::ESPIPE);
    let started = ops.pread(&dir, Vec::new(), 4, 0);
    assert_eq!(error_number(end(&mut ops, started).result), libc::EISDIR);
    let started = ops.pread(&dir, Vec::new(), 4, u64::MAX);
    assert_eq!(error_number(end(&mut ops, started).result), libc::EINVAL);
    let started = ops.getdents(&reader, Vec::new(), 4096);
    assert_eq!(error_number(end(&mut ops, started).result), libc::ENOTDIR);
    let started = ops.getdents(&dir, Vec::new(), 1);
    assert_eq!(error_number(end(&mut ops, started).result), libc::EINVAL);
    let started = ops.fsync(&reader);
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);
    let started = ops.fdatasync(&reader);
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);
    let started = ops.sendfile(&writer, &dir, Some(0), 1);
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);

    let started = ops.openat(&dir, "missing", libc::O_RDONLY, 0);
    assert_eq!(error_number(end(&mut ops, started)), libc::ENOENT);
    let started = ops.openat(&reader, "file", libc::O_RDONLY, 0);
    assert_eq!(error_number(end(&mut ops, started)), libc::ENOTDIR);
    let started = ops.statx(&dir, "a".repeat(256), 0, 0);
    assert_eq!(error_number(end(&mut ops, started)), libc::ENAMETOOLONG);
    let started = ops.unlinkat(&dir, "full", 0);
    assert_eq!(error_number(end(&mut ops, started)), libc::EISDIR);
    let started = ops.unlinkat(&dir, "full", libc::AT_REMOVEDIR);
    assert_eq!(error_number(end(&mut ops, started)), libc::ENOTEMPTY);
    let started = ops.mkdirat(&dir, "full", 0o700);
    assert_eq!(error_number(end(&mut ops, started)), libc::EEXIST);
    let started = ops.renameat(&dir, "full", &dir, "full/inside");
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);
    let started = ops.renameat(&dir, "full", &dir, "with\0nul");
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);
    let started = ops.mkdirat(CWD, path.join("with\0nul"), 0o700);
    assert_eq!(error_number(end(&mut ops, started)), libc::EINVAL);

    let started = ops.accept(&reader, 0);
    assert_eq!(error_number(end(&mut ops, started)), libc::ENOTSOCK);
    let started = ops.send(&writer, b"kept".to_vec(), 0);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::ENOTSOCK);
    assert_eq!(failed.buffer, b"kept");
    let started = ops.recv(&reader, Vec::new(), 1, 0);
    assert_eq!(error_number(end(&mut ops, started).result), libc::ENOTSOCK);
    let (left, right) = UnixStream::pair().unwrap();
    let left = Arc::new(left);
    let started = ops.send(&left, b"kept".to_vec(), libc::MSG_ZEROCOPY);
    let failed = end(&mut ops, started);
    assert_eq!(error_number(failed.result), libc::EOPNOTSUPP);
    assert_eq!(failed.buffer, b"kept");
    drop(right);
    let started = ops.send(&left, b"x".to_vec(), 0);
    assert_eq!(error_number(end(&mut ops, started).result), libc::EPIPE);
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    };
    let started = ops.connect(&Arc::new(unconnected(nobody)), nobody);
    assert_eq!(error_number(end(&mut ops, started)), libc::ECONNREFUSED);
    // SAFETY: an unknown number.
    let started = unsafe { ops.syscall(100_000, [0; 6]) };
    assert_eq!(error_number(end(&mut ops, started)), libc::ENOSYS);
    assert_eq!(ops.in_flight(), 0);
}

#[test]
fn a_closed_file_is_closed() {
    let _turn = turn();
    let mut ops = operations();
    let (reader, mut writer) = std::io::pipe().unwrap();
    let started = ops.close(reader);
    end(&mut ops, started).unwrap();
    assert_eq!(error_number(writer.write(b"x")), libc::EPIPE);
}
