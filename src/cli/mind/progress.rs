//! How far long work is, and how long it still takes: a bar on a terminal, a line now and then elsewhere.

use std::cell::RefCell;
use std::io::{IsTerminal, stderr};
use std::time::{Duration, Instant};

use indicatif::{HumanDuration, ProgressBar, ProgressStyle};

use super::super::complain;

/// How often a line is written where there is no terminal.
const EVERY: Duration = Duration::from_secs(10);

/// Long work.
pub(in crate::cli) struct Work {
    bar: ProgressBar,
    /// When the last line was written, where there is no terminal.
    told: Option<RefCell<Instant>>,
}

impl Work {
    /// Work that has just begun.
    pub(in crate::cli) fn begin() -> Self {
        let terminal = stderr().is_terminal();
        let bar = if terminal { ProgressBar::new(0) } else { ProgressBar::hidden() };
        let style = ProgressStyle::with_template("{msg:10} {wide_bar} {percent:>3} %, {eta} left");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { bar, told: (!terminal).then(|| RefCell::new(Instant::now())) }
    }

    /// How far a stage of it is.
    pub(in crate::cli) fn at(&self, stage: &'static str, done: u64, of: u64) {
        if self.bar.message() != stage {
            self.bar.reset();
            self.bar.set_message(stage);
        }
        self.bar.set_length(of);
        self.bar.set_position(done);
        if let Some(told) = self.told.as_ref().filter(|told| told.borrow().elapsed() >= EVERY) {
            told.replace(Instant::now());
            let percent = (done * 100).checked_div(of).unwrap_or(0);
            complain(format_args!("{stage} {percent} %, {} left", HumanDuration(self.bar.eta())));
        }
    }
}

impl Drop for Work {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
