//! How a zone's check digits were judged, for the record.

use postern_formats::mrz::{Checks, Verdict};

/// The verdicts in words: `number:agrees birth:disagrees`. Digits that the layout lacks are left out.
pub(crate) fn verdicts(checks: &Checks) -> String {
    let names = ["number", "birth", "expiry", "optional", "composite"];
    let mut words = String::with_capacity(80);
    for (name, verdict) in names.into_iter().zip(checks.all()) {
        let Some(verdict) = verdict else { continue };
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(name);
        words.push_str(match verdict {
            Verdict::Agrees => ":agrees",
            Verdict::Disagrees => ":disagrees",
            Verdict::Absent => ":absent",
        });
    }
    words
}
