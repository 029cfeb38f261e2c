//! A small machine, server and workload, written the way a user writes them: a trace file, a
//! machine profile, a disk profile and a scenario in a folder of their own, read by the loader.

use std::collections::BTreeMap;
use std::fmt;
use std::io::BufWriter;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use sim::engine::Nanos;
use sim::run::{Keep, Measured, Played, RequestRecord};
use sim::scenario::build::{run_placed, synthetic_placement};
use sim::scenario::error::ScenarioError;
use sim::scenario::experiment::{Conduct, Job, PointRuns, conduct, run_all};
use sim::scenario::load::{Loaded, Overrides, load};
use sim::scenario::{Server, Structure};
use sim::workload::trace::{Metadata, Record, TraceWriter};

mod figures;

/// The servers that `validate` runs for real.
pub(crate) const VALIDATED: [Server; 3] = [NB_B, NB_AMPED, NB_LAIO];
pub(crate) const NB_B: Server = Server::plain(Structure::NbB);
pub(crate) const NB_AMPED: Server = Server::plain(Structure::NbAmped);
pub(crate) const NB_LAIO: Server = Server::plain(Structure::NbLaio);

/// A server of every structure.
pub(crate) fn each_server() -> [Server; Structure::ALL.len()] {
    Structure::ALL.map(Server::plain)
}

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
    /// Whether sessions are played from the trace; otherwise they are drawn.
    from_trace: bool,
    /// What stands at the end of the scenario's text.
    tables: String,
    /// The text of a scenario that extends it and is loaded in its place.
    child: Option<String>,
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
            from_trace: true,
            tables: String::new(),
            child: None,
            gap_between_requests: Nanos::ZERO,
        };
        bench
            .fixed_disk_ms(1.0)
            .links("0 ms")
            .set("cache.memory", "64 MiB")
            .set("workload.clients", "1")
            .set("run.replications", "1")
    }

    /// Forty drawn objects of some 8 KB, one client that asks for them without end.
    pub(crate) fn synthetic() -> Self {
        let bench = Self {
            from_trace: false,
            ..Self::new(Vec::new())
        };
        bench
            .drawn("objects", "40")
            .drawn("body_median", "8 KiB")
            .drawn("body_sigma", "0.5")
            .drawn("zipf", "0.8")
    }

    /// Sets a key of `[workload.synthetic]`.
    pub(crate) fn drawn(self, key: &str, value: &str) -> Self {
        self.set(&format!("workload.synthetic.{key}"), value)
    }

    /// Nobody waits for anybody: sessions begin by themselves. Sets keys of
    /// `[workload.arrivals]`.
    pub(crate) fn arrivals(self, keys: &[(&str, &str)]) -> Self {
        let open = self.unset("workload.clients");
        keys.iter().fold(open, |bench, (key, value)| {
            bench.set(&format!("workload.arrivals.{key}"), value)
        })
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

    /// Loads a scenario of this text in its place, which extends it as `parent.toml`.
    pub(crate) fn extended_by(mut self, text: &str) -> Self {
        self.child = Some(format!("extends = \"parent.toml\"\n{text}"));
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
        load(
            &dir.path().join("scenario.toml"),
            &Overrides::of_keys(&overrides),
        )
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
        let trace = match self.from_trace {
            true => "trace = \"t.laiotrace\"",
            false => "",
        };
        let scenario = format!(
            "title = \"test\"\nservers = [\"nb-b\", \"nb-amped\", \"nb-laio\"]\n\
             [machine]\nprofile = \"machine.toml\"\ndisk = \"{disk}\"\n\
             [cache]\nmemory = \"1 MiB\"\n[workload]\n{trace}\n{}",
            self.tables
        );
        match &self.child {
            None => write("scenario.toml", &scenario),
            Some(child) => {
                write("parent.toml", &scenario);
                write("scenario.toml", child);
            }
        }
        if self.from_trace {
            self.write_trace(&dir.join("t.laiotrace"));
        }
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
        let played = self.play(&loaded, server, replication, Keep::default());
        played.measured(0, &loaded.points[0])
    }

    /// Runs each of these servers once.
    pub(crate) fn run_each(&self, servers: &[Server]) -> Vec<Measured> {
        let loaded = self.load();
        let run = |&server: &Server| {
            let played = self.play(&loaded, server, 0, Keep::default());
            played.measured(0, &loaded.points[0])
        };
        servers.iter().map(run).collect()
    }

    /// Plays one server once, keeping what `keep` says.
    pub(crate) fn play(
        &self,
        loaded: &Loaded,
        server: Server,
        replication: u32,
        keep: Keep,
    ) -> Played {
        let (point, workload) = (&loaded.points[0], &loaded.workloads[0]);
        let placement = synthetic_placement(point, workload, replication);
        run_placed(point, workload, &placement, server, replication, keep)
    }

    /// Runs the whole experiment, as the program does.
    pub(crate) fn conduct(&self) -> Vec<PointRuns> {
        let loaded = self.load();
        let how = Conduct {
            threads: 1,
            stop: &AtomicBool::new(false),
            keep: Keep::default(),
            progress: &|| {},
        };
        let mut points = Vec::new();
        conduct(&loaded, 0..loaded.points.len(), &how, |point| {
            points.push(point);
        });
        points
    }

    /// Plays one server once. Every request, in order of completion.
    pub(crate) fn records(&self, server: Server) -> Vec<RequestRecord> {
        let keep = Keep {
            requests: true,
            ..Keep::default()
        };
        let played = self.play(&self.load(), server, 0, keep);
        played.records.expect("they were to be kept")
    }

    /// Runs every server and replication.
    pub(crate) fn run_all(&self, threads: usize) -> Vec<Measured> {
        let loaded = self.load();
        let point = &loaded.points[0];
        let replications = 0..point.scenario.run.replications;
        let servers = point.scenario.servers.len();
        let job = |replication| {
            (0..servers).map(move |server| Job {
                point: 0,
                server,
                replication,
            })
        };
        let jobs: Vec<Job> = replications.flat_map(job).collect();
        let how = Conduct {
            threads,
            stop: &AtomicBool::new(false),
            keep: Keep::default(),
            progress: &|| {},
        };
        let results = run_all(&loaded, &jobs, &how, |_, played| played.measured(0, point));
        results.into_iter().map(|r| r.expect("run")).collect()
    }
}
