//! What each metric means.

use sim::server::OpKind;
use sim::stats::Metric;

const REQUESTS: &str = "requests/s";
const MS: &str = "ms";
const US: &str = "us/request";
const SHARE: &str = "share of 1";
const EACH: &str = "per request";
const NUMBER: &str = "number";

/// Its unit and its meaning.
pub(super) fn described(metric: Metric) -> (&'static str, String) {
    let (unit, meaning) = match metric {
        Metric::ResponseQuantile(percent) => {
            return (
                MS,
                format!("response time that {percent} % of requests do not exceed"),
            );
        }
        Metric::KindBlockRate(kind) => {
            return (SHARE, of_kind("calls of", kind, "that would block"));
        }
        Metric::KindCalls(kind) => return (EACH, of_kind("calls of", kind, "")),
        Metric::ActivityPerRequest(activity) => {
            return (US, format!("CPU time on {}", activity.name()));
        }
        Metric::Throughput => (REQUESTS, "requests answered"),
        Metric::ResponseMean => (MS, "mean response time"),
        Metric::ResponseMax => (MS, "longest response time"),
        Metric::CallsPerRequest => (EACH, "potentially blocking operations"),
        Metric::NotBlocking => (
            SHARE,
            "potentially blocking operations that would not block",
        ),
        Metric::Bytes => ("bytes/request", "sent to clients"),
        Metric::BlockRate => (SHARE, "potentially blocking operations that would block"),
        Metric::DiskBlockRate => (SHARE, "those on files that would block on the disk"),
        Metric::SocketBlockRate => (SHARE, "those on sockets that would block"),
        Metric::LoopStalls => (EACH, "operations in which the loop itself slept"),
        Metric::StallShare => (SHARE, "time that the loop slept in them"),
        Metric::Continuations => (EACH, "operations that the loop had to come back to"),
        Metric::CpuUtilization => (SHARE, "the server's CPUs busy"),
        Metric::CpuPerRequest => (US, "CPU time of the server"),
        Metric::Switches => (EACH, "switches between processes"),
        Metric::ClientUtilization => (
            SHARE,
            "the load generator's CPU busy, where it is on this machine",
        ),
        Metric::DiskUtilization => (SHARE, "time that the disk is busy"),
        Metric::DiskQueue => (
            NUMBER,
            "requests at the disk, waiting or in service, on average",
        ),
        Metric::DiskRequests => (EACH, "disk requests"),
        Metric::DiskService => (MS, "mean service time of the disk"),
        Metric::HitRatio => (SHARE, "page look-ups that found the page"),
        Metric::LinkUtilization => (
            SHARE,
            "the server's link busy, or the closed clients' if more; none on loopback",
        ),
        Metric::NotFound => (SHARE, "requests for what does not exist (404)"),
        Metric::Broken => (SHARE, "requests that the server dropped (EIO)"),
        Metric::Abandoned => (SHARE, "requests on which the client lost patience"),
        Metric::Refused => (SHARE, "requests that never got a connection"),
        Metric::Dropped => (EACH, "connections dropped for a full backlog"),
        Metric::Events => (EACH, "events of the simulation"),
    };
    (unit, meaning.to_owned())
}

fn of_kind(before: &str, kind: OpKind, after: &str) -> String {
    format!("{before} {} {after}", kind.name())
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sim::stats::METRICS;

    #[test]
    fn units_agree_with_the_names() {
        for metric in METRICS {
            let (name, (unit, _)) = (metric.name(), described(metric));
            assert_eq!(name.ends_with("_ms"), unit == MS, "{name}");
            assert_eq!(name.ends_with("_us_per_request"), unit == US, "{name}");
            assert_eq!(name.ends_with("_per_s"), unit == REQUESTS, "{name}");
        }
    }
}
