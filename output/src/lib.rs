//! What users see: numbers with their intervals, tables, bar charts, figures, timelines, files and
//! progress.
//!
//! Knows nothing of simulations: it is given names and values and decides how they look. Nothing
//! is left out for lack of space; what does not fit is set in another way.

pub mod files;
pub mod number;
pub mod plot;
pub mod progress;
pub mod svg;
pub mod table;
pub mod timeline;
mod wrap;
