//! A document that the country reports.

use std::fmt;

use jiff::civil::Date;
use postern_sdk::{DocumentNumber, DocumentType, State};
use serde::Deserialize;

use crate::find::profile::Fraud;

/// What somebody wrote of a document, field by field and unchecked: a row of a list, or options of a command.
///
/// Dates are `YYYY-MM-DD`. An empty text counts as not given.
#[derive(Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the column that its own name says; docs/wisdm.md tells them")]
pub struct Draft {
    pub number: String,
    #[serde(rename = "type")]
    pub doc_type: String,
    pub loss: String,
    pub country: String,
    pub date: String,
    pub batch: String,
    pub issued: String,
    pub expires: String,
    pub national_reference: String,
    pub ncb_reference: String,
    pub info: String,
    pub keep_until: String,
    pub keep_reason: String,
}

impl fmt::Debug for Draft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Draft")
    }
}

/// A document that keeps every rule.
#[derive(Clone, PartialEq, Eq)]
pub struct Document {
    /// The number, cleaned.
    pub number: DocumentNumber,
    /// The type; never a wildcard.
    pub doc_type: DocumentType,
    /// How it was lost.
    pub fraud: Fraud,
    /// Where; none only of a stolen blank.
    pub theft_country: Option<State>,
    /// When.
    pub theft_date: Option<Date>,
    /// The batch of a stolen blank.
    pub batch: Option<String>,
    /// When it was issued.
    pub issued: Option<Date>,
    /// When it ends.
    pub expires: Option<Date>,
    /// The country's reference.
    pub national_reference: Option<String>,
    /// The bureau's reference.
    pub ncb_reference: Option<String>,
    /// Additional information, without personal data.
    pub additional: Option<String>,
    /// Until when the record is kept.
    pub keep_until: Option<Date>,
    /// Why longer than usual, in the words of the profile's table.
    pub keep_reason: Option<String>,
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Document({}, {})", self.doc_type.as_str(), self.fraud.code())
    }
}

/// A record of the country at the service: its id and what it says.
#[derive(Clone, PartialEq, Eq)]
pub struct Held {
    /// The service's id.
    pub id: String,
    /// The number.
    pub number: Option<DocumentNumber>,
    /// The type.
    pub doc_type: Option<DocumentType>,
    /// How it was lost.
    pub fraud: Option<Fraud>,
    /// Where.
    pub theft_country: Option<State>,
    /// When.
    pub theft_date: Option<Date>,
    /// The batch of a stolen blank.
    pub batch: Option<String>,
    /// When it was issued.
    pub issued: Option<Date>,
    /// When it ends.
    pub expires: Option<Date>,
    /// The country's reference.
    pub national_reference: Option<String>,
    /// The bureau's reference.
    pub ncb_reference: Option<String>,
    /// Additional information.
    pub additional: Option<String>,
    /// Until when the record is kept.
    pub keep_until: Option<Date>,
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Held({})", self.id)
    }
}
