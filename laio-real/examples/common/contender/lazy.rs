//! Lazy calls: in flight only if they block.

use std::collections::HashMap;
use std::io;

use laio::{Completion, Error, Handle, Laio, Submission};

use super::{Caller, Ended};
use crate::common::job::Call;

/// Makes calls through an engine.
pub(crate) struct Lazy {
    laio: Laio,
    slots: HashMap<Handle, usize>,
    completions: Vec<Completion>,
}

impl Lazy {
    /// For at most `in_flight` calls at a time; pinned to `cpu`, or to one that no
    /// other loop has.
    pub(crate) fn start(in_flight: usize, cpu: Option<usize>) -> Result<Self, Error> {
        // One carrier runs the loop, and one watches it, while all others sit in calls.
        // No handler that uses thread-local storage runs in this program.
        let mut builder = Laio::builder()
            .max_carriers(in_flight + 2)
            .swap_fs_base(false);
        if let Some(cpu) = cpu {
            builder = builder.cpu(cpu);
        }
        Ok(Self {
            laio: builder.start()?,
            slots: HashMap::new(),
            completions: Vec::new(),
        })
    }
}

impl Caller for Lazy {
    unsafe fn call(&mut self, slot: usize, call: Call) -> Option<io::Result<i64>> {
        // SAFETY: the caller's promise.
        match unsafe { self.laio.syscall(call.number, call.args) } {
            Submission::Done(result) => Some(result),
            Submission::Background(handle) => {
                self.slots.insert(handle, slot);
                None
            }
        }
    }

    fn wait(&mut self, ended: &mut Vec<Ended>) -> io::Result<()> {
        self.laio.poll(&mut self.completions, None)?;
        for Completion { handle, result } in self.completions.drain(..) {
            let slot = self.slots.remove(&handle).expect("a call in flight");
            ended.push(Ended { slot, result });
        }
        Ok(())
    }

    fn blocked(&self) -> Option<u64> {
        Some(self.laio.counters().calls.blocked())
    }
}
