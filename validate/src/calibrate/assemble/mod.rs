//! The profile, put together from what was measured.

mod interfaces;
mod kernel;
mod memory;

use std::fs;

use sim::machine::profile::{CallSection, Profile};

use super::Once;
use super::aio::Aio;
use super::calls::FileCalls;
use super::disk::Misses;
use super::inplace::{InPlace, known_calls};
use super::laio_costs::LaioFigures;
use super::mappings::Mappings;
use super::paths::Paths;
use super::scheduling::Scheduling;
use super::sendfile::Sendfile;
use super::sockets::SocketCalls;
use super::threads::Pool;
use super::timing::Rounds;
use super::uring::Uring;

/// Everything that was measured.
pub(super) struct Parts<'a> {
    pub(super) files: FileCalls,
    pub(super) mappings: Mappings,
    pub(super) sockets: SocketCalls,
    pub(super) sendfile: Sendfile,
    pub(super) scheduling: Scheduling,
    pub(super) disk: Misses,
    pub(super) laio: LaioFigures,
    pub(super) threads: Pool,
    pub(super) aio: Option<Aio>,
    pub(super) uring: Option<Uring>,
    pub(super) paths: Paths,
    pub(super) once: &'a Once,
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
        kernel: kernel::kernel(parts),
        idle: kernel::idle(parts),
        laio: interfaces::laio(&parts.laio),
        helper: interfaces::helpers(parts),
        threads: interfaces::threads(&parts.threads),
        aio: parts.aio.as_ref().map(interfaces::aio),
        uring: interfaces::uring(parts),
        client: interfaces::client(parts),
        memory: memory::memory(parts),
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

/// A connection beyond its close, its two events and the read that finds it closed.
fn accept(parts: &Parts) -> Rounds {
    let sockets = &parts.sockets;
    let known =
        sockets.hang_up.median() + sockets.recv.median() + 2.0 * sockets.epoll_event.median();
    parts
        .inplace
        .connection()
        .map(|connection| connection - known)
}

fn calls(parts: &Parts) -> CallSection {
    let (files, sockets) = (&parts.files, &parts.sockets);
    let mut section = CallSection {
        accept: accept(parts).time(
            "nb-b in place, 16 requests at a time of a client that never sleeps: CPU per request that comes on a new connection beyond one that does not, less hang_up and the connection's events",
        ),
        recv: sockets.recv.time("read of a 128-byte request on loopback, 32 connections in turn"),
        // Until the others are known.
        parse: parts.inplace.busy.time(""),
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
        sendfile: parts.sendfile.call.time(
            "sendfile of a warm file's page over loopback, 32 connections in turn, receiver's protocol work included, less the page",
        ),
        sendfile_page: parts.sendfile.page.time("sendfile of 16 pages against 1, per page"),
        map: parts.mappings.map.time("mmap and munmap of a warm file of 16 pages, untouched"),
        fault: parts.mappings.fault.time(
            "the same with a byte of it read: a fault that maps 16 pages, and their unmapping",
        ),
        log: files.log.time("appending a line of 100 bytes to a file, no sync"),
        meter: files.meter.time("two getrusage(RUSAGE_THREAD) and a clock_gettime"),
    };
    let known = known_calls(&section.plain());
    section.parse = parts.inplace.busy.map(|request| request - known.0 as f64).time(
        "nb-b in place, 16 connections of a client that never sleeps, 4 KiB objects in memory: CPU per request less the calls measured one by one",
    );
    section
}
