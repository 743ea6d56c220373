//! The databases that a screening can ask.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One of INTERPOL's databases, as a policy names it and an answer reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Database {
    /// Stolen and Lost Travel Documents.
    Sltd,
    /// Travel Documents Associated With Notices: valid documents of persons in a notice.
    Tdawn,
    /// Stolen administrative documents, such as vehicle registrations.
    Sad,
    /// Persons in notices and diffusions.
    Nominal,
    /// Stolen motor vehicles and identifiable parts.
    Smv,
    /// Firearms reported lost, stolen or trafficked (iARMS).
    Firearms,
    /// Stolen vessels and engines.
    Vessels,
    /// Stolen works of art.
    WorksOfArt,
    /// The public notices, a dataset of its own with partial coverage.
    PublicNotices,
    /// A database that this version does not know.
    #[serde(other)]
    Unknown,
}

impl Database {
    /// Every database that this version knows.
    pub const ALL: [Self; 9] = [
        Self::Sltd,
        Self::Tdawn,
        Self::Sad,
        Self::Nominal,
        Self::Smv,
        Self::Firearms,
        Self::Vessels,
        Self::WorksOfArt,
        Self::PublicNotices,
    ];

    /// The stable name used in config, metrics and JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Sltd => "sltd",
            Self::Tdawn => "tdawn",
            Self::Sad => "sad",
            Self::Nominal => "nominal",
            Self::Smv => "smv",
            Self::Firearms => "firearms",
            Self::Vessels => "vessels",
            Self::WorksOfArt => "works_of_art",
            Self::PublicNotices => "public_notices",
            Self::Unknown => "unknown",
        }
    }

    /// The database of this [`code`](Self::code), if this version knows it.
    pub fn from_code(code: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|database| database.code() == code)
    }
}

/// The name by which people call the database: `SLTD`, `TDAWN`, `nominal`.
impl fmt::Display for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sltd => "SLTD",
            Self::Tdawn => "TDAWN",
            Self::Sad => "SAD",
            Self::Smv => "SMV",
            Self::Firearms => "iARMS",
            Self::WorksOfArt => "works of art",
            Self::PublicNotices => "public notices",
            other => other.code(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that code, serde name and look-up by code agree, and that an unknown name is accepted.
    #[test]
    fn codes_are_the_serde_names() {
        for database in Database::ALL {
            let json = serde_json::to_string(&database).unwrap();
            assert_eq!(json, format!("\"{}\"", database.code()));
            assert_eq!(Database::from_code(database.code()), Some(database));
        }
        assert_eq!(serde_json::from_str::<Database>("\"dna\"").unwrap(), Database::Unknown);
    }
}
