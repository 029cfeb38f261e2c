//! The profile, put together from what was measured.

use std::fs;

use sim::machine::profile::{
    CallSection, ClientSection, HelperSection, KernelSection, LaioSection, MemorySection, Profile,
};

use super::calls::FileCalls;
use super::disk::Misses;
use super::inplace::{InPlace, PAGES, PER_CONNECTION};
use super::laio_costs::LaioFigures;
use super::memory::Memory;
use super::scheduling::Scheduling;
use super::sockets::SocketCalls;
use super::timing::Rounds;

/// Everything that was measured.
pub(super) struct Parts {
    pub(super) files: FileCalls,
    pub(super) sockets: SocketCalls,
    pub(super) scheduling: Scheduling,
    pub(super) disk: Misses,
    pub(super) laio: LaioFigures,
    pub(super) memory: Memory,
    pub(super) inplace: InPlace,
}

/// Puts the figures in their places.
pub(super) fn profile(parts: &Parts) -> Profile {
    Profile {
        machine: machine(),
        provenance: format!(
            "laiosim {} calibrate, on the machine itself; intervals are 95 %",
            env!("CARGO_PKG_VERSION")
        ),
        call: calls(parts),
        kernel: kernel(parts),
        laio: laio(&parts.laio),
        helper: helpers(parts),
        client: client(parts),
        memory: memory(parts),
    }
}

fn machine() -> String {
    let model = fs::read_to_string("/proc/cpuinfo")
        .ok()
        .and_then(|text| {
            let line = text.lines().find(|line| line.starts_with("model name"))?;
            Some(line.split_once(": ")?.1.to_owned())
        })
        .unwrap_or_else(|| "unknown processor".to_owned());
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let cpus = fs::read_to_string("/proc/cpuinfo").map_or(0, |text| {
        text.lines()
            .filter(|line| line.starts_with("processor"))
            .count()
    });
    format!("{cpus} CPUs, {model}, Linux {}", kernel.trim())
}

fn calls(parts: &Parts) -> CallSection {
    let (files, sockets) = (&parts.files, &parts.sockets);
    CallSection {
        accept: sockets.accept.time("accept4, TCP_NODELAY and EPOLL_CTL_ADD on loopback, 32 in turn"),
        recv: sockets.recv.time("read of a 128-byte request on loopback, 32 connections in turn"),
        parse: parse(parts).time(
            "nb-b in place, 16 clients, 4 KiB objects in memory: CPU per request less the calls measured one by one",
        ),
        open: files.open.time("open by path, 2048 warm files in turn"),
        fstat: files.fstat.time("fstat, 256 files in turn"),
        stat: files.stat.time("stat by path, 2048 warm files in turn"),
        read: files.read.time("pread of 1 page less the page, 256 warm files in turn"),
        read_page: files.read_page.time("pread of 16 pages against 1, per page"),
        send: sockets.send.time("write of 256 bytes on loopback, receiver's protocol work included, less the page"),
        send_page: sockets.send_page.time("write of 256 bytes and 8 pages against 256 bytes, per page"),
        close: files.close.time("close of a file"),
        hang_up: sockets.hang_up.time("close of a connection that the client has closed"),
        epoll_wait: sockets.epoll_wait.time("epoll_wait that returns 1 event, less the event"),
        epoll_event: sockets.epoll_event.time("epoll_wait that returns 32 events against 1, per event"),
        would_block: sockets.would_block.time("read of an empty non-blocking socket"),
        meter: files.meter.time("two getrusage(RUSAGE_THREAD) and a clock_gettime"),
    }
}

/// What the calls of one request and its share of a connection cost, measured one by one.
fn known_calls(parts: &Parts) -> f64 {
    let (files, sockets) = (&parts.files, &parts.sockets);
    let file = files.open.median()
        + files.fstat.median()
        + files.read.median()
        + files.read_page.median() * PAGES as f64
        + files.close.median()
        + files.meter.median() * 4.0;
    // A response of a page and a header is two pages of the formula.
    let socket = sockets.recv.median()
        + sockets.send.median()
        + sockets.send_page.median() * (PAGES + 1) as f64
        + sockets.epoll_wait.median()
        + sockets.epoll_event.median();
    file + socket + connection_share(parts)
}

fn connection_share(parts: &Parts) -> f64 {
    let sockets = &parts.sockets;
    (sockets.accept.median() + sockets.hang_up.median() + sockets.recv.median())
        / f64::from(PER_CONNECTION)
}

fn parse(parts: &Parts) -> Rounds {
    let known = known_calls(parts);
    parts.inplace.busy.server.map(|request| request - known)
}

fn kernel(parts: &Parts) -> KernelSection {
    let (scheduling, disk) = (&parts.scheduling, &parts.disk);
    let busy = parts.inplace.busy.server.median();
    let wake = scheduling.wake_idle_cpu.median();
    let paced = &parts.inplace.paced;
    let restart = paced.server.map(|request| request - busy - wake);
    let cold = restart.median().max(0.0);
    let work = paced.server.median() + parts.sockets.client_request.median();
    let wake_idle_delay = paced.response.map(|response| (response - work) / 2.0);
    KernelSection {
        context_switch: scheduling.context_switch.time(
            "ping-pong of a 64-byte message through pipes on one CPU, one way, less write, read and wake-up",
        ),
        wake_same_cpu: scheduling.wake_same_cpu.time(
            "write to a pipe whose SCHED_IDLE reader sleeps on the same CPU, less a write without sleeper",
        ),
        wake_busy_cpu: scheduling.wake_busy_cpu.time("the same, reader on another CPU that is busy"),
        wake_idle_cpu: scheduling.wake_idle_cpu.time("the same, reader on another CPU that is idle"),
        wake_idle_delay: wake_idle_delay.time(
            "nb-b in place: half of the response time after a 2 ms pause less the CPU of both sides: the request wakes the server, the response the client",
        ),
        idle_restart: restart.time(
            "nb-b in place: CPU per request after a 2 ms pause less that with 16 clients and less the wake-up of the idle client",
        ),
        miss_page: disk.miss_page.time("cold pread of 16 pages against 1, beyond warm, per page"),
        reclaim_page: disk.reclaim_page.time(
            "cold preads with memory for an eighth of the files against memory for all, per page",
        ),
        disk_submit: disk.disk_submit.map(|submit| submit - cold).time(
            "cold pread of 1 page beyond warm, less the page and the restart of the idle CPU: caller's CPU",
        ),
        disk_interrupt: disk.disk_interrupt.time("CPU of the emulated disk's threads per request"),
        disk_path: disk.disk_path.time(
            "latency of a cold pread on the emulated disk less its 5 ms of service and the CPU",
        ),
        net_interrupt: parts.sockets.client_request.map(|send| send / 2.0).time(
            "estimate: half of a 128-byte send on loopback, transmit and receive work taken as equal",
        ),
        pageout_age: disk.pageout_age.time(
            "512 files of 16 pages read over and over with memory for all: time times pages by pages read again",
        ),
        metadata_fill: disk.metadata_fill.time(
            "stat of 1024 names with caches dropped, beyond warm stats and the disk requests",
        ),
    }
}

fn laio(figures: &LaioFigures) -> LaioSection {
    LaioSection {
        inline: figures.inline.time("getppid through laio less getppid"),
        steal: figures.steal.time("read of an empty pipe through laio, until control is back"),
        completion: figures.completion.time(
            "CPU of such a read in all, less steal, the write that ends it, two switches and the poll",
        ),
        poll: figures.poll.time("laio_poll that need not wait"),
    }
}

fn helpers(parts: &Parts) -> HelperSection {
    let (files, scheduling) = (&parts.files, &parts.scheduling);
    HelperSection {
        residency: files.residency.time("cachestat of 16 pages, 256 warm files in turn"),
        name_residency: files.name_residency.time(
            "openat2 with RESOLVE_CACHED and O_PATH of a name that is not there, after the same walk",
        ),
        message_write: scheduling.message_write.time("64-byte write to a pipe, nobody asleep"),
        message_read: scheduling.message_read.time("64-byte read from a pipe"),
    }
}

fn client(parts: &Parts) -> ClientSection {
    let sockets = &parts.sockets;
    let connection = sockets.client_connect.median() / f64::from(PER_CONNECTION);
    let request = sockets.client_request.median();
    let pages = sockets.client_response_page.median() * (PAGES + 1) as f64;
    ClientSection {
        request: sockets.client_request.time("write of a 128-byte request on loopback"),
        response: parts.inplace.busy
            .client
            .map(|all| all - request - pages - connection)
            .time("load generator in place, 16 clients: CPU per request less request, pages and connection"),
        response_page: sockets.client_response_page.time(
            "read of 256 bytes and 8 pages against 256 bytes, per page",
        ),
        connect: sockets.client_connect.time("connect and close on loopback"),
    }
}

fn memory(parts: &Parts) -> MemorySection {
    let memory = &parts.memory;
    MemorySection {
        process: memory
            .process
            .size("nb-b just started: anonymous and kernel memory and mapped program pages charged to its memory group, and the group's charge batches of 64 pages per CPU"),
        helper: memory
            .helper
            .size("nb-amped with 32 helpers less nb-b, per helper"),
        carrier: memory
            .carrier
            .size("32 blocked reads through laio, per carrier"),
        connection: memory
            .connection
            .size("nb-b with 32 idle connections less without, per connection"),
        inode: parts
            .disk
            .inode_bytes
            .size("kernel memory of 1024 names looked up and their files read, half of 1 page, half of 16, per name"),
    }
}
