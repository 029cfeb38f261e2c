//! Runs a scenario: every point, server and replication, on any number of threads, with the same
//! results.
//!
//! Replications are made in rounds; after each it is decided, in the order of the replications,
//! whether a point needs more. Nothing depends on which run ends first.

use std::ops::Range;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Server;
use super::build::{run_placed, synthetic_placement};
use super::keys::WarmUp;
use super::load::{Loaded, Point};
use crate::machine::timeline::Timeline;
use crate::run::{Keep, Played, RequestRecord};
use crate::stats::warmup::{self, Truncation};
use crate::stats::{Metric, Recorder, Stopping, metrics_of};

/// Jobs that are made at once for every thread: ours, enough that no thread waits long for the
/// last ones of a group of points.
const JOBS_PER_THREAD: usize = 8;

/// One run of an experiment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Job {
    /// Index of the point.
    pub point: usize,
    /// Index of the server among the point's.
    pub server: usize,
    /// The replication.
    pub replication: u32,
}

/// What is kept of a run.
#[derive(Clone, Debug)]
pub struct RunResult {
    /// By [`crate::stats::METRICS`].
    pub metrics: Vec<Option<f64>>,
    /// Response times.
    pub responses: Recorder,
    /// Every request, if they were to be kept.
    pub records: Option<Vec<RequestRecord>>,
    /// Its timeline, if that was to be kept.
    pub timeline: Option<Box<Timeline>>,
}

impl RunResult {
    /// A metric.
    pub fn get(&self, metric: Metric) -> Option<f64> {
        let index = crate::stats::METRICS
            .iter()
            .position(|&other| other == metric)?;
        self.metrics[index]
    }
}

/// The runs of one server at one point.
#[derive(Clone, Debug)]
pub struct ServerRuns {
    /// The server.
    pub server: Server,
    /// By replication; `None` for those not made.
    pub runs: Vec<Option<RunResult>>,
}

/// What became of the beginning of steady runs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum WarmUpCut {
    /// Nothing was left out: the runs are terminating, or it was switched off.
    Nothing,
    /// This share of each run was left out.
    Share(f64),
    /// The runs had not become steady; the first half was left out.
    NotSteady,
}

/// The runs at one point.
#[derive(Clone, Debug)]
pub struct PointRuns {
    /// Index of the point.
    pub point: usize,
    /// By server, in the scenario's order.
    pub servers: Vec<ServerRuns>,
    /// What was left out of each run.
    pub warm_up: WarmUpCut,
    /// Whether the precision asked for was reached; `None`: none was asked for.
    pub precise: Option<bool>,
    /// Whether every run that was planned has been made.
    pub complete: bool,
}

/// How an experiment is carried out.
pub struct Conduct<'a> {
    /// Threads to run on.
    pub threads: usize,
    /// Once set, no further run is begun.
    pub stop: &'a AtomicBool,
    /// What is kept of each run.
    pub keep: Keep,
    /// Called after each run.
    pub progress: &'a (dyn Fn() + Sync),
}

/// Makes the runs of the points `points`, and hands each point to `done` as soon as it and those
/// before it are through.
pub fn conduct(
    loaded: &Loaded,
    points: Range<usize>,
    how: &Conduct<'_>,
    mut done: impl FnMut(PointRuns),
) {
    let mut next = points.start;
    while next < points.end {
        let mut group: Vec<PointWork> = Vec::new();
        let mut jobs = 0;
        while next < points.end && jobs < how.threads * JOBS_PER_THREAD {
            let work = PointWork::new(next, &loaded.points[next]);
            jobs += work.first_jobs();
            group.push(work);
            next += 1;
        }
        make_runs(loaded, &mut group, how);
        for work in group {
            done(work.finish(&loaded.points));
        }
        if how.stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// Rounds, until no point of the group needs another.
fn make_runs(loaded: &Loaded, group: &mut [PointWork], how: &Conduct<'_>) {
    loop {
        let rounds: Vec<Option<Range<u32>>> = group.iter().map(PointWork::next_round).collect();
        let jobs: Vec<Job> = group
            .iter()
            .zip(&rounds)
            .flat_map(|(work, round)| work.jobs(round.clone()))
            .collect();
        if jobs.is_empty() {
            return;
        }
        let results = run_all(loaded, &jobs, how, |job, played| {
            Kept::of(&loaded.points[job.point], played)
        });
        for (work, round) in group.iter_mut().zip(&rounds) {
            work.extend(round.clone());
        }
        for (job, kept) in jobs.iter().zip(results) {
            let work = group.iter_mut().find(|work| work.point == job.point);
            let work = work.expect("jobs are of the group's points");
            work.servers[job.server][job.replication as usize] = kept;
        }
        for work in group.iter_mut() {
            work.cut(&loaded.points[work.point]);
        }
        if how.stop.load(Ordering::Relaxed) {
            return;
        }
    }
}

/// A run as long as more may be decided about it.
enum Kept {
    /// A terminating one: its result.
    Result(Box<RunResult>),
    /// A steady one as it was played, and the result of the part that counts.
    Steady(Box<Played>, Option<Box<RunResult>>),
}

impl Kept {
    fn of(point: &Point, mut played: Played) -> Self {
        if point.scenario.run.duration.is_some() {
            return Self::Steady(Box::new(played), None);
        }
        Self::Result(Box::new(result(point, &mut played, 0)))
    }

    fn result(&self) -> Option<&RunResult> {
        match self {
            Self::Result(result) | Self::Steady(_, Some(result)) => Some(result),
            Self::Steady(_, None) => None,
        }
    }
}

fn result(point: &Point, played: &mut Played, from: usize) -> RunResult {
    let measured = played.measured(from, point);
    let mut responses = Recorder::default();
    for &time in &measured.responses {
        responses.record(time);
    }
    RunResult {
        metrics: metrics_of(&measured),
        responses,
        records: played.records.take(),
        timeline: played.timeline.take(),
    }
}

/// The runs of a point as they are made.
struct PointWork {
    point: usize,
    stopping: Stopping,
    /// Replications planned so far.
    planned: u32,
    servers: Vec<Vec<Option<Kept>>>,
    warm_up: WarmUpCut,
}

impl PointWork {
    fn new(index: usize, point: &Point) -> Self {
        let run = &point.scenario.run;
        Self {
            point: index,
            stopping: Stopping::new(run.precision, run.first_round(), run.max_replications),
            planned: 0,
            servers: point.scenario.servers.iter().map(|_| Vec::new()).collect(),
            warm_up: WarmUpCut::Nothing,
        }
    }

    fn first_jobs(&self) -> usize {
        self.round(&[]).map_or(0, |round| round.len()) * self.servers.len()
    }

    fn round(&self, series: &[&[f64]]) -> Option<Range<u32>> {
        self.stopping.next_round(self.planned, series)
    }

    /// What is judged: throughput and mean response time of every server.
    fn series(&self) -> Vec<Vec<f64>> {
        let metrics = [Metric::Throughput, Metric::ResponseMean];
        let of = |(runs, metric): (&Vec<Option<Kept>>, Metric)| {
            let results = runs.iter().flatten().filter_map(Kept::result);
            results.filter_map(|result| result.get(metric)).collect()
        };
        let each = self.servers.iter();
        each.flat_map(|runs| metrics.map(|metric| of((runs, metric))))
            .collect()
    }

    fn next_round(&self) -> Option<Range<u32>> {
        let series = self.series();
        let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
        self.round(&series)
    }

    fn jobs(&self, round: Option<Range<u32>>) -> Vec<Job> {
        let mut jobs = Vec::new();
        for replication in round.unwrap_or(0..0) {
            for server in 0..self.servers.len() {
                jobs.push(Job {
                    point: self.point,
                    server,
                    replication,
                });
            }
        }
        jobs
    }

    fn extend(&mut self, round: Option<Range<u32>>) {
        let Some(round) = round else { return };
        self.planned = round.end;
        for runs in &mut self.servers {
            runs.resize_with(round.end as usize, || None);
        }
    }

    /// Leaves the beginning of steady runs out, as far as it is not yet steady: as much of every
    /// server's, so that they stay comparable.
    fn cut(&mut self, point: &Point) {
        let run = &point.scenario.run;
        if run.duration.is_none() {
            return;
        }
        let bins = |kept: &Option<Kept>| match kept {
            Some(Kept::Steady(played, _)) => Some(played.bins()),
            _ => None,
        };
        let series: Vec<Vec<_>> = self
            .servers
            .iter()
            .map(|runs| runs.iter().filter_map(bins).collect())
            .collect();
        let notes = crate::run::NOTES as usize;
        let from = match run.warm_up.unwrap_or(WarmUp::Auto) {
            WarmUp::Off => 0,
            WarmUp::Auto if series.iter().any(Vec::is_empty) => 0,
            WarmUp::Auto => match warmup::common(&series) {
                Truncation::Bins(bins) => {
                    self.warm_up = WarmUpCut::Share(bins as f64 / notes as f64);
                    bins
                }
                Truncation::NotReached => {
                    self.warm_up = WarmUpCut::NotSteady;
                    notes / 2
                }
            },
        };
        for kept in self.servers.iter_mut().flatten().flatten() {
            if let Kept::Steady(played, kept) = kept {
                let before = kept.take();
                let mut after = result(point, played, from);
                if let Some(before) = before {
                    after.records = after.records.or(before.records);
                    after.timeline = after.timeline.or(before.timeline);
                }
                *kept = Some(Box::new(after));
            }
        }
    }

    fn finish(self, points: &[Point]) -> PointRuns {
        let point = &points[self.point];
        let series = self.series();
        let series: Vec<&[f64]> = series.iter().map(Vec::as_slice).collect();
        let complete = self.servers.iter().flatten().all(Option::is_some);
        let precise = point
            .scenario
            .run
            .precision
            .map(|_| complete && self.stopping.is_met(self.planned, &series));
        let take = |kept: Option<Kept>| match kept {
            Some(Kept::Result(result) | Kept::Steady(_, Some(result))) => Some(*result),
            _ => None,
        };
        let servers = point.scenario.servers.iter().zip(self.servers);
        PointRuns {
            point: self.point,
            warm_up: self.warm_up,
            precise,
            complete: complete && self.planned > 0,
            servers: servers
                .map(|(&server, runs)| ServerRuns {
                    server,
                    runs: runs.into_iter().map(take).collect(),
                })
                .collect(),
        }
    }
}

/// Runs `jobs`; `reduce` makes of each run what is kept. The results stand in the order of the
/// jobs, `None` for those not run.
pub fn run_all<T: Send>(
    loaded: &Loaded,
    jobs: &[Job],
    how: &Conduct<'_>,
    reduce: impl Fn(&Job, Played) -> T + Sync,
) -> Vec<Option<T>> {
    let results: Vec<Mutex<Option<T>>> = jobs.iter().map(|_| Mutex::new(None)).collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..how.threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                while !how.stop.load(Ordering::Relaxed) {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let kept = reduce(job, run(loaded, *job, how.keep));
                    *results[index]
                        .lock()
                        .expect("no run panics while it holds this") = Some(kept);
                    (how.progress)();
                }
            });
        }
    });
    let take = |result: Mutex<Option<T>>| {
        result
            .into_inner()
            .expect("no run panics while it holds this")
    };
    results.into_iter().map(take).collect()
}

/// Runs one job.
pub fn run(loaded: &Loaded, job: Job, keep: Keep) -> Played {
    let point = &loaded.points[job.point];
    let workload = &loaded.workloads[job.point];
    let placement = synthetic_placement(point, workload, job.replication);
    let server = point.scenario.servers[job.server];
    run_placed(point, workload, &placement, server, job.replication, keep)
}
