//! The description of INTERPOL's wire format, as data.
//!
//! INTERPOL gives its specification to National Central Bureaus only, and its services differ by installation and year.
//! So no name of the wire stands in the code: every element, namespace, path, code and number is read from a profile,
//! one of which is built in. Client and simulator work from the same one. A bureau corrects a copy of it against its
//! own papers; a correction is a change of a file, not of a program.

mod check;
mod values;

use std::collections::BTreeMap;

use postern_sdk::{Database, Reason, State};
use serde::Deserialize;

pub use check::{Problem, ProfileError};

/// The profile that is built in.
const BUILT_IN: &str = include_str!("../profiles/interpol.toml");

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
    /// The numbers of countries.
    pub countries: BTreeMap<String, State>,
    /// The services.
    pub service: Vec<Service>,
}

/// What an answer may cost at most.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Size of an answer in bytes.
    pub reply_bytes: usize,
    /// Elements within each other.
    pub depth: usize,
}

/// How requests travel.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Http {
    /// The media type of request and answer.
    pub content_type: String,
    /// The header that names the operation.
    pub action_header: String,
}

/// The names of the envelope.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct Envelope {
    pub namespace: String,
    pub envelope: String,
    pub header: String,
    pub body: String,
    pub fault: String,
    pub fault_code: String,
    pub fault_text: String,
    pub fault_server: String,
}

/// One of the two steps of a lookup.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// The list of matching records.
    Search,
    /// One record in full.
    Details,
}

impl Step {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Details => "details",
        }
    }
}

/// A block of the envelope's header.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderBlock {
    /// Its element.
    pub element: String,
    /// Its attributes.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// The steps in which it is sent.
    pub operations: Vec<Step>,
    /// Its children, in order.
    pub fields: Vec<HeaderField>,
}

/// A child of a header block.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HeaderField {
    /// Its element.
    pub element: String,
    /// What it holds.
    pub value: HeaderValue,
}

/// What a header field can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HeaderValue {
    /// The service account's name.
    AccountUsername,
    /// The service account's password.
    AccountPassword,
    /// The officer or named device that asks.
    EndUser,
    /// The reference that is unique to the request.
    ReferenceInCountry,
    /// The reference of the exchange, the same for all requests of it.
    ExchangeReference,
    /// The authority on whose behalf is asked.
    Agency,
    /// The place.
    Site,
    /// The gate, booth or workstation.
    Terminal,
    /// Why is asked.
    Purpose,
    /// The named operation.
    Operation,
    /// The national reference of the crossing.
    Crossing,
}

/// The parts of a result.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct ReplyNames {
    pub code: String,
    pub other_code: String,
    pub request_id: String,
    pub reference: String,
    pub timestamp: String,
    pub payload: String,
}

/// The parts of a payload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element that its own name says")]
pub struct PayloadNames {
    pub root: String,
    pub header: String,
    pub generator: String,
    pub data: String,
    pub search: String,
    pub query: String,
    pub block: String,
    pub block_name: String,
    pub block_status: String,
    pub entries: Vec<String>,
    pub wrapper: String,
}

/// How values are written.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Values {
    /// How dates are written.
    pub date_format: DateFormat,
    /// The best score of a name.
    pub score_max: u16,
}

/// How dates are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DateFormat {
    /// `19740812`
    #[serde(rename = "YYYYMMDD")]
    Compact,
    /// `1974-08-12`
    #[serde(rename = "YYYY-MM-DD")]
    Dashed,
}

/// What a code of a result or a block means.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Code {
    /// The code as a number.
    pub number: u16,
    /// The code as text.
    pub name: String,
    /// What it means.
    pub means: Meaning,
    /// Whether blocks that say for themselves that nothing was found are believed beside it.
    #[serde(default)]
    pub blocks_stand: bool,
}

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(from = "MeaningText")]
pub enum Meaning {
    /// Matching records were found.
    Hits,
    /// Nothing was found.
    NoRecord,
    /// Nothing is known, for this reason.
    NotChecked(Reason),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MeaningText {
    Found(FoundText),
    Reason(Reason),
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum FoundText {
    Hits,
    NoRecord,
}

impl From<MeaningText> for Meaning {
    fn from(text: MeaningText) -> Self {
        match text {
            MeaningText::Found(FoundText::Hits) => Self::Hits,
            MeaningText::Found(FoundText::NoRecord) => Self::NoRecord,
            MeaningText::Reason(reason) => Self::NotChecked(reason),
        }
    }
}

impl Meaning {
    /// The stable name: `hits`, `no_record` or the reason's.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Hits => "hits",
            Self::NoRecord => "no_record",
            Self::NotChecked(reason) => reason.code(),
        }
    }
}

/// By what a service is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// By a document's number.
    Document,
    /// By a name.
    Person,
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
    /// Whether the search is narrowed to the issuer.
    pub send_issuer: bool,
    /// Whether the search is narrowed to the type.
    pub send_type: bool,
    /// What a live check asks about: a number or name that is in no database.
    pub probe: String,
    /// The databases that it asks, by the names of their blocks.
    pub blocks: Vec<BlockName>,
    /// How the list is asked for.
    pub search: Operation,
    /// How a record in full is asked for.
    pub details: Operation,
    /// Where in a record each field stands.
    pub fields: EntryFields,
    /// What else of a record is kept: our name, and where it stands.
    #[serde(default)]
    pub keep: BTreeMap<String, String>,
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
}

/// A child of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestField {
    /// Its element.
    pub element: String,
    /// What it holds.
    pub value: RequestValue,
    /// What is sent when there is no value.
    #[serde(default)]
    pub absent: Absent,
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
    /// The issuer, as its number in the profile or its three-letter code.
    Issuer,
    /// The document's type.
    DocType,
    /// The surname.
    Name,
    /// The given names.
    Forename,
    /// The date of birth.
    Birth,
    /// How many records are wanted.
    RecordsMax,
    /// The id of a record that a search gave.
    Record,
}

/// Where in a record each field of a hit stands.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the place of the field of a hit that its own name says")]
pub struct EntryFields {
    pub record: Option<String>,
    pub identifier: Option<String>,
    pub doc_type: Option<String>,
    pub issuer: Option<String>,
    pub notice: Option<String>,
    pub theft_type: Option<String>,
    pub theft_date: Option<String>,
    pub theft_country: Option<String>,
    pub name: Option<String>,
    pub forename: Option<String>,
    pub birth: Option<String>,
    pub score: Option<String>,
    pub score_reason: Option<String>,
    pub document: Option<String>,
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

    /// The operation of a step.
    pub const fn operation(&self, step: Step) -> &Operation {
        match step {
            Step::Search => &self.search,
            Step::Details => &self.details,
        }
    }

    /// The value of the header that names the operation.
    pub fn action(&self, step: Step) -> String {
        format!("\"{}/{}\"", self.namespace, self.operation(step).operation)
    }
}
