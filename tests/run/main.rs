//! `laiosim run`, as users call it: exit codes, messages, files.

mod colour;
mod fixture;
mod interrupt;
mod json;
mod refused;
mod refused_files;
mod requests;
mod results;
mod said;
mod shown;
mod timeline;
