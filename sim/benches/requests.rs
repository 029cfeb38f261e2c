//! What a simulated request costs, and of what a run consists: nanoseconds, pages touched and
//! events per request.
//!
//!     cargo bench -p sim --bench requests

use std::path::Path;
use std::time::Instant;

use sim::run::Keep;
use sim::scenario::experiment::{Job, run};
use sim::scenario::load::{Overrides, load};

/// Repetitions, of which the fastest counts: the others were disturbed.
const ROUNDS: usize = 3;

fn main() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/scenarios");
    println!("| scenario | server | ns/request | requests/s | pages/request | events/request |");
    println!("|---|---|---:|---:|---:|---:|");
    for name in ["rice-like", "berkeley-like"] {
        let file = folder.join(format!("{name}.toml"));
        let loaded = load(&file, &Overrides::default()).unwrap_or_else(|error| panic!("{error}"));
        let point = &loaded.points[0];
        for server in 0..point.scenario.servers.len() {
            let job = Job {
                point: 0,
                server,
                replication: 0,
            };
            let (mut best_ns, mut measured) = (f64::INFINITY, None);
            for _ in 0..ROUNDS {
                let begun = Instant::now();
                let played = run(&loaded, job, Keep::default());
                let elapsed = begun.elapsed();
                let result = played.measured(0, point);
                // Warm runs play everything twice; setting up is part of the price.
                let requests = 2 * result.responses.len();
                best_ns = best_ns.min(elapsed.as_nanos() as f64 / requests as f64);
                measured = Some(result);
            }
            let result = measured.expect("a round was made");
            let requests = result.responses.len() as f64;
            println!(
                "| {name} | {} | {best_ns:.0} | {:.0} | {:.2} | {:.2} |",
                point.scenario.servers[server],
                1e9 / best_ns,
                result.cache.hits as f64 / requests,
                result.counters.events as f64 / requests,
            );
        }
    }
}
