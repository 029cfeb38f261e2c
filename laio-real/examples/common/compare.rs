//! The same work by every contender, in turn, and a table of their times.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fmt, io};

use clap::Args;

use super::contender::Contender;
use super::loops::{self, Failure};
use super::tree::{self, Cold};
use super::walk::Task;

/// What all of these examples can be told.
#[derive(Args, Debug)]
pub(crate) struct Options {
    /// Files in the temporary tree
    #[arg(long, default_value_t = 20_000)]
    pub(crate) files: usize,
    /// Where the temporary tree is made; best on a disk
    #[arg(long, value_name = "DIR", default_value = ".")]
    pub(crate) at: PathBuf,
    /// Event loops that share the work, each a thread
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=256))]
    pub(crate) loops: usize,
    /// The most calls in flight at a time, divided among the loops; each has one at least
    #[arg(long, value_name = "N", default_value_t = 64,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(crate) in_flight: usize,
    /// Threads of the pool, divided among the loops; each has one at least
    #[arg(long, value_name = "N", default_value_t = 32,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=4096))]
    pub(crate) threads: usize,
    /// Pin the lazy loops to these processors (0,1,...), one after the other, best such that serve
    /// no interrupts of the disk; by default each to one that no other loop has, if there is one
    #[arg(long, value_name = "CPU", value_delimiter = ',')]
    pub(crate) cpu: Vec<usize>,
    /// How often each contender does the work
    #[arg(long, value_name = "N", default_value_t = 3,
          value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    pub(crate) rounds: usize,
    /// Take the tree out of the caches before each
    #[arg(long)]
    pub(crate) cold: bool,
    /// Who does the work: by default everybody, in turn
    #[arg(long, value_name = "WHO", value_delimiter = ',',
          default_values = ["plain", "laio", "uring", "pool"])]
    pub(crate) by: Vec<Contender>,
}

/// One contender's runs.
struct Row {
    contender: Contender,
    times: Vec<Duration>,
    calls: u64,
    blocked: Vec<f64>,
}

/// The runs of all.
pub(crate) struct Comparison<'a> {
    options: &'a Options,
    rows: Vec<Row>,
    coldness: Option<Cold>,
    errors: u64,
}

impl<'a> Comparison<'a> {
    pub(crate) fn new(options: &'a Options) -> Self {
        raise_descriptor_limit();
        let rows = options.by.iter().map(|&contender| Row {
            contender,
            times: Vec::new(),
            calls: 0,
            blocked: Vec::new(),
        });
        Self {
            options,
            rows: rows.collect(),
            coldness: None,
            errors: 0,
        }
    }

    /// Does the work once, untimed, unless each run is to start cold.
    ///
    /// # Errors
    /// Trouble with the tree.
    pub(crate) fn warm_up<T: Task + Send>(
        &self,
        root: &Path,
        task: impl FnMut(usize) -> T,
    ) -> io::Result<()> {
        if self.options.cold {
            return Ok(());
        }
        match loops::walk(Contender::Plain, self.options, root, task) {
            Err(Failure::NotHere(error) | Failure::Other(error)) => Err(error),
            Ok(_) => Ok(()),
        }
    }

    /// Has every contender do the work once more: the tree that `root` gives, walked for the tasks
    /// that `task` makes for so many slots. Returns what each has made of it; those that cannot run
    /// here are left out from then on.
    ///
    /// # Errors
    /// Trouble with the tree, or with waiting for calls.
    pub(crate) fn round<T: Task + Send, R: AsRef<Path>>(
        &mut self,
        mut root: impl FnMut() -> io::Result<R>,
        mut task: impl FnMut(usize) -> T,
    ) -> io::Result<Vec<T>> {
        let mut done = Vec::new();
        let mut cannot = Vec::new();
        for (index, row) in self.rows.iter_mut().enumerate() {
            let root = root()?;
            if self.options.cold {
                self.coldness = Some(tree::chill(root.as_ref())?);
            }
            match loops::walk(row.contender, self.options, root.as_ref(), &mut task) {
                Err(Failure::NotHere(error)) => {
                    println!("{}: not here: {error}", row.contender);
                    cannot.push(index);
                }
                Err(Failure::Other(error)) => return Err(error),
                Ok(run) => {
                    row.times.push(run.time());
                    row.calls = run.calls;
                    let share = |blocked| blocked as f64 / run.calls.max(1) as f64;
                    row.blocked.extend(run.blocked.map(share));
                    self.errors += run.errors;
                    done.push(run.task);
                }
            }
        }
        for index in cannot.into_iter().rev() {
            self.rows.remove(index);
        }
        // The next round begins with another contender, so that none always comes first.
        if !self.rows.is_empty() {
            self.rows.rotate_left(1);
        }
        Ok(done)
    }

    /// Prints the table.
    ///
    /// # Errors
    /// If calls failed in the walks.
    pub(crate) fn finish(mut self) -> Result<(), Box<dyn Error>> {
        if let Some(coldness) = self.coldness {
            println!("before each run: {coldness}");
        }
        self.rows
            .sort_by_key(|row| self.options.by.iter().position(|&by| by == row.contender));
        println!(
            "{:>5} {:<9} {:>10} {:>21} {:>9} {:>8} {:>9} {:>21} {:>8}",
            "loops",
            "who",
            "median ms",
            "min .. max",
            "calls",
            "us/call",
            "to first",
            "min .. max",
            "blocked"
        );
        let Some(first) = self.rows.first() else {
            return Err("nobody could do the work here".into());
        };
        for row in &self.rows {
            println!("{:>5} {}", self.options.loops, row.print(&first.times));
        }
        match self.errors {
            0 => Ok(()),
            errors => Err(format!("{errors} calls failed").into()),
        }
    }
}

impl Row {
    /// The row, with its times as ratios to those of the same rounds of the `first` contender.
    fn print(&self, first: &[Duration]) -> String {
        let ms = Spread::of(self.times.iter().map(|time| time.as_secs_f64() * 1e3));
        let ratio = Spread::of(
            self.times
                .iter()
                .zip(first)
                .map(|(time, first)| time.as_secs_f64() / first.as_secs_f64()),
        );
        let blocked = match &self.blocked[..] {
            [] => "-".to_owned(),
            blocked => {
                let share = Spread::of(blocked.iter().copied()).median;
                format!("{:.2} %", share * 100.0)
            }
        };
        format!(
            "{:<9} {:>10.1} {:>9.1} .. {:>8.1} {:>9} {:>8.2} {:>9.2} {:>9.2} .. {:>8.2} {:>8}",
            self.contender,
            ms.median,
            ms.min,
            ms.max,
            self.calls,
            ms.median * 1e3 / self.calls.max(1) as f64,
            ratio.median,
            ratio.min,
            ratio.max,
            blocked
        )
    }
}

impl fmt::Display for Cold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Everything => "caches dropped",
            Self::Contents => {
                "only file contents dropped; names and attributes stay cached unless root runs this"
            }
        })
    }
}

/// Of the rounds.
struct Spread {
    median: f64,
    min: f64,
    max: f64,
}

impl Spread {
    /// All 0 if there are no values.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.collect();
        values.sort_by(f64::total_cmp);
        let at = |index: usize| values.get(index).copied().unwrap_or_default();
        let last = values.len().saturating_sub(1);
        Self {
            median: (at(last / 2) + at(last.div_ceil(2))) / 2.0,
            min: at(0),
            max: at(last),
        }
    }
}

/// Directories stay open while there is something in flight below them.
fn raise_descriptor_limit() {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: a valid structure. If this fails, the limit stays, and opening may fail later.
    unsafe {
        if libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) == 0 {
            limit.rlim_cur = limit.rlim_max;
            libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit);
        }
    }
}
