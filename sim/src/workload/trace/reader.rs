//! Reads a trace.

use super::chunk::{ChunkReader, Tag};
use super::codec::{Codec, take_u32, take_varint};
use super::request::MAX_OBJECTS;
use super::{Metadata, Record, TraceError};
use crate::engine::Nanos;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

/// Reads a trace, one block at a time; an iterator over its records.
///
/// A trace is whole only when the iterator has ended without an error. After an error it ends.
pub struct TraceReader<R = BufReader<File>> {
    chunks: ChunkReader<R>,
    metadata: Metadata,
    sizes: Vec<u64>,
    codec: Codec,
    block: Vec<u8>,
    /// Where the next record starts in `block`.
    position: usize,
    /// Records left in `block`.
    in_block: u64,
    read: u64,
    /// The latest record's time in ticks.
    ticks: u64,
    done: bool,
}

impl TraceReader {
    /// Opens the trace at `path` and reads its metadata and object sizes.
    ///
    /// # Errors
    ///
    /// The file cannot be opened or read, is no trace of a known version, has no requests, or is
    /// damaged in its first part.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let path = path.as_ref();
        let file = File::open(path).map_err(|error| TraceError::Open {
            path: path.to_owned(),
            error,
        })?;
        Self::new(BufReader::new(file), path)
    }
}

impl<R: Read> TraceReader<R> {
    /// Reads a trace from `input`; `path` is what errors call it.
    ///
    /// # Errors
    ///
    /// As [`open`](TraceReader::open).
    pub fn new(input: R, path: impl AsRef<Path>) -> Result<Self, TraceError> {
        let mut chunks = ChunkReader::new(input, path.as_ref().to_owned())?;
        let mut block = Vec::new();
        let metadata = read_metadata(&mut chunks, &mut block)?;
        let sizes = read_sizes(&mut chunks, &mut block, &metadata)?;
        Ok(Self {
            chunks,
            metadata,
            sizes,
            codec: Codec::default(),
            block: Vec::new(),
            position: 0,
            in_block: 0,
            read: 0,
            ticks: 0,
            done: false,
        })
    }

    /// What the trace says about itself.
    pub fn metadata(&self) -> &Metadata {
        &self.metadata
    }

    /// The objects' sizes in bytes, by number.
    pub fn objects(&self) -> &[u64] {
        &self.sizes
    }

    /// The error for a trace too long for what it is wanted for.
    pub(super) fn too_many_requests(&self) -> TraceError {
        TraceError::TooManyRequests {
            path: self.chunks.path(),
            requests: self.metadata.requests,
        }
    }

    fn next_record(&mut self) -> Result<Option<Record>, TraceError> {
        while self.in_block == 0 {
            if !self.next_block()? {
                return Ok(None);
            }
        }
        if self.read == self.metadata.requests {
            return Err(self
                .chunks
                .malformed("more requests than the metadata states"));
        }
        let mut input = &self.block[self.position..];
        let delta = self.codec.take(&mut input);
        self.position = self.block.len() - input.len();
        let delta = delta.map_err(|what| self.chunks.malformed(what))?;
        if delta.client >= self.metadata.clients || delta.object >= self.metadata.objects {
            return Err(self.chunks.malformed("a client or object does not exist"));
        }
        let ticks = self.ticks.checked_add(delta.ticks);
        let time = ticks.and_then(|ticks| ticks.checked_mul(self.metadata.tick_ns));
        let (Some(ticks), Some(time)) = (ticks, time) else {
            return Err(self.chunks.malformed("a time is too late"));
        };
        self.ticks = ticks;
        self.in_block -= 1;
        self.read += 1;
        Ok(Some(Record {
            time: Nanos(time),
            client: delta.client,
            object: delta.object,
            not_modified: delta.not_modified,
        }))
    }

    /// Reads the next block of records; false at the end of the trace.
    fn next_block(&mut self) -> Result<bool, TraceError> {
        if self.position < self.block.len() {
            return Err(self.chunks.malformed("bytes follow its last record"));
        }
        let tag = self.chunks.read(&mut self.block)?;
        let mut input = &self.block[..];
        match tag {
            Tag::Records => {
                let count = take_varint(&mut input).map_err(|what| self.chunks.malformed(what))?;
                self.in_block = count;
                self.position = self.block.len() - input.len();
                Ok(true)
            }
            Tag::End => self.end().map(|()| false),
            Tag::Metadata | Tag::Objects => Err(self.chunks.malformed("it is out of order")),
        }
    }

    /// Checks the last chunk against what was read.
    fn end(&mut self) -> Result<(), TraceError> {
        let mut input = &self.block[..];
        let counts = take_varint(&mut input).and_then(|r| Ok((r, take_u32(&mut input)?)));
        let (requests, clients) = counts.map_err(|what| self.chunks.malformed(what))?;
        let stated = (self.metadata.requests, self.metadata.clients);
        if self.read != requests || stated != (requests, clients) {
            return Err(self.chunks.malformed(format!(
                "{} requests were read, {requests} written, {} promised",
                self.read, stated.0
            )));
        }
        self.chunks.expect_end()
    }
}

impl<R: Read> Iterator for TraceReader<R> {
    type Item = Result<Record, TraceError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.next_record().transpose();
        self.done = !matches!(next, Some(Ok(_)));
        next
    }
}

fn read_metadata<R: Read>(
    chunks: &mut ChunkReader<R>,
    block: &mut Vec<u8>,
) -> Result<Metadata, TraceError> {
    if chunks.read(block)? != Tag::Metadata {
        return Err(chunks.malformed("the metadata must come first"));
    }
    let metadata: Metadata =
        toml::from_slice(block).map_err(|error| chunks.malformed(format!("metadata: {error}")))?;
    if metadata.requests == 0 {
        let path = chunks.path();
        return Err(TraceError::Empty { path });
    }
    if metadata.tick_ns == 0 {
        return Err(chunks.malformed("tick_ns must be at least 1"));
    }
    Ok(metadata)
}

fn read_sizes<R: Read>(
    chunks: &mut ChunkReader<R>,
    block: &mut Vec<u8>,
    metadata: &Metadata,
) -> Result<Vec<u64>, TraceError> {
    let objects = metadata.objects as usize;
    if objects == 0 || objects > MAX_OBJECTS {
        return Err(chunks.malformed("the number of objects must be 1 to 1073741824"));
    }
    let mut sizes = Vec::new();
    while sizes.len() < objects {
        if chunks.read(block)? != Tag::Objects {
            return Err(chunks.malformed("there are fewer objects than the metadata states"));
        }
        let mut input = &block[..];
        while !input.is_empty() {
            sizes.push(take_varint(&mut input).map_err(|what| chunks.malformed(what))?);
        }
    }
    if sizes.len() > objects {
        return Err(chunks.malformed("there are more objects than the metadata states"));
    }
    Ok(sizes)
}
