//! Persons among the states that are served.

use std::sync::Arc;

use jiff::Timestamp;
use postern_sdk::{Answer, Reason};

use super::{Mind, State, Trust};
use crate::mind::answer::not_checked;
use crate::mind::copy::Opening;
use crate::mind::dataset::Dataset;
use crate::mind::persons::{PersonsCopy, PersonsManifest};
use crate::mind::trust::{Claims, Refusal};
use crate::screening::Ask;

/// Most long searches side by side: they compute all the time, so that more of them would only wait for each other.
pub(super) const SEARCHES_MAX: usize = 4;

#[derive(Debug)]
pub(super) struct ServingPersons {
    pub(super) copy: PersonsCopy,
    pub(super) purge_at: Timestamp,
}

impl Mind {
    /// Opens a state of persons if it may be served: what it claims is asked first, because it is read whole.
    pub(super) fn open_persons(
        &self,
        opening: &Opening<'_>,
        version: u64,
        trust: &Trust,
    ) -> Result<(Claims, State), Refusal> {
        let manifest = PersonsManifest::read(opening, version)?;
        let claims = manifest.claims();
        let purge_at = self.admit(&claims, trust)?;
        let copy = PersonsCopy::of(opening, manifest)?;
        copy.self_test()?;
        Ok((claims, State::Persons(Box::new(ServingPersons { copy, purge_at }))))
    }

    /// Whether an answer takes so little time that others may wait for it: always by number, by name where names are few.
    pub(super) fn is_prompt(&self, ask: &Ask) -> bool {
        Dataset::of(&ask.query.key).is_none_or(|dataset| match &**self.state(dataset).load() {
            State::Persons(serving) => serving.copy.is_prompt(),
            State::Serving(_) | State::Without(_) => true,
        })
    }

    /// Answers where it holds nobody up.
    pub(super) async fn search(self: Arc<Self>, ask: Ask) -> Vec<Answer> {
        let (databases, number) = (ask.databases.clone(), ask.number);
        let failed = || not_checked(&databases, number, Reason::Internal);
        let Ok(permit) = Arc::clone(&self.searches).acquire_owned().await else { return failed() };
        let searched = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            self.answer(&ask)
        });
        searched.await.unwrap_or_else(|_| failed())
    }
}
