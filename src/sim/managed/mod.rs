//! The management of a country's own records: reported, corrected and withdrawn, kept in memory, and found by searches at once.

mod answer;
mod request;
mod rules;

use std::collections::BTreeMap;

use aws_lc_rs::digest::{SHA256, digest};
use jiff::Timestamp;
use jiff::civil::Date;
use postern_sdk::{Database, DocumentNumber, DocumentType, State};

use super::records::DocumentRecord;
use crate::find::profile::{ActionKind, Functional, Profile, Wisdm, WisdmStep};
use crate::find::soap::Unwritable;
use crate::keys::hex;
use crate::wisdm::Held;

use request::Asked;

/// Actions that are kept at most.
const ACTIONS_MAX: usize = 1_000_000;
/// Actions that are told at once at most.
const TOLD_MAX: usize = 1_000;

/// What the countries reported.
#[derive(Debug, Default)]
pub(super) struct Managed {
    records: BTreeMap<String, Kept>,
    /// The ids of a number.
    numbers: BTreeMap<DocumentNumber, Vec<String>>,
    /// Whether a re-initialisation is under way.
    initialising: bool,
    actions: Vec<Did>,
    /// Ids that were given.
    given: u64,
}

/// A record that was reported.
#[derive(Debug)]
struct Kept {
    held: Held,
    /// As searches find it.
    found: DocumentRecord,
    /// Whether the end of a re-initialisation removes it.
    marked: bool,
}

/// Something that was done to a record.
#[derive(Clone, Debug)]
struct Did {
    kind: ActionKind,
    id: String,
    doc_type: Option<DocumentType>,
    at: Timestamp,
}

/// What is answered.
#[derive(Debug)]
enum Told<'a> {
    Nothing,
    Done,
    Records(Vec<&'a Held>),
    Statistics(BTreeMap<String, u64>),
    Actions(Vec<(usize, &'a Did)>),
}

/// Why nothing was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    Objection(Functional),
    AccessDenied,
    Invalid,
}

impl From<Functional> for Refusal {
    fn from(functional: Functional) -> Self {
        Self::Objection(functional)
    }
}

/// What was asked, and where it is done.
pub(super) struct Turn<'a> {
    pub(super) profile: &'a Profile,
    pub(super) wisdm: &'a Wisdm,
    pub(super) step: WisdmStep,
    pub(super) at: Timestamp,
    pub(super) request_id: String,
}

/// The reference of a request; none if it can't be read.
pub(super) fn reference(profile: &Profile, wisdm: &Wisdm, step: WisdmStep, body: &[u8]) -> Option<String> {
    let asked = Asked::read(profile, wisdm, wisdm.operation(step)?, body).ok()?;
    Some(asked.reference().to_owned())
}

impl Turn<'_> {
    /// Does what a request asks and writes the answer. Gives the answer and the name of the result.
    pub(super) fn take(&self, managed: &mut Managed, body: &[u8]) -> Result<(String, String), Unwritable> {
        let operation = self.wisdm.operation(self.step).ok_or(Unwritable)?;
        let asked = Asked::read(self.profile, self.wisdm, operation, body).map_err(|_| Unwritable)?;
        let told = self.told(managed, &asked);
        let result = answer::result(self.profile, &told).ok_or(Unwritable)?;
        let text = answer::write(self, operation, asked.reference(), result, &told)?;
        let name = match &told {
            Err(Refusal::Objection(functional)) => functional.code().to_owned(),
            _ => result.name.clone(),
        };
        Ok((text, name))
    }

    fn today(&self) -> Date {
        jiff::tz::Offset::UTC.to_datetime(self.at).date()
    }

    fn told<'m>(&self, managed: &'m mut Managed, asked: &Asked) -> Result<Told<'m>, Refusal> {
        if !asked.has_account() {
            return Err(Refusal::AccessDenied);
        }
        let owner = asked.owner().ok_or(Refusal::Invalid)?;
        match self.step {
            WisdmStep::CreateOrUpdate => self.create_or_update(managed, asked, owner),
            WisdmStep::Search => Ok(records(managed.search(asked, self.profile)?)),
            WisdmStep::Retrieve => Ok(records(vec![managed.of(asked)?])),
            WisdmStep::Delete => managed.delete(asked, self.at),
            WisdmStep::ChangeRetention => self.change_retention(managed, asked),
            WisdmStep::Statistics => Ok(Told::Statistics(managed.statistics(self))),
            WisdmStep::Actions => managed.actions(asked),
            WisdmStep::StartInit => {
                managed.initialising = true;
                managed.records.values_mut().for_each(|kept| kept.marked = true);
                Ok(Told::Done)
            }
            WisdmStep::FinalizeInit if !managed.initialising => Err(Refusal::Invalid),
            WisdmStep::FinalizeInit => {
                managed.remove(|kept| kept.marked, self.at);
                managed.initialising = false;
                Ok(Told::Done)
            }
            WisdmStep::Clear => {
                managed.remove(|_| true, self.at);
                Ok(Told::Done)
            }
        }
    }

    fn create_or_update<'m>(
        &self,
        managed: &'m mut Managed,
        asked: &Asked,
        owner: State,
    ) -> Result<Told<'m>, Refusal> {
        let (number, mut held) = rules::document(self, asked)?;
        let known = match asked.id() {
            Some(id) => Some(managed.records.get(id).ok_or(Functional::RecordNotFound)?),
            None => managed.of_number(&number).find(|kept| kept.held.doc_type == held.doc_type),
        };
        if asked.id().is_none() && known.is_some_and(|kept| !kept.marked) {
            return Err(Functional::NumberAlreadyPresent.into());
        }
        // A correction can't change how the document was lost; a report under a re-initialisation is one of its own.
        if asked.id().is_some() && known.is_some_and(|kept| kept.held.fraud != held.fraud) {
            return Err(Functional::FraudTypeInvalid.into());
        }
        let kind = if known.is_some() { ActionKind::Updated } else { ActionKind::Added };
        held.id = match known {
            Some(kept) => kept.held.id.clone(),
            None => managed.new_id(&number),
        };
        Ok(records(vec![managed.keep(number, held, owner, kind, self)]))
    }

    fn change_retention<'m>(&self, managed: &'m mut Managed, asked: &Asked) -> Result<Told<'m>, Refusal> {
        let held = managed.of(asked)?;
        let until = rules::retention(self, asked, held)?;
        let (id, doc_type) = (held.id.clone(), held.doc_type);
        if let Some(kept) = managed.records.get_mut(&id) {
            kept.held.keep_until = Some(until);
        }
        managed.did(ActionKind::RetentionChanged, id, doc_type, self.at);
        Ok(Told::Done)
    }
}

fn records(records: Vec<&Held>) -> Told<'_> {
    if records.is_empty() { Told::Nothing } else { Told::Records(records) }
}

impl Managed {
    /// The records of a number, as searches find them.
    pub(super) fn by_number(&self, number: &DocumentNumber) -> impl Iterator<Item = &DocumentRecord> {
        self.of_number(number).map(|kept| &kept.found)
    }

    /// The record of an id, as searches find it.
    pub(super) fn by_record(&self, id: &str) -> Option<&DocumentRecord> {
        self.records.get(id).map(|kept| &kept.found)
    }

    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }

    fn of_number(&self, number: &DocumentNumber) -> impl Iterator<Item = &Kept> {
        self.numbers.get(number).into_iter().flatten().filter_map(|id| self.records.get(id))
    }

    fn of(&self, asked: &Asked) -> Result<&Held, Refusal> {
        let kept = asked.id().and_then(|id| self.records.get(id));
        Ok(&kept.ok_or(Functional::RecordNotFound)?.held)
    }

    fn search(&self, asked: &Asked, profile: &Profile) -> Result<Vec<&Held>, Refusal> {
        let number = asked.number().ok_or(Functional::NumberFormatInvalid)?;
        let doc_type = asked.doc_type(profile);
        let of_type = |kept: &&Kept| doc_type.is_none() || kept.held.doc_type == doc_type;
        Ok(self.of_number(&number).filter(of_type).map(|kept| &kept.held).collect())
    }

    fn delete(&mut self, asked: &Asked, at: Timestamp) -> Result<Told<'_>, Refusal> {
        let id = self.of(asked)?.id.clone();
        self.remove(|kept| kept.held.id == id, at);
        Ok(Told::Done)
    }

    fn remove(&mut self, which: impl Fn(&Kept) -> bool, at: Timestamp) {
        let removed: Vec<(String, Option<DocumentNumber>, Option<DocumentType>)> = self
            .records
            .iter()
            .filter(|(_, kept)| which(kept))
            .map(|(id, kept)| (id.clone(), kept.held.number, kept.held.doc_type))
            .collect();
        for (id, number, doc_type) in removed {
            self.records.remove(&id);
            if let Some(ids) = number.and_then(|number| self.numbers.get_mut(&number)) {
                ids.retain(|known| *known != id);
            }
            self.did(ActionKind::Deleted, id, doc_type, at);
        }
    }

    fn keep(
        &mut self,
        number: DocumentNumber,
        mut held: Held,
        owner: State,
        kind: ActionKind,
        turn: &Turn<'_>,
    ) -> &Held {
        let id = held.id.clone();
        if held.keep_until.is_none() {
            held.keep_until = rules::last_day(turn, &held);
        }
        if let Some(before) = self.records.get(&id).and_then(|kept| kept.held.number)
            && let Some(ids) = self.numbers.get_mut(&before)
        {
            ids.retain(|known| *known != id);
        }
        self.numbers.entry(number).or_default().push(id.clone());
        self.did(kind, id.clone(), held.doc_type, turn.at);
        let found = found(number, &held, owner, turn);
        let kept = Kept { held, found, marked: false };
        let entry = self.records.entry(id);
        &entry.insert_entry(kept).into_mut().held
    }

    fn new_id(&mut self, number: &DocumentNumber) -> String {
        self.given += 1;
        let hash = digest(&SHA256, format!("{} {}", number.reveal(), self.given).as_bytes());
        hex(&hash.as_ref()[..16])
    }

    fn did(&mut self, kind: ActionKind, id: String, doc_type: Option<DocumentType>, at: Timestamp) {
        if self.actions.len() < ACTIONS_MAX {
            self.actions.push(Did { kind, id, doc_type, at });
        }
    }

    fn statistics(&self, turn: &Turn<'_>) -> BTreeMap<String, u64> {
        let names = &turn.wisdm.statistics;
        let tables = &turn.profile.tables;
        let text = |code: &DocumentType| tables.document_type_text(code).to_owned();
        let mut figures = BTreeMap::new();
        for code in tables.document_types.values().filter(|code| code.wildcard().is_none()) {
            figures.insert(format!("{}{}", names.total, text(code)), 0);
        }
        for code in self.records.values().filter_map(|kept| kept.held.doc_type) {
            *figures.entry(format!("{}{}", names.total, text(&code))).or_default() += 1;
        }
        for did in &self.actions {
            let kind = names.kinds.iter().find(|(_, kind)| **kind == did.kind);
            if let (Some((kind, _)), Some(code)) = (kind, &did.doc_type) {
                let key = format!("{}{kind}{}{}", names.actions, names.of, text(code));
                *figures.entry(key).or_default() += 1;
            }
        }
        figures
    }

    fn actions(&self, asked: &Asked) -> Result<Told<'_>, Refusal> {
        let since: usize = asked.movement().parse().map_err(|_| Refusal::Invalid)?;
        let later: Vec<_> = self.actions.iter().enumerate().map(|(at, did)| (at + 1, did)).collect();
        let told: Vec<_> = later.into_iter().filter(|(at, _)| *at > since).take(TOLD_MAX).collect();
        Ok(if told.is_empty() { Told::Nothing } else { Told::Actions(told) })
    }
}

/// A record as searches find it.
fn found(number: DocumentNumber, held: &Held, owner: State, turn: &Turn<'_>) -> DocumentRecord {
    let administrative = held.doc_type.is_some_and(|code| turn.wisdm.is_administrative(&code));
    let fraud = held.fraud.and_then(|fraud| turn.wisdm.fraud_text(fraud));
    let word = |text| turn.profile.tables.word(crate::find::profile::Table::TheftTypes, text).unwrap_or(text);
    DocumentRecord {
        database: if administrative { Database::Sad } else { Database::Sltd },
        number,
        issuer: Some(owner),
        doc_type: held.doc_type,
        theft_type: fraud.map(|text| word(text).into()),
        theft_date: held.theft_date.and_then(|date| date.to_string().parse().ok()),
        theft_country: held.theft_country,
        notice: None,
        record: held.id.as_str().into(),
    }
}
