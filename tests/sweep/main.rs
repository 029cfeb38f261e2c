//! `laiosim sweep`, as users call it: exit codes, messages, files, going on where it ended.

mod fixture;
mod refused;
mod results;
mod resumed;
