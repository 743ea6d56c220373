//! The document as it is written.

use jiff::Timestamp;
use postern_sdk::{Database, Environment, View};
use serde::{Deserialize, Serialize};

use super::GrantsError;

/// The version of the document's form.
const FORMAT: u16 = 1;

/// A document of grants and suspensions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// The version of the form: 1.
    pub format: u16,
    /// Counts up from document to document; an earlier one is never taken again.
    pub number: u64,
    /// Production or training.
    pub environment: Environment,
    /// The bureau, for people.
    pub issuer: String,
    /// When it was issued (RFC 3339). Before, it grants nothing.
    #[serde(with = "time")]
    pub issued_at: Timestamp,
    /// From when on it grants nothing (RFC 3339).
    #[serde(with = "time")]
    pub expires_at: Timestamp,
    /// The grants.
    #[serde(default, rename = "grant")]
    pub grants: Vec<Grant>,
    /// The suspensions.
    #[serde(default, rename = "suspension")]
    pub suspensions: Vec<Suspension>,
}

/// What one client may do. Several grants of one client add up.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// The client, as its certificate, token or lane names it.
    pub client: String,
    /// The databases.
    pub databases: Vec<Database>,
    /// What may be done in them.
    #[serde(default = "search")]
    pub operations: Vec<Operation>,
    /// The sites at which may be asked, or `"*"`.
    pub sites: Named,
    /// The purposes for which may be asked, or `"*"`.
    pub purposes: Named,
    /// How much the client sees at most.
    #[serde(default)]
    pub view: View,
    /// From when on (RFC 3339); none: from the document's issue.
    #[serde(default, with = "time::option", skip_serializing_if = "Option::is_none")]
    pub valid_from: Option<Timestamp>,
    /// Until when, exclusive (RFC 3339); none: until the document's expiry.
    #[serde(default, with = "time::option", skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<Timestamp>,
    /// The named operation outside which the grant is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
}

/// What may be done in a database.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// Look for records.
    Search,
    /// Fetch what a record holds.
    Details,
    /// Fetch its images.
    Images,
    /// Report and withdraw the country's own records.
    Report,
}

fn search() -> Vec<Operation> {
    vec![Operation::Search]
}

/// A list of names, or every one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Named {
    /// These names.
    These(Vec<String>),
    /// Every name, written `"*"`.
    Every(Everything),
}

/// The text `"*"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Everything {
    /// `"*"`
    #[serde(rename = "*")]
    Star,
}

impl Named {
    /// Whether this name is one of them. Nothing is not a name.
    pub fn holds(&self, name: Option<&str>) -> bool {
        match (self, name) {
            (_, None) => false,
            (Self::Every(_), Some(_)) => true,
            (Self::These(names), Some(name)) => names.iter().any(|one| one == name),
        }
    }

    fn is_none(&self) -> bool {
        matches!(self, Self::These(names) if names.is_empty() || names.iter().any(String::is_empty))
    }
}

/// A check that is suspended: its database is `not checked (suspended)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suspension {
    /// The databases.
    pub databases: Vec<Database>,
    /// The sites, or `"*"`.
    pub sites: Named,
    /// From when on (RFC 3339).
    #[serde(with = "time")]
    pub from: Timestamp,
    /// Until when, exclusive (RFC 3339).
    #[serde(with = "time")]
    pub until: Timestamp,
    /// Why, for people; without anything personal.
    pub reason: String,
}

impl Document {
    /// Reads a document and checks that each part of it can grant something.
    ///
    /// # Errors
    /// [`GrantsError::Form`], with the line where the reader knows it.
    pub fn parse(text: &str) -> Result<Self, GrantsError> {
        let document: Self = toml::from_str(text)
            .map_err(|error| GrantsError::Form(error.to_string().trim_end().to_owned()))?;
        document.check().map_err(GrantsError::Form)?;
        Ok(document)
    }

    fn check(&self) -> Result<(), String> {
        if self.format != FORMAT {
            return Err(format!("its format is {}, this version reads {FORMAT}", self.format));
        }
        if self.expires_at <= self.issued_at {
            return Err("it expires before it is issued".to_owned());
        }
        for (i, grant) in self.grants.iter().enumerate() {
            grant.check().map_err(|error| format!("grant {}: {error}", i + 1))?;
        }
        for (i, suspension) in self.suspensions.iter().enumerate() {
            suspension.check().map_err(|error| format!("suspension {}: {error}", i + 1))?;
        }
        Ok(())
    }
}

impl Grant {
    fn check(&self) -> Result<(), &'static str> {
        let period = self.valid_from.zip(self.valid_until);
        let faults = [
            (self.client.trim().is_empty(), "it names no client"),
            (unusable(&self.databases), "its databases are none, or one is not known"),
            (self.operations.is_empty(), "its operations are none"),
            (self.sites.is_none(), "its sites are none"),
            (self.purposes.is_none(), "its purposes are none"),
            (period.is_some_and(|(from, until)| until <= from), "it ends before it begins"),
        ];
        faults.into_iter().find(|(faulty, _)| *faulty).map_or(Ok(()), |(_, fault)| Err(fault))
    }
}

impl Suspension {
    fn check(&self) -> Result<(), &'static str> {
        let faults = [
            (unusable(&self.databases), "its databases are none, or one is not known"),
            (self.sites.is_none(), "its sites are none"),
            (self.until <= self.from, "it ends before it begins"),
            (self.reason.trim().is_empty(), "it gives no reason"),
        ];
        faults.into_iter().find(|(faulty, _)| *faulty).map_or(Ok(()), |(_, fault)| Err(fault))
    }
}

fn unusable(databases: &[Database]) -> bool {
    databases.is_empty() || databases.contains(&Database::Unknown)
}

/// A time as text or as TOML's own.
mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Timestamp, D::Error> {
        let text = match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) => text,
            toml::Value::Datetime(time) => time.to_string(),
            _ => return Err(serde::de::Error::custom("not a time as RFC 3339 writes it")),
        };
        text.parse().map_err(|_| serde::de::Error::custom("not a time as RFC 3339 writes it, with its zone"))
    }

    pub(super) mod option {
        use super::{Deserializer, Serializer, Timestamp};

        pub(in super::super) fn serialize<S: Serializer>(
            time: &Option<Timestamp>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match time {
                Some(time) => serializer.collect_str(time),
                None => serializer.serialize_none(),
            }
        }

        pub(in super::super) fn deserialize<'de, D: Deserializer<'de>>(
            deserializer: D,
        ) -> Result<Option<Timestamp>, D::Error> {
            super::deserialize(deserializer).map(Some)
        }
    }
}
