//! What is reported of a run.

use crate::engine::Nanos;
use crate::machine::OpCount;
use crate::machine::cpu::Activity;
use crate::machine::network::Attachment;
use crate::run::Measured;
use crate::scenario::units::BitRate;
use crate::server::OpKind;

/// One reported quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// Requests per second.
    Throughput,
    /// Mean response time in milliseconds.
    ResponseMean,
    /// A quantile of the response time in milliseconds, in per cent.
    ResponseQuantile(u8),
    /// The longest response time in milliseconds.
    ResponseMax,
    /// Potentially blocking operations per request.
    CallsPerRequest,
    /// Potentially blocking operations that would not block, of all.
    NotBlocking,
    /// Bytes sent to clients per request.
    Bytes,
    /// Operations that would block, of all potentially blocking ones.
    BlockRate,
    /// Those on disk.
    DiskBlockRate,
    /// Those on sockets.
    SocketBlockRate,
    /// Those of one kind.
    KindBlockRate(OpKind),
    /// Calls of one kind per request.
    KindCalls(OpKind),
    /// Operations in which the loop itself slept, per request.
    LoopStalls,
    /// Share of the time that the loop slept in them.
    StallShare,
    /// Continuations per request.
    Continuations,
    /// Utilization of the server's CPU.
    CpuUtilization,
    /// Its time per request in microseconds.
    CpuPerRequest,
    /// Its time per request on one activity, in microseconds.
    ActivityPerRequest(Activity),
    /// Switches between processes per request.
    Switches,
    /// Utilization of the load generator's CPU, where it is on this machine.
    ClientUtilization,
    /// Utilization of the disk.
    DiskUtilization,
    /// Mean number of requests waiting for the disk or in service.
    DiskQueue,
    /// Disk requests per request.
    DiskRequests,
    /// Mean service time of the disk in milliseconds.
    DiskService,
    /// Page look-ups that found the page.
    HitRatio,
    /// Utilization of the server's link, or of the closed clients' links on average if that is
    /// more; none on loopback.
    LinkUtilization,
    /// Requests answered that there is no such object, of all.
    NotFound,
    /// Requests that the server dropped (EIO), of all.
    Broken,
    /// Requests on which the client lost patience, of all.
    Abandoned,
    /// Requests that never got a connection, of all.
    Refused,
    /// Connections dropped for a full backlog, per request.
    Dropped,
    /// Events of the simulation per request.
    Events,
}

/// Every metric, in the order of the files.
pub const METRICS: [Metric; 60] = {
    use Metric::*;
    [
        Throughput,
        ResponseMean,
        ResponseQuantile(50),
        ResponseQuantile(95),
        ResponseQuantile(99),
        BlockRate,
        DiskBlockRate,
        SocketBlockRate,
        LoopStalls,
        StallShare,
        Continuations,
        CpuUtilization,
        CpuPerRequest,
        Switches,
        ClientUtilization,
        DiskUtilization,
        DiskQueue,
        DiskRequests,
        DiskService,
        HitRatio,
        KindBlockRate(OpKind::Open),
        KindBlockRate(OpKind::Stat),
        KindBlockRate(OpKind::Read),
        KindBlockRate(OpKind::Send),
        KindCalls(OpKind::Accept),
        KindCalls(OpKind::Recv),
        KindCalls(OpKind::Open),
        KindCalls(OpKind::Stat),
        KindCalls(OpKind::Fstat),
        KindCalls(OpKind::Read),
        KindCalls(OpKind::Send),
        KindCalls(OpKind::Close),
        ActivityPerRequest(Activity::Request),
        ActivityPerRequest(Activity::Events),
        ActivityPerRequest(Activity::Miss),
        ActivityPerRequest(Activity::Interface),
        ActivityPerRequest(Activity::Switch),
        ActivityPerRequest(Activity::Interrupt),
        ActivityPerRequest(Activity::Meter),
        KindBlockRate(OpKind::Accept),
        KindBlockRate(OpKind::Recv),
        KindBlockRate(OpKind::SendFile),
        KindBlockRate(OpKind::SendMapped),
        KindBlockRate(OpKind::Fstat),
        KindBlockRate(OpKind::Close),
        KindBlockRate(OpKind::Log),
        KindCalls(OpKind::SendFile),
        KindCalls(OpKind::SendMapped),
        KindCalls(OpKind::Log),
        LinkUtilization,
        NotFound,
        Broken,
        Abandoned,
        Refused,
        Dropped,
        Events,
        ResponseMax,
        CallsPerRequest,
        NotBlocking,
        Bytes,
    ]
};

impl Metric {
    /// The name in files, with its unit.
    pub fn name(self) -> String {
        match self {
            Self::Throughput => "throughput_per_s".into(),
            Self::ResponseMean => "response_mean_ms".into(),
            Self::ResponseQuantile(percent) => format!("response_p{percent}_ms"),
            Self::BlockRate => "block_rate".into(),
            Self::DiskBlockRate => "block_rate_disk".into(),
            Self::SocketBlockRate => "block_rate_socket".into(),
            Self::KindBlockRate(kind) => format!("block_rate_{}", kind.name()),
            Self::KindCalls(kind) => format!("calls_{}_per_request", kind.name()),
            Self::LoopStalls => "loop_stalls_per_request".into(),
            Self::StallShare => "loop_stall_share".into(),
            Self::Continuations => "continuations_per_request".into(),
            Self::CpuUtilization => "cpu_utilization".into(),
            Self::CpuPerRequest => "cpu_us_per_request".into(),
            Self::ActivityPerRequest(activity) => format!("cpu_{}_us_per_request", activity.name()),
            Self::Switches => "switches_per_request".into(),
            Self::ClientUtilization => "client_cpu_utilization".into(),
            Self::DiskUtilization => "disk_utilization".into(),
            Self::DiskQueue => "disk_queue".into(),
            Self::DiskRequests => "disk_requests_per_request".into(),
            Self::DiskService => "disk_service_ms".into(),
            Self::HitRatio => "hit_ratio".into(),
            Self::LinkUtilization => "link_utilization".into(),
            Self::NotFound => "not_found_share".into(),
            Self::Broken => "broken_share".into(),
            Self::Abandoned => "abandoned_share".into(),
            Self::Refused => "refused_share".into(),
            Self::Dropped => "dropped_connections_per_request".into(),
            Self::Events => "events_per_request".into(),
            Self::ResponseMax => "response_max_ms".into(),
            Self::CallsPerRequest => "calls_per_request".into(),
            Self::NotBlocking => "not_blocking_share".into(),
            Self::Bytes => "bytes_per_request".into(),
        }
    }
}

/// The metrics of a run, in the order of [`METRICS`]; `None` where there is nothing to take the
/// mean of.
pub fn metrics_of(run: &Measured) -> Vec<Option<f64>> {
    let mut sorted = run.responses.clone();
    sorted.sort_unstable();
    METRICS
        .iter()
        .map(|&metric| value(metric, run, &sorted))
        .collect()
}

fn value(metric: Metric, run: &Measured, sorted: &[Nanos]) -> Option<f64> {
    let requests = run.responses.len() as f64;
    let elapsed = run.elapsed.as_secs_f64();
    let per_request = |count: u64| ratio(count as f64, requests);
    let all = requests + run.failures.unanswered() as f64;
    let of_all = |count: u64| ratio(count as f64, all);
    let cpu: Nanos = run.server_cpu.iter().copied().sum();
    match metric {
        Metric::Throughput => ratio(requests, elapsed),
        Metric::ResponseMean => {
            let total: u128 = sorted.iter().map(|time| u128::from(time.0)).sum();
            ratio(total as f64 / 1e6, requests)
        }
        Metric::ResponseQuantile(percent) => quantile(sorted, percent).map(Nanos::as_millis_f64),
        Metric::ResponseMax => sorted.last().map(|time| time.as_millis_f64()),
        Metric::BlockRate => block_rate(run, |_| true, |count| count.would_block),
        Metric::NotBlocking => {
            block_rate(run, |_| true, |count| count.would_block).map(|rate| 1.0 - rate)
        }
        Metric::CallsPerRequest => per_request(run.counters.ops.iter().map(|op| op.issued).sum()),
        Metric::Bytes => per_request(run.bytes),
        Metric::DiskBlockRate => block_rate(run, OpKind::on_disk, |count| count.on_disk),
        Metric::SocketBlockRate => block_rate(run, OpKind::on_socket, |count| {
            count.would_block - count.on_disk
        }),
        Metric::KindBlockRate(kind) => {
            block_rate(run, |other| other == kind, |count| count.would_block)
        }
        Metric::KindCalls(kind) => per_request(run.counters.ops[kind as usize].issued),
        Metric::LoopStalls => per_request(run.counters.loop_stalls),
        Metric::StallShare => ratio(run.counters.stalled.as_secs_f64(), elapsed),
        Metric::Continuations => per_request(run.counters.continuations),
        Metric::CpuUtilization => ratio(cpu.as_secs_f64(), elapsed * f64::from(run.cpus)),
        Metric::CpuPerRequest => ratio(cpu.0 as f64 / 1e3, requests),
        Metric::ActivityPerRequest(activity) => {
            ratio(run.server_cpu[activity as usize].0 as f64 / 1e3, requests)
        }
        Metric::Switches => per_request(run.switches),
        Metric::ClientUtilization => ratio(run.client_cpu.as_secs_f64(), elapsed),
        Metric::DiskUtilization => {
            ratio(run.disk.busy.as_secs_f64(), elapsed * f64::from(run.disks))
        }
        Metric::DiskQueue => ratio(
            (run.disk.in_service + run.disk.waiting).as_secs_f64(),
            elapsed,
        ),
        Metric::DiskRequests => per_request(run.disk.requests),
        Metric::DiskService => ratio(
            run.disk.in_service.as_millis_f64(),
            run.disk.requests as f64,
        ),
        // A page that missed is found when it is looked up again: hits count every page used.
        Metric::HitRatio => ratio(
            run.cache.hits.saturating_sub(run.cache.misses) as f64,
            run.cache.hits as f64,
        ),
        Metric::LinkUtilization => link_utilization(run),
        Metric::NotFound => of_all(run.failures.not_found),
        Metric::Broken => of_all(run.failures.broken),
        Metric::Abandoned => of_all(run.failures.abandoned),
        Metric::Refused => of_all(run.failures.refused),
        Metric::Dropped => per_request(run.counters.dropped),
        Metric::Events => per_request(run.counters.events),
    }
}

fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

fn link_utilization(run: &Measured) -> Option<f64> {
    let Attachment::Links { client, server, .. } = run.attachment else {
        return None;
    };
    let elapsed = run.elapsed.as_secs_f64();
    let busy = |link: BitRate, bytes: u64| link.time_of(bytes).as_secs_f64() / elapsed;
    let clients = run.clients.map_or(0.0, |clients| {
        busy(client, run.bytes / u64::from(clients.max(1)))
    });
    (elapsed > 0.0).then(|| busy(server, run.bytes).max(clients))
}

/// Of the operations of some kinds those that `blocked` counts.
fn block_rate(
    run: &Measured,
    of: impl Fn(OpKind) -> bool,
    blocks: impl Fn(OpCount) -> u64,
) -> Option<f64> {
    let (blocked, issued) = OpKind::ALL
        .into_iter()
        .filter(|&kind| of(kind))
        .map(|kind| run.counters.ops[kind as usize])
        .fold((0, 0), |(blocked, issued), count: OpCount| {
            (blocked + blocks(count), issued + count.issued)
        });
    ratio(blocked as f64, issued as f64)
}

/// The `percent` quantile of sorted times: the smallest that at least so many per cent do not
/// exceed.
fn quantile(sorted: &[Nanos], percent: u8) -> Option<Nanos> {
    let rank = (sorted.len() * usize::from(percent)).div_ceil(100);
    sorted.get(rank.saturating_sub(1)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_order_statistics() {
        let sorted: Vec<Nanos> = (1..=200).map(Nanos).collect();
        assert_eq!(quantile(&sorted, 50), Some(Nanos(100)));
        assert_eq!(quantile(&sorted, 99), Some(Nanos(198)));
        assert_eq!(quantile(&sorted[..1], 99), Some(Nanos(1)));
        assert_eq!(quantile(&[], 99), None);
    }

    #[test]
    fn metric_names_differ() {
        let mut names: Vec<String> = METRICS.iter().map(|metric| metric.name()).collect();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), METRICS.len());
    }
}
