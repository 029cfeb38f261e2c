//! Quantities with units, as scenarios and machine profiles write them: "8 MiB", "0.3 ms".

use std::str::FromStr;

use fundu::{CustomDurationParser, CustomTimeUnit, TimeUnit};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::engine::Nanos;

/// The text of a quantity; a bare number is answered with how it would be written in this unit.
struct Text(&'static str);

impl Text {
    fn needs_unit<E: de::Error>(&self, number: impl std::fmt::Display) -> E {
        E::custom(format!(
            "a number with its unit is wanted, as in \"{number} {}\"; got {number}",
            self.0
        ))
    }
}

impl de::Visitor<'_> for Text {
    type Value = String;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "a number with its unit, as in \"8 {}\"", self.0)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<String, E> {
        Ok(text.to_owned())
    }

    fn visit_i64<E: de::Error>(self, number: i64) -> Result<String, E> {
        Err(self.needs_unit(number))
    }

    fn visit_u64<E: de::Error>(self, number: u64) -> Result<String, E> {
        Err(self.needs_unit(number))
    }

    fn visit_f64<E: de::Error>(self, number: f64) -> Result<String, E> {
        Err(self.needs_unit(number))
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Bytes(pub u64);

impl Bytes {
    /// Whole 4 KiB pages in this many bytes.
    pub fn pages(self) -> u64 {
        self.0 / crate::machine::PAGE_BYTES
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = from.deserialize_any(Text("MiB"))?;
        if text.trim().parse::<f64>().is_ok() {
            return Err(de::Error::custom(format!(
                "a size needs a unit, as in \"{} MiB\"; got \"{text}\"",
                text.trim()
            )));
        }
        bytesize::ByteSize::from_str(&text)
            .map(|size| Self(size.as_u64()))
            .map_err(|_| {
                de::Error::custom(format!(
                    "not a size: \"{text}\"; write a number and a unit (B, KiB, MiB, GiB), as in \"8 MiB\""
                ))
            })
    }
}

impl Serialize for Bytes {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{} B", self.0))
    }
}

const UNITS: [CustomTimeUnit<'static>; 5] = [
    CustomTimeUnit::with_default(TimeUnit::NanoSecond, &["ns"]),
    CustomTimeUnit::with_default(TimeUnit::MicroSecond, &["us", "µs"]),
    CustomTimeUnit::with_default(TimeUnit::MilliSecond, &["ms"]),
    CustomTimeUnit::with_default(TimeUnit::Second, &["s"]),
    CustomTimeUnit::with_default(TimeUnit::Minute, &["min"]),
];

impl FromStr for Nanos {
    type Err = String;

    /// Parses "495 ns", "0.3 ms", "15 s".
    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || {
            format!(
                "not a duration: \"{text}\"; write a number and a unit (ns, us, ms, s, min), as in \"0.3 ms\""
            )
        };
        if text.trim().parse::<f64>().is_ok() {
            return Err(wrong());
        }
        let parser = CustomDurationParser::builder()
            .time_units(&UNITS)
            .allow_time_unit_delimiter()
            .build();
        let parsed = parser.parse(text.trim()).map_err(|_| wrong())?;
        let span = std::time::Duration::try_from(parsed).map_err(|_| wrong())?;
        u64::try_from(span.as_nanos())
            .map(Nanos)
            .map_err(|_| wrong())
    }
}

impl<'de> Deserialize<'de> for Nanos {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_any(Text("ms"))?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl Serialize for Nanos {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("{} ns", self.0))
    }
}

/// Bits per second: a link's rate, or unlimited.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BitRate(pub Option<f64>);

impl BitRate {
    /// Time that `bytes` take on the link.
    pub fn time_of(self, bytes: u64) -> Nanos {
        self.0.map_or(Nanos::ZERO, |bits_per_second| {
            Nanos((bytes as f64 * 8e9 / bits_per_second).round() as u64)
        })
    }
}

impl<'de> Deserialize<'de> for BitRate {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = from.deserialize_any(Text("Mbit/s"))?;
        if text == "unlimited" {
            return Ok(Self(None));
        }
        let units = [("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)];
        units
            .into_iter()
            .find_map(|(unit, factor)| {
                let number: f64 = text.strip_suffix(unit)?.trim().parse().ok()?;
                (number > 0.0 && number.is_finite()).then_some(Self(Some(number * factor)))
            })
            .ok_or_else(|| {
                de::Error::custom(format!(
                    "not a rate: \"{text}\"; write \"unlimited\" or a number and a unit (kbit/s, Mbit/s, Gbit/s), as in \"100 Mbit/s\""
                ))
            })
    }
}

impl Serialize for BitRate {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            None => to.serialize_str("unlimited"),
            Some(bits) => to.collect_str(&format_args!("{} Mbit/s", bits / 1e6)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Probe {
        #[serde(default)]
        size: Bytes,
        #[serde(default)]
        time: Nanos,
    }

    fn size(text: &str) -> Result<u64, String> {
        toml::from_str::<Probe>(&format!("size = \"{text}\""))
            .map(|p| p.size.0)
            .map_err(|e| e.to_string())
    }

    fn time(text: &str) -> Result<u64, String> {
        toml::from_str::<Probe>(&format!("time = \"{text}\""))
            .map(|p| p.time.0)
            .map_err(|e| e.to_string())
    }

    #[test]
    fn a_bare_number_is_answered_with_a_unit() {
        let of = |text: &str| toml::from_str::<toml::Table>(text).expect("TOML")["x"].clone();
        let refused = Bytes::deserialize(of("x = 12"))
            .expect_err("no unit")
            .to_string();
        assert!(refused.contains("\"12 MiB\""), "{refused}");
        let refused = Nanos::deserialize(of("x = 0.5"))
            .expect_err("no unit")
            .to_string();
        assert!(refused.contains("\"0.5 ms\""), "{refused}");
        assert_eq!(
            Bytes::deserialize(of("x = '8 KiB'")).ok(),
            Some(Bytes(8192))
        );
    }

    #[test]
    fn sizes_need_a_unit_and_keep_it() {
        assert_eq!(size("8 MiB").unwrap(), 8 << 20);
        assert_eq!(size("1.5KiB").unwrap(), 1536);
        assert!(size("8").unwrap_err().contains("needs a unit"));
        assert!(size("8 parsecs").unwrap_err().contains("not a size"));
        assert!(size("-8 MiB").is_err());
    }

    #[test]
    fn durations_take_fractions_and_refuse_other_units() {
        assert_eq!(time("0.3 ms").unwrap(), 300_000);
        assert_eq!(time("495ns").unwrap(), 495);
        assert_eq!(time("15 s").unwrap(), 15_000_000_000);
        assert!(time("15").unwrap_err().contains("not a duration"));
        assert!(time("3 MiB").unwrap_err().contains("not a duration"));
        assert!(time("-3 ms").is_err());
    }
}
