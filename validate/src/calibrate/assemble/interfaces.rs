//! What each I/O interface adds, and the load generator.

use sim::machine::profile::{
    AioSection, ClientSection, HelperSection, LaioSection, ThreadsSection, UringSection,
};

use super::Parts;
use crate::calibrate::aio::Aio;
use crate::calibrate::inplace::{PAGES, PER_CONNECTION};
use crate::calibrate::laio_costs::LaioFigures;
use crate::calibrate::threads::Pool;
use crate::calibrate::timing::Rounds;

pub(super) fn laio(figures: &LaioFigures) -> LaioSection {
    LaioSection {
        inline: figures.inline.time("getppid through laio less getppid"),
        steal: figures.steal.time("read of an empty pipe through laio, until control is back"),
        completion: figures.completion.time(
            "CPU of such a read in all, less steal, the write that ends it, two switches and the poll",
        ),
        poll: figures.poll.time("laio_poll that need not wait"),
        watch: figures.watch.time(
            "CPU of a sleep of 100 us in laio_wait and a getppid through laio, beyond the same with the engine of threads, which watches nobody, less a wake-up on the same CPU",
        ),
    }
}

pub(super) fn helpers(parts: &Parts) -> HelperSection {
    let (files, scheduling) = (&parts.files, &parts.scheduling);
    HelperSection {
        residency: files.residency.time("cachestat of 16 pages, 256 warm files in turn"),
        mapped_residency: parts.mappings.mapped_residency.time(
            "mincore of 16 pages, 256 mapped files in turn",
        ),
        name_residency: files.name_residency.time(
            "openat2 with RESOLVE_CACHED and O_PATH of a name that is not there, after the same walk",
        ),
        message_write: scheduling.message_write.time("64-byte write to a pipe, nobody asleep"),
        message_read: scheduling.message_read.time("64-byte read from a pipe"),
    }
}

pub(super) fn threads(pool: &Pool) -> ThreadsSection {
    ThreadsSection {
        enqueue: pool.enqueue.time("a job of 32 bytes into a queue under a mutex, nobody asleep at its condition variable"),
        dequeue: pool.dequeue.time("a job out of it"),
        reply: pool.reply.time("the same into a queue of results, and a write to an eventfd in an epoll set, nobody asleep"),
        collect: pool.collect.time("a read of the eventfd, and a result out of the queue"),
    }
}

pub(super) fn aio(aio: &Aio) -> AioSection {
    AioSection {
        submit: aio.submit.time(
            "aio_read of a cached page on one CPU: caller's CPU, less a wake-up on the same CPU",
        ),
        work: aio.work.time(
            "CPU of such a read in all, less aio_read, the completion, a pread, an epoll_wait with its event, a wake-up and two switches",
        ),
        complete: aio.complete.time("read of the signalfd, aio_error, aio_return"),
    }
}

/// What the misses' measurement of io_uring leaves out is the copy of the page, which only the
/// read of a cached page makes at once.
pub(super) fn uring(parts: &Parts) -> Option<UringSection> {
    let uring = parts.uring.as_ref()?;
    let copy = parts.files.read_page.median();
    Some(UringSection {
        submit: uring.submit.time(
            "read of a cached page through a ring, one at a time, less a pread and the completion",
        ),
        complete: uring.complete.time("taking a completion out of a ring, per completion"),
        arm: parts.disk.uring_arm.as_ref()?.map(|arm| arm + copy).time(
            "read of an absent page through a ring beyond that of a cached one, until control is back: caller's CPU, less that of posix_fadvise(WILLNEED), plus the page's copy",
        ),
        punt: uring.punt.time(
            "CPU of a read of a cached page with IOSQE_ASYNC on one CPU beyond one without, less two wake-ups and two switches",
        ),
    })
}

pub(super) fn client(parts: &Parts) -> ClientSection {
    let sockets = &parts.sockets;
    ClientSection {
        request: sockets.client_request.time("write of a 128-byte request on loopback"),
        response: response(parts).time(
            "load generator in place, 16 clients: CPU per request less request, pages and connection, the restarts after its sleeps and the wake-ups of the server",
        ),
        response_page: sockets.client_response_page.time(
            "read of 256 bytes and 8 pages against 256 bytes, per page",
        ),
        connect: sockets.client_connect.time("connect and close on loopback"),
    }
}

/// The load generator is faster than the server, so it sleeps now and then, for a part of a
/// request: the shortest of the idle times.
fn response(parts: &Parts) -> Rounds {
    let (sockets, generator) = (&parts.sockets, &parts.inplace.generator);
    let connection = sockets.client_connect.median() / f64::from(PER_CONNECTION);
    let pages = sockets.client_response_page.median() * (PAGES + 1) as f64;
    let known = sockets.client_request.median() + pages + connection;
    let restart = parts.inplace.restart(0).mean().max(0.0);
    let wake = parts.scheduling.wake_idle_cpu[0].mean();
    generator
        .cpu
        .with(&generator.sleeps, |all, sleeps| all - sleeps * restart)
        .with(&generator.server_sleeps, |rest, sleeps| {
            rest - sleeps * wake
        })
        .map(|rest| rest - known)
}
