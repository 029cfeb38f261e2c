//! Disks: a mechanism (or law), a host queue in front of it, and what both count.
