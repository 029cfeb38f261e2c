//! The real servers, as processes under the real load generator.

mod server;
mod site;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use server::{Server, ends, first_line, received, serve_command};
use sim::server::script::{HEADER_BYTES, OpKind};
use site::{Site, content};
use validate::emulate::image::path_of;
use validate::serve::counters::Snapshot;

const FILE_KINDS: [OpKind; 5] = [
    OpKind::Open,
    OpKind::Stat,
    OpKind::Fstat,
    OpKind::Read,
    OpKind::Close,
];

/// Plays the trace and holds the server's counters against what the script implies.
fn play(site: &Site, server: &Server) -> Snapshot {
    let before = server.snapshot();
    let result = server.load(site);
    assert_eq!(result.responses.len() as u64, site.requests());
    assert_eq!(result.bytes, site.response_bytes());
    let begun = received(&before.event_loop);
    let later = server.snapshot_after(begun + site.requests() + site.sequences);
    let counted = later.minus(&before);
    let in_loop = counted.event_loop;
    assert_eq!(in_loop.requests, site.requests());
    assert_eq!(in_loop.failures, 0);
    for kind in FILE_KINDS {
        let op = in_loop.op(kind);
        assert_eq!(op.issued, site.file_operations(kind), "{kind:?}");
        assert!(op.would_block <= op.issued, "{kind:?}: {op:?}");
    }
    let accepts = in_loop.op(OpKind::Accept);
    assert_eq!(accepts.issued - accepts.would_block, site.sequences);
    let sends = in_loop.op(OpKind::Send);
    let chunks = site.file_operations(OpKind::Read);
    assert!(sends.issued - sends.would_block >= chunks.max(site.requests()));
    counted
}

/// In `nb-b` whatever blocks stalls the loop, and nothing goes on in the background.
fn assert_blocks_the_loop(counted: &Snapshot) {
    let in_loop = counted.event_loop;
    let blocked: u64 = FILE_KINDS
        .map(|kind| in_loop.op(kind).would_block)
        .iter()
        .sum();
    assert_eq!(in_loop.loop_stalls, blocked);
    assert_eq!(in_loop.stalled.0 > 0, blocked > 0);
    assert_eq!(in_loop.continuations, 0);
}

/// In `nb-amped` each continuation is a helper's stat, or its open, read and close.
fn assert_helpers_helped(counted: &Snapshot) {
    assert_eq!(counted.helpers.len(), 4);
    let by_helpers = |kind| -> u64 { counted.helpers.iter().map(|h| h.op(kind).issued).sum() };
    let reads = by_helpers(OpKind::Read);
    assert_eq!(by_helpers(OpKind::Open), reads);
    assert_eq!(by_helpers(OpKind::Close), reads);
    let jobs = by_helpers(OpKind::Stat) + reads;
    assert_eq!(counted.event_loop.continuations, jobs);
}

/// In `nb-laio` each continuation is a call whose control came back early; of those that blocked
/// only the late ones stalled the loop.
fn assert_laio_gave_control_back(counted: &Snapshot) {
    let in_loop = counted.event_loop;
    let ops = FILE_KINDS.map(|kind| in_loop.op(kind));
    let stolen: u64 = ops
        .iter()
        .map(|op| op.would_block - op.late + op.false_steals)
        .sum();
    assert_eq!(in_loop.continuations, stolen);
    let late: u64 = ops.iter().map(|op| op.late).sum();
    assert_eq!(in_loop.loop_stalls, late);
}

fn every_request_is_answered_once_and_counted(name: &str, check: fn(&Snapshot)) {
    let site = Site::new();
    let Some(mut server) = Server::start(&site, name) else {
        return;
    };
    check(&play(&site, &server));
    site.drop_from_cache();
    let cold = play(&site, &server);
    check(&cold);
    let total = cold.total();
    let blocked: u64 = FILE_KINDS
        .map(|kind| total.op(kind).would_block)
        .iter()
        .sum();
    if blocked == 0 {
        eprintln!("SKIPPED: {name}: this file system's cache cannot be dropped, nothing blocked");
    }
    assert!(server.stop());
}

#[test]
fn nb_b_answers_every_request_once() {
    every_request_is_answered_once_and_counted("nb-b", assert_blocks_the_loop);
}

#[test]
fn nb_amped_answers_every_request_once() {
    every_request_is_answered_once_and_counted("nb-amped", assert_helpers_helped);
}

#[test]
fn nb_laio_answers_every_request_once() {
    every_request_is_answered_once_and_counted("nb-laio", assert_laio_gave_control_back);
}

/// A request as the documentation has it.
fn request(object: u32) -> Vec<u8> {
    let mut message = format!("GET /{} HTTP/1.1\r\nPadding: ", path_of(object)).into_bytes();
    message.resize(124, b'-');
    message.extend(b"\r\n\r\n");
    message
}

fn fetch(stream: &mut TcpStream, object: u32, size_bytes: u64) -> std::io::Result<Vec<u8>> {
    stream.write_all(&request(object))?;
    let mut header = [0; HEADER_BYTES as usize];
    stream.read_exact(&mut header)?;
    let length = format!("Content-Length: {size_bytes}\r\n");
    assert!(String::from_utf8_lossy(&header).contains(&length));
    let mut body = vec![0; size_bytes as usize];
    stream.read_exact(&mut body)?;
    Ok(body)
}

#[test]
fn concurrent_clients_get_the_right_bytes() {
    let site = Site::new();
    for name in ["nb-b", "nb-amped", "nb-laio"] {
        site.drop_from_cache();
        let Some(server) = Server::start(&site, name) else {
            continue;
        };
        thread::scope(|scope| {
            for client in 0..8_u32 {
                let (sizes, port) = (&site.sizes_bytes, server.port);
                scope.spawn(move || {
                    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("connected");
                    let count = sizes.len() as u32;
                    for turn in 0..count {
                        // Each client starts elsewhere.
                        let object = (turn + client * 25) % count;
                        let size = sizes[object as usize];
                        let body = fetch(&mut stream, object, size).expect("answered");
                        assert!(body == content(object, size), "{name}: object {object}");
                    }
                });
            }
        });
    }
}

#[test]
fn what_cannot_be_served_ends_its_connection_only() {
    let site = Site::new();
    for name in ["nb-b", "nb-amped", "nb-laio"] {
        let Some(server) = Server::start(&site, name) else {
            continue;
        };
        let connect = || TcpStream::connect(("127.0.0.1", server.port)).expect("connected");
        let mut good = connect();
        let mut nonsense = connect();
        nonsense.write_all(&[b'x'; 128]).expect("sent");
        assert_eq!(nonsense.read(&mut [0]).expect("ended"), 0);
        assert!(fetch(&mut good, 1, 1).is_ok());
        assert_eq!(server.snapshot().event_loop.failures, 1, "{name}");
    }
}

#[test]
fn a_name_that_does_not_exist_is_answered_404_and_its_connection_goes_on() {
    let site = Site::new();
    for name in ["nb-b", "nb-amped", "nb-laio"] {
        let Some(server) = Server::start(&site, name) else {
            continue;
        };
        let mut stream = TcpStream::connect(("127.0.0.1", server.port)).expect("connected");
        // Twice: the kernel then knows that the name does not exist. The second folder is missing.
        for object in [205, 205, 9999, 9999] {
            stream.write_all(&request(object)).expect("sent");
            let mut header = [0; HEADER_BYTES as usize];
            stream.read_exact(&mut header).expect("answered");
            let header = String::from_utf8_lossy(&header);
            assert!(header.starts_with("HTTP/1.1 404 "), "{name}: {header}");
            assert!(header.contains("Content-Length: 0\r\n"), "{name}");
        }
        assert!(fetch(&mut stream, 1, 1).is_ok());
        assert_eq!(server.snapshot().event_loop.failures, 0, "{name}");
    }
}

#[test]
fn a_terminated_server_leaves_no_process() {
    let site = Site::new();
    for (name, helpers) in [("nb-b", 0), ("nb-amped", 4), ("nb-laio", 0)] {
        let Some(mut server) = Server::start(&site, name) else {
            continue;
        };
        let processes = server.processes();
        assert_eq!(processes.len(), helpers + 1);
        assert!(server.stop(), "{name}");
        assert!(processes.iter().all(|&pid| ends(pid)), "{name}");
    }
}

#[test]
fn a_server_ends_with_the_process_that_started_it() {
    let site = Site::new();
    let said = site.folder.path().join("said");
    let serve = serve_command(&site, "nb-amped");
    let mut shell = std::process::Command::new("sh");
    shell
        .arg("-c")
        .arg("\"$@\" > \"$0\" & echo $!; read until_told");
    shell
        .arg(&said)
        .arg(serve.get_program())
        .args(serve.get_args());
    let piped = std::process::Stdio::piped;
    let mut shell = shell
        .stdin(piped())
        .stdout(piped())
        .spawn()
        .expect("a shell");
    let line = first_line(&said);
    assert!(line.starts_with("listening "), "{line}");
    let mut pid = String::new();
    let mut stdout = shell.stdout.take().expect("it is piped");
    let mut byte = [0];
    while stdout.read(&mut byte).expect("text") == 1 && byte[0] != b'\n' {
        pid.push(byte[0].into());
    }
    let pid = pid.parse().expect("a number");
    let mut processes = server::children(pid);
    assert_eq!(processes.len(), 4);
    processes.push(pid);
    // Its end is the shell's.
    drop(shell.stdin.take());
    shell.wait().expect("an exit code");
    assert!(processes.iter().all(|&pid| ends(pid)));
}
