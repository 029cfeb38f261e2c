//! The simulator as a whole against what is true: closed forms, conservation laws, exact
//! policies, determinism, and every key and every figure changing some result.

#[path = "../data/closed_form.rs"]
mod closed_form;

mod bench;
mod costs;
mod determinism;
mod keys;
mod laws;
mod measures;
mod queueing;
mod random;
mod structure;
