//! The messages: requests and response headers of fixed lengths, as in the simulator.
//!
//! ```text
//! GET /obj/01/000200 HTTP/1.1        HTTP/1.1 200 OK
//! Host: laiosim                      Server: laiosim
//! If-Modified-Since: ...             Content-Length: 8192
//! Padding: ----                      Padding: ----
//! ```
//!
//! A request is [`REQUEST_BYTES`] long, a header [`HEADER_BYTES`]; a header line fills them up.
//! A request with an `If-Modified-Since` line is answered 304, whatever the date: which requests
//! are, is the trace's business. That answer has no body and no `Content-Length`. Whether a name
//! exists is seen when it is opened: a request for one that does not looks like any other, and is
//! answered 404 without a body.

use std::fmt;
use std::io::Write;

use sim::server::script::{Asked, HEADER_BYTES, REQUEST_BYTES, Request};

use crate::emulate::image::path_of;

/// What every message ends with.
const END: &[u8] = b"\r\n\r\n";
/// What makes a request conditional.
const CONDITION: &[u8] = b"\r\nIf-Modified-Since:";

/// A request as it goes over the wire.
pub(crate) type RequestMessage = [u8; REQUEST_BYTES as usize];
/// A response header as it goes over the wire.
pub(crate) type HeaderMessage = [u8; HEADER_BYTES as usize];

/// What a response header says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// 200, and the length of the body in bytes.
    Body(u64),
    /// 304, without a body.
    NotModified,
    /// 404, without a body.
    NotFound,
}

/// The message that asks for `request`.
pub(crate) fn format_request(request: Request) -> RequestMessage {
    let path = path_of(request.object);
    if request.asked == Asked::NotModified {
        padded(format_args!(
            "GET /{path} HTTP/1.1\r\nHost: laiosim\r\n\
             If-Modified-Since: Thu, 01 Jan 1970 00:00:00 GMT\r\n"
        ))
    } else {
        padded(format_args!("GET /{path} HTTP/1.1\r\nHost: laiosim\r\n"))
    }
}

/// The request in `message` and its object's path relative to the root; `None` if it is none that
/// this server understands.
pub(crate) fn parse_request(message: &[u8]) -> Option<(Request, String)> {
    let rest = message.strip_prefix(b"GET /")?;
    let path = &rest[..rest.iter().position(|&byte| byte == b' ')?];
    let well_formed = rest[path.len()..].starts_with(b" HTTP/1.1\r\n")
        && message.ends_with(END)
        && message.len() == REQUEST_BYTES as usize;
    let name = path.rsplit(|&byte| byte == b'/').next()?;
    let object = std::str::from_utf8(name).ok()?.parse().ok()?;
    let canonical = path_of(object);
    let is_conditional = message
        .windows(CONDITION.len())
        .any(|part| part == CONDITION);
    let asked = match is_conditional {
        true => Asked::NotModified,
        false => Asked::Whole,
    };
    let request = Request { object, asked };
    (well_formed && canonical.as_bytes() == path).then_some((request, canonical))
}

/// The header of `answer`.
pub(crate) fn format_header(answer: Answer) -> HeaderMessage {
    match answer {
        Answer::Body(bytes) => padded(format_args!(
            "HTTP/1.1 200 OK\r\nServer: laiosim\r\nContent-Length: {bytes}\r\n"
        )),
        Answer::NotModified => padded(format_args!(
            "HTTP/1.1 304 Not Modified\r\nServer: laiosim\r\n"
        )),
        Answer::NotFound => padded(format_args!(
            "HTTP/1.1 404 Not Found\r\nServer: laiosim\r\nContent-Length: 0\r\n"
        )),
    }
}

/// What `header` says; `None` if it is no header of this server's.
pub(crate) fn parse_header(header: &HeaderMessage) -> Option<Answer> {
    let lines = std::str::from_utf8(header.strip_suffix(END)?).ok()?;
    if lines.starts_with("HTTP/1.1 304 ") {
        return Some(Answer::NotModified);
    }
    if lines.starts_with("HTTP/1.1 404 ") {
        return Some(Answer::NotFound);
    }
    let lines = lines.strip_prefix("HTTP/1.1 200 OK\r\n")?;
    lines
        .split("\r\n")
        .find_map(|line| line.strip_prefix("Content-Length: "))?
        .parse()
        .ok()
        .map(Answer::Body)
}

fn padded<const BYTES: usize>(lines: fmt::Arguments<'_>) -> [u8; BYTES] {
    let mut message = [b'-'; BYTES];
    let (text, end) = message.split_at_mut(BYTES - END.len());
    write!(&mut *text, "{lines}Padding: ").expect("the longest message fits, as a test shows");
    end.copy_from_slice(END);
    message
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_understood() {
        for object in [0, 200, i32::MAX as u32] {
            for asked in [Asked::Whole, Asked::NotModified] {
                let request = Request { object, asked };
                let parsed = parse_request(&format_request(request));
                assert_eq!(parsed, Some((request, path_of(object))));
            }
        }
    }

    #[test]
    fn what_is_answered_is_understood() {
        let bodies = [0, u64::MAX].map(Answer::Body);
        for answer in bodies
            .into_iter()
            .chain([Answer::NotModified, Answer::NotFound])
        {
            assert_eq!(parse_header(&format_header(answer)), Some(answer));
        }
    }

    #[test]
    fn the_request_for_a_name_that_does_not_exist_looks_like_any_other() {
        let message = |asked| format_request(Request { object: 7, asked });
        assert_eq!(message(Asked::Missing), message(Asked::Whole));
    }

    #[test]
    fn only_paths_of_objects_are_understood() {
        let message = |path: &str| -> RequestMessage {
            padded(format_args!("GET /{path} HTTP/1.1\r\nHost: laiosim\r\n"))
        };
        assert!(parse_request(&message("obj/01/000200")).is_some());
        for path in ["obj/00/000200", "../etc/200", "obj/01/200", "obj/01/", ""] {
            assert_eq!(parse_request(&message(path)), None, "{path}");
        }
        assert_eq!(parse_request(&message("obj/01/000200")[..127]), None);
        assert_eq!(parse_request(b"POST /obj/01/000200 HTTP/1.1\r\n\r\n"), None);
    }
}
