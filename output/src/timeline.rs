//! Timelines in Chrome's trace-event JSON, which <https://ui.perfetto.dev> opens.
//!
//! Format: "Trace Event Format" (the Chromium project's document; linked from
//! <https://perfetto.dev/docs/getting-started/other-formats>). Written here: names of processes and
//! threads (`M`, all before the first event), complete events (`X`), nestable async spans (`b`,
//! `e`), instants (`i`) and counters (`C`). Left out: flows, samples, objects, stack frames.
//!
//! Times are nanoseconds, written as the format's microseconds with three decimals; a reader that
//! holds them in doubles keeps them exact for 26 days (2^51 ns). Events may come in any order
//! between tracks and in time, and are written as they come: a timeline of any length takes no
//! memory but for the spans that are open.
//!
//! Checked by parsing what is written and pairing its events; not by Perfetto itself.

mod json;

use json::Json;
use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};

/// A thread of a process, on which events are drawn.
///
/// Number both from 1, and let no two processes have threads of the same number (as in Linux):
/// 0 means the idle task to some readers, and some know threads by `tid` alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Track {
    /// The process.
    pub pid: u32,
    /// The thread.
    pub tid: u32,
}

/// A process and its threads, by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// Its number.
    pub pid: u32,
    /// Its name.
    pub name: &'a str,
    /// Numbers and names of its threads, from the top.
    pub threads: &'a [(u32, &'a str)],
}

/// Names and values that are shown when an event is selected.
pub type Args<'a> = &'a [(&'a str, &'a str)];

/// An async span: those of the same category and id, in the same process, nest; others may overlap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<'a> {
    /// The process in which it is shown.
    pub pid: u32,
    /// What kind of thing has the id: `request`.
    pub category: &'a str,
    /// Which one of the kind.
    pub id: u64,
}

/// A span as a key of those that are open.
type Key = (u32, String, u64);

/// A span that waits for its end.
#[derive(Debug)]
struct Open {
    name: String,
    track: Track,
    begin_ns: u64,
}

/// A timeline that is being written. It is valid JSON only after [`finish`](Self::finish).
#[derive(Debug)]
pub struct Timeline<W: Write> {
    json: Json<W>,
    /// Open spans, the innermost last.
    open: BTreeMap<Key, Vec<Open>>,
}

impl<W: Write> Timeline<W> {
    /// Starts a timeline of these processes, drawn from top to bottom in this order. Events on
    /// other tracks are shown, too, without a name.
    ///
    /// # Errors
    ///
    /// `out` cannot be written to.
    pub fn start(out: W, processes: &[Process<'_>]) -> io::Result<Self> {
        let mut timeline = Self {
            json: Json::start(out)?,
            open: BTreeMap::new(),
        };
        for (index, process) in processes.iter().enumerate() {
            timeline.name_process(index, process)?;
        }
        Ok(timeline)
    }

    /// Something that took `duration_ns` from `start_ns` on. Two on the same track must either be
    /// apart in time or one within the other: the format knows no overlap there.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn complete(
        &mut self,
        track: Track,
        name: &str,
        start_ns: u64,
        duration_ns: u64,
        args: Args<'_>,
    ) -> io::Result<()> {
        self.json.head("X", track, name, start_ns)?;
        self.json.raw(",\"dur\":")?;
        self.json.microseconds(duration_ns)?;
        self.json.args(args)
    }

    /// Something that happened on `track` at `at_ns` and took no time.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn instant(
        &mut self,
        track: Track,
        name: &str,
        at_ns: u64,
        args: Args<'_>,
    ) -> io::Result<()> {
        self.json.head("i", track, name, at_ns)?;
        self.json.raw(",\"s\":\"t\"")?;
        self.json.args(args)
    }

    /// The values of the counter `name` from `at_ns` on, stacked if several. A counter belongs to
    /// the process of `track`.
    ///
    /// # Errors
    ///
    /// The writer's; `InvalidInput` for a value that is not finite, which JSON cannot express.
    pub fn counter(
        &mut self,
        track: Track,
        name: &str,
        at_ns: u64,
        values: &[(&str, f64)],
    ) -> io::Result<()> {
        if let Some((series, value)) = values.iter().find(|(_, value)| !value.is_finite()) {
            return Err(invalid(format!("counter {name}: {series} is {value}")));
        }
        self.json.head("C", track, name, at_ns)?;
        self.json.raw(",\"args\":{")?;
        for (index, (series, value)) in values.iter().enumerate() {
            self.json.comma(index)?;
            self.json.text(series)?;
            self.json.raw(&format!(":{value}"))?;
        }
        self.json.raw("}}")
    }

    /// The begin of `span`, on the thread `tid` that begins it, within the one of the same id that
    /// is open, if any.
    ///
    /// # Errors
    ///
    /// The writer's; `InvalidInput` if it begins before the one that it is within.
    pub fn begin(
        &mut self,
        span: Span<'_>,
        tid: u32,
        name: &str,
        at_ns: u64,
        args: Args<'_>,
    ) -> io::Result<()> {
        let track = Track { pid: span.pid, tid };
        let outer = self.open.entry(key(span)).or_default();
        if outer.last().is_some_and(|outer| at_ns < outer.begin_ns) {
            return Err(invalid(format!("{name} begins before what it is within")));
        }
        outer.push(Open {
            name: name.to_owned(),
            track,
            begin_ns: at_ns,
        });
        self.json.head("b", track, name, at_ns)?;
        self.json.span(span.category, span.id)?;
        self.json.args(args)
    }

    /// The end of the innermost open part of `span`.
    ///
    /// # Errors
    ///
    /// The writer's; `InvalidInput` if none is open or it began later.
    pub fn end(&mut self, span: Span<'_>, at_ns: u64) -> io::Result<()> {
        let Span { category, id, .. } = span;
        let key = key(span);
        let Some(open) = self.open.get_mut(&key).and_then(Vec::pop) else {
            return Err(invalid(format!("{category} {id} ends without a begin")));
        };
        if at_ns < open.begin_ns {
            let message = format!("{} ends before its begin", open.name);
            self.open.entry(key).or_default().push(open);
            return Err(invalid(message));
        }
        if self.open.get(&key).is_some_and(Vec::is_empty) {
            self.open.remove(&key);
        }
        self.end_of(category, id, &open, at_ns)
    }

    /// Ends the spans that are open, at `at_ns` or their begin if that is later, and the JSON; gives
    /// back the writer, to which all has been written.
    ///
    /// # Errors
    ///
    /// The writer's.
    pub fn finish(mut self, at_ns: u64) -> io::Result<W> {
        for ((_, category, id), stack) in std::mem::take(&mut self.open) {
            // The innermost began last: no end is before one that it encloses.
            let at_ns = stack
                .last()
                .map_or(at_ns, |inner| at_ns.max(inner.begin_ns));
            for open in stack.iter().rev() {
                self.end_of(&category, id, open, at_ns)?;
            }
        }
        self.json.finish()
    }

    fn end_of(&mut self, category: &str, id: u64, open: &Open, at_ns: u64) -> io::Result<()> {
        self.json.head("e", open.track, &open.name, at_ns)?;
        self.json.span(category, id)?;
        self.json.args(&[])
    }

    fn name_process(&mut self, index: usize, process: &Process<'_>) -> io::Result<()> {
        let of_process = Track {
            pid: process.pid,
            tid: process.threads.first().map_or(process.pid, |(tid, _)| *tid),
        };
        self.json.head("M", of_process, "process_name", 0)?;
        self.json.args(&[("name", process.name)])?;
        self.sort_index(of_process, "process_sort_index", index)?;
        for (index, (tid, name)) in process.threads.iter().enumerate() {
            let pid = process.pid;
            let track = Track { pid, tid: *tid };
            self.json.head("M", track, "thread_name", 0)?;
            self.json.args(&[("name", name)])?;
            self.sort_index(track, "thread_sort_index", index)?;
        }
        Ok(())
    }

    fn sort_index(&mut self, track: Track, name: &str, index: usize) -> io::Result<()> {
        self.json.head("M", track, name, 0)?;
        self.json
            .raw(&format!(",\"args\":{{\"sort_index\":{index}}}}}"))
    }
}

fn key(span: Span<'_>) -> Key {
    (span.pid, span.category.to_owned(), span.id)
}

fn invalid(message: String) -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests;
