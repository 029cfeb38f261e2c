//! `[workload]` as a whole: which keys go together.

use super::{Begin, KeyError, LONGEST, Source, WorkloadKeys};
use crate::engine::Nanos;

/// Default of `gap`.
const GAP: Nanos = Nanos(15_000_000_000);
/// The most clients: ours, far above any sensible number.
const MAX_CLIENTS: u32 = 1_000_000;
/// The strongest stretching or squeezing of a trace's time: ours.
const MAX_SCALE: f64 = 1e6;

impl WorkloadKeys {
    /// Whether a run can be made of these keys.
    ///
    /// # Errors
    ///
    /// The first wrong key, dotted, below `workload`, and what is wrong in words.
    pub fn check(&self) -> Result<(), KeyError> {
        self.source()?;
        self.begin()?;
        self.check_trace_keys()?;
        match self.requests {
            Some(0) => wrong("requests", "must be at least 1"),
            _ => Ok(()),
        }
    }

    /// Where the sessions come from.
    ///
    /// # Errors
    ///
    /// Both or neither of trace and synthetic, or a wrong key of the latter.
    pub fn source(&self) -> Result<Source, KeyError> {
        match (&self.trace, &self.synthetic) {
            (Some(trace), None) => Ok(Source::Trace(trace.clone())),
            (None, Some(keys)) => Ok(Source::Synthetic(keys.parameters()?)),
            (Some(_), Some(_)) => wrong("synthetic", "cannot stand beside trace; remove one"),
            (None, None) => wrong("trace", "either a trace or [workload.synthetic] is needed"),
        }
    }

    /// Who begins sessions, and when.
    ///
    /// # Errors
    ///
    /// Both or neither of clients and arrivals, or a wrong key of theirs.
    pub fn begin(&self) -> Result<Begin, KeyError> {
        let begin = match (self.clients, &self.arrivals) {
            (Some(clients @ 1..=MAX_CLIENTS), None) => return Ok(Begin::Clients(clients)),
            (Some(clients), None) => {
                return wrong(
                    "clients",
                    format!("must be 1 to {MAX_CLIENTS}, not {clients}"),
                );
            }
            (None, Some(keys)) => keys.begin()?,
            (Some(_), Some(_)) => {
                return wrong("arrivals", "cannot stand beside clients; remove one");
            }
            (None, None) => {
                return wrong("clients", "either clients or [workload.arrivals] is needed");
            }
        };
        match begin == Begin::Trace && self.trace.is_none() {
            true => wrong("arrivals.kind", "there is no trace that has times"),
            false => Ok(begin),
        }
    }

    /// The longest gap within a sequence of a trace.
    pub fn gap(&self) -> Nanos {
        self.gap.unwrap_or(GAP)
    }

    /// What a trace's recorded times are multiplied by.
    pub fn time_scale(&self) -> f64 {
        self.time_scale.unwrap_or(1.0)
    }

    /// The pause between requests of a trace that is not played at its own times.
    pub fn think(&self) -> Nanos {
        self.think.unwrap_or_default()
    }

    /// Refuses values and keys that are meant for a trace where there is none.
    fn check_trace_keys(&self) -> Result<(), KeyError> {
        let at_its_times = matches!(self.begin(), Ok(Begin::Trace));
        if self.gap.is_some() && self.trace.is_none() {
            return wrong("gap", "is for traces only; remove it");
        }
        if self.think.is_some() && self.trace.is_none() {
            return wrong("think", "is for traces only; set synthetic.think");
        }
        if self.think.is_some() && at_its_times {
            return wrong(
                "think",
                "a trace at its own times has no other pauses; remove it",
            );
        }
        if self.time_scale.is_some() && !at_its_times {
            return wrong(
                "time_scale",
                "is for arrivals.kind = \"trace\" only; remove it",
            );
        }
        for (key, span) in [("gap", self.gap()), ("think", self.think())] {
            if span > LONGEST {
                return wrong(key, format!("must be at most a day, not {span}"));
            }
        }
        let scale = self.time_scale();
        match scale > 0.0 && (1.0 / MAX_SCALE..=MAX_SCALE).contains(&scale) {
            true => Ok(()),
            false => wrong(
                "time_scale",
                format!("must be {} to {MAX_SCALE}, not {scale}", 1.0 / MAX_SCALE),
            ),
        }
    }
}

fn wrong<T>(key: &str, message: impl Into<String>) -> Result<T, KeyError> {
    Err((key.to_owned(), message.into()))
}
