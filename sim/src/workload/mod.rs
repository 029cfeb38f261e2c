//! What is asked of the servers: objects, clients and arrivals, and recorded traces.

pub mod clients;
pub mod trace;
