//! Converts a day of the 1998 World Cup web site log from CSV to a trace.
//!
//! ```text
//! zcat wc98-day6.csv.gz | cargo run -p sim --example import_wc98 -- - wc98-day6.laiotrace
//! ```
//!
//! The CSV has the columns `time_s,client,object,bytes,status`, sorted by time, where `bytes` is
//! the size of the object, not of the answer. Status 304 becomes "not modified", every other
//! status a request for the whole body; clients are renumbered in the order of their first
//! requests, objects keep their numbers. An object with two sizes is an error.

use sim::engine::Nanos;
use sim::workload::trace::{Metadata, Record, TraceWriter};
use std::collections::{BTreeMap, HashMap};
use std::error::Error;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read};
use std::path::Path;

/// The log's times are whole seconds.
const SECOND_NS: u64 = 1_000_000_000;
/// Sent with every copy of the trace, as its terms ask.
const NOTICE: &str = include_str!("../../scenarios/traces/NOTICE");

/// The log in memory.
#[derive(Default)]
struct Log {
    records: Vec<Record>,
    /// By object number; `None` where the log skips a number.
    sizes: Vec<Option<u64>>,
    /// The log's client numbers and ours.
    clients: HashMap<u32, u32>,
    /// Requests by status.
    statuses: BTreeMap<u16, u64>,
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [input, output] = &arguments[..] else {
        return Err("usage: import_wc98 CSV|- OUTPUT".into());
    };
    let input: Box<dyn Read> = match input.as_str() {
        "-" => Box::new(io::stdin().lock()),
        path => Box::new(File::open(path).map_err(|error| format!("{path}: {error}"))?),
    };
    let log = read_log(input)?;
    write_trace(&log, Path::new(output))?;
    println!(
        "{output}: {} requests, {} clients, {} objects, {} bytes; requests by status: {:?}",
        log.records.len(),
        log.clients.len(),
        log.sizes.len(),
        fs::metadata(output)?.len(),
        log.statuses
    );
    Ok(())
}

fn read_log(input: impl Read) -> Result<Log, Box<dyn Error>> {
    let mut rows = csv::Reader::from_reader(input);
    let expected = ["time_s", "client", "object", "bytes", "status"];
    if *rows.headers()? != expected[..] {
        return Err(format!("the CSV's columns must be {expected:?}").into());
    }
    let mut log = Log::default();
    for (row, line) in rows.deserialize().zip(2..) {
        log.add(row?)
            .map_err(|error| format!("line {line}: {error}"))?;
    }
    Ok(log)
}

impl Log {
    fn add(&mut self, row: (u64, u32, u32, u64, u16)) -> Result<(), String> {
        let (seconds, client, object, bytes, status) = row;
        let next_client = self.clients.len() as u32;
        let client = *self.clients.entry(client).or_insert(next_client);
        if object as usize >= self.sizes.len() {
            self.sizes.resize(object as usize + 1, None);
        }
        let size = self.sizes[object as usize].get_or_insert(bytes);
        if *size != bytes {
            return Err(format!(
                "object {object} has {bytes} bytes, before it had {size}"
            ));
        }
        *self.statuses.entry(status).or_default() += 1;
        self.records.push(Record {
            time: Nanos(seconds * SECOND_NS),
            client,
            object,
            not_modified: status == 304,
        });
        Ok(())
    }
}

/// Writes beside `output` and renames, so that a trace is never there in part.
fn write_trace(log: &Log, output: &Path) -> Result<(), Box<dyn Error>> {
    let sizes: Option<Vec<_>> = log.sizes.iter().copied().collect();
    let sizes = sizes.ok_or("the log's object numbers have gaps")?;
    let metadata = Metadata {
        title: "1998 World Cup web site, day 6 (1 May 1998)".into(),
        source: "M. Arlitt and T. Jin, \"1998 World Cup Web Site Access Logs\", August 1998, \
                 the Internet Traffic Archive, \
                 https://ita.ee.lbl.gov/html/contrib/WorldCup.html. \
                 Clients and objects are renumbered; status 304 is \"not modified\", every other \
                 status is a request for the whole object."
            .into(),
        notice: NOTICE.into(),
        tick_ns: SECOND_NS,
        objects: u32::try_from(sizes.len())?,
        clients: u32::try_from(log.clients.len())?,
        requests: log.records.len() as u64,
    };
    let partial = output.with_extension("partial");
    let file = BufWriter::new(File::create(&partial)?);
    let mut writer = TraceWriter::new(file, metadata, &sizes)?;
    for &record in &log.records {
        writer.write(record)?;
    }
    writer.finish()?.get_ref().sync_all()?;
    fs::rename(partial, output)?;
    Ok(())
}
