//! At the limit of carriers: operations that wait in epoll instead of on a carrier.
//!
//! A server's idle connections may each hold a carrier. So that they cannot use up the limit, the
//! last carrier that is free to watch is kept in reserve: then, an operation on a socket, a pipe
//! or an eventfd is tried without waiting. If it would wait it is parked: a duplicate of its
//! descriptor goes into the engine's epoll instance, and [`poll`](crate::Laio::poll) tries again
//! when that says so. To the caller it is a call in the background like any other.
//!
//! Where the system refuses more kernel threads, or memory for them, that is the limit for the time
//! being.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

use super::Upcall;
use super::attempt::{Attempt, Outcome};
use super::finished::{self, Node};
use super::switch::Return;
use crate::epoll::{self, Epoll};
use crate::{Completion, Handle, Submission};

/// How many ready operations one `poll` tries at most: ours.
const READY_AT_ONCE: usize = 32;

/// A parked operation.
struct Parked {
    /// The call as it was issued, but with the duplicate.
    number: i64,
    args: [usize; 6],
    attempt: Attempt,
    /// What epoll holds and the tries use: a duplicate, so that one descriptor may have several operations, and so
    /// that closing it does not end them, as it does not end a call.
    duplicate: OwnedFd,
}

/// The parked operations.
#[derive(Default)]
pub(crate) struct Lot {
    /// By the number of their call.
    operations: BTreeMap<u64, Parked>,
    /// The duplicates that carriers use, because a try has blocked after all; by the number of the
    /// call. The kernel restarts an interrupted call by its descriptor's number, which must be
    /// nobody else's until the call has ended. What is never removed is never closed.
    on_carriers: BTreeMap<u64, ManuallyDrop<OwnedFd>>,
    /// The one whose descriptor has ended a sleep, which is not told again.
    pub(super) woke: Option<u64>,
}

impl Lot {
    pub(crate) fn len(&self) -> usize {
        self.operations.len()
    }

    /// Closes what the carriers used for the calls that have ended.
    pub(super) fn close_ended(&mut self, ended: &[Completion]) {
        if self.on_carriers.is_empty() {
            return;
        }
        for completion in ended {
            let duplicate = self.on_carriers.remove(&completion.handle.0);
            drop(duplicate.map(ManuallyDrop::into_inner));
        }
    }

    /// Gives up an operation; its result, or `None` if it is not there.
    pub(super) fn cancel(&mut self, call: u64, epoll: &Epoll) -> Option<i64> {
        let parked = self.operations.remove(&call)?;
        epoll.remove(parked.duplicate.as_fd());
        Some(parked.attempt.end_with(-i64::from(libc::EINTR)))
    }
}

impl Upcall {
    /// Whether a call that blocked now would take the last carrier that is free to watch.
    pub(super) fn carriers_are_scarce(&self) -> bool {
        self.in_flight - self.parked.len() >= self.scarce_from
    }

    /// Makes a call without a carrier, if it is one that can be parked.
    ///
    /// # Safety
    /// As for the call itself.
    #[cold]
    pub(super) unsafe fn call_or_park(
        &mut self,
        number: i64,
        args: [usize; 6],
    ) -> Option<Submission> {
        let mut attempt = Attempt::new(number, args)?;
        // SAFETY: the caller's promise.
        let value = match unsafe { attempt.make() } {
            Outcome::Ended(value) => value,
            Outcome::WouldWait => match self.park(number, args, attempt) {
                Ok(handle) => return Some(Submission::Background(handle)),
                // Nothing done yet: a carrier may do it all. Else this is a partial write.
                Err(attempt) => match attempt.end_with(0) {
                    0 => return None,
                    written_bytes => written_bytes,
                },
            },
            // Ready, the plain call will not block.
            Outcome::Unsupported if is_ready(&attempt) => return None,
            Outcome::Unsupported => {
                let handle = self.park(number, args, attempt).ok()?;
                return Some(Submission::Background(handle));
            }
        };
        self.engine().tally.of(number as usize).issued.increment();
        Some(Submission::Done(finished::result(value)))
    }

    /// Registers an operation; gives it back if that cannot be done.
    fn park(
        &mut self,
        number: i64,
        mut args: [usize; 6],
        mut attempt: Attempt,
    ) -> Result<Handle, Attempt> {
        // SAFETY: takes no memory.
        let duplicate = unsafe { libc::fcntl(attempt.fd(), libc::F_DUPFD_CLOEXEC, 0) };
        if duplicate < 0 {
            return Err(attempt);
        }
        // SAFETY: the descriptor is new and nobody else's.
        let duplicate = unsafe { OwnedFd::from_raw_fd(duplicate) };
        let call = self.call + 1;
        // Edge-triggered: a socket with something in its error queue is ready for ever, and a
        // receive on it waits all the same.
        let events = attempt.events() | libc::EPOLLET as u32;
        if self.epoll.add(duplicate.as_fd(), events, call).is_err() {
            return Err(attempt);
        }
        attempt.use_fd(duplicate.as_raw_fd());
        args[0] = duplicate.as_raw_fd() as usize;
        self.call = call;
        self.parked.operations.insert(
            call,
            Parked {
                number,
                args,
                attempt,
                duplicate,
            },
        );
        self.in_flight += 1;
        let counters = self.engine().tally.of(number as usize);
        counters.issued.increment();
        counters.stolen.increment();
        counters.parked.increment();
        Ok(Handle(call))
    }

    /// Tries the parked operations whose descriptors are ready; the results of those that end go
    /// where those of the carriers go.
    pub(super) fn retry_parked(&mut self) {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; READY_AT_ONCE];
        // A failure would be told by the loop's own wait in the same instance.
        let ready = epoll::wait(self.epoll.as_fd(), &mut events, Some(Duration::ZERO));
        if let Some(call) = self.parked.woke.take() {
            self.retry(call);
        }
        for event in &events[..ready.unwrap_or(0)] {
            self.retry(event.u64);
        }
    }

    fn retry(&mut self, call: u64) {
        let Some(mut parked) = self.parked.operations.remove(&call) else {
            // The eventfd.
            return;
        };
        // SAFETY: the operation's memory stays valid until it has ended.
        let value = match unsafe { parked.attempt.make() } {
            Outcome::Ended(value) => Some(value),
            Outcome::WouldWait => {
                self.parked.operations.insert(call, parked);
                return;
            }
            Outcome::Unsupported => {
                // SAFETY: as above. Watched by the reserve, should it block after all.
                let returned = unsafe { self.issue(call, parked.number, &parked.args) };
                match returned {
                    Return::Inline(value) | Return::MaybeLate(value) => Some(value),
                    Return::Stolen => {
                        self.change_carrier();
                        None
                    }
                }
            }
        };
        self.epoll.remove(parked.duplicate.as_fd());
        match value {
            Some(value) => self.finish(call, value),
            None => {
                let duplicate = ManuallyDrop::new(parked.duplicate);
                self.parked.on_carriers.insert(call, duplicate);
            }
        }
    }

    /// Posts the result of a call that no carrier has.
    pub(super) fn finish(&self, call: u64, value: i64) {
        // SAFETY: a new node, given away.
        let napped = unsafe { self.engine().post(Node::leaked(), call, value) };
        debug_assert!(!napped, "the loop is awake: it is the caller");
    }
}

/// Whether an operation's descriptor is ready.
fn is_ready(attempt: &Attempt) -> bool {
    let mut poll = libc::pollfd {
        fd: attempt.fd(),
        // The two sets of names have the same values.
        events: attempt.events() as i16,
        revents: 0,
    };
    // SAFETY: one valid pollfd.
    unsafe { libc::poll(&raw mut poll, 1, 0) != 0 }
}
