//! The solid-state drive against queueing theory, and against a controller that
//! decides who gets the channel when the data is ready.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use sim::engine::Nanos;

use crate::load::{Draws, assert_near, disk, replay};

const ARRIVALS: u64 = 100_000;
const READ: Nanos = Nanos::from_micros(50);

/// One channel; pages of 4,096 bytes.
fn drive(dies: u32, channel_mb_per_s: f64) -> String {
    format!(
        "kind = \"ssd\"\nsectors = 1_048_576\nchannels = 1\ndies_per_channel = {dies}\n\
         page_bytes = 4096\nread_us = 50\nchannel_mb_per_s = {channel_mb_per_s}\n\
         overhead_us = 0\nqueue_depth = 1_000_000"
    )
}

/// Poisson arrivals at random pages: instant and page.
fn random_pages(mean_gap: Nanos) -> impl Iterator<Item = (Nanos, u64)> {
    let mut draws = Draws::new(31);
    let mut now = Nanos::ZERO;
    (0..ARRIVALS).map(move |_| {
        now += draws.exponential(mean_gap);
        (now, draws.below(131_072))
    })
}

fn mean_response(text: &str, mean_gap: Nanos) -> f64 {
    let reads = random_pages(mean_gap).map(|(now, page)| (now, page * 8, 8));
    let seen = replay(&mut disk(text), reads);
    assert_eq!(seen.completions, ARRIVALS);
    seen.mean_response().0 as f64
}

/// Without a channel to share, a die is an M/D/1 queue: Pollaczek and Khinchine.
#[test]
fn dies_alone_are_m_d_1_queues() {
    for load in [0.5, 0.8] {
        let dies = 4;
        let gap = Nanos((READ.0 as f64 / load / f64::from(dies)) as u64);
        let response = mean_response(&drive(dies, 1e12), gap);
        let wait = load / (2.0 * (1.0 - load));
        assert_near("response", response, READ.0 as f64 * (1.0 + wait), 0.01);
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    OffDie(usize),
    Sensed(usize),
    Arrival(usize),
}

/// Mean response of a drive with one channel that goes, first come first served,
/// to the die that is ready first.
fn decided_when_ready(dies: usize, transfer: Nanos, mean_gap: Nanos) -> f64 {
    let mut events = BinaryHeap::new();
    let mut arrived = vec![VecDeque::new(); dies];
    let mut ready = VecDeque::new();
    let mut response = 0;
    let arrivals = random_pages(mean_gap);
    events.extend(arrivals.map(|(at, page)| Reverse((at, Event::Arrival(page as usize % dies)))));
    while let Some(Reverse((now, event))) = events.pop() {
        match event {
            Event::Arrival(die) => {
                arrived[die].push_back(now);
                if arrived[die].len() == 1 {
                    events.push(Reverse((now + READ, Event::Sensed(die))));
                }
            }
            Event::Sensed(die) => {
                ready.push_back(die);
                if ready.len() == 1 {
                    events.push(Reverse((now + transfer, Event::OffDie(die))));
                }
            }
            Event::OffDie(die) => {
                let since = arrived[die].pop_front().expect("it was read");
                response += (now - since).0;
                if !arrived[die].is_empty() {
                    events.push(Reverse((now + READ, Event::Sensed(die))));
                }
                ready.pop_front();
                if let Some(&next) = ready.front() {
                    events.push(Reverse((now + transfer, Event::OffDie(next))));
                }
            }
        }
    }
    response as f64 / ARRIVALS as f64
}

/// Planning a transfer when its request starts comes close to deciding when it
/// is ready, short of saturation. Both see the same arrivals, so that what they
/// differ in is not sampling. Dies and transfer in microseconds: dies, both, or
/// the channel the bottleneck.
#[test]
fn planned_transfers_are_nearly_those_decided_when_ready() {
    for (dies, us) in [(4, 5), (4, 20), (8, 10)] {
        let transfer = Nanos::from_micros(us);
        let of_dies = f64::from(dies) / (READ + transfer).0 as f64;
        let most = of_dies.min(1.0 / transfer.0 as f64);
        for (load, tolerance) in [
            (0.1, 0.01),
            (0.3, 0.01),
            (0.5, 0.02),
            (0.7, 0.02),
            (0.8, 0.04),
        ] {
            let gap = Nanos((1.0 / most / load) as u64);
            let planned = mean_response(&drive(dies, 4096.0 / us as f64), gap);
            let decided = decided_when_ready(dies as usize, transfer, gap);
            let what = format!("{dies} dies, {us} us, load {load}");
            assert_near(&what, planned, decided, tolerance);
        }
    }
}
