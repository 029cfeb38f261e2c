//! Carries an experiment out and keeps what is shown and written of it.

use std::sync::atomic::{AtomicU64, Ordering};

use output::files::OutputError;
use output::progress::Progress;
use sim::run::Keep;
use sim::scenario::experiment::{Conduct, PointRuns, conduct};
use sim::scenario::load::{Loaded, Point};
use sim::stats::Recorder;
use sim::stats::stopping::ROUND;

use super::paper::{self, Line};
use super::report;
use super::requests::RequestsFile;
use crate::figures::{self, Figure};
use crate::stop::{Cut, Stop};
use crate::tidy::{self, Summary};

/// What came of an experiment.
pub(super) struct Outcome {
    /// The points that were begun, in order.
    pub(super) points: Vec<Done>,
    /// Runs planned, as far as that is known.
    pub(super) planned: usize,
    /// Why it is not complete.
    pub(super) cut: Option<Cut>,
}

/// What is kept of a point.
pub(super) struct Done {
    /// Its runs without their response times and requests, which would fill the memory.
    pub(super) runs: PointRuns,
    /// Every metric of every server.
    pub(super) summaries: Vec<Summary>,
    /// Its plots.
    pub(super) figures: Vec<Figure>,
    /// What it says, in sentences.
    pub(super) says: Vec<String>,
    /// Its figures beside those of the LAIO paper.
    pub(super) paper: Vec<Line>,
    /// Its tables and charts.
    pub(super) shown: String,
}

/// How it is carried out.
pub(super) struct How<'a> {
    /// Threads to run on.
    pub(super) threads: usize,
    /// When it ends early.
    pub(super) stop: &'a Stop,
    /// Where requests are written to.
    pub(super) requests: Option<&'a mut RequestsFile>,
    /// Whether plots are drawn.
    pub(super) figures: bool,
    /// Whether every figure is shown.
    pub(super) full: bool,
}

impl Outcome {
    /// Carries the experiment out.
    ///
    /// # Errors
    /// Requests cannot be written.
    pub(super) fn of(loaded: &Loaded, mut how: How<'_>) -> Result<Self, OutputError> {
        let runs = Counted::new(loaded);
        let keep = Keep {
            requests: how.requests.is_some(),
            spans: 0,
        };
        let conducted = Conduct {
            threads: how.threads,
            stop: how.stop.flag(),
            keep,
            progress: &|| runs.inc(),
        };
        let mut points = Vec::new();
        let mut written = Ok(());
        conduct(loaded, 0..loaded.points.len(), &conducted, |runs| {
            if written.is_err() {
                return;
            }
            if let Some(file) = &mut how.requests {
                written = file.add(&loaded.points[runs.point], &runs);
            }
            if written.is_err() {
                how.stop.flag().store(true, Ordering::Relaxed);
            }
            points.push(Done::of(loaded, runs, &how));
        });
        written?;
        let planned = planned(loaded, &points);
        let cut = how.stop.cut().filter(|_| is_cut(loaded, &points, planned));
        Ok(Self {
            points,
            planned,
            cut,
        })
    }

    /// Runs that are complete.
    pub(super) fn done(&self) -> usize {
        self.points.iter().map(|done| done.runs.done()).sum()
    }

    /// The runs of the points.
    pub(super) fn runs(&self) -> Vec<&PointRuns> {
        self.points.iter().map(|done| &done.runs).collect()
    }
}

impl Done {
    fn of(loaded: &Loaded, mut runs: PointRuns, how: &How<'_>) -> Self {
        let point = &loaded.points[runs.point];
        let figures = how.figures.then(|| figures::at_point(loaded, &runs));
        let summaries = tidy::summaries(&runs);
        let says = report::says(point, &runs);
        let paper = paper::lines(point, &runs);
        let shown = report::tables(&runs, how.full);
        for run in runs
            .servers
            .iter_mut()
            .flat_map(|of| &mut of.runs)
            .flatten()
        {
            run.records = None;
            run.responses = Recorder::default();
        }
        Self {
            runs,
            summaries,
            figures: figures.unwrap_or_default(),
            says,
            paper,
            shown,
        }
    }
}

/// Runs of a point that are certain.
fn planned_of(point: &Point) -> usize {
    point.scenario.run.first_round() as usize * point.scenario.servers.len()
}

/// The certain ones, and those that precision has added.
fn planned(loaded: &Loaded, points: &[Done]) -> usize {
    let certain = loaded.points.iter().map(planned_of);
    let begun = points.iter().map(|done| {
        let runs = done.runs.servers.iter().map(|of| of.runs.len());
        runs.sum::<usize>()
    });
    let begun = begun.chain(std::iter::repeat(0));
    certain
        .zip(begun)
        .map(|(certain, begun)| certain.max(begun))
        .sum()
}

/// Whether something is missing: a run, or the rounds that a precision would have needed.
fn is_cut(loaded: &Loaded, points: &[Done], planned: usize) -> bool {
    let done: usize = points.iter().map(|done| done.runs.done()).sum();
    let imprecise = |done: &Done| {
        let most = loaded.points[done.runs.point].scenario.run.max_replications as usize;
        let fewer = done.runs.servers.iter().any(|of| of.runs.len() < most);
        done.runs.precise == Some(false) && fewer
    };
    done < planned || points.iter().any(imprecise)
}

/// Progress towards a number of runs that grows where precision asks for more.
struct Counted {
    bar: Progress,
    planned: AtomicU64,
    done: AtomicU64,
    round: u64,
}

impl Counted {
    fn new(loaded: &Loaded) -> Self {
        let planned: usize = loaded.points.iter().map(planned_of).sum();
        let servers = loaded
            .points
            .iter()
            .map(|point| point.scenario.servers.len());
        Self {
            bar: Progress::new(planned as u64, "runs"),
            planned: AtomicU64::new(planned as u64),
            done: AtomicU64::new(0),
            round: u64::from(ROUND) * servers.max().unwrap_or(1) as u64,
        }
    }

    fn inc(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        let planned = self.planned.load(Ordering::Relaxed);
        if done > planned {
            self.planned.store(planned + self.round, Ordering::Relaxed);
            self.bar.set_units(planned + self.round);
        }
        self.bar.inc();
    }
}
