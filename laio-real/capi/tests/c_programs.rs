//! Compiles the programs in `tests/c` with the C compiler, and as C++, against both library files,
//! and runs them. Installs the library, and builds the example as its users would.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use tempfile::TempDir;

/// What `rustc --print native-static-libs` tells for the static library.
const SYSTEM_LIBRARIES: [&str; 7] = [
    "-lgcc_s",
    "-lutil",
    "-lrt",
    "-lpthread",
    "-lm",
    "-ldl",
    "-lc",
];

const WARNINGS: [&str; 5] = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-O2"];

/// A C or C++ compiler and the standard that the programs are written to.
#[derive(Clone, Copy)]
struct Language {
    compiler: &'static str,
    flags: &'static [&'static str],
}

const C: Language = Language {
    compiler: "cc",
    flags: &["-std=c11", "-D_GNU_SOURCE"],
};

const CXX: Language = Language {
    compiler: "c++",
    flags: &["-x", "c++", "-std=c++11"],
};

#[derive(Clone, Copy, PartialEq)]
enum Library {
    Shared,
    Static,
}

/// A folder with the libraries under the names that the linker and the loader look for.
struct Fixture {
    folder: TempDir,
}

impl Fixture {
    /// `None`, loudly, if there is no such compiler.
    fn with(language: Language) -> Option<Self> {
        if !is_there(language.compiler) {
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        for (file, name) in [
            ("liblaio.so", "liblaio.so"),
            (
                "liblaio.so",
                concat!("liblaio.so.", env!("CARGO_PKG_VERSION_MAJOR")),
            ),
            ("liblaio.a", "liblaio.a"),
        ] {
            std::os::unix::fs::symlink(artefact(file), folder.path().join(name)).unwrap();
        }
        Some(Self { folder })
    }

    fn compile(&self, language: Language, source: &Path, library: Library) -> PathBuf {
        let package = Path::new(env!("CARGO_MANIFEST_DIR"));
        let program = self.folder.path().join(source.file_stem().unwrap());
        let mut command = Command::new(language.compiler);
        command
            .args(language.flags)
            .args(WARNINGS)
            .arg("-I")
            .arg(package.join("include"))
            .arg(source)
            // The libraries that follow are no C++ sources.
            .args(["-x", "none", "-pthread", "-o"])
            .arg(&program);
        match library {
            Library::Shared => {
                let rpath = format!("-Wl,-rpath,{}", self.folder.path().display());
                command
                    .arg("-L")
                    .arg(self.folder.path())
                    .arg("-llaio")
                    .arg(rpath);
            }
            Library::Static => {
                command
                    .arg(self.folder.path().join("liblaio.a"))
                    .args(SYSTEM_LIBRARIES);
            }
        }
        run(&mut command);
        program
    }

    /// Compiles and runs every program.
    fn run_all(&self, language: Language, library: Library) {
        let sources = sources();
        for source in &sources {
            let program = self.compile(language, source, library);
            let output = Command::new(&program).output().unwrap();
            let expected = if program.ends_with("exit_in_flight") {
                7
            } else {
                0
            };
            assert_eq!(
                output.status.code(),
                Some(expected),
                "{}: {}\n{}{}",
                source.display(),
                output.status,
                String::from_utf8_lossy(&output.stdout),
                String::from_utf8_lossy(&output.stderr),
            );
            let said = String::from_utf8_lossy(&output.stdout);
            for line in said.lines().filter(|line| line.starts_with("SKIPPED")) {
                skipped(line);
            }
            std::fs::remove_file(program).unwrap();
        }
        println!("{} programs", sources.len());
    }
}

/// A library file. Cargo does not build these for tests, so it is asked to, and tells where they
/// are: for this test's profile, in its target folder.
fn artefact(file: &str) -> PathBuf {
    static BUILT: OnceLock<Vec<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(build);
    let path = built.iter().find(|path| path.ends_with(file));
    path.unwrap_or_else(|| panic!("cargo made {built:?}, without {file}"))
        .clone()
}

fn build() -> Vec<PathBuf> {
    let test = std::env::current_exe().unwrap();
    let profile_folder = test.parent().and_then(Path::parent).unwrap();
    let profile = match profile_folder.file_name().and_then(OsStr::to_str).unwrap() {
        "debug" => "dev",
        name => name,
    };
    let target_folder = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let mut command = Command::new(env!("CARGO"));
    command
        .args(["build", "--offline", "--package", "laio-c", "--lib"])
        .args(["--message-format", "json", "--profile", profile])
        .arg("--target-dir")
        .arg(target_folder)
        .current_dir(env!("CARGO_MANIFEST_DIR"));
    let messages = run(&mut command);
    let mut files = Vec::new();
    for line in messages.lines() {
        let message: serde_json::Value = serde_json::from_str(line).unwrap();
        let manifest = message["manifest_path"].as_str();
        if message["reason"] == "compiler-artifact"
            && manifest == Some(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"))
        {
            let names = message["filenames"].as_array().unwrap();
            files.extend(
                names
                    .iter()
                    .map(|name| PathBuf::from(name.as_str().unwrap())),
            );
        }
    }
    files
}

/// Whether a tool is there; says so, loudly, if not.
fn is_there(tool: &str) -> bool {
    let found = Command::new(tool).arg("--version").output().is_ok();
    if !found {
        skipped(&format!("SKIPPED: there is no `{tool}`"));
    }
    found
}

/// Past the test harness, which keeps what passing tests print.
fn skipped(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Runs a command that must succeed, and returns what it printed.
#[track_caller]
fn run(command: &mut Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}:\n{said}");
    String::from_utf8(output.stdout).unwrap()
}

fn sources() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/c");
    let mut sources: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "c"))
        .collect();
    sources.sort();
    assert!(!sources.is_empty());
    sources
}

#[test]
fn c_programs_run_with_the_shared_library() {
    if let Some(fixture) = Fixture::with(C) {
        fixture.run_all(C, Library::Shared);
    }
}

#[test]
fn c_programs_run_with_the_static_library() {
    if let Some(fixture) = Fixture::with(C) {
        fixture.run_all(C, Library::Static);
    }
}

#[test]
fn the_programs_are_cxx_too() {
    if let Some(fixture) = Fixture::with(CXX) {
        fixture.run_all(CXX, Library::Shared);
    }
}

#[test]
fn the_shared_library_exports_the_header_and_nothing_else() {
    if !is_there("nm") {
        return;
    }
    let shared = artefact("liblaio.so");
    let symbols = run(Command::new("nm")
        .args(["-D", "--defined-only"])
        .arg(shared));
    let mut names: Vec<_> = symbols
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    names.sort();
    let functions = [
        "laio_completion_fd",
        "laio_counters",
        "laio_engine",
        "laio_gethandle",
        "laio_poll",
        "laio_poll_long",
        "laio_syscall",
        "laio_syscall_long",
        "laio_wait",
    ];
    assert_eq!(names, functions);
    let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/laio_api.h");
    let header = std::fs::read_to_string(header).unwrap();
    for function in functions {
        assert!(header.contains(&format!("{function}(")), "{function}");
    }
}

#[test]
fn an_installed_library_is_found_by_pkg_config() {
    if !["make", "cc", "pkg-config"].into_iter().all(is_there) {
        return;
    }
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let folder = tempfile::tempdir().unwrap();
    let (prefix, program) = (folder.path(), folder.path().join("cat_many"));
    let libraries = prefix.join("lib");
    run(Command::new("make")
        .arg("-C")
        .arg(package)
        .arg("install")
        .arg(format!("PREFIX={}", prefix.display()))
        .arg(format!(
            "BUILD={}",
            artefact("liblaio.so").parent().unwrap().display()
        )));
    for options in [
        &["--cflags", "--libs"][..],
        &["--static", "--cflags", "--libs"],
    ] {
        let flags = run(Command::new("pkg-config")
            .env("PKG_CONFIG_PATH", libraries.join("pkgconfig"))
            .args(options)
            .arg("laio"));
        run(Command::new("cc")
            .args(C.flags)
            .args(WARNINGS)
            .arg(package.join("examples/cat_many.c"))
            .args(flags.split_whitespace())
            .arg("-o")
            .arg(&program));
        let said = run(Command::new(&program)
            .env("LD_LIBRARY_PATH", &libraries)
            .arg("20")
            .arg(prefix));
        assert!(said.contains("one loop"), "{said}");
    }
}

#[test]
fn the_header_needs_nothing_before_it() {
    for (language, standard) in [(C, "-std=c99"), (CXX, "-std=c++98")] {
        if is_there(language.compiler) {
            let header = Path::new(env!("CARGO_MANIFEST_DIR")).join("include/laio_api.h");
            let kind = if language.compiler == "cc" {
                "c"
            } else {
                "c++"
            };
            // <stdint.h> is newer than C++98, and a system header.
            run(Command::new(language.compiler)
                .args(WARNINGS)
                .args([standard, "-fsyntax-only", "-x", kind])
                .arg(header));
        }
    }
}
