//! Results on their way from the carriers to the loop.

use std::sync::atomic::{AtomicPtr, Ordering};
use std::{io, ptr};

use crate::{Completion, Handle};

/// The kernel's return value as a result: -4095 to -1 are error numbers.
#[inline]
pub(crate) fn result(value: i64) -> io::Result<i64> {
    if (-4095..0).contains(&value) {
        return Err(io::Error::from_raw_os_error(-value as i32));
    }
    Ok(value)
}

/// Where a carrier leaves a result. Attached to the carrier before it can need one, because a
/// carrier cannot allocate.
pub(crate) struct Node {
    next: *mut Node,
    call: u64,
    value: i64,
}

impl Node {
    /// A new node, to be freed by `Box::from_raw`.
    pub(crate) fn leaked() -> *mut Self {
        Box::into_raw(Box::new(Self {
            next: ptr::null_mut(),
            call: 0,
            value: 0,
        }))
    }
}

/// Finished calls, newest first: carriers push, the loop takes all.
pub(crate) struct Finished(AtomicPtr<Node>);

impl Finished {
    pub(crate) const fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst).is_null()
    }

    /// Carrier: posts a result.
    ///
    /// # Safety
    /// `node` is valid, owned by the caller, and not touched by it afterwards.
    pub(crate) unsafe fn push(&self, node: *mut Node, call: u64, value: i64) {
        let mut head = self.0.load(Ordering::Relaxed);
        loop {
            // SAFETY: the caller owns the node until the exchange below publishes it.
            unsafe {
                (*node).call = call;
                (*node).value = value;
                (*node).next = head;
            }
            match self
                .0
                .compare_exchange_weak(head, node, Ordering::SeqCst, Ordering::Relaxed)
            {
                Ok(_) => return,
                Err(now) => head = now,
            }
        }
    }

    /// Loop: moves what has finished to `completions`, oldest first.
    pub(crate) fn take(&self, completions: &mut Vec<Completion>) {
        let first = completions.len();
        let mut head = self.0.swap(ptr::null_mut(), Ordering::SeqCst);
        while !head.is_null() {
            // SAFETY: every node in the list came from `Node::leaked`, and the swap made the
            // whole list ours.
            let node = unsafe { Box::from_raw(head) };
            let (call, value) = (node.call, node.value);
            completions.push(Completion {
                handle: Handle(call),
                result: result(value),
            });
            head = node.next;
        }
        completions[first..].reverse();
    }
}
