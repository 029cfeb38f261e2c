//! Axes: keys that take several values.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// The most values of one axis: ours, so that a slip of the finger is an error.
const MANY: usize = 10_000;

/// The values of one axis, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Axis(pub Vec<toml::Value>);

impl Axis {
    /// From the command line: values separated by commas, or a range.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.contains("..") {
            return range(text);
        }
        let values: Vec<toml::Value> = split(text).map(parse_value).collect();
        Self::checked(values)
    }

    fn checked(values: Vec<toml::Value>) -> Result<Self, String> {
        match values.len() {
            0 => Err("has no values; give one, or drop it".to_owned()),
            1..=MANY => Ok(Self(values)),
            many => Err(format!("has {many} values; at most {MANY} are possible")),
        }
    }
}

/// At commas outside of brackets and quotes.
fn split(text: &str) -> impl Iterator<Item = &str> {
    let (mut depth, mut quoted) = (0, false);
    text.split(move |c| {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            _ => {}
        }
        c == ',' && depth == 0 && !quoted
    })
    .map(str::trim)
    .filter(|part| !part.is_empty())
}

/// A value as TOML has it; a bare word stands for a string.
pub(super) fn parse_value(text: &str) -> toml::Value {
    toml::from_str::<toml::Table>(&format!("value = {text}"))
        .ok()
        .and_then(|mut table| table.remove("value"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()))
}

/// A number with its unit, if it has one: "64 MiB", "64MiB", "0.3 ms", "32".
#[derive(Clone, Debug, PartialEq)]
struct Number {
    value: f64,
    unit: String,
}

impl Number {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let end = text
            .find(|c: char| !(c.is_ascii_digit() || ".-+eE".contains(c)))
            .unwrap_or(text.len());
        let value = text[..end]
            .parse()
            .ok()
            .filter(|value: &f64| value.is_finite())?;
        let unit = text[end..].trim().to_owned();
        Some(Self { value, unit })
    }
}

/// How a range is divided.
#[derive(Clone, Copy, PartialEq)]
enum Steps {
    Linear,
    Log,
}

/// `FROM..TO[:lin|:log]:COUNT`
fn range(text: &str) -> Result<Axis, String> {
    let wrong = || {
        format!(
            "\"{text}\" is no range; write FROM..TO:COUNT or FROM..TO:log:COUNT, as in \
             64MiB..4GiB:log:7"
        )
    };
    let (bounds, how) = text.split_once(':').ok_or_else(wrong)?;
    let (from, to) = bounds.split_once("..").ok_or_else(wrong)?;
    let (steps, count) = match how.split_once(':') {
        None => (Steps::Linear, how),
        Some(("lin", count)) => (Steps::Linear, count),
        Some(("log", count)) => (Steps::Log, count),
        Some(_) => return Err(wrong()),
    };
    let count: usize = count.trim().parse().map_err(|_| wrong())?;
    let (from, to) = (Number::parse(from), Number::parse(to));
    let (from, to) = from.zip(to).ok_or_else(wrong)?;
    if !(2..=MANY).contains(&count) {
        return Err(format!("\"{text}\": a range has from 2 to {MANY} values"));
    }
    let scale = Scale::of(&from.unit, &to.unit).ok_or_else(wrong)?;
    let (low, high) = (from.value * scale.of_from, to.value * scale.of_to);
    if steps == Steps::Log && (low <= 0.0 || high <= 0.0) {
        return Err(format!(
            "\"{text}\": a range in equal ratios needs bounds above 0"
        ));
    }
    let value = |i: usize| {
        let share = i as f64 / (count - 1) as f64;
        match steps {
            // The bounds themselves are met exactly.
            _ if i == 0 => low,
            _ if i == count - 1 => high,
            Steps::Linear => low + (high - low) * share,
            Steps::Log => low * libm::exp(libm::log(high / low) * share),
        }
    };
    Axis::checked((0..count).map(|i| scale.write(value(i))).collect())
}

/// The unit in which a range is counted.
struct Scale {
    of_from: f64,
    of_to: f64,
    unit: &'static str,
}

impl Scale {
    /// Sizes are counted in bytes, times in nanoseconds, rates in bits per second, everything
    /// else as it is.
    fn of(from: &str, to: &str) -> Option<Self> {
        const KINDS: [(&str, &[(&str, f64)]); 4] = [
            (
                "B",
                &[
                    ("B", 1.0),
                    ("KiB", 1024.0),
                    ("MiB", 1_048_576.0),
                    ("GiB", 1_073_741_824.0),
                    ("TiB", 1_099_511_627_776.0),
                    ("kB", 1e3),
                    ("MB", 1e6),
                    ("GB", 1e9),
                ],
            ),
            (
                "ns",
                &[
                    ("ns", 1.0),
                    ("us", 1e3),
                    ("ms", 1e6),
                    ("s", 1e9),
                    ("min", 6e10),
                ],
            ),
            (
                "kbit/s",
                &[("kbit/s", 1.0), ("Mbit/s", 1e3), ("Gbit/s", 1e6)],
            ),
            ("", &[("", 1.0)]),
        ];
        KINDS.iter().find_map(|(unit, known)| {
            let factor = |name: &str| known.iter().find(|(other, _)| *other == name).map(|k| k.1);
            Some(Self {
                of_from: factor(from)?,
                of_to: factor(to)?,
                unit,
            })
        })
    }

    fn write(&self, value: f64) -> toml::Value {
        match self.unit {
            // Equal ratios miss whole numbers by their rounding: 63.999999999999986.
            "" if (value - libm::rint(value)).abs() <= value.abs() * 1e-12
                && value.abs() < 9e15 =>
            {
                toml::Value::Integer(libm::rint(value) as i64)
            }
            "" => toml::Value::Float(value),
            unit => toml::Value::String(format!("{} {unit}", libm::rint(value))),
        }
    }
}

impl fmt::Display for Axis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&values.join(", "))
    }
}

impl<'de> Deserialize<'de> for Axis {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match toml::Value::deserialize(from)? {
            toml::Value::Array(values) => Self::checked(values).map_err(de::Error::custom),
            toml::Value::String(text) => range(&text).map_err(de::Error::custom),
            _ => Err(de::Error::custom(
                "an axis is a list of values, or a range as in \"8..128:log:5\"",
            )),
        }
    }
}

impl Serialize for Axis {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(axis: &str) -> Vec<String> {
        let axis = Axis::parse(axis).unwrap_or_else(|error| panic!("{error}"));
        axis.0.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn lists_keep_their_values() {
        assert_eq!(texts("8,32, 128"), ["8", "32", "128"]);
        assert_eq!(texts("12 MiB,1 GiB"), ["\"12 MiB\"", "\"1 GiB\""]);
        assert_eq!(texts("[\"nb-b\", \"mp\"]"), ["[\"nb-b\", \"mp\"]"]);
    }

    #[test]
    fn ranges_meet_their_bounds_and_have_equal_ratios_or_steps() {
        let sizes = texts("64MiB..4GiB:log:7");
        assert_eq!(sizes[0], format!("\"{} B\"", 64 << 20));
        assert_eq!(sizes[1], format!("\"{} B\"", 128 << 20));
        assert_eq!(sizes[6], format!("\"{} B\"", 4_u64 << 30));
        assert_eq!(texts("10..50:5"), ["10", "20", "30", "40", "50"]);
        assert_eq!(texts("8..128:log:5"), ["8", "16", "32", "64", "128"]);
        assert_eq!(texts("0..1:3"), ["0", "0.5", "1"]);
        assert_eq!(texts("1 ms..2 ms:lin:3")[1], "\"1500000 ns\"");
    }

    #[test]
    fn nonsense_is_refused_in_words() {
        for wrong in [
            "8..",
            "8..128",
            "8..128:log",
            "0..8:log:3",
            "1 MiB..3 s:3",
            "1..2:1",
            "",
        ] {
            assert!(Axis::parse(wrong).is_err(), "{wrong}");
        }
    }
}
