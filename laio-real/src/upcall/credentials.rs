//! The signal by which the C library changes the credentials of all threads.
//!
//! The kernel keeps credentials per thread. So glibc's `setuid` and its like signal every thread
//! that glibc knows, have each make the call, and wait for all of them. Of an engine's kernel
//! threads it knows only the loop's original one, which may be an ordinary carrier by now, with no
//! thread-local storage in which glibc's handler could report. The handler here wraps glibc's: it
//! gives that thread the loop's thread-local storage meanwhile, of which glibc's uses two atomics.
//!
//! The other carriers would keep the former credentials, and the loop would have now these, now
//! those. A process that gives up rights must not get them back by accident, so a change that
//! succeeds while an upcall engine lives ends the process, with a message. One that changes nothing
//! or fails does no harm.

use std::arch::asm;
use std::ptr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicI32, AtomicPtr, AtomicUsize, Ordering};

use super::{switch, sys};

/// glibc's `SIGSETXID`, from its `internal-signals.h`.
const SIGSETXID: usize = 33;
/// The size of the kernel's signal sets.
const MASK_BYTES: usize = 8;
/// Supplementary groups that are compared: ours, because the handler may be on an alternate stack
/// of 8 KiB, most of which the kernel's frame takes. If there are more, only their number is.
const MAX_GROUPS: usize = 64;

const REFUSAL: &[u8] =
    b"laio: the process's credentials were changed while an upcall engine runs, \
    whose kernel threads cannot follow; change them before it starts\n";

type Handler = extern "C" fn(i32, *mut libc::siginfo_t, *mut libc::c_void);

/// glibc's own handler, as an address.
static GLIBCS: AtomicUsize = AtomicUsize::new(0);
/// Engines whose loops cannot follow a change, and the process that they are in: a forked child has
/// none of their carriers.
static ENGINES: AtomicUsize = AtomicUsize::new(0);
static PROCESS: AtomicI32 = AtomicI32::new(0);
static HOMES: AtomicPtr<Home> = AtomicPtr::new(ptr::null_mut());

/// A kernel thread on which a loop was started, and the FS base of the thread it is to glibc; 0 once
/// the engine has been dropped there. That kernel thread is an ordinary one then, and may end, and
/// its id be given to another. If the engine is dropped elsewhere it stays, as that kernel thread
/// does, which then never ends.
///
/// It stays in the list of [`HOMES`] for ever; only the kernel thread with that id reads it. Those
/// of the processes that this one is a fork of mean nothing here.
struct Home {
    process: i32,
    id: i32,
    fs_base: AtomicUsize,
    next: *mut Home,
}

/// Watches over the credentials while an engine lives. Made on the loop's original kernel thread;
/// dropped where the loop then is: if that is another one, the watch goes on for ever.
pub(crate) struct Guard {
    home: i32,
}

impl Guard {
    /// To be called once the process has a second thread, for glibc installs its handler with it.
    pub(crate) fn new() -> Self {
        wrap_handler();
        let home = thread_id();
        register(home, switch::fs_base());
        let process = process_id();
        if PROCESS.swap(process, Ordering::SeqCst) != process {
            ENGINES.store(0, Ordering::SeqCst);
        }
        ENGINES.fetch_add(1, Ordering::SeqCst);
        Self { home }
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        if thread_id() == self.home {
            if let Some(home) = home_of(self.home) {
                home.fs_base.store(0, Ordering::SeqCst);
            }
            ENGINES.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

/// The kernel's `struct sigaction`.
#[repr(C)]
struct Action {
    handler: usize,
    flags: usize,
    restorer: usize,
    mask: u64,
}

/// Replaces glibc's handler, which `sigaction` does not give access to. Other C libraries do it in
/// other ways, and are left alone.
fn wrap_handler() {
    static DONE: OnceLock<()> = OnceLock::new();
    if cfg!(not(target_env = "gnu")) {
        return;
    }
    DONE.get_or_init(|| {
        let mut action = Action {
            handler: 0,
            flags: 0,
            restorer: 0,
            mask: 0,
        };
        let asked = [SIGSETXID, 0, &raw mut action as usize, MASK_BYTES];
        // SAFETY: the call fills the structure.
        if unsafe { sys::raw(libc::SYS_rt_sigaction, asked) } < 0 || action.handler == 0 {
            return;
        }
        GLIBCS.store(action.handler, Ordering::SeqCst);
        action.handler = on_change as Handler as usize;
        let new = [SIGSETXID, &raw const action as usize, 0, MASK_BYTES];
        // SAFETY: glibc's own action, with a handler that calls its.
        unsafe { sys::raw(libc::SYS_rt_sigaction, new) };
    });
}

/// The list's element of a kernel thread of this process.
fn home_of(id: i32) -> Option<&'static Home> {
    let process = process_id();
    let mut next = HOMES.load(Ordering::SeqCst);
    // SAFETY: null, or in the list and so never freed.
    while let Some(home) = unsafe { next.as_ref() } {
        if home.id == id && home.process == process {
            return Some(home);
        }
        next = home.next;
    }
    None
}

/// Puts the calling kernel thread into the list. Ids are used again, so it may be there.
fn register(id: i32, fs_base: usize) {
    if let Some(home) = home_of(id) {
        home.fs_base.store(fs_base, Ordering::SeqCst);
        return;
    }
    let mut home = Box::new(Home {
        process: process_id(),
        id,
        fs_base: AtomicUsize::new(fs_base),
        next: HOMES.load(Ordering::SeqCst),
    });
    loop {
        let expected = home.next;
        let new = Box::into_raw(home);
        match HOMES.compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => return,
            Err(actual) => {
                // SAFETY: just made, and not in the list.
                home = unsafe { Box::from_raw(new) };
                home.next = actual;
            }
        }
    }
}

/// The handler. It may run on a carrier, without thread-local storage, until it has set the FS base.
extern "C" fn on_change(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let here = switch::fs_base();
    let id = thread_id();
    let glibcs = match home_of(id).map(|home| home.fs_base.load(Ordering::SeqCst)) {
        None | Some(0) => here,
        Some(fs_base) => fs_base,
    };
    // SAFETY: installed only where an address was stored, which was that of such a handler.
    let handler: Handler = unsafe { std::mem::transmute(GLIBCS.load(Ordering::SeqCst)) };
    // SAFETY: the thread-local storage of the thread that this one is to glibc. Its owner may run
    // on a carrier at the same time; glibc's handler uses only atomics of it.
    unsafe { set_fs_base(glibcs) };
    let before = Credentials::current();
    handler(signal, info, context);
    if has_engines() && Credentials::current() != before {
        let text = [2, REFUSAL.as_ptr() as usize, REFUSAL.len(), 0];
        // SAFETY: a readable text; `abort` may be called in a handler.
        unsafe {
            sys::raw(libc::SYS_write, text);
            libc::abort();
        }
    }
    // SAFETY: as it was.
    unsafe { set_fs_base(here) };
}

/// What a change may change, of the calling kernel thread.
#[derive(PartialEq)]
struct Credentials {
    /// Real, effective and saved.
    users: [u32; 3],
    groups: [u32; 3],
    supplementary: [u32; MAX_GROUPS],
    supplementary_count: i64,
}

impl Credentials {
    fn current() -> Self {
        let mut all = Self {
            users: [0; 3],
            groups: [0; 3],
            supplementary: [0; MAX_GROUPS],
            supplementary_count: 0,
        };
        let users = &raw mut all.users as usize;
        let groups = &raw mut all.groups as usize;
        let supplementary = &raw mut all.supplementary as usize;
        // SAFETY: each call fills the words it is given; the last two as many as there are, or none
        // if there are more than fit.
        unsafe {
            sys::raw(libc::SYS_getresuid, [users, users + 4, users + 8, 0]);
            sys::raw(libc::SYS_getresgid, [groups, groups + 4, groups + 8, 0]);
            all.supplementary_count = sys::raw(libc::SYS_getgroups, [0; 4]);
            sys::raw(libc::SYS_getgroups, [MAX_GROUPS, supplementary, 0, 0]);
        }
        all
    }
}

/// Whether there is an engine in this process.
fn has_engines() -> bool {
    ENGINES.load(Ordering::SeqCst) > 0 && PROCESS.load(Ordering::SeqCst) == process_id()
}

fn process_id() -> i32 {
    // SAFETY: takes no memory.
    unsafe { sys::raw(libc::SYS_getpid, [0; 4]) as i32 }
}

fn thread_id() -> i32 {
    // SAFETY: takes no memory.
    unsafe { sys::raw(libc::SYS_gettid, [0; 4]) as i32 }
}

/// # Safety
/// `base` is where the thread-local storage is that the code until the next change may use.
unsafe fn set_fs_base(base: usize) {
    // SAFETY: the caller's promise; engines are started only where FSGSBASE is enabled.
    unsafe { asm!("wrfsbase {}", in(reg) base, options(nostack, preserves_flags)) };
}
