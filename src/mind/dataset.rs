//! The datasets: of records that are found by number, and of persons, who are found by name. Each is a copy of its own:
//! built, licensed, distributed and aged by itself.

use std::fmt;

use postern_sdk::{Database, QueryKey};

use super::identifier::Kind;

/// A dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// Travel and administrative documents: SLTD, TDAWN and SAD in one look-up.
    Documents,
    /// Stolen motor vehicles and identifiable parts.
    Vehicles,
    /// Firearms.
    Firearms,
    /// Vessels and their engines.
    Vessels,
    /// Persons of public notices, who are found by name. A part of what there is, so that their silence says nothing.
    Notices,
}

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Documents, Self::Vehicles, Self::Firearms, Self::Vessels, Self::Notices];

    /// The name in folders, manifests and on the command line.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Documents => "documents",
            Self::Vehicles => "vehicles",
            Self::Firearms => "firearms",
            Self::Vessels => "vessels",
            Self::Notices => "notices",
        }
    }

    /// The dataset of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|dataset| dataset.name() == name)
    }

    /// Whether its records are found by number: built from rows, changed by deltas, folded. The others are persons.
    pub const fn is_by_number(self) -> bool {
        !matches!(self, Self::Notices)
    }

    /// The databases that it can hold records of.
    pub const fn databases(self) -> &'static [Database] {
        match self {
            Self::Documents => &[Database::Sltd, Database::Tdawn, Database::Sad],
            Self::Vehicles => &[Database::Smv],
            Self::Firearms => &[Database::Firearms],
            Self::Vessels => &[Database::Vessels],
            Self::Notices => &[Database::PublicNotices],
        }
    }

    /// The dataset that is asked by such a key, if there is one.
    pub const fn of(key: &QueryKey) -> Option<Self> {
        match key {
            QueryKey::Document(_) => Some(Self::Documents),
            QueryKey::Vehicle(_) => Some(Self::Vehicles),
            QueryKey::Firearm(_) => Some(Self::Firearms),
            QueryKey::Vessel(_) => Some(Self::Vessels),
            QueryKey::Person(_) => Some(Self::Notices),
            _ => None,
        }
    }

    /// The kind of identifier that a feed of this dataset calls so.
    pub(super) fn kind(self, name: &str) -> Option<Kind> {
        match (self, name) {
            (Self::Documents, "document") => Some(Kind::Document),
            (Self::Vehicles, "vin") => Some(Kind::Vin),
            (Self::Vehicles, "plate") => Some(Kind::Plate),
            (Self::Vehicles, "engine" | "part") => Some(Kind::Part),
            (Self::Firearms, "serial") => Some(Kind::Firearm),
            (Self::Vessels, "imo" | "hull" | "engine") => Some(Kind::Vessel),
            _ => None,
        }
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
