//! The real side: servers, load generator, emulated disk, meters; what measures a machine, and what
//! holds the simulator's predictions against it.
//!
//! - [`serve`]: the real servers, driving the simulator's own script and event loop.
//! - [`load`]: closed-loop clients that play a trace.
//! - [`emulate`]: the simulator's disk model behind a real file system, bounded memory, meters.
//! - [`calibrate`]: measures what a machine charges, as a machine profile.
//! - [`compare`]: runs both and judges the predictions.

pub mod calibrate;
pub mod compare;
pub mod emulate;
pub mod load;
pub mod process;
pub mod serve;
