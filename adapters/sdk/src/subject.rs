//! What is asked about.

mod date;
mod document;
mod person;
mod things;

pub use date::PartialDate;
pub use document::{AdministrativeDocument, Alternative, AlternativeBasis, Reliability, TravelDocument};
pub use person::{Name, Person, Sex};
pub use things::{Firearm, Vehicle, Vessel, WorkOfArt};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What is asked about. Several subjects of one traveller carry the same traveller number in their exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subject {
    /// A passport, identity card, visa or other document of a traveller.
    TravelDocument(TravelDocument),
    /// A person, by name and birth.
    Person(Person),
    /// A vehicle or one of its parts.
    Vehicle(Vehicle),
    /// A firearm.
    Firearm(Firearm),
    /// A vessel or one of its engines.
    Vessel(Vessel),
    /// A vehicle registration, certificate or other administrative document.
    AdministrativeDocument(AdministrativeDocument),
    /// A painting, sculpture or other work of art.
    WorkOfArt(WorkOfArt),
}

/// The kind of a subject, as policies name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum SubjectKind {
    /// See [`Subject::TravelDocument`].
    TravelDocument,
    /// See [`Subject::Person`].
    Person,
    /// See [`Subject::Vehicle`].
    Vehicle,
    /// See [`Subject::Firearm`].
    Firearm,
    /// See [`Subject::Vessel`].
    Vessel,
    /// See [`Subject::AdministrativeDocument`].
    AdministrativeDocument,
    /// See [`Subject::WorkOfArt`].
    WorkOfArt,
}

impl Subject {
    /// The kind of this subject.
    pub const fn kind(&self) -> SubjectKind {
        match self {
            Self::TravelDocument(_) => SubjectKind::TravelDocument,
            Self::Person(_) => SubjectKind::Person,
            Self::Vehicle(_) => SubjectKind::Vehicle,
            Self::Firearm(_) => SubjectKind::Firearm,
            Self::Vessel(_) => SubjectKind::Vessel,
            Self::AdministrativeDocument(_) => SubjectKind::AdministrativeDocument,
            Self::WorkOfArt(_) => SubjectKind::WorkOfArt,
        }
    }
}

impl SubjectKind {
    /// The stable name used in config, metrics and JSON.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TravelDocument => "travel_document",
            Self::Person => "person",
            Self::Vehicle => "vehicle",
            Self::Firearm => "firearm",
            Self::Vessel => "vessel",
            Self::AdministrativeDocument => "administrative_document",
            Self::WorkOfArt => "work_of_art",
        }
    }
}
