//! The rules of fields.

use super::super::rules::Rule;
use super::*;

fn broken(draft: &Draft) -> Vec<&'static str> {
    let profile = Profile::built_in();
    let broken = rules_of(&profile).check(draft).err().unwrap_or_default();
    broken.into_iter().map(Rule::code).collect()
}

fn blank(change: impl Fn(&mut Draft)) -> Draft {
    let mut draft = Draft {
        number: "X1234567".to_owned(),
        doc_type: "PAS".to_owned(),
        loss: "stolen_blank".to_owned(),
        batch: "B-7".to_owned(),
        ..Draft::default()
    };
    change(&mut draft);
    draft
}

fn changed(change: impl Fn(&mut Draft)) -> Draft {
    let mut draft = stolen("X1234567");
    change(&mut draft);
    draft
}

type Change = fn(&mut Draft);

// Proves each rule of a stolen passport by a field that just keeps it and one that just breaks it.
#[test]
fn each_rule_has_its_edge() {
    let cases: &[(Change, &[&str])] = &[
        (|_| {}, &[]),
        (|d| d.number = " ab-12 345 ".into(), &[]),
        (|d| d.number = "AB-12".into(), &["number_invalid"]),
        (|d| d.number = "A".repeat(25), &[]),
        (|d| d.number = "A".repeat(26), &["number_invalid"]),
        (|d| d.number = "АB123456".into(), &["number_invalid"]),
        (|d| d.number = String::new(), &["number_invalid"]),
        (|d| d.doc_type = String::new(), &["type_missing"]),
        (|d| d.doc_type = "QQQ".into(), &["type_unknown"]),
        (|d| d.doc_type = "P".into(), &["type_unknown"]),
        (|d| d.loss = String::new(), &["loss_missing"]),
        (|d| d.loss = "mislaid".into(), &["loss_unknown"]),
        (|d| d.country = String::new(), &["country_missing"]),
        (|d| d.country = "QQQ".into(), &["country_unknown"]),
        (|d| d.batch = "B-7".into(), &["batch_not_allowed"]),
        (|d| d.date = "30.11.2025".into(), &["date_format"]),
        (|d| d.date = "2025-02-30".into(), &["date_format"]),
        (|d| d.date = "2026-03-01".into(), &[]),
        (|d| d.date = "2026-03-02".into(), &["date_not_in_past"]),
        (|d| d.date = "2020-01-02".into(), &[]),
        (|d| d.date = "2020-01-01".into(), &["date_before_issue"]),
        (|d| d.date = String::new(), &[]),
        (|d| d.issued = "20200102".into(), &["issued_format"]),
        (|d| d.issued = "2026-03-02".into(), &["issued_not_in_past", "date_before_issue"]),
        (|d| d.expires = "never".into(), &["expires_format"]),
        (|d| d.expires = "2020-01-03".into(), &[]),
        (|d| d.expires = "2020-01-02".into(), &["expires_before_issue"]),
        (|d| d.national_reference = "é".repeat(25), &[]),
        (|d| d.national_reference = "é".repeat(26), &["national_reference_too_long"]),
        (|d| d.ncb_reference = "x".repeat(26), &["ncb_reference_too_long"]),
        (|d| d.info = "x".repeat(40), &[]),
        (|d| d.info = "x".repeat(41), &["info_too_long"]),
        (|d| d.keep_until = "soon".into(), &["keep_until_format"]),
        (|d| d.keep_until = "2026-03-01".into(), &["keep_until_not_in_future"]),
        (|d| d.keep_until = "2026-03-02".into(), &[]),
        (|d| d.keep_until = "2031-03-01".into(), &[]),
        (|d| d.keep_until = "2031-03-02".into(), &["keep_until_exceeds_period"]),
        (|d| d.keep_reason = "purpose_not_achieved".into(), &[]),
        (|d| d.keep_reason = "because".into(), &["keep_reason_unknown"]),
        (
            |d| (d.number, d.doc_type, d.loss) = Default::default(),
            &["number_invalid", "type_missing", "loss_missing"],
        ),
    ];
    for (at, (change, expected)) in cases.iter().enumerate() {
        assert_eq!(broken(&changed(change)), *expected, "case {at}");
    }
}

// Proves the rules that are a stolen blank's own, and the periods of each class.
#[test]
fn classes_differ() {
    let cases: &[(Change, &[&str])] = &[
        (|_| {}, &[]),
        (|d| d.batch = "x".repeat(26), &["batch_too_long"]),
        (|d| d.country = "UTO".into(), &[]),
        (|d| d.issued = "2020-01-01".into(), &["issued_of_blank"]),
        (|d| d.expires = "2030-01-01".into(), &["expires_of_blank"]),
        (|d| d.keep_until = "2056-03-01".into(), &[]),
        (|d| d.keep_until = "2056-03-02".into(), &["keep_until_exceeds_period"]),
    ];
    for (at, (change, expected)) in cases.iter().enumerate() {
        assert_eq!(broken(&blank(change)), *expected, "case {at}");
    }
    for (until, expected) in [("2036-03-01", &[][..]), ("2036-03-02", &["keep_until_exceeds_period"][..])] {
        let draft = changed(|d| (d.doc_type, d.keep_until) = ("VRD".into(), until.into()));
        assert_eq!(broken(&draft), expected, "{until}");
    }
}

// Proves that a change of a record's end needs a day of its class's period and a known reason.
#[test]
fn retention_needs_a_reason() {
    let profile = Profile::built_in();
    let rules = rules_of(&profile);
    let kept = Some((postern_sdk::DocumentType::PASSPORT, Fraud::Stolen));
    let check = |until, reason, kept| rules.check_retention(until, reason, kept).map_err(|broken| broken[0]);
    assert!(check("2031-03-01", "purpose_not_achieved", kept).is_ok());
    assert_eq!(check("2031-03-02", "purpose_not_achieved", kept), Err(Rule::KeepExceedsPeriod));
    assert_eq!(check("2026-03-01", "purpose_not_achieved", None), Err(Rule::KeepNotInFuture));
    assert_eq!(check("2027-03-01", " ", kept), Err(Rule::ReasonMissing));
    assert_eq!(check("2027-03-01", "because", kept), Err(Rule::ReasonUnknown));
    assert_eq!(check("tomorrow", "purpose_not_achieved", kept), Err(Rule::KeepFormat));
}

// Proves that codes are unique, that each rule names a column, and that nothing shows a document.
#[test]
fn codes_are_stable_and_silent() {
    let codes: std::collections::BTreeSet<_> = Rule::ALL.iter().map(|rule| rule.code()).collect();
    assert_eq!(codes.len(), Rule::ALL.len());
    assert!(Rule::ALL.iter().all(|rule| rule.field() == "row" || COLUMNS.contains(&rule.field())));
    let profile = Profile::built_in();
    let draft = stolen("X1234567");
    let document = rules_of(&profile).check(&draft).unwrap();
    let shown = format!("{draft:?} {document:?}");
    assert!(!shown.contains("1234567") && !shown.contains("car"), "{shown}");
}
