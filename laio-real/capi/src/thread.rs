//! What makes a thread's calls, from its first one to its end.

use std::cell::Cell;
use std::error::Error;
use std::ffi::{c_int, c_void};
use std::io::{self, Write};
use std::mem;
use std::ptr::NonNull;
use std::sync::{Once, OnceLock};

use crate::engine::Engine;
use crate::errno::Outcome;

/// In a child of the engine's process: its owner is not here. No plain call that an engine makes
/// fails with this number.
const INHERITED: c_int = libc::EOWNERDEAD;

#[derive(Clone, Copy)]
enum Maker {
    /// The thread has made no call yet.
    Undecided,
    /// From `Box::into_raw`; the thread-specific data owns it.
    Engine(NonNull<Engine>),
    /// The calls are plain ones: no engine could start, or the thread is ending. Also while the
    /// engine is in use.
    Plain,
}

thread_local! {
    static MAKER: Cell<Maker> = const { Cell::new(Maker::Undecided) };
}

/// Acts with the calling thread's engine, which is started now if this is its first call, or with
/// none if its calls are plain ones.
#[inline]
pub(crate) fn with_engine<T>(act: impl FnOnce(Option<&mut Engine>) -> Outcome<T>) -> Outcome<T> {
    let maker = match MAKER.get() {
        Maker::Undecided => decide(),
        decided => decided,
    };
    let Maker::Engine(mut engine) = maker else {
        return act(None);
    };
    // A signal handler that calls the library, though it must not, gets no second reference.
    MAKER.set(Maker::Plain);
    // SAFETY: freed in `end` only, after which the thread does not know it any more.
    let engine_now = unsafe { engine.as_mut() };
    let outcome = if engine_now.is_inherited() {
        Err(INHERITED)
    } else {
        act(Some(engine_now))
    };
    MAKER.set(maker);
    outcome
}

/// As [`with_engine`], without starting one.
pub(crate) fn with_started_engine<T>(act: impl FnOnce(&mut Engine) -> T) -> Option<T> {
    if matches!(MAKER.get(), Maker::Undecided) {
        return None;
    }
    with_engine(|engine| Ok(engine.map(act))).ok().flatten()
}

#[cold]
fn decide() -> Maker {
    MAKER.set(Maker::Plain);
    let maker = match start() {
        Ok(engine) => Maker::Engine(engine),
        Err(error) => {
            warn_once(error.as_ref());
            Maker::Plain
        }
    };
    MAKER.set(maker);
    maker
}

/// Starts an engine that ends with the thread.
fn start() -> Result<NonNull<Engine>, Box<dyn Error>> {
    let key = key()?;
    let engine = NonNull::from(Box::leak(Box::new(Engine::start()?)));
    // SAFETY: the key exists, and its destructor takes such a pointer.
    let status = unsafe { libc::pthread_setspecific(key, engine.as_ptr().cast()) };
    if status != 0 {
        // SAFETY: made above, and nobody else has it.
        drop(unsafe { Box::from_raw(engine.as_ptr()) });
        return Err(io::Error::from_raw_os_error(status).into());
    }
    Ok(engine)
}

/// The key of the threads' engines. Thread-specific data, not a destructor of thread-local
/// storage: those run in `exit`, too, which must not wait for operations.
fn key() -> io::Result<libc::pthread_key_t> {
    static KEY: OnceLock<Result<libc::pthread_key_t, c_int>> = OnceLock::new();
    KEY.get_or_init(|| {
        let mut key = 0;
        // SAFETY: `key` is writable; `end` takes what `start` stores under it.
        match unsafe { libc::pthread_key_create(&raw mut key, Some(end)) } {
            0 => Ok(key),
            status => Err(status),
        }
    })
    .map_err(io::Error::from_raw_os_error)
}

/// The end of a thread that has an engine: its operations end, and it goes back to its own kernel
/// thread, which the C library waits for.
unsafe extern "C" fn end(engine: *mut c_void) {
    MAKER.set(Maker::Plain);
    // SAFETY: stored by `start`, and the C library gives it back once.
    let mut engine = unsafe { Box::from_raw(engine.cast::<Engine>()) };
    if engine.is_inherited() {
        // What it would wait for is in the parent.
        mem::forget(engine);
    } else {
        engine.drain();
    }
}

fn warn_once(error: &dyn Error) {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        // Nobody may be listening.
        let _ = writeln!(
            io::stderr(),
            "laio: calls are made as plain ones and may block: {error}"
        );
    });
}
