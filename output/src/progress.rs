//! A progress bar for long work, on the standard error.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{IsTerminal, stderr};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Work that is done sooner shows no bar.
const QUIET: Duration = Duration::from_secs(2);
/// How often the bar is drawn while no unit ends: our choice, so that the clock is seen to run.
const REDRAW: Duration = Duration::from_millis(500);

/// What the bar looks like.
const TEMPLATE: &str = "[{bar:30}] {pos}/{len} {msg}, {elapsed} so far, {eta} left";

/// Units of work done, of a known number, and the time left.
///
/// Drawn on the standard error once the work has taken more than two seconds, if that is a
/// terminal; silent otherwise. Gone when dropped. Count from as many threads as you like.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Closing it ends the wait for the moment to show the bar.
    done: Option<Sender<()>>,
    reveal: Option<JoinHandle<()>>,
}

impl Progress {
    /// Starts counting to `units`; `label` says what of, in the plural ("runs").
    pub fn new(units: u64, label: &str) -> Self {
        let target = stderr().is_terminal().then(ProgressDrawTarget::stderr);
        Self::on(target, QUIET, units, label)
    }

    fn on(target: Option<ProgressDrawTarget>, quiet: Duration, units: u64, label: &str) -> Self {
        let bar = ProgressBar::with_draw_target(Some(units), ProgressDrawTarget::hidden());
        bar.set_style(style());
        bar.set_message(label.to_owned());
        let (done, wait) = mpsc::channel::<()>();
        let reveal = target.map(|target| {
            let bar = bar.clone();
            thread::spawn(move || {
                if wait.recv_timeout(quiet) == Err(RecvTimeoutError::Timeout) {
                    bar.set_draw_target(target);
                    bar.tick();
                    bar.enable_steady_tick(REDRAW);
                }
            })
        });
        Self {
            bar,
            done: Some(done),
            reveal,
        }
    }

    /// Counts a finished unit.
    pub fn inc(&self) {
        self.bar.inc(1);
    }

    /// There are `units` in all, as has become known.
    pub fn set_units(&self, units: u64) {
        self.bar.set_length(units);
    }

    /// Units finished so far.
    pub fn position(&self) -> u64 {
        self.bar.position()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.done = None;
        if let Some(reveal) = self.reveal.take() {
            // A panic of that thread has been reported, and the bar is no reason to end the work.
            let _ = reveal.join();
        }
        self.bar.finish_and_clear();
    }
}

fn style() -> ProgressStyle {
    ProgressStyle::with_template(TEMPLATE)
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .progress_chars("=> ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::io;
    use std::sync::{Arc, Mutex};

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Paper(Arc<Mutex<String>>);

    impl Paper {
        fn text(&self) -> String {
            self.0.lock().unwrap().clone()
        }

        fn target(&self) -> Option<ProgressDrawTarget> {
            Some(ProgressDrawTarget::term_like(Box::new(self.clone())))
        }
    }

    impl TermLike for Paper {
        fn width(&self) -> u16 {
            100
        }
        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }
        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }
        fn write_str(&self, text: &str) -> io::Result<()> {
            self.0.lock().unwrap().push_str(text);
            Ok(())
        }
        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }
        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    const LONG: Duration = Duration::from_secs(3600);

    #[test]
    fn short_work_draws_nothing() {
        let paper = Paper::default();
        let progress = Progress::on(paper.target(), LONG, 3, "runs");
        for _ in 0..3 {
            progress.inc();
        }
        drop(progress);
        assert_eq!(paper.text(), "");
    }

    #[test]
    fn long_work_draws_even_while_no_unit_ends() {
        let paper = Paper::default();
        let mut progress = Progress::on(paper.target(), Duration::ZERO, 8, "runs");
        progress.reveal.take().unwrap().join().unwrap();
        let text = paper.text();
        assert!(text.contains("0/8 runs") && text.contains("left"), "{text}");
    }

    #[test]
    fn units_are_counted_from_several_threads_without_a_terminal() {
        let progress = Progress::on(None, Duration::ZERO, 4_000, "runs");
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| progress.inc()));
            }
        });
        assert_eq!(progress.position(), 4_000);
    }

    #[test]
    fn the_template_is_valid() {
        assert!(ProgressStyle::with_template(TEMPLATE).is_ok());
    }
}
