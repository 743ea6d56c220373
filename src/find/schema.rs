//! Asking a live service for its own tables of codes, to compare them with the profile's.

use std::collections::BTreeMap;

use postern_formats::xml::{Limits, Reader, XmlError};
use postern_sdk::{Context, Reason, Reference};
use tokio::time::{Instant, timeout};

use super::client::Address;
use super::profile::{Profile, SchemaService, Step, Table};
use super::request::{Sender, wrapped};
use super::soap::Unwritable;
use super::{Find, reply};

/// A table as the service tells it: each code and what it means.
pub(super) type Told = BTreeMap<String, String>;

/// How a table of the profile differs from what the service tells.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Difference {
    /// Codes that the service has and the profile has not, with the service's meaning.
    pub missing: Told,
    /// Codes that the profile has and the service has not.
    pub unknown: Vec<String>,
}

impl Difference {
    /// Whether there is none.
    pub fn is_none(&self) -> bool {
        self.missing.is_empty() && self.unknown.is_empty()
    }

    /// Compares a table with what the service tells.
    pub fn of(profile: &Profile, table: Table, told: &Told) -> Self {
        let known = profile.tables.words(table);
        let missing = told.iter().filter(|(code, _)| !known.contains_key(code.as_str()));
        let unknown = known.keys().filter(|code| !told.contains_key(**code));
        Self {
            missing: missing.map(|(code, label)| (code.clone(), label.clone())).collect(),
            unknown: unknown.map(|code| (*code).to_owned()).collect(),
        }
    }
}

impl Find {
    /// The profile that it works by.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// Asks the service for each of the tables that the profile names; none if it names no such service.
    pub async fn tables(
        &self,
        context: &Context,
        exchange: Reference,
    ) -> Option<Vec<(Table, Result<Told, Reason>)>> {
        let schema = self.profile.schema.as_ref()?;
        let mut tables = Vec::new();
        for (table, name) in &schema.tables {
            let told =
                timeout(self.settings.request_timeout(), self.table(schema, name, context, exchange)).await;
            tables.push((*table, told.unwrap_or(Err(Reason::Deadline))));
        }
        Some(tables)
    }

    async fn table(
        &self,
        schema: &SchemaService,
        name: &str,
        context: &Context,
        exchange: Reference,
    ) -> Result<Told, Reason> {
        let address = Address::of_schema(schema).map_err(|_| Reason::Internal)?;
        let reference = self.reference();
        let sender = Sender { account: &self.account, context, exchange, reference_in_country: &reference };
        let envelope = wrapped(&self.profile, &schema.namespace, Step::Schema, &sender, |out| {
            out.open(&schema.operation, &[("xmlns", &schema.namespace)]);
            out.leaf(&schema.table, name);
            out.close(&schema.operation);
        });
        let envelope = envelope.map_err(|Unwritable| Reason::Internal)?;
        let send_by = Instant::now() + self.settings.request_timeout();
        let posted = self.poster.post(&address, Step::Schema, envelope, send_by).await;
        let response = posted.map_err(|unanswered| unanswered.reason)?;
        if !response.status.is_success() {
            return Err(Reason::Transport);
        }
        read(&self.profile, schema, &response.body).map_err(|_| Reason::MalformedAnswer)
    }
}

/// The codes of an answer, wherever in the result they stand.
fn read(profile: &Profile, schema: &SchemaService, bytes: &[u8]) -> Result<Told, XmlError> {
    let bytes_max = profile.limits.file_bytes;
    let limits =
        Limits { bytes_max, text_bytes_max: bytes_max, depth_max: profile.limits.depth, ..Limits::default() };
    let mut reader = Reader::new(bytes, limits)?;
    reader.root()?;
    let mut told = Told::new();
    gather(profile, schema, &mut reader, &mut told)?;
    reader.finish()?;
    Ok(told)
}

fn gather(
    profile: &Profile,
    schema: &SchemaService,
    reader: &mut Reader<'_>,
    told: &mut Told,
) -> Result<(), XmlError> {
    reader.children(|reader, part| {
        if !part.is(&schema.entry) {
            return gather(profile, schema, reader, told);
        }
        let entry = reply::Entry::read(reader, part)?;
        if let Some(code) = entry.get(profile, Some(&schema.code)) {
            let label = entry.get(profile, Some(&schema.label)).unwrap_or_default();
            told.insert(code.to_owned(), label.to_owned());
        }
        Ok(())
    })
}
