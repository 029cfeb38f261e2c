//! The subcommands beside `run`, as users call them: exit codes, messages, files.

mod check;
mod compare;
mod completions;
mod fixture;
mod init;
mod list;
mod schema;
