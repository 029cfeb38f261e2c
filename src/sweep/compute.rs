//! Makes the runs of the points that are missing, and keeps each point as soon as it is finished.

use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use output::files::OutputError;
use output::progress::Progress;
use sim::run::Keep;
use sim::scenario::experiment::{Conduct, PointRuns, conduct};
use sim::scenario::load::Loaded;

use super::folder::Folder;
use super::point::Finished;
use crate::failure::Failure;

/// What is needed to compute points.
pub(super) struct Work<'a> {
    /// The sweep.
    pub(super) loaded: &'a Loaded,
    /// Its folder.
    pub(super) folder: &'a Folder,
    /// Threads to run on.
    pub(super) threads: usize,
    /// Once set, no further run is begun.
    pub(super) stop: &'a AtomicBool,
}

impl Work<'_> {
    /// Computes the points `missing`, in ascending order, until `stop` is set.
    ///
    /// # Errors
    /// A point cannot be kept.
    pub(super) fn compute(&self, missing: &[usize]) -> Result<(), Failure> {
        let meter = Meter::of(self.loaded, missing);
        let mut failed: Option<OutputError> = None;
        let how = Conduct {
            threads: self.threads,
            stop: self.stop,
            keep: Keep::default(),
            progress: &|| meter.run(),
        };
        for range in ranges(missing) {
            conduct(self.loaded, range, &how, |runs| {
                if let Err(error) = self.keep(&runs) {
                    self.stop.store(true, Ordering::Relaxed);
                    failed.get_or_insert(error);
                }
                meter.point();
            });
            if self.stop.load(Ordering::Relaxed) {
                break;
            }
        }
        failed.map_or(Ok(()), |error| Err(Failure::writing(&error)))
    }

    fn keep(&self, runs: &PointRuns) -> Result<(), OutputError> {
        let point = &self.loaded.points[runs.point];
        let stopped = self.stop.load(Ordering::Relaxed);
        if cut_short(runs, stopped, point.scenario.run.max_replications) {
            return Ok(());
        }
        let finished = Finished::of(self.folder.sweep(), point, runs);
        self.folder.store(&finished)
    }
}

/// Whether an early end left out runs: some of a round, or a round that the precision asked for
/// would have needed.
fn cut_short(runs: &PointRuns, stopped: bool, max_replications: u32) -> bool {
    let made = runs.servers.iter().map(|of| of.runs.len()).max();
    let more = made.is_some_and(|made| made < max_replications as usize);
    !runs.complete || (stopped && runs.precise == Some(false) && more)
}

/// Counts runs; points where it is not known beforehand how many runs there will be.
struct Meter {
    progress: Progress,
    by_runs: bool,
}

impl Meter {
    fn of(loaded: &Loaded, missing: &[usize]) -> Self {
        let keys = || missing.iter().map(|&index| &loaded.points[index].scenario);
        let by_runs = keys().all(|keys| keys.run.precision.is_none());
        let runs: u64 = keys()
            .map(|keys| keys.servers.len() as u64 * u64::from(keys.run.replications))
            .sum();
        let progress = match by_runs {
            true => Progress::new(runs, "runs"),
            false => Progress::new(missing.len() as u64, "points"),
        };
        Self { progress, by_runs }
    }

    fn run(&self) {
        if self.by_runs {
            self.progress.inc();
        }
    }

    fn point(&self) {
        if !self.by_runs {
            self.progress.inc();
        }
    }
}

/// Ascending indices as ranges.
fn ranges(indices: &[usize]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &index in indices {
        match ranges.last_mut() {
            Some(last) if last.end == index => last.end += 1,
            _ => ranges.push(index..index + 1),
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::scenario::experiment::{ServerRuns, WarmUpCut};
    use sim::scenario::{Server, Structure};

    /// A point whose planned replications have all been made.
    fn made(replications: usize, precise: Option<bool>) -> PointRuns {
        let server = Server::plain(Structure::NbB);
        let runs = vec![None; replications];
        PointRuns {
            point: 0,
            servers: vec![ServerRuns { server, runs }],
            warm_up: WarmUpCut::Nothing,
            precise,
            complete: true,
        }
    }

    #[test]
    fn a_point_that_was_stopped_between_two_rounds_is_not_finished() {
        assert!(cut_short(&made(10, Some(false)), true, 20));
        // The precision was reached, the limit was, none was asked for, nobody stopped it.
        assert!(!cut_short(&made(10, Some(true)), true, 20));
        assert!(!cut_short(&made(20, Some(false)), true, 20));
        assert!(!cut_short(&made(5, None), true, 20));
        assert!(!cut_short(&made(20, Some(false)), false, 20));
        let mut within_a_round = made(5, None);
        within_a_round.complete = false;
        assert!(cut_short(&within_a_round, true, 20));
    }

    #[test]
    fn neighbours_are_computed_together() {
        assert_eq!(ranges(&[0, 1, 2, 5, 7, 8]), [0..3, 5..6, 7..9]);
        assert_eq!(ranges(&[]), []);
    }
}
