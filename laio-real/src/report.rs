//! `LAIO_STATS=1`: each engine's counters on standard error, when it is dropped or the process
//! exits, whichever comes first.

use std::fmt::{self, Write};
use std::sync::{Arc, Mutex, Once, OnceLock, PoisonError, Weak};

use crate::counted::ROWS;
use crate::tally::Tally;
use crate::{CallCounters, Detector, EngineKind, Times};

/// The engines that have not been reported.
static LIVE: Mutex<Vec<Live>> = Mutex::new(Vec::new());

/// The process that reports at its exit.
static REPORTS_OF: OnceLock<u32> = OnceLock::new();

struct Live {
    tally: Weak<Tally>,
    engine: Engine,
}

/// What the reports call an engine.
#[derive(Clone, Copy)]
pub(crate) enum Engine {
    #[cfg_attr(not(target_arch = "x86_64"), expect(dead_code, reason = "not written"))]
    Upcall(Detector),
    /// One without carriers.
    Other(EngineKind),
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upcall(detector) => {
                write!(f, "{} engine, {detector} detector", EngineKind::Upcall)
            }
            Self::Other(kind) => write!(f, "{kind} engine"),
        }
    }
}

/// Whether the environment asked for reports when the first engine was started.
fn is_on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| std::env::var_os("LAIO_STATS").is_some_and(|value| value == "1"))
}

/// Has a new engine reported in the end, if that is wanted.
pub(crate) fn register(tally: &Arc<Tally>, engine: Engine) {
    static AT_EXIT: Once = Once::new();
    if !is_on() {
        return;
    }
    // SAFETY: the function takes nothing and does not unwind.
    AT_EXIT.call_once(|| unsafe {
        REPORTS_OF.get_or_init(std::process::id);
        libc::atexit(report_all);
    });
    let tally = Arc::downgrade(tally);
    live().push(Live { tally, engine });
}

/// Reports an engine that is being dropped.
pub(crate) fn report(tally: &Arc<Tally>) {
    if !is_on() {
        return;
    }
    let mut live = live();
    if let Some(at) = live.iter().position(|one| one.is(tally)) {
        print(&table(tally, live.swap_remove(at).engine));
    }
}

extern "C" fn report_all() {
    // Not what a fork has inherited, with a lock that a thread of the parent may have held.
    if REPORTS_OF.get() != Some(&std::process::id()) {
        return;
    }
    for one in live().drain(..) {
        if let Some(tally) = one.tally.upgrade() {
            print(&table(&tally, one.engine));
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

/// A column after the call's name.
struct Column {
    title: &'static str,
    width: usize,
    /// Whether only the upcall engine has such calls.
    of_upcall: bool,
    cell: fn(&CallCounters) -> String,
}

impl Column {
    const fn new(title: &'static str, width: usize, cell: fn(&CallCounters) -> String) -> Self {
        Self {
            title,
            width,
            of_upcall: false,
            cell,
        }
    }

    const fn of_upcall(self) -> Self {
        Self {
            of_upcall: true,
            ..self
        }
    }
}

const COLUMNS: [Column; 8] = [
    Column::new("issued", 10, |row| row.issued.to_string()),
    Column::new("stolen", 10, |row| row.stolen.to_string()),
    Column::new("late", 8, |row| row.late.to_string()).of_upcall(),
    Column::new("parked", 8, |row| row.parked.to_string()).of_upcall(),
    Column::new("false", 8, |row| row.false_steals.to_string()),
    Column::new("blocked %", 9, |row| {
        format!("{:.2}", row.block_rate().unwrap_or(0.0) * 100.0)
    }),
    Column::new("control us", 12, |row| micros(&row.control_back)),
    Column::new("complete us", 12, |row| micros(&row.completion)),
];

/// The counters as a table, one line for each system call that was made.
fn table(tally: &Tally, engine: Engine) -> String {
    let mut text = format!("laio: {engine}\n");
    let is_upcall = matches!(engine, Engine::Upcall(_));
    add_line(&mut text, "call", is_upcall, |column| column.title.into());
    let rows = (0..ROWS).map(|number| (name(number), tally.read(number)));
    let sum = ("all".to_owned(), tally.sum());
    for (name, row) in rows.chain([sum]).filter(|(_, row)| row.issued > 0) {
        add_line(&mut text, &name, is_upcall, |column| (column.cell)(&row));
    }
    text
}

fn add_line(text: &mut String, name: &str, is_upcall: bool, cell: impl Fn(&Column) -> String) {
    // Writing to a string cannot fail.
    let _ = write!(text, "{name:<16}");
    for column in COLUMNS.iter().filter(|one| is_upcall || !one.of_upcall) {
        let _ = write!(text, " {:>width$}", cell(column), width = column.width);
    }
    text.push('\n');
}

fn micros(times: &Times) -> String {
    match times.mean() {
        Some(mean) => format!("{:.1}", mean.as_secs_f64() * 1e6),
        None => "-".to_owned(),
    }
}

/// A system call's name.
fn name(number: usize) -> String {
    match syscalls::Sysno::new(number) {
        Some(call) => call.name().to_owned(),
        None if number == ROWS - 1 => "others".to_owned(),
        None => number.to_string(),
    }
}
