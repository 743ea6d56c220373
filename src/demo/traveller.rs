//! Synthetic travellers, and the machine-readable zone that a document reader would send of them.

use postern_formats::mrz::check_digit;

const SURNAMES: &[&str] = &[
    "ABARA",
    "BRENNOR",
    "CASTELIN",
    "DORVAK",
    "ESTRELLO",
    "FJORDAN",
    "GRIMALDE",
    "HASSANI",
    "IVERLIN",
    "JANKOWICZ",
    "KOROMA",
    "LINDQVARN",
    "MORETTA",
    "NAKADA",
    "OKONJU",
    "PETRESCO",
    "QUINTALE",
    "ROSSENKO",
    "SAITAMO",
    "TAMBLANE",
    "UZUNER",
    "VALDERAN",
    "WINTERO",
    "XIMENDE",
    "YILDIRAN",
    "ZELENKA",
];
const GIVEN: &[&str] = &[
    "ANNA MARIA",
    "BORIS",
    "CELIA",
    "DAVUD",
    "ELENA",
    "FELIX",
    "GRETA",
    "HUGO",
    "INES",
    "JONAS",
    "KARIM",
    "LUCIA",
    "MILAN",
    "NADIA",
    "OSKAR",
    "PILAR",
    "QADIR",
    "RITA",
    "SAMIR",
    "TARA",
    "ULRIK",
    "VERA",
    "WANDA",
    "YUSUF",
    "ZOE",
];

/// A traveller with a passport of a number of at most nine characters.
pub(super) struct Traveller<'a> {
    /// The passport's number.
    pub(super) number: &'a str,
    /// The issuing state, as the zone writes it.
    pub(super) issuer: &'a str,
    /// Picks name and dates.
    pub(super) pick: u64,
}

impl Traveller<'_> {
    /// Surname and given names.
    pub(super) fn name(&self) -> (&'static str, &'static str) {
        (choose(SURNAMES, self.pick), choose(GIVEN, self.pick / 31))
    }

    /// Birth date, `YYMMDD`.
    fn birth(&self) -> String {
        date(50 + self.pick % 50, self.pick / 7)
    }

    /// The two lines of the passport's zone (TD3), without a break between them.
    pub(super) fn zone(&self) -> String {
        let (surname, given) = self.name();
        let name = format!("P<{:<<3}{surname}<<{}", self.issuer, given.replace(' ', "<"));
        let number = format!("{:<<9}", self.number);
        let birth = self.birth();
        let expiry = date(28 + self.pick % 8, self.pick / 3);
        let sex = if self.pick.is_multiple_of(2) { 'F' } else { 'M' };
        let optional = "<".repeat(14);
        let [number_check, birth_check, expiry_check, optional_check] =
            [&number, &birth, &expiry, &optional].map(|field| digit(field));
        let composite = digit(&format!(
            "{number}{number_check}{birth}{birth_check}{expiry}{expiry_check}{optional}{optional_check}"
        ));
        format!(
            "{name:<<44}{number}{number_check}{:<<3}{birth}{birth_check}{sex}{expiry}{expiry_check}{optional}{optional_check}{composite}",
            self.issuer
        )
    }
}

fn choose(from: &'static [&'static str], pick: u64) -> &'static str {
    from[usize::try_from(pick).unwrap_or_default() % from.len()]
}

fn date(year: u64, pick: u64) -> String {
    format!("{:02}{:02}{:02}", year % 100, pick % 12 + 1, pick % 28 + 1)
}

fn digit(field: &str) -> char {
    check_digit(field.as_bytes()).map_or('<', char::from)
}

#[cfg(test)]
mod tests {
    use postern_formats::mrz::parse;

    use super::*;

    // Proves that the zones are what a reader would send: two lines of 44, every check digit agreeing.
    #[test]
    fn zones_are_sound() {
        for pick in 0..500 {
            let traveller =
                Traveller { number: "L898902C3", issuer: if pick % 5 == 0 { "D" } else { "UTO" }, pick };
            let zone = traveller.zone();
            let parsed = parse(zone.as_bytes()).unwrap();
            assert!(parsed.checks().none_disagrees(), "{pick}");
            assert_eq!(parsed.number().as_str(), "L898902C3");
            assert_eq!(parsed.names().primary().replace('<', " "), traveller.name().0);
        }
    }
}
