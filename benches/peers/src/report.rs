//! The tables, in Markdown: what an engine takes, how many look-ups it does, how long one takes.

use std::time::Duration;

use crate::measure::{BATCH, Figures, KindFigures, Latency, clock};
use crate::questions::Kind;

/// One engine.
pub struct Line {
    pub name: &'static str,
    pub build: Duration,
    pub bytes: u64,
    pub note: Option<String>,
    pub figures: Figures,
}

/// Prints what was measured.
pub fn print(lines: &[Line], records: usize) {
    println!("{records} records, one thread.\n");
    storage(lines, records);
    rates(lines);
    latencies(lines);
    for line in lines {
        if let Some(note) = &line.note {
            println!("* {}: {note}", line.name);
        }
    }
}

fn storage(lines: &[Line], records: usize) {
    println!("| engine | build s | bytes a record on disk | resident, own + mapped | open ms |");
    println!("|---|---|---|---|---|");
    let per = |bytes: u64| bytes as f64 / records as f64;
    for Line { name, build, bytes, figures, .. } in lines {
        let (own, mapped) = (per(figures.anonymous_bytes), per(figures.mapped_bytes));
        let open = figures.open.as_secs_f64() * 1e3;
        println!(
            "| {name} | {:.2} | {:.1} | {own:.1} + {mapped:.1} | {open:.2} |",
            build.as_secs_f64(),
            per(*bytes)
        );
    }
    println!();
}

fn rates(lines: &[Line]) {
    let columns = |unit: &str| Kind::ALL.map(|kind| format!("{}{unit}", kind.name())).join(" | ");
    println!("Thousand look-ups a second of processor time, single and in batches of {BATCH}.\n");
    println!("| engine | {} | {} |", columns(""), columns(", batched"));
    println!("|---|{}", "---|".repeat(2 * Kind::ALL.len()));
    for Line { name, figures, .. } in lines {
        let single = cells(&figures.kinds, |kind| thousands(Some(kind.rate)));
        let batched = cells(&figures.kinds, |kind| thousands(kind.batch_rate));
        println!("| {name} | {single} | {batched} |");
    }
    println!();
}

fn latencies(lines: &[Line]) {
    println!("Nanoseconds a look-up, p50/p99/p99.9, of which the clock takes {}.\n", percentiles(&clock()));
    println!("| engine | {} |", Kind::ALL.map(Kind::name).join(" | "));
    println!("|---|{}", "---|".repeat(Kind::ALL.len()));
    for Line { name, figures, .. } in lines {
        println!("| {name} | {} |", cells(&figures.kinds, |kind| percentiles(&kind.latency)));
    }
    println!();
}

fn cells(kinds: &[KindFigures], cell: impl Fn(&KindFigures) -> String) -> String {
    kinds.iter().map(cell).collect::<Vec<_>>().join(" | ")
}

fn thousands(rate: Option<f64>) -> String {
    rate.map_or("–".to_owned(), |rate| format!("{:.0}", rate / 1e3))
}

fn percentiles(latency: &Latency) -> String {
    let Latency { p50, p99, p999 } = latency;
    format!("{p50}/{p99}/{p999}")
}
