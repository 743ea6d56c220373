//! Documents printed in Doc 9303 and on specimens: every field and every check digit as published.

use postern_formats::mrz::{
    self, Checks, Confidence, DateState, Format, LongVariant, Mrz, Sex, Verdict, check_digit,
};

const ANNA_44: &str = "ERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
const ANNA_31: &str = "ERIKSSON<<ANNA<MARIA<<<<<<<<<<<";
const ANNA_30: &str = "ERIKSSON<<ANNA<MARIA<<<<<<<<<<";

fn parse(lines: &[&str]) -> Mrz {
    mrz::parse(lines.join("\r\n").as_bytes()).expect("a zone")
}

const YES: Option<Verdict> = Some(Verdict::Agrees);
const NO: Option<Verdict> = Some(Verdict::Disagrees);
const ABSENT: Option<Verdict> = Some(Verdict::Absent);

fn checks(number: Option<Verdict>, optional: Option<Verdict>, composite: Option<Verdict>) -> Checks {
    Checks { number, birth: YES, expiry: YES, optional, composite }
}

#[test]
fn check_digits_of_the_standard() {
    // The worked examples of part 3, appendix A, and the unknown date.
    let cases = [
        ("520727", b'3'),
        ("AB2134<<<", b'5'),
        // Examples 3 to 5: the pieces that the composite covers, joined.
        (concat!("HA672242<6", "5802254", "9601086<<<<<<<<<<<<<<0"), b'8'),
        (concat!("D231458907<<<<<<<<<<<<<<<", "3407127", "9507122", "<<<<<<<<<<<"), b'2'),
        (concat!("HA672242<6", "5802254", "9601086<<<<<<<"), b'8'),
        ("<<<<<<", b'0'),
    ];
    for (data, expected) in cases {
        assert_eq!(check_digit(data.as_bytes()), Some(expected));
    }
    assert_eq!(check_digit(b"52-727"), None);
}

#[test]
fn td3_of_the_standard() {
    // Every field of the passport in part 4.
    let zone = parse(&[&format!("P<UTO{ANNA_44}"), "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]);
    assert_eq!(zone.format(), Format::Td3);
    assert_eq!(*zone.checks(), checks(YES, YES, YES));
    assert_eq!((zone.document_code(), zone.issuer(), zone.nationality()), ("P<", "UTO", Some("UTO")));
    assert_eq!(zone.number().as_str(), "L898902C3");
    assert_eq!(zone.number().long(), None);
    assert_eq!(zone.birth().map(|date| date.raw()), Some(*b"740812"));
    assert_eq!(zone.expiry().map(|date| date.raw()), Some(*b"120415"));
    assert_eq!(zone.sex(), Some(Sex::Female));
    assert_eq!(zone.optional_data().collect::<Vec<_>>(), ["ZE184226B<<<<<"]);
    let candidates: Vec<_> = zone.optional_numbers().map(|number| (number.text, number.verdict)).collect();
    assert_eq!(candidates, [("ZE184226B", YES)]);
    assert!(zone.misreads().is_empty());
}

#[test]
fn td3_with_optional_data_left_empty() {
    // Part 3, appendix A, example 3: 0 over empty optional data agrees, and a filler in its place says nothing.
    let line1 = "P<YTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
    let zone = parse(&[line1, "HA672242<6YTO5802254M9601086<<<<<<<<<<<<<<08"]);
    assert_eq!(*zone.checks(), checks(YES, YES, YES));
    assert_eq!(zone.number().as_str(), "HA672242");
    assert_eq!(zone.optional_numbers().count(), 0);
    let filler = parse(&[line1, "HA672242<6YTO5802254M9601086<<<<<<<<<<<<<<<8"]);
    assert_eq!(*filler.checks(), checks(YES, ABSENT, YES));
}

#[test]
fn td1_of_the_standard() {
    // Part 5, appendix, and part 3, appendix A, example 4 (whose third line is not printed).
    let zone = parse(&["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", ANNA_30]);
    assert_eq!(zone.format(), Format::Td1);
    assert_eq!(*zone.checks(), checks(YES, None, YES));
    assert_eq!(zone.number().as_str(), "D23145890");
    assert_eq!(zone.nationality(), Some("UTO"));
    assert_eq!(zone.names().secondary(), "ANNA<MARIA");
    let zone = parse(&["I<YTOD231458907<<<<<<<<<<<<<<<", "3407127M9507122YTO<<<<<<<<<<<2", ANNA_30]);
    assert_eq!(*zone.checks(), checks(YES, None, YES));
    assert_eq!(zone.sex(), Some(Sex::Male));
}

#[test]
fn td2_of_the_standard() {
    // Part 6, appendix, and part 3, appendix A, example 5.
    let zone = parse(&[&format!("I<UTO{ANNA_31}"), "D231458907UTO7408122F1204159<<<<<<<6"]);
    assert_eq!(zone.format(), Format::Td2);
    assert_eq!(*zone.checks(), checks(YES, None, YES));
    assert_eq!(zone.number().as_str(), "D23145890");
    let zone = parse(&[&format!("I<YTO{ANNA_31}"), "HA672242<6YTO5802254M9601086<<<<<<<8"]);
    assert_eq!(*zone.checks(), checks(YES, None, YES));
}

#[test]
fn visas_of_the_standard() {
    // Part 7: no composite digit in either size, and the number as printed.
    let line1 = format!("V<UTO{ANNA_44}");
    for (line2, number) in [
        ("L8988901C4XXX7408122F96121096ZE184226B<<<<<<", "L8988901C"),
        ("L8988901C4XXX4009078F96121096ZE184226B<<<<<<", "L8988901C"),
        ("L898902C<3UTO6908061F9406236ZE184226B<<<<<<<", "L898902C"),
    ] {
        let zone = parse(&[&line1, line2]);
        assert_eq!((zone.format(), zone.number().as_str()), (Format::MrvA, number));
        assert_eq!(*zone.checks(), checks(YES, None, None));
        assert!(zone.format().is_visa());
    }
    let line1 = format!("V<UTO{ANNA_31}");
    for (line2, number) in [
        ("L8988901C4XXX7408122F9612109<<<<<<<<", "L8988901C"),
        ("L898902C<3UTO6908061F9406236ZE184226", "L898902C"),
    ] {
        let zone = parse(&[&line1, line2]);
        assert_eq!((zone.format(), zone.number().as_str()), (Format::MrvB, number));
        assert_eq!(*zone.checks(), checks(YES, None, None));
    }
    let zone = parse(&["VCD<<DENT<<ARTHUR<PHILIP<<<<<<<<<<<<", "1234567XY7GBR5203116M2105253<<<<<<<<"]);
    assert_eq!((zone.format(), zone.document_code(), zone.issuer()), (Format::MrvB, "VC", "D<<"));
    assert_eq!(*zone.checks(), checks(YES, None, None));
    assert_eq!(zone.names().primary(), "DENT");
    assert_eq!(zone.number().as_str(), "1234567XY");
}

#[test]
fn long_numbers_of_td1() {
    // A number in two parts is whole, and the variant that held is told.
    let peter = "STEVENSON<<PETER<JOHN<<<<<<<<<";
    let cases = [
        (
            ["I<UTOD23145890<7349<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", peter],
            "D23145890734",
            LongVariant::Both,
        ),
        (
            ["IDBEL000590240<6013<<<<<<<<<<<", "8512017F1311048BEL851201002007", ANNA_30],
            "000590240601",
            LongVariant::FillerIncluded,
        ),
        (
            ["I<PRT007666667<ZZ00<<<<<<<<<<<", "8303143M3405293PRT<<<<<<<<<<<4", ANNA_30],
            "007666667ZZ0",
            LongVariant::Both,
        ),
    ];
    for (lines, number, variant) in cases {
        let zone = parse(&lines);
        assert_eq!(zone.number().as_str(), number);
        assert_eq!(zone.number().long(), Some(variant));
        assert_eq!(*zone.checks(), checks(YES, None, YES));
        assert_eq!(zone.number().principal(), None);
    }
    let belgian = parse(&["IDBEL600001795<0152<<<<<<<<<<<", "8512017F1311048BEL851201002007", ANNA_30]);
    assert_eq!(belgian.number().as_str(), "600001795015");
    assert_eq!(belgian.number().long(), Some(LongVariant::FillerExcluded));
    assert_eq!(belgian.number().verdict(), YES);
    assert_eq!(belgian.optional_numbers().map(|n| n.text).collect::<Vec<_>>(), ["85120100200"]);
}

#[test]
fn long_number_whose_digit_holds_neither_way() {
    // It is contradicted, and its first nine characters are offered, since the rest may be other data.
    let zone = parse(&["I<UTOD23145890<7348<<<<<<<<<<<", "3407127M9507122UTO<<<<<<<<<<<2", ANNA_30]);
    assert_eq!(zone.number().long(), Some(LongVariant::Neither));
    assert_eq!(zone.confidence(), Confidence::Contradicted);
    assert_eq!(zone.number().principal(), Some("D23145890"));
}

#[test]
fn long_number_of_td2() {
    // The remainder and its digit stand in the seven columns of the optional data.
    let number_digit = check_digit(b"D23145890734").expect("canonical");
    let line2 = format!("D23145890<UTO7408122F1204159734{}<<<", number_digit as char);
    let covered = format!("D23145890<{}{}{}", "7408122", "1204159", &line2[28..35]);
    let line2 = format!("{line2}{}", check_digit(covered.as_bytes()).expect("canonical") as char);
    let zone = parse(&[&format!("I<UTO{ANNA_31}"), &line2]);
    assert_eq!(zone.number().as_str(), "D23145890734");
    assert_eq!(*zone.checks(), checks(YES, None, YES));
}

#[test]
fn missing_check_digit_is_not_a_long_number() {
    // A filler in the digit's column with empty optional data proves nothing either way.
    let zone = parse(&["I<UTOD23145890<<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", ANNA_30]);
    assert_eq!(zone.checks().number, ABSENT);
    assert_eq!(zone.number().long(), None);
    assert_eq!(zone.confidence(), Confidence::Unconfirmed);
    // A TD3 and a visa have no such rule.
    let zone = parse(&[&format!("P<UTO{ANNA_44}"), "L898902C3<UTO7408122F1204159ZE184226B<<<<<10"]);
    assert_eq!((zone.number().as_str(), zone.checks().number), ("L898902C3", ABSENT));
}

#[test]
fn french_identity_card_before_2021() {
    // Its order of fields is its own, and three digits agree.
    let zone = parse(&["IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<", "9409923102854CORINNE<<<<<<<6512068F4"]);
    assert_eq!(zone.format(), Format::FrenchId);
    assert_eq!(
        *zone.checks(),
        Checks { number: YES, birth: YES, expiry: None, optional: None, composite: YES }
    );
    assert_eq!(zone.number().as_str(), "940992310285");
    assert_eq!((zone.names().primary(), zone.names().secondary()), ("BERTHIER", "CORINNE"));
    assert!(!zone.names().truncated());
    assert_eq!(zone.birth().map(|date| date.raw()), Some(*b"651206"));
    assert_eq!((zone.expiry(), zone.nationality(), zone.sex()), (None, None, Some(Sex::Female)));
}

#[test]
fn french_driving_licence() {
    // One line of 30 with two digits.
    let zone = parse(&["D1FRA13AA000026181231MARTIN<<9"]);
    assert_eq!(zone.format(), Format::FrenchLicence);
    assert_eq!(*zone.checks(), Checks { number: YES, composite: YES, ..Checks::default() });
    assert_eq!((zone.number().as_str(), zone.issuer()), ("13AA00002", "FRA"));
    assert_eq!(zone.names().primary(), "MARTIN");
    assert_eq!(zone.expiry().map(|date| date.raw()), Some(*b"181231"));
}

#[test]
fn other_one_line_licences() {
    // They pass by the French layout only if both digits agree.
    let mut line = *b"D1UTO13AA000020181231MARTIN<<0";
    line[14] = check_digit(&line[..14]).expect("canonical");
    line[29] = check_digit(&line[..29]).expect("canonical");
    let zone = mrz::parse(&line).expect("a zone");
    assert_eq!((zone.format(), zone.issuer()), (Format::OtherLicence, "UTO"));
    line[29] = if line[29] == b'0' { b'1' } else { b'0' };
    assert_eq!(mrz::parse(&line).map_err(|error| error.code()).err(), Some("mrz_layout"));
}

#[test]
fn swiss_driving_licence() {
    // No digits at all: the number is never more than unconfirmed.
    let zone = parse(&["AAA001D<<", "FACHE305142128097<<800126<<<<<", "MUSTER<<HANS<<<<<<<<<<<<<<<<<<"]);
    assert_eq!(zone.format(), Format::SwissLicence);
    assert_eq!(zone.checks().all(), [None; 5]);
    assert_eq!((zone.number().as_str(), zone.issuer(), zone.document_code()), ("AAA001", "CHE", "FA"));
    assert_eq!(zone.confidence(), Confidence::Unconfirmed);
    assert_eq!(zone.birth().map(|date| date.raw()), Some(*b"800126"));
    let candidates: Vec<_> = zone.optional_numbers().map(|number| number.text).collect();
    assert_eq!(candidates, ["305142128097", "305142128"]);
    assert_eq!(zone.names().primary(), "MUSTER");
}

#[test]
fn a_disagreeing_digit_is_told_and_not_refused() {
    // One changed digit shows in its own verdict and in the composite, nowhere else.
    let zone = parse(&[&format!("P<UTO{ANNA_44}"), "L898902C36UTO7408122F1204158ZE184226B<<<<<10"]);
    assert_eq!(zone.checks().expiry, NO);
    assert_eq!(zone.checks().composite, NO);
    assert_eq!(zone.checks().number, YES);
    assert!(!zone.checks().none_disagrees());
}

#[test]
fn unknown_codes_are_kept() {
    // Second letters and issuers that no list knows, an organisation for a nationality, no nationality.
    let line2 = "L898902C36XPO7408122F1204159ZE184226B<<<<<10";
    let zone = parse(&[&format!("PQYTO{ANNA_44}"), line2]);
    assert_eq!((zone.document_code(), zone.issuer(), zone.nationality()), ("PQ", "YTO", Some("XPO")));
    let zone = parse(&[&format!("PRUNO{ANNA_44}"), "L898902C36<<<7408122X1204159ZE184226B<<<<<10"]);
    assert_eq!((zone.issuer(), zone.nationality(), zone.sex()), ("UNO", None, Some(Sex::X)));
}

#[test]
fn unknown_birth_dates() {
    // Fillers are unknown parts; their digit is 0 by arithmetic.
    let with = |date: &str| {
        let digit = check_digit(date.as_bytes()).expect("canonical") as char;
        parse(&[&format!("P<UTO{ANNA_44}"), &format!("L898902C36UTO{date}{digit}F1204159ZE184226B<<<<<10")])
    };
    let cases = [
        ("<<<<<<", DateState::Unknown, 0b11_1111),
        ("74<<<<", DateState::Partial, 0b11_1100),
        ("7408<<", DateState::Partial, 0b11_0000),
        ("740000", DateState::Partial, 0),
        ("7<0812", DateState::Partial, 0b00_0010),
        ("740230", DateState::Impossible, 0),
        ("741301", DateState::Impossible, 0),
        ("750229", DateState::Impossible, 0),
        ("000229", DateState::Complete, 0),
    ];
    for (raw, state, mask) in cases {
        let date = with(raw).birth().expect("a birth date");
        assert_eq!((date.state(), date.unknown_mask()), (state, mask), "{raw}");
        assert_eq!(with(raw).checks().birth, YES);
    }
}

#[test]
fn debug_output_shows_no_content() {
    // Zones get into logs by accident; their content must not.
    let zone = parse(&[&format!("P<UTO{ANNA_44}"), "L898902C36UTO7408122F1204159ZE184226B<<<<<10"]);
    let candidates: Vec<_> = zone.optional_numbers().collect();
    let shown = format!("{zone:?} {:?} {:?} {:?} {candidates:?}", zone.number(), zone.names(), zone.birth());
    for secret in ["L8989", "ERIKSSON", "ANNA", "740812", "ZE184226B"] {
        assert!(!shown.contains(secret));
    }
}
