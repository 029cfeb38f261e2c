//! Measuring in a child process: with a memory limit of its own, or with an engine that takes the
//! process over.

use std::io::{self, Read, Write, pipe};

use crate::emulate::cgroup::MemoryGroup;

use super::CalibrateError;

/// Runs `measurement` in a forked child, in `group` if one is given, and returns its figures.
///
/// The caller's other threads do not exist in the child: `measurement` must not wait for them.
pub(super) fn measure_in_child(
    what: &'static str,
    group: Option<&MemoryGroup>,
    measurement: impl FnOnce() -> io::Result<Vec<f64>>,
) -> Result<Vec<f64>, CalibrateError> {
    let failed = |source| CalibrateError::Call { what, source };
    let (mut results, mut to_parent) = pipe().map_err(failed)?;
    let (mut start, mut go) = pipe().map_err(failed)?;
    // SAFETY: the child runs `measurement` alone and leaves by `_exit`, without unwinding into or
    // running destructors of what belongs to the parent.
    let pid = unsafe { libc::fork() };
    if pid < 0 {
        return Err(failed(io::Error::last_os_error()));
    }
    if pid == 0 {
        drop((results, go));
        let mut byte = [0_u8];
        let figures = start.read_exact(&mut byte).and_then(|()| measurement());
        let text = match figures {
            Ok(figures) => figures.iter().map(|figure| format!("{figure} ")).collect(),
            Err(error) => format!("!{error}"),
        };
        let written = to_parent.write_all(text.as_bytes());
        // SAFETY: ends the process without returning.
        unsafe { libc::_exit(i32::from(written.is_err())) };
    }
    drop((start, to_parent));
    if let Some(group) = group {
        group.add(pid as u32)?;
    }
    let mut text = String::new();
    let received = go
        .write_all(&[1])
        .and_then(|()| results.read_to_string(&mut text));
    // SAFETY: waits for the child made above; no status is asked for.
    unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    received.map_err(failed)?;
    if let Some(message) = text.strip_prefix('!') {
        return Err(failed(io::Error::other(message.to_owned())));
    }
    let figures: Option<Vec<f64>> = text
        .split_whitespace()
        .map(|figure| figure.parse().ok())
        .collect();
    figures
        .filter(|figures| !figures.is_empty())
        .ok_or_else(|| {
            failed(io::Error::other(
                "the measuring process ended without a result",
            ))
        })
}
