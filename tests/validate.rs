//! `laiosim validate` judges: a model that is deliberately wrong FAILs.
//!
//! Runs the real servers on the emulated disk; needs root, FUSE, loop devices and memory groups.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use validate::emulate::rig;

/// A quick disk: what is judged here is how much is read, not how fast.
const DISK: &str = "kind = \"fixed\"\nsectors = 17783240\nservice_ms = 0.3\n";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn scenario(folder: &Path) -> PathBuf {
    let disk = folder.join("disk.toml");
    std::fs::write(&disk, DISK).expect("a temporary folder is writable");
    let trace = root().join("scenarios/traces/wc98-day6.laiotrace");
    let text = format!(
        "title = \"a small one\"\nservers = [\"nb-b\"]\n\
         [machine]\nprofile = \"epyc-vm\"\ndisk = {disk:?}\n\
         [cache]\nmemory = \"10 MiB\"\n\
         [network]\nloopback = true\n\
         [server]\nmetered = true\n\
         [workload]\ntrace = {trace:?}\nclients = 8\nrequests = 4000\n\
         [run]\nstart = \"warm\"\nreplications = 4\n"
    );
    let file = folder.join("scenario.toml");
    std::fs::write(&file, text).expect("a temporary folder is writable");
    file
}

fn validate(scenario: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_laiosim"))
        .arg("validate")
        .arg(scenario)
        .arg("--machine")
        .arg(root().join("sim/profiles/machines/epyc-vm.toml"))
        .args(more)
        .output()
        .expect("the program starts")
}

#[test]
fn a_model_with_half_the_cache_fails() {
    if let Err(missing) = rig::available() {
        eprintln!("SKIPPED a_model_with_half_the_cache_fails: {missing}");
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = scenario(folder.path());
    let output = validate(&scenario, &["--model", "cache.memory=7 MiB"]);
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{table}{said}");
    let disk_requests = table
        .lines()
        .find(|line| line.contains("disk I/Os per request"))
        .unwrap_or_else(|| panic!("no row of disk requests in {table}"));
    assert!(disk_requests.contains("FAIL"), "{table}");
}

#[test]
fn what_the_real_servers_do_not_have_is_refused_by_its_key() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = scenario(folder.path());
    let refused = [
        ("--set", "server.log=true", "server.log"),
        ("--set", "servers=['nb-uring']", "servers"),
        ("--model", "machine.cpus=2", "machine.cpus"),
    ];
    for (flag, setting, key) in refused {
        let output = validate(&scenario, &[flag, setting]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{said}");
        assert!(said.contains(&format!(": {key}: ")), "{said}");
    }
}

#[test]
fn a_missing_machine_profile_says_how_to_make_one() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let scenario = scenario(folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_laiosim"))
        .args(["validate"])
        .arg(&scenario)
        .args(["--machine", "nowhere.toml"])
        .output()
        .expect("the program starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("laiosim calibrate"), "{said}");
}
