//! The keys of a scenario, table by table. Their doc comments are the reference: the JSON schema
//! and the page in `docs/` are made from them.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::{BitRate, Bytes};
use crate::engine::Nanos;
use crate::machine::cache::Policy;
use crate::machine::disk::Scheduling;
use crate::machine::network::Attachment;
use crate::server::script::DataPath;
use crate::stats::stopping::Precision;

/// `[machine]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineKeys {
    /// Machine profile: a name (`laiosim list machines`), or a file (relative to the scenario).
    pub profile: String,
    /// Disk profile: a name (`laiosim list disks`), or a file (relative to the scenario).
    pub disk: String,
    /// Number of disks, all alike. Default: 1.
    #[serde(default = "one")]
    pub disks: u32,
    /// Over several disks files are striped in units of this size. Default: not striped, each
    /// directory lies on one disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stripe: Option<Bytes>,
    /// Order in which the host hands requests to a disk: `"fcfs"`, `"sstf"`, `"scan"`,
    /// `"c-look"`, `"disksort"` (FreeBSD's), `"sptf"` (shortest positioning time first). Default:
    /// `"c-look"`.
    #[serde(default = "c_look")]
    pub scheduling: Scheduling,
    /// CPUs of the server. Default: 1.
    #[serde(default = "one")]
    pub cpus: u32,
    /// Whether each copy of a server stays on one CPU with its helpers, threads and carriers.
    /// Otherwise a woken process goes to an idle CPU if there is one, and an idle CPU takes over
    /// a waiting process. Default: yes.
    #[serde(default = "yes")]
    pub pinned: bool,
    /// Time after which a running process gives way to a waiting one. Default: 3 ms: ours; the
    /// base slice of Linux's EEVDF on 2 CPUs (`sysctl_sched_base_slice`, 0.7 ms times 1 + log2 of
    /// the CPUs) is 1.4 ms, and a tick of 4 ms at HZ=250 ends it.
    #[serde(default = "quantum")]
    pub quantum: Nanos,
    /// Whether a woken process preempts the running one between two of its operations. Default:
    /// no.
    #[serde(default)]
    pub wakeup_preemption: bool,
}

fn one() -> u32 {
    1
}

fn yes() -> bool {
    true
}

fn c_look() -> Scheduling {
    Scheduling::CLook
}

fn quantum() -> Nanos {
    Nanos::from_millis(3)
}

/// `[cache]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CacheKeys {
    /// Memory for cached pages and names **and** for processes, helpers, threads, carriers,
    /// connections, the buffers that files are read into, and what stands in send buffers.
    pub memory: Bytes,
    /// Which page is reclaimed: `"lru"`, `"fifo"`, `"random"`, or `"linux"` with its active and
    /// inactive lists. Default: `"lru"`.
    #[serde(default = "lru")]
    pub policy: Policy,
    /// Whether the kernel's proactive page-out takes pages beside reclaim, at the pace that the
    /// machine profile has (`kernel.pageout_age`). Default: no.
    #[serde(default)]
    pub proactive_pageout: bool,
    /// How far the kernel reads ahead; `"0 B"`: not at all. Default: 128 KiB, Linux's
    /// (`VM_READAHEAD_PAGES`).
    #[serde(default = "read_ahead")]
    pub read_ahead: Bytes,
}

fn lru() -> Policy {
    Policy::Lru
}

fn read_ahead() -> Bytes {
    Bytes(128 << 10)
}

/// `[files]`
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct FilesKeys {
    /// The part of the disk (or of the disks together) over which the files are spread. Default:
    /// just what they need.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Bytes>,
    /// Pages that cannot be read, anywhere in the files: reading them fails (EIO). Default: 0.
    pub unreadable: u32,
}

/// `[network]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkKeys {
    /// Whether the clients are a load generator on a CPU of its own of the same machine, attached
    /// by loopback. The link keys then mean nothing and are refused. Default: no.
    pub loopback: bool,
    /// Round-trip time (not on loopback). Default: 0.2 ms, a local network: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Nanos>,
    /// Each client's link, or `"unlimited"` (not on loopback). Default: 100 Mbit/s, the local
    /// network of the paper's time: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_link: Option<BitRate>,
    /// The server's link, or `"unlimited"` (not on loopback). Default: 1 Gbit/s: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_link: Option<BitRate>,
    /// Each connection's send buffer. Default: 208 KiB, Linux's `wmem_default`.
    pub send_buffer: Bytes,
    /// Connections that wait to be accepted at most; one more is dropped. Default: 4096, Linux's
    /// `somaxconn`.
    pub backlog: u32,
    /// How often a client whose connection was dropped tries again, after 1 s, 2 s, 4 s and so
    /// on, before it gives the request up. Default: 6, Linux's `tcp_syn_retries`.
    pub syn_retries: u32,
    /// Whether a connection begins with a window of 10 segments of 1460 bytes that doubles every
    /// round trip (RFC 6928; not on loopback). Default: no, as on a local network.
    pub slow_start: bool,
}

impl NetworkKeys {
    /// How clients are attached, with the defaults where the scenario says nothing.
    pub fn attachment(&self) -> Attachment {
        if self.loopback {
            return Attachment::Loopback;
        }
        Attachment::Links {
            rtt: self.rtt.unwrap_or(Nanos::from_micros(200)),
            client: self.client_link.unwrap_or(BitRate(Some(100e6))),
            server: self.server_link.unwrap_or(BitRate(Some(1e9))),
        }
    }
}

impl Default for NetworkKeys {
    fn default() -> Self {
        Self {
            loopback: false,
            rtt: None,
            client_link: None,
            server_link: None,
            send_buffer: Bytes(208 << 10),
            backlog: 4096,
            syn_retries: 6,
            slow_start: false,
        }
    }
}

/// How many connections one event for the listening socket accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AcceptMode {
    /// One.
    One,
    /// All that wait.
    Drain,
}

/// Whose implementation of POSIX asynchronous I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum AioKind {
    /// The kernel's: a read of cached pages ends in the submission, others are carried out by
    /// kernel processes (FreeBSD's `aiod`).
    Kernel,
    /// The C library's: every request goes to a thread; requests on one descriptor wait for each
    /// other.
    Glibc,
}

/// How AMPED, and the others that test first, find out whether a name is cached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum NameTest {
    /// By trying the look-up in the caches alone (Linux's `RESOLVE_CACHED`).
    ResolveCached,
    /// Not at all: a name that is not in the server's own cache is handed on, as to Flash's
    /// helpers.
    None,
}

/// `[server]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct ServerKeys {
    /// How a file's bytes get to the socket: `"read_send"`, `"sendfile"` or `"mapped"`. Default:
    /// `"read_send"`, which every server can do.
    pub data_path: DataPath,
    /// Bodies are read and sent in chunks of this size. Default: 64 KiB: ours.
    pub chunk: Bytes,
    /// Event loops, each with its own helpers, threads or carriers; they share the listening
    /// socket. Default: 1.
    pub copies: u32,
    /// Whether a connection serves one request after the other. Default: yes; the flavour
    /// `thttpd`: no.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub persistent: Option<bool>,
    /// Names whose look-up and response header the server keeps: a "not modified" needs no stat.
    /// Default: 0; the flavour `flash`: 6000 (Flash, USENIX ATC 1999).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_cache: Option<u32>,
    /// Open (or mapped) files that the server keeps, by their sizes together: no open, fstat and
    /// close for these. Default: none; the flavour `flash`: 128 MiB (Flash, USENIX ATC 1999).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file_cache: Option<Bytes>,
    /// CPU time that the server itself computes for every request. Default: 0 us.
    pub app_cpu: Nanos,
    /// Whether every request is written to a log. Default: no.
    pub log: bool,
    /// Connections accepted per event: `"one"`, or `"drain"` for all that wait. Default: `"one"`.
    pub accept: AcceptMode,
    /// Events taken by one call of epoll_wait. Default: 64: ours; nginx takes 512, thttpd as many
    /// as there are.
    pub max_events: u32,
    /// Helper processes of `nb-amped`. Default: 8: ours.
    pub helpers: u32,
    /// Helper processes for names alone, as Flash has them. Default: none, the helpers look names
    /// up too.
    pub name_helpers: u32,
    /// How `nb-amped`, `nb-amted-nowait` and `nb-uring-hybrid` test whether a name is cached:
    /// `"resolve-cached"`, or `"none"`: whatever is not in the server's own name cache is handed
    /// on. Default: `"resolve-cached"`.
    pub name_test: NameTest,
    /// Threads in the pool of `nb-amted`. Default: 32: ours.
    pub pool_threads: u32,
    /// `"kernel"` or `"glibc"`: whose asynchronous I/O `nb-aio` uses. Default: `"kernel"`.
    pub aio: AioKind,
    /// Kernel processes or threads that carry asynchronous I/O out. Default: 32, FreeBSD's
    /// `max_aio_procs`, or 20, glibc's `aio_threads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub aio_workers: Option<u32>,
    /// Kernel workers of io_uring. Default: 4 per CPU, Linux's limit of bounded workers
    /// (io_uring/io-wq.c).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uring_workers: Option<u32>,
    /// Carriers of LAIO at most; with none left a call blocks its loop. Default: as many as
    /// needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carriers: Option<u32>,
    /// Processes of `mp`. Default: 32 (Flash, USENIX ATC 1999).
    pub processes: u32,
    /// Threads of `mt`. Default: 64 (Flash, USENIX ATC 1999).
    pub threads: u32,
    /// Charge the block-rate meter that the real servers of `validate` run (`nb-laio` needs none:
    /// the library counts). Default: no.
    pub metered: bool,
}

impl Default for ServerKeys {
    fn default() -> Self {
        Self {
            data_path: DataPath::ReadSend,
            chunk: Bytes(64 << 10),
            copies: 1,
            persistent: None,
            name_cache: None,
            file_cache: None,
            app_cpu: Nanos::ZERO,
            log: false,
            accept: AcceptMode::One,
            max_events: 64,
            helpers: 8,
            name_helpers: 0,
            name_test: NameTest::ResolveCached,
            pool_threads: 32,
            aio: AioKind::Kernel,
            aio_workers: None,
            uring_workers: None,
            carriers: None,
            processes: 32,
            threads: 64,
            metered: false,
        }
    }
}

impl ServerKeys {
    /// What carries asynchronous I/O out: as many as the scenario says, or as is usual.
    pub fn aio_workers(&self) -> u32 {
        self.aio_workers.unwrap_or(match self.aio {
            AioKind::Kernel => 32,
            AioKind::Glibc => 20,
        })
    }

    /// Kernel workers of io_uring on a machine of so many CPUs.
    pub fn uring_workers(&self, cpus: u32) -> u32 {
        self.uring_workers.unwrap_or(4 * cpus)
    }
}

/// The caches at the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Caches empty.
    Cold,
    /// The whole experiment was played once before, unmeasured.
    Warm,
}

impl Start {
    /// The word in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Cold => "cold",
            Self::Warm => "warm",
        }
    }
}

/// What becomes of the beginning of a steady run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum WarmUp {
    /// What MSER-5 finds to be not yet steady is left out.
    Auto,
    /// Nothing is left out.
    Off,
}

/// `[run]`
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RunKeys {
    /// Caches at the first request: `"cold"` empty, `"warm"` as the whole experiment left them
    /// when played once before. Default: `"cold"`.
    pub start: Start,
    /// Simulated time of a steady run. Given: requests go on without end until then. Not given:
    /// the run is terminating, from the first request to the end of the last response.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration: Option<Nanos>,
    /// What becomes of the beginning of a steady run: `"auto"`: what MSER-5 finds to be not yet
    /// steady is left out; `"off"`: nothing is. Default: `"auto"`. Not in terminating runs, from
    /// which nothing is ever left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warm_up: Option<WarmUp>,
    /// Runs of every server; they differ by file placement, the disk's initial phase, the
    /// assignment of sequences to clients and what is drawn. Default: 5; with `precision` at
    /// least 10.
    pub replications: u32,
    /// Add replications until the 95 % intervals of throughput and mean response time of every
    /// server are this narrow, relative to their means: `"2%"`. Default: not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub precision: Option<Precision>,
    /// With `precision`: at most so many replications. Default: 100: ours.
    pub max_replications: u32,
    /// Seed of all random streams. Default: 1.
    pub seed: u64,
    /// Whether processes run ahead of the event set: same results, fewer events. Default: yes.
    pub run_ahead: bool,
}

impl Default for RunKeys {
    fn default() -> Self {
        Self {
            start: Start::Cold,
            duration: None,
            warm_up: None,
            replications: 5,
            precision: None,
            max_replications: 100,
            seed: 1,
            run_ahead: true,
        }
    }
}

impl RunKeys {
    /// Replications that are made in any case: with a precision at least 10, unless fewer are
    /// allowed.
    pub fn first_round(&self) -> u32 {
        match self.precision {
            Some(_) => self.replications.max(10).min(self.max_replications),
            None => self.replications,
        }
    }
}
