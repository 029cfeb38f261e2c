//! What the examples share.
#![allow(dead_code, reason = "each example uses a part")]

pub(crate) mod compare;
pub(crate) mod contender;
pub(crate) mod job;
pub(crate) mod loops;
pub(crate) mod totals;
pub(crate) mod tree;
pub(crate) mod walk;
