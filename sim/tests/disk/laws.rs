//! The disk as a server in textbook queues.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, Scheduling};

use crate::load::{Draws, closed, open};

const SECOND: Nanos = Nanos(1_000_000_000);

fn disk(profile: &str, seed: u64) -> Disk {
    let profile: DiskProfile = profile.parse().expect("a profile");
    Disk::new(&profile, Scheduling::Fcfs, 0.0, seed)
}

fn exponential_disk(seed: u64) -> Disk {
    disk("kind = \"exponential\"\nsectors = 8\nmean_ms = 1000", seed)
}

fn assert_near(what: &str, measured: f64, expected: f64, tolerance: f64) {
    println!("{what}: {measured:.5} / {expected:.5}");
    assert!(
        (measured / expected - 1.0).abs() < tolerance,
        "{what}: {measured} against {expected}"
    );
}

/// Machine repair, M/M/1//N with thinking time 10 and service time 1, from the
/// birth-death equations.
#[test]
fn closed_clients_with_exponential_service_match_machine_repair() {
    const COMPLETIONS: u64 = 500_000;
    let cases = [
        (10, 0.7854176569, 2.732079439),
        (20, 0.9981309501, 10.03745099),
    ];
    for (clients, throughput, response) in cases {
        let mut disk = exponential_disk(3);
        let mut draws = Draws::new(4);
        let seen = closed(
            &mut disk,
            clients,
            COMPLETIONS,
            || draws.exponential(SECOND * 10),
            || (0, 1),
        );
        let seconds = seen.elapsed.as_secs_f64();
        let utilization = disk.stats().busy.as_secs_f64() / seconds;
        assert_near("X", seen.per_second(), throughput, 0.005);
        assert_near("R", seen.mean_response().as_secs_f64(), response, 0.01);
        assert_near("utilization", utilization, throughput, 0.005);
    }
}

/// Pollaczek and Khinchine: Wq = rho / (2 (1 - rho)) with service time 1.
#[test]
fn poisson_arrivals_at_a_fixed_law_wait_as_in_m_d_1() {
    const ARRIVALS: u64 = 500_000;
    for (gap_ms, wait, tolerance) in [(2_000, 0.5, 0.01), (1_250, 2.0, 0.02)] {
        let mut disk = disk("kind = \"fixed\"\nsectors = 8\nservice_ms = 1000", 0);
        let gap = Nanos::from_millis(gap_ms);
        open(&mut disk, gap, ARRIVALS, &mut Draws::new(5));
        assert_eq!(disk.stats().busy, SECOND * ARRIVALS);
        let mean_wait = disk.stats().waiting.as_secs_f64() / ARRIVALS as f64;
        assert_near("Wq", mean_wait, wait, tolerance);
    }
}

#[test]
fn the_seed_decides_the_exponential_times() {
    let finish = |seed| open(&mut exponential_disk(seed), SECOND, 50, &mut Draws::new(6));
    assert_eq!(finish(1), finish(1));
    assert_ne!(finish(1), finish(2));
}
