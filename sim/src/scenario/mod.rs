//! Scenarios: machine, workload, the servers to compare, run control.
//!
//! [`Scenario`] is the schema, in [`keys`] and [`workload`] table by table; [`load`](mod@load)
//! reads a file; [`schema`] describes it to editors, [`reference`](mod@reference) to readers;
//! [`experiment`] runs it.

pub mod axes;
pub mod build;
mod check;
mod compared;
pub mod error;
pub mod experiment;
mod extends;
pub mod keys;
pub mod load;
pub mod profiles;
pub mod reference;
pub mod schema;
mod server;
pub mod units;
pub mod workload;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use check::taken_bytes;
use keys::{CacheKeys, FilesKeys, MachineKeys, NetworkKeys, RunKeys, ServerKeys};
pub use server::{Flavour, Server, Structure};
use workload::WorkloadKeys;

/// A scenario: what is simulated, and how often.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Another scenario (relative to this one) whose keys hold where this one does not set them.
    /// Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extends: Option<String>,
    /// What it shows, in a line.
    pub title: String,
    /// The servers to compare (`laiosim list servers`).
    pub servers: Vec<Server>,
    /// The machine.
    pub machine: MachineKeys,
    /// The machine's buffer cache.
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
    /// What is asked of the servers. Either `trace` or `synthetic`; either `clients` or
    /// `arrivals`.
    pub workload: WorkloadKeys,
    /// Run control.
    #[serde(default)]
    pub run: RunKeys,
    /// Keys (dotted paths) that take several values: every combination is run. A list of values,
    /// or a range as a string: `"8..128:log:5"`, five values from 8 to 128 in equal ratios;
    /// `"10..50:5"`, five in equal steps. Default: none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub axes: BTreeMap<String, axes::Axis>,
    /// Comparison with the figures of the LAIO paper. Default: none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper: Option<PaperKeys>,
}

/// `[paper]`: the comparison with the paper's figures, where a scenario is about one of its
/// experiments.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct PaperKeys {
    /// Print LAIO's lead over the next best beside the paper's 24 %, and the share of potentially
    /// blocking operations that did not block beside its 73 to 86 %. Default: no.
    pub compare: bool,
}
