//! What readers put around and into a zone, and what is refused.

use postern_formats::mrz::{self, Format, INPUT_MAX, Mrz};

const L1: &str = "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<";
const L2: &str = "L898902C36UTO7408122F1204159ZE184226B<<<<<10";
const CARD: [&str; 3] =
    ["I<UTOD231458907<<<<<<<<<<<<<<<", "7408122F1204159UTO<<<<<<<<<<<6", "ERIKSSON<<ANNA<MARIA<<<<<<<<<<"];

fn parse(input: &str) -> Mrz {
    mrz::parse(input.as_bytes()).unwrap_or_else(|error| panic!("{error}"))
}

fn refusal(input: &[u8]) -> (&'static str, usize) {
    let error = mrz::parse(input).expect_err("refused");
    (error.code(), error.offset())
}

/// The passport of the standard, whatever was around it.
fn is_anna(zone: &Mrz) {
    assert_eq!(zone.format(), Format::Td3);
    assert_eq!(zone.lines().collect::<Vec<_>>(), [L1, L2]);
    assert!(zone.checks().none_disagrees());
}

#[test]
fn framing_is_stripped() {
    // Line breaks of all kinds, none, STX/ETX, a block check, AIM prefixes, and both together.
    for input in [
        format!("{L1}\n{L2}"),
        format!("{L1}\r{L2}\r"),
        format!("{L1}\r\n{L2}\r\n"),
        format!("{L1}{L2}"),
        format!("{L1}\n\n{L2}\n\n"),
        format!("\x02{L1}\r{L2}\x03"),
        format!("\x02{L1}{L2}\x03"),
        format!("\x02{L1}\r{L2}\r\x03W"),
        format!("\x02{L1}\r{L2}\x03\x11\r\n"),
        format!("\x02{L1}\x03\x02{L2}\x03"),
        format!("]e0{L1}\r{L2}"),
        format!("]L0{L1}{L2}"),
        format!("\x02]Q1\r{L1}\r{L2}\x03"),
        format!("\0\t{L1}\t{L2}\0"),
    ] {
        is_anna(&parse(&input));
    }
}

#[test]
fn lower_case_and_blanks_for_fillers() {
    // Both are canonicalised, with line breaks and without.
    is_anna(&parse(&format!("{L1}\n{L2}").to_lowercase()));
    is_anna(&parse(&format!("{L1}\n{L2}").replace('<', " ")));
    is_anna(&parse(&format!("{L1}{L2}").replace('<', " ")));
    let card = CARD.join("\r").replace('<', " ");
    assert_eq!(parse(&card).lines().collect::<Vec<_>>(), CARD);
    assert_eq!(parse(&CARD.concat().replace('<', " ")).lines().collect::<Vec<_>>(), CARD);
}

#[test]
fn outer_blanks_are_noise_and_not_fillers() {
    // A wedge's blanks before and after lines shift nothing.
    for input in [
        format!("  {L1}  \r\n  {L2}  \r\n"),
        format!(" {L1}{L2} "),
        format!("   {L1}\r {L2}"),
        format!("{L1} \n{L2} "),
        format!("   \r\n{L1}\r\n{L2}\r\n   \r\n"),
        format!("  {L1}  \r\n  {L2}  \r\n").replace('<', " "),
    ] {
        is_anna(&parse(&input));
    }
    let noisy = CARD.map(|line| format!(" {line} ")).join("\n");
    assert_eq!(parse(&noisy).lines().collect::<Vec<_>>(), CARD);
}

#[test]
fn an_unknown_birth_date_in_blanks_keeps_its_columns() {
    // The one line that may begin with fillers is not trimmed at its front while it has its width.
    let zone = parse(&format!("{}\n      0F1204159UTO           6\n{}", CARD[0], CARD[2]));
    assert_eq!(zone.birth().map(|date| date.raw()), Some(*b"<<<<<<"));
    assert_eq!(zone.expiry().map(|date| date.raw()), Some(*b"120415"));
}

#[test]
fn lost_trailing_fillers_are_padded() {
    // Where only one layout fits, the line regains its width; names are then not taken as cut.
    let short = L1.trim_end_matches('<');
    is_anna(&parse(&format!("{short}\n{L2}")));
    let card = CARD.map(|line| line.trim_end_matches('<')).join("\n");
    let zone = parse(&card);
    assert_eq!(zone.lines().collect::<Vec<_>>(), CARD);
    assert!(!zone.names().truncated());
    let joined = CARD.concat();
    assert_eq!(parse(joined.trim_end_matches('<')).lines().collect::<Vec<_>>(), CARD);
    let visa = "V<UTOERIKSSON<<ANNA<MARIA\nL898902C<3UTO6908061F9406236ZE184226B";
    let zone = parse(visa);
    assert_eq!((zone.format(), zone.number().as_str()), (Format::MrvA, "L898902C"));
    assert_eq!(zone.optional_data().collect::<Vec<_>>(), ["ZE184226B<<<<<<<"]);
}

#[test]
fn a_joined_text_is_told_apart_by_its_check_digits() {
    // 72 columns are a TD2, a visa of either size, a French card or a card that lost fillers of its name.
    let td2 = "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<D231458907UTO7408122F1204159<<<<<<<6";
    assert_eq!(parse(td2).format(), Format::Td2);
    let french = "IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<9409923102854CORINNE<<<<<<<6512068F4";
    assert_eq!(parse(french).format(), Format::FrenchId);
    let visa_b = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<L898902C<3UTO6908061F9406236ZE184226";
    assert_eq!(parse(visa_b).format(), Format::MrvB);
    let visa_a = "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<L898902C<3UTO6908061F9406236";
    assert_eq!(parse(visa_a).format(), Format::MrvA);
    let card = format!("{}{}ERIKSSON<<AN", CARD[0], CARD[1]);
    let zone = parse(&card);
    assert_eq!((zone.format(), zone.names().secondary()), (Format::Td1, "AN"));
    let swiss = "AAA001D<<FACHE305142128097<<800126<<<<<MUSTER<<HANS";
    assert_eq!(parse(swiss).format(), Format::SwissLicence);
}

#[test]
fn french_cards_of_both_generations() {
    // 36 columns are the old card, 30 the new one.
    let old = "IDFRABERTHIER<<<<<<<<<<<<<<<<<<<<<<<\n9409923102854CORINNE<<<<<<<6512068F4";
    assert_eq!(parse(old).format(), Format::FrenchId);
    let new =
        "IDFRAX4RTBPFW46<<<<<<<<<<<<<<<\n9007138F3002119FRA<<<<<<<<<<<6\nMARTIN<<MAELYS<GAELLE<MARIE<<<";
    let zone = parse(new);
    assert_eq!((zone.format(), zone.number().as_str()), (Format::Td1, "X4RTBPFW4"));
}

#[test]
fn refusals_carry_code_and_offset() {
    // Each kind once, with the place where it was noticed.
    assert_eq!(refusal(b""), ("mrz_empty", 0));
    assert_eq!(refusal(b"\x02 \r\n\x03"), ("mrz_empty", 5));
    assert_eq!(refusal(b"P<UTO"), ("mrz_length", 5));
    assert_eq!(refusal(format!("{L1}\n{L2}<").as_bytes()), ("mrz_length", 90));
    assert_eq!(refusal(&[b'<'; INPUT_MAX + 1]), ("mrz_length", INPUT_MAX));
    assert_eq!(refusal(&[b'<'; 200]).0, "mrz_length");
    assert_eq!(refusal(format!("{}-{}", &L1[..43], L2).as_bytes()), ("mrz_character", 43));
    assert_eq!(refusal("P<UTOERIKSSÖN".as_bytes()), ("mrz_character", 11));
    assert_eq!(refusal(format!("\x02\r\n{L1}\n{}*", &L2[..43]).as_bytes()), ("mrz_character", 91));
    assert_eq!(refusal(b"]!0P<UTO"), ("mrz_character", 0));
    assert_eq!(refusal(format!("{L1}\n{L2}\nP<UTO\nABC").as_bytes()), ("mrz_layout", 96));
    assert_eq!(refusal(b"A1FRA13AA000026181231MARTIN<<9"), ("mrz_layout", 0));
    assert_eq!(refusal(format!("{}\n{}", &L2[..30], L2).as_bytes()), ("mrz_layout", 0));
}

#[test]
fn an_error_shows_no_content() {
    // Error texts are logged.
    let error = mrz::parse("P<UTOERIKSSÖN".as_bytes()).expect_err("refused");
    assert_eq!(error.to_string(), "a character that no machine-readable zone holds at byte 11");
}
