//! Lazy asynchronous I/O: any system call, asynchronous only if it blocks.
//!
//! An event loop must not block, yet most of its potentially blocking calls don't: the page is
//! cached, the name is known. Helpers, thread pools and io_uring pay for asynchrony in every call.
//! LAIO (Elmeleegy, Chanda, Cox, Zwaenepoel: *Lazy Asynchronous I/O for Event-Driven Servers*,
//! USENIX ATC 2004) makes the plain call. If it ends without blocking, it has cost little more
//! than ever, and there is nothing to complete. If it blocks, control comes back to the loop at
//! once, and the call, the whole of it, ends in the background.
//!
//! ```
//! use std::time::Duration;
//! use laio::{Laio, Submission};
//!
//! let mut laio = Laio::new()?;
//! let nap = libc::timespec { tv_sec: 0, tv_nsec: 10_000_000 };
//! let args = [&raw const nap as usize, 0, 0, 0, 0, 0];
//! // SAFETY: `nap` outlives the call.
//! match unsafe { laio.syscall(libc::SYS_nanosleep, args) } {
//!     Submission::Done(result) => println!("ended at once: {result:?}"),
//!     Submission::Background(handle) => {
//!         let mut completions = Vec::new();
//!         laio.poll(&mut completions, Some(Duration::from_secs(1)))?;
//!         assert_eq!(completions[0].handle, handle);
//!     }
//! }
//! println!("{:?}", laio.counters());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A loop with sockets waits for them with [`Laio::wait`] in its own epoll instance, in which it
//! has registered [`Laio::completion_fd`], and then calls [`Laio::poll`] with a zero timeout.
//!
//! # How it works
//! The original needed scheduler activations in the kernel. This does it in user space, without
//! privilege, on an unchanged kernel.
//!
//! The loop is a *logical thread*: a stack and thread-local storage. It runs on one of several
//! *carriers*, bare kernel threads pinned to one CPU. A call is made on the carrier's own small
//! stack, while a word says that the loop is in a call. One standby carrier, the watcher, spends
//! its time in `sched_yield`: the scheduler runs it when the loop has left the CPU. If it finds the
//! loop still in a call, it *steals* the logical thread: it takes over its stack and its
//! thread-local storage, and returns from the call in its name with [`Submission::Background`].
//! The carrier that sits in the call posts the result when the call ends, and stands by.
//! Carriers are made as they are needed.
//!
//! A preempted call looks like a blocked one to the watcher, and may be stolen as well. Such a
//! *false steal* is harmless: the call completes in the background. [`Counters`] tell them apart
//! exactly, by the kernel's own count of voluntary context switches, and count the *late* calls
//! too, which blocked and yet ended before the watcher came to run.
//!
//! # What it costs
//! `cargo bench -p laio` measures calls that do not block, `cargo run --release -p laio --example
//! blocked_op` those that do. On a small virtual machine (2 CPUs, AMD EPYC, Linux 6.18, shared
//! with others) a call that does not block cost some 40 ns more than the plain one, 17 ns without
//! the swap of the FS base ([`Builder::swap_fs_base`]); after a block, control was back in 2-8 us,
//! and a blocked operation took 6-16 us of CPU and 1.4-3 context switches.
//!
//! # What changes for the loop's thread
//! - It is pinned to one CPU, as `SCHED_BATCH`. Threads and children that it makes inherit both,
//!   and the blocked signals; let them be made before, or undo that in them. `SCHED_BATCH` also
//!   means that a background call which ends does not preempt the loop: its result is there when
//!   the loop next blocks or waits, or else within half a millisecond if it keeps calling `poll`.
//! - Asynchronous signals are blocked on it and on all carriers. A thread that is started beside
//!   them, with the mask that the loop had, runs the handlers. Calls are not interrupted (`EINTR`)
//!   by handled signals any more.
//! - `gettid` changes at every steal, and what the kernel keeps per thread does not follow the
//!   loop: signal mask, alternate signal stack, affinity, nice value, credentials, namespaces,
//!   seccomp filters, protection keys, the GS base, parent-death signal, ptrace. Set these before
//!   the engine starts; carriers inherit them. Signals sent to the loop's thread itself (`raise`,
//!   `pthread_kill`) are not delivered, apart from the synchronous ones and `SIGABRT`.
//! - Priority-inheriting and robust mutexes record the kernel thread, so the loop must not use
//!   them. Ordinary and error-checking ones are fine, as are memory, output, thread-local storage,
//!   `errno`, and starting and joining threads.
//! - The C library's restartable sequences are off on it. Code that relies on them must not run
//!   in the loop; `sched_getcpu` works.
//! - A debugger shows the loop's stack on the carrier that has it. It cannot unwind a carrier that
//!   sits in a call.
//! - A child made by `fork` has no carriers: there, the engine must not be used.
//!
//! # When not to use it
//! - On kernels or processors that refuse it: see [`Error`].
//! - If the loop sleeps outside [`Laio::wait`] and [`Laio::poll`] all the time: nothing goes wrong,
//!   but each such sleep wakes the watcher for some 10 us before it parks.
//! - If others change the affinity of the process's threads while it runs: the loop and its
//!   carriers must stay on one common CPU. Calls might then block the loop unnoticed.
//! - If one core cannot do the work: background calls end on the loop's CPU.
//! - For calls that the loop itself must end (a read from a pipe that it writes to) at the limit of
//!   carriers: beyond [`Builder::max_carriers`] calls block.
//!
//! # What has not been tried
//! Bare metal, kernels other than 6.18, musl, more than one engine, seccomp filters, CET (refused).
//! The watcher relies on `sched_yield` giving way to a runnable loop, as Linux 6.18 does.

#[cfg(not(target_os = "linux"))]
compile_error!("laio needs Linux");

mod builder;
mod completion;
mod counters;
mod error;
#[cfg_attr(not(target_arch = "x86_64"), path = "unsupported.rs")]
mod upcall;

pub use builder::Builder;
pub use completion::{Completion, Handle, Submission};
pub use counters::{CallCounters, Counters};
pub use error::Error;
pub use upcall::Laio;
