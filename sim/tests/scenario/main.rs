//! The loader: what it makes of a scenario's files, and what it refuses, with file, line and key.

mod axes;
mod extends;
mod folder;
mod machine;
mod overrides;
mod refusals;
mod together;
mod values;
mod workload;
