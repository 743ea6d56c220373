//! Issuing states, organisations and nationalities.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::IdentifierError;
use super::iso3166::ISO_3166;

/// Codes of ICAO Doc 9303-3 §5 that are not in ISO 3166-1, with those that INTERPOL adds and one stray that stands in
/// worked examples (`YTO`). Sorted for binary search.
const NON_ISO: &[&str] = &[
    "ANT", "D", "EPO", "EUE", "GBD", "GBN", "GBO", "GBP", "GBS", "IAO", "ICC", "NTZ", "RKS", "UNA", "UNK",
    "UNO", "UTO", "XBA", "XCC", "XCE", "XCO", "XDC", "XEC", "XES", "XIM", "XMP", "XOM", "XPO", "XXA", "XXB",
    "XXC", "XXX", "YTO", "ZZZ",
];

/// An issuing state or organisation, or a nationality, as the machine-readable zone writes it.
///
/// The normal form is the three-letter code, except `D` for Germany, which documents write `D<<`. A code that is in no
/// list is kept, because a document of a new issuer must still be asked about; [`is_known`](Self::is_known) tells.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct State([u8; 3]);

impl State {
    /// Germany, the one code of a single letter.
    pub const GERMANY: Self = Self(*b"D\0\0");

    /// The normal form of a code: three letters (fillers stripped), `D`, or an ISO 3166-1 alpha-2 code.
    ///
    /// # Errors
    /// [`IdentifierError`] if it is empty, longer than three letters, one letter other than `D`, an alpha-2 code that
    /// doesn't exist, or holds anything but letters.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        let (code, len) = letters(raw)?;
        match &code[..len] {
            [] => Err(IdentifierError::Empty),
            b"D" | b"DE" | b"DEU" => Ok(Self::GERMANY),
            [_] => Err(IdentifierError::TooShort),
            [a, b] => from_alpha2(*a, *b).ok_or(IdentifierError::TooShort),
            _ => Ok(Self(code)),
        }
    }

    /// The code: three letters, or `D`.
    pub fn as_str(&self) -> &str {
        let len = if self.0[1] == 0 { 1 } else { 3 };
        std::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }

    /// Whether the code is in ISO 3166-1 or in Doc 9303-3 §5.
    pub fn is_known(&self) -> bool {
        let code = self.as_str();
        NON_ISO.binary_search(&code).is_ok()
            || ISO_3166.binary_search_by_key(&code, |(alpha3, _)| alpha3).is_ok()
    }

    /// The state whose authority issues the documents of this code: the British codes of Doc 9303-3 §5 A are issued by
    /// GBR, the UN's agency code by UNO. Every other code stands for itself.
    pub fn authority(&self) -> Self {
        match &self.0 {
            b"GBD" | b"GBN" | b"GBO" | b"GBP" | b"GBS" => Self(*b"GBR"),
            b"UNA" => Self(*b"UNO"),
            _ => *self,
        }
    }

    /// Whether two issuers are one, or have one authority.
    pub fn agrees(&self, other: &Self) -> bool {
        self.authority() == other.authority()
    }

    /// Whether the code says that the person has no nationality, or none that is told (Doc 9303-3 §5 E).
    pub fn is_stateless(&self) -> bool {
        matches!(&self.0, b"XXA" | b"XXB" | b"XXC" | b"XXX")
    }
}

/// The letters of `raw` in upper case, fillers and blanks left out.
fn letters(raw: &str) -> Result<([u8; 3], usize), IdentifierError> {
    let mut code = [0; 3];
    let mut len = 0;
    for (offset, c) in raw.char_indices() {
        match c {
            '<' | ' ' => {}
            c if c.is_ascii_alphabetic() => {
                *code.get_mut(len).ok_or(IdentifierError::TooLong)? = c.to_ascii_uppercase() as u8;
                len += 1;
            }
            _ => return Err(IdentifierError::Character { offset }),
        }
    }
    Ok((code, len))
}

fn from_alpha2(a: u8, b: u8) -> Option<State> {
    let extra = match &[a, b] {
        b"KS" | b"XK" => Some(*b"RKS"),
        b"EU" => Some(*b"EUE"),
        b"UT" => Some(*b"UTO"),
        _ => None,
    };
    let iso = || {
        let (alpha3, _) = ISO_3166.iter().find(|(_, alpha2)| alpha2.as_bytes() == [a, b])?;
        <[u8; 3]>::try_from(alpha3.as_bytes()).ok()
    };
    extra.or_else(iso).map(State)
}

impl FromStr for State {
    type Err = IdentifierError;

    fn from_str(raw: &str) -> Result<Self, IdentifierError> {
        Self::normalise(raw)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "State({self})")
    }
}

impl Serialize for State {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for State {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Cow::<'de, str>::deserialize(deserializer)?;
        Self::normalise(&raw).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for State {
    fn schema_name() -> Cow<'static, str> {
        "State".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "Issuing state, organisation or nationality: the code of ICAO Doc 9303-3 §5 (`D` for \
                            Germany) or ISO 3166-1 alpha-3 or alpha-2.",
            "pattern": "^[A-Za-z<]{1,3}$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(raw: &str) -> State {
        State::normalise(raw).unwrap()
    }

    // Proves that every way of writing Germany is one state.
    #[test]
    fn germany_is_one() {
        for raw in ["D<<", "D", "d", "DEU", "DE"] {
            assert_eq!(state(raw), State::GERMANY);
        }
        assert_eq!(state("D<<").as_str(), "D");
    }

    // Proves that every non-ISO code is known, that both tables are sorted, and that an unknown code is kept.
    #[test]
    fn codes_beyond_iso() {
        assert!(NON_ISO.is_sorted());
        assert!(ISO_3166.is_sorted());
        for code in NON_ISO {
            assert!(state(code).is_known(), "{code}");
        }
        assert!(state("UTO").is_known() && state("FRA").is_known());
        assert!(!state("QQQ").is_known());
        assert_eq!(state("QQQ").as_str(), "QQQ");
    }

    // Proves alpha-2 input, with the two-letter forms of Doc 9303-3 that ISO lacks.
    #[test]
    fn alpha_2() {
        for (raw, code) in
            [("FR", "FRA"), ("ks", "RKS"), ("EU", "EUE"), ("UT", "UTO"), ("KR", "KOR"), ("KP", "PRK")]
        {
            assert_eq!(state(raw).as_str(), code);
        }
        assert_eq!(State::normalise("QQ"), Err(IdentifierError::TooShort));
    }

    // Proves that the British codes agree as issuers and stay apart as nationalities.
    #[test]
    fn british_codes_share_an_authority() {
        assert!(state("GBN").agrees(&state("GBR")));
        assert_ne!(state("GBN"), state("GBR"));
        assert!(!state("GBR").agrees(&state("FRA")));
    }

    // Proves that refusals name the cause and the offset.
    #[test]
    fn refusals() {
        assert_eq!(State::normalise("<<<"), Err(IdentifierError::Empty));
        assert_eq!(State::normalise("F"), Err(IdentifierError::TooShort));
        assert_eq!(State::normalise("FRAN"), Err(IdentifierError::TooLong));
        assert_eq!(State::normalise("FR4"), Err(IdentifierError::Character { offset: 2 }));
    }
}
