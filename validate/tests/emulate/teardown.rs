//! Nothing is left behind, however a rig ends.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::panic::{self, AssertUnwindSafe};
use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::Duration;

use validate::emulate::image::path_of;

use super::*;

/// Set for this test program when it runs as another test's child.
const CHILD: &str = "LAIOSIM_TEST_RIG_CHILD";

/// Keeps rigs of other processes down for as long as the value lives.
fn between_rigs() -> File {
    fs::create_dir_all("/run/laiosim").expect("we are root");
    let lock = File::create("/run/laiosim/lock").expect("we are root");
    lock.lock().expect("released by whoever holds it");
    lock
}

/// Call it when this process has no rig up: whatever it finds was left behind.
pub(crate) fn assert_nothing_is_left() {
    let _between = between_rigs();
    let mounts = fs::read_to_string("/proc/self/mounts").expect("procfs");
    assert!(!mounts.contains("laiosim"), "{mounts}");
    for device in fs::read_dir("/sys/block").expect("sysfs").flatten() {
        let backing = device.path().join("loop/backing_file");
        let backing = fs::read_to_string(backing).unwrap_or_default();
        assert!(!backing.contains("laiosim"), "{device:?} has {backing}");
    }
    let folder = fs::read_dir("/run/laiosim").expect("made by the rig");
    let left: Vec<PathBuf> = folder.flatten().map(|entry| entry.path()).collect();
    assert_eq!(left, [Path::new("/run/laiosim/lock")]);
}

fn cpus_of_kernel_workers() -> String {
    let _between = between_rigs();
    read_cpus_of_kernel_workers()
}

fn read_cpus_of_kernel_workers() -> String {
    let mask = fs::read_to_string("/sys/devices/virtual/workqueue/cpumask");
    mask.expect("sysfs").trim().into()
}

#[test]
fn after_drop_no_mount_and_no_loop_device_is_left() {
    with_rig_available(|| {
        let workers_before = cpus_of_kernel_workers();
        let rig = start(&[10_000], SERVICE);
        assert!(rig.device().exists() && rig.files().join(path_of(0)).exists());
        assert_eq!(read_cpus_of_kernel_workers().trim_start_matches('0'), "2");
        drop(rig);
        assert_nothing_is_left();
        assert_eq!(cpus_of_kernel_workers(), workers_before);
    });
}

#[test]
fn a_file_held_open_does_not_keep_the_rig_mounted() {
    with_rig_available(|| {
        let rig = start(&[10_000], SERVICE);
        let held = fs::File::open(rig.files().join(path_of(0))).expect("the file is there");
        drop(rig);
        let between = between_rigs();
        let mounts = fs::read_to_string("/proc/self/mounts").expect("procfs");
        assert!(!mounts.contains("laiosim"), "{mounts}");
        drop((between, held));
        assert_nothing_is_left();
    });
}

#[test]
fn a_panic_takes_the_rig_down() {
    with_rig_available(|| {
        let panicked = panic::catch_unwind(AssertUnwindSafe(|| {
            let _rig = start(&[10_000], SERVICE);
            panic!("while the rig is up (on purpose)");
        }));
        assert!(panicked.is_err());
        assert_nothing_is_left();
    });
}

/// Not a test of its own: what the tests below run in another process. It
/// holds a rig until it is interrupted.
#[test]
fn child_that_holds_a_rig() {
    if std::env::var_os(CHILD).is_some() {
        let rig = start(&[10_000], SERVICE);
        println!("\nthe rig is up");
        while !rig.is_interrupted() {
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn spawn_child_with_rig() -> Child {
    let mut child = Command::new(std::env::current_exe().expect("Linux has it"))
        .args(["--exact", "teardown::child_that_holds_a_rig", "--nocapture"])
        .env(CHILD, "1")
        .stdout(Stdio::piped())
        .spawn()
        .expect("this program can be run again");
    let output = BufReader::new(child.stdout.take().expect("piped"));
    let mut lines = output.lines().map_while(Result::ok);
    assert!(lines.any(|line| line == "the rig is up"));
    // The child writes a little more; it must not find the pipe closed.
    thread::spawn(move || lines.count());
    child
}

fn signal(child: &Child, signal: libc::c_int) {
    // SAFETY: the child has not been waited for, so the number is still its.
    assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
}

#[test]
fn an_interrupt_takes_the_rig_down() {
    with_rig_available(|| {
        let mut child = spawn_child_with_rig();
        signal(&child, libc::SIGINT);
        assert!(child.wait().expect("it was spawned").success());
        assert_nothing_is_left();
    });
}

#[test]
fn what_a_killed_process_leaves_is_taken_down_by_the_next_rig() {
    with_rig_available(|| {
        let workers_before = cpus_of_kernel_workers();
        let mut child = spawn_child_with_rig();
        signal(&child, libc::SIGKILL);
        let status = child.wait().expect("it was spawned");
        assert_eq!(status.signal(), Some(libc::SIGKILL));
        drop(start(&[10_000], SERVICE));
        assert_nothing_is_left();
        assert_eq!(cpus_of_kernel_workers(), workers_before);
    });
}
