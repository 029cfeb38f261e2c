//! The keys of `[workload]`.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::units::Bytes;
use crate::engine::Nanos;
use crate::workload::arrivals::{ArrivalLaw, PeriodLaw};
use crate::workload::synthetic::{Parameters, Preset, ThinkLaw};

mod arrivals;
mod check;
mod synthetic;
#[cfg(test)]
mod tests;

/// The longest gap, pause, mean period or curve: a day. Ours, so that the clock cannot overflow.
const LONGEST: Nanos = Nanos(86_400_000_000_000);

/// What is wrong with a key: its dotted name below `workload`, and the message in words.
pub type KeyError = (String, String);

/// `[workload]`: what is asked of the servers. Either `trace` or `synthetic`; either `clients` or
/// `arrivals`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct WorkloadKeys {
    /// Number of closed clients: each plays one session after the other. Default: none; then
    /// `arrivals` says when sessions begin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub clients: Option<u32>,
    /// When sessions begin that nobody waits for. Default: none; then `clients` play.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub arrivals: Option<ArrivalKeys>,
    /// The trace (a file, relative to the scenario). Default: none; then `synthetic` is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trace: Option<PathBuf>,
    /// Of a trace: a client's requests belong to one sequence while the gaps between them are at
    /// most this. Default: 15 s, Apache's old `KeepAliveTimeout`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gap: Option<Nanos>,
    /// Play only the first sessions, up to the one that brings this many requests. Default: all of
    /// a trace; synthetic sessions without end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub requests: Option<u64>,
    /// With `arrivals.kind = "trace"`: recorded times are multiplied by this; 2 is twice as slow.
    /// Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time_scale: Option<f64>,
    /// Of a trace that is not played at its own times: pause between a response and the next
    /// request of the session, always the same. Default: none. (Synthetic sessions have
    /// `synthetic.think`.)
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<Nanos>,
    /// How long a client waits for a response; then it resets the connection and gives the
    /// request up. Default: for ever.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub patience: Option<Nanos>,
    /// Drawn objects and sessions. Every key can stand beside `preset` and replaces its value;
    /// without a preset `objects`, `body_median`, `body_sigma` and `zipf` are needed. Default:
    /// none; then the trace is played.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub synthetic: Option<SyntheticKeys>,
}

/// The kind of arrivals.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalKind {
    /// A Poisson process. Needs `rate`.
    Poisson,
    /// Bursts: a Poisson process that is switched on and off. Needs `rate`, `on` and `off`.
    OnOff,
    /// A Poisson process whose rate follows a curve. Needs `points`.
    Curve,
    /// The trace's sessions at their own times.
    Trace,
}

/// `[workload.arrivals]`: when sessions begin.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArrivalKeys {
    /// Which law.
    pub kind: ArrivalKind,
    /// Sessions per second; of bursts, while on. Above 0, at most 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<f64>,
    /// Mean length of an on period. At least 1 us.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<Nanos>,
    /// Mean length of an off period.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub off: Option<Nanos>,
    /// Law of on and off periods. Default: exponential. The first on period starts at 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub periods: Option<PeriodLaw>,
    /// The curve: times and sessions per second, as in `[["0 s", 100], ["60 s", 900]]`; straight
    /// lines between them, and from the beginning again after the last. The first is at 0 s; two
    /// of the same time are a step.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub points: Option<Vec<(Nanos, f64)>>,
}

/// `[workload.synthetic]`: drawn objects and sessions. Every key can stand beside `preset` and
/// replaces its value; without a preset `objects`, `body_median`, `body_sigma` and `zipf` are
/// needed.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct SyntheticKeys {
    /// Values for all other keys. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preset: Option<Preset>,
    /// Number of objects, 1 to 100,000,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub objects: Option<u32>,
    /// Median size of the objects that are not in the tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_median: Option<Bytes>,
    /// Standard deviation of the natural logarithm of these sizes, 0 to 5; their mean is the
    /// median times exp(sigma^2 / 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_sigma: Option<f64>,
    /// Share of the objects that are in the tail, 0 to 1. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_share: Option<f64>,
    /// Smallest size in the tail. Needed if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_min: Option<Bytes>,
    /// Exponent of the tail's Pareto law, 0.1 to 100; the smaller, the heavier. Needed if there is
    /// a tail.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tail_shape: Option<f64>,
    /// No object is larger; sizes above it are drawn again. Default: 1 TiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_size: Option<Bytes>,
    /// Exponent of popularity, 0 to 10: the object of rank r is asked for in proportion to
    /// r^-zipf. 0 = all alike.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zipf: Option<f64>,
    /// Mean number of requests in a session (geometric), 1 to 1,000,000. Default: 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session_requests: Option<f64>,
    /// Mean pause between a response and the next request of the session. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think: Option<Nanos>,
    /// Mean pause of a closed client before each of its sessions. Default: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think_between: Option<Nanos>,
    /// Law of both pauses. Default: exponential.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub think_law: Option<ThinkLaw>,
    /// Share of requests answered without a body because the client has it (304), 0 to 1.
    /// Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_modified: Option<f64>,
    /// Share of requests for names that do not exist (404), 0 to 1. Default: 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missing: Option<f64>,
}

/// Where the sessions come from.
#[derive(Clone, Debug, PartialEq)]
pub enum Source {
    /// The file of a trace.
    Trace(PathBuf),
    /// Drawn.
    Synthetic(Parameters),
}

/// Who begins sessions, and when.
#[derive(Clone, Debug, PartialEq)]
pub enum Begin {
    /// This many closed clients, each when its session before is over.
    Clients(u32),
    /// Nobody waits for anybody: drawn instants.
    Law(ArrivalLaw),
    /// The trace's own times.
    Trace,
}
