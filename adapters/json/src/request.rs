//! The question on the wire.
//!
//! Texts are borrowed from the message where JSON has no escape in them, and stay raw here: making identifiers of them is
//! the decoder's work, because only it can say which field is wrong without quoting it.

use std::borrow::Cow;

use postern_sdk::{Direction, Reliability, Sex};
use schemars::JsonSchema;
use serde::Deserialize;

use crate::object;

/// A text of the message: borrowed if it has no escapes.
pub(crate) type Text<'a> = Cow<'a, str>;

/// A question: who asks, where and why, and about what.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScreeningRequest<'a> {
    /// The version of this format: 1, which is also meant if it is absent.
    #[serde(default)]
    #[schemars(extend("const" = 1))]
    pub version: Option<u32>,
    /// The sender's id of the message, 1 to 128 visible ASCII characters; the header Idempotency-Key wins over it. The same id again within
    /// the lane's window is the same question and gets the recorded reply.
    #[serde(borrow, default)]
    #[schemars(length(min = 1, max = 128), extend("pattern" = "^[!-~]*$"))]
    pub id: Option<Text<'a>>,
    /// Who asks, where and why. What is missing is supplied from the lane's configuration, where it has it.
    #[serde(borrow, default, deserialize_with = "object::one")]
    pub context: RequestContext<'a>,
    /// What is asked about, at least one.
    #[serde(borrow, deserialize_with = "object::many")]
    #[schemars(length(min = 1))]
    pub subjects: Vec<RequestSubject<'a>>,
}

/// Who asks, where and why. Texts have 1 to 256 characters and no control characters.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RequestContext<'a> {
    /// The authority on whose behalf is asked.
    #[serde(borrow)]
    pub agency: Option<Text<'a>>,
    /// The officer, or the named device, that asks.
    #[serde(borrow)]
    pub end_user: Option<Text<'a>>,
    /// The gate, booth or workstation.
    #[serde(borrow)]
    pub terminal: Option<Text<'a>>,
    /// The border crossing point, port, office or ship.
    #[serde(borrow)]
    pub site: Option<Text<'a>>,
    /// The way of the traveller.
    pub direction: Option<Direction>,
    /// Why is asked, as a code of the grant.
    #[serde(borrow)]
    pub purpose: Option<Text<'a>>,
    /// The national system's reference of the crossing.
    #[serde(borrow)]
    pub crossing: Option<Text<'a>>,
    /// The named operation under which is asked.
    #[serde(borrow)]
    pub operation: Option<Text<'a>>,
    /// The sender's own time, RFC 3339.
    #[serde(borrow)]
    #[schemars(extend("format" = "date-time"))]
    pub sent_at: Option<Text<'a>>,
    /// Whether the record's owner must not learn of the question.
    pub silent: bool,
}

/// What is asked about.
#[derive(Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum RequestSubject<'a> {
    /// A passport, identity card, visa or other document of a traveller.
    #[serde(borrow)]
    TravelDocument(TravelDocumentSubject<'a>),
    /// A person, by name and birth.
    #[serde(borrow)]
    Person(PersonSubject<'a>),
    /// A vehicle or one of its parts.
    #[serde(borrow)]
    Vehicle(VehicleSubject<'a>),
    /// A firearm.
    #[serde(borrow)]
    Firearm(FirearmSubject<'a>),
    /// A vessel or one of its engines.
    #[serde(borrow)]
    Vessel(VesselSubject<'a>),
    /// A vehicle registration, certificate or other administrative document.
    #[serde(borrow)]
    AdministrativeDocument(AdministrativeDocumentSubject<'a>),
    /// A painting, sculpture or other work of art.
    #[serde(borrow)]
    WorkOfArt(WorkOfArtSubject<'a>),
    /// A machine-readable zone: asked as a travel document and a person.
    #[serde(borrow)]
    Mrz(MrzSubject<'a>),
}

/// A passport, identity card, visa or other document of a traveller.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TravelDocumentSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The document number; 5 to 25 letters and digits are left when it is cleaned.
    #[serde(borrow)]
    pub number: Text<'a>,
    /// How far the number can be trusted, if a reader has checked its check digit.
    #[serde(default)]
    pub reliability: Reliability,
    /// The issuing state or organisation: the code of ICAO Doc 9303-3, or ISO 3166-1 alpha-3 or alpha-2.
    #[serde(borrow, default)]
    pub issuer: Option<Text<'a>>,
    /// INTERPOL's code of the type, or P, I or V for any passport, identity document or visa.
    #[serde(borrow, default, rename = "type")]
    pub doc_type: Option<Text<'a>>,
    /// The holder's nationality.
    #[serde(borrow, default)]
    pub nationality: Option<Text<'a>>,
    /// The expiry date, YYYY-MM-DD with XX for what is not known.
    #[serde(borrow, default)]
    pub expiry: Option<Text<'a>>,
}

/// A person, by name and birth.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The primary identifier, usually the surname.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 256))]
    pub primary_name: Text<'a>,
    /// The secondary identifier, usually the given names.
    #[serde(borrow, default)]
    #[schemars(length(max = 256))]
    pub secondary_name: Option<Text<'a>>,
    /// Whether the name may have been cut, so that it is a beginning rather than the whole.
    #[serde(default)]
    pub name_truncated: bool,
    /// The date of birth, YYYY-MM-DD with XX for what is not known.
    #[serde(borrow, default)]
    pub birth: Option<Text<'a>>,
    /// The sex.
    #[serde(default)]
    pub sex: Sex,
    /// The nationality.
    #[serde(borrow, default)]
    pub nationality: Option<Text<'a>>,
    /// The number of a document that the person holds: the further identifier that can make a match exact.
    #[serde(borrow, default)]
    pub document: Option<Text<'a>>,
}

/// A vehicle or one of its parts. Each identifier that is given is asked by itself.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VehicleSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The vehicle identification number.
    #[serde(borrow, default)]
    pub vin: Option<Text<'a>>,
    /// The registration mark.
    #[serde(borrow, default)]
    pub plate: Option<Text<'a>>,
    /// The country of registration.
    #[serde(borrow, default)]
    pub country: Option<Text<'a>>,
    /// The engine number.
    #[serde(borrow, default)]
    pub engine: Option<Text<'a>>,
}

/// A firearm.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FirearmSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The serial number.
    #[serde(borrow)]
    pub serial: Text<'a>,
    /// The make.
    #[serde(borrow, default)]
    pub make: Option<Text<'a>>,
    /// The model.
    #[serde(borrow, default)]
    pub model: Option<Text<'a>>,
    /// The calibre.
    #[serde(borrow, default)]
    pub calibre: Option<Text<'a>>,
}

/// A vessel or one of its engines.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VesselSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The IMO ship number.
    #[serde(borrow, default)]
    pub imo: Option<Text<'a>>,
    /// The hull identification number.
    #[serde(borrow, default)]
    pub hull: Option<Text<'a>>,
    /// The engine number.
    #[serde(borrow, default)]
    pub engine: Option<Text<'a>>,
}

/// A work of art, by its description.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkOfArtSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The title, or what it shows.
    #[serde(borrow)]
    #[schemars(length(min = 1, max = 256))]
    pub title: Text<'a>,
    /// Who made it.
    #[serde(borrow, default)]
    pub artist: Option<Text<'a>>,
    /// What it is: painting, sculpture, icon.
    #[serde(borrow, default)]
    pub category: Option<Text<'a>>,
}

/// A vehicle registration, certificate or other administrative document.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AdministrativeDocumentSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The number; 5 to 25 letters and digits are left when it is cleaned.
    #[serde(borrow)]
    pub number: Text<'a>,
    /// The issuing state.
    #[serde(borrow, default)]
    pub issuer: Option<Text<'a>>,
    /// INTERPOL's code of the type.
    #[serde(borrow, default, rename = "type")]
    pub doc_type: Option<Text<'a>>,
}

/// A machine-readable zone.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MrzSubject<'a> {
    /// The traveller's number in this question; on all subjects or on none.
    #[serde(default)]
    pub traveller: Option<u32>,
    /// The zone as the reader gave it.
    #[serde(borrow)]
    pub lines: Lines<'a>,
}

/// The lines of a zone: one text with or without line breaks, or a text a line.
#[derive(Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum Lines<'a> {
    /// The whole zone.
    Whole(#[serde(borrow)] Text<'a>),
    /// A text a line, at most three.
    Each(
        #[serde(borrow)]
        #[schemars(length(min = 1, max = 3))]
        Vec<Text<'a>>,
    ),
}

impl RequestSubject<'_> {
    /// The traveller's number, if it is given.
    pub const fn traveller(&self) -> Option<u32> {
        match self {
            Self::TravelDocument(one) => one.traveller,
            Self::Person(one) => one.traveller,
            Self::Vehicle(one) => one.traveller,
            Self::Firearm(one) => one.traveller,
            Self::Vessel(one) => one.traveller,
            Self::AdministrativeDocument(one) => one.traveller,
            Self::WorkOfArt(one) => one.traveller,
            Self::Mrz(one) => one.traveller,
        }
    }
}
