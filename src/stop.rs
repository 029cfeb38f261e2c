//! When a run is cut short: by Ctrl-C, or at the end of its time.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use crate::failure::{CUT, Failure};
use crate::interrupt;

/// Why a run was cut short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The user wanted it.
    Interrupted,
    /// `--time-limit` was over.
    TimeLimit,
}

/// What a run ends with that was cut short so, or not at all: a limit that the user has set is no
/// failure.
pub(crate) fn exit_code(cut: Option<Cut>) -> ExitCode {
    match cut {
        Some(Cut::Interrupted) => ExitCode::from(CUT),
        Some(Cut::TimeLimit) | None => ExitCode::SUCCESS,
    }
}

/// A flag that Ctrl-C sets, and a timer.
pub(crate) struct Stop {
    flag: Arc<AtomicBool>,
    expired: Arc<AtomicBool>,
    timer: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Stop {
    /// Listens for Ctrl-C, and starts the timer if there is a limit.
    ///
    /// # Errors
    /// The system refuses a handler.
    pub(crate) fn new(limit: Option<Duration>) -> Result<Self, Failure> {
        let flag = interrupt::flag()?;
        let expired = Arc::new(AtomicBool::new(false));
        let timer = limit.map(|limit| {
            let (done, wait) = mpsc::channel::<()>();
            let (flag, expired) = (Arc::clone(&flag), Arc::clone(&expired));
            let timer = std::thread::spawn(move || {
                let over = wait.recv_timeout(limit) == Err(RecvTimeoutError::Timeout);
                if over && !flag.swap(true, Ordering::Relaxed) {
                    expired.store(true, Ordering::Relaxed);
                }
            });
            (done, timer)
        });
        Ok(Self {
            flag,
            expired,
            timer,
        })
    }

    /// Once set, no further run is to be begun.
    pub(crate) fn flag(&self) -> &AtomicBool {
        &self.flag
    }

    /// Who set the flag, if it is set.
    pub(crate) fn cut(&self) -> Option<Cut> {
        let set = self.flag.load(Ordering::Relaxed);
        set.then(|| match self.expired.load(Ordering::Relaxed) {
            true => Cut::TimeLimit,
            false => Cut::Interrupted,
        })
    }
}

impl Drop for Stop {
    fn drop(&mut self) {
        if let Some((done, timer)) = self.timer.take() {
            drop(done);
            // A panic of that thread has been reported, and nothing depends on it any more.
            let _ = timer.join();
        }
    }
}
