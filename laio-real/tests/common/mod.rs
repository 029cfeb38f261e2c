//! What the tests share.
#![allow(dead_code, reason = "each test file uses a part")]

use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};

use laio::{Builder, Completion, Detector, EngineKind, Error, Handle, Laio, Submission};

/// One test at a time: loops that share a processor are late more often.
pub(crate) fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    TURN.lock()
        .unwrap_or_else(|failed_test| failed_test.into_inner())
}

/// An engine with this detector; `None`, and said so, where the kernel does not permit it.
pub(crate) fn with_detector(detector: Detector) -> Option<Laio> {
    match Laio::builder().detector(detector).start() {
        Ok(laio) => Some(laio),
        Err(Error::Detector { call, source, .. }) if call == "perf_event_open" => {
            println!("SKIPPED: {detector}, because {call} is not permitted: {source}");
            None
        }
        Err(error) => panic!("{detector}: {error}"),
    }
}

/// The only engine to be tested, by its name: what a sanitizer can follow.
const ONLY_ENGINE: &str = "LAIO_TEST_ENGINE";

/// The only engine to be tested, if the environment names one.
pub(crate) fn only_engine() -> Option<EngineKind> {
    let name = std::env::var(ONLY_ENGINE).ok()?;
    let kind = EngineKind::ALL
        .into_iter()
        .find(|kind| kind.to_string() == name);
    Some(kind.unwrap_or_else(|| panic!("{ONLY_ENGINE}={name} is no engine")))
}

/// An engine, or `None` where this machine does not have it, or it is not to be tested.
pub(crate) fn start(builder: Builder, kind: EngineKind) -> Option<Laio> {
    if only_engine().is_some_and(|only| only != kind) {
        return None;
    }
    match builder.engine(kind).start() {
        Ok(laio) => {
            assert_eq!(laio.engine(), kind);
            Some(laio)
        }
        Err(Error::NoIoUring { .. } | Error::UnsupportedPlatform | Error::NoFsgsbase) => {
            eprintln!("not here: {kind}");
            None
        }
        Err(error) => panic!("{kind}: {error}"),
    }
}

/// Where a test run as nobody finds its [`folder_on_disk`].
const FOLDER: &str = "LAIO_TEST_FOLDER";

/// Seconds after which a child process counts as hung: ours, far more than any needs.
const CHILD_SECONDS: u32 = 120;

/// Runs one of this file's ignored tests in a process of its own, which a signal ends if it hangs.
#[track_caller]
pub(crate) fn run_child(test: &str) -> std::process::Output {
    let output = child(test).output().unwrap();
    // A name that no test has is none to the harness, which then succeeds.
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(said.contains("running 1 test\n"), "{test}: {output:#?}");
    output
}

/// What [`run_child`] runs.
pub(crate) fn child(test: &str) -> std::process::Command {
    let mut child = std::process::Command::new(std::env::current_exe().unwrap());
    child
        .args(["--exact", test, "--ignored", "--nocapture"])
        .env("LAIO_TEST_CHILD", "1");
    child
}

/// As [`run_child`]; the test must pass.
#[track_caller]
pub(crate) fn child_passes(test: &str) {
    let output = run_child(test);
    assert!(output.status.success(), "{test}: {output:#?}");
}

/// To be called first by a test that is a child: has it end when it hangs. False if the test was
/// not started by [`run_child`], but along with all the ignored ones.
pub(crate) fn begin_child() -> bool {
    let is_child = std::env::var_os("LAIO_TEST_CHILD").is_some();
    if is_child {
        // SAFETY: takes no memory. The default action of the alarm ends the process.
        unsafe { libc::alarm(CHILD_SECONDS) };
    }
    is_child
}

/// Runs this file's tests but `test` again without privilege: as nobody, with no capabilities, and
/// again with a kernel that refuses `perf_event_open` as at a `perf_event_paranoid` of 3. `test`
/// holds no [`turn`] of the processes that it starts, only of its own.
pub(crate) fn all_pass_as_nobody(test: &str) {
    const NOBODY: u32 = 65534;
    if !is_root_or_skip("running the tests again as nobody") {
        return;
    }
    let folder = tempfile::tempdir_in(folder_on_disk()).unwrap();
    std::os::unix::fs::chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    for denied in [&[][..], &[libc::SYS_perf_event_open]] {
        let mut again = std::process::Command::new(std::env::current_exe().unwrap());
        again
            .args(["--skip", test])
            .env(FOLDER, folder.path())
            .uid(NOBODY)
            .gid(NOBODY);
        // SAFETY: runs in the child, which has one thread; allocates, which the C library allows.
        unsafe {
            again.pre_exec(move || {
                deny(denied, libc::EACCES);
                Ok(())
            })
        };
        let output = match again.output() {
            Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
                let mut out = std::io::stderr();
                writeln!(out, "SKIPPED, because nobody may not run the tests' files").unwrap();
                return;
            }
            output => output.unwrap(),
        };
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(
            output.status.success(),
            "as nobody, without {denied:?}:\n{text}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert!(!text.contains(" 0 passed"), "{text}");
    }
}

/// Raises the soft limit of descriptors, often 1,024, to the hard one.
pub(crate) fn allow_many_descriptors() {
    // SAFETY: the call fills the structure, of which all zeroes are a valid value; then it is read.
    unsafe {
        let mut limit = std::mem::MaybeUninit::<libc::rlimit>::zeroed().assume_init();
        libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max;
        libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
    }
}

/// A folder on a disk that the test may write in.
pub(crate) fn folder_on_disk() -> PathBuf {
    std::env::var_os(FOLDER).map_or_else(|| env!("CARGO_TARGET_TMPDIR").into(), PathBuf::from)
}

/// CPU time of the process so far.
pub(crate) fn cpu_time() -> std::time::Duration {
    let mut time = std::mem::MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call fills the structure.
    let time = unsafe {
        libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, time.as_mut_ptr());
        time.assume_init()
    };
    std::time::Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Whether the tests run as root; if not, says what that leaves out.
pub(crate) fn is_root_or_skip(what: &str) -> bool {
    // SAFETY: takes no memory.
    let is_root = unsafe { libc::geteuid() } == 0;
    if !is_root {
        // Past the harness, which would hide it.
        let mut out = std::io::stderr();
        writeln!(out, "SKIPPED, because not root: {what}").unwrap();
    }
    is_root
}

/// xorshift64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}

/// A thread that computes until it is dropped.
pub(crate) struct BusyThread(Arc<AtomicBool>);

impl BusyThread {
    pub(crate) fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stop);
        std::thread::spawn(move || while !seen.load(Ordering::Relaxed) {});
        Self(stop)
    }
}

impl Drop for BusyThread {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A read of a pipe: it blocks, however long the watcher takes to come, until the loop itself ends
/// it.
pub(crate) struct PipeRead {
    reader: PipeReader,
    writer: PipeWriter,
    byte: Box<u8>,
}

impl PipeRead {
    pub(crate) fn new() -> Self {
        let (reader, writer) = std::io::pipe().unwrap();
        Self {
            reader,
            writer,
            byte: Box::new(0),
        }
    }

    /// New ones, all issued.
    pub(crate) fn issue_all<const N: usize>(laio: &mut Laio) -> [Self; N] {
        let mut reads = [(); N].map(|()| Self::new());
        for read in &mut reads {
            read.issue(laio);
        }
        reads
    }

    #[track_caller]
    pub(crate) fn issue(&mut self, laio: &mut Laio) -> Handle {
        let args = [
            self.reader.as_raw_fd() as usize,
            &raw mut *self.byte as usize,
            1,
            0,
            0,
            0,
        ];
        // SAFETY: the tests keep the byte until the read has ended.
        background(unsafe { laio.syscall(libc::SYS_read, args) })
    }

    pub(crate) fn end(&mut self) {
        self.writer.write_all(b"x").unwrap();
    }

    /// What has been read; 0 before.
    pub(crate) fn byte(&self) -> u8 {
        *self.byte
    }

    /// Ends all, and collects them.
    pub(crate) fn end_all(reads: &mut [Self], laio: &mut Laio) {
        for read in reads.iter_mut() {
            read.end();
        }
        for completion in collect(laio, reads.len()) {
            assert_eq!(completion.result.unwrap(), 1);
        }
        assert!(reads.iter().all(|read| *read.byte == b'x'));
    }
}

/// Makes the loop change carriers.
pub(crate) fn wander(laio: &mut Laio) {
    let mut reads = PipeRead::issue_all::<3>(laio);
    PipeRead::end_all(&mut reads, laio);
}

/// Naps through the engine. The caller keeps `nap` until it has ended.
pub(crate) fn nap(laio: &mut Laio, nap: &libc::timespec) -> Submission {
    let args = [std::ptr::from_ref(nap) as usize, 0, 0, 0, 0, 0];
    // SAFETY: see above.
    unsafe { laio.syscall(libc::SYS_nanosleep, args) }
}

/// A time to nap.
pub(crate) fn millis(millis: i64) -> libc::timespec {
    libc::timespec {
        tv_sec: millis / 1000,
        tv_nsec: millis % 1000 * 1_000_000,
    }
}

/// The handle of a call that must have blocked.
#[track_caller]
pub(crate) fn background(submission: Submission) -> Handle {
    match submission {
        Submission::Background(handle) => handle,
        Submission::Done(result) => panic!("returned inline: {result:?}"),
    }
}

/// The result of a call that must not have blocked.
#[track_caller]
pub(crate) fn done(submission: Submission) -> std::io::Result<i64> {
    match submission {
        Submission::Done(result) => result,
        Submission::Background(handle) => panic!("went to the background as {handle:?}"),
    }
}

/// The next `count` completions, in the order in which they are returned.
pub(crate) fn collect(laio: &mut Laio, count: usize) -> Vec<Completion> {
    let (mut all, mut batch) = (Vec::new(), Vec::new());
    while all.len() < count {
        laio.poll(&mut batch, None).unwrap();
        all.append(&mut batch);
    }
    assert_eq!(all.len(), count);
    all
}

/// Has the kernel answer `denied` calls with `errno`, on this thread and what it starts, as a
/// container's filter would.
pub(crate) fn deny(denied: &[i64], errno: i32) {
    let statement = |code: u32, k: u32, jt: u8| libc::sock_filter {
        code: code as u16,
        jt,
        jf: 0,
        k,
    };
    // The call's number is the first word of the data.
    let mut program = vec![statement(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0)];
    for (at, &number) in denied.iter().enumerate() {
        let to_denial = (denied.len() - at) as u8;
        let equal = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
        program.push(statement(equal, number as u32, to_denial));
    }
    let give = libc::BPF_RET | libc::BPF_K;
    program.push(statement(give, libc::SECCOMP_RET_ALLOW, 0));
    program.push(statement(give, libc::SECCOMP_RET_ERRNO | errno as u32, 0));
    let filter = libc::sock_fprog {
        len: program.len() as u16,
        filter: program.as_mut_ptr(),
    };
    // SAFETY: a valid program; both calls concern this thread only.
    let installed = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
        libc::prctl(
            libc::PR_SET_SECCOMP,
            libc::SECCOMP_MODE_FILTER,
            &raw const filter,
        )
    };
    assert_eq!(installed, 0);
}
