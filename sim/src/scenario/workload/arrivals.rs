//! `[workload.arrivals]`: which keys a law takes, and what they may be.

use super::{ArrivalKeys, ArrivalKind, Begin, KeyError, LONGEST};
use crate::engine::Nanos;
use crate::workload::arrivals::{ArrivalLaw, Curve, OnOff};

/// The highest rate in sessions per second: ours, a thousand nanoseconds apart.
const MAX_RATE: f64 = 1e6;
/// The shortest mean on period: ours, so that a process gets ahead.
const SHORTEST: Nanos = Nanos::from_micros(1);

impl ArrivalKeys {
    /// The arrivals that these keys describe.
    pub(super) fn begin(&self) -> Result<Begin, KeyError> {
        self.refuse_foreign()?;
        Ok(match self.kind {
            ArrivalKind::Trace => Begin::Trace,
            ArrivalKind::Poisson => Begin::Law(ArrivalLaw::Poisson(self.rate()?)),
            ArrivalKind::OnOff => Begin::Law(ArrivalLaw::OnOff(self.on_off()?)),
            ArrivalKind::Curve => Begin::Law(ArrivalLaw::Curve(self.curve()?)),
        })
    }

    /// Refuses keys that the kind has no use for.
    fn refuse_foreign(&self) -> Result<(), KeyError> {
        use ArrivalKind::{Curve, OnOff, Poisson};
        let keys: [(&str, bool, &[ArrivalKind]); 5] = [
            ("rate", self.rate.is_some(), &[Poisson, OnOff]),
            ("on", self.on.is_some(), &[OnOff]),
            ("off", self.off.is_some(), &[OnOff]),
            ("periods", self.periods.is_some(), &[OnOff]),
            ("points", self.points.is_some(), &[Curve]),
        ];
        for (key, given, kinds) in keys {
            if given && !kinds.contains(&self.kind) {
                return wrong(key, "this kind of arrivals has no use for it; remove it");
            }
        }
        Ok(())
    }

    fn rate(&self) -> Result<f64, KeyError> {
        match self.rate {
            Some(rate) if rate > 0.0 && rate <= MAX_RATE => Ok(rate),
            Some(rate) => wrong(
                "rate",
                format!("must be above 0 and at most {MAX_RATE} sessions per second, not {rate}"),
            ),
            None => wrong(
                "rate",
                "this kind of arrivals needs it: sessions per second",
            ),
        }
    }

    fn on_off(&self) -> Result<OnOff, KeyError> {
        Ok(OnOff {
            rate: self.rate()?,
            on: period("on", self.on, SHORTEST)?,
            off: period("off", self.off, Nanos::ZERO)?,
            periods: self.periods.unwrap_or_default(),
        })
    }

    fn curve(&self) -> Result<Curve, KeyError> {
        let points = self.points.clone().unwrap_or_default();
        let curve = Curve::new(points).or_else(|message| wrong("points", message))?;
        if curve.peak_rate() > MAX_RATE {
            return wrong("points", format!("a rate is at most {MAX_RATE} per second"));
        }
        match curve.length() <= LONGEST {
            true => Ok(curve),
            false => wrong("points", format!("a curve lasts at most {LONGEST}")),
        }
    }
}

fn period(key: &str, value: Option<Nanos>, least: Nanos) -> Result<Nanos, KeyError> {
    match value {
        Some(span) if (least..=LONGEST).contains(&span) => Ok(span),
        Some(span) => wrong(key, format!("must be {least} to {LONGEST}, not {span}")),
        None => wrong(key, "on-off arrivals need it: the mean length of a period"),
    }
}

fn wrong<T>(key: &str, message: impl Into<String>) -> Result<T, KeyError> {
    Err((format!("arrivals.{key}"), message.into()))
}
