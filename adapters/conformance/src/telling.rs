//! What may be told of a question, in every variant that an adapter has to keep apart.

use postern_sdk::{
    Conclusion, Database, Finding, Gate, Hit, MatchClass, Outcome, Personal, Query, QueryKey, Reason, Source,
    Stamp, Told, Verdict, View,
};

/// The views, narrowest first.
pub(crate) const VIEWS: [View; 3] = [View::Gate, View::Class, View::Full];

/// The stamp of a case that has none of its own: training, of a fixed reference and time, in the view `class`.
pub fn stamp() -> Stamp {
    Stamp {
        reference: serde_json::from_str("\"01936a1e-7c00-7000-8000-000000000001\"").expect("a literal"),
        at: "2026-11-24T10:42:01Z".parse().expect("a literal"),
        control: 7,
        view: View::Class,
        environment: postern_sdk::Environment::Training,
    }
}

/// The outcome of one subject by the word that a case's `told.json` may hold instead of it.
pub(crate) fn outcome(word: &str) -> Option<Outcome> {
    let finding = match word {
        "continue" => Finding::NoRecord,
        "refer" => Finding::NotChecked(Reason::CopyStale),
        "late" => Finding::NotChecked(Reason::Deadline),
        "hit" => Finding::Hits(vec![hit(MatchClass::Exact)]),
        "possible_hit" => Finding::Hits(vec![hit(MatchClass::NumberOnly)]),
        "outside_policy" => return Some(Outcome::outside_policy()),
        _ => return None,
    };
    Some(Outcome::conclude(vec![conclusion(finding)], vec![query()]))
}

fn query() -> Query {
    let serial = postern_sdk::Serial::normalise("ZZ900").expect("a literal");
    let key = postern_sdk::FirearmKey { serial, make: None, model: None, calibre: None };
    Query { key: QueryKey::Firearm(key), basis: postern_sdk::Basis::Stated }
}

fn conclusion(finding: Finding) -> Conclusion {
    let heard = finding.not_checked().is_none();
    let base = Conclusion::not_asked(Database::Sltd, Reason::Internal);
    let as_of = heard.then(|| "2026-11-24T10:42:00Z".parse().expect("a literal"));
    Conclusion { finding, source: heard.then_some(Source::Mind), data_as_of: as_of, ..base }
}

fn hit(class: MatchClass) -> Hit {
    let mut hit = Hit::new(class, "SYNTHETIC-1");
    hit.identifier = Some(Personal::from("ZZ900"));
    hit.notice = Some("RED".to_owned());
    hit
}

/// What a client of this view is told if every subject may continue.
pub(crate) fn go(subjects: usize, view: View) -> Vec<Told> {
    outcome("continue").map(|outcome| vec![Told::of(&outcome, view); subjects]).unwrap_or_default()
}

/// Everything that must not read as [`go`], each with a name. The first few differ from it in nothing but the gate.
pub(crate) fn others(subjects: usize, view: View) -> Vec<(&'static str, Vec<Told>)> {
    let go = go(subjects, view);
    let refer = |one: &Told| Told { gate: Gate::Refer, ..one.clone() };
    let not_established = |one: &Told| Told { verdict: Some(Verdict::NotEstablished), ..refer(one) };
    let mut one_refers = go.clone();
    if let Some(last) = one_refers.last_mut() {
        *last = refer(last);
    }
    let mut all = vec![
        ("refer that differs in the gate only", go.iter().map(refer).collect()),
        ("refer of the last subject", one_refers),
        ("not established", go.iter().map(not_established).collect()),
        ("bare refer", vec![Told::refer(); subjects]),
        ("nothing", Vec::new()),
    ];
    let words = ["refer", "late", "hit", "possible_hit", "outside_policy"];
    let told = words.map(|word| (word, outcome(word)));
    all.extend(told.into_iter().filter_map(|(word, o)| Some((word, vec![Told::of(&o?, view); subjects]))));
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that every variant is apart from continue, and that all of them mean refer together.
    #[test]
    fn variants_are_apart() {
        for view in VIEWS {
            let go = go(2, view);
            assert_eq!(Told::gate_of_all(&go), Gate::Continue);
            for (name, told) in others(2, view) {
                assert_ne!(told, go, "{name}");
                assert_eq!(Told::gate_of_all(&told), Gate::Refer, "{name}");
            }
        }
    }
}
