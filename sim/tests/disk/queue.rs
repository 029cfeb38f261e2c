//! Scheduling and bookkeeping under arbitrary sequences of calls.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, Scheduling, Started};

use crate::load::{Driver, POLICIES};

fn cheetah(scheduling: Scheduling) -> Disk {
    let profile = DiskProfile::named("cheetah9lp").expect("shipped");
    Disk::new(&profile, scheduling, 0.25, 0)
}

fn request(lbn: u64, tag: u64) -> DiskRequest {
    DiskRequest {
        lbn,
        sectors: 8,
        tag,
    }
}

/// What the policies that go by block number do, written down naively.
#[derive(Clone, Copy, Debug)]
struct Reference {
    scheduling: Scheduling,
    position: u64,
    downwards: bool,
}

impl Reference {
    /// Which of `waiting` (in order of arrival) is served next.
    fn next(&mut self, waiting: &[DiskRequest]) -> usize {
        let all = || 0..waiting.len();
        let here = self.position;
        let up = all()
            .filter(|&i| waiting[i].lbn >= here)
            .min_by_key(|&i| waiting[i].lbn);
        let down = all()
            .filter(|&i| waiting[i].lbn <= here)
            .min_by_key(|&i| here - waiting[i].lbn);
        let next = match self.scheduling {
            Scheduling::Fcfs => Some(0),
            Scheduling::CLook => up.or_else(|| all().min_by_key(|&i| waiting[i].lbn)),
            Scheduling::Sstf => {
                let key = |&i: &usize| (waiting[i].lbn.abs_diff(here), waiting[i].lbn < here, i);
                all().min_by_key(key)
            }
            Scheduling::Scan => {
                // Nothing ahead: it turns, and something is.
                let ahead = |downwards| if downwards { down } else { up };
                self.downwards ^= ahead(self.downwards).is_none();
                ahead(self.downwards)
            }
            other => panic!("{other:?} goes by more than the block number"),
        };
        let next = next.expect("someone waits");
        self.position = waiting[next].lbn;
        next
    }
}

/// A disk beside a naive account of what it should do.
struct Audit {
    disk: Disk,
    reference: Reference,
    now: Nanos,
    started: Vec<Started>,
    in_service: Option<DiskRequest>,
    waiting: Vec<DiskRequest>,
    arrived: Vec<Nanos>,
    waited: Nanos,
    busy: Nanos,
    served: Vec<u64>,
}

impl Audit {
    fn new(scheduling: Scheduling) -> Self {
        Self {
            disk: cheetah(scheduling),
            reference: Reference {
                scheduling,
                position: 0,
                downwards: false,
            },
            now: Nanos::ZERO,
            started: Vec::new(),
            in_service: None,
            waiting: Vec::new(),
            arrived: Vec::new(),
            waited: Nanos::ZERO,
            busy: Nanos::ZERO,
            served: Vec::new(),
        }
    }

    fn submit(&mut self, lbn: u64) {
        let request = request(lbn, self.arrived.len() as u64);
        self.arrived.push(self.now);
        self.waiting.push(request);
        self.disk.submit(self.now, request, &mut self.started);
        self.expect_started();
    }

    fn complete(&mut self) {
        let ended = self.started.pop().expect("something in service");
        self.now = ended.finish;
        let done = self.disk.complete(self.now, ended.token, &mut self.started);
        assert_eq!(Some(done), self.in_service.take());
        self.served.push(done.tag);
        self.expect_started();
    }

    /// The disk is never idle while something waits; what it serves is what the
    /// policy says, which shows when it ends.
    fn expect_started(&mut self) {
        if self.in_service.is_none() && !self.waiting.is_empty() {
            let next = self.reference.next(&self.waiting);
            let next = self.waiting.remove(next);
            self.waited += self.now - self.arrived[next.tag as usize];
            self.busy += self.started[0].finish - self.now;
            self.in_service = Some(next);
        }
        assert_eq!(self.started.len(), usize::from(self.in_service.is_some()));
    }

    /// Lets `gap` pass, serving what ends within it.
    fn pass(&mut self, gap: Nanos) {
        let until = self.now + gap;
        while self.started.first().is_some_and(|s| s.finish <= until) {
            self.complete();
        }
        self.now = until;
        self.disk.settle(until);
    }

    fn assert_conserved(&mut self) {
        while !self.started.is_empty() {
            self.complete();
        }
        let stats = self.disk.stats();
        self.served.sort_unstable();
        let submitted: Vec<u64> = (0..self.arrived.len() as u64).collect();
        assert_eq!(self.served, submitted, "every request exactly once");
        assert_eq!(self.disk.pending(), 0);
        assert_eq!(stats.requests, submitted.len() as u64);
        assert_eq!(stats.sectors, 8 * stats.requests);
        assert_eq!((stats.busy, stats.in_service), (self.busy, self.busy));
        assert!(stats.busy <= self.now);
        assert_eq!(stats.waiting, self.waited);
        let parts = stats.seek + stats.rotation + stats.transfer + stats.overhead;
        assert_eq!(stats.busy, parts);
    }
}

proptest! {
    #[test]
    fn serves_each_once_in_policy_order_and_counts_exactly(
        policy in 0usize..4,
        // A narrow range of blocks, so that equal ones occur.
        calls in vec((0u64..40, 0u64..30_000), 1..120),
    ) {
        let by_number = [
            Scheduling::Fcfs,
            Scheduling::CLook,
            Scheduling::Sstf,
            Scheduling::Scan,
        ];
        let mut audit = Audit::new(by_number[policy]);
        for (place, gap_us) in calls {
            audit.submit(place * 400_000);
            audit.pass(Nanos::from_micros(gap_us));
        }
        audit.assert_conserved();
    }
}

const KINDS: [&str; 7] = [
    "cheetah9lp",
    "cheetah9lp, 5 held",
    "nvme",
    "virtio",
    "kind = \"fixed\"\nsectors = 17_000_000\nservice_ms = 3\nservers = 3",
    "kind = \"exponential\"\nsectors = 17_000_000\nmean_ms = 3\nservers = 2",
    "kind = \"ssd\"\nsectors = 17_000_000\nchannels = 1\ndies_per_channel = 2\npage_bytes = 1024\n\
     read_us = 900\nchannel_mb_per_s = 1\noverhead_us = 100\nlink_mb_per_s = 1.5\nqueue_depth = 3",
];

fn of_kind(text: &str) -> DiskProfile {
    if text == "cheetah9lp, 5 held" {
        return cheetah_holding(5);
    }
    let named = DiskProfile::named(text);
    named.unwrap_or_else(|| text.parse().expect("a profile"))
}

fn cheetah_holding(queue_depth: u32) -> DiskProfile {
    let text = include_str!("../../profiles/disks/cheetah9lp.toml");
    let keys = format!("kind = \"hdd\"\nqueue_depth = {queue_depth}");
    let text = text.replacen("kind = \"hdd\"", &keys, 1);
    text.parse().expect("a profile")
}

proptest! {
    /// Conservation and the integrals, against sums over requests as their
    /// driver sees them.
    #[test]
    fn every_kind_and_scheduling_serves_each_once_within_its_limits(
        kind in 0usize..KINDS.len(),
        policy in 0usize..POLICIES.len(),
        calls in vec((0u64..400, 1u32..40, 0u64..6_000), 1..100),
    ) {
        let profile = of_kind(KINDS[kind]);
        let mut disk = Disk::new(&profile, POLICIES[policy], 0.25, 9);
        let mut driver = Driver::new(&mut disk);
        let (mut now, mut in_disk) = (Nanos::ZERO, Nanos::ZERO);
        let mut arrived = Vec::new();
        let mut done = vec![false; calls.len()];
        let mut calls = calls.into_iter();
        let mut next_call = calls.next();
        loop {
            let arrival = next_call.map_or(Nanos::MAX, |call| now + Nanos::from_micros(call.2));
            if arrival == Nanos::MAX && driver.next_finish() == Nanos::MAX {
                break;
            }
            if arrival < driver.next_finish() {
                let (place, sectors, _) = next_call.expect("it arrives");
                now = arrival;
                let tag = arrived.len() as u64;
                arrived.push(now);
                let lbn = place * 40_000;
                driver.submit(now, DiskRequest { lbn, sectors, tag });
                next_call = calls.next();
            } else {
                let (finish, request) = driver.complete();
                prop_assert!(finish >= now, "in the order of time");
                now = finish;
                let tag = request.tag as usize;
                prop_assert!(!std::mem::replace(&mut done[tag], true), "once");
                in_disk += now - arrived[tag];
            }
            let stats = driver.disk.stats();
            prop_assert!(stats.in_service.0 <= stats.busy.0 * u64::from(profile.servers()));
        }
        prop_assert!(done.into_iter().all(|done| done));
        let stats = disk.stats();
        prop_assert_eq!(disk.pending(), 0);
        prop_assert_eq!(stats.requests, arrived.len() as u64);
        prop_assert_eq!(stats.in_service + stats.waiting, in_disk);
        prop_assert!(stats.busy <= stats.in_service && stats.busy <= now);
        let parts = stats.seek + stats.rotation + stats.transfer + stats.overhead;
        prop_assert_eq!(stats.in_service, parts);
    }
}

/// Block numbers, in millions, in the order in which they are served: `first`
/// is in service when the others arrive, and each of `later` arrives when as
/// many requests have ended as its first number says.
fn order(scheduling: Scheduling, first: u64, others: &[u64], later: &[(usize, u64)]) -> Vec<u64> {
    let mut disk = cheetah(scheduling);
    let mut driver = Driver::new(&mut disk);
    let million = |n: u64| request(n * 1_000_000, 0);
    driver.submit(Nanos::ZERO, million(first));
    for &other in others {
        driver.submit(Nanos::ZERO, million(other));
    }
    let mut order = Vec::new();
    while driver.next_finish() < Nanos::MAX {
        let (now, ended) = driver.complete();
        order.push(ended.lbn / 1_000_000);
        for (_, lbn) in later.iter().filter(|(after, _)| *after == order.len()) {
            driver.submit(now, million(*lbn));
        }
    }
    order
}

const OTHERS: [u64; 6] = [7, 2, 9, 5, 1, 6];

#[test]
fn c_look_sweeps_up_then_returns_to_the_lowest() {
    let order = order(Scheduling::CLook, 5, &OTHERS, &[]);
    assert_eq!(order, [5, 5, 6, 7, 9, 1, 2]);
}

#[test]
fn scan_sweeps_up_then_down() {
    let order = order(Scheduling::Scan, 5, &OTHERS, &[]);
    assert_eq!(order, [5, 5, 6, 7, 9, 2, 1]);
}

#[test]
fn scan_turns_back_for_what_came_in_behind_it_on_its_way_down() {
    let order = order(Scheduling::Scan, 5, &[9, 3, 1], &[(3, 8), (3, 2)]);
    assert_eq!(order, [5, 9, 3, 1, 2, 8]);
}

#[test]
fn scan_keeps_its_direction_while_nothing_waits() {
    let order = order(Scheduling::Scan, 5, &[], &[(1, 9), (1, 3), (1, 12)]);
    assert_eq!(order, [5, 9, 12, 3]);
}

#[test]
fn sstf_goes_to_the_nearest_and_up_if_two_are_equally_near() {
    let order = order(Scheduling::Sstf, 5, &[8, 4, 6, 1], &[]);
    assert_eq!(order, [5, 6, 8, 4, 1]);
}

#[test]
fn disk_sort_sweeps_up_then_returns_to_the_lowest() {
    let order = order(Scheduling::Disksort, 5, &OTHERS, &[]);
    assert_eq!(order, [5, 5, 6, 7, 9, 1, 2]);
}

/// When 9 is taken, the first list is empty and [1, 3] becomes it: 12 joins its
/// end, and 0 is behind.
#[test]
fn disk_sort_unlike_c_look_counts_what_waits_behind_the_arm_as_the_next_sweep() {
    let later = [(1, 12), (1, 0)];
    let of = |scheduling| order(scheduling, 5, &[9, 3, 1], &later);
    assert_eq!(of(Scheduling::CLook), [5, 9, 12, 0, 1, 3]);
    assert_eq!(of(Scheduling::Disksort), [5, 9, 1, 3, 12, 0]);
}

#[test]
fn time_integrals_are_exact_in_the_middle_of_a_request() {
    let mut disk = cheetah(Scheduling::Fcfs);
    let at = Nanos::from_micros;
    let mut started = Vec::new();
    disk.submit(at(100), request(9_000_000, 0), &mut started);
    disk.submit(at(300), request(0, 1), &mut started);
    disk.settle(at(1_000));
    assert_eq!(started.len(), 1);
    assert!(started[0].finish > at(1_000));
    assert_eq!(disk.stats().busy, at(900));
    assert_eq!(disk.stats().in_service, at(900));
    assert_eq!(disk.stats().waiting, at(700));
    assert_eq!(disk.stats().max_waiting, 1);
    assert_eq!(disk.pending(), 2);
}

#[test]
fn what_a_drive_holds_unserved_waits() {
    let mut disk = Disk::new(&cheetah_holding(8), Scheduling::Fcfs, 0.25, 0);
    let mut started = Vec::new();
    for tag in 0..3 {
        disk.submit(Nanos::ZERO, request(tag * 1_000_000, tag), &mut started);
    }
    disk.settle(Nanos::from_micros(10));
    assert_eq!(started.len(), 1, "one mechanism serves one at a time");
    assert_eq!(disk.stats().in_service, Nanos::from_micros(10));
    assert_eq!(disk.stats().waiting, Nanos::from_micros(20));
}

#[test]
#[should_panic(expected = "is not on a disk of 17783240 sectors")]
fn a_request_beyond_the_end_is_refused() {
    let end = request(17_783_236, 0);
    cheetah(Scheduling::Fcfs).submit(Nanos::ZERO, end, &mut Vec::new());
}

#[test]
#[should_panic(expected = "no such request in service")]
fn a_token_is_good_for_one_completion() {
    let mut disk = cheetah(Scheduling::Fcfs);
    let mut started = Vec::new();
    disk.submit(Nanos::ZERO, request(0, 0), &mut started);
    let Started { token, finish } = started.remove(0);
    disk.complete(finish, token, &mut started);
    disk.complete(finish, token, &mut started);
}
