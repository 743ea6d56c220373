//! What a zone is asked about.

use postern_mrz::MrzAdapter;
use postern_sdk::{
    Adapter, AlternativeBasis, Exchange, Fault, Inbound, LinkOptions, Person, Reliability, Sex, Subject,
    TravelDocument,
};

const L1: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
const L2: &str = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";

fn decode(frame: &str, options: &LinkOptions) -> Inbound {
    let mut inbounds = MrzAdapter.decode(frame.as_bytes(), options);
    assert_eq!(inbounds.len(), 1);
    inbounds.remove(0)
}

fn query(frame: &str) -> Exchange {
    match decode(frame, &LinkOptions::default()) {
        Inbound::Query(exchange) => exchange,
        other => panic!("{other:?}"),
    }
}

fn fault(frame: &str, options: &LinkOptions) -> Fault {
    match decode(frame, options) {
        Inbound::Fault(fault) => fault,
        other => panic!("{other:?}"),
    }
}

fn subjects(frame: &str) -> (TravelDocument, Person) {
    let subjects: [Subject; 2] = query(frame).subjects.try_into().expect("two subjects");
    match subjects {
        [Subject::TravelDocument(document), Subject::Person(person)] => (document, person),
        other => panic!("{other:?}"),
    }
}

fn alternatives(document: &TravelDocument) -> Vec<(&str, AlternativeBasis)> {
    document.alternatives.iter().map(|one| (one.number.reveal(), one.basis)).collect()
}

fn number(document: &TravelDocument) -> Option<&str> {
    document.number.as_ref().map(postern_sdk::DocumentNumber::reveal)
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("serialises")
}

#[test]
fn a_passport_is_a_document_and_a_person_of_one_traveller() {
    // Every field that either subject has.
    let exchange = query(&format!("{L1}\r\n{L2}\r\n"));
    assert_eq!((exchange.traveller(0), exchange.traveller(1)), (0, 0));
    let (document, person) = subjects(&format!("{L1}\r\n{L2}\r\n"));
    assert_eq!(number(&document), Some("L898902C3"));
    assert_eq!(document.reliability, Reliability::VerifiedAmbiguous);
    assert_eq!(alternatives(&document), [("ZE184226B", AlternativeBasis::OptionalData)]);
    assert_eq!(document.issuer.map(|state| state.to_string()).as_deref(), Some("UTO"));
    assert_eq!(document.doc_type.map(|code| code.to_string()).as_deref(), Some("P"));
    assert_eq!(document.also_as, None);
    assert_eq!(json(&document.expiry), "\"XX12-04-15\"");
    assert_eq!(person.name.primary.reveal(), "ERIKSSON");
    assert_eq!(person.name.secondary.as_ref().map(|name| name.reveal().as_str()), Some("ANNA MARIA"));
    assert!(!person.name.truncated);
    assert_eq!(json(&person.birth), "\"XX74-08-12\"");
    assert_eq!(person.sex, Sex::Female);
    assert_eq!(person.document.map(|number| number.reveal().to_owned()).as_deref(), Some("L898902C3"));
}

#[test]
fn the_exchange_keeps_how_the_zone_was_judged() {
    // Proves that layout, verdicts and corrections go into the record; the zone itself is there as the native message.
    let exchange = query(&format!("{L1}\n{}", L2.replace("740812", "74O812").to_lowercase()));
    let native = |key: &str| exchange.native.get(key).map(|value| value.reveal().as_str());
    assert_eq!(native("format"), Some("td3"));
    assert_eq!(native("lines"), None);
    let all = "number:agrees birth:agrees expiry:agrees optional:agrees composite:agrees";
    assert_eq!(native("checks"), Some(all));
    assert_eq!(native("corrected_columns"), Some("59"));
    assert_eq!(native("long_number"), None);
}

#[test]
fn a_failed_check_digit_makes_the_number_unreliable() {
    // It is asked as read, with the look-alikes that satisfy all digits, and proves nobody's identity.
    let (document, person) = subjects(&format!("{L1}\n{}", L2.replace("L898902C3", "L8989O2C3")));
    assert_eq!(number(&document), Some("L8989O2C3"));
    assert_eq!(document.reliability, Reliability::Failed);
    assert!(alternatives(&document).contains(&("L898902C3", AlternativeBasis::Misread)));
    assert_eq!(person.document, None);
}

#[test]
fn long_numbers_are_asked_whole() {
    // And by their first nine characters where the digit holds neither way.
    let rest = "8303143M3405293PRT<<<<<<<<<<<4\nERIKSSON<<ANNA<MARIA<<<<<<<<<<";
    let (document, _) = subjects(&format!("I<PRT007666667<ZZ00<<<<<<<<<<<\n{rest}"));
    assert_eq!(
        (number(&document), document.reliability),
        (Some("007666667ZZ0"), Reliability::VerifiedAmbiguous)
    );
    assert!(document.alternatives.is_empty());
    let (document, _) = subjects(&format!("I<PRT007666667<ZZ09<<<<<<<<<<<\n{rest}"));
    assert_eq!(document.reliability, Reliability::Failed);
    assert!(alternatives(&document).contains(&("007666667", AlternativeBasis::LongNumber)));
}

#[test]
fn a_visa_is_asked_as_visa_and_as_passport() {
    // Its number may be either's, and the passport's issuer is the holder's state.
    let line1 = L1.replacen('P', "V", 1);
    let (document, _) = subjects(&format!("{line1}\nL8988901C4XXX7408122F96121096ZE184226B<<<<<<"));
    assert_eq!(document.doc_type.map(|code| code.to_string()).as_deref(), Some("V"));
    assert_eq!(document.also_as.map(|code| code.to_string()).as_deref(), Some("P"));
    assert_eq!(document.nationality.map(|state| state.to_string()).as_deref(), Some("XXX"));
}

#[test]
fn national_documents() {
    // German codes, French cards and licences, Swiss licences.
    let (document, person) =
        subjects("VCD<<DENT<<ARTHUR<PHILIP<<<<<<<<<<<<\n1234567XY7GBR5203116M2105253<<<<<<<<");
    assert_eq!(document.issuer.map(|state| state.to_string()).as_deref(), Some("D"));
    assert_eq!(person.sex, Sex::Male);
    let (document, person) =
        subjects("IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<\n9409923102854CORINNE<<<<<<<6512068F4");
    assert_eq!(number(&document), Some("940992310285"));
    assert_eq!(document.doc_type.map(|code| code.to_string()).as_deref(), Some("I"));
    assert_eq!(json(&person.birth), "\"XX65-12-06\"");
    let (document, person) = subjects("D1FRA13AA000026181231MARTIN<<9");
    assert_eq!((number(&document), person.name.primary.reveal().as_str()), (Some("13AA00002"), "MARTIN"));
    assert_eq!(document.doc_type.map(|code| code.to_string()).as_deref(), Some("DRV"));
    assert_eq!((person.birth, person.name.secondary), (None, None));
    let (document, _) = subjects("AAA001D<<\nFACHE305142128097<<800126<<<<<\nMUSTER<<HANS<<<<<<<<<<<<<<<<<<");
    assert_eq!((number(&document), document.reliability), (Some("AAA001"), Reliability::Unverified));
    assert_eq!(document.doc_type.map(|code| code.to_string()).as_deref(), Some("DRV"));
    assert_eq!(
        alternatives(&document),
        [("305142128097", AlternativeBasis::OptionalData), ("305142128", AlternativeBasis::OptionalData)]
    );
}

#[test]
fn names_and_dates_that_are_not_whole() {
    // Cut names are marked, unknown parts stay unknown, an impossible day leaves the year.
    let with = |name: &str, birth: &str| {
        let digit = postern_formats::mrz::check_digit(birth.as_bytes()).expect("canonical") as char;
        subjects(&format!("P<UTO{name:<<39}\nL898902C36UTO{birth}{digit}<1204159ZE184226B<<<<<10")).1
    };
    let person = with("PAPANDROPOULOUS<<JONATHON<WARREN<TREVOR", "74<<<<");
    assert!(person.name.truncated);
    assert_eq!((json(&person.birth).as_str(), person.sex), ("\"XX74-XX-XX\"", Sex::Unspecified));
    let person = with("ARKFREITH", "<<<<<<");
    assert_eq!((person.birth, person.name.secondary), (None, None));
    let person = with("SATRIYA<SUDARPA", "740230");
    assert_eq!(
        (json(&person.birth).as_str(), person.name.primary.reveal().as_str()),
        ("\"XX74-XX-XX\"", "SATRIYA SUDARPA")
    );
    let person = with("<<ANNA", "740000");
    assert_eq!(
        (json(&person.birth).as_str(), person.name.primary.reveal().as_str()),
        ("\"XX74-XX-XX\"", "ANNA")
    );
}

#[test]
fn a_zone_without_a_number_still_has_its_document() {
    // What can't be asked is a subject too, so that it shows as not checked.
    let (document, person) = subjects(&format!("{L1}\n<<<<<<<<<0{}", &L2[10..]));
    assert_eq!((document.number, person.document), (None, None));
}

#[test]
fn request_ids() {
    // The id is the sender's id, unless the lane says that it is only echoed.
    let frame = format!("#gate-7.42_a;{L1}\r{L2}");
    let exchange = query(&frame);
    assert_eq!(exchange.context.sender_id.as_deref(), Some("gate-7.42_a"));
    let echo: LinkOptions = serde_json::from_str(r#"{"options":{"request_id":"echo"}}"#).expect("options");
    let Inbound::Query(exchange) = decode(&frame, &echo) else { panic!("no query") };
    assert_eq!(exchange.context.sender_id, None);
    assert_eq!(exchange.native["request_id"].reveal(), "gate-7.42_a");
    for frame in
        [format!("\x02#1;{L1}{L2}\x03"), format!(" \r\n#1;]e0{L1}\r\n{L2}\r\n"), format!("#1;\r\n{L1}\n{L2}")]
    {
        assert_eq!(query(&frame).context.sender_id.as_deref(), Some("1"));
    }
    assert_eq!(query(&format!("{L1}{L2}")).context.sender_id, None);
}

#[test]
fn faults_carry_code_offset_and_request_id() {
    // Offsets count in the frame, the request id included; the content is not in the fault.
    let plain = LinkOptions::default();
    for (frame, code, offset) in [
        ("", "mrz_empty", 0),
        ("#1;", "mrz_empty", 3),
        ("#1;P<UTO", "mrz_length", 8),
        ("#1;P<UT\u{d6}", "mrz_character", 7),
        ("#;P<UTO", "mrz_request_id", 1),
        ("  #1?P<UTO", "mrz_request_id", 4),
        ("#1", "mrz_request_id", 2),
        ("#0123456789012345678901234567890123456;P<UTO", "mrz_request_id", 37),
        ("A1FRA13AA000026181231MARTIN<<9", "mrz_layout", 0),
    ] {
        let fault = fault(frame, &plain);
        assert_eq!((fault.code.as_str(), fault.offset), (code, Some(offset)), "{frame}");
    }
    let fault = fault("#1;P<UTO", &plain);
    assert_eq!(fault.sender_id.as_deref(), Some("1"));
    assert_eq!(fault.to_string(), "mrz_length at byte 8");
}

#[test]
fn strict_lanes_refuse_deviations() {
    // What is corrected or tolerated elsewhere is a fault there, with the field.
    let strict = LinkOptions { strict: true, ..LinkOptions::default() };
    assert!(matches!(decode(&format!("{L1}\n{L2}"), &strict), Inbound::Query(_)));
    for (line2, field) in [
        (L2.replace("740812", "74O812"), "correction"),
        (L2.replace("740812", "741312"), "birth"),
        (L2.replace("120415", "120431"), "expiry"),
        (L2.replace("2F1", "2X1"), "sex"),
    ] {
        let fault = fault(&format!("{L1}\n{line2}"), &strict);
        assert_eq!((fault.code.as_str(), fault.field.as_deref()), ("mrz_deviation", Some(field)));
    }
}

#[test]
fn nothing_personal_is_printed() {
    // Exchanges get into logs by accident.
    let shown = format!("{:?}", query(&format!("#1;{L1}\n{L2}")));
    for secret in ["L8989", "ERIKSSON", "ANNA", "7408", "ZE184226B"] {
        assert!(!shown.contains(secret), "{secret}");
    }
}
