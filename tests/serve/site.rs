//! Files to serve, and a trace of requests for them.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::PathBuf;
use std::process::Command;

use sim::engine::Nanos;
use sim::engine::random::{Stream, stream, uniform_below};
use sim::server::script::{HEADER_BYTES, OpKind};
use sim::workload::trace::{Metadata, Record, TraceReader, TraceWriter};
use tempfile::TempDir;
use validate::emulate::image::{content_word, path_of};

/// The server's chunk in these tests: small, so that most files have several.
pub(crate) const CHUNK_BYTES: u64 = 16 << 10;
/// The clients of the load.
pub(crate) const CLIENTS: u32 = 16;
const OBJECTS: u32 = 200;
const REQUESTS: u64 = 2000;
/// Recorded clients; with the gaps below, each makes about five sequences.
const RECORDED_CLIENTS: u64 = 80;
/// The longest gap within a sequence.
pub(crate) const GAP: &str = "15 s";

/// A folder with files of random sizes and content, and a trace.
pub(crate) struct Site {
    pub(crate) folder: TempDir,
    pub(crate) sizes_bytes: Vec<u64>,
    requests: Vec<(u32, bool)>,
    pub(crate) sequences: u64,
}

impl Site {
    /// The same in every run.
    pub(crate) fn new() -> Self {
        let rng = &mut stream(1, "site", 0, 0);
        let chunk = CHUNK_BYTES;
        let mut sizes_bytes = vec![0, 1, 4096, chunk - 1, chunk, chunk + 1, 3 * chunk, 300_000];
        while sizes_bytes.len() < OBJECTS as usize {
            sizes_bytes.push(uniform_below(rng, 4 * chunk));
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        for (object, &size) in (0..).zip(&sizes_bytes) {
            let path = folder.path().join(path_of(object));
            fs::create_dir_all(path.parent().expect("it has one")).expect("a folder");
            fs::write(path, content(object, size)).expect("a file");
        }
        let mut site = Self {
            folder,
            sizes_bytes,
            requests: Vec::new(),
            sequences: 0,
        };
        site.write_trace(rng);
        site
    }

    pub(crate) fn trace(&self) -> PathBuf {
        self.folder.path().join("requests.laiotrace")
    }

    fn write_trace(&mut self, rng: &mut Stream) {
        let metadata = Metadata {
            title: "test".into(),
            source: "made by a test".into(),
            notice: String::new(),
            tick_ns: 1_000_000_000,
            objects: OBJECTS,
            clients: RECORDED_CLIENTS as u32,
            requests: REQUESTS,
        };
        let file = BufWriter::new(File::create(self.trace()).expect("a trace"));
        let mut writer = TraceWriter::new(file, metadata, &self.sizes_bytes).expect("a trace");
        for request in 0..REQUESTS {
            // Every client once, and every object once, then at random.
            let client = match request {
                0..RECORDED_CLIENTS => request,
                _ => uniform_below(rng, RECORDED_CLIENTS),
            };
            let object = match request as u32 {
                object @ 0..OBJECTS => object,
                _ => uniform_below(rng, OBJECTS.into()) as u32,
            };
            let not_modified = uniform_below(rng, 8) == 0;
            self.requests.push((object, not_modified));
            let record = Record {
                time: Nanos(request * 1_000_000_000),
                client: client as u32,
                object,
                not_modified,
            };
            writer.write(record).expect("a record");
        }
        writer.finish().expect("a whole trace");
        let reader = TraceReader::open(self.trace()).expect("a trace");
        let gap = GAP.parse().expect("a duration");
        self.sequences = reader.sequences(gap).expect("sequences").len() as u64;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.len() as u64
    }

    /// Bytes of all responses.
    pub(crate) fn response_bytes(&self) -> u64 {
        let bodies = self.requests.iter().map(|&(object, not_modified)| {
            u64::from(!not_modified) * self.sizes_bytes[object as usize]
        });
        bodies.sum::<u64>() + self.requests() * u64::from(HEADER_BYTES)
    }

    /// How many operations of this kind the script makes for all requests; for the others it
    /// depends on how much the sockets take.
    pub(crate) fn file_operations(&self, kind: OpKind) -> u64 {
        let of = |&(object, not_modified): &(u32, bool)| {
            let chunks = self.sizes_bytes[object as usize].div_ceil(CHUNK_BYTES);
            match kind {
                OpKind::Stat => u64::from(not_modified),
                OpKind::Open | OpKind::Fstat | OpKind::Close => u64::from(!not_modified),
                OpKind::Read => u64::from(!not_modified) * chunks,
                _ => panic!("{kind:?}"),
            }
        };
        self.requests.iter().map(of).sum()
    }

    /// Writes the files to the disk and drops them from the cache, as far as the file system can.
    pub(crate) fn drop_from_cache(&self) {
        for object in 0..OBJECTS {
            let path = self.folder.path().join(path_of(object));
            let of = format!("of={}", path.display());
            let arguments = ["oflag=nocache", "conv=notrunc,fdatasync", "count=0"];
            let dd = Command::new("dd").arg(of).args(arguments).output();
            assert!(dd.expect("dd").status.success());
        }
    }
}

/// The content of a file.
pub(crate) fn content(object: u32, size_bytes: u64) -> Vec<u8> {
    let words = size_bytes.div_ceil(8);
    let mut content: Vec<u8> = (0..words)
        .flat_map(|word| content_word(object, word as u32).to_le_bytes())
        .collect();
    content.truncate(size_bytes as usize);
    content
}
