//! Choosing by positioning time, in the host and in the drive.

use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, Scheduling};

use crate::load::{Draws, Driver, POLICIES, Seen, closed_random, disk, read_alone};

const REQUESTS: u64 = 6_000;

/// A cheetah whose drive holds `queue_depth` requests, under random 8 KiB
/// reads from `clients`.
fn loaded(queue_depth: u32, scheduling: Scheduling, clients: u64) -> (Seen, Disk) {
    let text = include_str!("../../profiles/disks/cheetah9lp.toml");
    let keys = format!("kind = \"hdd\"\nqueue_depth = {queue_depth}");
    let profile: DiskProfile = text
        .replacen("kind = \"hdd\"", &keys, 1)
        .parse()
        .expect("a profile");
    let mut disk = Disk::new(&profile, scheduling, 0.0, 0);
    let seen = closed_random(&mut disk, clients, REQUESTS, 16);
    (seen, disk)
}

#[test]
fn a_drive_that_holds_one_leaves_the_order_to_the_host() {
    for policy in POLICIES {
        let shipped = DiskProfile::named("cheetah9lp").expect("shipped");
        let mut without = Disk::new(&shipped, policy, 0.0, 0);
        let seen = closed_random(&mut without, 8, REQUESTS, 16);
        let (with, disk) = loaded(1, policy, 8);
        assert_eq!((with, disk.stats()), (seen, without.stats()), "{policy:?}");
    }
}

#[test]
fn shortest_positioning_first_is_the_fastest_order() {
    for clients in [1, 2, 4, 16, 64] {
        let rate = |policy| loaded(1, policy, clients).0.per_second();
        let sptf = rate(Scheduling::Sptf);
        for policy in POLICIES {
            let other = rate(policy);
            println!("{clients} {policy:?} {other:.1} SPTF {sptf:.1}");
            assert!(sptf >= other, "{clients} {policy:?}: {sptf} {other}");
        }
    }
}

/// With room for all, the drive sees what the host would: the same choice.
#[test]
fn a_drive_that_holds_everything_is_the_host_that_knows_the_drive() {
    let (in_host, host) = loaded(1, Scheduling::Sptf, 16);
    let (in_drive, drive) = loaded(16, Scheduling::Fcfs, 16);
    assert_eq!(in_drive, in_host);
    assert_eq!(drive.stats(), host.stats());
}

#[test]
fn a_drive_that_holds_more_serves_more() {
    let rate = |depth| loaded(depth, Scheduling::Fcfs, 64).0.per_second();
    let rates = [1, 2, 4, 8, 16, 32].map(rate);
    println!("{rates:?}");
    assert!(rates.is_sorted_by(|a, b| a < b), "{rates:?}");
}

/// Each choice against trying every request on a copy of the drive.
#[test]
fn the_choice_is_the_one_that_a_trial_of_each_finds() {
    let text = include_str!("../../profiles/disks/cheetah9lp.toml");
    // The bus is not part of the positioning.
    let text = text.replace("bus_ms_per_sector = 0.105", "bus_ms_per_sector = 0");
    let profile: DiskProfile = text.parse().expect("a profile");
    let mut draws = Draws::new(21);
    for _ in 0..200 {
        let mut place = || draws.below(17_000_000);
        let (first, others) = (place(), [(); 9].map(|()| place()));
        let mut alone = Disk::new(&profile, Scheduling::Sptf, 0.0, 0);
        let end = read_alone(&mut alone, Nanos::ZERO, first, 1);
        let trial = |&lbn: &u64| {
            let mut copy = alone.clone();
            let total = read_alone(&mut copy, end, lbn, 1) - end;
            total + alone.stats().transfer - copy.stats().transfer
        };
        let soonest = others.into_iter().min_by_key(trial);

        let mut disk = Disk::new(&profile, Scheduling::Sptf, 0.0, 0);
        let mut driver = Driver::new(&mut disk);
        for (tag, lbn) in [first].into_iter().chain(others).enumerate() {
            let (tag, sectors) = (tag as u64, 1);
            driver.submit(Nanos::ZERO, DiskRequest { lbn, sectors, tag });
        }
        driver.complete();
        assert_eq!(Some(driver.complete().1.lbn), soonest);
    }
}

#[test]
fn without_a_mechanism_it_is_the_order_of_arrival() {
    let text = "kind = \"exponential\"\nsectors = 1000\nmean_ms = 5";
    let profile: DiskProfile = text.parse().expect("a profile");
    let mut sptf = Disk::new(&profile, Scheduling::Sptf, 0.0, 0);
    let mut fcfs = disk(text);
    assert_eq!(
        closed_random(&mut sptf, 8, 1_000, 1),
        closed_random(&mut fcfs, 8, 1_000, 1)
    );
}
