//! An engine of this crate.

use std::collections::HashMap;
use std::time::Duration;

use laio::{Builder, Completion, Handle, Laio, Submission};

use super::Concurrent;
use crate::contenders::value;
use crate::operations::Call;

struct Lazy {
    laio: Laio,
    slots: HashMap<Handle, usize>,
    completions: Vec<Completion>,
}

pub(super) fn open(builder: Builder) -> Option<Box<dyn Concurrent>> {
    let laio = builder.start().ok()?;
    Some(Box::new(Lazy {
        laio,
        slots: HashMap::new(),
        completions: Vec::new(),
    }))
}

impl Concurrent for Lazy {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        // SAFETY: what the call uses outlives it.
        match unsafe { self.laio.syscall(call.number, call.args) } {
            Submission::Done(result) => Some(value(result)),
            Submission::Background(handle) => {
                self.slots.insert(handle, slot);
                None
            }
        }
    }

    /// In the engine, which then keeps nothing running beside the sleep.
    fn sleep(&mut self, time: Duration) {
        let ended = self.laio.poll(&mut self.completions, Some(time));
        assert_eq!(ended.expect("polling works"), 0, "a call ended");
    }

    fn wait(&mut self, ended: &mut Vec<(usize, i64)>) {
        self.laio
            .poll(&mut self.completions, None)
            .expect("polling works");
        ended.extend(self.completions.drain(..).map(|completion| {
            let slot = self.slots.remove(&completion.handle);
            (slot.expect("a handle of ours"), value(completion.result))
        }));
    }
}
