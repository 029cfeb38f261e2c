//! `LAIO_STATS=1`: each engine's counters on standard error, when it is dropped or the process
//! exits, whichever comes first.

use std::fmt::Write;
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError, Weak};

use super::tally::Tally;
use crate::counted::ROWS;
use crate::{CallCounters, Detector, Times};

/// The engines that have not been reported.
static LIVE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

struct Live {
    tally: Weak<Tally>,
    detector: Detector,
}

/// Whether the environment asked for reports when the first engine was started.
fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var_os("LAIO_STATS").is_some_and(|value| value == "1"))
}

/// Has a new engine reported in the end, if that is wanted.
pub(crate) fn register(tally: &Arc<Tally>, detector: Detector) {
    static AT_EXIT: Once = Once::new();
    if !is_on() {
        return;
    }
    // SAFETY: the function takes nothing and does not unwind.
    AT_EXIT.call_once(|| unsafe {
        libc::atexit(report_all);
    });
    let tally = Arc::downgrade(tally);
    live().push(Live { tally, detector });
}

/// Reports an engine that is being dropped.
pub(crate) fn report(tally: &Arc<Tally>) {
    if !is_on() {
        return;
    }
    let mut live = live();
    if let Some(at) = live.iter().position(|one| one.is(tally)) {
        print(&table(tally, live.swap_remove(at).detector));
    }
}

extern "C" fn report_all() {
    for one in live().drain(..) {
        if let Some(tally) = one.tally.upgrade() {
            print(&table(&tally, one.detector));
        }
    }
}

/// Not `eprint`, which panics if nobody reads any more.
fn print(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes());
}

impl Live {
    fn is(&self, tally: &Arc<Tally>) -> bool {
        std::ptr::eq(self.tally.as_ptr(), Arc::as_ptr(tally))
    }
}

fn live() -> std::sync::MutexGuard<'static, Vec<Live>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The counters as a table, one line for each system call that was made.
fn table(tally: &Tally, detector: Detector) -> String {
    let mut text = format!(
        "laio: upcall engine, {detector} detector\n{:<16} {:>10} {:>10} {:>8} {:>8} {:>8} {:>9} {:>12} {:>12}\n",
        "call",
        "issued",
        "stolen",
        "late",
        "parked",
        "false",
        "blocked %",
        "control us",
        "complete us",
    );
    let rows = (0..ROWS).map(|number| (name(number), tally.read(number)));
    let sum = ("all".to_owned(), tally.sum());
    for (name, counters) in rows.chain([sum]).filter(|(_, row)| row.issued > 0) {
        add_line(&mut text, &name, &counters);
    }
    text
}

fn add_line(text: &mut String, name: &str, row: &CallCounters) {
    let micros = |times: &Times| match times.mean() {
        Some(mean) => format!("{:.1}", mean.as_secs_f64() * 1e6),
        None => "-".to_owned(),
    };
    // Writing to a string cannot fail.
    let _ = writeln!(
        text,
        "{name:<16} {:>10} {:>10} {:>8} {:>8} {:>8} {:>9.2} {:>12} {:>12}",
        row.issued,
        row.stolen,
        row.late,
        row.parked,
        row.false_steals,
        row.block_rate().unwrap_or(0.0) * 100.0,
        micros(&row.control_back),
        micros(&row.completion),
    );
}

/// A system call's name.
fn name(number: usize) -> String {
    match syscalls::Sysno::new(number) {
        Some(call) => call.name().to_owned(),
        None if number == ROWS - 1 => "others".to_owned(),
        None => number.to_string(),
    }
}
