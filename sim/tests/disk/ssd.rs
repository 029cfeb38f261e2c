//! What follows from the inside of a solid-state drive.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, Scheduling};

use crate::load::{assert_near, closed, closed_random, disk, read_alone};

const REQUESTS: u64 = 20_000;

/// Pages of 8 sectors, 4,096 bytes, that take 50 us to sense and, at 409.6 MB/s,
/// 10 us over the channel.
fn drive(channels: u32, dies_per_channel: u32, queue_depth: u32) -> String {
    format!(
        "kind = \"ssd\"\nsectors = 1_000_000\nchannels = {channels}\n\
         dies_per_channel = {dies_per_channel}\npage_bytes = 4096\nread_us = 50\n\
         channel_mb_per_s = 409.6\noverhead_us = 5\nqueue_depth = {queue_depth}"
    )
}

/// Page after page, from `clients` at once.
fn pages_per_second(disk: &mut Disk, clients: u64) -> f64 {
    let mut page = 0;
    let next = || {
        page += 1;
        (page % 100_000 * 8, 8)
    };
    closed(disk, clients, REQUESTS, || Nanos::ZERO, next).per_second()
}

#[test]
fn a_page_alone_takes_overhead_and_sensing_and_transfer() {
    let us = Nanos::from_micros;
    let mut disk = disk(&drive(4, 2, 1));
    assert_eq!(read_alone(&mut disk, Nanos::ZERO, 8, 8), us(5 + 50 + 10));
    // Only what is asked for of a page crosses the channel.
    let start = us(1_000);
    assert_eq!(read_alone(&mut disk, start, 17, 4), start + us(5 + 50 + 5));
    // 1 + 8 + 1 sectors on three channels.
    let start = us(2_000);
    assert_eq!(read_alone(&mut disk, start, 7, 10), start + us(65));
}

#[test]
fn pages_of_a_request_go_over_all_channels_then_all_dies() {
    let us = Nanos::from_micros;
    let mut disk = disk(&drive(4, 2, 1));
    // Eight pages: two dies of each channel sense together, then take turns.
    assert_eq!(read_alone(&mut disk, Nanos::ZERO, 0, 64), us(5 + 50 + 20));
    // A ninth waits for the first die to be rid of its page.
    let start = us(1_000);
    let ninth = 5 + 2 * (50 + 10);
    assert_eq!(read_alone(&mut disk, start, 0, 72), start + us(ninth));
}

#[test]
fn one_die_serves_one_page_per_sensing_and_transfer() {
    for clients in [2, 8] {
        let rate = pages_per_second(&mut disk(&drive(1, 1, 8)), clients);
        assert_near("one die", rate, 1e6 / (50.0 + 10.0), 1e-3);
    }
    // Alone, a request's overhead is not hidden behind another's sensing.
    let alone = pages_per_second(&mut disk(&drive(1, 1, 8)), 1);
    assert_near("depth 1", alone, 1e6 / (5.0 + 50.0 + 10.0), 1e-3);
}

#[test]
fn dies_in_turn_multiply_the_rate_until_their_channel_is_saturated() {
    for dies in [2, 3, 4] {
        let rate = pages_per_second(&mut disk(&drive(1, dies, 64)), 64);
        let expected = f64::from(dies) * 1e6 / 60.0;
        assert_near("unsaturated channel", rate, expected, 1e-2);
    }
    for dies in [8, 16] {
        let rate = pages_per_second(&mut disk(&drive(1, dies, 64)), 64);
        assert_near("channel's rate", rate * 4096.0, 409.6e6, 1e-2);
    }
    let rate = pages_per_second(&mut disk(&drive(4, 8, 256)), 256);
    assert_near("four channels' rate", rate * 4096.0, 4.0 * 409.6e6, 1e-2);
}

/// Random pages saturate a channel too if enough wait at each of its dies.
#[test]
fn random_reads_saturate_a_channel() {
    let mut disk = disk(&drive(1, 16, 256));
    let next = draws_of_pages();
    let seen = closed(&mut disk, 256, REQUESTS, || Nanos::ZERO, next);
    assert_near("rate", seen.per_second() * 4096.0, 409.6e6, 2e-2);
}

fn draws_of_pages() -> impl FnMut() -> (u64, u32) {
    let mut draws = crate::load::Draws::new(3);
    move || (draws.below(125_000) * 8, 8)
}

#[test]
fn a_link_slower_than_the_channels_sets_the_pace() {
    let text = format!("{}\nlink_mb_per_s = 500", drive(8, 8, 256));
    let rate = pages_per_second(&mut disk(&text), 256);
    assert_near("link's rate", rate * 4096.0, 500e6, 1e-2);
}

#[test]
fn no_more_requests_are_served_at_once_than_the_queue_depth() {
    let rate = |depth| pages_per_second(&mut disk(&drive(64, 1, depth)), 64);
    for depth in [1, 2, 7] {
        let expected = f64::from(depth) * 1e6 / 65.0;
        assert_near("rate", rate(depth), expected, 1e-3);
    }
}

/// The utilization law at every place: what is in service is the rate times the
/// time in service.
#[test]
fn little_holds_inside_the_drive() {
    let mut disk = disk(&drive(2, 3, 8));
    let seen = closed_random(&mut disk, 20, REQUESTS, 8);
    let stats = disk.stats();
    let share = |sum: Nanos| sum.as_secs_f64() / seen.elapsed.as_secs_f64();
    assert_near("busy", share(stats.busy), 1.0, 1e-9);
    assert_near("in service", share(stats.in_service), 8.0, 1e-9);
    let rest = 20.0 - 8.0;
    assert_near("waiting", share(stats.waiting), rest, 1e-9);
}

/// What is published of the drive that the profile is named after, in its
/// comments. The estimates in the profile were chosen to come to this: the test
/// holds the file to what it says, it does not validate the model.
#[test]
fn the_shipped_nvme_comes_to_its_published_figures() {
    let nvme = || {
        let profile = DiskProfile::named("nvme").expect("shipped");
        Disk::new(&profile, Scheduling::Fcfs, 0.0, 0)
    };
    let random = |depth| {
        let mut draws = crate::load::Draws::new(4);
        let next = || (draws.below(240_000_000) * 8, 8);
        closed(&mut nvme(), depth, 100_000, || Nanos::ZERO, next).per_second()
    };
    assert_near("random 4 KiB, depth 1", random(1), 15_000.0, 0.02);
    assert_near("random 4 KiB, depth 128", random(128), 500_000.0, 0.1);
    let mut at = 0;
    let next = || {
        at += 256;
        (at, 256)
    };
    let mut disk = nvme();
    let seen = closed(&mut disk, 32, REQUESTS, || Nanos::ZERO, next);
    assert_near("sequential", seen.per_second() * 131_072.0, 3.4e9, 0.02);
}
