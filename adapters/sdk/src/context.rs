//! Who asks, where and why.

use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Personal;

/// Whether real or training data is meant. It is part of copy, grant, exchange, journal, case and answer, and the two
/// never mix.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Environment {
    /// Real travellers, real databases.
    #[default]
    Production,
    /// Synthetic data, simulator, exercises.
    Training,
}

impl Environment {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Production => "production",
            Self::Training => "training",
        }
    }
}

/// The way of the traveller across the border.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Into the country.
    Entry,
    /// Out of the country.
    Exit,
    /// Through, without entering.
    Transit,
    /// No crossing: an office, a register, an inspection on the way.
    None,
}

/// A field of [`Context`], to say which of them the lane supplied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ContextField {
    /// [`Context::agency`].
    Agency,
    /// [`Context::end_user`].
    EndUser,
    /// [`Context::terminal`].
    Terminal,
    /// [`Context::site`].
    Site,
    /// [`Context::direction`].
    Direction,
    /// [`Context::purpose`].
    Purpose,
    /// [`Context::operation`].
    Operation,
}

impl ContextField {
    /// The field's name, as it is written.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Agency => "agency",
            Self::EndUser => "end_user",
            Self::Terminal => "terminal",
            Self::Site => "site",
            Self::Direction => "direction",
            Self::Purpose => "purpose",
            Self::Operation => "operation",
        }
    }
}

/// Who asks, where and why. Each exchange has one; it goes into FIND's headers, the grant check and the journal.
///
/// An adapter fills what the native message says. The lane then names the client and the environment, supplies from its
/// config what the message lacked, and marks that in [`supplied`](Self::supplied).
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Context {
    /// The client, as its certificate, token or lane names it. Never taken from a message.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub client: String,
    /// Whether real or training data is meant. Never taken from a message.
    pub environment: Environment,
    /// The authority on whose behalf is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub agency: Option<String>,
    /// The officer, or the named device, that asks.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_user: Option<Personal<String>>,
    /// The gate, booth or workstation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terminal: Option<String>,
    /// The border crossing point, port, office or ship.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub site: Option<String>,
    /// The way of the traveller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Why is asked, as a code of the grant (RPD Art. 10). Without a purpose nothing is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// The national system's reference of the crossing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crossing: Option<Personal<String>>,
    /// The named operation under which is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// The sender's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub sent_at: Option<Timestamp>,
    /// The sender's id of the message: a second message with the same one within the window is a duplicate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// Whether the record's owner must not learn of the question. Inherited by retries, rechecks, fetches and the case.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub silent: bool,
    /// The fields that the lane supplied from its config because the native message lacked them.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub supplied: BTreeSet<ContextField>,
}

impl Context {
    /// Fills what the message did not say from the lane's `defaults`, and marks each field that was filled.
    ///
    /// Client and environment are always the lane's.
    pub fn supply(&mut self, defaults: &Self) {
        self.client.clone_from(&defaults.client);
        self.environment = defaults.environment;
        self.silent |= defaults.silent;
        let supplied = &mut self.supplied;
        fill(&mut self.agency, &defaults.agency, ContextField::Agency, supplied);
        fill(&mut self.end_user, &defaults.end_user, ContextField::EndUser, supplied);
        fill(&mut self.terminal, &defaults.terminal, ContextField::Terminal, supplied);
        fill(&mut self.site, &defaults.site, ContextField::Site, supplied);
        fill(&mut self.direction, &defaults.direction, ContextField::Direction, supplied);
        fill(&mut self.purpose, &defaults.purpose, ContextField::Purpose, supplied);
        fill(&mut self.operation, &defaults.operation, ContextField::Operation, supplied);
    }

    /// The fields without which nothing is asked, and which are still missing: agency, end user, site and purpose.
    pub fn missing(&self) -> Vec<ContextField> {
        let absent = [
            (self.agency.is_none(), ContextField::Agency),
            (self.end_user.is_none(), ContextField::EndUser),
            (self.site.is_none(), ContextField::Site),
            (self.purpose.is_none(), ContextField::Purpose),
        ];
        absent.into_iter().filter_map(|(missing, field)| missing.then_some(field)).collect()
    }
}

fn fill<T: Clone>(
    slot: &mut Option<T>,
    default: &Option<T>,
    field: ContextField,
    supplied: &mut BTreeSet<ContextField>,
) {
    if slot.is_none() && default.is_some() {
        slot.clone_from(default);
        supplied.insert(field);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that the message wins over the lane's defaults, that what was supplied is marked, and that client and
    // environment can't be claimed by a message.
    #[test]
    fn lane_supplies_what_the_message_lacks() {
        let defaults = Context {
            client: "gate-7".into(),
            environment: Environment::Training,
            site: Some("ZZA".into()),
            purpose: Some("border".into()),
            ..Context::default()
        };
        let mut context = Context { client: "forged".into(), site: Some("ZZB".into()), ..Context::default() };
        context.supply(&defaults);
        assert_eq!(context.client, "gate-7");
        assert_eq!(context.environment, Environment::Training);
        assert_eq!(context.site.as_deref(), Some("ZZB"));
        assert_eq!(context.supplied, BTreeSet::from([ContextField::Purpose]));
        assert_eq!(context.missing(), [ContextField::Agency, ContextField::EndUser]);
    }
}
