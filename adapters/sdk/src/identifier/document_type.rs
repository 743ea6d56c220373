//! INTERPOL's codes of document types.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::IdentifierError;

/// Passports and what stands in for one.
const PASSPORTS: &[&str] = &[
    "ALP", "BUP", "CLP", "COP", "CZP", "DCP", "DIP", "EAP", "EMC", "EMD", "EMP", "GLP", "LAP", "MDP", "MIP",
    "MPP", "MSP", "NAP", "OCP", "OFP", "PAS", "RFP", "SEP", "SIB", "SPP", "STP", "TCA", "TLP", "TRC", "TTD",
    "YOP",
];

/// Identity cards, permits and certificates of identity.
const IDENTITY: &[&str] =
    &["ARN", "BTC", "CMC", "COI", "DRV", "IDC", "NID", "PRP", "PTR", "RES", "SIB", "SOC", "SPE", "TRP"];

/// Visas.
const VISAS: &[&str] = &["CTD", "CVS", "DIV", "TDS", "VSA"];

/// A family of document types, which one of INTERPOL's wildcards names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentFamily {
    /// `P`: all passport types.
    Passport,
    /// `I`: all identity documents.
    Identity,
    /// `V`: all visa types.
    Visa,
}

/// How a record's type stands to the type that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TypeRelation {
    /// The same code, or a code of the family that was asked for by its wildcard.
    Agrees,
    /// Another type.
    Differs,
}

/// A document type: a code of INTERPOL's list (`IPSGT_Document_Type`), or one of its wildcards `P`, `I`, `V`.
///
/// A code that is not in the list is kept, because the list grows. Which code belongs to which wildcard is not
/// published; the families here are read from the meanings of the codes, and a code can stand in two of them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DocumentType([u8; 3]);

impl DocumentType {
    /// All passport types.
    pub const ANY_PASSPORT: Self = Self(*b"P\0\0");
    /// All identity documents.
    pub const ANY_IDENTITY: Self = Self(*b"I\0\0");
    /// All visa types.
    pub const ANY_VISA: Self = Self(*b"V\0\0");
    /// An ordinary passport.
    pub const PASSPORT: Self = Self(*b"PAS");
    /// A driving licence.
    pub const DRIVING_LICENCE: Self = Self(*b"DRV");

    /// The normal form of a code: three letters or digits in upper case, or a wildcard.
    ///
    /// # Errors
    /// [`IdentifierError`] if it is empty, of another length, or holds anything but letters and digits.
    pub fn normalise(raw: &str) -> Result<Self, IdentifierError> {
        let raw = raw.trim();
        let mut code = [0; 3];
        for (offset, byte) in raw.bytes().enumerate() {
            if !byte.is_ascii_alphanumeric() {
                return Err(IdentifierError::Character { offset });
            }
            *code.get_mut(offset).ok_or(IdentifierError::TooLong)? = byte.to_ascii_uppercase();
        }
        match raw.len() {
            0 => Err(IdentifierError::Empty),
            3 => Ok(Self(code)),
            1 if matches!(code[0], b'P' | b'I' | b'V') => Ok(Self(code)),
            _ => Err(IdentifierError::TooShort),
        }
    }

    /// The type that the two letters of a machine-readable zone stand for (ICAO Doc 9303-4 note m, -5 and -6 note k).
    ///
    /// A letter whose meaning is not fixed, or has changed (`PS` was used for service passports and means stateless in
    /// the newer edition), gives the wildcard: a wider question is never wrong. Unknown first letters give none.
    pub fn from_mrz_code(first: u8, second: u8) -> Option<Self> {
        let code = match (first, second) {
            (b'P', b'P') => b"PAS",
            (b'P', b'D') => b"DIP",
            (b'P', b'E') => b"EMP",
            (b'P', b'M') => b"MIP",
            (b'P', b'O') => b"OFP",
            (b'P', b'R') => b"RFP",
            (b'P', b'T') => b"ALP",
            (b'A', b'C') => b"CMC",
            (b'P', _) => return Some(Self::ANY_PASSPORT),
            (b'A' | b'C' | b'I', _) => return Some(Self::ANY_IDENTITY),
            (b'V', _) => return Some(Self::ANY_VISA),
            (b'D' | b'F', _) => return Some(Self::DRIVING_LICENCE),
            _ => return None,
        };
        Some(Self(*code))
    }

    /// The code: three characters, or one for a wildcard.
    pub fn as_str(&self) -> &str {
        let len = if self.0[1] == 0 { 1 } else { 3 };
        std::str::from_utf8(&self.0[..len]).unwrap_or_default()
    }

    /// The family that this code names, if it is a wildcard.
    pub fn wildcard(&self) -> Option<DocumentFamily> {
        match *self {
            Self::ANY_PASSPORT => Some(DocumentFamily::Passport),
            Self::ANY_IDENTITY => Some(DocumentFamily::Identity),
            Self::ANY_VISA => Some(DocumentFamily::Visa),
            _ => None,
        }
    }

    /// Whether a record of this type belongs to the family.
    pub fn is_in(&self, family: DocumentFamily) -> bool {
        let codes = match family {
            DocumentFamily::Passport => PASSPORTS,
            DocumentFamily::Identity => IDENTITY,
            DocumentFamily::Visa => VISAS,
        };
        self.wildcard() == Some(family) || codes.binary_search(&self.as_str()).is_ok()
    }

    /// How a record's type stands to this one, which was asked for.
    pub fn relation(&self, record: &Self) -> TypeRelation {
        if self == record {
            return TypeRelation::Agrees;
        }
        match (self.wildcard(), record.wildcard()) {
            (Some(family), _) if record.is_in(family) => TypeRelation::Agrees,
            (None, Some(family)) if self.is_in(family) => TypeRelation::Agrees,
            _ => TypeRelation::Differs,
        }
    }
}

impl FromStr for DocumentType {
    type Err = IdentifierError;

    fn from_str(raw: &str) -> Result<Self, IdentifierError> {
        Self::normalise(raw)
    }
}

impl fmt::Display for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for DocumentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DocumentType({self})")
    }
}

impl Serialize for DocumentType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for DocumentType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Cow::<'de, str>::deserialize(deserializer)?;
        Self::normalise(&raw).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for DocumentType {
    fn schema_name() -> Cow<'static, str> {
        "DocumentType".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "INTERPOL's code of a document type, or a wildcard: P (passports), I (identity documents), \
                            V (visas).",
            "pattern": "^([PIVpiv]|[0-9A-Za-z]{3})$"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(raw: &str) -> DocumentType {
        DocumentType::normalise(raw).unwrap()
    }

    // Proves that the family tables are sorted, as the binary search needs.
    #[test]
    fn tables_are_sorted() {
        assert!(PASSPORTS.is_sorted() && IDENTITY.is_sorted() && VISAS.is_sorted());
    }

    // Proves the grading of a record's type against the one asked for, wildcards on either side.
    #[test]
    fn relations() {
        use TypeRelation::{Agrees, Differs};
        let cases = [
            ("PAS", "PAS", Agrees),
            ("P", "PAS", Agrees),
            ("P", "DIP", Agrees),
            ("PAS", "P", Agrees),
            ("PAS", "DIP", Differs),
            ("P", "IDC", Differs),
            ("V", "VSA", Agrees),
            ("V", "PAS", Differs),
            ("P", "I", Differs),
        ];
        for (asked, record, relation) in cases {
            assert_eq!(code(asked).relation(&code(record)), relation, "{asked} {record}");
        }
    }

    // Proves the map from the letters of the machine-readable zone, with a wildcard where they are not certain.
    #[test]
    fn mrz_codes() {
        let cases: [(&[u8; 2], Option<&str>); 9] = [
            (b"P<", Some("P")),
            (b"PD", Some("DIP")),
            (b"PS", Some("P")),
            (b"PZ", Some("P")),
            (b"ID", Some("I")),
            (b"AC", Some("CMC")),
            (b"V<", Some("V")),
            (b"D1", Some("DRV")),
            (b"X<", None),
        ];
        for (letters, expected) in cases {
            let found = DocumentType::from_mrz_code(letters[0], letters[1]);
            assert_eq!(found.map(|code| code.to_string()).as_deref(), expected);
        }
    }
}
