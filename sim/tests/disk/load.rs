//! Loads for a disk: what to ask of it, and the loop that asks.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use rand_xoshiro::Xoshiro256PlusPlus;
use rand_xoshiro::rand_core::{Rng, SeedableRng};
use sim::engine::Nanos;
use sim::machine::disk::{Disk, DiskRequest};

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

/// What the clients of a disk saw.
#[derive(Clone, Copy, Debug, Default)]
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
    let mut finish = Nanos::MAX;
    let mut seen = Seen::default();
    while seen.completions < completions {
        match thinking.peek() {
            Some(&Reverse((now, client))) if now <= finish => {
                thinking.pop();
                submitted[client as usize] = now;
                let (lbn, sectors) = next();
                let tag = client;
                if let Some(end) = disk.submit(now, DiskRequest { lbn, sectors, tag }) {
                    finish = end;
                }
            }
            _ => {
                let now = finish;
                let (done, following) = disk.complete(now);
                finish = following.unwrap_or(Nanos::MAX);
                seen.completions += 1;
                seen.response += now - submitted[done.tag as usize];
                seen.elapsed = now;
                thinking.push(Reverse((now + think(), done.tag)));
            }
        }
    }
    seen
}

/// Requests of one sector that arrive in a Poisson stream, whatever the disk
/// does, until `arrivals` have come; returns when the last had been served.
pub(crate) fn open(disk: &mut Disk, mean_gap: Nanos, arrivals: u64, draws: &mut Draws) -> Nanos {
    let mut arrival = Nanos::ZERO;
    let mut finish = None;
    for tag in 0..arrivals {
        arrival += draws.exponential(mean_gap);
        while let Some(now) = finish.filter(|&end| end <= arrival) {
            finish = disk.complete(now).1;
        }
        let request = DiskRequest {
            lbn: 0,
            sectors: 1,
            tag,
        };
        finish = disk.submit(arrival, request).or(finish);
    }
    let mut last = arrival;
    while let Some(now) = finish {
        last = now;
        finish = disk.complete(now).1;
    }
    last
}
