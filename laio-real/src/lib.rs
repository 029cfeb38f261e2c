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
//! Such a call reads and writes memory while the loop goes on, so it is unsafe. [`ops::Operations`]
//! makes the usual ones safe: it owns their buffers until they come back with the results.
//!
//! ```
//! use std::{fs::File, sync::Arc};
//! use laio::Laio;
//! use laio::ops::{Operations, Started};
//!
//! let mut operations = Operations::new(Laio::new()?);
//! let file = Arc::new(File::open("/etc/passwd")?);
//! let read = match operations.pread(&file, Vec::new(), 4096, 0) {
//!     Started::Done(read) => read,
//!     Started::Background(handle) => {
//!         let mut ended = Vec::new();
//!         operations.poll(&mut ended, None)?;
//!         assert_eq!(ended[0].handle, handle);
//!         ended.remove(0).output.try_into().expect("the output of a read")
//!     }
//! };
//! assert_eq!(read.result?, read.buffer.len());
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
//! *carriers*, bare kernel threads, with the yield detectors pinned to one CPU. A call is made on the carrier's own small
//! stack, while a word says that the loop is in a call. One standby carrier, the watcher, spends
//! its time in `sched_yield`: the scheduler runs it when the loop has left the CPU (there are other
//! [detectors](Detector), whose watchers learn of that in other ways). If it finds the
//! loop still in a call, it *steals* the logical thread: it takes over its stack and its
//! thread-local storage, and returns from the call in its name with [`Submission::Background`].
//! The carrier that sits in the call posts the result when the call ends, and stands by.
//! Carriers are made as they are needed.
//!
//! A preempted call looks like a blocked one to the watcher. If the loop has run for long enough to be
//! preempted, a millisecond or so, the watcher asks the kernel (`/proc/self/task/ID/stat`, some 7 us)
//! and leaves a loop in its call that could go on. Otherwise, and where there is no `/proc`, a preempted
//! call may be stolen as well. (A filter of system calls that is installed later must let carriers
//! open, read and close those files; for a moment there is a descriptor more.) Such a
//! *false steal* is harmless: the call completes in the background. [`Counters`] tell them apart
//! exactly, by the kernel's own count of voluntary context switches, and count the *late* calls
//! too, which blocked and yet ended before the watcher came to run.
//!
//! # What it costs
//! `cargo bench -p laio` measures calls that do not block, those that do, and many in flight, each
//! beside its rivals; the crate's README has the tables. `cargo run --release -p laio --example
//! blocked_op` compares the detectors. On a small virtual machine (2 CPUs, AMD EPYC, Linux 6.18,
//! shared with others) a call that does not block cost 26-33 ns more than the bare instruction
//! (`statx` and `openat` 45-50), and 1-17 ns more without the swap of the FS base
//! ([`Builder::swap_fs_base`]): 1.00 to 1.02 times it. Where the work between calls leaves little of
//! the engine in the cache, it was some 20 ns more. With the yield detector, control was back
//! 2.0 us after a read of an empty pipe had blocked, and that read took 7.5 us of CPU; after a read
//! from the disk 19 us, where io_uring needs 15 us to start the same.
//!
//! # The engines
//! All that is said here of carriers, watching and stealing is the upcall engine
//! ([`EngineKind::Upcall`]). There are two others behind the same interface.
//!
//! **Pool** ([`EngineKind::Pool`]): threads make the calls, on any processor. It is taken where the
//! upcall engine cannot run. Every call is handed over, whether it would block or not, apart from
//! those that act on the calling thread and a few that cannot block (`getpid` and the like, and
//! calls that ask not to wait: `MSG_DONTWAIT`, `RWF_NOWAIT`). The loop's thread is left as it is.
//! The pool's threads take no signals but one of their own, by which [`Laio::cancel`] interrupts
//! them; `SIGPIPE` is not raised for their calls, which fail with `EPIPE` all the same.
//!
//! **io_uring** ([`EngineKind::Uring`]): the ring makes the calls for which it has an operation that
//! does exactly the same; most reads, writes, receives, sends and opens are tried as plain calls
//! that do not wait first; a pool makes the rest (`fstat`, `getdents64`, `ioctl`, and `read` and
//! `write` of files that move a file position and do not end at once). Every call that did not end
//! at once counts as blocked, also those that the kernel always hands to its workers (`statx`,
//! `fsync`, `unlinkat`, ...): what the ring does with a call cannot be seen. Two calls by file
//! position on one descriptor wait for each other, and the second may hold the loop up meanwhile.
//! `SO_RCVLOWAT` is not kept to.
//!
//! # Compared with io_uring and thread pools
//! Medians of `cargo bench -p laio --bench compare`, everything pinned to one CPU of that machine.
//! Calls that do not block, ns per call:
//!
//! | | getppid | pipe, 1 byte | pread 4 KiB | fstat | statx | openat |
//! |---|---|---|---|---|---|---|
//! | bare instruction | 121 | 224 | 407 | 296 | 692 | 1,007 |
//! | upcall | 146 | 257 | 416 | 324 | 735 | 1,061 |
//! | upcall, no swap of the FS base | 122 | 226 | 391 | 298 | 707 | 1,018 |
//! | uring engine | 150 | 325 | 494 | 6,165 | 6,387 | 2,933 |
//! | pool engine | 149 | 6,348 | 10,187 | 9,846 | 9,419 | 9,121 |
//! | io_uring itself, DEFER |  | 546 | 772 | | 5,072 | 1,420 |
//! | threads and a channel | 6,123 | 6,314 | 6,771 | 6,498 | 7,204 | 8,014 |
//!
//! Calls that block, us of CPU per call, and in brackets us until the loop had control again:
//!
//! | | empty pipe | cold pread 4 KiB | cold statx | fsync |
//! |---|---|---|---|---|
//! | upcall | 7.5 (2.0) | 24.1 (19.0) | 32.2 (24.2) | 29.3 (17.7) |
//! | uring engine | 3.8 (1.9) | 22.9 (15.4) | 33.1 (1.0) | 30.1 (0.6) |
//! | pool engine | 13.5 (4.1) | 32.4 (18.1) | 40.6 (23.5) | 36.3 (18.4) |
//! | io_uring itself, DEFER | 2.2 (0.7) | 20.3 (14.6) | 31.2 (0.8) | 28.0 (0.5) |
//! | threads and a channel | 7.9 (3.7) | 28.4 (0.0) | 36.5 (0.0) | 33.7 (0.0) |
//!
//! (A thread on the loop's CPU may start on a call only when the loop waits; control back after
//! 0.1 us means that nothing has been started yet.)
//!
//! So the upcall engine is the default, because it alone costs little on every call that does not
//! block, whatever the call. io_uring is better at waiting for pipes and sockets, and so for loops
//! that mostly do that, but on a call which it has no path for it costs up to 20 times the
//! plain one; which of the two a program makes, only its author knows: it has to be asked for.
//!
//! # What changes for the loop's thread
//! - It is pinned to one CPU (with the yield detectors, or if [`Builder::cpu`] says so), with the
//!   shortest time slice, 100 us, where the kernel has them (Linux 6.12). Threads and children that
//!   it makes inherit both, and the blocked signals: make them in [`Laio::unpinned`], or before the
//!   engine is started; above all the threads of further loops, which would else have this CPU
//!   alone to choose from. Threads that it makes also have no restartable sequences of the C
//!   library's. A background call that ends may wait for the CPU until the loop next blocks or
//!   waits: its result is there then, or within half a millisecond if it keeps calling `poll`.
//! - Asynchronous signals are blocked on it and on all carriers. A thread that is started beside
//!   them, with the mask that the loop had, runs the handlers. Calls are not interrupted (`EINTR`)
//!   by handled signals any more, only by [`Laio::cancel`], for which the process reserves the
//!   highest real-time signal that it had no use for when its first engine was started.
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
//! - Each loop of a process has an engine of its own, one per thread; they share nothing. Engines
//!   of the other kinds may live on the same thread.
//! - Completions of a ring that the loop uses, be it its own or an io_uring engine's, wake the kernel
//!   thread that had submitted the operation. If that sits in a call in the background by then, the
//!   kernel goes on with the call afterwards (`read`, `nanosleep`, ...), or, if it is one that it
//!   does not restart (`epoll_wait`, `poll`, `select`, ...), ends it with `EINTR`. The loop may enter
//!   its ring from another kernel thread than before, so that must not be made with
//!   `SINGLE_ISSUER` or `DEFER_TASKRUN`. And when the upcall engine is dropped, its carriers end, and
//!   the kernel cancels (`ECANCELED`) what they have in a ring: let that end first, or drop the
//!   io_uring engine first.
//!
//! # How it is tested for memory errors and races
//! `.ci/sanitize`, in the repository, runs the tests of the pool, the io_uring engine and the safe
//! operations under ThreadSanitizer and AddressSanitizer with leaks, the standard library built in.
//! The upcall engine is not run under them: no sanitizer can follow stacks that are switched by
//! hand. Its protocol is checked by loom instead, in every order that this finds, and the whole of
//! it by stress tests. What the kernel reads and writes in a call, no sanitizer sees.
//!
//! # Signals, credentials, fork, exec, exit
//! With the upcall engine, by a loop that has wandered and has calls in the background; the pool
//! and the io_uring engine change nothing about any of it.
//! - **Signals** sent to the process are handled, or have their default action, on the thread made
//!   for that. Faults and `abort` end the process as ever, or run their handlers on the carrier
//!   that has the loop, with its stack and thread-local storage. A terminal's or a supervisor's
//!   `SIGTERM` needs nothing.
//! - **`SIGPIPE`** and `SIGXFSZ` do nothing: a write to a pipe or socket that nobody reads fails with
//!   `EPIPE`, one beyond the limit of file sizes with `EFBIG`, and that is all. The kernel sends
//!   the signal to the kernel thread of the write, made through the engine or plainly by the loop,
//!   where it stays pending, blocked, until it is discarded: before the former mask is restored
//!   ([`Laio::unpinned`], the engine's end), and before a call with a mask of its own. A signal that
//!   was blocked before the engine started is not discarded. A plain `ppoll` or `rt_sigprocmask` of
//!   the loop's that unblocks them itself lets them act, and so may a program that it executes
//!   outside `unpinned`.
//! - **Calls with a signal mask** (`rt_sigsuspend`, `ppoll`, `pselect6`, `epoll_pwait`,
//!   `epoll_pwait2`, `io_pgetevents`, `io_uring_enter`) let signals in where they are made, so all
//!   engines make them plainly, on the loop's kernel thread and with its thread-local storage, and
//!   they may block the loop; without a mask they are like other calls. A signal that they unblock
//!   ends them with `EINTR`, unless the thread made for signals takes it, as it may if it is sent to the
//!   process: a handler that writes to a pipe or an eventfd which the loop reads is the better way.
//! - **Credentials**: `setuid`, `setgid`, `setgroups` and the like act on one kernel thread; the C
//!   library repeats them on all that it knows, which the carriers are not. Change them before the
//!   engine starts. Later, from any thread, a call that changes nothing (`setuid(getuid())`) or
//!   fails is harmless; one that changes something ends the process by `SIGABRT`, with a message,
//!   so that the loop does not go on with rights that the process has given up. When the engine has
//!   been dropped at home, everything is allowed again, and that kernel thread is like any other.
//!   Only the C library's functions are watched, and only glibc's; `laio.syscall(SYS_setuid, ...)`
//!   changes the loop's kernel thread of the moment.
//! - **Cancelling threads**: the C library's cancellation signal is blocked on the loop and on all
//!   carriers, so `pthread_cancel` of the loop's thread takes effect at the loop's next
//!   cancellation point, and does not interrupt it in one. This has been read, not tried.
//! - **Threads** may be started and joined; [`Laio::unpinned`] says what they inherit.
//! - **fork**: the child is a copy of the loop alone, and may do what a child of a process with
//!   threads may. It has no carriers: there, the parent's engine must not be used. Dropping it, or
//!   the [`Operations`](ops::Operations) that own it, does nothing there: what they hold stays
//!   open and allocated. A thread of the child may start an engine of its own. Children can be
//!   waited for through the engine, whichever carrier made them.
//! - **exec** replaces the process and ends all carriers, and with them the background calls. The
//!   new program inherits the loop's processor, policy and blocked signals, as children do: do it
//!   in [`Laio::unpinned`].
//! - **exit**, on any thread, runs its handlers and ends the process, background calls or not; so
//!   do `exit_group` through the engine, without handlers, and returning from `main`.
//! - **The end of the loop's thread**: drop the engine first, as a panic does. Then the thread ends
//!   on the kernel thread that it began on, and can be joined, unless a call that cannot be
//!   interrupted has kept that one for more than a second. Otherwise it ends on another one:
//!   thread-local destructors run, once, but a `join` never returns.
//! - **Panics** unwind, and backtraces show the loop's frames, on whatever carrier.
//!
//! # Seeing what it does
//! With `LAIO_STATS=1` in the environment each engine prints a table of its counters, a line for
//! each system call, on standard error when it is dropped or the process exits.
//!
//! # When not to use it
//! - On kernels or processors that refuse it: see [`Error`].
//! - If most calls block, on pipes and sockets above all: io_uring or plain epoll are several times
//!   cheaper there.
//! - If the loop makes few calls between sleeps outside [`Laio::wait`] and [`Laio::poll`]: nothing
//!   goes wrong, but the watcher parks some 10-20 us later ([`Laio::completion_fd`]).
//! - If another thread computes on the loop's CPU, and no CPU can be kept free of it. It works,
//!   and with tens of calls in flight the loop keeps most of its throughput. But the scheduler
//!   charges the watcher a whole time slice for a yield, and one call at a time then gets less
//!   than its share: 50,000 pipe reads a second instead of 141,000, control back after 3.3 us
//!   instead of 2.1; and 560 instead of 15,600 where a process on another CPU ends each, which leaves
//!   the loop's CPU to the other in between: control is back after up to 4 ms (`blocked_op --beside`).
//! - If others change the affinity of the process's threads while it runs: the loop and its
//!   carriers must stay on one common CPU. Calls might then block the loop unnoticed.
//! - If one core cannot do the work: background calls end on the loop's CPU.
//! - For calls that the loop itself must end, other than on sockets, pipes and eventfds, in a
//!   number near the limit of carriers: beyond [`Builder::max_carriers`] they block.
//! - Against page faults: only calls made through the engine are watched. Touching a page of a
//!   mapped file that is not in memory stalls the loop.
//!
//! # Divergence from the 2004 library
//! This crate:
//! - The kernel does not tell that a call has blocked; a watcher finds it out. It may come late (the
//!   call returns inline, and stalled the loop: [`CallCounters::late`]) or take a preempted call
//!   for a blocked one ([`CallCounters::false_steals`]). The original's scheduler activations did
//!   neither.
//! - An engine per thread, and several in a process; the original had one.
//! - A blocked call is a [`Submission::Background`] with its handle, not -1 with `EINPROGRESS` and
//!   `laio_gethandle`; results are `io::Result<i64>`, not an `int` and an error number; [`Laio::poll`]
//!   grows the caller's vector instead of filling an array. Waiting for ever, not at all or for a
//!   time is the same, and so is that a completion is the end of the whole call.
//! - A handle is not used again before the `poll` after the one that returned it.
//! - Calls that act on the kernel thread or the process, or wait with a signal mask, are made plainly
//!   ([`Laio::syscall`]).
//! - The number of calls in the background that hold a kernel thread is limited
//!   ([`Builder::max_carriers`]).
//! - What the loop's thread loses: see above.
//! - New: other engines, [`Laio::cancel`], [`Laio::set_timeout`], [`Laio::wait`],
//!   [`Laio::completion_fd`], [`Counters`], and safe [operations](ops).
//!
//! The C library (`laio-c`, in the folder `capi`) has the original's names, types and values; its
//! header says how it differs.
//!
//! # What has not been tried
//! Bare metal, kernels other than 6.18, musl, CET (refused), processors other than x86-64 (compiled for
//! aarch64, not run).
//! The watcher relies on `sched_yield` giving way to a runnable loop, as Linux 6.18 does.

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

#[cfg(not(target_os = "linux"))]
compile_error!("laio needs Linux");

mod builder;
mod completion;
mod counted;
mod counters;
mod deadlines;
mod epoll;
mod error;
mod kinds;
mod laio;
#[cfg(target_pointer_width = "64")]
pub mod ops;
mod os;
mod passthrough;
mod pool;
mod report;
mod tally;
#[cfg_attr(not(target_arch = "x86_64"), path = "unsupported.rs")]
mod upcall;
mod uring;
mod waiting;

pub use builder::Builder;
pub use completion::{Completion, Handle, Submission};
pub use counters::{CallCounters, Counters, Times};
pub use error::Error;
pub use kinds::{Detector, EngineKind};
pub use laio::Laio;
