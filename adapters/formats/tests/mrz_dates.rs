//! Centuries against a reference day.

use postern_formats::mrz::{self, MrzDate, ReferenceDay, Years, check_digit};

const TODAY: ReferenceDay = ReferenceDay { year: 2026, month: 11, day: 24 };

fn date(raw: &str) -> MrzDate {
    let digit = check_digit(raw.as_bytes()).expect("canonical") as char;
    let zone = format!(
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<\nL898902C36UTO{raw}{digit}F1204159ZE184226B<<<<<10"
    );
    mrz::parse(zone.as_bytes()).expect("a zone").birth().expect("a birth date")
}

fn years(raw: &str) -> Option<(u16, Option<u16>)> {
    date(raw).birth_years(TODAY).map(|Years { likely, other }| (likely, other))
}

#[test]
fn births_in_both_centuries_only_where_a_hundred_years_are_possible() {
    // A year still to come lies in the last century; any other may be a child or a centenarian.
    assert_eq!(years("740812"), Some((1974, None)));
    assert_eq!(years("270101"), Some((1927, None)));
    assert_eq!(years("200101"), Some((2020, Some(1920))));
    assert_eq!(years("261124"), Some((2026, Some(1926))));
    assert_eq!(years("26<<<<"), Some((2026, Some(1926))));
    assert_eq!(years("<<0101"), None);
}

#[test]
fn a_birthday_later_this_year_is_a_hundredth_first() {
    // Nobody is born tomorrow, but the reference day may be off by a time zone.
    assert_eq!(years("261125"), Some((1926, Some(2026))));
}

#[test]
fn the_29th_of_february_exists_in_one_century_only() {
    // 1900 was no leap year.
    assert_eq!(years("000229"), Some((2000, None)));
    assert_eq!(years("000228"), Some((2000, Some(1900))));
}

#[test]
fn expiry_by_the_rule_in_use() {
    // 70 and above is the last century.
    assert_eq!(date("120415").expiry_year(TODAY), Some(2012));
    assert_eq!(date("690415").expiry_year(TODAY), Some(2069));
    assert_eq!(date("700415").expiry_year(TODAY), Some(1970));
    assert_eq!(date("<<0415").expiry_year(TODAY), None);
}
