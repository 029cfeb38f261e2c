//! Scenarios: machine, workload, the servers to compare, run control.
//!
//! [`Scenario`] is the schema, [`load`] reads a file, [`experiment`] runs it.

pub mod error;
pub mod experiment;
pub mod load;
pub mod units;

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::engine::Nanos;
use crate::machine::cache::Policy;
use crate::machine::disk::Scheduling;
use units::{BitRate, Bytes};

/// A server's architecture: how it does socket I/O, then how it does disk I/O.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum Server {
    /// Sockets non-blocking, disk I/O blocks the loop (SPED).
    #[serde(rename = "nb-b")]
    NbB,
    /// Sockets non-blocking, helper processes for the disk (AMPED).
    #[serde(rename = "nb-amped")]
    NbAmped,
    /// Sockets non-blocking, disk I/O through LAIO.
    #[serde(rename = "nb-laio")]
    NbLaio,
}

impl Server {
    /// Every architecture.
    pub const ALL: [Self; 3] = [Self::NbB, Self::NbAmped, Self::NbLaio];

    /// The name in scenarios and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::NbB => "nb-b",
            Self::NbAmped => "nb-amped",
            Self::NbLaio => "nb-laio",
        }
    }
}

/// A scenario as its file has it.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows, in a line.
    pub title: String,
    /// The servers to compare.
    pub servers: Vec<Server>,
    /// The machine.
    pub machine: MachineKeys,
    /// Its buffer cache.
    pub cache: CacheKeys,
    /// Where files lie.
    #[serde(default)]
    pub files: FilesKeys,
    /// How clients are attached.
    #[serde(default)]
    pub network: NetworkKeys,
    /// What the servers have in common.
    #[serde(default)]
    pub server: ServerKeys,
    /// What is asked of them.
    pub workload: WorkloadKeys,
    /// Run control.
    #[serde(default)]
    pub run: RunKeys,
    /// Keys that take several values: every combination is run. Keys are dotted paths.
    #[serde(default)]
    pub axes: BTreeMap<String, Vec<toml::Value>>,
}

/// `[machine]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct MachineKeys {
    /// Machine profile: a name that comes with the program, or a file (relative to the scenario).
    pub profile: String,
    /// Disk profile, likewise.
    pub disk: String,
    /// In which order the host sends its requests to the disk.
    #[serde(default = "c_look")]
    pub scheduling: Scheduling,
    /// Length of a quantum. Default: 3 ms, the base slice of Linux's EEVDF on 2 CPUs
    /// (`sysctl_sched_base_slice`, 0.7 ms times 1 + log2 of the CPUs, is 1.4 ms; a tick of 4 ms at
    /// HZ=250 ends it): ours.
    #[serde(default = "quantum")]
    pub quantum: Nanos,
    /// Whether a woken process preempts the running one between two of its operations. Default:
    /// no.
    #[serde(default)]
    pub wakeup_preemption: bool,
}

fn c_look() -> Scheduling {
    Scheduling::CLook
}

fn quantum() -> Nanos {
    Nanos::from_millis(3)
}

/// `[cache]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct CacheKeys {
    /// Memory for cached pages, cached names, and the servers' processes, helpers, carriers and
    /// connections together.
    pub memory: Bytes,
    /// Which page is reclaimed: `"lru"` or `"linux"`. Default: lru.
    #[serde(default = "lru")]
    pub policy: Policy,
    /// Whether the kernel's proactive page-out takes pages beside reclaim, at the pace that the
    /// machine profile has (`kernel.pageout_age`). Default: no.
    #[serde(default)]
    pub proactive_pageout: bool,
    /// How far the kernel reads ahead. Default: 128 KiB, Linux's (`VM_READAHEAD_PAGES`).
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
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FilesKeys {
    /// The part of the disk over which the files are spread. Default: just what they need.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub span: Option<Bytes>,
}

/// `[network]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct NetworkKeys {
    /// Whether the clients are a load generator on a second CPU of the same machine, attached by
    /// loopback. The link keys then mean nothing and are refused.
    pub loopback: bool,
    /// Round-trip time. Default: 0.2 ms, a local network: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rtt: Option<Nanos>,
    /// Each client's link. Default: 100 Mbit/s, the local network of the paper's time: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_link: Option<BitRate>,
    /// The server's link. Default: 1 Gbit/s: ours.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_link: Option<BitRate>,
    /// Each connection's send buffer. Default: 208 KiB, Linux's `wmem_default`.
    pub send_buffer: Bytes,
}

impl Default for NetworkKeys {
    fn default() -> Self {
        Self {
            loopback: false,
            rtt: None,
            client_link: None,
            server_link: None,
            send_buffer: Bytes(208 << 10),
        }
    }
}

/// `[server]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServerKeys {
    /// Bodies are read and sent in chunks of this size. Default: 64 KiB: ours.
    pub chunk: Bytes,
    /// Helper processes of `nb-amped`. Default: 8: ours.
    pub helpers: u32,
    /// Whether the block-rate meter of the measured servers runs (and costs).
    pub metered: bool,
}

impl Default for ServerKeys {
    fn default() -> Self {
        Self {
            chunk: Bytes(64 << 10),
            helpers: 8,
            metered: false,
        }
    }
}

/// `[workload]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct WorkloadKeys {
    /// The trace (relative to the scenario).
    pub trace: PathBuf,
    /// Number of closed clients.
    pub clients: u32,
    /// A client's requests belong to one sequence while the gaps between them are at most this.
    /// Default: 15 s, Apache's old `KeepAliveTimeout`.
    #[serde(default = "gap")]
    pub gap: Nanos,
    /// Play only the first sequences, up to the one that brings this many requests. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
}

fn gap() -> Nanos {
    Nanos(15_000_000_000)
}

/// The caches at the first request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Caches empty.
    Cold,
    /// The whole experiment was played once before, unmeasured.
    Warm,
}

/// `[run]`
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct RunKeys {
    /// The caches at the first request. Default: cold.
    pub start: Start,
    /// Runs of every server; they differ by file placement, initial phase of the disk and the
    /// assignment of sequences to clients. Default: 5.
    pub replications: u32,
    /// Seed of all random streams. Default: 1.
    pub seed: u64,
    /// Whether processes run ahead of the event set: same results, fewer events. Default: yes.
    pub run_ahead: bool,
}

impl Default for RunKeys {
    fn default() -> Self {
        Self {
            start: Start::Cold,
            replications: 5,
            seed: 1,
            run_ahead: true,
        }
    }
}
