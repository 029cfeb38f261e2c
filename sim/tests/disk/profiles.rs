//! Profiles: what is accepted, what is refused, and that every key counts.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, DiskStats, Scheduling};

use crate::load::Driver;

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

/// What a fixed sequence of long reads all over the disk comes to, the last
/// four of which arrive at once.
fn outcome(profile: &DiskProfile) -> DiskStats {
    let mut disk = Disk::new(profile, Scheduling::Fcfs, 0.0, 0);
    let mut driver = Driver::new(&mut disk);
    let mut now = Nanos::ZERO;
    let places = [0, 39_000, 5_000, 78_000, 140, 60_000];
    for (tag, lbn) in (0..).zip(places) {
        let sectors = 900;
        driver.submit(now, DiskRequest { lbn, sectors, tag });
        if tag < 2 {
            now = driver.complete().0;
        }
    }
    while driver.next_finish() < Nanos::MAX {
        driver.complete();
    }
    disk.stats().clone()
}

/// Asserts that each change of `text` reads and changes the outcome.
fn assert_each_counts(text: &str, changes: &[(&str, &str)]) {
    let unchanged = outcome(&read(text).expect("valid"));
    for (from, to) in changes {
        assert!(text.contains(from), "{from}");
        let changed = read(&text.replacen(from, to, 1)).expect("valid");
        assert_ne!(outcome(&changed), unchanged, "{to}");
    }
}

/// Asserts that each change of `text` is refused for the given reason.
fn assert_each_refused(text: &str, faults: &[(&str, &str, &str)]) {
    assert!(read(text).is_ok());
    for (from, to, reason) in faults {
        assert!(text.contains(from), "{from}");
        let error = read(&text.replacen(from, to, 1)).expect_err(to);
        assert!(error.contains(reason), "{to}: {error}");
    }
}

#[test]
fn every_key_of_a_drive_changes_what_it_does() {
    let changes = [
        ("kind = \"hdd\"", "kind = \"hdd\"\nqueue_depth = 3"),
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
    assert_each_counts(SMALL, &changes);
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
        (
            "surfaces = 4",
            "surfaces = 4\nqueue_depth = 0",
            "expected a nonzero u32",
        ),
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
    assert_each_refused(SMALL, &faults);
}

const SMALL_SSD: &str = "
kind = \"ssd\"
sectors = 79000
channels = 2
dies_per_channel = 2
page_bytes = 4096
read_us = 40
channel_mb_per_s = 400
overhead_us = 8
link_mb_per_s = 500
queue_depth = 2
";

#[test]
fn every_key_of_a_solid_state_drive_changes_what_it_does() {
    let changes = [
        ("channels = 2", "channels = 3"),
        ("dies_per_channel = 2", "dies_per_channel = 3"),
        ("page_bytes = 4096", "page_bytes = 8192"),
        ("read_us = 40", "read_us = 41"),
        ("channel_mb_per_s = 400", "channel_mb_per_s = 410"),
        ("overhead_us = 8", "overhead_us = 9"),
        ("link_mb_per_s = 500", "link_mb_per_s = 510"),
        ("link_mb_per_s = 500", ""),
        ("queue_depth = 2", "queue_depth = 1"),
    ];
    assert_each_counts(SMALL_SSD, &changes);
}

#[test]
fn impossible_solid_state_drives_are_refused_with_the_reason() {
    let faults = [
        ("channels = 2", "channels = 0", "expected a nonzero u32"),
        (
            "dies_per_channel = 2",
            "dies_per_channel = 0",
            "expected a nonzero u32",
        ),
        ("queue_depth = 2", "queue_depth = 0", "nonzero"),
        ("page_bytes = 4096", "page_bytes = 0", "page_bytes is 0"),
        (
            "page_bytes = 4096",
            "page_bytes = 1000",
            "must be a multiple of 512",
        ),
        (
            "read_us = 40",
            "read_us = -1",
            "-1 is not a possible number of microseconds",
        ),
        (
            "channel_mb_per_s = 400",
            "channel_mb_per_s = 0",
            "0 is not a possible number of megabytes per second",
        ),
        ("channels = 2", "chanels = 2", "unknown field `chanels`"),
        ("read_us = 40", "", "missing field `read_us`"),
    ];
    assert_each_refused(SMALL_SSD, &faults);
}

const SMALL_TABLE: &str = "
kind = \"measured\"
sectors = 79000
queue_depth = 2
sizes_bytes = [4096, 1_000_000]
depths = [1, 4]
latency_us = [[10, 20], [300, 500]]
";

#[test]
fn every_key_of_a_table_changes_what_it_does() {
    let changes = [
        ("queue_depth = 2", "queue_depth = 1"),
        ("[4096, ", "[8192, "),
        ("[1, 4]", "[1, 5]"),
        ("[10, 20]", "[11, 20]"),
        ("[300, 500]", "[300, 501]"),
    ];
    assert_each_counts(SMALL_TABLE, &changes);
}

#[test]
fn impossible_tables_are_refused_with_the_reason() {
    let rows = "latency_us must have a row for each of the 2 sizes_bytes, with a value for each \
                of the 2 depths";
    let faults = [
        ("[4096, 1_000_000]", "[]", "sizes_bytes must not be empty"),
        (
            "[4096, 1_000_000]",
            "[4096, 4096]",
            "sizes_bytes must not be empty and must ascend",
        ),
        (
            "[1, 4]",
            "[4, 1]",
            "depths must not be empty and must ascend",
        ),
        ("[1, 4]", "[0, 4]", "expected a nonzero u32"),
        ("[10, 20], ", "", rows),
        ("[10, 20]", "[10]", rows),
        (
            "[10, 20]",
            "[10, -20]",
            "-20 is not a possible number of microseconds",
        ),
        ("queue_depth = 2", "queue_depth = 0", "nonzero"),
        ("depths =", "depth =", "unknown field `depth`"),
    ];
    assert_each_refused(SMALL_TABLE, &faults);
}

#[test]
fn an_error_knows_its_line() {
    let key = |text: &str| {
        let error = text.parse::<DiskProfile>().expect_err("wrong");
        let before = &text[..error.span().expect("a place").start];
        let line = before.lines().last().expect("not the first");
        line.split(' ').next().expect("a key").to_owned()
    };
    let channels = SMALL_SSD.replace("channels = 2\ndies", "channels = 0\ndies");
    assert_eq!(key(&channels), "channels");
    assert_eq!(key(&SMALL_TABLE.replace("20]", "-20]")), "latency_us");
    assert_eq!(key(&SMALL.replace("\"hdd\"", "\"tape\"")), "kind");
    assert_eq!(
        key(&SMALL.replace("h_ms = 0.1", "h_ms = -0.1")),
        "head_switch_ms"
    );
}

#[test]
fn every_shipped_profile_reads_and_others_are_unknown() {
    for name in DiskProfile::names() {
        assert!(DiskProfile::named(name).is_some());
    }
    let names: Vec<_> = DiskProfile::names().collect();
    assert_eq!(names, ["cheetah9lp", "nvme", "virtio"]);
    assert_eq!(DiskProfile::named("cheetah"), None);
}

#[test]
fn laws_take_their_time_and_no_other_key() {
    let fixed = "kind = \"fixed\"\nsectors = 1000000\nservice_ms = 2.5";
    let profile = read(fixed).expect("valid");
    assert_eq!(outcome(&profile).busy, Nanos::from_micros(6 * 2_500));
    let error = read(&format!("{fixed}\nmean_ms = 1")).expect_err("two times");
    assert!(error.contains("unknown field `mean_ms`"), "{error}");
    let error = read("sectors = 8").expect_err("no kind");
    assert!(error.contains("missing field `kind`"), "{error}");
}

#[test]
fn a_law_with_more_servers_is_done_sooner() {
    for text in [
        "kind = \"fixed\"\nsectors = 79000\nservice_ms = 3\nservers = 1",
        "kind = \"exponential\"\nsectors = 79000\nmean_ms = 3\nservers = 1",
    ] {
        let busy = |text: &str| outcome(&read(text).expect("valid")).busy;
        let faster = text.replace("servers = 1", "servers = 2");
        assert!(busy(&faster) < busy(text));
        assert_eq!(busy(&text.replace("\nservers = 1", "")), busy(text));
        let none = read(&text.replace("servers = 1", "servers = 0")).expect_err("none");
        assert!(none.contains("nonzero"), "{none}");
    }
}
