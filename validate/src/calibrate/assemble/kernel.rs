//! Misses, wake-ups, idle CPUs.

use sim::engine::Nanos;
use sim::machine::profile::{IDLE_TIMES, IdleSection, KernelSection, Sourced};

use super::super::idle::BURST;
use super::Parts;

pub(super) fn kernel(parts: &Parts) -> KernelSection {
    let (scheduling, disk) = (&parts.scheduling, &parts.disk);
    KernelSection {
        context_switch: scheduling.context_switch.time(
            "ping-pong of a 64-byte message through pipes on one CPU, one way, less write, read and wake-up",
        ),
        wake_same_cpu: scheduling.wake_same_cpu.time(
            "write to a pipe whose SCHED_IDLE reader sleeps on the same CPU, less a write without sleeper",
        ),
        wake_busy_cpu: scheduling.wake_busy_cpu.time("the same, reader on another CPU that is busy"),
        miss_page: disk.miss_page.time(
            "posix_fadvise(WILLNEED) of 16 absent pages against 1, per page, and the first copy of each beyond the next: caller's CPU, on a CPU that does not go idle",
        ),
        reclaim_page: disk.reclaim_page.time(
            "cold preads with memory for an eighth of the files against memory for all, per page",
        ),
        disk_submit: disk.disk_submit.time(
            "posix_fadvise(WILLNEED) of an absent page beyond that of a cached one, less the page: caller's CPU",
        ),
        disk_interrupt: disk.disk_interrupt.time("CPU of the emulated disk's threads per request"),
        disk_path: disk.disk_path.time(
            "latency of a cold pread on the emulated disk less its 5 ms of service and the CPU",
        ),
        net_interrupt: parts.sockets.client_request.map(|send| send / 2.0).time(
            "estimate: half of a 128-byte send on loopback, transmit and receive work taken as equal",
        ),
        pageout_age: parts.once.pageout_age.time(
            "512 files of 16 pages read over and over with memory for all: time times pages by pages read again",
        ),
        metadata_fill: disk.metadata_fill.time(
            "stat of 1024 names with caches dropped, beyond warm stats and as many preads of a page that wait for as fast a disk",
        ),
    }
}

pub(super) fn idle(parts: &Parts) -> IdleSection {
    let [
        restart_30us,
        restart_100us,
        restart_300us,
        restart_1ms,
        restart_3ms,
        restart_10ms,
    ] = std::array::from_fn(|index| restart(parts, index));
    let [
        cold_30us,
        cold_100us,
        cold_300us,
        cold_1ms,
        cold_3ms,
        cold_10ms,
    ] = std::array::from_fn(|index| cold(parts, index));
    let [
        wake_30us,
        wake_100us,
        wake_300us,
        wake_1ms,
        wake_3ms,
        wake_10ms,
    ] = std::array::from_fn(|index| wake(parts, index));
    let [
        delay_30us,
        delay_100us,
        delay_300us,
        delay_1ms,
        delay_3ms,
        delay_10ms,
    ] = std::array::from_fn(|index| delay(parts, index));
    IdleSection {
        restart_30us,
        restart_100us,
        restart_300us,
        restart_1ms,
        restart_3ms,
        restart_10ms,
        cold_30us,
        cold_100us,
        cold_300us,
        cold_1ms,
        cold_3ms,
        cold_10ms,
        wake_30us,
        wake_100us,
        wake_300us,
        wake_1ms,
        wake_3ms,
        wake_10ms,
        delay_30us,
        delay_100us,
        delay_300us,
        delay_1ms,
        delay_3ms,
        delay_10ms,
    }
}

fn restart(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts
        .inplace
        .restart(index)
        .time(&format!(
            "nb-b in place, one client that spins: median CPU of a request {pause} after the last, less that of a server that always has requests, less a cold connection's",
        ))
}

fn cold(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts.inplace.cold(index).time(&format!(
        "the same: median CPU of {BURST} requests at once on as many connections {pause} after the last, less that of one, for each further one, less that of a server that always has requests",
    ))
}

fn wake(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts.scheduling.wake_idle_cpu[index].time(&format!(
        "send by a thread that spins on loopback to one that has slept in epoll_wait for {pause} on another CPU, less a send, also {pause} after the last, to a socket that nobody waits for",
    ))
}

/// What the response took beyond the server's CPU holds, beside the delay, the client's send; what
/// the server does after the response is in its CPU only.
fn delay(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    let before = parts.sockets.client_request.median();
    let after = parts.files.close.median() + parts.files.meter.median();
    parts.inplace.after_pauses[index]
        .beyond_cpu
        .map(|beyond| beyond - before + after)
        .time(&format!(
            "the same: median response time of a request {pause} after the last, less the CPU of both sides until then",
        ))
}
