//! The operations of a service: their names, what they send, and where in a record each field stands.

use postern_sdk::{Database, QueryKey, VehicleKey, VesselKey};
use serde::Deserialize;

/// What is asked of a service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The list of matching records; of persons, those that are alike too.
    Search,
    /// The list of persons whose name is the same.
    Exact,
    /// One record in full.
    Details,
    /// The notice of a person, as a file.
    Notice,
    /// An image of a record, as a file.
    Image,
    /// A table of codes, of the service that tells them.
    Schema,
}

impl Step {
    /// Those that a service can have.
    pub const ALL: [Self; 5] = [Self::Search, Self::Exact, Self::Details, Self::Notice, Self::Image];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Exact => "exact",
            Self::Details => "details",
            Self::Notice => "notice",
            Self::Image => "image",
            Self::Schema => "schema",
        }
    }

    /// Whether it gives a list of records.
    pub const fn is_list(self) -> bool {
        matches!(self, Self::Search | Self::Exact)
    }

    /// Whether what it gives is large and slow.
    pub const fn is_file(self) -> bool {
        matches!(self, Self::Notice | Self::Image | Self::Schema)
    }
}

/// One operation of a service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operation {
    /// Its name, which is also the element of the request.
    pub operation: String,
    /// The element of the response.
    pub response: String,
    /// The element of the result in it.
    pub result: String,
    /// The children of the request, in order.
    pub fields: Vec<RequestField>,
    /// Where in the record of its answer a file stands, in Base64.
    #[serde(default)]
    pub content: Option<String>,
    /// Where the file's media type stands.
    #[serde(default)]
    pub media_type: Option<String>,
}

/// A child of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestField {
    /// Its element.
    pub element: String,
    /// What it holds.
    pub value: RequestValue,
    /// Whether the value is sent. Issuer, type and make are not: they would narrow the list to what agrees, and what
    /// does not has to be seen, and is graded here.
    #[serde(default = "yes")]
    pub send: bool,
    /// What is sent when there is no value.
    #[serde(default)]
    pub absent: Absent,
}

const fn yes() -> bool {
    true
}

/// What is sent when there is no value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Absent {
    /// Nothing.
    #[default]
    Omit,
    /// An empty element.
    Empty,
}

/// What a request field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestValue {
    /// The document's number.
    Number,
    /// The issuer or the country of registration, as the profile's table writes it, or by its three-letter code.
    Issuer,
    /// The document's type.
    DocType,
    /// The surname.
    Name,
    /// The given names.
    Forename,
    /// The date of birth, if all of it is known.
    Birth,
    /// The lowest age in years, if only the year of birth is known.
    AgeMin,
    /// The highest age in years, if only the year of birth is known.
    AgeMax,
    /// The vehicle identification number.
    Vin,
    /// The registration mark.
    Plate,
    /// The engine number, of a vehicle or a vessel.
    Engine,
    /// The firearm's serial number.
    Serial,
    /// The IMO ship number.
    Imo,
    /// The hull identification number.
    Hull,
    /// The make.
    Make,
    /// The model.
    Model,
    /// The calibre.
    Calibre,
    /// The title of a work of art.
    Title,
    /// Who made it.
    Artist,
    /// What it is.
    Category,
    /// How many records are wanted.
    RecordsMax,
    /// The id of a record that a search gave.
    Record,
    /// The path of a file that details gave.
    Path,
}

impl RequestValue {
    /// What a query is found by: without it the service is not asked.
    pub const fn of(key: &QueryKey) -> Option<Self> {
        Some(match key {
            QueryKey::Document(_) => Self::Number,
            QueryKey::Person(_) => Self::Name,
            QueryKey::Vehicle(VehicleKey::Vin(_)) => Self::Vin,
            QueryKey::Vehicle(VehicleKey::Plate { .. }) => Self::Plate,
            QueryKey::Vehicle(VehicleKey::Engine(_)) | QueryKey::Vessel(VesselKey::Engine(_)) => Self::Engine,
            QueryKey::Firearm(_) => Self::Serial,
            QueryKey::Vessel(VesselKey::Imo(_)) => Self::Imo,
            QueryKey::Vessel(VesselKey::Hull(_)) => Self::Hull,
            QueryKey::WorkOfArt(_) => Self::Title,
            _ => return None,
        })
    }
}

/// The name of a database's block.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BlockName {
    /// The name on the wire.
    pub name: String,
    /// The database.
    pub database: Database,
}

macro_rules! places {
    ($($place:ident),+) => {
        /// Where in a record each field of a hit stands.
        #[derive(Clone, Debug, Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        #[allow(missing_docs, reason = "each is the place of the field of a hit that its own name says")]
        pub struct EntryFields {
            $(pub $place: Option<String>),+
        }

        impl EntryFields {
            /// All places.
            pub(super) fn paths(&self) -> impl Iterator<Item = &String> {
                [$(&self.$place),+].into_iter().flatten()
            }
        }
    };
}

places!(
    record,
    identifier,
    doc_type,
    issuer,
    notice,
    theft_type,
    theft_date,
    theft_country,
    name,
    forename,
    birth,
    score,
    score_reason,
    document,
    vin,
    plate,
    engine,
    serial,
    imo,
    hull,
    make,
    model,
    calibre,
    title,
    artist,
    category,
    notice_path,
    image_path
);

impl EntryFields {
    /// Where what a query is found by stands in a record; none where likeness is the service's to judge.
    pub const fn found_by(&self, value: RequestValue) -> Option<&String> {
        match value {
            RequestValue::Number => self.identifier.as_ref(),
            RequestValue::Vin => self.vin.as_ref(),
            RequestValue::Plate => self.plate.as_ref(),
            RequestValue::Engine => self.engine.as_ref(),
            RequestValue::Serial => self.serial.as_ref(),
            RequestValue::Imo => self.imo.as_ref(),
            RequestValue::Hull => self.hull.as_ref(),
            _ => None,
        }
    }
}
