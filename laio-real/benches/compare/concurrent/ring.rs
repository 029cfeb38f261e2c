//! io_uring. Submissions go to the kernel together: that is what the ring is for.

use io_uring::IoUring;

use super::Concurrent;
use crate::operations::Call;

pub(super) struct Ring(IoUring);

pub(super) fn open(calls: usize, builder: &mut io_uring::Builder) -> Option<Box<dyn Concurrent>> {
    Some(Box::new(build(calls, builder)?))
}

pub(super) fn build(calls: usize, builder: &mut io_uring::Builder) -> Option<Ring> {
    let entries = calls.next_power_of_two() as u32;
    Some(Ring(builder.build(entries).ok()?))
}

impl Concurrent for Ring {
    fn submit(&mut self, slot: usize, call: &Call) -> Option<i64> {
        let operation = call.in_ring().expect("a call that the ring makes");
        let operation = operation.user_data(slot as u64);
        // SAFETY: what the call uses outlives it.
        unsafe { self.0.submission().push(&operation) }.expect("as many entries as calls");
        None
    }

    fn flush(&mut self) {
        self.0.submit().expect("the ring takes submissions");
    }

    fn wait(&mut self, ended: &mut Vec<(usize, i64)>) {
        self.0.submit_and_wait(1).expect("the ring waits");
        let completions = self.0.completion();
        ended.extend(completions.map(|it| (it.user_data() as usize, it.result().into())));
    }
}
