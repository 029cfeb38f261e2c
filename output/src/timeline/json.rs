//! The JSON of events, piece by piece.

use super::{Args, Track};
use std::io::{self, BufWriter, Write};

/// An object whose array of events is being written.
#[derive(Debug)]
pub(super) struct Json<W: Write> {
    out: BufWriter<W>,
    first: bool,
}

impl<W: Write> Json<W> {
    /// The object up to its first event.
    pub(super) fn start(out: W) -> io::Result<Self> {
        let mut out = BufWriter::new(out);
        out.write_all(b"{\"displayTimeUnit\":\"ns\",\"traceEvents\":[")?;
        Ok(Self { out, first: true })
    }

    /// The end of the object.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.out.write_all(b"\n]}\n")?;
        self.out
            .into_inner()
            .map_err(io::IntoInnerError::into_error)
    }

    /// JSON as it is.
    pub(super) fn raw(&mut self, json: &str) -> io::Result<()> {
        self.out.write_all(json.as_bytes())
    }

    /// An event up to its time.
    pub(super) fn head(
        &mut self,
        phase: &str,
        track: Track,
        name: &str,
        at_ns: u64,
    ) -> io::Result<()> {
        self.comma(usize::from(!self.first))?;
        self.first = false;
        self.out.write_all(b"\n{\"ph\":")?;
        self.text(phase)?;
        write!(
            self.out,
            ",\"pid\":{},\"tid\":{},\"name\":",
            track.pid, track.tid
        )?;
        self.text(name)?;
        self.out.write_all(b",\"ts\":")?;
        self.microseconds(at_ns)
    }

    /// What pairs the begin and the end of a span.
    pub(super) fn span(&mut self, category: &str, id: u64) -> io::Result<()> {
        self.out.write_all(b",\"cat\":")?;
        self.text(category)?;
        // As text: a number above 2^53 would lose digits.
        write!(self.out, ",\"id\":\"{id:#x}\"")
    }

    /// The arguments, if any, and the end of the event.
    pub(super) fn args(&mut self, args: Args<'_>) -> io::Result<()> {
        if !args.is_empty() {
            self.out.write_all(b",\"args\":{")?;
            for (index, (name, value)) in args.iter().enumerate() {
                self.comma(index)?;
                self.text(name)?;
                self.out.write_all(b":")?;
                self.text(value)?;
            }
            self.out.write_all(b"}")?;
        }
        self.out.write_all(b"}")
    }

    /// What stands before the member `index` of an object or array.
    pub(super) fn comma(&mut self, index: usize) -> io::Result<()> {
        match index {
            0 => Ok(()),
            _ => self.out.write_all(b","),
        }
    }

    /// `text`, quoted.
    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        Ok(serde_json::to_writer(&mut self.out, text)?)
    }

    /// `ns` in microseconds, exactly.
    pub(super) fn microseconds(&mut self, ns: u64) -> io::Result<()> {
        write!(self.out, "{}.{:03}", ns / 1000, ns % 1000)
    }
}
