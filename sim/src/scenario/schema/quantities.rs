//! The schemas of what scenarios write as text: quantities with units, names of servers, axes.
//! Their `format` says what they are; validators pass over formats that they do not know.

use std::borrow::Cow;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use crate::engine::Nanos;
use crate::scenario::Server;
use crate::scenario::axes::Axis;
use crate::scenario::units::{BitRate, Bytes};
use crate::stats::Precision;

macro_rules! inline_schema {
    ($type:ty, $name:literal, $schema:expr) => {
        impl JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }

            fn schema_name() -> Cow<'static, str> {
                $name.into()
            }

            fn json_schema(_: &mut SchemaGenerator) -> Schema {
                $schema
            }
        }
    };
}

inline_schema!(Bytes, "Bytes", quantity("size", "", SIZE_UNIT));
inline_schema!(Nanos, "Nanos", quantity("duration", SIGN, TIME_UNIT));
inline_schema!(BitRate, "BitRate", rate());
inline_schema!(
    Precision,
    "Precision",
    quantity("percentage", SIGN, r"%\s*")
);
inline_schema!(
    Server,
    "Server",
    json_schema!({
        "type": "string",
        "enum": Server::all().map(Server::name).collect::<Vec<_>>(),
    })
);
inline_schema!(
    Axis,
    "Axis",
    json_schema!({
        "anyOf": [
            { "type": "array", "minItems": 1 },
            { "type": "string", "pattern": r"^.+\.\..+:\s*[0-9]+\s*$" },
        ],
    })
);

const NUMBER: &str = r"([0-9]+\.?[0-9]*|\.[0-9]+)";
const EXPONENT: &str = r"([eE][+-]?[0-9]+)?";
/// Around the number, which a size does not have.
const SIGN: &str = r"\s*\+?";
/// As `bytesize` has them: in any case, with or without the B.
const SIZE_UNIT: &str = "([bB]|[kKmMgGtTpPeE][iI]?[bB]?)";
const TIME_UNIT: &str = r"(ns|us|µs|ms|s|min)\s*";

fn quantity(format: &str, before: &str, unit: &str) -> Schema {
    let exponent = if before.is_empty() { "" } else { EXPONENT };
    json_schema!({
        "type": "string",
        "format": format,
        "pattern": format!(r"^{before}{NUMBER}{exponent}\s*{unit}$"),
    })
}

fn rate() -> Schema {
    json_schema!({
        "type": "string",
        "format": "rate",
        "pattern": format!(r"^(unlimited|{SIGN}{NUMBER}{EXPONENT}\s*[kMG]bit/s)$"),
    })
}
