//! Ctrl-C: the first asks for an early end, the second is one.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::failure::{CUT, Failure};

/// A flag that Ctrl-C sets. A second Ctrl-C ends the process at once; files not yet under their
/// names then never get them.
///
/// # Errors
/// The system refuses a handler.
pub(crate) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let handler = move || {
        if set.swap(true, Ordering::Relaxed) {
            std::process::exit(CUT.into());
        }
        eprintln!("interrupted: the runs in flight are finished; once more to end at once");
    };
    match ctrlc::set_handler(handler) {
        Ok(()) => Ok(flag),
        Err(error) => Err(Failure::Broken(format!(
            "cannot listen for Ctrl-C: {error}"
        ))),
    }
}
