//! What a load generator measured, as a file between processes.
//!
//! ```text
//! file = "LAIOLOAD 1\n"  elapsed  bytes  cpu  requests  response time * requests
//! ```
//!
//! Numbers are 64 bits, little-endian; times are in nanoseconds.

use std::fs;
use std::io;
use std::path::Path;

use sim::engine::Nanos;

use super::error::LoadError;

const MAGIC: &[u8] = b"LAIOLOAD 1\n";

/// What one play of a load measured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadResult {
    /// From the start of all clients to the end of the last response.
    pub elapsed: Nanos,
    /// Response time of every request, from its sending to the last byte read, in order of
    /// completion.
    pub responses: Vec<Nanos>,
    /// Bytes read, headers included.
    pub bytes: u64,
    /// CPU time of the load generator in `elapsed`. Above 0.9 of it the load generator may be what
    /// limits the server.
    pub cpu: Nanos,
}

impl LoadResult {
    /// Requests answered per second.
    pub fn requests_per_second(&self) -> f64 {
        self.responses.len() as f64 / self.elapsed.as_secs_f64()
    }

    /// Mean response time; zero without a request.
    pub fn mean_response_time(&self) -> Nanos {
        let sum: u128 = self.responses.iter().map(|time| u128::from(time.0)).sum();
        Nanos((sum / self.responses.len().max(1) as u128) as u64)
    }

    /// Writes it to a file.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write(&self, path: &Path) -> Result<(), LoadError> {
        let numbers = [
            self.elapsed.0,
            self.bytes,
            self.cpu.0,
            self.responses.len() as u64,
        ];
        let times = self.responses.iter().map(|time| time.0);
        let mut contents = MAGIC.to_vec();
        contents.extend(numbers.into_iter().chain(times).flat_map(u64::to_le_bytes));
        fs::write(path, contents).map_err(|source| file_error(path, source))
    }

    /// Reads it from a file.
    ///
    /// # Errors
    /// If the file cannot be read, or is no result or not a whole one.
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let contents = fs::read(path).map_err(|source| file_error(path, source))?;
        Self::parse(&contents).ok_or_else(|| file_error(path, io::ErrorKind::InvalidData.into()))
    }

    fn parse(contents: &[u8]) -> Option<Self> {
        let words = contents.strip_prefix(MAGIC)?.chunks(size_of::<u64>());
        let numbers: Option<Vec<u64>> = words
            .map(|word| Some(u64::from_le_bytes(word.try_into().ok()?)))
            .collect();
        let numbers = numbers?;
        let (&[elapsed, bytes, cpu, requests], times) = numbers.split_first_chunk()?;
        (times.len() as u64 == requests).then(|| Self {
            elapsed: Nanos(elapsed),
            responses: times.iter().copied().map(Nanos).collect(),
            bytes,
            cpu: Nanos(cpu),
        })
    }
}

fn file_error(path: &Path, source: io::Error) -> LoadError {
    LoadError::File {
        path: path.to_owned(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_result_survives_its_file_and_half_of_one_is_refused() {
        let result = LoadResult {
            elapsed: Nanos(5),
            responses: vec![Nanos(1), Nanos(2), Nanos(u64::MAX)],
            bytes: 7,
            cpu: Nanos(3),
        };
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        result.write(file.path()).expect("written");
        assert_eq!(LoadResult::read(file.path()).expect("read"), result);
        let whole = fs::read(file.path()).expect("read");
        for length in 0..whole.len() {
            assert_eq!(LoadResult::parse(&whole[..length]), None);
        }
    }
}
