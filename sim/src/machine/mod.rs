//! The machine: CPU, memory, disk, cache, network, and the profile that holds their figures.

pub mod disk;
