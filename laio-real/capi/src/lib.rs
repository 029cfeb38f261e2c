//! The C library: the interface of the 2004 library, and wider entries beside it.
//!
//! `include/laio_api.h` documents it. The entries are in `entry`; `thread` decides what makes a
//! thread's calls: an `engine`, or, where none can start, `plain` calls.
//!
//! # Variadic entries
//! `laio_syscall` is variadic in C, and stable Rust cannot define variadic functions. Its
//! definition takes six words. On every 64-bit Linux ABI the variadic words of a call are passed
//! as named ones would be, so it finds its arguments where a caller that believes the header puts
//! them; what the caller did not pass is whatever is in that register or stack slot, and the kernel
//! does not look at it. A shim in C could do no better: nothing tells it how many arguments there
//! are, so it would read six words, too, and it would need a C compiler for every build. The C
//! library's `syscall` is made the same way.
//!
//! # Unwinding
//! A panic ends the process at the boundary, as Rust defines for `extern "C"`. None is expected.

mod engine;
mod entry;
mod errno;
mod fork;
mod plain;
mod slot;
mod thread;

#[cfg(not(target_pointer_width = "64"))]
compile_error!("the variadic entries rely on 64-bit calling conventions");
