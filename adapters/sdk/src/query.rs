//! What a database is asked.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{DocumentNumber, DocumentType, Name, PartialDate, Plate, Serial, Sex, State, Vin};

/// Why a query is asked, which limits what a match on it can be worth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// As the subject states it.
    Stated,
    /// As the subject states it, though its check digit failed: silence says nothing, a match is a misread variant.
    Unreliable,
    /// A look-alike of what was read.
    Misread,
    /// A number from the document's optional data.
    OptionalData,
    /// The shorter or longer reading of a long document number.
    LongNumber,
    /// The number on a visa, asked as that of the passport.
    VisaAsPassport,
    /// The birth date in the other century.
    OtherCentury,
}

/// One question to one or more databases.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Query {
    /// What is asked by.
    pub key: QueryKey,
    /// Why it is asked.
    pub basis: Basis,
}

/// What is asked by.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum QueryKey {
    /// A document, by its number.
    Document(DocumentKey),
    /// A person, by name and birth.
    Person(PersonKey),
    /// A vehicle, by one of its identifiers.
    Vehicle(VehicleKey),
    /// A firearm, by its serial number.
    Firearm(FirearmKey),
    /// A vessel, by one of its identifiers.
    Vessel(VesselKey),
    /// A work of art, by its description.
    WorkOfArt(WorkOfArtKey),
}

/// A document, by its number. Issuer and type grade what is found; they don't narrow what is looked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DocumentKey {
    /// The number.
    pub number: DocumentNumber,
    /// The issuer, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<State>,
    /// The type or wildcard, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub doc_type: Option<DocumentType>,
}

/// A person, by name and birth.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PersonKey {
    /// The name.
    pub name: Name,
    /// The date of birth, its century resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub birth: Option<PartialDate>,
    /// The sex.
    #[serde(default)]
    pub sex: Sex,
    /// The nationality.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nationality: Option<State>,
    /// A document that the person holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub document: Option<DocumentNumber>,
}

/// One identifier of a vehicle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VehicleKey {
    /// The vehicle identification number.
    Vin(Vin),
    /// The registration mark and its country.
    Plate {
        /// The mark.
        plate: Plate,
        /// The country of registration, if it is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        country: Option<State>,
    },
    /// The engine number.
    Engine(Serial),
}

/// A firearm, by its serial number. Make, model and calibre grade what is found: serial numbers repeat between makes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FirearmKey {
    /// The serial number.
    pub serial: Serial,
    /// The make, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub make: Option<String>,
    /// The model, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The calibre, if it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibre: Option<String>,
}

/// One identifier of a vessel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum VesselKey {
    /// The IMO ship number.
    Imo(Serial),
    /// The hull identification number.
    Hull(Serial),
    /// The engine number.
    Engine(Serial),
}

impl VesselKey {
    /// The number, whichever it is.
    pub const fn serial(&self) -> &Serial {
        match self {
            Self::Imo(serial) | Self::Hull(serial) | Self::Engine(serial) => serial,
        }
    }
}

/// A work of art, by its description. It has no number: what is found is a likeness for an expert to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WorkOfArtKey {
    /// The title, or what it shows.
    pub title: String,
    /// Who made it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artist: Option<String>,
    /// What it is: painting, sculpture, icon.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}
