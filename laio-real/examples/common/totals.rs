//! Summing up a tree in every round, by every contender: all must find the same.

use std::error::Error;
use std::fmt::Display;
use std::path::PathBuf;

use super::compare::{Comparison, Options};
use super::tree::Temporary;
use super::walk::Task;

/// A task that leaves a total.
pub(crate) trait Sum: Task + Send {
    type Total: Display + PartialEq;

    /// A task that uses so many slots.
    fn new(slots: usize) -> Self;

    fn total(self) -> Self::Total;
}

/// Has every contender sum up `dir`, or a temporary tree, in every round. Prints the total and the
/// times.
///
/// # Errors
/// Totals that differ, and those of [`Comparison`].
pub(crate) fn compare<S: Sum>(
    dir: Option<PathBuf>,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let (_temporary, dir) = Temporary::unless_given(dir, options)?;
    let mut comparison = Comparison::new(options);
    comparison.warm_up(&dir, S::new)?;
    let mut totals = Vec::new();
    for _ in 0..options.rounds {
        let done = comparison.round(|| Ok(&dir), S::new)?;
        totals.extend(done.into_iter().map(S::total));
    }
    if let Some(total) = totals.first() {
        println!("{total}");
        if totals.iter().any(|other| other != total) {
            return Err("the totals differ".into());
        }
    }
    comparison.finish()
}
