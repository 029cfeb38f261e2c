//! Discrete-event simulator of event-driven servers and the machine under them.

pub mod engine;
pub mod machine;
pub mod run;
pub mod scenario;
pub mod server;
pub mod stats;
pub mod workload;
