//! Profiles: what is accepted, what is refused, and that every key counts.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, DiskStats, Scheduling};

const SMALL: &str = "
kind = \"hdd\"
sectors = 79000
rotation_rpm = 10000
surfaces = 4
head_switch_ms = 0.1
read_overhead_ms = 0.3
bus_ms_per_sector = 0.01
seek_ms = [[1, 0.8], [10, 2.0], [100, 5]]

[[zones]]
first_cylinder = 0
last_cylinder = 99
sectors_per_track = 100
track_skew = 10
cylinder_skew = 20
spares = 400
slips = [3, 150]

[[zones]]
first_cylinder = 100
last_cylinder = 199
sectors_per_track = 100
first_sector_offset = 7
track_skew = 10
cylinder_skew = 20
";

fn read(text: &str) -> Result<DiskProfile, String> {
    text.parse::<DiskProfile>()
        .map_err(|error| error.to_string())
}

/// What a fixed sequence of long reads all over the disk comes to.
fn outcome(profile: &DiskProfile) -> DiskStats {
    let mut disk = Disk::new(profile, Scheduling::Fcfs, 0.0, 0);
    let mut now = Nanos::ZERO;
    for (tag, lbn) in [0, 39_000, 5_000, 78_000, 140, 60_000]
        .into_iter()
        .enumerate()
    {
        let request = DiskRequest {
            lbn,
            sectors: 900,
            tag: tag as u64,
        };
        now = disk.submit(now, request).expect("idle");
        disk.complete(now);
    }
    disk.stats().clone()
}

#[test]
fn every_key_of_a_drive_changes_what_it_does() {
    let changes = [
        ("rotation_rpm = 10000", "rotation_rpm = 10001"),
        ("surfaces = 4", "surfaces = 5"),
        ("head_switch_ms = 0.1", "head_switch_ms = 0.9"),
        ("read_overhead_ms = 0.3", "read_overhead_ms = 0.4"),
        ("bus_ms_per_sector = 0.01", "bus_ms_per_sector = 0.1"),
        ("[10, 2.0]", "[10, 2.9]"),
        ("first_cylinder = 100", "first_cylinder = 101"),
        ("last_cylinder = 99", "last_cylinder = 98"),
        ("sectors_per_track = 100", "sectors_per_track = 101"),
        ("track_skew = 10", "track_skew = 11"),
        ("cylinder_skew = 20", "cylinder_skew = 21"),
        ("first_sector_offset = 7", "first_sector_offset = 8"),
        ("spares = 400", "spares = 410"),
        ("slips = [3, 150]", "slips = [3]"),
    ];
    let unchanged = outcome(&read(SMALL).expect("valid"));
    for (from, to) in changes {
        assert!(SMALL.contains(from), "{from}");
        let changed = read(&SMALL.replacen(from, to, 1)).expect("valid");
        assert_ne!(outcome(&changed), unchanged, "{to}");
    }
}

#[test]
fn capacity_is_the_key_sectors() {
    assert_eq!(read(SMALL).expect("valid").sectors(), 79_000);
}

#[test]
fn impossible_drives_are_refused_with_the_reason() {
    let faults = [
        ("sectors = 79000", "sectors = 79601", "the zones hold 79600"),
        ("rotation_rpm = 10000", "rotation_rpm = 0", "rotation_rpm"),
        ("surfaces = 4", "surfaces = 0", "zone 0 is impossible"),
        (
            "head_switch_ms = 0.1",
            "head_switch_ms = -0.1",
            "-0.1 is not a possible",
        ),
        (
            "head_switch_ms = 0.1",
            "head_switch_ms = nan",
            "NaN is not a possible",
        ),
        ("[1, 0.8], ", "", "start at distance 1"),
        ("[10, 2.0], [100, 5]", "[100, 5], [10, 2.0]", "ascend"),
        (
            "last_cylinder = 99",
            "last_cylinder = 100",
            "must not overlap",
        ),
        (
            "first_cylinder = 100",
            "first_cylinder = 200",
            "zone 1 is impossible",
        ),
        (
            "slips = [3, 150]",
            "slips = [150, 3]",
            "zone 0 is impossible",
        ),
        ("spares = 400", "spares = 1", "zone 0 is impossible"),
        ("spares = 400", "spares = 40000", "zone 0 is impossible"),
        ("surfaces = 4", "heads = 4", "unknown field `heads`"),
        ("track_skew = 10", "skew = 10", "unknown field `skew`"),
        (
            "kind = \"hdd\"",
            "kind = \"tape\"",
            "unknown variant `tape`",
        ),
    ];
    for (from, to, reason) in faults {
        assert!(SMALL.contains(from), "{from}");
        let error = read(&SMALL.replacen(from, to, 1)).expect_err(to);
        assert!(error.contains(reason), "{to}: {error}");
    }
}

#[test]
fn every_shipped_profile_reads_and_others_are_unknown() {
    for name in DiskProfile::names() {
        assert!(DiskProfile::named(name).is_some());
    }
    assert!(DiskProfile::names().any(|name| name == "cheetah9lp"));
    assert_eq!(DiskProfile::named("cheetah"), None);
}

#[test]
fn laws_take_their_time_and_no_other_key() {
    let fixed = "kind = \"fixed\"\nsectors = 1000000\nservice_ms = 2.5";
    let profile = read(fixed).expect("valid");
    assert_eq!(outcome(&profile).busy, Nanos::from_micros(6 * 2_500));
    let error = read(&format!("{fixed}\nmean_ms = 1")).expect_err("two times");
    assert!(error.contains("unknown field `mean_ms`"), "{error}");
}
