//! Steady runs, whose beginning is removed automatically: the caches are empty at first, and the
//! disk is asked for what is found in memory later on.

use sim::scenario::experiment::{PointRuns, WarmUpCut};
use sim::stats::{Estimate, Metric};

use crate::judge::{assert_agrees, assert_agrees_within};
use crate::system::{NB_LAIO, System};

fn values(point: &PointRuns, metric: Metric) -> Vec<f64> {
    let runs = point.servers[0].runs.iter().flatten();
    runs.filter_map(|run| run.get(metric)).collect()
}

fn synthetic(objects: u32) -> System {
    System::new(Vec::new(), Vec::new())
        .set("workload.synthetic.objects", &objects.to_string())
        .set("workload.synthetic.body_sigma", "0.0")
        .set("workload.synthetic.body_median", "1000 B")
        .set("workload.synthetic.zipf", "0.0")
        .set("run.replications", "10")
}

fn assert_has_cut_its_beginning(point: &PointRuns) {
    match point.warm_up {
        WarmUpCut::Share(share) => assert!(share > 0.0 && share <= 0.5, "{share}"),
        other => panic!("{other:?}"),
    }
}

/// Names that do not exist, in 2,000 directories of which the memory holds the blocks of 192: a
/// request is one read of the disk but for the share that finds its directory's block, at once and
/// whatever the queue. What remains is M/M/1. At first the directories' inodes are read as well,
/// almost twice as much in all, which the disk must be able to do.
#[test]
fn a_steady_exponential_disk_is_m_m_1_in_mean_and_quantiles() {
    const FOUND: f64 = 192.0 / 2000.0;
    const LOAD: f64 = 0.45;
    let point = synthetic(2000 * 128)
        .set("workload.synthetic.missing", "1.0")
        .set("cache.memory", "768 KiB")
        .disk("exponential", 1.0, 1)
        .arrivals(LOAD / (1.0 - FOUND))
        .set("run.duration", "110 s")
        .conduct(NB_LAIO);
    assert_has_cut_its_beginning(&point);
    let quantile = |share: f64| -libm::log((1.0 - share) / (1.0 - FOUND)) / (1.0 - LOAD);
    for (metric, expected, error) in [
        (Metric::ResponseMean, (1.0 - FOUND) / (1.0 - LOAD), 0.01),
        (Metric::ResponseQuantile(50), quantile(0.5), 0.01),
        (Metric::ResponseQuantile(95), quantile(0.95), 0.02),
        (Metric::ResponseQuantile(99), quantile(0.99), 0.03),
    ] {
        // A block in flight that others wait for too: one of 2,000.
        let name = metric.name();
        assert_agrees_within(&name, &values(&point, metric), expected, error, 0.003);
    }
}

/// Objects of lognormal sizes behind a link: the moments are those of the very objects.
#[test]
fn a_steady_link_with_lognormal_sizes_is_m_g_1() {
    const PER_MS: f64 = 0.4;
    let system = synthetic(500)
        .set("workload.synthetic.body_sigma", "1.0")
        .set("network.server_link", "8 Mbit/s")
        .arrivals(PER_MS)
        .set("run.duration", "150 s");
    let loaded = system.load(NB_LAIO);
    let header = f64::from(sim::server::script::HEADER_BYTES);
    let sizes = loaded.workloads[0].sizes.iter();
    let times: Vec<f64> = sizes.map(|&size| (size as f64 + header) / 1e3).collect();
    let moment = |power: i32| times.iter().map(|t| t.powi(power)).sum::<f64>() / 500.0;
    let load = PER_MS * moment(1);
    let expected = moment(1) + PER_MS * moment(2) / 2.0 / (1.0 - load);
    let point = system.conduct(NB_LAIO);
    let name = "M/G/1 lognormal W";
    assert_agrees(name, &values(&point, Metric::ResponseMean), expected, 0.03);
    let per_s = values(&point, Metric::Throughput);
    assert_agrees("throughput", &per_s, PER_MS * 1e3, 0.01);
}

/// One object in memory, a millisecond of computation.
fn m_d_1() -> System {
    synthetic(1)
        .set("server.app_cpu", "1 ms")
        .arrivals(0.7)
        .set("run.duration", "10 s")
}

#[test]
fn replications_are_added_until_the_interval_is_as_narrow_as_asked_for() {
    let point = m_d_1().set("run.precision", "2%").conduct(NB_LAIO);
    assert_eq!(point.precise, Some(true));
    let times = values(&point, Metric::ResponseMean);
    assert!((11..100).contains(&times.len()), "{}", times.len());
    for metric in [Metric::ResponseMean, Metric::Throughput] {
        let estimate = Estimate::of(&values(&point, metric)).expect("some");
        let half = estimate.half_width.expect("several");
        assert!(half <= 0.02 * estimate.mean, "{metric:?}: {estimate:?}");
    }
    // Pollaczek and Khinchine.
    assert_agrees("M/D/1 W", &times, 1.0 + 0.7 / 2.0 / (1.0 - 0.7), 0.01);
}

#[test]
fn a_precision_that_is_not_reached_is_reported() {
    let point = m_d_1()
        .set("run.precision", "0.1%")
        .set("run.max_replications", "12")
        .conduct(NB_LAIO);
    assert_eq!(point.precise, Some(false));
    assert_eq!(values(&point, Metric::Throughput).len(), 12);
}
