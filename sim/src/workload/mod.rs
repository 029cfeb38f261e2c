//! What is asked of the servers: objects, clients and arrivals, and recorded traces.

pub mod arrivals;
#[cfg(test)]
mod chi_square;
pub mod clients;
pub mod session;
pub mod source;
pub mod synthetic;
pub mod trace;
