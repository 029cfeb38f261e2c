//! Recorded requests as files: objects with their sizes, and who asked for which when.
//!
//! A trace says what was asked of a server, nothing about how it answered: no response times, no
//! names, no headers. A request is for the whole body of an object or was answered "not modified"
//! (status 304), which costs the server a look at the object but no body. Byte ranges, redirects
//! and errors have no kind of their own: an importer states what it made of them.
//!
//! # The file
//!
//! ```text
//! file    = "LAIOTRACE 1\n" chunk*
//! chunk   = tag (1 byte)  length (4 bytes)  payload (length bytes)  check (4 bytes)
//! ```
//!
//! Integers of fixed width are little-endian; all others are LEB128 varints. `check` is the CRC-32
//! (IEEE) of everything in the file up to the end of the payload **except the earlier checks**, so
//! that each check vouches for the whole file so far. (With the checks included it would not: a
//! CRC-32 over data and its own CRC is a constant.) Chunks come in this order:
//!
//! | tag | chunks | payload |
//! |---|---|---|
//! | `M` | 1 | [`Metadata`] as TOML, readable with `head` |
//! | `O` | 1.. | sizes in bytes of the next objects; objects are numbered from 0 in this order |
//! | `R` | 1.. | the number of records, then the records, in order of time |
//! | `E` | 1 | number of requests, of clients; nothing follows it |
//!
//! A record is a token byte and up to three varints:
//!
//! ```text
//! token   = bit 0: not modified
//!           bits 1-2: ticks since the record before (the first: since 0); 3 = 3 + varint
//!           bits 3-7: the client, by its place among the 31 most recent; 31 = varint
//! record  = token [ticks - 3] [client] object
//! ```
//!
//! The most recent clients and the time carry over from one `R` chunk to the next. A payload is at
//! most 1 MiB, so that a reader holds one block and not the file.
//!
//! # How it was checked
//!
//! Random traces survive the round trip; a small trace cut at every byte, or with any bit
//! flipped, is refused; the shipped trace equals the log it was made from, request by request.

mod chunk;
mod codec;
mod error;
mod reader;
mod request;
mod sequences;
#[cfg(test)]
mod tests;
mod timed;
mod writer;

pub use error::{TraceError, WriteError};
pub use reader::TraceReader;
pub use request::{PackedRequest, RequestKind};
pub use sequences::Sequences;
pub use timed::TimedSequences;
pub use writer::TraceWriter;

use crate::engine::Nanos;
use serde::{Deserialize, Serialize};

/// What a trace says about itself, in its first bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// What was recorded, in one line.
    pub title: String,
    /// Where the recording comes from and what the import made of it.
    pub source: String,
    /// Copyright and terms that go along with every copy.
    pub notice: String,
    /// The recording's resolution in nanoseconds: every time is a multiple of it.
    pub tick_ns: u64,
    /// Number of objects.
    pub objects: u32,
    /// Number of clients; each has at least one request.
    pub clients: u32,
    /// Number of requests; at least 1.
    pub requests: u64,
}

/// One recorded request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// Time since the start of the recording.
    pub time: Nanos,
    /// Who asked: an index below [`Metadata::clients`].
    pub client: u32,
    /// What was asked for: an index into [`TraceReader::objects`].
    pub object: u32,
    /// Answered without a body (status 304): the server looks the object up, and that is all.
    pub not_modified: bool,
}
