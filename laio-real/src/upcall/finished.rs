//! Results on their way from the carriers to the loop, and how the loop learns of them.
//!
//! Whoever posts a result on the empty list signals the loop's eventfd, once. The loop empties the
//! eventfd and then takes the whole list. So:
//!
//! - No wake-up is lost, wherever the loop sleeps on the eventfd. A signal that the loop has read
//!   was sent after its result was posted, so the taking that follows finds that, or an earlier one
//!   has. What is posted after the taking finds the list empty and signals again.
//! - Each taking that finds anything is owed exactly one signal, which may be yet to come. Instead of
//!   signalling, who posts a result may end the loop's nap (see `nap`), of which the loop is told:
//!   perhaps a later nap, when the result has been taken already. The loop counts what it is
//!   owed, and so reads the eventfd only when there is something to read, and none is left in it
//!   for good.
//!
//! `finished/loom_models.rs` checks both.

use std::{io, ptr};

use super::sync::{AtomicPtr, Ordering};
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
    pub(crate) fn new() -> Self {
        Self(AtomicPtr::new(ptr::null_mut()))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst).is_null()
    }

    /// Carrier: posts a result. True if the list was empty: then it must signal the eventfd.
    ///
    /// # Safety
    /// `node` is valid, owned by the caller, and not touched by it afterwards.
    #[must_use]
    pub(crate) unsafe fn push(&self, node: *mut Node, call: u64, value: i64) -> bool {
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
                Ok(before) => return before.is_null(),
                Err(now) => head = now,
            }
        }
    }

    /// Loop: moves what has finished to `completions`, oldest first. `unread_signals` is the
    /// loop's count of the signals that it is owed; `nap_ended` says that since the last time a nap was
    /// ended in place of one of them; `read_signals` empties the eventfd and returns how many there were.
    pub(crate) fn take(
        &self,
        completions: &mut Vec<Completion>,
        unread_signals: &mut u64,
        nap_ended: bool,
        read_signals: impl FnOnce() -> u64,
    ) {
        if *unread_signals == 0 && self.is_empty() {
            return;
        }
        // In this order: see above.
        let read = if *unread_signals == 0 && nap_ended {
            0
        } else {
            read_signals()
        };
        let had_any = self.take_all(completions);
        *unread_signals = *unread_signals + u64::from(had_any) - read - u64::from(nap_ended);
    }

    /// Loop: as `take`, without a thought for the signals. Whether there was anything.
    pub(crate) fn take_all(&self, completions: &mut Vec<Completion>) -> bool {
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
        completions.len() > first
    }
}

#[cfg(all(test, loom))]
mod loom_models;
