//! Discrete-event simulator of event-driven servers and the machine under them.

pub mod engine;
pub mod machine;
