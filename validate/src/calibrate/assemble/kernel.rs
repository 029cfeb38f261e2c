//! Misses, wake-ups, idle CPUs.

use sim::engine::Nanos;
use sim::machine::profile::{CurveSection, IDLE_TIMES, IdleSection, KernelSection, Sourced};

use super::super::idle::BURST;
use super::super::paths::{Beyond, Paths};
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
        disk_interrupt: Sourced {
            value: Nanos::ZERO,
            low: None,
            high: None,
            source: "our estimate: none, the emulated disk is threads (disk_worker)".to_owned(),
        },
        disk_worker: disk.disk_worker.time("CPU of the emulated disk's threads per request"),
        disk_path: disk.disk_path.time(
            "latency of a cold pread on the emulated disk less its 5 ms of service and the CPU",
        ),
        net_interrupt: parts.sockets.client_request.map(|send| send / 2.0).time(
            "estimate: half of a 128-byte send on loopback, transmit and receive work taken as equal",
        ),
        pageout_age: parts.once.pageout_rate.time_between(
            "512 files of 16 pages read over and over with memory for all: time times pages by pages read again",
        ),
        metadata_fill: disk.metadata_fill.time(
            "stat of 1024 names with caches dropped, beyond warm stats and as many preads of a page that wait for as fast a disk",
        ),
    }
}

pub(super) fn idle(parts: &Parts) -> IdleSection {
    let curve = |at: &dyn Fn(usize) -> Sourced<Nanos>| CurveSection::of(std::array::from_fn(at));
    let path = |beyond: &Beyond, way: &str| {
        curve(&|index| {
            let pause = IDLE_TIMES[index];
            beyond[index].mean_time(&format!(
                "CPU of {way} after its thread has slept for {pause}, beyond the sleep's and beyond that at a stretch",
            ))
        })
    };
    let Paths {
        handoff,
        laio,
        aio,
        uring,
    } = &parts.paths;
    IdleSection {
        restart: curve(&|index| restart(parts, index)),
        cold: curve(&|index| cold(parts, index)),
        wake: curve(&|index| wake(parts, index)),
        delay: curve(&|index| delay(parts, index)),
        connect: curve(&|index| connect(parts, index)),
        miss: curve(&|index| miss(parts, index)),
        handoff: path(
            handoff,
            "a message through pipes to a thread of the same CPU and back",
        ),
        laio: path(
            laio,
            "a read of an empty pipe through laio, the write that ends it, the poll",
        ),
        aio: aio
            .as_ref()
            .map(|aio| path(aio, "an aio_read of a cached page")),
        uring: uring
            .as_ref()
            .map(|uring| path(uring, "a read of a cached page with IOSQE_ASYNC")),
    }
}

/// Beyond a connection of a server that always has requests.
fn connect(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts.inplace.connects[index]
        .with(&parts.inplace.connection(), |after_pause, connection| {
            after_pause - connection
        })
        .mean_time(&format!(
            "the same: mean CPU of two requests {pause} after the last, the first on a new connection that is closed then, less that on two old ones, less a connection of a server that always has requests",
        ))
}

fn restart(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts
        .inplace
        .restart(index)
        .mean_time(&format!(
            "nb-b in place, one client that spins: mean CPU of a request {pause} after the last, less that of a server that always has requests, less a cold connection's",
        ))
}

fn cold(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts.inplace.cold(index).mean_time(&format!(
        "the same: mean CPU of {BURST} requests at once on as many connections {pause} after the last, less that of one, for each further one, less that of a server that always has requests",
    ))
}

/// Beyond waking the disk's thread, which is charged apart.
fn miss(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    let wake = parts.scheduling.wake_idle_cpu[index].mean();
    parts.disk.after_pauses[index]
        .map(|miss| miss - wake)
        .mean_time(&format!(
            "CPU of posix_fadvise(WILLNEED) of an absent page after its thread has slept for {pause}, beyond that of a cached one after as long and beyond that at a stretch, less the wake-up of the disk's thread",
        ))
}

fn wake(parts: &Parts, index: usize) -> Sourced<Nanos> {
    let pause = IDLE_TIMES[index];
    parts.scheduling.wake_idle_cpu[index].mean_time(&format!(
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
        .mean_time(&format!(
            "the same: median response time of a request {pause} after the last, less the CPU of both sides until then",
        ))
}
