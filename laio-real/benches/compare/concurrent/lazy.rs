//! An engine of this crate with its default options.

use std::collections::HashMap;

use laio::{Completion, EngineKind, Handle, Laio, Submission};

use super::Concurrent;
use crate::contenders::value;
use crate::operations::Call;

struct Lazy {
    laio: Laio,
    slots: HashMap<Handle, usize>,
    completions: Vec<Completion>,
}

pub(super) fn open(kind: EngineKind) -> Option<Box<dyn Concurrent>> {
    let laio = Laio::builder().engine(kind).start().ok()?;
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
