//! What a server takes for connections, and for the buffers into which it reads files for them.

use std::fs;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::thread;

use sim::scenario::keys::ServerKeys;
use sim::server::script::{Asked, HEADER_BYTES, Request};

use super::{MANY, SETTLE, held, server};
use crate::calibrate::CalibrateError;
use crate::emulate::cgroup::MemoryGroup;
use crate::emulate::image::path_of;
use crate::serve::NB_B;
use crate::serve::http::format_request;

/// Bytes per connection, and per page of its buffer once a file that fills it was read.
pub(super) fn measure(group: &MemoryGroup) -> Result<(f64, f64), CalibrateError> {
    let chunk = ServerKeys::default().chunk.0 as usize;
    let folder = folder_with_a_file(chunk).map_err(failed)?;
    let server = server(NB_B, 1, folder.path(), group)?;
    let takes = || {
        let now = || {
            thread::sleep(SETTLE);
            held(group).map(|(anonymous, kernel)| anonymous + kernel)
        };
        let alone = now()?;
        let connect = || TcpStream::connect(server.address());
        let mut connections: Vec<TcpStream> =
            (0..MANY).map(|_| connect()).collect::<io::Result<_>>()?;
        let idle = now()?;
        let request = format_request(Request {
            object: 0,
            asked: Asked::Whole,
        });
        let mut response = vec![0; HEADER_BYTES as usize + chunk];
        for connection in &mut connections {
            connection.write_all(&request)?;
            connection.read_exact(&mut response)?;
        }
        let filled = now()?;
        let pages = response.len().div_ceil(4096);
        let each = |bytes: f64| bytes / MANY as f64;
        Ok((each(idle - alone), each(filled - idle) / pages as f64))
    };
    takes().map_err(failed)
}

fn folder_with_a_file(bytes: usize) -> io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join(path_of(0));
    fs::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
    fs::write(&path, vec![1; bytes])?;
    Ok(folder)
}

fn failed(source: io::Error) -> CalibrateError {
    CalibrateError::Call {
        what: "memory of connections",
        source,
    }
}
