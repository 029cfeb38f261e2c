//! What is said of the length of runs and of their number.

use sim::scenario::experiment::{PointRuns, WarmUpCut};
use sim::scenario::load::Point;

/// What was left out of steady runs, and whether the precision asked for was reached.
pub(super) fn sentences(point: &Point, runs: &PointRuns) -> Vec<String> {
    let both = [warm_up(point, runs), precision(point, runs)];
    both.into_iter().flatten().collect()
}

fn warm_up(point: &Point, runs: &PointRuns) -> Option<String> {
    let duration = point.scenario.run.duration?;
    let seconds = |share: f64| {
        output::number::value(
            Some(duration.as_secs_f64() * share),
            output::number::Unit::Seconds,
        )
    };
    let whole = seconds(1.0);
    let keep = "run.warm_up = \"off\" leaves nothing out";
    Some(match runs.warm_up {
        WarmUpCut::Nothing => format!(
            "Steady runs of {whole}: nothing is left out (run.warm_up = \"auto\" would leave out \
             what is not yet steady)."
        ),
        WarmUpCut::Share(0.0) => format!(
            "Steady runs of {whole}: they are steady from the beginning, nothing is left out."
        ),
        WarmUpCut::Share(share) => format!(
            "Steady runs of {whole}: the first {} ({:.1} %) of each, not yet steady, is left out \
             (MSER-5; {keep}).",
            seconds(share),
            share * 100.0
        ),
        WarmUpCut::NotSteady => format!(
            "NOT STEADY: in {whole} the runs did not become steady. The first half of each is left \
             out ({keep}), and what is shown may still drift: give a longer run.duration."
        ),
    })
}

fn precision(point: &Point, runs: &PointRuns) -> Option<String> {
    let precision = point.scenario.run.precision?;
    let replications = runs.servers.first().map_or(0, |of| of.runs.len());
    Some(match runs.precise? {
        true => format!(
            "Precision: throughput and mean response time of every server are known to {precision} \
             after {replications} replications."
        ),
        false => format!(
            "Precision NOT reached: after {replications} replications throughput or mean response \
             time of some server is not known to {precision} (run.max_replications = {}).",
            point.scenario.run.max_replications
        ),
    })
}
