//! The disk as one or several servers in textbook queues.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, Scheduling};

use crate::load::{Draws, assert_near, closed, disk, open};

const SECOND: Nanos = Nanos(1_000_000_000);

/// Mean service time 1 s.
fn exponential_disk(servers: u32, seed: u64) -> Disk {
    let text = format!("kind = \"exponential\"\nsectors = 8\nmean_ms = 1000\nservers = {servers}");
    let profile: DiskProfile = text.parse().expect("a profile");
    Disk::new(&profile, Scheduling::Fcfs, 0.0, seed)
}

/// Service time 1 s.
fn fixed_disk(servers: u32) -> Disk {
    disk(&format!(
        "kind = \"fixed\"\nsectors = 8\nservice_ms = 1000\nservers = {servers}"
    ))
}

/// Machine repair, M/M/c//N with thinking time 10 and service time 1, from the
/// birth-death equations.
#[test]
fn closed_clients_with_exponential_service_match_machine_repair() {
    const COMPLETIONS: u64 = 500_000;
    let cases = [
        (10, 1, 0.7854176569, 2.732079439, 0.2145823431),
        (20, 1, 0.9981309501, 10.03745099, 0.001869049852),
        (20, 4, 1.811969436, 1.037713771, 0.1464545223),
    ];
    for (clients, servers, throughput, response, idle) in cases {
        let mut disk = exponential_disk(servers, 3);
        let mut draws = Draws::new(4);
        let think = || draws.exponential(SECOND * 10);
        let seen = closed(&mut disk, clients, COMPLETIONS, think, || (0, 1));
        let share = |sum: Nanos| sum.as_secs_f64() / seen.elapsed.as_secs_f64();
        let stats = disk.stats();
        assert_near("X", seen.per_second(), throughput, 0.005);
        assert_near("R", seen.mean_response().as_secs_f64(), response, 0.01);
        assert_near("busy", share(stats.busy), 1.0 - idle, 0.005);
        // The utilization law: X S in service on average.
        assert_near("in service", share(stats.in_service), throughput, 0.005);
        // Little's law, with what the clients saw.
        let in_disk = stats.in_service + stats.waiting;
        assert_near("in disk", share(in_disk), throughput * response, 0.01);
    }
}

/// Erlang's delay formula, service time 1. The tolerances are three times the
/// standard deviation of such a mean over 16 seeds: 0.7 % at load 0.8, 1.6 % at
/// 0.9.
#[test]
fn poisson_arrivals_at_several_exponential_servers_wait_as_in_m_m_c() {
    const ARRIVALS: u64 = 2_000_000;
    let cases = [
        (1, 0.8, 4.0, 0.02),
        (2, 1.6, 1.777777778, 0.02),
        (4, 3.2, 0.7455405897, 0.02),
        (8, 7.2, 0.8769162377, 0.05),
    ];
    for (servers, rate, wait, tolerance) in cases {
        let gap = Nanos::from_secs_f64(1.0 / rate);
        let mut disk = exponential_disk(servers, 11);
        open(&mut disk, gap, ARRIVALS, &mut Draws::new(12));
        let mean_wait = disk.stats().waiting.as_secs_f64() / ARRIVALS as f64;
        assert_near("Wq", mean_wait, wait, tolerance);
    }
}

/// Pollaczek and Khinchine: Wq = rho / (2 (1 - rho)) with service time 1.
#[test]
fn poisson_arrivals_at_a_fixed_law_wait_as_in_m_d_1() {
    const ARRIVALS: u64 = 500_000;
    for (gap_ms, wait, tolerance) in [(2_000, 0.5, 0.01), (1_250, 2.0, 0.02)] {
        let mut disk = fixed_disk(1);
        let gap = Nanos::from_millis(gap_ms);
        open(&mut disk, gap, ARRIVALS, &mut Draws::new(5));
        assert_eq!(disk.stats().busy, SECOND * ARRIVALS);
        let mean_wait = disk.stats().waiting.as_secs_f64() / ARRIVALS as f64;
        assert_near("Wq", mean_wait, wait, tolerance);
    }
}

/// Mean wait in M/D/c with service time 1, by Crommelin's argument: whoever is
/// in service at an instant has left one service time later, and only they, so
/// the number in the system then is what waited plus what arrived. Iterated to
/// its fixed point; Little gives the wait.
fn m_d_c_wait(rate: f64, servers: usize) -> f64 {
    const STATES: usize = 120;
    let mut arrivals = vec![libm::exp(-rate); STATES];
    for n in 1..STATES {
        arrivals[n] = arrivals[n - 1] * rate / n as f64;
    }
    let mut in_system = vec![0.0; STATES];
    in_system[0] = 1.0;
    for _ in 0..2_000 {
        let mut left = vec![0.0; STATES];
        for (n, p) in in_system.iter().enumerate() {
            left[n.saturating_sub(servers)] += p;
        }
        let after = |n: usize| (0..=n).map(|k| left[k] * arrivals[n - k]).sum::<f64>();
        in_system = (0..STATES).map(after).collect();
    }
    let waiting = |(n, p): (usize, &f64)| n.saturating_sub(servers) as f64 * p;
    in_system.iter().enumerate().map(waiting).sum::<f64>() / rate
}

/// Three standard deviations over 16 seeds: 0.9 %.
#[test]
fn poisson_arrivals_at_several_fixed_servers_wait_as_in_m_d_c() {
    const ARRIVALS: u64 = 1_000_000;
    assert_near("M/D/1 by the same way", m_d_c_wait(0.8, 1), 2.0, 1e-9);
    let measured = "kind = \"measured\"\nsectors = 8\nqueue_depth = 4\nsizes_bytes = [512]\n\
                    depths = [1]\nlatency_us = [[1_000_000]]";
    for (mut disk, servers, gap) in [
        (fixed_disk(2), 2, Nanos::from_micros(625_000)),
        (fixed_disk(4), 4, Nanos::from_micros(312_500)),
        (disk(measured), 4, Nanos::from_micros(312_500)),
    ] {
        open(&mut disk, gap, ARRIVALS, &mut Draws::new(7));
        assert_eq!(disk.stats().in_service, SECOND * ARRIVALS);
        let mean_wait = disk.stats().waiting.as_secs_f64() / ARRIVALS as f64;
        let rate = 1.0 / gap.as_secs_f64();
        assert_near("Wq", mean_wait, m_d_c_wait(rate, servers), 0.03);
    }
}

#[test]
fn the_seed_decides_the_exponential_times() {
    let finish = |seed| {
        open(
            &mut exponential_disk(1, seed),
            SECOND,
            50,
            &mut Draws::new(6),
        )
    };
    assert_eq!(finish(1), finish(1));
    assert_ne!(finish(1), finish(2));
}
