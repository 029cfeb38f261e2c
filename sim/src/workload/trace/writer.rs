//! Writes a trace.

use super::chunk::{ChunkWriter, GOOD_PAYLOAD, MAX_PAYLOAD, Tag};
use super::codec::{Codec, Delta, put_varint};
use super::request::MAX_OBJECTS;
use super::{Metadata, Record, WriteError};
use std::io::Write;

/// Writes a trace, one record at a time.
///
/// The output is a trace only after [`finish`](Self::finish): write to a temporary file and rename
/// it then.
pub struct TraceWriter<W: Write> {
    chunks: ChunkWriter<W>,
    metadata: Metadata,
    codec: Codec,
    /// Encoded records of the next chunk.
    block: Vec<u8>,
    /// How many these are.
    in_block: u64,
    written: u64,
    /// The latest record's time in ticks.
    ticks: u64,
    /// Which clients have had a request.
    seen: Vec<bool>,
}

impl<W: Write> TraceWriter<W> {
    /// Starts a trace of objects with these `sizes` in bytes on `out` (buffer it yourself).
    ///
    /// # Errors
    ///
    /// The metadata states no requests, a number of objects other than that of `sizes`, or does
    /// not fit the format; or `out` fails.
    pub fn new(out: W, metadata: Metadata, sizes: &[u64]) -> Result<Self, WriteError> {
        if metadata.requests == 0 || sizes.is_empty() {
            return Err(WriteError::Empty);
        }
        if sizes.len() > MAX_OBJECTS {
            let objects = sizes.len();
            return Err(WriteError::TooManyObjects { objects });
        }
        same_count("objects", metadata.objects.into(), sizes.len() as u64)?;
        let text = toml::to_string(&metadata)?;
        if text.len() > MAX_PAYLOAD {
            return Err(WriteError::MetadataTooLong { bytes: text.len() });
        }
        let mut chunks = ChunkWriter::new(out)?;
        chunks.write(Tag::Metadata, text.as_bytes())?;
        write_sizes(&mut chunks, sizes)?;
        Ok(Self {
            chunks,
            seen: vec![false; metadata.clients as usize],
            metadata,
            codec: Codec::default(),
            block: Vec::new(),
            in_block: 0,
            written: 0,
            ticks: 0,
        })
    }

    /// Adds a request.
    ///
    /// # Errors
    ///
    /// The request is earlier than the one before, between two ticks, or of a client or an object
    /// that does not exist; or the output fails.
    pub fn write(&mut self, record: Record) -> Result<(), WriteError> {
        let delta = self.delta(record).map_err(|what| WriteError::Record {
            index: self.written,
            what,
        })?;
        self.codec.put(&mut self.block, delta);
        self.seen[record.client as usize] = true;
        self.ticks += delta.ticks;
        self.in_block += 1;
        self.written += 1;
        if self.block.len() >= GOOD_PAYLOAD {
            self.write_block()?;
        }
        Ok(())
    }

    /// Ends the trace, flushes and returns the output.
    ///
    /// # Errors
    ///
    /// Another number of requests or clients was written than the metadata states; or the output
    /// fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        let clients = self.seen.iter().filter(|seen| **seen).count() as u64;
        same_count("clients", self.metadata.clients.into(), clients)?;
        same_count("requests", self.metadata.requests, self.written)?;
        if self.in_block > 0 {
            self.write_block()?;
        }
        let mut end = Vec::new();
        put_varint(&mut end, self.written);
        put_varint(&mut end, clients);
        self.chunks.write(Tag::End, &end)?;
        Ok(self.chunks.into_inner()?)
    }

    fn delta(&self, record: Record) -> Result<Delta, &'static str> {
        let tick = self.metadata.tick_ns;
        if tick == 0 || !record.time.0.is_multiple_of(tick) {
            return Err("its time is not a multiple of the metadata's tick");
        }
        if record.client >= self.metadata.clients {
            return Err("its client's number is not below the metadata's number of clients");
        }
        if record.object >= self.metadata.objects {
            return Err("its object's number is not below the number of objects");
        }
        Ok(Delta {
            ticks: (record.time.0 / tick)
                .checked_sub(self.ticks)
                .ok_or("it is earlier than the request before it")?,
            client: record.client,
            object: record.object,
            not_modified: record.not_modified,
        })
    }

    fn write_block(&mut self) -> Result<(), WriteError> {
        let mut payload = Vec::with_capacity(self.block.len() + 10);
        put_varint(&mut payload, self.in_block);
        payload.append(&mut self.block);
        self.in_block = 0;
        Ok(self.chunks.write(Tag::Records, &payload)?)
    }
}

fn write_sizes<W: Write>(chunks: &mut ChunkWriter<W>, sizes: &[u64]) -> Result<(), WriteError> {
    let mut payload = Vec::new();
    for &size in sizes {
        put_varint(&mut payload, size);
        if payload.len() >= GOOD_PAYLOAD {
            chunks.write(Tag::Objects, &payload)?;
            payload.clear();
        }
    }
    if !payload.is_empty() {
        chunks.write(Tag::Objects, &payload)?;
    }
    Ok(())
}

fn same_count(what: &'static str, stated: u64, found: u64) -> Result<(), WriteError> {
    if stated == found {
        return Ok(());
    }
    Err(WriteError::Count {
        what,
        stated,
        found,
    })
}
