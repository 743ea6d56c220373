//! What the HTTP lane serves beside screenings, wherever FIND is configured: what the second line asks about a record, and the
//! country's own documents. The daemon answers these itself; they are described here because a client reads one description.
//! The types say what is on the wire and are used for nothing else.

use postern_sdk::{Database, Hit, Personal, Reason, Reference};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::problem::{ProblemKind, kind};

/// Where records in full are asked for.
pub const DETAILS_PATH: &str = "/v1/details";
/// Where files of records are asked for.
pub const FILES_PATH: &str = "/v1/files";
/// Where documents are reported.
pub const DOCUMENTS_PATH: &str = "/v1/documents";
/// Where the records of documents are withdrawn.
pub const WITHDRAWALS_PATH: &str = "/v1/documents/withdraw";

/// Every code with which details and files are refused, beside the lane's own problems.
pub const FETCH_PROBLEMS: &[ProblemKind] = &[
    kind("json_syntax", 400, "the message is no JSON"),
    kind("json_content", 422, "a field is unknown, repeated, missing, or of another type"),
    kind("version_unknown", 422, "the version of the format is not known"),
    kind("text_empty", 422, "the text is empty; leave the field out if there is none"),
    kind("text_too_long", 422, "the text is longer than 256 characters"),
    kind("text_character", 422, "the text has control characters"),
    kind("context_incomplete", 422, "the context lacks agency, end user, site or purpose"),
    kind("denied", 403, "the client has no grant"),
    kind("view_not_full", 403, "the lane or the grant does not show records"),
    kind("record_not_in_screening", 403, "no screening of the client with this reference hit the record"),
    kind("file_not_of_record", 403, "the record does not name the file, as far as it was fetched"),
    kind("silent_not_available", 409, "the screening was silent and the service may not be"),
    kind("not_configured", 409, "no service gives this of the database"),
    kind("nothing_found", 404, "the service has no such record or file"),
    kind("not_fetched", 502, "the service did not give it"),
    kind("unable_to_answer", 503, "the answer could not be made durable in time"),
    kind("unrecorded", 503, "it was asked for, and what came of it could not be recorded"),
    kind("internal", 500, "something failed inside Postern"),
];

/// A question for a record in full.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DetailsRequest {
    /// The version of this format: 1, which is also meant if it is absent.
    #[serde(default)]
    #[schemars(extend("const" = 1))]
    pub version: Option<u32>,
    /// Who asks now. What is missing is the screening's, or else supplied from the lane's configuration.
    #[serde(default)]
    pub context: FetchContext,
    /// The reference of the screening that hit the record. Its purpose and its silence hold for the fetch.
    pub exchange: Reference,
    /// The database of the hit.
    pub database: Database,
    /// The record's id, as the hit tells it.
    #[schemars(length(min = 1, max = 256))]
    pub record: String,
}

/// A question for a file of a record.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FileRequest {
    /// The version of this format: 1, which is also meant if it is absent.
    #[serde(default)]
    #[schemars(extend("const" = 1))]
    pub version: Option<u32>,
    /// Who asks now. What is missing is the screening's, or else supplied from the lane's configuration.
    #[serde(default)]
    pub context: FetchContext,
    /// The reference of the screening that hit the record. Its purpose and its silence hold for the fetch.
    pub exchange: Reference,
    /// The database of the hit.
    pub database: Database,
    /// The record's id, as the hit tells it.
    #[schemars(length(min = 1, max = 256))]
    pub record: String,
    /// What kind of file.
    pub kind: FileKind,
    /// The file's path, as `notice_path` or `image_path` of the record's details tells it; those of several are parted by "; ".
    #[schemars(length(min = 1, max = 256))]
    pub path: Personal<String>,
}

/// What kind of file.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileKind {
    /// A notice, as PDF.
    Notice,
    /// An image.
    Image,
}

/// Who asks now. Texts have 1 to 256 characters and no control characters.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct FetchContext {
    /// The authority on whose behalf is asked.
    pub agency: Option<String>,
    /// The officer who asks.
    pub end_user: Option<Personal<String>>,
    /// The border crossing point, port, office or ship.
    pub site: Option<String>,
    /// The workstation.
    pub terminal: Option<String>,
}

/// A record in full.
#[derive(Serialize, JsonSchema)]
pub struct DetailsResponse {
    /// The version of this format.
    pub version: u32,
    /// Postern's reference of the fetch.
    pub reference: Reference,
    /// The reference of the screening.
    pub exchange: Reference,
    /// The database.
    pub database: Database,
    /// The reference under which INTERPOL was asked.
    pub reference_in_country: Option<String>,
    /// The record. How it matches is not told again.
    pub record: Hit,
}

/// A refusal of details or of a file.
#[derive(Serialize, JsonSchema)]
pub struct FetchProblem {
    /// `urn:postern:problem:` and the code.
    pub r#type: String,
    /// What is wrong, in words.
    pub title: String,
    /// The HTTP status.
    pub status: u16,
    /// The stable code of what is wrong; the lane's own problems have none.
    pub code: Option<String>,
    /// Postern's reference of the fetch; the lane's own problems have none.
    pub reference: Option<Reference>,
    /// Why the service did not give it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
}

/// A report of a document, or the withdrawal of its record. The rules of the fields are checked before anything is sent.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DocumentRequest {
    /// Who asks, where and why. What is missing is supplied from the lane's configuration, where it has it.
    #[serde(default)]
    pub context: DocumentContext,
    /// The document. A withdrawal needs its number, and its type if several have the number.
    #[serde(default)]
    pub document: ReportedDocument,
}

/// Who asks, where and why.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DocumentContext {
    /// The authority on whose behalf is asked.
    pub agency: Option<String>,
    /// Who reports.
    pub end_user: Option<Personal<String>>,
    /// The office.
    pub site: Option<String>,
    /// The workstation.
    pub terminal: Option<String>,
    /// Why, as a code of the grant.
    pub purpose: Option<String>,
}

/// A document. An empty text counts as not given; dates are `YYYY-MM-DD`.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReportedDocument {
    /// The number.
    pub number: Personal<String>,
    /// The type, as a code of the profile's table.
    pub r#type: String,
    /// How it was lost: stolen, lost, `stolen_blank`, revoked, invalid.
    pub loss: String,
    /// Where it was lost, three letters.
    pub country: String,
    /// When it was lost.
    pub date: String,
    /// The batch, of a stolen blank alone.
    pub batch: String,
    /// When it was issued.
    pub issued: String,
    /// When it expires.
    pub expires: String,
    /// The country's reference.
    pub national_reference: String,
    /// The bureau's reference.
    pub ncb_reference: String,
    /// What else there is to say, without personal data.
    pub info: String,
    /// The day until which the record is kept.
    pub keep_until: String,
    /// Why it is kept longer.
    pub keep_reason: String,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
pub struct DocumentResponse {
    /// `reported` or `withdrawn`.
    pub outcome: String,
    /// Postern's reference.
    pub reference: Reference,
    /// The record's id at INTERPOL.
    pub id: Option<String>,
    /// The reference under which INTERPOL was asked.
    pub reference_in_country: Option<String>,
    /// INTERPOL's id of the request.
    pub request_id: Option<String>,
}

/// Why nothing was done, or perhaps not.
#[derive(Serialize, JsonSchema)]
pub struct DocumentRefusal {
    /// Always `refused`.
    pub outcome: String,
    /// Postern's reference; none if something failed inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<Reference>,
    /// The stable code of what is wrong.
    pub code: String,
    /// The rules that the document breaks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Vec<String>>,
    /// Whether it may have been done all the same.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub in_doubt: Option<bool>,
}
