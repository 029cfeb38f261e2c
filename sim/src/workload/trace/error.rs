//! What can be wrong with a trace.

use std::io;
use std::path::PathBuf;

/// A trace that cannot be read, or not to its end.
///
/// Fatal for the reader that returned it: it yields nothing more. Records it yielded before are
/// as they were written, for every block is checked before it is decoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TraceError {
    /// The file cannot be opened.
    #[error("{}: cannot open the trace: {error}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// Reading failed.
    #[error("{}: cannot read the trace at byte {offset}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Offset of the first byte not read.
        offset: u64,
        /// The system's reason.
        #[source]
        error: io::Error,
    },
    /// The file is something else.
    #[error(
        "{}: not a laiosim trace (byte 0 does not start with \"LAIOTRACE\"): import it first",
        path.display()
    )]
    NotATrace {
        /// The file.
        path: PathBuf,
    },
    /// The file has a version of the format that this program does not know.
    #[error(
        "{}: trace format version \"{found}\" (byte 10), this program reads 1: \
         import the original again with this program, or use a newer one",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version it states.
        found: String,
    },
    /// The file ends too early.
    #[error(
        "{}: the trace is cut off at byte {offset}: copy or download it again",
        path.display()
    )]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Its length.
        offset: u64,
    },
    /// The bytes are not those that were written.
    #[error(
        "{}: the trace is damaged (checksum) somewhere before byte {offset}, most likely after \
         byte {start}: copy or download it again",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Where the block that does not match starts.
        start: u64,
        /// The end of that block.
        offset: u64,
    },
    /// The bytes are those that were written, but whoever wrote them broke the format.
    #[error(
        "{}: the block at byte {offset} breaks the trace format: {what}; \
         the program that wrote it is at fault: import the original again",
        path.display()
    )]
    Malformed {
        /// The file.
        path: PathBuf,
        /// Where the block starts.
        offset: u64,
        /// The rule that is broken.
        what: String,
    },
    /// Something follows the end.
    #[error(
        "{}: the trace ends at byte {offset}, but the file goes on: copy or download it again",
        path.display()
    )]
    TrailingBytes {
        /// The file.
        path: PathBuf,
        /// The trace's length.
        offset: u64,
    },
    /// The trace has no requests.
    #[error("{}: the trace has no requests: import a log that has some", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// The trace is too long to be held as sequences.
    #[error(
        "{}: {requests} requests, but at most {} can be played: import a part of the log",
        path.display(),
        u32::MAX
    )]
    TooManyRequests {
        /// The file.
        path: PathBuf,
        /// The number of requests it states.
        requests: u64,
    },
}

/// A trace that cannot be written. What has been written by then is not a trace.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The output refused the bytes.
    #[error("cannot write the trace: {0}")]
    Io(#[from] io::Error),
    /// The metadata cannot be written as TOML.
    #[error("cannot write the trace's metadata: {0}")]
    Metadata(#[from] toml::ser::Error),
    /// The metadata is longer than a block may be.
    #[error("the trace's metadata has {bytes} bytes, at most 1048576 are allowed")]
    MetadataTooLong {
        /// Its length.
        bytes: usize,
    },
    /// No requests or no objects.
    #[error("a trace without requests or objects cannot be written")]
    Empty,
    /// More objects than 31 bits can number.
    #[error("a trace has at most 1073741824 objects, not {objects}")]
    TooManyObjects {
        /// How many there are.
        objects: usize,
    },
    /// The metadata promised another number than came.
    #[error("the metadata states {stated} {what}, but there are {found}")]
    Count {
        /// Objects, clients or requests.
        what: &'static str,
        /// What the metadata says.
        stated: u64,
        /// What was written.
        found: u64,
    },
    /// A record cannot be part of this trace.
    #[error("request {index}: {what}")]
    Record {
        /// The record's number, from 0.
        index: u64,
        /// What is wrong with it.
        what: &'static str,
    },
}
