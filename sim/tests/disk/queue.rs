//! Scheduling and bookkeeping under arbitrary sequences of calls.

use proptest::collection::vec;
use proptest::prelude::*;
use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, Scheduling};

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

/// Which of `waiting` (in order of arrival) the policy serves after `last`.
fn expected_next(scheduling: Scheduling, waiting: &[DiskRequest], last: u64) -> usize {
    let sweep = |floor: u64| {
        let ahead = (0..waiting.len()).filter(|&i| waiting[i].lbn >= floor);
        ahead.min_by_key(|&i| waiting[i].lbn)
    };
    match scheduling {
        Scheduling::Fcfs => 0,
        Scheduling::CLook => sweep(last).or_else(|| sweep(0)).expect("someone waits"),
    }
}

/// A disk beside a naive account of what it should do.
struct Audit {
    disk: Disk,
    scheduling: Scheduling,
    now: Nanos,
    finish: Option<Nanos>,
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
            scheduling,
            now: Nanos::ZERO,
            finish: None,
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
        match self.disk.submit(self.now, request) {
            Some(finish) => {
                assert!(self.in_service.is_none());
                self.finish = Some(finish);
                self.in_service = Some(request);
                self.busy += finish - self.now;
            }
            None => {
                assert!(self.in_service.is_some());
                self.waiting.push(request);
            }
        }
    }

    fn complete(&mut self) {
        self.now = self.finish.expect("something in service");
        let (ended, finish) = self.disk.complete(self.now);
        assert_eq!(Some(ended), self.in_service.take());
        self.served.push(ended.tag);
        self.finish = finish;
        assert_eq!(finish.is_some(), !self.waiting.is_empty());
        if let Some(finish) = finish {
            let next = expected_next(self.scheduling, &self.waiting, ended.lbn);
            let next = self.waiting.remove(next);
            self.waited += self.now - self.arrived[next.tag as usize];
            self.in_service = Some(next);
            self.busy += finish - self.now;
        }
    }

    /// Lets `gap` pass, serving what ends within it.
    fn pass(&mut self, gap: Nanos) {
        let until = self.now + gap;
        while self.finish.is_some_and(|finish| finish <= until) {
            self.complete();
        }
        self.now = until;
        self.disk.settle(until);
    }

    fn drain(&mut self) {
        while self.finish.is_some() {
            self.complete();
        }
    }

    fn assert_conserved(&self) {
        let stats = self.disk.stats();
        let mut served = self.served.clone();
        served.sort_unstable();
        let submitted: Vec<u64> = (0..self.arrived.len() as u64).collect();
        assert_eq!(served, submitted, "every request exactly once");
        assert_eq!(self.disk.pending(), 0);
        assert_eq!(stats.requests, submitted.len() as u64);
        assert_eq!(stats.sectors, 8 * stats.requests);
        assert_eq!(stats.busy, self.busy);
        assert!(stats.busy <= self.now);
        assert_eq!(stats.waiting, self.waited);
        let parts = stats.seek + stats.rotation + stats.transfer + stats.overhead;
        assert_eq!(stats.busy, parts);
    }
}

proptest! {
    #[test]
    fn serves_each_once_in_policy_order_and_counts_exactly(
        c_look: bool,
        // A narrow range of blocks, so that equal ones occur.
        calls in vec((0u64..40, 0u64..30_000), 1..120),
    ) {
        let policy = if c_look { Scheduling::CLook } else { Scheduling::Fcfs };
        let mut audit = Audit::new(policy);
        for (place, gap_us) in calls {
            audit.submit(place * 400_000);
            audit.pass(Nanos::from_micros(gap_us));
        }
        audit.drain();
        audit.assert_conserved();
    }
}

#[test]
fn c_look_sweeps_up_then_returns_to_the_lowest() {
    let mut disk = cheetah(Scheduling::CLook);
    let mut finish = disk.submit(Nanos::ZERO, request(5_000_000, 0));
    for (tag, millions) in [7, 2, 9, 5, 1, 6].into_iter().enumerate() {
        disk.submit(Nanos::ZERO, request(millions * 1_000_000, tag as u64 + 1));
    }
    let mut order = Vec::new();
    while let Some(now) = finish {
        let (ended, next) = disk.complete(now);
        order.push(ended.lbn / 1_000_000);
        finish = next;
    }
    assert_eq!(order, [5, 5, 6, 7, 9, 1, 2]);
    assert_eq!(disk.stats().max_waiting, 6);
}

#[test]
fn time_integrals_are_exact_in_the_middle_of_a_request() {
    let mut disk = cheetah(Scheduling::Fcfs);
    let at = Nanos::from_micros;
    let finish = disk.submit(at(100), request(9_000_000, 0)).expect("idle");
    disk.submit(at(300), request(0, 1));
    disk.settle(at(1_000));
    assert!(finish > at(1_000));
    assert_eq!(disk.stats().busy, at(900));
    assert_eq!(disk.stats().waiting, at(700));
    assert_eq!(disk.pending(), 2);
}

#[test]
#[should_panic(expected = "is not on a disk of 17783240 sectors")]
fn a_request_beyond_the_end_is_refused() {
    cheetah(Scheduling::Fcfs).submit(Nanos::ZERO, request(17_783_236, 0));
}
