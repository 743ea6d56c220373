//! Any zone written by the rules of the standard is read back whole, whatever framing surrounds it.

use postern_formats::mrz::{self, Confidence, Format, check_digit};
use proptest::prelude::*;

/// What a zone is written from.
#[derive(Clone, Debug)]
struct Fields {
    number: String,
    issuer: String,
    primary: String,
    secondary: String,
    birth: String,
    optional: String,
}

fn digit(data: &str) -> char {
    check_digit(data.as_bytes()).expect("canonical") as char
}

fn dated(date: &str) -> String {
    format!("{date}{}", digit(date))
}

fn fields(number: &'static str) -> impl Strategy<Value = Fields> {
    let date = "([0-9]{2}|<<)(0[1-9]|1[0-2]|<<)(0[1-9]|1[0-9]|2[0-8]|<<)";
    let name = "[A-Z]{1,8}(<[A-Z]{1,4})?";
    (number, "(D<<|[A-Z]{3})", name, name, date, "[A-Z0-9]{0,5}").prop_map(
        |(number, issuer, primary, secondary, birth, optional)| Fields {
            number,
            issuer,
            primary,
            secondary,
            birth,
            optional,
        },
    )
}

fn td1(f: &Fields) -> [String; 3] {
    let (head, tail) = f.number.split_at(f.number.len().min(9));
    let line1 = if tail.is_empty() {
        format!("I<{}{:<<9}{}", f.issuer, f.number, digit(&f.number))
    } else {
        format!("I<{}{head}<{tail}{}", f.issuer, digit(&f.number))
    };
    let line1 = format!("{line1:<<30}");
    let line2 = format!("{}F{}{}{:<<11}", dated(&f.birth), dated("300101"), f.issuer, f.optional);
    let covered = format!("{}{}{}{}", &line1[5..], &line2[..7], &line2[8..15], &line2[18..]);
    let line2 = format!("{line2}{}", digit(&covered));
    [line1, line2, format!("{:<<30}", format!("{}<<{}", f.primary, f.secondary))]
}

fn td3(f: &Fields) -> [String; 2] {
    let line1 = format!("{:<<44}", format!("P<{}{}<<{}", f.issuer, f.primary, f.secondary));
    let optional = format!("{:<<14}", f.optional);
    let line2 = format!("{:<<9}{}{}", f.number, digit(&f.number), f.issuer);
    let line2 = format!("{line2}{}M{}{optional}{}", dated(&f.birth), dated("300101"), digit(&optional));
    let covered = format!("{}{}{}", &line2[..10], &line2[13..20], &line2[21..]);
    let line2 = format!("{line2}{}", digit(&covered));
    [line1, line2]
}

/// The lines as some reader sends them.
fn framed(lines: &[String], style: u8, blanks: bool, lower: bool) -> Vec<u8> {
    let text = match style {
        0 => lines.join("\n"),
        1 => lines.join("\r\n") + "\r\n",
        2 => lines.concat(),
        3 => format!("\x02{}\x03", lines.join("\r")),
        4 => format!("]e0{}\r", lines.join("\r")),
        5 => lines.iter().map(|line| format!("  {line} \t")).collect(),
        _ => lines.iter().map(|line| line.trim_end_matches('<').to_owned() + "\n").collect(),
    };
    let text = if blanks { text.replace('<', " ") } else { text };
    if lower { text.to_lowercase() } else { text }.into_bytes()
}

fn agrees(f: &Fields, zone: &mrz::Mrz) -> Result<(), TestCaseError> {
    prop_assert!(zone.checks().none_disagrees());
    prop_assert!(zone.corrections().is_empty() && zone.misreads().is_empty());
    prop_assert_eq!(zone.number().as_str(), &f.number);
    prop_assert!(matches!(zone.confidence(), Confidence::Confirmed | Confidence::ConfirmedBlind));
    prop_assert_eq!(zone.issuer().trim_end_matches('<'), f.issuer.trim_end_matches('<'));
    prop_assert_eq!(zone.names().primary(), &f.primary);
    prop_assert_eq!(zone.names().secondary(), &f.secondary);
    prop_assert!(!zone.names().truncated());
    prop_assert_eq!(zone.birth().map(|date| date.raw().to_vec()), Some(f.birth.clone().into_bytes()));
    Ok(())
}

proptest! {
    #[test]
    fn td3_in_any_framing(f in fields("[A-Z0-9]{1,9}"), style in 0..7u8, blanks: bool, lower: bool) {
        // Passports with numbers of up to nine characters.
        let zone = mrz::parse(&framed(&td3(&f), style, blanks, lower)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(zone.format(), Format::Td3);
        agrees(&f, &zone)?;
    }

    #[test]
    fn td1_in_any_framing(f in fields("[A-Z0-9]{1,9}|[A-Z0-9]{10,21}"), style in 0..7u8, blanks: bool, lower: bool) {
        // Cards with numbers that fit and that overflow.
        let zone = mrz::parse(&framed(&td1(&f), style, blanks, lower)).map_err(|e| TestCaseError::fail(e.to_string()))?;
        prop_assert_eq!(zone.format(), Format::Td1);
        prop_assert_eq!(zone.number().long().is_some(), f.number.len() > 9);
        agrees(&f, &zone)?;
    }
}
