//! probe
use std::sync::atomic::AtomicBool;
fn main() {
    let loaded =
        sim::scenario::load::load(std::path::Path::new(&std::env::args().nth(1).unwrap()), &[])
            .unwrap_or_else(|e| panic!("{e}"));
    let jobs = sim::scenario::experiment::jobs(&loaded);
    let t = std::time::Instant::now();
    let out =
        sim::scenario::experiment::run_all(&loaded, &jobs[..], 1, &AtomicBool::new(false), || {});
    println!("{:?}", t.elapsed());
    for (j, m) in jobs.iter().zip(&out) {
        let m = m.as_ref().unwrap();
        if j.replication > 1 {
            continue;
        }
        println!(
            "{:?} n={} elapsed {} events {} steps {}",
            j,
            m.responses.len(),
            m.elapsed,
            m.counters.events,
            m.counters.steps
        );
        for (d, v) in sim::stats::METRICS.iter().zip(sim::stats::metrics_of(m)) {
            if let Some(v) = v {
                print!("{}={:.4} ", d.name(), v);
            }
        }
        println!();
    }
}
