//! The description of INTERPOL's wire format, as data.
//!
//! INTERPOL gives its specification to National Central Bureaus only, and its services differ by installation and year.
//! So no name of the wire stands in the code: every element, namespace, path, code and number is read from a profile,
//! one of which is built in. Client and simulator work from the same one. A bureau corrects a copy of it against its
//! own papers; a correction is a change of a file, not of a program.

mod check;
mod codes;
mod operation;
mod tables;
mod values;
mod wire;
mod wisdm;
mod wisdm_words;

use std::collections::BTreeMap;

use postern_sdk::{Database, QueryKey};
use serde::Deserialize;

pub use check::{Problem, ProfileError};
pub use codes::{Code, Meaning};
pub use operation::{Absent, BlockName, EntryFields, Operation, RequestField, RequestValue, Step};
pub use tables::{Table, Tables};
pub use wire::{
    DateFormat, Envelope, HeaderBlock, HeaderField, HeaderValue, Http, Limits, PayloadNames, PayloadStyle,
    ReplyNames, Values,
};
pub use wisdm::{
    DocumentPlaces, FieldLimits, Retention, StatisticNames, Wisdm, WisdmField, WisdmOperation, WisdmPayload,
    WisdmStep, WisdmValue,
};
pub use wisdm_words::{ActionKind, Fraud, Functional};

/// The profile that is built in.
pub const BUILT_IN: &str = include_str!("../profiles/interpol.toml");

/// The description of the wire format. Its fields are documented where they are written, in the built-in profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Profile {
    /// The name under which the status shows it.
    pub name: String,
    /// Counts up with each correction.
    pub edition: u32,
    /// What an answer may cost at most.
    pub limits: Limits,
    /// How requests travel.
    pub http: Http,
    /// The names of the envelope.
    pub envelope: Envelope,
    /// The header blocks, in order.
    pub header: Vec<HeaderBlock>,
    /// The parts of a result.
    pub reply: ReplyNames,
    /// The parts of a payload.
    pub payload: PayloadNames,
    /// How values are written.
    pub values: Values,
    /// What the codes of a result mean.
    pub result: Vec<Code>,
    /// What the status of a block means.
    pub status: Vec<Code>,
    /// The tables of codes.
    pub tables: Tables,
    /// The service that tells its own tables.
    #[serde(default)]
    pub schema: Option<SchemaService>,
    /// The service by which a country manages its own records.
    #[serde(default)]
    pub wisdm: Option<Wisdm>,
    /// The services.
    pub service: Vec<Service>,
}

/// By what a service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By a document's number.
    Document,
    /// By a name.
    Person,
    /// By an identifier of a vehicle or a part.
    Vehicle,
    /// By a firearm's serial number.
    Firearm,
    /// By an identifier of a vessel or an engine.
    Vessel,
    /// By the description of a work of art.
    WorkOfArt,
}

/// One of INTERPOL's services.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    /// Our name for it, in metrics and the status.
    pub name: String,
    /// Whether it is ever asked.
    pub enabled: bool,
    /// Its path at the base URL.
    pub path: String,
    /// The namespace of its operations.
    pub namespace: String,
    /// By what it is asked.
    pub kind: Kind,
    /// The element of a record.
    pub entry: String,
    /// How it calls itself in answers.
    pub generator: String,
    /// Whether INTERPOL confirmed that the owners of records don't learn of questions.
    pub silent: bool,
    /// What a live check asks about: a number or name that is in no database.
    pub probe: String,
    /// The databases that it asks, by the names of their blocks.
    pub blocks: Vec<BlockName>,
    /// How the list is asked for.
    pub search: Operation,
    /// How the list of the same names is asked for.
    #[serde(default)]
    pub exact: Option<Operation>,
    /// How a record in full is asked for.
    pub details: Operation,
    /// How a notice is fetched.
    #[serde(default)]
    pub notice: Option<Operation>,
    /// How an image is fetched.
    #[serde(default)]
    pub image: Option<Operation>,
    /// Where in a record each field stands.
    pub fields: EntryFields,
    /// What else of a record is kept: our name, and where it stands.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
}

/// The service that tells its own tables, for comparison with the profile's.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SchemaService {
    /// Its path at the base URL.
    pub path: String,
    /// The namespace of its operation.
    pub namespace: String,
    /// The operation's name, which is also the element of the request.
    pub operation: String,
    /// The element of the response.
    pub response: String,
    /// The element of the result in it.
    pub result: String,
    /// The element of the request that names the table.
    pub table: String,
    /// The element of one code of a table.
    pub entry: String,
    /// Where in it the code stands.
    pub code: String,
    /// Where in it the meaning stands.
    pub label: String,
    /// How the wire calls each of our tables.
    pub tables: BTreeMap<Table, String>,
}

impl Profile {
    /// The profile that is built in.
    #[allow(clippy::missing_panics_doc, reason = "a test proves that the built-in profile is right")]
    pub fn built_in() -> Self {
        Self::parse(BUILT_IN).expect("a test reads the built-in profile")
    }

    /// A profile from its text.
    ///
    /// # Errors
    /// Where the text is no profile, or what of it can't be, each with its key and remedy.
    pub fn parse(text: &str) -> Result<Self, ProfileError> {
        let profile: Self = toml::from_str(text).map_err(|error| ProfileError::Syntax(error.to_string()))?;
        let problems = profile.problems();
        if problems.is_empty() { Ok(profile) } else { Err(ProfileError::Problems(problems)) }
    }

    /// The services that may be asked.
    pub fn enabled(&self) -> impl Iterator<Item = &Service> {
        self.service.iter().filter(|service| service.enabled)
    }
}

impl Service {
    /// The databases that it asks.
    pub fn databases(&self) -> impl Iterator<Item = Database> + '_ {
        self.blocks.iter().map(|block| block.database)
    }

    /// The operation of a step, if the service has it.
    pub const fn operation(&self, step: Step) -> Option<&Operation> {
        match step {
            Step::Search => Some(&self.search),
            Step::Exact => self.exact.as_ref(),
            Step::Details => Some(&self.details),
            Step::Notice => self.notice.as_ref(),
            Step::Image => self.image.as_ref(),
            Step::Schema => None,
        }
    }

    /// The value of the header that names an operation.
    pub fn action(&self, operation: &Operation) -> String {
        action(&self.namespace, &operation.operation)
    }

    /// Whether a query can be put to the service: its search has a field for what the query is found by.
    pub fn takes(&self, key: &QueryKey) -> bool {
        let of_kind = matches!(
            (self.kind, key),
            (Kind::Document, QueryKey::Document(_))
                | (Kind::Person, QueryKey::Person(_))
                | (Kind::Vehicle, QueryKey::Vehicle(_))
                | (Kind::Firearm, QueryKey::Firearm(_))
                | (Kind::Vessel, QueryKey::Vessel(_))
                | (Kind::WorkOfArt, QueryKey::WorkOfArt(_))
        );
        of_kind && RequestValue::of(key).is_some_and(|value| self.search.sends(value))
    }
}

impl Operation {
    /// Whether a field of the request sends this.
    pub fn sends(&self, value: RequestValue) -> bool {
        self.fields.iter().any(|field| field.value == value && field.send)
    }
}

impl SchemaService {
    /// The value of the header that names the operation.
    pub fn action(&self) -> String {
        action(&self.namespace, &self.operation)
    }
}

fn action(namespace: &str, operation: &str) -> String {
    format!("\"{namespace}/{operation}\"")
}
