//! A small machine, server and workload, written the way a user writes them: a trace file, a
//! machine profile, a disk profile and a scenario in a folder of their own, read by the loader.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufWriter;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use sim::engine::Nanos;
use sim::run::Measured;
use sim::scenario::Server;
use sim::scenario::error::ScenarioError;
use sim::scenario::experiment::{jobs, run_all, run_placed, synthetic_placement};
use sim::scenario::load::{Loaded, load};
use sim::workload::trace::{Metadata, Record, TraceWriter};

mod figures;

/// The names of the figures; their values are replaced where a test depends on them.
const PROFILE: &str = include_str!("../../../profiles/machines/epyc-vm.toml");

pub(crate) const PAGE: u64 = 4096;
pub(crate) const HEADER: u64 = sim::server::script::HEADER_BYTES as u64;

/// A request: an object, and whether it is answered without its body.
pub(crate) type Ask = (u32, bool);

#[derive(Clone)]
pub(crate) struct Bench {
    sizes: Vec<u64>,
    sequences: Vec<Vec<Ask>>,
    disk: String,
    profile: toml::Table,
    keys: BTreeMap<String, String>,
    /// What stands at the end of the scenario's text.
    tables: String,
    gap_between_requests: Nanos,
}

/// Without the machine profile, which is long and seldom the point.
impl fmt::Debug for Bench {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bench")
            .field("sizes", &self.sizes)
            .field("sequences", &self.sequences)
            .field("disk", &self.disk)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}

impl Bench {
    /// Objects of these sizes; one client on unlimited links without delay; plenty of memory.
    pub(crate) fn new(sizes: Vec<u64>) -> Self {
        let bench = Self {
            sizes,
            sequences: Vec::new(),
            disk: String::new(),
            profile: toml::from_str(PROFILE).expect("the shipped profile"),
            keys: BTreeMap::new(),
            tables: String::new(),
            gap_between_requests: Nanos::ZERO,
        };
        bench
            .fixed_disk_ms(1.0)
            .links("0 ms")
            .set("cache.memory", "64 MiB")
            .set("workload.clients", "1")
            .set("run.replications", "1")
    }

    /// Adds a sequence of requests for whole objects.
    pub(crate) fn plays(self, objects: impl IntoIterator<Item = u32>) -> Self {
        self.asks(objects.into_iter().map(|object| (object, false)).collect())
    }

    /// Adds a sequence of requests.
    pub(crate) fn asks(mut self, sequence: Vec<Ask>) -> Self {
        self.sequences.push(sequence);
        self
    }

    /// One sequence for each client.
    pub(crate) fn client_each(self) -> Self {
        let clients = self.sequences.len();
        self.set("workload.clients", &clients.to_string())
    }

    /// Lets this much time lie between the trace's requests of one sequence.
    pub(crate) fn recorded_gap(mut self, gap: Nanos) -> Self {
        self.gap_between_requests = gap;
        self
    }

    pub(crate) fn fixed_disk_ms(mut self, service: f64) -> Self {
        self.disk = format!("kind = \"fixed\"\nsectors = 16777216\nservice_ms = {service:?}");
        self
    }

    pub(crate) fn exponential_disk_ms(mut self, mean: f64) -> Self {
        self.disk = format!("kind = \"exponential\"\nsectors = 16777216\nmean_ms = {mean:?}");
        self
    }

    pub(crate) fn cheetah(mut self) -> Self {
        self.disk.clear();
        self
    }

    /// Clients on unlimited links with this round-trip time.
    pub(crate) fn links(self, rtt: &str) -> Self {
        self.set("network.rtt", rtt)
            .set("network.client_link", "unlimited")
            .set("network.server_link", "unlimited")
    }

    pub(crate) fn loopback(mut self) -> Self {
        for key in ["rtt", "client_link", "server_link"] {
            self.keys.remove(&format!("network.{key}"));
        }
        self.set("network.loopback", "true")
    }

    /// Sets a scenario key, as `--set` does.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.keys.insert(key.to_owned(), value.to_owned());
        self
    }

    /// Leaves a scenario key as the scenario has it.
    pub(crate) fn unset(mut self, key: &str) -> Self {
        self.keys.remove(key);
        self
    }

    /// Adds tables to the scenario's text.
    pub(crate) fn append(mut self, tables: &str) -> Self {
        self.tables.push_str(tables);
        self
    }

    pub(crate) fn requests(&self) -> u64 {
        self.sequences.iter().map(|s| s.len() as u64).sum()
    }

    /// Each sequence is played on a connection of its own.
    pub(crate) fn connections(&self) -> u64 {
        self.sequences.len() as u64
    }

    /// Sizes of the bodies asked for.
    fn asked(&self) -> impl Iterator<Item = u64> {
        let asks = self.sequences.iter().flatten();
        asks.filter(|ask| !ask.1)
            .map(|ask| self.sizes[ask.0 as usize])
    }

    /// Requests answered with a body, empty ones included.
    pub(crate) fn bodies(&self) -> u64 {
        self.asked().count() as u64
    }

    pub(crate) fn pages_asked(&self) -> u64 {
        self.asked().map(|size| size.div_ceil(PAGE)).sum()
    }

    /// Reads in chunks that these bodies take.
    pub(crate) fn chunks_asked(&self) -> u64 {
        let chunk = self.load().points[0].scenario.server.chunk.0;
        self.asked().map(|size| size.div_ceil(chunk)).sum()
    }

    pub(crate) fn is_warm(&self) -> bool {
        self.keys
            .get("run.start")
            .is_some_and(|start| start == "warm")
    }

    /// Bytes of all responses.
    pub(crate) fn response_bytes(&self) -> u64 {
        let bodies: u64 = self.asked().sum();
        bodies + HEADER * self.requests()
    }

    /// Writes everything and reads it back through the loader.
    pub(crate) fn load(&self) -> Loaded {
        self.try_load().unwrap_or_else(|error| panic!("{error}"))
    }

    /// Why the loader refuses this.
    pub(crate) fn refusal(&self) -> String {
        self.try_load().expect_err("refused").to_string()
    }

    fn try_load(&self) -> Result<Loaded, ScenarioError> {
        let dir = tempfile::tempdir().expect("a temporary folder");
        self.write(dir.path());
        let overrides: Vec<(String, String)> = self.keys.clone().into_iter().collect();
        load(&dir.path().join("scenario.toml"), &overrides)
    }

    fn write(&self, dir: &Path) {
        let write = |name: &str, text: &str| {
            std::fs::write(dir.join(name), text).expect("a writable folder");
        };
        let profile = toml::to_string(&self.profile).expect("a profile");
        write("machine.toml", &profile);
        write("disk.toml", &self.disk);
        let disk = match self.disk.is_empty() {
            true => "cheetah9lp",
            false => "disk.toml",
        };
        let scenario = format!(
            "title = \"test\"\nservers = [\"nb-b\", \"nb-amped\", \"nb-laio\"]\n\
             [machine]\nprofile = \"machine.toml\"\ndisk = \"{disk}\"\n\
             [cache]\nmemory = \"1 MiB\"\n\
             [workload]\ntrace = \"t.laiotrace\"\nclients = 1\n{}",
            self.tables
        );
        write("scenario.toml", &scenario);
        self.write_trace(&dir.join("t.laiotrace"));
    }

    /// Each sequence is a client of the trace.
    fn write_trace(&self, file: &Path) {
        let metadata = Metadata {
            title: "test".into(),
            source: "made up".into(),
            notice: String::new(),
            tick_ns: 1,
            objects: self.sizes.len() as u32,
            clients: self.sequences.len() as u32,
            requests: self.requests(),
        };
        let out = BufWriter::new(std::fs::File::create(file).expect("a new file"));
        let mut writer = TraceWriter::new(out, metadata, &self.sizes).expect("a trace");
        let longest = self.sequences.iter().map(Vec::len).max().unwrap_or(0);
        for round in 0..longest {
            for (client, sequence) in self.sequences.iter().enumerate() {
                let Some(&(object, not_modified)) = sequence.get(round) else {
                    continue;
                };
                let record = Record {
                    time: self.gap_between_requests * round as u64,
                    client: client as u32,
                    object,
                    not_modified,
                };
                writer.write(record).expect("a record");
            }
        }
        writer.finish().expect("a whole trace");
    }

    /// Runs one server once.
    pub(crate) fn run(&self, server: Server) -> Measured {
        self.replicate(server, 0)
    }

    pub(crate) fn replicate(&self, server: Server, replication: u32) -> Measured {
        let loaded = self.load();
        let (point, workload) = (&loaded.points[0], &loaded.workloads[0]);
        let placement = synthetic_placement(point, workload, replication);
        run_placed(point, workload, &placement, server, replication)
    }

    /// Runs every server and replication.
    pub(crate) fn run_all(&self, threads: usize) -> Vec<Measured> {
        let loaded = self.load();
        let jobs = jobs(&loaded);
        let results = run_all(&loaded, &jobs, threads, &AtomicBool::new(false), || {});
        results.into_iter().map(|r| r.expect("run")).collect()
    }
}
