//! The simulator as a whole against what is true: closed forms, conservation laws, exact
//! policies, determinism, and every key and every figure changing some result.

mod bench;
mod costs;
mod determinism;
mod keys;
mod laws;
mod lru;
mod measures;
mod queueing;
mod random;
mod structure;
