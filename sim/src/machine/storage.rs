//! The way of a miss: from the absent page to the disk and back.

use super::PAGE_BYTES;
use super::cache::PageState;
use super::cpu::{Activity, Path, Waiter};
use super::disk::{DiskRequest, DiskStats, SECTOR_BYTES};
use super::events::Event;
use super::state::Machine;
use super::timeline::{Span, Track};
use crate::engine::Nanos;

/// Pages that the proactive page-out looks at in a step. Ours: a tenth of a megabyte.
pub(super) const PAGEOUT_PAGES: u32 = 32;

/// How often the kernel gathers statistics of memory groups: Linux's `FLUSH_TIME`
/// (mm/memcontrol.c).
pub(super) const STATISTICS_INTERVAL: Nanos = Nanos::from_millis(2000);

const SECTORS_PER_PAGE: u64 = PAGE_BYTES / SECTOR_BYTES;

/// A disk request in flight: consecutive pages on consecutive blocks of one disk.
#[derive(Clone, Debug, Default)]
pub(super) struct InFlight {
    first_page: u32,
    pages: u32,
    waiters: Vec<Waiter>,
}

impl Machine {
    /// Reads the absent pages among `start..end`, all of one file: one disk request for each run
    /// of consecutive blocks.
    pub(crate) fn read_pages(&mut self, start: u32, end: u32) {
        let mut page = start;
        let mut is_first = true;
        while page < end {
            if self.cache.peek(page) != PageState::Absent {
                page += 1;
                continue;
            }
            let io = self.free_in_flight.pop().unwrap_or_else(|| {
                self.in_flight.push(InFlight::default());
                self.in_flight.len() as u32 - 1
            });
            let first = page;
            while page == first || self.continues(page, end) {
                let reclaimed = self.cache.begin_fill(page, io);
                let kernel = self.costs.kernel;
                self.charge(
                    Activity::Miss,
                    kernel.miss_page + kernel.reclaim_page * reclaimed,
                );
                page += 1;
            }
            self.charge(Activity::Miss, self.costs.kernel.disk_submit);
            let request = &mut self.in_flight[io as usize];
            (request.first_page, request.pages) = (first, page - first);
            self.at(self.local(), Event::DiskSubmit(io));
            if std::mem::take(&mut is_first) {
                self.take_path(Path::Miss, Activity::Miss);
                self.wake_disk_worker();
            }
        }
    }

    /// Where the disk is threads, the first of several requests has to wake them.
    fn wake_disk_worker(&mut self) {
        if self.costs.kernel.disk_worker == Nanos::ZERO {
            return;
        }
        let wake = match self.disk_cpu == self.stepping_cpu() {
            true => self.costs.kernel.wake_same_cpu,
            false => self.cost_of_waking(self.disk_cpu),
        };
        self.charge(Activity::Switch, wake);
    }

    /// Whether `page` goes into the same request as the page before it.
    fn continues(&self, page: u32, end: u32) -> bool {
        page < end
            && self.files.block(page) == self.files.block(page - 1) + 1
            && self.volume.continues(self.files.block(page))
            && self.cache.peek(page) == PageState::Absent
    }

    /// Has `waiter` told when the disk request `io` is through.
    pub(super) fn await_disk(&mut self, io: u32, waiter: Waiter) {
        self.in_flight[io as usize].waiters.push(waiter);
    }

    pub(crate) fn on_disk_submit(&mut self, io: u32) {
        let request = &self.in_flight[io as usize];
        let (disk, block) = self.volume.locate(self.files.block(request.first_page));
        let request = DiskRequest {
            lbn: u64::from(block) * SECTORS_PER_PAGE,
            sectors: request.pages * SECTORS_PER_PAGE as u32,
            tag: io.into(),
        };
        let mut started = std::mem::take(&mut self.started);
        self.disks[disk as usize].submit(self.now, request, &mut started);
        self.begin_service(disk, started);
    }

    pub(crate) fn on_disk_done(&mut self, disk: u32, token: u32) {
        let mut started = std::mem::take(&mut self.started);
        let request = self.disks[disk as usize].complete(self.now, token, &mut started);
        self.begin_service(disk, started);
        let ready = self.now + self.costs.kernel.disk_path;
        self.at(ready, Event::DiskReady(request.tag as u32));
    }

    fn begin_service(&mut self, disk: u32, mut started: Vec<super::disk::Started>) {
        for start in started.drain(..) {
            let from = self.now;
            if let Some(timeline) = &mut self.timeline {
                timeline.record(Span {
                    track: Track::Disk(disk),
                    what: "read",
                    from,
                    to: start.finish,
                    detail: start.token,
                });
            }
            self.at(start.finish, Event::DiskDone(disk, start.token));
        }
        self.started = started;
    }

    pub(crate) fn on_disk_ready(&mut self, io: u32) {
        let kernel = &self.costs.kernel;
        let cost = kernel.disk_interrupt + kernel.disk_worker;
        self.interrupt(self.disk_cpu, cost, Activity::Interrupt);
        let request = &mut self.in_flight[io as usize];
        let (first, pages) = (request.first_page, request.pages);
        let mut waiters = std::mem::take(&mut request.waiters);
        for page in first..first + pages {
            self.cache.end_fill(page);
            if self.is_unreadable(page) {
                self.cache.page_out(page);
            }
        }
        for waiter in waiters.drain(..) {
            self.notify(waiter);
        }
        self.in_flight[io as usize].waiters = waiters;
        self.free_in_flight.push(io);
    }

    /// Whether the disk cannot read `page`.
    pub(super) fn is_unreadable(&self, page: u32) -> bool {
        !self.unreadable.is_empty() && self.unreadable.binary_search(&page).is_ok()
    }

    /// The proactive page-out begins its work, or goes on with it.
    pub(crate) fn schedule_page_out(&mut self) {
        if let Some(interval) = self.pageout_interval {
            self.at(self.now + interval, Event::PageOut);
        }
    }

    /// The kernel gathers its statistics next.
    pub(crate) fn schedule_statistics(&mut self) {
        if let Some(since) = self.statistics_since {
            let into = (self.now + since).0 % STATISTICS_INTERVAL.0;
            let next = self.now + STATISTICS_INTERVAL - Nanos(into);
            self.at(next, Event::Statistics);
        }
    }

    /// It takes the next pages: in the age of a page it comes round once, as its regions do.
    pub(crate) fn page_out(&mut self) {
        let pages = self.files.owners().len() as u32;
        for _ in 0..PAGEOUT_PAGES.min(pages) {
            self.cache.page_out(self.pageout_hand);
            self.pageout_hand = (self.pageout_hand + 1) % pages;
        }
    }

    /// The disks' statistics together, up to the present.
    pub fn disk_stats(&mut self) -> DiskStats {
        let now = self.now;
        let each = self.disks.iter_mut().map(|disk| {
            disk.settle(now);
            disk.stats().clone()
        });
        each.reduce(|all, disk| all.and(&disk))
            .expect("a machine has a disk")
    }
}
