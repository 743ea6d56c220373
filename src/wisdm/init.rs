//! The guard of what removes records by the thousand.
//!
//! A re-initialisation has two steps at the service: the first marks every record of the country, the second removes those
//! that were not reported anew meanwhile. Clearing removes all. Both are a moment's slip away from a country without records,
//! so a removal is only ordered by a [`Removal`], which shows how many records it would take, and is carried out only by
//! the text that names them.

use postern_sdk::Reference;

use super::client::{Told, Wisdm};
use super::error::WisdmError;
use super::request::Sender;
use crate::find::profile::WisdmStep;

/// What removes records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The second step of a re-initialisation.
    Finalize,
    /// The removal of all.
    Clear,
}

/// A removal that was looked at and not yet confirmed.
#[derive(Debug)]
pub struct Removal<'a> {
    wisdm: &'a Wisdm,
    kind: Kind,
    /// Records of the country, as the service counted them last.
    pub total: u64,
    /// Records that were reported anew since the first step, as the progress files of lists say.
    pub renewed: u64,
}

/// The text does not name the removal. What does is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotConfirmed(pub String);

impl std::fmt::Debug for Wisdm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Wisdm")
    }
}

/// A removal that somebody confirmed.
#[derive(Debug)]
pub struct Confirmed<'a>(Removal<'a>);

impl Wisdm {
    /// The first step: marks every record. Nothing is removed, and they are found as before.
    ///
    /// # Errors
    /// Why it was not done, or may not have been.
    pub async fn start_init(&self, sender: &Sender) -> Told<()> {
        self.initialise(WisdmStep::StartInit, sender).await
    }

    /// Looks at a removal: how many records it would take.
    ///
    /// # Errors
    /// Why the service's figures can't be had: then nothing can be removed either.
    pub async fn removal(
        &self,
        kind: Kind,
        renewed: u64,
        sender: &Sender,
    ) -> Result<Removal<'_>, WisdmError> {
        let statistics = self.statistics(sender).await?.told;
        // Without a figure the count is not nothing, but unknown.
        if statistics.totals.is_empty() {
            return Err(WisdmError::Unusable("no totals among the service's figures"));
        }
        let total = statistics.total();
        let renewed = if kind == Kind::Clear { 0 } else { renewed };
        Ok(Removal { wisdm: self, kind, total, renewed })
    }
}

impl<'a> Removal<'a> {
    /// How many records would be removed.
    pub const fn count(&self) -> u64 {
        self.total.saturating_sub(self.renewed)
    }

    /// The text that confirms it.
    pub fn confirmation(&self) -> String {
        let verb = match self.kind {
            Kind::Finalize => "remove",
            Kind::Clear => "clear",
        };
        format!("{verb} {} records", self.count())
    }

    /// Takes the text that somebody typed.
    ///
    /// # Errors
    /// [`NotConfirmed`] if it is another.
    pub fn confirm(self, typed: &str) -> Result<Confirmed<'a>, NotConfirmed> {
        let expected = self.confirmation();
        if typed.trim() == expected { Ok(Confirmed(self)) } else { Err(NotConfirmed(expected)) }
    }
}

impl Confirmed<'_> {
    /// Carries it out, if the service still counts what was confirmed.
    ///
    /// # Errors
    /// Why it was not done, or may not have been; [`WisdmError::CountChanged`] if the count is another now.
    pub async fn carry_out(self, sender: &Sender) -> Told<()> {
        let Removal { wisdm, kind, total, .. } = self.0;
        if wisdm.statistics(sender).await?.told.total() != total {
            return Err(WisdmError::CountChanged);
        }
        let step = match kind {
            Kind::Finalize => WisdmStep::FinalizeInit,
            Kind::Clear => WisdmStep::Clear,
        };
        wisdm.initialise(step, sender).await
    }
}

/// A new matter.
pub fn matter(clock: &crate::clock::Clock) -> Reference {
    Reference(crate::ids::new_id(clock.now()))
}
