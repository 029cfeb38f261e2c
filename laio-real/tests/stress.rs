//! A million calls of all kinds, blocking and not, up to hundreds in flight, on every engine: every
//! result is seen exactly once and is the right one.

mod common;

use std::collections::HashMap;
use std::fs::File;
use std::io::{PipeReader, PipeWriter, Write};
use std::os::fd::AsRawFd;
use std::time::{Duration, Instant};

use common::Random;
use laio::{Builder, Completion, EngineKind, Error, Handle, Laio, Submission};

/// Calls in flight at most; nearly as many usually are.
const SLOTS: usize = 300;
/// So that no call has to wait for a carrier.
const CARRIERS: usize = 2 * SLOTS;
const CELLS: usize = 4096;
const WORD_BYTES: usize = 8;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Kind {
    ParentId,
    CachedRead,
    FullPipe,
    EmptyPipe,
    Nap,
    BadDescriptor,
}

/// One call at a time, with the memory and the pipe that it uses.
struct Slot {
    kind: Kind,
    word: u64,
    expected: u64,
    nap: libc::timespec,
    reader: PipeReader,
    writer: PipeWriter,
}

struct Stress {
    laio: Laio,
    random: Random,
    slots: Vec<Slot>,
    free: Vec<usize>,
    /// Slots whose pipe read waits until the loop writes.
    unwritten: Vec<usize>,
    in_flight: HashMap<Handle, usize>,
    most_in_flight: usize,
    last_handle: Option<Handle>,
    cells: File,
    issued: u64,
    inline: u64,
    completed: u64,
    completions: Vec<Completion>,
}

impl Stress {
    fn new(laio: Laio) -> Self {
        common::allow_many_descriptors();
        let mut cells = tempfile::tempfile().unwrap();
        for cell in 0..CELLS as u64 {
            cells.write_all(&cell.to_le_bytes()).unwrap();
        }
        let slots = (0..SLOTS).map(|_| {
            let (reader, writer) = std::io::pipe().unwrap();
            let nap = libc::timespec {
                tv_sec: 0,
                tv_nsec: 0,
            };
            Slot {
                kind: Kind::ParentId,
                word: 0,
                expected: 0,
                nap,
                reader,
                writer,
            }
        });
        Self {
            laio,
            random: Random(1),
            slots: slots.collect(),
            free: (0..SLOTS).collect(),
            unwritten: Vec::new(),
            in_flight: HashMap::new(),
            most_in_flight: 0,
            last_handle: None,
            cells,
            issued: 0,
            inline: 0,
            completed: 0,
            completions: Vec::new(),
        }
    }

    fn run(&mut self, calls: u64) {
        while self.issued < calls {
            if let Some(slot) = self.free.pop() {
                self.issue(slot);
            } else {
                self.write_one();
                self.collect(None);
            }
            match self.random.below(16) {
                0 => self.write_one(),
                1 => self.collect(Some(Duration::ZERO)),
                _ => {}
            }
        }
        while !self.in_flight.is_empty() {
            self.write_one();
            self.collect(Some(Duration::from_millis(1)));
        }
    }

    fn issue(&mut self, slot: usize) {
        let (number, args) = self.prepare(slot);
        self.issued += 1;
        // SAFETY: the slot's memory stays and is used by this call only.
        match unsafe { self.laio.syscall(number, args) } {
            Submission::Done(result) => {
                self.inline += 1;
                self.check(slot, result);
                self.free.push(slot);
            }
            Submission::Background(handle) => {
                assert!(
                    self.last_handle < Some(handle),
                    "{handle:?} was used before"
                );
                self.last_handle = Some(handle);
                self.in_flight.insert(handle, slot);
                self.most_in_flight = self.most_in_flight.max(self.in_flight.len());
                if self.slots[slot].kind == Kind::EmptyPipe {
                    self.unwritten.push(slot);
                }
            }
        }
    }

    fn prepare(&mut self, index: usize) -> (i64, [usize; 6]) {
        let slot = &mut self.slots[index];
        let word = &raw mut slot.word as usize;
        let reader = slot.reader.as_raw_fd() as usize;
        slot.word = u64::MAX;
        slot.expected = self.random.next() % CELLS as u64;
        slot.kind = match self.random.below(64) {
            0..20 => Kind::ParentId,
            20..44 => Kind::CachedRead,
            44..54 => Kind::FullPipe,
            54..58 => Kind::BadDescriptor,
            58..60 => Kind::Nap,
            _ => Kind::EmptyPipe,
        };
        match slot.kind {
            Kind::ParentId => (libc::SYS_getppid, [0; 6]),
            Kind::CachedRead => {
                let offset = slot.expected as usize * WORD_BYTES;
                let fd = self.cells.as_raw_fd() as usize;
                (libc::SYS_pread64, [fd, word, WORD_BYTES, offset, 0, 0])
            }
            Kind::FullPipe => {
                slot.writer.write_all(&slot.expected.to_le_bytes()).unwrap();
                (libc::SYS_read, [reader, word, WORD_BYTES, 0, 0, 0])
            }
            Kind::EmptyPipe => (libc::SYS_read, [reader, word, WORD_BYTES, 0, 0, 0]),
            Kind::Nap => {
                slot.nap.tv_nsec = 100_000 + 20 * slot.expected as i64;
                (
                    libc::SYS_nanosleep,
                    [&raw const slot.nap as usize, 0, 0, 0, 0, 0],
                )
            }
            Kind::BadDescriptor => (libc::SYS_read, [usize::MAX, word, WORD_BYTES, 0, 0, 0]),
        }
    }

    fn write_one(&mut self) {
        if self.unwritten.is_empty() {
            return;
        }
        let at = self.random.below(self.unwritten.len() as u64) as usize;
        let slot = &mut self.slots[self.unwritten.swap_remove(at)];
        slot.writer.write_all(&slot.expected.to_le_bytes()).unwrap();
    }

    fn collect(&mut self, timeout: Option<Duration>) {
        let mut completions = std::mem::take(&mut self.completions);
        let count = self.laio.poll(&mut completions, timeout).unwrap();
        assert_eq!(count, completions.len());
        for Completion { handle, result } in completions.drain(..) {
            let slot = self
                .in_flight
                .remove(&handle)
                .expect("a completion for no call");
            self.completed += 1;
            self.check(slot, result);
            self.free.push(slot);
            // Steals while a batch is being handled.
            if let Some(next) = self.free.pop() {
                self.issue(next);
            }
        }
        self.completions = completions;
    }

    fn check(&self, slot: usize, result: std::io::Result<i64>) {
        let slot = &self.slots[slot];
        match slot.kind {
            // SAFETY: takes no memory.
            Kind::ParentId => assert_eq!(result.unwrap(), unsafe { libc::getppid() }.into()),
            Kind::Nap => assert_eq!(result.unwrap(), 0),
            Kind::BadDescriptor => {
                assert_eq!(result.unwrap_err().raw_os_error(), Some(libc::EBADF));
            }
            Kind::CachedRead | Kind::FullPipe | Kind::EmptyPipe => {
                assert_eq!(result.unwrap(), WORD_BYTES as i64);
                assert_eq!(slot.word, slot.expected);
            }
        }
    }
}

/// The upcall engine, with a carrier for every call.
fn upcall() -> Builder {
    let upcall = Laio::builder().engine(EngineKind::Upcall);
    upcall.max_carriers(CARRIERS)
}

fn stress(laio: Laio, calls: u64) {
    let mut stress = Stress::new(laio);
    let began = Instant::now();
    stress.run(calls);
    let took = began.elapsed();
    assert_eq!(stress.inline + stress.completed, stress.issued);
    let counters = stress.laio.counters();
    println!(
        "{} engine: {} calls, {} in the background, at most {} at once, {:.1} s; {counters:?}",
        stress.laio.engine(),
        stress.issued,
        stress.completed,
        stress.most_in_flight,
        took.as_secs_f64()
    );
    assert_eq!(counters.calls.issued, stress.issued);
    assert_eq!(counters.calls.stolen, stress.completed);
    assert_eq!(counters.in_flight, 0);
    let slept = stress.laio.call_counters(libc::SYS_nanosleep);
    // All but the naps during whose set-up the machine itself paused.
    assert!(
        slept.blocked() * 100 >= slept.issued * 99,
        "naps block: {slept:?}"
    );
    let own_id = stress.laio.call_counters(libc::SYS_getppid);
    assert_eq!(own_id.blocked(), 0, "getppid never blocks: {own_id:?}");
}

#[test]
fn every_result_of_a_million_calls_is_seen_once() {
    let _turn = common::turn();
    stress(upcall().cpu(0).start().unwrap(), 1_000_000);
}

#[test]
fn every_result_is_seen_once_on_the_other_engines() {
    let _turn = common::turn();
    for kind in [EngineKind::Uring, EngineKind::Pool] {
        let builder = Laio::builder().engine(kind).max_carriers(CARRIERS);
        match builder.start() {
            Ok(laio) => stress(laio, 40_000),
            Err(error @ Error::NoIoUring { .. }) => println!("SKIPPED: {kind}: {error}"),
            Err(error) => panic!("{kind}: {error}"),
        }
    }
}

/// `cargo test --release -p laio --test stress -- --ignored --nocapture`
#[test]
#[ignore = "long without optimization: ten million calls"]
fn every_result_of_ten_million_calls_on_four_loops_is_seen_once() {
    let _turn = common::turn();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| stress(upcall().start().unwrap(), 2_500_000));
        }
    });
}

#[test]
fn every_result_is_seen_once_with_each_detector() {
    let _turn = common::turn();
    for detector in laio::Detector::ALL {
        if let Some(laio) = common::with_detector(detector) {
            println!("{detector}");
            stress(laio, 40_000);
        }
    }
}

#[test]
fn several_loops_each_see_every_result_of_their_own_calls_once() {
    let _turn = common::turn();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| stress(upcall().start().unwrap(), 100_000));
        }
    });
}

#[test]
fn every_result_is_seen_once_without_fs_base_swap_and_with_few_carriers() {
    let _turn = common::turn();
    // Only the loop ends the pipe reads, so those that get no carrier must not block it.
    let laio = Laio::builder().cpu(0).swap_fs_base(false).max_carriers(8);
    stress(laio.start().unwrap(), 100_000);
}

#[test]
fn every_result_is_seen_once_beside_a_busy_thread_on_the_same_cpu() {
    let _turn = common::turn();
    let laio = upcall().cpu(0).start().unwrap();
    // Inherits the loop's CPU.
    let _busy = common::BusyThread::start();
    stress(laio, 100_000);
}
