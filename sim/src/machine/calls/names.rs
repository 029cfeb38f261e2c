//! Opening and looking up: names, directories, inodes.

use super::{Call, Progress, Wait};
use crate::machine::cache::{EntryId, PageState};
use crate::machine::cpu::Activity;
use crate::machine::state::{Machine, OpenFile};
use crate::server::script::{Errno, Outcome};

impl Machine {
    pub(super) fn advance_open(&mut self, call: &mut Call, object: u32, missing: bool) -> Progress {
        let found = match missing {
            true => self.resolve_missing(call, object),
            false => self.resolve(call, object),
        };
        match found {
            Err(wait) => Progress::Waits(wait),
            Ok(()) if missing => Progress::Ran(Outcome::Failed(Errno::NotFound)),
            Ok(()) => {
                *self.file(call.caller) = OpenFile {
                    object,
                    ..OpenFile::default()
                };
                Progress::Ran(Outcome::Done)
            }
        }
    }

    pub(super) fn advance_stat(&mut self, call: &mut Call, object: u32) -> Progress {
        match self.resolve(call, object) {
            Ok(()) => Progress::Ran(Outcome::Done),
            Err(wait) => Progress::Waits(wait),
        }
    }

    /// Looks a name up: its directory, then the name in the directory's block, then its inode.
    fn resolve(&mut self, call: &mut Call, object: u32) -> Result<(), Wait> {
        let directory = self.files.directory_of(object);
        self.resolve_inode(call, directory, None)?;
        let entries = self.files.directory_page(object);
        self.resolve_inode(call, object, Some(entries))
    }

    /// Looks a name up that does not exist: its directory, then the directory's block. That the
    /// kernel remembers such names for a while is left out.
    fn resolve_missing(&mut self, call: &mut Call, object: u32) -> Result<(), Wait> {
        let directory = self.files.directory_of(object);
        self.resolve_inode(call, directory, None)?;
        self.need_block(call, self.files.directory_page(object))
    }

    fn resolve_inode(
        &mut self,
        call: &mut Call,
        name: u32,
        entries: Option<u32>,
    ) -> Result<(), Wait> {
        let inode: EntryId = self.cache.inode(name);
        if self.cache.look_up_inode(inode) {
            return Ok(());
        }
        if let Some(block) = entries {
            self.need_block(call, block)?;
        }
        self.need_block(call, self.files.inode_page(name))?;
        let reclaimed = self.cache.insert_inode(inode);
        let kernel = self.costs.kernel;
        self.charge(
            Activity::Miss,
            kernel.metadata_fill + kernel.reclaim_page * reclaimed,
        );
        Ok(())
    }

    /// A metadata block must be cached: reads it alone if it is not.
    fn need_block(&mut self, call: &mut Call, page: u32) -> Result<(), Wait> {
        match self.cache.look_up(page) {
            PageState::Present => return Ok(()),
            PageState::InFlight(_) => {}
            PageState::Absent if call.held.has(page) => return Ok(()),
            PageState::Absent => self.read_pages(page, page + 1),
        }
        call.held.add(page);
        Err(self.in_flight_page(page))
    }

    pub(super) fn in_flight_page(&self, page: u32) -> Wait {
        match self.cache.peek(page) {
            PageState::InFlight(io) => Wait::Disk(io),
            state => unreachable!("a page just requested is {state:?}"),
        }
    }

    /// Whether a name and its directory are cached: what openat2 with RESOLVE_CACHED tells.
    pub fn is_name_resident(&self, object: u32) -> bool {
        let directory = self.cache.inode(self.files.directory_of(object));
        self.cache.has_inode(directory) && self.cache.has_inode(self.cache.inode(object))
    }
}
