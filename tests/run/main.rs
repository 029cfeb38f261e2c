//! `laiosim run`, as users call it: exit codes, messages, files.

mod fixture;
mod interrupt;
mod refused;
mod results;
