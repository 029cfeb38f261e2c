//! The table, and the goals.

use crate::measure::{CONTENDERS, DESRU, HEAP, Measured, NEXOSIM, OURS};

/// Contender and how many times our time it must take, at least.
const RATIOS: [(usize, f64); 3] = [(NEXOSIM, 8.0), (DESRU, 2.0), (HEAP, 1.0)];
const BYTES_PER_PENDING: f64 = 24.0;
/// With fewer events pending, the fixed part of the memory is most of it.
const MANY: usize = 10_000;

pub fn print(results: &[Measured]) {
    println!(
        "| ns per event (times ours) | {} | ours, bytes / pending |",
        CONTENDERS.join(" | ")
    );
    println!("|---{}|---|", "|---".repeat(CONTENDERS.len()));
    for result in results {
        print!("| {} ", result.model);
        for contender in 0..CONTENDERS.len() {
            let ns = result.median_ns(contender);
            if contender == OURS {
                print!("| {ns:.1} ");
            } else {
                print!("| {ns:.1} ({:.1}) ", result.median_ratio(contender));
            }
        }
        let (bytes, pending) = result.memory;
        println!("| {bytes} / {pending} = {:.1} |", bytes_per_pending(result));
    }
}

fn bytes_per_pending(result: &Measured) -> f64 {
    let (bytes, pending) = result.memory;
    bytes as f64 / pending as f64
}

pub fn missed_goals(results: &[Measured]) -> Vec<String> {
    let mut missed = Vec::new();
    for result in results {
        for (contender, at_least) in RATIOS {
            let ratio = result.median_ratio(contender);
            if ratio < at_least {
                let (model, contender) = (result.model, CONTENDERS[contender]);
                missed.push(format!(
                    "{model}: {contender} takes {ratio:.2} times our time, not {at_least}"
                ));
            }
        }
        let bytes = bytes_per_pending(result);
        if result.memory.1 >= MANY && bytes > BYTES_PER_PENDING {
            let model = result.model;
            missed.push(format!(
                "{model}: {bytes:.1} bytes per pending event, not {BYTES_PER_PENDING}"
            ));
        }
    }
    missed
}
