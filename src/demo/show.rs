//! What the demo shows on the terminal: plain lines, so that they read as well in a log.

use std::future::Future;
use std::io::{Write as _, stdout};
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use postern_sdk::Source;
use tokio::time::Instant;

use super::summary::Summary;
use super::traffic::Tally;
use crate::daemon::Daemon;
use crate::mind::{Manifest, Progress};
use crate::sim::RunningSim;

/// Writes lines with the time since the start.
pub(super) struct Show {
    began: Instant,
}

impl Show {
    /// A terminal at the beginning.
    pub(super) fn new() -> Self {
        Self { began: Instant::now() }
    }

    /// A line. A reader that went away does not end the demo.
    pub(super) fn line(&self, text: impl std::fmt::Display) {
        let _ = writeln!(stdout(), "{:7.2} s  {text}", self.began.elapsed().as_secs_f64());
    }

    /// The world is being built.
    pub(super) fn building(&self, records: u64, folder: &Path) {
        self.line(format_args!("Building a copy of {records} synthetic documents in {}", folder.display()));
    }

    /// How far the copy is.
    pub(super) fn progress(&self, progress: Progress) {
        match progress {
            Progress::Reading(bytes) if bytes.is_multiple_of(32 << 20) => {
                self.line(format_args!("  {} MiB read", bytes >> 20));
            }
            Progress::Syncing => self.line("  syncing"),
            _ => {}
        }
    }

    /// The copy stands.
    pub(super) fn copy(&self, manifest: &Manifest) {
        let databases: Vec<_> = manifest
            .databases
            .iter()
            .map(|(database, held)| format!("{database} {}", held.records))
            .collect();
        self.line(format_args!(
            "The copy stands: {}, as of {:.0}, verified page by page as it is read",
            databases.join(", "),
            manifest.data_as_of
        ));
    }

    /// Everything runs.
    pub(super) fn running(&self, daemon: &Daemon, sim: &RunningSim) {
        self.line(format_args!("INTERPOL is simulated at http://{}", sim.addr));
        for (lane, address) in daemon.addresses() {
            self.line(format_args!("Lane {lane} listens at {address}"));
        }
        if let Some(console) = daemon.console() {
            self.line(format_args!("The console is at http://{console}/"));
        }
    }

    /// An act begins.
    pub(super) fn act(&self, name: &str, questions: usize) {
        let _ = writeln!(stdout());
        self.line(format_args!("{name} ({questions} messages of e-gates and booths)"));
    }

    /// Shows a line a second while the traffic runs, and one at its end.
    pub(super) async fn while_running(
        &self,
        daemon: &Daemon,
        tally: &Tally,
        traffic: impl Future<Output = ()>,
    ) {
        let mut ticks = tokio::time::interval(Duration::from_secs(1));
        ticks.tick().await;
        tokio::pin!(traffic);
        loop {
            tokio::select! {
                () = &mut traffic => break,
                _ = ticks.tick() => self.figures(daemon, tally),
            }
        }
        self.figures(daemon, tally);
    }

    fn figures(&self, daemon: &Daemon, tally: &Tally) {
        let shared = daemon.shared();
        let figures = shared.stats.figures(shared.clock.now());
        let [hits, possible, unknown, none] = figures.verdicts;
        let [find, copy] = figures.by_source;
        self.line(format_args!(
            "  {} answered: {hits} hits, {possible} possible, {unknown} not established, {none} no record | databases \
             asked of FIND {find}, of the copy {copy} | FIND {} | median {} µs, p99 {} µs",
            tally.asked(),
            if daemon.find_is_asked() { "answers" } else { "rests" },
            figures.latency.p50_us,
            figures.latency.p99_us
        ));
    }

    /// The result.
    pub(super) fn summary(&self, summary: &Summary) {
        let _ = writeln!(stdout());
        self.line("Summary, counted from the journal");
        for ((verdict, source), count) in &summary.by_source {
            let source = source.map_or("nobody".to_owned(), |source: Source| source.to_string());
            self.line(format_args!("  {count:7} {:<15} from {source}", verdict.code().replace('_', " ")));
        }
        let soundness = if summary.sound { "verifies" } else { "DOES NOT VERIFY" };
        self.line(format_args!("  {:7} exchanges recorded; the chain {soundness}", summary.recorded));
        self.line(format_args!("  {:7} answers as expected, of them {} hits", summary.right, summary.hits));
        self.line(format_args!(
            "  {:7} false clears, {} other wrong answers, {} lost",
            summary.false_clear, summary.wrong, summary.lost
        ));
        for told in &summary.told {
            self.line(format_args!("  {told}"));
        }
        self.line(if summary.is_right() { "Every answer was right." } else { "SOMETHING WAS WRONG." });
    }

    /// The demo stays.
    pub(super) fn console(&self, console: Option<SocketAddr>) {
        if let Some(console) = console {
            self.line(format_args!("The console stays at http://{console}/ until Ctrl-C"));
        }
    }
}
