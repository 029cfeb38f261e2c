//! What it costs a CPU to run again after it was idle.

use sim::engine::Nanos;
use sim::run::Measured;
use sim::scenario::{Server, Structure};

use crate::bench::{Bench, each_server};
use crate::measures::{cpu_time, fingerprint, total_response};

pub(super) const TIMES: [&str; 7] = ["30us", "100us", "300us", "1ms", "3ms", "5ms", "10ms"];

/// The idle time that a figure's name says.
fn time_of(name: &str) -> Nanos {
    let unit = name.len() - 2;
    format!("{} {}", &name[..unit], &name[unit..])
        .parse()
        .expect("a time")
}

/// One cached page asked for so many times by a client that pauses; nothing costs anything.
fn pausing(requests: usize, pause: Nanos) -> Bench {
    Bench::new(vec![4096])
        .free()
        .plays(vec![0; requests])
        .set("run.start", "warm")
        .set("workload.think", &format!("{} ns", pause.0))
}

const ONCE: Nanos = Nanos::from_micros(7);

fn once(bench: Bench, figure: &str) -> Bench {
    bench.figure(figure, &format!("{} ns", ONCE.0))
}

/// CPU time of a third request after a pause.
fn restart(server: Server, pause: Nanos, figure: &str) -> Nanos {
    let cpu = |requests| cpu_time(&once(pausing(requests, pause), figure).run(server));
    cpu(4) - cpu(3)
}

#[test]
fn each_restart_counts_at_its_idle_time_and_at_no_other_of_the_grid() {
    for server in each_server() {
        for idle in TIMES {
            for figure in TIMES {
                let expected = if idle == figure { ONCE } else { Nanos::ZERO };
                let restart = restart(
                    server,
                    time_of(idle),
                    &format!("idle.restart.after_{figure}"),
                );
                assert_eq!(restart, expected, "{figure} after {idle} for {server}");
            }
        }
    }
}

/// Half-way in the logarithm between 100 us and 300 us: half of each, to the error of a logarithm
/// that is linear between powers of two; outside the grid its ends.
#[test]
fn between_the_times_of_the_grid_a_restart_is_interpolated_in_the_logarithm() {
    let server = each_server()[0];
    let between = Nanos((100_000.0 * 3f64.sqrt()).round() as u64);
    for figure in ["idle.restart.after_100us", "idle.restart.after_300us"] {
        let half = restart(server, between, figure);
        assert!(half.0.abs_diff(ONCE.0 / 2) <= ONCE.0 / 50, "{half}");
    }
    let (short, long) = (Nanos::from_micros(5), Nanos::from_millis(500));
    assert_eq!(restart(server, short, "idle.restart.after_30us"), ONCE);
    assert_eq!(restart(server, long, "idle.restart.after_10ms"), ONCE);
}

/// Over links the interrupt comes to the process's own CPU: no wake-up crosses.
#[test]
fn over_links_to_one_cpu_no_wake_up_is_delayed() {
    for server in each_server() {
        for time in TIMES {
            let bench = pausing(3, time_of(time));
            let delayed = once(bench.clone(), &format!("idle.delay.after_{time}"));
            assert_eq!(
                fingerprint(&bench.run(server)),
                fingerprint(&delayed.run(server))
            );
        }
    }
}

fn longer(server: Server, pause: Nanos, figure: &str) -> u128 {
    let bench = |requests| once(pausing(requests, pause).loopback(), figure);
    let total = |requests| total_response(&bench(requests).run(server));
    total(4) - total(3)
}

/// On loopback the server's CPU has been idle for the pause when the load generator wakes it.
#[test]
fn each_delay_counts_at_its_idle_time_and_at_no_other_of_the_grid() {
    for server in each_server() {
        for idle in TIMES {
            for figure in TIMES {
                let delays = match (idle == figure, figure) {
                    // The generator's own CPU, idle while the server worked, is below the grid.
                    (true, "30us") => 2,
                    (false, "30us") => 1,
                    (true, _) => 1,
                    (false, _) => 0,
                };
                // So much later the generator hears of the response, and pauses.
                let lost = if figure == "30us" { ONCE } else { Nanos::ZERO };
                let pause = time_of(idle) - lost;
                let longer = longer(server, pause, &format!("idle.delay.after_{figure}"));
                let expected = u128::from(ONCE.0) * delays;
                assert_eq!(longer, expected, "{figure} after {idle} for {server}");
            }
        }
    }
}

/// Each request is the first on its connection since the pause.
#[test]
fn a_connection_is_cold_after_each_idle_time_of_the_grid_and_at_no_other() {
    for server in each_server() {
        for idle in TIMES {
            for figure in TIMES {
                let expected = if idle == figure { ONCE } else { Nanos::ZERO };
                let cold = restart(server, time_of(idle), &format!("idle.cold.after_{figure}"));
                assert_eq!(cold, expected, "{figure} after {idle} for {server}");
            }
        }
    }
}

/// Requests that find the CPU at work on a connection that it has served since it last slept cost
/// nothing more: of a client that never pauses, only the one that wakes it.
#[test]
fn a_warm_connection_costs_nothing_more() {
    for server in each_server() {
        let bench = |requests| {
            let busy = Bench::new(vec![4096]).free().plays(vec![0; requests]);
            let busy = busy.set("run.start", "warm");
            cpu_time(&once(busy, "idle.cold.after_30us").run(server))
        };
        assert_eq!(bench(20), bench(2), "{server}");
    }
}

/// The generator wakes the server, whose CPU was idle for the pause, and pays. Its own CPU, idle
/// while the server works, is below the grid: the server pays its shortest time with each response.
#[test]
fn each_wake_up_costs_at_its_idle_time_and_at_no_other_of_the_grid() {
    for server in each_server() {
        for idle in TIMES {
            for figure in &TIMES[1..] {
                let expected = if idle == *figure { ONCE } else { Nanos::ZERO };
                // What the wake-up takes, the server sleeps longer; after a few, just as long.
                let pause = time_of(idle) - expected;
                let client = |requests| {
                    let bench = pausing(requests, pause).loopback();
                    let figure = format!("idle.wake.after_{figure}");
                    once(bench, &figure).run(server).client_cpu
                };
                let wake = client(8) - client(7);
                assert_eq!(wake, expected, "{figure} after {idle} for {server}");
            }
        }
        let responses = |requests| {
            let bench = pausing(requests, Nanos::from_millis(3)).loopback();
            cpu_time(&once(bench, "idle.wake.after_30us").run(server))
        };
        assert_eq!(responses(4) - responses(3), ONCE, "{server}");
    }
}

/// A restart is CPU time, a delay is none.
#[test]
fn a_delay_takes_no_cpu_time() {
    let bench = pausing(4, Nanos::from_millis(3)).loopback();
    let delayed = once(bench.clone(), "idle.delay.after_3ms");
    for server in each_server() {
        let cpu = |run: &Measured| cpu_time(run) + run.client_cpu;
        assert_eq!(cpu(&bench.run(server)), cpu(&delayed.run(server)));
    }
}

/// A connection costs more if the CPU was idle since the last one: while a page came, here. If it was
/// not, with the page in memory, it does not.
#[test]
fn a_connection_costs_more_if_the_cpu_was_idle_since_the_last() {
    for server in each_server() {
        let third = |start: &str, objects: [u32; 3], figure: &str| {
            let cpu = |sequences| {
                let bench = Bench::new(vec![4096; 3]).free().set("run.start", start);
                let objects = objects[..sequences].iter();
                let bench = objects.fold(bench, |bench, &object| bench.plays([object]));
                cpu_time(&once(bench, &format!("idle.connect.after_{figure}")).run(server))
            };
            cpu(3) - cpu(2)
        };
        for figure in TIMES {
            assert_eq!(third("warm", [0; 3], figure), Nanos::ZERO, "{server}");
        }
        // Of the two times of the grid around it a part each; what is paid moves the next a little.
        let after_a_miss: Nanos = TIMES
            .map(|figure| third("cold", [0, 1, 2], figure))
            .into_iter()
            .sum();
        assert!(
            after_a_miss.0.abs_diff(ONCE.0) <= ONCE.0 / 50,
            "{server}: {after_a_miss}"
        );
    }
}

/// Each page is missing, and asked for so long after the last.
#[test]
fn a_way_costs_more_the_longer_ago_it_was_last_taken() {
    const SERVICE: Nanos = Nanos::from_millis(1);
    let ways = [
        (Structure::NbB, "miss"),
        (Structure::NbAmped, "miss"),
        (Structure::NbLaio, "miss"),
        (Structure::NbAmped, "handoff"),
        (Structure::NbAmtedNowait, "handoff"),
        (Structure::NbLaio, "laio"),
        (Structure::NbAio, "aio"),
    ];
    for (structure, way) in ways {
        let server = Server::plain(structure);
        for time in ["3ms", "10ms"] {
            for figure in ["1ms", "3ms", "5ms", "10ms"] {
                let cpu = |requests: u32| {
                    let think = time_of(time) - SERVICE;
                    let bench = Bench::new(vec![4096; 5])
                        .free()
                        .plays(0..requests)
                        .set("workload.think", &format!("{} ns", think.0));
                    cpu_time(&once(bench, &format!("idle.{way}.after_{figure}")).run(server))
                };
                let expected = if time == figure { ONCE } else { Nanos::ZERO };
                assert_eq!(
                    cpu(4) - cpu(3),
                    expected,
                    "{figure} after {time} for {server}"
                );
            }
        }
    }
}

/// A stat is a kernel worker's, cached or not.
#[test]
fn a_kernel_workers_way_costs_more_the_longer_ago_it_was_last_taken() {
    let server = Server::plain(Structure::NbUring);
    for time in TIMES {
        for figure in TIMES {
            let expected = if time == figure { ONCE } else { Nanos::ZERO };
            // So much later the client hears of the response; after a few, always just as much.
            let think = time_of(time) - expected;
            let cpu = |requests| {
                let bench = Bench::new(vec![4096])
                    .free()
                    .asks(vec![(0, true); requests])
                    .set("run.start", "warm")
                    .set("workload.think", &format!("{} ns", think.0));
                cpu_time(&once(bench, &format!("idle.uring.after_{figure}")).run(server))
            };
            assert_eq!(cpu(8) - cpu(7), expected, "{figure} after {time}");
        }
    }
}
