//! Timing that follows from the geometry alone.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskStats, Scheduling};

use crate::load::{Draws, closed, read_alone};

/// 6 ms a revolution, 100 sectors of 60 us a track, 2 surfaces, no overhead, no
/// bus, seeks of 1 us per cylinder.
const PLAIN: &str = "
kind = \"hdd\"
sectors = 200000
rotation_rpm = 10000
surfaces = 2
head_switch_ms = 0.5
read_overhead_ms = 0
bus_ms_per_sector = 0
seek_ms = [[1, 0.001], [1000, 1.0]]

[[zones]]
first_cylinder = 0
last_cylinder = 1000
sectors_per_track = 100
track_skew = 10
cylinder_skew = 30
spares = 200
";

fn plain(change: (&str, &str)) -> DiskProfile {
    let (from, to) = change;
    assert!(PLAIN.contains(from));
    PLAIN.replacen(from, to, 1).parse().expect("a profile")
}

fn read_at(profile: &DiskProfile, phase: f64, start: Nanos, lbn: u64, sectors: u32) -> DiskStats {
    let mut disk = Disk::new(profile, Scheduling::Fcfs, phase, 0);
    read_alone(&mut disk, start, lbn, sectors);
    disk.stats().clone()
}

const UNCHANGED: (&str, &str) = ("", "");

#[test]
fn a_read_waits_for_its_sector_and_takes_the_time_it_is_under_the_head() {
    let us = Nanos::from_micros;
    let stats = read_at(&plain(UNCHANGED), 0.0, Nanos::ZERO, 25, 10);
    assert_eq!(stats.seek, Nanos::ZERO);
    assert_eq!(stats.rotation, us(25 * 60));
    assert_eq!(stats.transfer, us(10 * 60));
    assert_eq!(stats.busy, us(35 * 60));
}

#[test]
fn track_and_cylinder_switches_cost_their_skew() {
    let sectors_passed = |sectors| {
        let stats = read_at(&plain(UNCHANGED), 0.0, Nanos::ZERO, 0, sectors);
        stats.transfer.0 as f64 / 60_000.0
    };
    assert_eq!(sectors_passed(200).round(), 210.0, "one track switch");
    assert_eq!(
        sectors_passed(300).round(),
        340.0,
        "and one cylinder switch"
    );
    assert_eq!(sectors_passed(400).round(), 450.0);
}

#[test]
fn a_switch_that_outlasts_the_skew_costs_a_revolution_more() {
    let slow = plain(("head_switch_ms = 0.5", "head_switch_ms = 0.7"));
    let stats = read_at(&slow, 0.0, Nanos::ZERO, 0, 200);
    assert_eq!(stats.transfer, Nanos::from_micros(310 * 60));
}

#[test]
fn a_slipped_sector_passes_unread() {
    let slipped = plain(("spares = 200", "spares = 200\nslips = [4, 5]"));
    let whole = read_at(&slipped, 0.0, Nanos::ZERO, 0, 10);
    assert_eq!(whole.transfer, Nanos::from_micros(12 * 60));
    let after = read_at(&slipped, 0.0, Nanos::ZERO, 4, 1);
    assert_eq!(after.rotation, Nanos::from_micros(6 * 60));
}

#[test]
fn reading_on_without_a_pause_misses_no_revolution() {
    let mut disk = Disk::new(&plain(UNCHANGED), Scheduling::Fcfs, 0.0, 0);
    let mut now = Nanos::ZERO;
    for lbn in 0..100 {
        now = read_alone(&mut disk, now, lbn, 1);
    }
    let revolution = Nanos::from_millis(6);
    assert!(now.saturating_sub(revolution) < Nanos(100), "{now}");
}

#[test]
fn a_bus_slower_than_the_media_sets_the_pace_after_the_first_sector() {
    let slow = plain(("bus_ms_per_sector = 0", "bus_ms_per_sector = 0.1"));
    let stats = read_at(&slow, 0.0, Nanos::ZERO, 0, 10);
    assert_eq!(stats.busy, Nanos::from_micros(60 + 10 * 100));
    let fast = plain(("bus_ms_per_sector = 0", "bus_ms_per_sector = 0.02"));
    let stats = read_at(&fast, 0.0, Nanos::ZERO, 0, 10);
    assert_eq!(stats.busy, Nanos::from_micros(10 * 60 + 20));
}

#[test]
fn the_platters_turn_with_time() {
    let profile = plain(UNCHANGED);
    let days = Nanos(86_400_000_000_000 * 3);
    let quarter = Nanos::from_micros(1_500);
    let now = read_at(&profile, 0.25, days, 1_234, 5);
    assert_eq!(read_at(&profile, 0.0, days + quarter, 1_234, 5), now);
    assert_ne!(read_at(&profile, 0.0, days, 1_234, 5), now);
}

/// Case 12 of the project's closed forms, E|X - Y| = 1/3, in its discrete form
/// (n - 1/n) / 3 for the disk's 1,000 cylinders, at 1 us each.
#[test]
fn random_seeks_cross_a_third_of_the_disk() {
    const REQUESTS: u64 = 200_000;
    let instant_switch = plain(("head_switch_ms = 0.5", "head_switch_ms = 0"));
    let mut disk = Disk::new(&instant_switch, Scheduling::Fcfs, 0.0, 0);
    let mut draws = Draws::new(8);
    let random = || (draws.below(200_000), 1);
    closed(&mut disk, 1, REQUESTS, || Nanos::ZERO, random);
    let cylinders = 1_000.0;
    let expected_us = (cylinders - 1.0 / cylinders) / 3.0;
    let mean_us = disk.stats().seek.0 as f64 / 1e3 / REQUESTS as f64;
    // The standard error of the mean is 0.16 %.
    let error = mean_us / expected_us - 1.0;
    assert!(error.abs() < 0.005, "{mean_us} against {expected_us}");
}
