//! Sleeping.

use std::io;
use std::time::Duration;

use super::files::unit;
use super::{Operations, Started};

impl Operations {
    /// Ends after `time` (`nanosleep(2)`): a timer of the loop.
    pub fn nanosleep(&mut self, time: Duration) -> Started<io::Result<()>> {
        let mut slot = self.slot();
        let args = [slot.time(time), 0, 0, 0, 0, 0];
        // SAFETY: the call reads the time, which the slot owns.
        unsafe { self.start(libc::SYS_nanosleep, args, [None, None], slot, unit) }
    }
}
