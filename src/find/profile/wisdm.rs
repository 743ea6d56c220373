//! The service by which a country manages its own records of documents.

use std::collections::{BTreeMap, BTreeSet};

use postern_sdk::DocumentType;
use serde::{Deserialize, Serialize};

use super::check::Check;
use super::wisdm_words::{ActionKind, Fraud, Functional};
use super::{Absent, PayloadStyle, Profile, action};

/// The service by which a country manages its own records. Its fields are documented in the built-in profile.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wisdm {
    /// Its path at the base URL.
    pub path: String,
    /// The namespace of its operations.
    pub namespace: String,
    /// The elements of those header blocks that are sent, whatever the operation.
    pub header: Vec<String>,
    /// How long a request may take.
    pub timeout_ms: u64,
    /// The names of the payload.
    pub payload: WisdmPayload,
    /// Where in a document each field stands, sent and answered.
    pub places: DocumentPlaces,
    /// The limits of fields.
    pub fields: FieldLimits,
    /// How long records are kept.
    pub retention: Retention,
    /// How the wire writes each kind of loss.
    pub frauds: BTreeMap<String, Fraud>,
    /// What the service objects to, by its names.
    pub errors: BTreeMap<String, Functional>,
    /// The names of figures.
    pub statistics: StatisticNames,
    /// The operations.
    pub operations: BTreeMap<WisdmStep, WisdmOperation>,
}

/// What can be asked of the service.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WisdmStep {
    /// Reports a document, or corrects a report by its id.
    CreateOrUpdate,
    /// One record in full.
    Retrieve,
    /// Keeps a record longer or shorter.
    ChangeRetention,
    /// Withdraws a record.
    Delete,
    /// The ids of the country's records of a number.
    Search,
    /// The service's own figures.
    Statistics,
    /// What was done to records since a movement.
    Actions,
    /// Marks every record of the country.
    StartInit,
    /// Removes the records that are still marked.
    FinalizeInit,
    /// Removes every record of the country.
    Clear,
}

impl WisdmStep {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::CreateOrUpdate,
        Self::Retrieve,
        Self::ChangeRetention,
        Self::Delete,
        Self::Search,
        Self::Statistics,
        Self::Actions,
        Self::StartInit,
        Self::FinalizeInit,
        Self::Clear,
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::CreateOrUpdate => "create_or_update",
            Self::Retrieve => "retrieve",
            Self::ChangeRetention => "change_retention",
            Self::Delete => "delete",
            Self::Search => "search",
            Self::Statistics => "statistics",
            Self::Actions => "actions",
            Self::StartInit => "start_init",
            Self::FinalizeInit => "finalize_init",
            Self::Clear => "clear",
        }
    }

    /// Whether it changes nothing, so that it may be asked again without a thought.
    pub const fn only_reads(self) -> bool {
        matches!(self, Self::Retrieve | Self::Search | Self::Statistics | Self::Actions)
    }

    /// What its request can't do without.
    const fn needs(self) -> &'static [WisdmValue] {
        match self {
            Self::CreateOrUpdate => &[WisdmValue::Document, WisdmValue::Id],
            Self::Retrieve | Self::Delete => &[WisdmValue::Id],
            Self::ChangeRetention => &[WisdmValue::Id, WisdmValue::Retention, WisdmValue::ExtensionReason],
            Self::Search => &[WisdmValue::Number],
            Self::Actions => &[WisdmValue::Movement],
            Self::Statistics | Self::StartInit | Self::FinalizeInit | Self::Clear => &[],
        }
    }
}

/// One operation.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WisdmOperation {
    /// Its name, which is also the element of the request.
    pub operation: String,
    /// The element of the response.
    pub response: String,
    /// The element of the result in it.
    pub result: String,
    /// The children of the request, in order.
    #[serde(default)]
    pub fields: Vec<WisdmField>,
}

/// A child of a request.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WisdmField {
    /// Its element.
    pub element: String,
    /// What it holds.
    pub value: WisdmValue,
    /// What is sent when there is no value.
    #[serde(default)]
    pub absent: Absent,
}

/// What a request can hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WisdmValue {
    /// The record's id, which a search gave.
    Id,
    /// The document's number.
    Number,
    /// The document's type.
    DocType,
    /// The whole document, as a payload.
    Document,
    /// The day until which the record is kept.
    Retention,
    /// Why it is kept longer.
    ExtensionReason,
    /// The movement from which actions are told.
    Movement,
}

/// The names of the payload.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the name of the element or the place that its own name says")]
pub struct WisdmPayload {
    pub root: String,
    pub style: PayloadStyle,
    pub document: String,
    pub document_namespace: String,
    pub statistic: String,
    pub statistic_key: String,
    pub statistic_value: String,
    pub action: String,
    pub action_movement: String,
    pub action_kind: String,
    pub action_id: String,
    pub action_at: String,
    pub error: String,
    pub error_code: String,
}

/// Where in a document each field stands: child elements by dots, `@` for an attribute.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs, reason = "each is the place of the field that its own name says")]
pub struct DocumentPlaces {
    pub id: String,
    pub number: String,
    pub doc_type: String,
    pub issuer: String,
    pub fraud: String,
    pub theft_country: String,
    pub theft_date: String,
    pub batch: String,
    pub additional: String,
    pub issued: String,
    pub expires: String,
    pub national_reference: String,
    pub ncb_reference: String,
    pub retention: String,
    pub extension_reason: String,
}

impl DocumentPlaces {
    fn all(&self) -> [&String; 15] {
        [
            &self.id,
            &self.number,
            &self.doc_type,
            &self.issuer,
            &self.fraud,
            &self.theft_country,
            &self.theft_date,
            &self.batch,
            &self.additional,
            &self.issued,
            &self.expires,
            &self.national_reference,
            &self.ncb_reference,
            &self.retention,
            &self.extension_reason,
        ]
    }
}

/// The limits of fields, in characters.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FieldLimits {
    /// Of the number, at least.
    pub number_min: usize,
    /// Of the number, at most.
    pub number_max: usize,
    /// Of the identifier of a stolen batch.
    pub batch_max: usize,
    /// Of either reference.
    pub reference_max: usize,
    /// Of the additional information.
    pub additional_max: usize,
    /// Digits of a record's id, hexadecimal.
    pub id_digits: usize,
    /// Whether today counts as past: of a theft and of an issuance.
    pub today_is_past: bool,
}

/// How long records are kept, in years.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Stolen, lost, revoked and invalid travel documents.
    pub travel_years: i16,
    /// Stolen blanks.
    pub blank_years: i16,
    /// Administrative documents.
    pub administrative_years: i16,
    /// How many months before the end somebody should look, for lists.
    pub alert_months: i16,
    /// The types that are administrative documents.
    pub administrative_types: BTreeSet<DocumentType>,
}

/// How the service names its figures.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StatisticNames {
    /// What stands before the type in the name of a total.
    pub total: String,
    /// What stands before the action in the name of a number of actions.
    pub actions: String,
    /// What stands between the action and the type in it.
    pub of: String,
    /// The actions.
    pub kinds: BTreeMap<String, ActionKind>,
}

impl Wisdm {
    /// The operation of a step.
    pub fn operation(&self, step: WisdmStep) -> Option<&WisdmOperation> {
        self.operations.get(&step)
    }

    /// The value of the header that names an operation.
    pub fn action(&self, operation: &WisdmOperation) -> String {
        action(&self.namespace, &operation.operation)
    }

    /// How the wire writes a kind of loss; none if it has no word for it.
    pub fn fraud_text(&self, fraud: Fraud) -> Option<&str> {
        self.frauds.iter().find(|(_, known)| **known == fraud).map(|(wire, _)| wire.as_str())
    }

    /// How long records of a document are kept, in years.
    pub fn retention_years(&self, doc_type: &DocumentType, fraud: Fraud) -> i16 {
        match fraud {
            Fraud::StolenBlank => self.retention.blank_years,
            _ if self.is_administrative(doc_type) => self.retention.administrative_years,
            _ => self.retention.travel_years,
        }
    }

    /// Whether documents of a type are administrative ones.
    pub fn is_administrative(&self, doc_type: &DocumentType) -> bool {
        self.retention.administrative_types.contains(doc_type)
    }

    pub(super) fn check(&self, check: &mut Check, profile: &Profile) {
        check.that(self.path.starts_with('/'), "wisdm.path", "no path", "begin it with '/'");
        check.that(!self.namespace.is_empty(), "wisdm.namespace", "empty", "write the namespace");
        let timeout = (1_000..=600_000).contains(&self.timeout_ms);
        check.that(timeout, "wisdm.timeout_ms", "out of range", "allow 1 to 600 s");
        self.check_header(check, profile);
        let payload = &self.payload;
        for name in [&payload.root, &payload.document, &payload.statistic, &payload.action, &payload.error] {
            check.name("wisdm.payload", name);
        }
        for place in self.places.all() {
            check.place("wisdm.places", place);
        }
        check.unique("wisdm.places", self.places.all().into_iter().map(String::as_str));
        self.check_values(check);
        for step in WisdmStep::ALL {
            let key = format!("wisdm.operations.{}", step.code());
            match self.operation(step) {
                Some(operation) => check_operation(check, &key, step, operation),
                None => check.that(false, &key, "missing", "describe the operation"),
            }
        }
    }

    fn check_header(&self, check: &mut Check, profile: &Profile) {
        for element in &self.header {
            let known = profile.header.iter().any(|block| block.element == *element);
            check.that(
                known,
                "wisdm.header",
                &format!("no header block {element:?}"),
                "name one of [[header]]",
            );
        }
        let sent = profile.header.iter().filter(|block| self.header.contains(&block.element));
        let referenced = sent
            .flat_map(|block| &block.fields)
            .any(|field| field.value == super::HeaderValue::ReferenceInCountry);
        let what = "no block sends reference_in_country";
        check.that(referenced, "wisdm.header", what, "add it: each request needs a reference of its own");
    }

    fn check_values(&self, check: &mut Check) {
        let fields = &self.fields;
        let numbers = 0 < fields.number_min && fields.number_min <= fields.number_max;
        check.that(numbers, "wisdm.fields", "number_min above number_max", "write how long numbers are");
        let years =
            [self.retention.travel_years, self.retention.blank_years, self.retention.administrative_years];
        let usual = years.iter().all(|years| (1..=100).contains(years));
        check.that(usual, "wisdm.retention", "out of range", "allow 1 to 100 years");
        check.that(
            self.fraud_text(Fraud::StolenBlank).is_some(),
            "wisdm.frauds",
            "no word for stolen_blank",
            "add it: other rules hold for blanks",
        );
        for functional in Functional::ALL {
            let known = self.errors.values().any(|known| known == functional);
            let what = format!("no name for {}", functional.code());
            check.that(known, "wisdm.errors", &what, "add the service's name for it");
        }
    }
}

fn check_operation(check: &mut Check, key: &str, step: WisdmStep, operation: &WisdmOperation) {
    for name in [&operation.operation, &operation.response, &operation.result] {
        check.name(key, name);
    }
    operation.fields.iter().for_each(|field| check.name(key, &field.element));
    check.unique(key, operation.fields.iter().map(|field| field.element.as_str()));
    for needed in step.needs() {
        let sent = operation.fields.iter().any(|field| field.value == *needed);
        check.that(sent, key, &format!("no field sends {needed:?}"), "add it: without it nothing is asked");
    }
}
