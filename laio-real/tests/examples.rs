//! The examples, run small: they do what they say.
#![cfg(target_arch = "x86_64")]

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use tempfile::TempDir;

/// The unit of `st_blocks`; stat(2).
const BLOCK_BYTES: u64 = 512;

/// Where the examples are. Builds them first: cargo does not for a single test target.
fn examples() -> &'static Path {
    static DIRECTORY: OnceLock<PathBuf> = OnceLock::new();
    DIRECTORY.get_or_init(|| {
        let test = std::env::current_exe().unwrap();
        // .../PROFILE/deps/examples-HASH
        let profile = test.ancestors().nth(2).unwrap();
        let target = profile.parent().unwrap();
        let mut cargo = Command::new(env!("CARGO"));
        cargo
            .args(["build", "--quiet", "--package", "laio", "--examples"])
            .arg("--target-dir")
            .arg(target)
            .current_dir(env!("CARGO_MANIFEST_DIR"));
        if profile.ends_with("release") {
            cargo.arg("--release");
        }
        assert!(cargo.status().unwrap().success());
        profile.join("examples")
    })
}

fn command(example: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(examples().join(example));
    command
        .args(arguments)
        .current_dir(env!("CARGO_TARGET_TMPDIR"));
    command
}

fn run(example: &str, arguments: &[&str]) -> Output {
    command(example, arguments).output().unwrap()
}

/// What a run that must succeed prints.
#[track_caller]
fn printed(example: &str, arguments: &[&str]) -> String {
    let output = run(example, arguments);
    let printed = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{example}: {printed}{errors}");
    assert_eq!(errors, "", "{example}: {printed}");
    printed
}

/// A table has a row for every contender, each of whose `loops` made as many calls together.
#[track_caller]
fn assert_table(printed: &str, loops: &str, least_calls: u64) {
    for &who in contenders() {
        let shown = if who == "uring" { "io_uring" } else { who };
        let row = printed
            .lines()
            .map(|line| line.split_whitespace().collect::<Vec<_>>())
            .find(|row| row.starts_with(&[loops, shown]))
            .unwrap_or_else(|| panic!("no row for {loops} {shown}: {printed}"));
        // loops, who, median, min, "..", max, calls
        let calls: u64 = row[6].parse().unwrap();
        assert!(calls >= least_calls, "{row:?}");
    }
}

/// Those that can run here: io_uring may be forbidden.
fn contenders() -> &'static [&'static str] {
    static HERE: OnceLock<&[&str]> = OnceLock::new();
    HERE.get_or_init(|| {
        let empty = directory();
        let path = empty.path().to_str().unwrap();
        let tried = printed("du", &[path, "--by", "plain,uring", "--rounds", "1"]);
        if tried.contains("io_uring: not here") {
            eprintln!("SKIPPED: io_uring, which this machine does not permit");
            return &["plain", "laio", "pool"];
        }
        &["plain", "laio", "pool", "uring"]
    })
}

/// A directory on the disk of the build, empty.
fn directory() -> TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap()
}

/// A tree with what trees have: depth, a directory of more than one listing, links, an empty file
/// and directory, a file of more than one read and many names.
fn tree() -> TempDir {
    let root = directory();
    let large = root.path().join("large");
    fs::write(&large, vec![7; 300_000]).unwrap();
    let mut deep = root.path().to_owned();
    for depth in 0..20 {
        deep.push(format!("depth-{depth}"));
        fs::create_dir(&deep).unwrap();
        fs::write(deep.join("file"), vec![depth; 100 * usize::from(depth)]).unwrap();
        fs::hard_link(&large, deep.join("another-name")).unwrap();
    }
    let wide = root.path().join("wide");
    fs::create_dir(&wide).unwrap();
    for number in 0..1000 {
        fs::write(
            wide.join(format!("file-of-a-long-name-{number}")),
            [1, 2, 3],
        )
        .unwrap();
    }
    fs::create_dir(root.path().join("empty")).unwrap();
    std::os::unix::fs::symlink("/", root.path().join("link")).unwrap();
    root
}

/// A tree that is no tree to share out: a long path, a file and a directory at each of its ends.
fn path_tree() -> TempDir {
    let root = directory();
    let mut deep = root.path().to_owned();
    for depth in 0..200 {
        fs::create_dir(deep.join("side")).unwrap();
        fs::write(deep.join("file"), "").unwrap();
        deep.push(format!("depth-{depth}"));
        fs::create_dir(&deep).unwrap();
    }
    root
}

/// Visits everything in a tree, its root included.
fn walk(path: &Path, visit: &mut dyn FnMut(&Path, &fs::Metadata)) {
    let metadata = fs::symlink_metadata(path).unwrap();
    visit(path, &metadata);
    if metadata.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), visit);
        }
    }
}

#[test]
fn rmtree_removes_what_it_made_and_nothing_else() {
    let at = directory();
    fs::write(at.path().join("bystander"), "").unwrap();
    let path = at.path().to_str().unwrap();
    let printed = printed("rmtree", &["--files", "300", "--rounds", "2", "--at", path]);
    // 300 files and 5 directories to remove.
    assert_table(&printed, "1", 305);
    let left: Vec<_> = fs::read_dir(&at)
        .unwrap()
        .map(|e| e.unwrap().file_name())
        .collect();
    assert_eq!(left, ["bystander"]);
}

#[test]
fn rmtree_removes_a_given_tree_only_if_really_told_to() {
    let tree = tree();
    let path = tree.path().to_str().unwrap();
    let output = run("rmtree", &[path]);
    assert!(!output.status.success());
    assert!(
        String::from_utf8(output.stderr)
            .unwrap()
            .contains("--really")
    );
    assert!(tree.path().join("wide").exists());
    printed("rmtree", &[path, "--really", "--by", "laio"]);
    assert!(!tree.path().exists());
}

#[test]
fn every_contender_removes_a_whole_tree_with_any_number_of_loops() {
    for &who in contenders() {
        for loops in ["1", "3"] {
            for tree in [tree(), path_tree()] {
                let path = tree.path().to_str().unwrap();
                printed("rmtree", &[path, "--really", "--by", who, "--loops", loops]);
                assert!(!tree.path().exists(), "{who}, {loops} loops");
            }
        }
    }
}

#[test]
fn loops_that_remove_trees_again_and_again_leave_nothing() {
    let at = directory();
    let path = at.path().to_str().unwrap();
    let arguments = ["--files", "500", "--rounds", "3", "--loops", "3", "--at"];
    let printed = printed("rmtree", &[&arguments[..], &[path]].concat());
    // 500 files and 8 directories to remove.
    assert_table(&printed, "3", 508);
    assert_eq!(fs::read_dir(&at).unwrap().count(), 0);
}

#[test]
fn a_missing_tree_fails_for_everybody() {
    for &who in contenders() {
        for loops in ["1", "2"] {
            let arguments = ["no-such-tree", "--really", "--by", who, "--loops", loops];
            let output = run("rmtree", &arguments);
            assert!(!output.status.success());
            let errors = String::from_utf8(output.stderr).unwrap();
            assert!(
                errors.contains("no-such-tree: No such file or directory"),
                "{errors}"
            );
            assert!(errors.contains("\"1 calls failed\""), "{errors}");
        }
    }
}

#[test]
fn directories_may_vanish_while_loops_walk() {
    for &who in contenders() {
        let tree = tree();
        let path = tree.path().to_str().unwrap();
        let arguments = [path, "--really", "--by", who, "--loops", "2"];
        let both = [(); 2].map(|()| {
            let mut command = command("rmtree", &arguments);
            command.stdout(Stdio::null()).stderr(Stdio::piped());
            command.spawn().unwrap()
        });
        for one in both {
            let errors = String::from_utf8(one.wait_with_output().unwrap().stderr).unwrap();
            for line in errors.lines() {
                let expected = line.ends_with("No such file or directory (os error 2)")
                    || line.ends_with(" calls failed\"");
                assert!(expected, "{who}: {line}");
            }
        }
        assert!(!tree.path().exists(), "{who}");
    }
}

/// Runs an example as somebody to whom permissions apply, and who gets all of `tree`; or `None`,
/// where nobody else may run it.
fn run_without_privilege(tree: &Path, example: &str, arguments: &[&str]) -> Option<Output> {
    const NOBODY: u32 = 65534;
    let mut command = command(example, arguments);
    // SAFETY: takes no memory.
    if unsafe { libc::geteuid() } == 0 {
        command.uid(NOBODY).gid(NOBODY);
        walk(tree, &mut |path, _| {
            chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        });
    }
    match command.output() {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            eprintln!("SKIPPED, because nobody may not run the examples");
            None
        }
        output => Some(output.unwrap()),
    }
}

#[test]
fn an_unreadable_directory_is_left_and_everything_else_is_done() {
    for &who in contenders() {
        for loops in ["1", "2"] {
            let tree = tree();
            let secret = tree.path().join("depth-0/depth-1/secret");
            fs::create_dir(&secret).unwrap();
            fs::write(secret.join("file"), "").unwrap();
            let all = [tree.path().to_str().unwrap(), "--by", who, "--loops", loops];
            let allow = |mode| {
                let permissions = fs::Permissions::from_mode(mode);
                fs::set_permissions(&secret, permissions).unwrap();
            };
            allow(0);
            for (example, failures, arguments) in [
                ("du", 1, &["--rounds", "1"][..]),
                // The directory, and all three above it, because they are not empty.
                ("rmtree", 4, &["--really"][..]),
            ] {
                let arguments = [&all[..], arguments].concat();
                let output = run_without_privilege(tree.path(), example, &arguments);
                let Some(output) = output else { return };
                assert!(!output.status.success());
                let errors = String::from_utf8(output.stderr).unwrap();
                assert!(errors.contains("secret: Permission denied"), "{errors}");
                let expected = format!("\"{failures} calls failed\"");
                assert!(errors.contains(&expected), "{who}, {loops}: {errors}");
            }
            allow(0o700);
            let mut left = Vec::new();
            walk(tree.path(), &mut |path, _| left.push(path.to_owned()));
            assert_eq!(left.len(), 5, "{who}, {loops}: {left:?}");
            assert!(left.contains(&secret.join("file")));
        }
    }
}

#[test]
fn loops_that_cannot_all_start_do_nothing_and_end() {
    let tree = tree();
    let path = tree.path().to_str().unwrap();
    // No machine has that many processors.
    let arguments = [path, "--loops", "2", "--cpu", "0,1000000", "--rounds", "1"];
    let printed = printed("du", &[&arguments[..], &["--by", "plain,laio"]].concat());
    assert!(printed.contains("laio: not here: "), "{printed}");
}

/// Options to sum up with.
const LOOPS_AND_COLD: [(&str, &[&str]); 4] = [
    ("1", &[]),
    ("1", &["--cold"]),
    ("2", &[]),
    ("3", &["--cold"]),
];

#[test]
fn du_equals_an_independent_walk() {
    let tree = tree();
    let (mut entries, mut bytes, mut disk_bytes) = (0, 0, 0);
    let mut seen = HashSet::new();
    walk(tree.path(), &mut |_, metadata| {
        if seen.insert((metadata.dev(), metadata.ino())) {
            entries += 1;
            bytes += metadata.size();
            disk_bytes += metadata.blocks() * BLOCK_BYTES;
        }
    });
    let expected = format!("{entries} entries, {bytes} bytes, {disk_bytes} bytes on disk\n");
    for (loops, cold) in LOOPS_AND_COLD {
        let path = tree.path().to_str().unwrap();
        let options = [path, "--rounds", "2", "--loops", loops];
        let printed = printed("du", &[&options[..], cold].concat());
        assert!(
            printed.contains(&expected),
            "{printed} instead of {expected}"
        );
        assert_table(&printed, loops, entries);
        assert_eq!(printed.contains("before each run: "), !cold.is_empty());
    }
}

#[test]
fn cat_many_reads_what_plain_reading_reads() {
    let tree = tree();
    let (mut files, mut bytes, mut checksum) = (0, 0, 0);
    walk(tree.path(), &mut |path, metadata| {
        if metadata.is_file() {
            let content = fs::read(path).unwrap();
            files += 1;
            bytes += content.len();
            checksum += u64::from(crc32fast::hash(&content));
        }
    });
    let expected = format!("{files} files, {bytes} bytes, checksum {checksum:016x}\n");
    for (loops, cold) in LOOPS_AND_COLD {
        let path = tree.path().to_str().unwrap();
        let options = [path, "--rounds", "2", "--loops", loops];
        let printed = printed("cat-many", &[&options[..], cold].concat());
        assert!(
            printed.contains(&expected),
            "{printed} instead of {expected}"
        );
        // At least an open, a read, and a read of nothing for each that is not empty.
        assert_table(&printed, loops, 2 * files);
    }
}

#[test]
fn at_most_one_call_may_be_in_flight() {
    let path = tree();
    let path = path.path().to_str().unwrap();
    for example in ["du", "cat-many"] {
        for loops in ["1", "2"] {
            let limits = ["--in-flight", "1", "--threads", "1", "--loops", loops];
            printed(
                example,
                &[&[path, "--rounds", "1", "--cold"], &limits[..]].concat(),
            );
        }
    }
}

#[test]
fn help_is_there() {
    for example in ["rmtree", "du", "cat-many"] {
        let help = printed(example, &["--help"]);
        for option in ["--files", "--in-flight", "--loops", "--cold", "--at"] {
            assert!(help.contains(option), "{example}: {help}");
        }
    }
}

/// What a handler example says: responses arrived whole, large ones, continuations.
fn handler_counts(example: &str) -> [u64; 3] {
    let printed = printed(example, &[]);
    assert!(printed.contains("arrived whole"), "{printed}");
    let mut numbers = printed
        .split(|c: char| !c.is_ascii_digit())
        .filter_map(|word| word.parse().ok());
    [(); 3].map(|()| numbers.next().unwrap())
}

#[test]
fn a_handler_continues_per_event_always_or_only_if_it_blocked() {
    let [nbio, aio, laio] = ["handler_nbio", "handler_aio", "handler_laio"].map(handler_counts);
    let [responses, large, _] = nbio;
    assert_eq!(aio[..2], nbio[..2]);
    assert_eq!(laio[..2], nbio[..2]);
    // Every large response is more than a socket's buffer holds.
    assert!(nbio[2] >= large);
    assert_eq!(aio[2], responses);
    assert!((1..responses).contains(&laio[2]), "{laio:?}");
}

#[test]
fn a_file_server_in_mio_answers_everybody() {
    let printed = printed("in_mio", &[]);
    // An open and a read for each.
    assert!(
        printed.starts_with("256 files arrived whole; 512 file calls, "),
        "{printed}"
    );
}

#[test]
fn the_handlers_in_the_documentation_are_those_of_the_examples() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let document = std::io::read_to_string(File::open(package.join("docs/handlers.md")).unwrap());
    let document = document.unwrap();
    for example in ["handler_nbio.rs", "handler_aio.rs", "handler_laio.rs"] {
        let source = fs::read_to_string(package.join("examples").join(example)).unwrap();
        let (_, section) = document
            .split_once(&format!("examples/{example})"))
            .unwrap_or_else(|| panic!("{example} is not shown"));
        let (_, code) = section.split_once("```rust\n").unwrap();
        let (code, _) = code.split_once("```").unwrap();
        assert!(code.contains("fn respond("), "{example}: {code}");
        assert!(source.contains(code), "not in {example}:\n{code}");
    }
}

#[test]
fn a_tokio_runtime_is_woken_by_completions() {
    let printed = printed("in_tokio", &[]);
    // An open and a read for each file, and the nap, which blocked.
    assert!(
        printed.starts_with("1024 messages echoed; 64 files read whole; 129 lazy calls, "),
        "{printed}"
    );
    assert!(!printed.contains(", 0 blocked"), "{printed}");
}
