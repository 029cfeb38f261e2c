//! The `laiosim` command.
fn main() {}
