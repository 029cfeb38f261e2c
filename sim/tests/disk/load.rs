//! Loads for a disk: what to ask of it, and the loop that asks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskProfile, DiskRequest, Scheduling, Started};

/// Every scheduling there is.
pub(crate) const POLICIES: [Scheduling; 6] = [
    Scheduling::Fcfs,
    Scheduling::Sstf,
    Scheduling::CLook,
    Scheduling::Scan,
    Scheduling::Sptf,
    Scheduling::Disksort,
];

/// A disk in order of arrival, from the text of its profile.
pub(crate) fn disk(profile: &str) -> Disk {
    let profile: DiskProfile = profile.parse().expect("a profile");
    Disk::new(&profile, Scheduling::Fcfs, 0.0, 0)
}

pub(crate) fn assert_near(what: &str, measured: f64, expected: f64, tolerance: f64) {
    let error = measured / expected - 1.0;
    println!(
        "{what}: {measured:.5} / {expected:.5} = {:+.2} %",
        100.0 * error
    );
    assert!(
        error.abs() <= tolerance,
        "{what}: {measured} against {expected}"
    );
}

/// Draws for a test, independent of the disk's own.
pub(crate) struct Draws(Xoshiro256PlusPlus);

impl Draws {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Xoshiro256PlusPlus::seed_from_u64(seed))
    }

    /// Uniform below `end`.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.0.next_u64()) * u128::from(end)) >> 64) as u64
    }

    /// Exponentially distributed.
    pub(crate) fn exponential(&mut self, mean: Nanos) -> Nanos {
        let above_zero = (self.below(1 << 53) + 1) as f64 / (1u64 << 53) as f64;
        Nanos((-libm::log(above_zero) * mean.0 as f64) as u64)
    }
}

/// A disk and when what it serves will be finished.
pub(crate) struct Driver<'a> {
    pub(crate) disk: &'a mut Disk,
    started: Vec<Started>,
    finishes: BinaryHeap<Reverse<(Nanos, u32)>>,
}

impl<'a> Driver<'a> {
    pub(crate) fn new(disk: &'a mut Disk) -> Self {
        Self {
            disk,
            started: Vec::new(),
            finishes: BinaryHeap::new(),
        }
    }

    pub(crate) fn submit(&mut self, now: Nanos, request: DiskRequest) {
        self.disk.submit(now, request, &mut self.started);
        self.note_started();
    }

    /// When something will be finished next: never, if the disk is idle.
    pub(crate) fn next_finish(&self) -> Nanos {
        self.finishes.peek().map_or(Nanos::MAX, |next| next.0.0)
    }

    /// Finishes what is finished next.
    pub(crate) fn complete(&mut self) -> (Nanos, DiskRequest) {
        let Reverse((now, token)) = self.finishes.pop().expect("something in service");
        let done = self.disk.complete(now, token, &mut self.started);
        self.note_started();
        (now, done)
    }

    fn note_started(&mut self) {
        for Started { token, finish } in self.started.drain(..) {
            let taken = self.finishes.iter().any(|other| other.0.1 == token);
            assert!(!taken, "a token names one request");
            self.finishes.push(Reverse((finish, token)));
        }
    }
}

/// Reads `sectors` at `lbn` from an idle disk; returns when it is done.
pub(crate) fn read_alone(disk: &mut Disk, now: Nanos, lbn: u64, sectors: u32) -> Nanos {
    let mut driver = Driver::new(disk);
    let request = DiskRequest {
        lbn,
        sectors,
        tag: 0,
    };
    driver.submit(now, request);
    let (finish, done) = driver.complete();
    assert_eq!(done, request, "the disk was idle");
    finish
}

/// What the clients of a disk saw.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Seen {
    pub(crate) completions: u64,
    pub(crate) elapsed: Nanos,
    pub(crate) response: Nanos,
}

impl Seen {
    pub(crate) fn per_second(&self) -> f64 {
        self.completions as f64 / self.elapsed.as_secs_f64()
    }

    pub(crate) fn mean_response(&self) -> Nanos {
        Nanos(self.response.0 / self.completions)
    }
}

/// `clients` that each think, request, wait for the answer, and so on, until
/// `completions` requests are done. The first thought starts at time zero.
pub(crate) fn closed(
    disk: &mut Disk,
    clients: u64,
    completions: u64,
    mut think: impl FnMut() -> Nanos,
    mut next: impl FnMut() -> (u64, u32),
) -> Seen {
    let mut thinking: BinaryHeap<_> = (0..clients).map(|c| Reverse((think(), c))).collect();
    let mut submitted = vec![Nanos::ZERO; clients as usize];
    let mut driver = Driver::new(disk);
    let mut seen = Seen::default();
    while seen.completions < completions {
        match thinking.peek() {
            Some(&Reverse((now, client))) if now <= driver.next_finish() => {
                thinking.pop();
                submitted[client as usize] = now;
                let (lbn, sectors) = next();
                let tag = client;
                driver.submit(now, DiskRequest { lbn, sectors, tag });
            }
            _ => {
                let (now, done) = driver.complete();
                seen.completions += 1;
                seen.response += now - submitted[done.tag as usize];
                seen.elapsed = now;
                thinking.push(Reverse((now + think(), done.tag)));
            }
        }
    }
    seen
}

/// [`closed`] without thinking, reads of `sectors` uniformly over the disk.
pub(crate) fn closed_random(disk: &mut Disk, clients: u64, completions: u64, sectors: u32) -> Seen {
    let mut draws = Draws::new(1);
    let places = disk.sectors() - u64::from(sectors) + 1;
    let next = || (draws.below(places), sectors);
    closed(disk, clients, completions, || Nanos::ZERO, next)
}

/// Requests of one sector that arrive in a Poisson stream, whatever the disk
/// does, until `arrivals` have come; returns when the last had been served.
pub(crate) fn open(disk: &mut Disk, mean_gap: Nanos, arrivals: u64, draws: &mut Draws) -> Nanos {
    let mut now = Nanos::ZERO;
    let stream = (0..arrivals).map(|_| {
        now += draws.exponential(mean_gap);
        (now, 0, 1)
    });
    replay(disk, stream).elapsed
}

/// Requests of given arrival, first block and sectors.
pub(crate) fn replay(disk: &mut Disk, requests: impl Iterator<Item = (Nanos, u64, u32)>) -> Seen {
    let mut driver = Driver::new(disk);
    let (mut arrived, mut seen) = (Vec::new(), Seen::default());
    let mut complete = |driver: &mut Driver, arrived: &[Nanos]| {
        let (now, done) = driver.complete();
        seen.completions += 1;
        seen.response += now - arrived[done.tag as usize];
        seen.elapsed = now;
    };
    for (tag, (now, lbn, sectors)) in (0..).zip(requests) {
        while driver.next_finish() <= now {
            complete(&mut driver, &arrived);
        }
        arrived.push(now);
        driver.submit(now, DiskRequest { lbn, sectors, tag });
    }
    while driver.next_finish() < Nanos::MAX {
        complete(&mut driver, &arrived);
    }
    seen
}
