//! The buffer cache against what is true: exact policies on reference traces, closed forms for
//! independent references, the stack property, and the kernel's read-ahead derived by hand.

mod bench;
#[path = "../data/closed_form.rs"]
mod closed_form;
mod independent;
mod memory;
mod names;
mod random;
mod readahead;
mod reference;
mod stack;
