//! Answers written by hand.

use postern_sdk::Reason;

use super::super::reply::{self, Reply};
use super::*;
use crate::find::profile::WisdmStep;

/// The answer to a report: a result of these parts.
fn answer(parts: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="utf-8"?>
<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body>
<CreateOrUpdateSLTDRecordResponse xmlns="urn:interpol:ws:wisdm:sltd"><CreateOrUpdateSLTDRecordResult>
{parts}<requestId>4711</requestId><referenceInCountry>UTO-1</referenceInCountry>
</CreateOrUpdateSLTDRecordResult></CreateOrUpdateSLTDRecordResponse></s:Body></s:Envelope>"#
    )
}

fn read(text: &str) -> Reply {
    let profile = Profile::built_in();
    let wisdm = profile.wisdm.as_ref().unwrap();
    let operation = wisdm.operation(WisdmStep::CreateOrUpdate).unwrap();
    reply::read(&profile, wisdm, operation, text.as_bytes()).unwrap()
}

fn done(parts: &str) -> Result<bool, WisdmError> {
    let profile = Profile::built_in();
    read(&answer(parts)).done(&profile, profile.wisdm.as_ref().unwrap())
}

const NAMES: [(&str, &str); 15] = [
    ("DIN_ALREADY_PRESENT", "number_already_present"),
    ("DIN_FORMAT_INVALID", "number_format_invalid"),
    ("DOCUMENT_TYPE_INVALID", "document_type_invalid"),
    ("FRAUD_TYPE_INVALID", "fraud_type_invalid"),
    ("COUNTRY_OF_THEFT_INVALID", "theft_country_invalid"),
    ("COUNTRY_OF_THEFT_MISSING", "theft_country_missing"),
    ("STOLEN_BATCH_IDENTIFIER_NOT_ALLOWED", "batch_not_allowed"),
    ("DATE_FORMAT_INVALID", "date_format_invalid"),
    ("DATE_OF_THEFT_NOT_IN_PAST", "theft_date_not_in_past"),
    ("ISSUANCE_DATE_NOT_IN_PAST", "issue_date_not_in_past"),
    ("RETENTION_DATE_NOT_IN_FUTURE", "retention_not_in_future"),
    ("RETENTION_DATE_EXCEEDS_PERIOD", "retention_exceeds_period"),
    ("EXTENSION_REASON_INVALID", "extension_reason_invalid"),
    ("FIELD_TOO_LONG", "field_too_long"),
    ("RECORD_NOT_FOUND", "record_not_found"),
];

// Proves that each functional error is understood wherever it stands: other code, payload as elements, payload as text.
#[test]
fn each_objection_has_a_name() {
    assert_eq!(NAMES.len(), Functional::ALL.len());
    for (wire, code) in NAMES {
        let payload = format!("<XMLDatas><error><code>{wire}</code></error></XMLDatas>");
        let escaped = payload.replace('<', "&lt;");
        for parts in [
            format!("<resultCode>OTHER_ERROR_CODE</resultCode><resultOtherCode>{wire}</resultOtherCode>"),
            format!("<resultCode>3</resultCode><xmlData>{payload}</xmlData>"),
            format!("<resultCode>UNEXPECTED_ERROR</resultCode><xmlData>{escaped}</xmlData>"),
        ] {
            let error = done(&parts).unwrap_err();
            assert!(matches!(error, WisdmError::Objection(_)), "{parts}");
            assert_eq!((error.code(), error.in_doubt(), error.passes()), (code, false, false), "{parts}");
        }
    }
}

// Proves that an unknown objection keeps its name, that what is no name is not told, and that failures leave a doubt.
#[test]
fn what_is_not_known_is_not_done() {
    let other = |text: &str| {
        done(&format!("<resultCode>6</resultCode><resultOtherCode>{text}</resultOtherCode>")).unwrap_err()
    };
    assert_eq!(other("MOON_PHASE"), WisdmError::UnknownObjection("MOON_PHASE".into()));
    assert_eq!(other("the number X1234567"), WisdmError::UnknownObjection("(not a name)".into()));
    let failed = |reason, in_doubt| Err(WisdmError::Failed { reason, in_doubt });
    assert_eq!(done("<resultCode>3</resultCode>"), failed(Reason::UnexpectedError, true));
    assert_eq!(done("<resultCode>5</resultCode>"), failed(Reason::AccessDenied, false));
    assert_eq!(done("<resultCode>99</resultCode>"), failed(Reason::MalformedAnswer, true));
    assert_eq!(done(""), failed(Reason::MalformedAnswer, true));
    assert_eq!(done("<resultCode>0</resultCode>"), Ok(true));
    assert_eq!(done("<resultCode>NO_ANSWER</resultCode>"), Ok(false));
    // A code of success beside an objection, or beside a payload that is none, says nothing.
    let beside = "<resultCode>0</resultCode><resultOtherCode>FIELD_TOO_LONG</resultOtherCode>";
    assert_eq!(done(beside), failed(Reason::MalformedAnswer, true));
    let payload = "<resultCode>0</resultCode><xmlData><html/></xmlData>";
    assert_eq!(done(payload), failed(Reason::MalformedAnswer, true));
}

// Proves that a record is read in full, in INTERPOL's own payload shape, and that an id that is none is refused.
#[test]
fn records_are_read() {
    let record = |id: &str| {
        format!(
            r#"<resultCode>NO_ERROR</resultCode><xmlData><XMLDatas>
<document xmlns="urn:interpol:ws:sltd:document" item_id="{id}">
<theft><add_info><value>from a car</value></add_info><country_id>173</country_id><date>20251130</date>
<type_id>STL</type_id></theft><nr>X1234567</nr><type_id>PAS</type_id><date_of_issuance>20200102</date_of_issuance>
<expiry_date/></document></XMLDatas></xmlData>"#
        )
    };
    let profile = Profile::built_in();
    let wisdm = profile.wisdm.as_ref().unwrap();
    let id = "0123456789abcdefABCDEF0123456789";
    let documents = read(&answer(&record(id))).documents(&profile, wisdm).unwrap();
    let [held] = documents.as_slice() else { panic!("{documents:?}") };
    assert_eq!((held.id.as_str(), held.fraud), (id, Some(Fraud::Stolen)));
    assert_eq!((held.number, held.theft_country), ("X1234567".parse().ok(), "FRA".parse().ok()));
    assert_eq!((held.theft_date, held.expires), (Some(Date::constant(2025, 11, 30)), None));
    assert_eq!(held.additional.as_deref(), Some("from a car"));
    for id in ["", "0123", "0123456789abcdefABCDEF012345678g"] {
        let refused = read(&answer(&record(id))).documents(&profile, wisdm).unwrap_err();
        assert_eq!(refused.code(), "unusable_answer", "{id}");
    }
}
