//! Changing the process's user or group while an engine runs: complete on the engines whose threads
//! the C library knows, harmless on the upcall engine if it changes nothing, refused there if it
//! would leave the carriers with rights that the loop has given up.

mod common;

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::mpsc;

use common::{PipeRead, begin_child, child_passes, is_root_or_skip, run_child, turn, wander};
use laio::{EngineKind, Laio, Submission};

const NOBODY: u32 = 65534;

/// Sets the user of all threads to what it is, on another thread than the loop's.
fn keep_user_elsewhere() {
    let setting = std::thread::spawn(|| {
        // SAFETY: takes no memory.
        assert_eq!(unsafe { libc::setuid(libc::getuid()) }, 0);
    });
    setting.join().unwrap();
}

fn keeps_its_user(laio: Laio) {
    let mut laio = laio;
    // The loop is on the kernel thread that the C library knows.
    keep_user_elsewhere();
    // That one sits in a background call.
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    keep_user_elsewhere();
    PipeRead::end_all(&mut reads, &mut laio);
    // That one stands by, or watches.
    for _ in 0..20 {
        wander(&mut laio);
        keep_user_elsewhere();
    }
    // SAFETY: takes no memory. This time the loop's own thread sets it.
    assert_eq!(unsafe { libc::setuid(libc::getuid()) }, 0);
    wander(&mut laio);
}

#[test]
#[ignore = "a child of a_user_that_stays_the_same_may_be_set_at_any_time"]
fn child_that_keeps_its_user() {
    if begin_child() {
        keeps_its_user(Laio::builder().engine(EngineKind::Upcall).start().unwrap());
        let unswapped = Laio::builder()
            .engine(EngineKind::Upcall)
            .swap_fs_base(false);
        keeps_its_user(unswapped.start().unwrap());
    }
}

#[test]
fn a_user_that_stays_the_same_may_be_set_at_any_time() {
    let _turn = turn();
    child_passes("child_that_keeps_its_user");
}

/// Gives up root on another thread than the loop's.
fn become_nobody_elsewhere() {
    let setting = std::thread::spawn(|| {
        // SAFETY: takes no memory.
        unsafe {
            assert_eq!(libc::setgroups(0, std::ptr::null()), 0);
            assert_eq!(libc::setgid(NOBODY), 0);
            assert_eq!(libc::setuid(NOBODY), 0);
        }
    });
    setting.join().unwrap();
}

#[test]
#[ignore = "a child of a_change_that_carriers_cannot_follow_ends_the_process"]
fn child_that_changes_its_user_elsewhere() {
    if begin_child() {
        let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
        let _reads = PipeRead::issue_all::<3>(&mut laio);
        become_nobody_elsewhere();
    }
}

#[test]
#[ignore = "a child of a_change_that_carriers_cannot_follow_ends_the_process"]
fn child_that_changes_its_user_in_the_loop() {
    if begin_child() {
        let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
        wander(&mut laio);
        // SAFETY: takes no memory.
        unsafe { libc::setuid(NOBODY) };
        // It may take a moment, in which nothing but this happens.
        std::thread::park();
    }
}

#[test]
fn a_change_that_carriers_cannot_follow_ends_the_process() {
    let _turn = turn();
    if !is_root_or_skip("changing the user under an upcall engine") {
        return;
    }
    for child in [
        "child_that_changes_its_user_elsewhere",
        "child_that_changes_its_user_in_the_loop",
    ] {
        let output = run_child(child);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{output:#?}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains("change them before it starts"), "{text}");
    }
}

#[test]
#[ignore = "a child of after_an_engine_has_ended_the_user_can_be_changed"]
fn child_that_changes_its_user_after_the_engine() {
    if begin_child() {
        let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
        wander(&mut laio);
        drop(laio);
        become_nobody_elsewhere();
        // SAFETY: takes no memory.
        assert_eq!(unsafe { libc::geteuid() }, NOBODY);
        wander(&mut Laio::builder().engine(EngineKind::Upcall).start().unwrap());
    }
}

#[test]
fn after_an_engine_has_ended_the_user_can_be_changed() {
    let _turn = turn();
    if is_root_or_skip("changing the user after an upcall engine") {
        child_passes("child_that_changes_its_user_after_the_engine");
    }
}

/// The next id that the kernel gives to a thread of this process is this one, unless somebody else
/// is quicker.
fn ask_for_id(id: i32) -> std::io::Result<()> {
    std::fs::write("/proc/sys/kernel/ns_last_pid", (id - 1).to_string())
}

/// An ordinary thread with this id, which ends when `end` is dropped. It has a stack, and so
/// thread-local storage, of its own: too large for that of an earlier thread to be used again.
fn thread_with_id(id: i32) -> std::io::Result<Option<mpsc::Sender<()>>> {
    /// Ours: somebody else may take the id, but not each time.
    const TRIES: usize = 100;
    for _ in 0..TRIES {
        let (end, ended) = mpsc::channel::<()>();
        let (tell, told) = mpsc::channel();
        ask_for_id(id)?;
        std::thread::Builder::new()
            .stack_size(64 << 20)
            .spawn(move || {
                // SAFETY: takes no memory.
                tell.send(unsafe { libc::gettid() }).unwrap();
                let _ = ended.recv();
            })?;
        if told.recv().unwrap() == id {
            return Ok(Some(end));
        }
    }
    Ok(None)
}

#[test]
#[ignore = "a child of the_id_of_a_loop_that_has_ended_is_as_good_as_any"]
fn child_whose_loops_id_is_used_again() {
    if !begin_child() {
        return;
    }
    let looping = std::thread::spawn(|| {
        let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
        wander(&mut laio);
        drop(laio);
        // SAFETY: takes no memory.
        unsafe { libc::gettid() }
    });
    let id = looping.join().unwrap();
    match thread_with_id(id) {
        Ok(Some(_other)) => {
            // SAFETY: takes no memory. The other thread has to answer.
            assert_eq!(unsafe { libc::setuid(libc::getuid()) }, 0);
        }
        refused => eprintln!("SKIPPED: no thread with id {id} was to be had: {refused:?}"),
    }
}

#[test]
fn the_id_of_a_loop_that_has_ended_is_as_good_as_any() {
    let _turn = turn();
    if !is_root_or_skip("giving a loop's id to another thread") {
        return;
    }
    let output = run_child("child_whose_loops_id_is_used_again");
    assert!(output.status.success(), "{output:#?}");
    let text = String::from_utf8_lossy(&output.stderr);
    for skipped in text.lines().filter(|line| line.contains("SKIPPED")) {
        // Past the harness, which would hide it.
        writeln!(std::io::stderr(), "{skipped}").unwrap();
    }
}

/// Opens a file through the engine.
fn open(laio: &mut Laio, path: &std::ffi::CStr) -> std::io::Result<i64> {
    let args = [libc::AT_FDCWD as usize, path.as_ptr() as usize, 0, 0, 0, 0];
    // SAFETY: the path outlives the call.
    match unsafe { laio.syscall(libc::SYS_openat, args) } {
        Submission::Done(result) => result,
        Submission::Background(_) => common::collect(laio, 1).remove(0).result,
    }
}

#[test]
#[ignore = "a child of the_other_engines_follow_a_change"]
fn child_that_changes_its_user_on_the_other_engines() {
    if !begin_child() {
        return;
    }
    let secret = tempfile::NamedTempFile::new().unwrap();
    File::set_permissions(secret.as_file(), std::fs::Permissions::from_mode(0o600)).unwrap();
    let path = std::ffi::CString::new(secret.path().to_str().unwrap()).unwrap();
    let mut engines: Vec<Laio> = [EngineKind::Uring, EngineKind::Pool]
        .into_iter()
        .filter_map(|kind| Laio::builder().engine(kind).start().ok())
        .collect();
    assert!(!engines.is_empty());
    let mut reads = Vec::new();
    for laio in &mut engines {
        assert!(open(laio, &path).unwrap() > 0);
        reads.push(PipeRead::issue_all::<3>(laio));
    }
    become_nobody_elsewhere();
    for (laio, reads) in engines.iter_mut().zip(&mut reads) {
        let error = open(laio, &path).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EACCES));
        PipeRead::end_all(reads, laio);
    }
}

#[test]
fn the_other_engines_follow_a_change() {
    let _turn = turn();
    if is_root_or_skip("changing the user under the pool and io_uring engines") {
        child_passes("child_that_changes_its_user_on_the_other_engines");
    }
}

/// As `kill` would from outside. The C library's handler ignores what the library has not sent.
#[test]
fn a_stray_signal_of_the_c_library_interrupts_nothing() {
    const SIGCANCEL: i32 = 32;
    const SIGSETXID: i32 = 33;
    let _turn = turn();
    let mut laio = Laio::builder().engine(EngineKind::Upcall).start().unwrap();
    let mut reads = PipeRead::issue_all::<5>(&mut laio);
    assert!(blocks_on_this_kernel_thread(SIGCANCEL));
    // SAFETY: takes no memory.
    unsafe { libc::kill(libc::getpid(), SIGSETXID) };
    wander(&mut laio);
    PipeRead::end_all(&mut reads, &mut laio);
    drop(laio);
    assert!(!blocks_on_this_kernel_thread(SIGCANCEL));
}

/// The C library's functions leave its own signals out.
fn blocks_on_this_kernel_thread(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigBlk:"));
    let mask = u64::from_str_radix(mask.unwrap().trim(), 16).unwrap();
    mask >> (signal - 1) & 1 == 1
}
