//! A disk that is a table of latencies.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, Scheduling};

use crate::load::{Driver, assert_near, closed_random, disk, read_alone};

const TABLE: &str = "
kind = \"measured\"
sectors = 100_000
queue_depth = 8
sizes_bytes = [4096, 65536]
depths = [1, 2, 6]
latency_us = [[100, 120, 200], [500, 700, 1500]]
";

/// Latency of a read of `sectors` when it is the `depth`-th in service, in us.
fn latency(sectors: u32, depth: u64) -> f64 {
    let mut disk = disk(TABLE);
    let mut started = Vec::new();
    for tag in 0..depth {
        let lbn = 0;
        let request = DiskRequest { lbn, sectors, tag };
        disk.submit(Nanos::ZERO, request, &mut started);
    }
    started[depth as usize - 1].finish.0 as f64 / 1e3
}

#[test]
fn measured_points_are_met() {
    for (size, row) in [(8, [100.0, 120.0, 200.0]), (128, [500.0, 700.0, 1500.0])] {
        for (depth, expected) in [1, 2, 6].into_iter().zip(row) {
            assert_eq!(latency(size, depth), expected);
        }
    }
}

#[test]
fn between_them_it_is_linear_in_depth_and_in_the_logarithm_of_the_size() {
    assert_eq!(latency(8, 4), 160.0);
    // 16 KiB is half-way from 4 to 64 KiB.
    assert_eq!(latency(32, 1), 300.0);
    assert_eq!(latency(32, 4), (160.0 + 1_100.0) / 2.0);
    assert_eq!(latency(16, 2), 120.0 + (700.0 - 120.0) / 4.0);
}

#[test]
fn outside_the_table_its_edge_holds() {
    assert_eq!(latency(1, 1), 100.0);
    assert_eq!(latency(512, 1), 500.0);
    assert_eq!(latency(8, 8), 200.0);
    assert_eq!(latency(1_000, 7), 1500.0);
}

#[test]
fn a_constant_depth_gets_its_latency_and_rate() {
    for (depth, us) in [(1, 100.0), (2, 120.0), (6, 200.0)] {
        let mut disk = disk(TABLE);
        let seen = closed_random(&mut disk, depth, 10_000, 8);
        // The first requests start one after another at lower depths.
        let expected = depth as f64 * 1e6 / us;
        assert_near("rate", seen.per_second(), expected, 1e-3);
    }
}

#[test]
fn a_single_cell_is_a_fixed_law() {
    let text = "kind = \"measured\"\nsectors = 100\nqueue_depth = 2\nsizes_bytes = [512]\n\
                depths = [1]\nlatency_us = [[70]]";
    let mut disk = disk(text);
    let mut driver = Driver::new(&mut disk);
    for (tag, sectors) in [(0, 1), (1, 50), (2, 9)] {
        let lbn = 0;
        driver.submit(Nanos::ZERO, DiskRequest { lbn, sectors, tag });
    }
    let ends = [(); 3].map(|()| driver.complete().0);
    assert_eq!(ends, [70, 70, 140].map(Nanos::from_micros));
}

#[test]
fn the_shipped_table_is_read_as_it_is_written() {
    let profile = DiskProfile::named("virtio").expect("shipped");
    let mut disk = Disk::new(&profile, Scheduling::Fcfs, 0.0, 0);
    let end = read_alone(&mut disk, Nanos::ZERO, 0, 8);
    assert_eq!(end, Nanos(60_300));
}
