//! Cost of a zone: the bare check digits of a TD3, then parses, each as a multiple of the bare digits in the same run.
//!
//! `cargo bench -p postern-formats --bench mrz`

use std::hint::black_box;
use std::time::Instant;

use postern_formats::mrz::{self, Mrz};

const TD3: &str =
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\r\n";
const TD1: &str =
    "I<UTOD231458907<<<<<<<<<<<<<<<\r\n7408122F1204159UTO<<<<<<<<<<<6\r\nERIKSSON<<ANNA<MARIA<<<<<<<<<<\r\n";
const PADDED: &str = "P<UTOERIKSSON<<ANNA<MARIA\r\nL898902C36UTO7408122F1204159ZE184226B<<<<<10\r\n";
const MISREAD: &str =
    "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\r\nLB989O2C36UTO7408122F1204159ZE184226B<<<<<10\r\n";

/// The dearest zone there is: a long number of look-alikes only, and a composite digit that nothing satisfies.
const WORST: &str =
    "I<UTOOI0DQ1T1L<TTTIIIOOODDDQQ8\r\n7408122F1204158UTO<<<<<<<<<<<6\r\nERIKSSON<<ANNA<MARIA<<<<<<<<<<\r\n";

/// Best of seven rounds, in nanoseconds a call.
fn measure<T>(mut work: impl FnMut() -> T) -> f64 {
    const CALLS: u32 = 20_000;
    let round = |_| {
        let start = Instant::now();
        for _ in 0..CALLS {
            black_box(work());
        }
        start.elapsed().as_nanos() as f64 / f64::from(CALLS)
    };
    (0..7).map(round).fold(f64::INFINITY, f64::min)
}

/// The three field digits of a TD3, by a table and nothing else.
fn bare(line2: &[u8; 44], table: &[u8; 256]) -> bool {
    let digit = |from: usize, to: usize| {
        let weighted =
            (from..to).map(|i| u32::from(table[usize::from(line2[i])]) * [7, 3, 1][(i - from) % 3]);
        (weighted.sum::<u32>() % 10) as u8 + b'0'
    };
    (digit(0, 9) == line2[9]) & (digit(13, 19) == line2[19]) & (digit(21, 27) == line2[27])
}

/// Reads every field, as an adapter does.
fn every_field(zone: &Mrz) -> usize {
    let names = zone.names();
    names.primary_components().chain(names.secondary_components()).map(str::len).sum::<usize>()
        + zone.number().as_str().len()
        + zone.issuer().len()
        + zone.nationality().map_or(0, str::len)
        + zone
            .birth()
            .map_or(0, |date| usize::from(date.unknown_mask()) + usize::from(date.year().unwrap_or(0)))
        + zone.expiry().map_or(0, |date| usize::from(date.year().unwrap_or(0)))
        + zone.optional_numbers().count()
        + usize::from(zone.checks().none_disagrees())
        + zone.confidence() as usize
        + zone.corrections().len()
}

fn main() {
    let mut table = [0u8; 256];
    for byte in b'0'..=b'9' {
        table[usize::from(byte)] = byte - b'0';
    }
    for byte in b'A'..=b'Z' {
        table[usize::from(byte)] = byte - b'A' + 10;
    }
    let line2: [u8; 44] = TD3.as_bytes()[46..90].try_into().expect("44 columns");
    let base = measure(|| bare(black_box(&line2), black_box(&table)));
    println!("{:<34}{base:>9.1} ns", "bare check digits (3 of a TD3)");
    let show = |name: &str, ns: f64| println!("{name:<34}{ns:>9.1} ns{:>8.1} x bare", ns / base);
    for (name, text) in [("TD3 parse", TD3), ("TD1 parse", TD1), ("TD3 parse, trailing fillers lost", PADDED)]
    {
        show(name, measure(|| mrz::parse(black_box(text.as_bytes()))));
    }
    let all = |zone: Result<Mrz, mrz::MrzError>| zone.map(|zone| every_field(&zone));
    show("TD3 parse, every field read", measure(|| all(mrz::parse(black_box(TD3.as_bytes())))));
    let misreads = |zone: Result<Mrz, mrz::MrzError>| zone.map(|zone| zone.misreads().len());
    show("TD3 parse, misread candidates", measure(|| misreads(mrz::parse(black_box(MISREAD.as_bytes())))));
    show("TD1 parse, dearest search", measure(|| misreads(mrz::parse(black_box(WORST.as_bytes())))));
}
