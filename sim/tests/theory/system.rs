//! A scenario whose machine is free: no CPU time, no memory of processes, no delays but those that
//! are asked for.

use std::io::BufWriter;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use sim::engine::Nanos;
use sim::run::{Keep, Measured, Played};
use sim::scenario::build::{run_placed, synthetic_placement};
use sim::scenario::experiment::{Conduct, PointRuns, conduct};
use sim::scenario::load::{Loaded, Overrides, load};
use sim::scenario::{Server, Structure};
use sim::workload::trace::{Metadata, Record, TraceWriter};

const PROFILE: &str = include_str!("../../profiles/machines/epyc-vm.toml");

pub(crate) const NB_LAIO: Server = Server::plain(Structure::NbLaio);
pub(crate) const MT: Server = Server::plain(Structure::Mt);
pub(crate) const MP: Server = Server::plain(Structure::Mp);

/// A request: an object, and whether it is answered without its body.
pub(crate) type Ask = (u32, bool);

/// What is played and on what.
#[derive(Clone)]
pub(crate) struct System {
    sizes: Vec<u64>,
    sessions: Vec<Vec<Ask>>,
    disk: String,
    profile: toml::Table,
    keys: Vec<(String, String)>,
}

impl System {
    /// A trace of these sessions over objects of these sizes; without sessions the keys ask for
    /// synthetic ones. Links without limit or delay.
    pub(crate) fn new(sizes: Vec<u64>, sessions: Vec<Vec<Ask>>) -> Self {
        let system = Self {
            sizes,
            sessions,
            disk: String::new(),
            profile: free(toml::from_str(PROFILE).expect("the shipped profile")),
            keys: Vec::new(),
        };
        system
            .disk("fixed", 1.0, 1)
            .set("network.rtt", "0 ms")
            .set("network.client_link", "unlimited")
            .set("network.server_link", "unlimited")
            .set("machine.scheduling", "fcfs")
            .set("cache.memory", "64 MiB")
    }

    /// Requests of which each is one read of the disk: `sessions` sessions of `each` requests for
    /// files of one page. They go round 4,096 files whose names are cached; the memory holds 1,024
    /// pages, so that a page is forgotten before it is asked for again.
    pub(crate) fn lone_reads(sessions: u32, each: u32) -> Self {
        const FILES: u32 = 4096;
        let own = if each == 1 { 1 } else { FILES / sessions };
        let session = |i: u32| (0..each).map(move |j| ((i * own + j % own) % FILES, false));
        let sessions = (0..sessions).map(|i| session(i).collect()).collect();
        Self::new(vec![4096; FILES as usize], sessions)
            .set("cache.memory", "4 MiB")
            .set("run.start", "warm")
    }

    /// `kind` is "fixed" or "exponential".
    pub(crate) fn disk(mut self, kind: &str, mean_ms: f64, servers: u32) -> Self {
        let key = if kind == "fixed" {
            "service_ms"
        } else {
            "mean_ms"
        };
        self.disk = format!(
            "kind = \"{kind}\"\nsectors = 16777216\n{key} = {mean_ms:?}\nservers = {servers}\n"
        );
        self
    }

    /// Sets a key, as `--set` does.
    pub(crate) fn set(mut self, key: &str, value: &str) -> Self {
        self.keys.push((key.to_owned(), value.to_owned()));
        self
    }

    /// Sets a figure of the machine profile.
    pub(crate) fn figure(mut self, name: &str, value: &str) -> Self {
        let (section, figure) = name.split_once('.').expect("section.figure");
        self.profile[section][figure]["value"] = value.into();
        self
    }

    /// The machine of 2 CPUs with all its costs, but for what an idle CPU takes to run again.
    pub(crate) fn costly(mut self) -> Self {
        let idle = self.profile.remove("idle").expect("a section");
        self.profile = toml::from_str(PROFILE).expect("the shipped profile");
        self.profile.insert("idle".into(), idle);
        self
    }

    /// Multiplies every CPU time and delay.
    pub(crate) fn times_times(mut self, factor: u64) -> Self {
        let times = self.profile.iter_mut();
        for (_, figures) in times.filter(|(section, _)| *section != "memory") {
            change_each(figures, &|text| {
                let time: Nanos = text.parse().expect("a time");
                format!("{} ns", time.0 * factor)
            });
        }
        self
    }

    /// Sessions begin by themselves, so many per millisecond.
    pub(crate) fn arrivals(self, per_ms: f64) -> Self {
        self.set("workload.arrivals.kind", "poisson")
            .set("workload.arrivals.rate", &format!("{:?}", per_ms * 1e3))
    }

    /// Every session is played by a client of its own, with these pauses between its requests.
    pub(crate) fn clients(self, think: &str) -> Self {
        let clients = self.sessions.len().to_string();
        self.set("workload.clients", &clients)
            .set("workload.think", think)
    }

    /// Writes everything and reads it back through the loader.
    pub(crate) fn load(&self, server: Server) -> Loaded {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            std::fs::write(dir.path().join(name), text).expect("a writable folder");
        };
        let profile = toml::to_string(&self.profile).expect("a profile");
        write("machine.toml", &profile);
        write("disk.toml", &self.disk);
        let source = match self.sessions.is_empty() {
            true => "",
            false => "trace = \"t.laiotrace\"\n",
        };
        let text = format!(
            "title = \"test\"\nservers = [\"{server}\"]\n[machine]\n\
             profile = \"machine.toml\"\ndisk = \"disk.toml\"\n[cache]\nmemory = \"1 MiB\"\n[workload]\n{source}"
        );
        write("extended.toml", &text);
        // What is incomplete without the keys is checked with them alone.
        write("scenario.toml", "extends = \"extended.toml\"\n");
        if !self.sessions.is_empty() {
            self.write_trace(&dir.path().join("t.laiotrace"));
        }
        load(
            &dir.path().join("scenario.toml"),
            &Overrides::of_keys(&self.keys),
        )
        .unwrap_or_else(|error| panic!("{error}"))
    }

    /// Each session is a client of the trace.
    fn write_trace(&self, file: &Path) {
        let metadata = Metadata {
            title: "test".into(),
            source: "made up".into(),
            notice: String::new(),
            tick_ns: 1,
            objects: self.sizes.len() as u32,
            clients: self.sessions.len() as u32,
            requests: self.sessions.iter().map(|s| s.len() as u64).sum(),
        };
        let out = BufWriter::new(std::fs::File::create(file).expect("a new file"));
        let mut writer = TraceWriter::new(out, metadata, &self.sizes).expect("a trace");
        let longest = self.sessions.iter().map(Vec::len).max().unwrap_or(0);
        for round in 0..longest {
            for (client, session) in self.sessions.iter().enumerate() {
                let Some(&(object, not_modified)) = session.get(round) else {
                    continue;
                };
                let record = Record {
                    time: Nanos::ZERO,
                    client: client as u32,
                    object,
                    not_modified,
                };
                writer.write(record).expect("a record");
            }
        }
        writer.finish().expect("a whole trace");
    }

    /// Replications of a server, in order, each looked at by `value`.
    pub(crate) fn each<T: Send>(
        &self,
        server: Server,
        replications: u32,
        value: impl Fn(&Measured, &Played) -> T + Sync,
    ) -> Vec<T> {
        let loaded = self.load(server);
        let next = AtomicU32::new(0);
        let values = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    loop {
                        let replication = next.fetch_add(1, Ordering::Relaxed);
                        if replication >= replications {
                            return;
                        }
                        let played = play(&loaded, server, replication);
                        let run = played.measured(0, &loaded.points[0]);
                        let value = value(&run, &played);
                        values.lock().expect("no panic").push((replication, value));
                    }
                });
            }
        });
        let mut values = values.into_inner().expect("no panic");
        values.sort_by_key(|&(replication, _)| replication);
        values.into_iter().map(|(_, value)| value).collect()
    }

    /// The experiment as its user conducts it, of one server at one point.
    pub(crate) fn conduct(&self, server: Server) -> PointRuns {
        let loaded = self.load(server);
        let how = Conduct {
            threads: 2,
            stop: &AtomicBool::new(false),
            keep: Keep::default(),
            progress: &|| {},
        };
        let mut points = Vec::new();
        conduct(&loaded, 0..1, &how, |point| points.push(point));
        points.pop().expect("one point")
    }

    /// One run of a server.
    pub(crate) fn run(&self, server: Server) -> Measured {
        let loaded = self.load(server);
        play(&loaded, server, 0).measured(0, &loaded.points[0])
    }
}

fn play(loaded: &Loaded, server: Server, replication: u32) -> Played {
    let (point, workload) = (&loaded.points[0], &loaded.workloads[0]);
    let placement = synthetic_placement(point, workload, replication);
    let keep = Keep {
        requests: true,
        spans: 0,
    };
    run_placed(point, workload, &placement, server, replication, keep)
}

/// A profile without any cost.
fn free(mut profile: toml::Table) -> toml::Table {
    for (section, figures) in &mut profile {
        let nothing = if section == "memory" { "0 B" } else { "0 ns" };
        change_each(figures, &|_| nothing.to_owned());
    }
    profile
}

/// Changes a figure, or all figures in a section.
fn change_each(value: &mut toml::Value, change: &impl Fn(&str) -> String) {
    let Some(table) = value.as_table_mut() else {
        return;
    };
    match table.get_mut("value") {
        Some(value) => *value = change(value.as_str().expect("text")).into(),
        None => table
            .iter_mut()
            .for_each(|(_, value)| change_each(value, change)),
    }
}
