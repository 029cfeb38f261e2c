//! The values of an axis as quantities: sizes, times, rates, plain numbers.

use output::number::{Unit, value};
use output::svg::{Quantity, Scale};
use sim::engine::Nanos;
use sim::scenario::units::{BitRate, Bytes};

/// Steps of an axis of numbers that differ by more than this factor are shown on a logarithmic
/// scale: ours, between equal steps and doublings over three values.
const UNEVEN: f64 = 1.5;

/// What kind of quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Number,
    Size,
    Time,
    Rate,
}

/// An axis all of whose values are quantities of one kind.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Measure {
    key: String,
    kind: Kind,
    scale: Scale,
}

impl Measure {
    /// That of the axis `key` with these values; `None` if they are not quantities, or fewer than
    /// two.
    pub(super) fn of(key: &str, values: &[String]) -> Option<Self> {
        let kinds = [Kind::Number, Kind::Size, Kind::Time, Kind::Rate];
        let read = |kind: Kind| -> Option<Vec<f64>> {
            values.iter().map(|text| kind.read(text)).collect()
        };
        let (kind, mut read) = kinds
            .into_iter()
            .find_map(|kind| Some((kind, read(kind)?)))?;
        read.sort_by(f64::total_cmp);
        read.dedup();
        let key = key.to_owned();
        let scale = scale(kind, &read);
        (read.len() > 1).then_some(Self { key, kind, scale })
    }

    /// A value of the axis: bytes, seconds, Mbit/s, or the number.
    ///
    /// # Panics
    /// If it is none.
    pub(super) fn read(&self, text: &str) -> f64 {
        self.kind.read(text).expect("a value that was read before")
    }

    /// The axis of a figure.
    pub(super) fn quantity(&self) -> Quantity {
        let title = match self.kind {
            Kind::Rate => format!("{} [Mbit/s]", self.key),
            _ => self.key.clone(),
        };
        Quantity {
            title,
            unit: self.kind.unit(),
        }
    }

    /// Its scale: sizes and what grows by factors on a logarithmic one.
    pub(super) fn scale(&self) -> Scale {
        self.scale
    }
}

impl Kind {
    fn read(self, text: &str) -> Option<f64> {
        let string = || toml::Value::String(text.to_owned());
        match self {
            Self::Number => text.parse().ok().filter(|number: &f64| number.is_finite()),
            Self::Size => Some(string().try_into::<Bytes>().ok()?.0 as f64),
            Self::Time => Some(text.parse::<Nanos>().ok()?.as_secs_f64()),
            Self::Rate => Some(string().try_into::<BitRate>().ok()?.0? / 1e6),
        }
    }

    fn unit(self) -> Unit {
        match self {
            Self::Number | Self::Rate => Unit::None,
            Self::Size => Unit::Bytes,
            Self::Time => Unit::Seconds,
        }
    }
}

fn scale(kind: Kind, sorted: &[f64]) -> Scale {
    let steps = || sorted.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = (
        steps().fold(f64::INFINITY, f64::min),
        steps().fold(0.0, f64::max),
    );
    match sorted.first() {
        Some(&first) if first > 0.0 && (kind == Kind::Size || most > UNEVEN * least) => Scale::Log2,
        _ => Scale::Linear,
    }
}

/// A value of an axis for readers: sizes and times in a readable unit, all else as it is.
pub(super) fn readable(text: &str) -> String {
    for kind in [Kind::Size, Kind::Time] {
        if let Some(read) = kind.read(text) {
            return value(Some(read), kind.unit());
        }
    }
    text.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measure(values: &[&str]) -> Option<Measure> {
        let values: Vec<String> = values.iter().map(|&value| value.to_owned()).collect();
        Measure::of("key", &values)
    }

    #[test]
    fn values_are_read_in_their_unit() {
        let sizes = measure(&["64 MiB", "1 GiB"]).expect("sizes");
        assert_eq!(sizes.read("64 MiB"), f64::from(64 << 20));
        assert_eq!(
            (sizes.scale(), sizes.quantity().unit),
            (Scale::Log2, Unit::Bytes)
        );
        let times = measure(&["1 ms", "2 ms", "3 ms"]).expect("times");
        assert_eq!((times.read("2 ms"), times.scale()), (0.002, Scale::Linear));
        let rates = measure(&["100 Mbit/s", "1 Gbit/s"]).expect("rates");
        assert_eq!(rates.read("1 Gbit/s"), 1000.0);
    }

    #[test]
    fn numbers_that_grow_by_factors_are_on_a_logarithmic_scale() {
        assert_eq!(
            measure(&["8", "32", "128"]).expect("numbers").scale(),
            Scale::Log2
        );
        assert_eq!(
            measure(&["10", "20", "30"]).expect("numbers").scale(),
            Scale::Linear
        );
        assert_eq!(
            measure(&["0", "1", "8"]).expect("numbers").scale(),
            Scale::Linear
        );
    }

    #[test]
    fn words_and_single_values_are_no_quantities() {
        assert_eq!(measure(&["lru", "fifo"]), None);
        assert_eq!(measure(&["8", "fifo"]), None);
        assert_eq!(measure(&["8"]), None);
    }

    #[test]
    fn sizes_are_readable() {
        assert_eq!(readable("67108864 B"), "64 MiB");
        assert_eq!(readable("8"), "8");
        assert_eq!(readable("lru"), "lru");
    }
}
