//! The kit that proves an adapter.
//!
//! An adapter stands where bytes from outside meet a decision about a traveller, so every one of them, built in, mapped,
//! process or sandboxed, runs the same three proofs from its own tests:
//!
//! ```no_run
//! # let adapter = postern_conformance::toy::ToyAdapter;
//! let fixtures = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures");
//! postern_conformance::check(&adapter, std::path::Path::new(fixtures));
//! ```
//!
//! # Cases
//! One folder a case under `fixtures/cases/`, with these files; all data in them is synthetic:
//!
//! | file | holds |
//! |---|---|
//! | `input.bin`, `input.txt`, … | one frame, raw bytes, as the lane hands it over without framing. A question in several frames has `input.1.txt`, `input.2.txt`, … |
//! | `options.json` | the link's [`LinkOptions`](postern_sdk::LinkOptions); defaults if absent |
//! | `inbound.json` | the expected [`Inbound`](postern_sdk::Inbound)s of all frames in order, a JSON array |
//! | `told.json` | one [`Told`](postern_sdk::Told) a subject of the question, as an array; or the word `"continue"`, `"refer"`, `"hit"` or `"late"`, which the kit turns into outcomes. `told.NAME.json` adds a variant |
//! | `update.json` | the same, encoded as an update rather than an answer |
//! | `stamp.json` | the [`Stamp`](postern_sdk::Stamp); the kit's [`stamp`] if absent. `stamp.NAME.json` serves the variant NAME only |
//! | `reply.EXT`, `reply.NAME.EXT`, `update_reply.EXT` | the expected bytes; several replies are numbered: `reply.1.EXT`, `reply.2.EXT` |
//! | `refusal.EXT` | the expected refusal of the fault, if `inbound.json` has any; several are numbered |
//!
//! Beside `cases`, `fixtures/vocabulary.txt` may list field names of the format, so that a fault can name a field without
//! seeming to quote the frame.
//!
//! Only the input has to be written by hand. `POSTERN_BLESS=1 cargo test` writes the expected files anew, and then a person
//! reads the change. Parts are assembled by [`postern_sdk::Assembler`] as the lane does it, so `told.json` of a question in parts
//! answers the whole one.
//!
//! # Mutation
//! Every case's frames are damaged in fixed, reproducible ways (flipped, inserted, deleted, doubled, cut and spliced bytes),
//! and pure random strings are added: 20 000 inputs, or 1 000 000 with `POSTERN_LONG=1`. Of each it is proved that
//!
//! * nothing panics, decoding yields something and the same thing twice;
//! * a fault's code is a code, its offset lies within the frame, and neither its text nor the refusal of it quotes the frame
//!   (no run of five letters or digits, unless it is the sender's id, a native reference kept to be echoed, or a word that
//!   the format's own vocabulary has);
//! * a question asks about something, claims neither client nor environment, and survives serde unchanged;
//! * **no wrong `no_record`**: whatever is told but `continue` never encodes to the bytes of `continue`, not even if it differs
//!   from it in nothing but the gate.
//!
//! `POSTERN_SEED=number` tries other inputs. A failure names seed and number of the input; with both set, and
//! `POSTERN_MUTANT` the number, that one runs alone and its panic is let through.
//!
//! # Contract
//! The description names this contract's version, a name of `[a-z0-9-]` and a summary.

mod campaign;
mod case;
mod cases;
mod contract;
mod diff;
mod leak;
mod mutate;
pub mod schema;
mod telling;
pub mod toy;
mod trap;

use std::fmt;
use std::path::Path;

use postern_sdk::Adapter;

pub use telling::stamp;

/// What a run has proved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// Cases that were compared.
    pub cases: usize,
    /// Damaged and random inputs that were tried.
    pub mutants: u64,
    /// Questions that these inputs still decoded to.
    pub questions: u64,
    /// Faults that these inputs decoded to.
    pub faults: u64,
}

/// What an adapter failed, each with the place and, for cases, a line-by-line difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failures(pub Vec<String>);

impl fmt::Display for Failures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|failure| writeln!(f, "\n* {failure}"))
    }
}

impl std::error::Error for Failures {}

/// Proves an adapter on the cases in `fixtures_dir/cases`, on damaged input and on the contract.
///
/// # Panics
/// With every failure, if there is any. See [`examine`] for the form without panic.
pub fn check(adapter: &dyn Adapter, fixtures_dir: &Path) -> Report {
    match examine(adapter, fixtures_dir) {
        Ok(report) => report,
        Err(failures) => panic!("adapter {} fails:{failures}", adapter.describe().name),
    }
}

/// As [`check`], with the failures as a value.
///
/// # Errors
/// [`Failures`] if the adapter fails anything, if a file can't be read, or if there is no case at all.
pub fn examine(adapter: &dyn Adapter, fixtures_dir: &Path) -> Result<Report, Failures> {
    let mut failures = contract::failures(&adapter.describe());
    let cases = case::load_all(&fixtures_dir.join("cases")).map_err(|e| Failures(vec![e]))?;
    failures.extend(cases::failures(adapter, &cases));
    let mut report = Report { cases: cases.len(), ..Report::default() };
    // The file is optional: without it the format has no words of its own.
    let words = std::fs::read(fixtures_dir.join("vocabulary.txt")).unwrap_or_default();
    match campaign::run(adapter, &cases, &words) {
        Ok(campaign) => report = Report { cases: report.cases, ..campaign },
        Err(failure) => failures.push(failure),
    }
    if failures.is_empty() { Ok(report) } else { Err(Failures(failures)) }
}
