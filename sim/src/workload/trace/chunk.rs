//! The frame of the file: chunks with a running checksum.

use super::TraceError;
use crc32fast::Hasher;
use std::io::{self, Read, Write};
use std::path::PathBuf;

/// The first word of every trace; a space, the version and a line feed follow.
const NAME: &[u8] = b"LAIOTRACE";
/// What a file of this version starts with.
const MAGIC: &[u8; 12] = b"LAIOTRACE 1\n";
/// The longest payload in bytes: our choice, so that a damaged length cannot ask for all memory.
pub(super) const MAX_PAYLOAD: usize = 1 << 20;
/// Payload in bytes at which a writer starts the next chunk: our choice.
pub(super) const GOOD_PAYLOAD: usize = 1 << 16;

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Tag {
    Metadata = b'M',
    Objects = b'O',
    Records = b'R',
    End = b'E',
}

impl Tag {
    fn from_byte(byte: u8) -> Option<Self> {
        [Self::Metadata, Self::Objects, Self::Records, Self::End]
            .into_iter()
            .find(|tag| *tag as u8 == byte)
    }
}

/// Writes the magic bytes and chunks.
pub(super) struct ChunkWriter<W> {
    out: W,
    crc: Hasher,
}

impl<W: Write> ChunkWriter<W> {
    pub(super) fn new(mut out: W) -> io::Result<Self> {
        out.write_all(MAGIC)?;
        let mut crc = Hasher::new();
        crc.update(MAGIC);
        Ok(Self { out, crc })
    }

    /// Writes `payload`, at most [`MAX_PAYLOAD`] bytes.
    pub(super) fn write(&mut self, tag: Tag, payload: &[u8]) -> io::Result<()> {
        assert!(payload.len() <= MAX_PAYLOAD, "chunk too long");
        let mut head = [tag as u8, 0, 0, 0, 0];
        head[1..].copy_from_slice(&(payload.len() as u32).to_le_bytes());
        self.crc.update(&head);
        self.crc.update(payload);
        self.out.write_all(&head)?;
        self.out.write_all(payload)?;
        self.out
            .write_all(&self.crc.clone().finalize().to_le_bytes())
    }

    pub(super) fn into_inner(mut self) -> io::Result<W> {
        self.out.flush()?;
        Ok(self.out)
    }
}

/// Reads the magic bytes and chunks.
pub(super) struct ChunkReader<R> {
    input: R,
    path: PathBuf,
    crc: Hasher,
    /// Bytes read so far.
    offset: u64,
    /// Where the chunk read last starts.
    start: u64,
}

impl<R: Read> ChunkReader<R> {
    pub(super) fn new(input: R, path: PathBuf) -> Result<Self, TraceError> {
        let mut this = Self {
            input,
            path,
            crc: Hasher::new(),
            offset: 0,
            start: 0,
        };
        this.read_magic()?;
        Ok(this)
    }

    fn read_magic(&mut self) -> Result<(), TraceError> {
        let mut magic = [0; MAGIC.len()];
        let filled = self.fill_some(&mut magic)?;
        let path = self.path.clone();
        if filled < magic.len() && MAGIC.starts_with(&magic[..filled]) {
            return Err(TraceError::Truncated {
                path,
                offset: self.offset,
            });
        }
        if !magic.starts_with(NAME) {
            return Err(TraceError::NotATrace { path });
        }
        if magic != *MAGIC {
            let found = String::from_utf8_lossy(&magic[NAME.len()..filled]);
            let found = found.trim().escape_default().to_string();
            return Err(TraceError::Version { path, found });
        }
        self.crc.update(MAGIC);
        Ok(())
    }

    /// Reads the next chunk's payload into `payload`, and checks it.
    pub(super) fn read(&mut self, payload: &mut Vec<u8>) -> Result<Tag, TraceError> {
        self.start = self.offset;
        let mut head = [0; 5];
        self.fill(&mut head)?;
        let length = u32::from_le_bytes([head[1], head[2], head[3], head[4]]) as usize;
        let Some(tag) = Tag::from_byte(head[0]).filter(|_| length <= MAX_PAYLOAD) else {
            return Err(self.damaged());
        };
        payload.resize(length, 0);
        self.fill(payload)?;
        let mut check = [0; 4];
        self.fill(&mut check)?;
        self.crc.update(&head);
        self.crc.update(payload);
        if self.crc.clone().finalize() != u32::from_le_bytes(check) {
            return Err(self.damaged());
        }
        Ok(tag)
    }

    /// Makes sure that nothing follows.
    pub(super) fn expect_end(&mut self) -> Result<(), TraceError> {
        let end = self.offset;
        match self.fill_some(&mut [0])? {
            0 => Ok(()),
            _ => Err(TraceError::TrailingBytes {
                path: self.path.clone(),
                offset: end,
            }),
        }
    }

    /// The error for a chunk read last whose checksum holds but whose content breaks a rule.
    pub(super) fn malformed(&self, what: impl Into<String>) -> TraceError {
        TraceError::Malformed {
            path: self.path.clone(),
            offset: self.start,
            what: what.into(),
        }
    }

    pub(super) fn path(&self) -> PathBuf {
        self.path.clone()
    }

    fn damaged(&self) -> TraceError {
        TraceError::Damaged {
            path: self.path.clone(),
            start: self.start,
            offset: self.offset,
        }
    }

    fn fill(&mut self, buffer: &mut [u8]) -> Result<(), TraceError> {
        if self.fill_some(buffer)? < buffer.len() {
            return Err(TraceError::Truncated {
                path: self.path.clone(),
                offset: self.offset,
            });
        }
        Ok(())
    }

    /// Reads until `buffer` is full or the input ends; returns how much there was.
    fn fill_some(&mut self, buffer: &mut [u8]) -> Result<usize, TraceError> {
        let mut filled = 0;
        while filled < buffer.len() {
            match self.input.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(n) => {
                    filled += n;
                    self.offset += n as u64;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    return Err(TraceError::Read {
                        path: self.path.clone(),
                        offset: self.offset,
                        error,
                    });
                }
            }
        }
        Ok(filled)
    }
}
