//! Corrections, candidates and blind spots.

use postern_formats::mrz::{self, Confidence, MISREADS_MAX, Mrz, Verdict, blind_spots, check_digit};

const L1: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";

fn passport(line2: &str) -> Mrz {
    mrz::parse(format!("{L1}\n{line2}").as_bytes()).expect("a zone")
}

#[test]
fn letters_in_dates_and_check_digits_are_corrected_when_the_digit_then_agrees() {
    // Dates, their digits, the number's digit, the optional data's and the composite.
    let right = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";
    for wrong in [
        "L898902C36UTO74O8122F1204159ZE184226B<<<<<10",
        "L898902C36UTO740B1Z2F12O4159ZE184226B<<<<<10",
        "L898902C36UTO740812ZF1204159ZE184226B<<<<<10",
        "L898902C3GUTO7408122F1204159ZE184226B<<<<<1O",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<I0",
    ] {
        let zone = passport(wrong);
        assert!(zone.checks().none_disagrees());
        assert_eq!(zone.lines().nth(1), Some(right));
        assert!(!zone.corrections().is_empty());
        assert_eq!(zone.lines_as_read().nth(1).as_deref(), Some(wrong));
    }
}

#[test]
fn a_number_whose_digit_was_corrected_is_not_fully_confirmed() {
    // The digit agrees only as corrected, though the number has no blind spot of its own.
    let zone = |digit: char| passport(&format!("AB2345C72{digit}UTO7408122F1204159ZE184226B<<<<<12"));
    assert_eq!(zone('0').confidence(), Confidence::Confirmed);
    assert_eq!(zone('O').checks().number, Some(Verdict::Agrees));
    assert_eq!(zone('O').confidence(), Confidence::ConfirmedBlind);
}

#[test]
fn a_disagreeing_composite_lowers_confidence() {
    // It covers the number too, so it is a second witness, though not a contradiction of the number.
    for (composite, confidence) in [(2, Confidence::Confirmed), (3, Confidence::ConfirmedBlind)] {
        let zone = passport(&format!("AB2345C720UTO7408122F1204159ZE184226B<<<<<1{composite}"));
        assert_eq!((zone.checks().number, zone.confidence()), (Some(Verdict::Agrees), confidence));
    }
}

#[test]
fn letters_stay_where_no_digit_then_agrees() {
    // A date whose digit disagrees even after the replacement is left as read.
    let zone = passport("L898902C36UTO74O8132F1204159ZE184226B<<<<<10");
    assert!(zone.corrections().is_empty());
    assert_eq!(zone.birth().map(|date| date.raw()), Some(*b"74O813"));
    assert_eq!(zone.checks().birth, Some(Verdict::Disagrees));
}

#[test]
fn digits_in_issuer_nationality_and_name_are_corrected() {
    // No digit can stand there; each replacement is told. The number is never touched.
    let zone = mrz::parse(
        b"P<UT0ER1K550N<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UT07408122F1204159ZE184226B<<<<<10",
    )
    .expect("a zone");
    assert_eq!((zone.issuer(), zone.nationality()), ("UTO", Some("UTO")));
    assert_eq!(zone.names().primary(), "ERIKSSON");
    assert_eq!(zone.corrections().len(), 6);
    let german = mrz::parse(
        b"P<0<<ERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C360<<7408122F1204159ZE184226B<<<<<10",
    )
    .expect("a zone");
    assert_eq!((german.issuer(), german.nationality()), ("D<<", Some("D<<")));
}

#[test]
fn a_misread_number_yields_what_was_meant() {
    // One and two exchanged characters, in a layout with a composite digit.
    for wrong in ["L8989O2C36", "LB98902C36", "LB989O2C36"] {
        let zone = passport(&format!("{wrong}UTO7408122F1204159ZE184226B<<<<<10"));
        assert_eq!(zone.confidence(), Confidence::Contradicted);
        assert!(zone.misreads().iter().any(|number| number == "L898902C3"), "{wrong}");
        assert!(zone.misreads().len() <= MISREADS_MAX);
    }
}

#[test]
fn every_candidate_satisfies_every_digit() {
    // The candidates put back into the zone agree, whatever was misread.
    let zone = passport("OIL5O8GZ31UTO7408122F1204159ZE184226B<<<<<10");
    for number in zone.misreads().iter() {
        let line2 = format!("{number:<<9}1UTO7408122F1204159ZE184226B<<<<<10");
        assert!(passport(&line2).checks().none_disagrees());
    }
}

#[test]
fn no_candidates_where_the_number_is_not_contradicted() {
    // An agreeing or absent digit asks for none, nor does a number whose composite would still disagree.
    assert!(passport("L898902C36UTO7408122F1204159ZE184226B<<<<<10").misreads().is_empty());
    assert!(passport("L898902C3<UTO7408122F1204159ZE184226B<<<<<10").misreads().is_empty());
    assert!(passport("L8989O2C36UTO7408132F1204159ZE184226B<<<<<10").misreads().is_empty());
}

#[test]
fn candidates_without_a_composite_rest_on_the_number_alone() {
    // A visa has no composite digit.
    let zone = mrz::parse(
        b"V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL8989O2C<3UTO6908061F9406236ZE184226B<<<<<<<",
    )
    .expect("a zone");
    assert!(zone.misreads().iter().any(|number| number == "L898902C"));
    for number in zone.misreads().iter() {
        assert_eq!(check_digit(number.as_bytes()), Some(b'3'));
    }
}

#[test]
fn misread_remainders_of_long_numbers() {
    // The second part of a long number is searched too.
    let zone = mrz::parse(
        b"I<PRT007666667<2Z00<<<<<<<<<<<\n8303143M3405293PRT<<<<<<<<<<<4\nERIKSSON<<ANNA<MARIA<<<<<<<<<<",
    )
    .expect("a zone");
    assert!(zone.misreads().iter().any(|number| number == "007666667ZZ0"));
}

#[test]
fn blind_spots_lower_confidence_only() {
    // 6/G and 1/L weigh the same, O/0 do not; a filler inside could be a 0.
    assert_eq!(check_digit(b"AB6"), check_digit(b"ABG"));
    assert_eq!(check_digit(b"AB1"), check_digit(b"ABL"));
    assert_ne!(check_digit(b"AB0"), check_digit(b"ABO"));
    assert_eq!(blind_spots(b"AB6").lookalikes, 1);
    assert_eq!(blind_spots(b"A<B2").zero_or_filler, 1);
    assert_eq!(blind_spots(b"AB20").zero_or_filler, 1);
    assert_eq!(blind_spots(b"2738").swaps, 2);
    assert!(!blind_spots(b"ABC2345").misreading_possible());
    assert_eq!(
        passport("L898902C36UTO7408122F1204159ZE184226B<<<<<10").confidence(),
        Confidence::ConfirmedBlind
    );
}
