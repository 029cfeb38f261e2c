//! What the emulated disk did: the ground truth of a run's disk I/O.

use sim::engine::Nanos;

/// One request to the emulated disk. Instants are those of
/// [`clock::now`](crate::emulate::clock::now).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskIo {
    /// Where it starts on the disk (bytes).
    pub offset_bytes: u64,
    /// How long it is (bytes).
    pub length_bytes: u32,
    /// Requests that were waiting or in service when it arrived.
    pub ahead: u32,
    /// When the emulator had read it from the kernel.
    pub arrival: Nanos,
    /// When the model started it, in virtual time: on arrival, or at the finish
    /// of the request whose place it took.
    pub start: Nanos,
    /// When the model finished it, in virtual time.
    pub finish: Nanos,
    /// When its data had been handed to the kernel, which wakes whoever waits.
    pub reply: Nanos,
    /// Served in the fast mode, without the model.
    pub fast: bool,
}

impl DiskIo {
    pub(super) fn arriving(
        arrival: Nanos,
        offset_bytes: u64,
        length_bytes: u32,
        ahead: u32,
    ) -> Self {
        Self {
            offset_bytes,
            length_bytes,
            ahead,
            arrival,
            start: arrival,
            finish: arrival,
            reply: arrival,
            fast: false,
        }
    }
}

/// A log in figures, over an interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DiskUse {
    /// Requests that finished in the interval.
    pub requests: u64,
    /// What they read (bytes).
    pub bytes: u64,
    /// Share of the interval in which the disk was serving, one or several.
    pub utilization: f64,
    /// Mean number of requests waiting, those in service not counted.
    pub mean_waiting: f64,
    /// Mean service time, by the model (s).
    pub mean_service_seconds: f64,
    /// Mean of what the rig added: from the model's finish to the reply (s).
    pub mean_lateness_seconds: f64,
}

impl DiskUse {
    /// Sums up `log` over `from..to`. A request that was still in the disk at
    /// `to` is not in a log taken before it finished: take the log later. Fast
    /// requests are left out. Means over no requests are zero.
    pub fn over(log: &[DiskIo], from: Nanos, to: Nanos) -> Self {
        let modelled = || log.iter().filter(|io| !io.fast);
        let overlap = |start: Nanos, end: Nanos| end.min(to).saturating_sub(start.max(from));
        let interval = to.saturating_sub(from).as_secs_f64().max(f64::MIN_POSITIVE);
        let busy = busy_spans(log)
            .map(|(start, end)| overlap(start, end))
            .sum::<Nanos>();
        let waiting: Nanos = modelled().map(|io| overlap(io.arrival, io.start)).sum();
        let finished: Vec<_> = modelled()
            .filter(|io| (from..to).contains(&io.finish))
            .collect();
        let mean = |span: fn(&DiskIo) -> Nanos| {
            let total: Nanos = finished.iter().map(|io| span(io)).sum();
            total.as_secs_f64() / finished.len().max(1) as f64
        };
        Self {
            requests: finished.len() as u64,
            bytes: finished.iter().map(|io| u64::from(io.length_bytes)).sum(),
            utilization: busy.as_secs_f64() / interval,
            mean_waiting: waiting.as_secs_f64() / interval,
            mean_service_seconds: mean(|io| io.finish - io.start),
            mean_lateness_seconds: mean(|io| io.reply.saturating_sub(io.finish)),
        }
    }
}

/// When the disk was serving by the model: spans that do not overlap.
fn busy_spans(log: &[DiskIo]) -> impl Iterator<Item = (Nanos, Nanos)> {
    let modelled = log.iter().filter(|io| !io.fast);
    let mut spans: Vec<_> = modelled.map(|io| (io.start, io.finish)).collect();
    spans.sort_unstable();
    let mut covered = Nanos::ZERO;
    spans.into_iter().map(move |(start, end)| {
        let from = start.max(covered);
        covered = covered.max(end);
        (from, covered)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn io(arrival: u64, start: u64, finish: u64) -> DiskIo {
        let ms = Nanos::from_millis;
        DiskIo {
            start: ms(start),
            finish: ms(finish),
            reply: ms(finish + 1),
            ..DiskIo::arriving(ms(arrival), 0, 4096, 0)
        }
    }

    #[test]
    fn only_what_lies_in_the_interval_counts() {
        // Served 0-10, 10-20, 20-30; the second waits 5, the third 15.
        let log = [io(0, 0, 10), io(5, 10, 20), io(5, 20, 30)];
        let used = DiskUse::over(&log, Nanos::from_millis(8), Nanos::from_millis(48));
        assert_eq!((used.requests, used.bytes), (3, 3 * 4096));
        assert!((used.utilization - 22.0 / 40.0).abs() < 1e-12);
        assert!((used.mean_waiting - (2.0 + 12.0) / 40.0).abs() < 1e-12);
        assert!((used.mean_service_seconds - 0.010).abs() < 1e-12);
        assert!((used.mean_lateness_seconds - 0.001).abs() < 1e-12);
    }

    #[test]
    fn a_disk_that_serves_several_at_once_is_busy_once() {
        let log = [io(0, 0, 10), io(0, 2, 6), io(0, 8, 12), io(0, 20, 25)];
        let used = DiskUse::over(&log, Nanos::ZERO, Nanos::from_millis(40));
        assert!((used.utilization - 17.0 / 40.0).abs() < 1e-12);
    }

    #[test]
    fn fast_requests_and_empty_logs_count_nothing() {
        let fast = DiskIo {
            fast: true,
            ..io(0, 0, 10)
        };
        let used = DiskUse::over(&[fast], Nanos::ZERO, Nanos::from_millis(10));
        assert_eq!((used.requests, used.utilization), (0, 0.0));
        assert_eq!(used.mean_service_seconds, 0.0);
    }
}
