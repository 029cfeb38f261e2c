//! Operations in the background.

use std::collections::HashMap;
use std::io;
use std::mem::ManuallyDrop;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::descriptor::Shared;
use super::memory::{Memory, Slot};
use super::output::Output;
use crate::Handle;

/// Turns the result of a call into that of the operation, and owns its buffer.
type ReadResult = dyn FnOnce(io::Result<i64>, &Memory) -> Output;

/// What an operation in the background must not lose.
pub(super) struct Pending {
    slot: Slot,
    read_result: Box<ReadResult>,
    held: [Option<Arc<dyn AsFd>>; 2],
}

impl Pending {
    pub(super) fn new<T: Into<Output>>(
        slot: ManuallyDrop<Slot>,
        read_result: ManuallyDrop<impl FnOnce(io::Result<i64>, &Memory) -> T + 'static>,
        held: [Option<&dyn Shared>; 2],
    ) -> ManuallyDrop<Self> {
        let read_result = Box::new(move |result: io::Result<i64>, memory: &Memory| {
            ManuallyDrop::into_inner(read_result)(result, memory).into()
        });
        let held = held.map(|shared| shared.map(Shared::share));
        ManuallyDrop::new(Self {
            slot: ManuallyDrop::into_inner(slot),
            read_result,
            held,
        })
    }

    /// Its output, once it has ended, and its memory to be used again.
    pub(super) fn end(self, result: io::Result<i64>) -> (Output, Slot) {
        let output = (self.read_result)(result, self.slot.memory());
        drop(self.held);
        (output, self.slot)
    }
}

/// The operations in the background. What is never removed is never dropped, because the kernel
/// may still use it.
#[derive(Default)]
pub(super) struct InFlight(HashMap<Handle, ManuallyDrop<Pending>>);

impl InFlight {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn insert(&mut self, handle: Handle, pending: ManuallyDrop<Pending>) {
        self.0.insert(handle, pending);
    }

    /// The operation, which has ended.
    pub(super) fn remove(&mut self, handle: Handle) -> Option<Pending> {
        self.0.remove(&handle).map(ManuallyDrop::into_inner)
    }
}
