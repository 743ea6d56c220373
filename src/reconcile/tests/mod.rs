//! Tests of reconciliation: real journals in real folders, and bundles that are carried between them.

mod carried;
mod tampered;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use postern_sdk::{
    Answer, Basis, Conclusion, Database, DocumentKey, DocumentNumber, Environment, Exchange, Finding, Hit,
    MatchClass, Outcome, Personal, Query, QueryKey, Reason, Reference, Reply, Source, View,
};
use tempfile::TempDir;
use uuid::Uuid;

use super::*;
use crate::engine::LateRecord;
use crate::engine::record::{Body, Section, Trip};
use crate::journal::storage::{FileStorage, Storage};
use crate::journal::{Entry, Journal, Kind, Options, Reader, Record};
use crate::keys::PrivateKey;
use crate::mind::keyring::SiteKey;
use crate::screening::{Follow, Place};

/// What must not be found in a bundle.
const CANARY: &str = "C4NARY77";
const SITE: &str = "harbour-2";

fn now() -> Timestamp {
    Timestamp::from_second(1_800_000_000).unwrap()
}

fn options(instance: u128) -> Options {
    let clock = Arc::new(|| 1_800_000_000_000_000_000);
    Options {
        segment_bytes: 1 << 20,
        gather_us_max: 0,
        idle_flush_ms: 60_000,
        clock,
        ..Options::new(2, Uuid::from_u128(instance))
    }
}

fn place(query: u16, database: Database) -> Place {
    Place { query, database }
}

/// A screening of two databases, of which one hits or neither could be asked.
fn screening(n: u128, hit: bool) -> Entry {
    let finding = || match hit {
        true => Finding::Hits(vec![Hit::new(MatchClass::Exact, "r-1")]),
        false => Finding::NotChecked(Reason::ServiceTimeOut),
    };
    let conclusion = |database| {
        let mut conclusion = Conclusion::not_asked(database, Reason::ServiceTimeOut);
        conclusion.finding = finding();
        conclusion
    };
    let outcome =
        Outcome::conclude(vec![conclusion(Database::Sltd), conclusion(Database::Tdawn)], Vec::new());
    let rechecks = vec![place(0, Database::Sltd), place(0, Database::Tdawn)];
    let follow = Follow { rechecks: if hit { Vec::new() } else { rechecks }, case: hit, late: Vec::new() };
    let trip = Trip {
        reference: Reference(Uuid::from_u128(n)),
        lane: "gate".into(),
        view: View::Gate,
        received: now(),
        asked: now(),
        answered: now(),
        native_bytes: 3,
        clock_trusted: true,
    };
    let mut exchange = Exchange::default();
    exchange.native.insert("echo".into(), Personal::new(CANARY.to_owned()));
    let body = Body::new()
        .json(Section::Trip, &trip)
        .json(Section::Exchange, &exchange)
        .json(Section::Outcomes, &[outcome])
        .json(Section::Follow, &[follow])
        .reply(&Reply::new("refer", "text/plain"))
        .bytes(Section::Native, CANARY.as_bytes());
    Entry::new(Kind::Screening, Uuid::from_u128(n), body.into_bytes())
}

/// FIND's late word on one database of a screening.
fn late(n: u128, database: Database, finding: Finding) -> Entry {
    let number = DocumentNumber::normalise("X1234567").unwrap();
    let key = QueryKey::Document(DocumentKey { number, issuer: None, doc_type: None });
    let record = LateRecord {
        subject: 0,
        query: Query { key, basis: Basis::Stated },
        answers: vec![Answer::new(database, 0, Source::Find, finding)],
    };
    let body = Body::new().json(Section::Late, &record).into_bytes();
    Entry::new(Kind::LateAnswer, Uuid::from_u128(n), body)
}

/// A site, its hub, and what is carried between them.
struct World {
    folder: TempDir,
    site: PrivateKey,
    hub: SiteKey,
    instance: u128,
}

impl World {
    fn new() -> Self {
        let (site, hub) = (PrivateKey::generate().unwrap(), SiteKey::generate().unwrap());
        Self { folder: tempfile::tempdir().unwrap(), site, hub, instance: 1 }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn storage(&self, name: &str) -> Arc<dyn Storage> {
        Arc::new(FileStorage::create(&self.path(name)).unwrap())
    }

    fn open(&self, name: &str, instance: u128) -> Journal {
        Journal::open(self.storage(name), &options(instance), |_| {}).unwrap().0
    }

    /// Writes into the site's journal, and closes it.
    fn happens(&self, entries: impl IntoIterator<Item = Entry>) {
        let journal = self.open("site", self.instance);
        for entry in entries {
            journal.append(entry).wait().unwrap();
        }
        journal.close().unwrap();
    }

    /// A screening that hits, one that nobody answered, one that FIND answers half, and what belongs to them.
    fn a_day(&self) {
        let sent = Entry::new(Kind::ReplySent, Uuid::from_u128(1), vec![1]);
        let hit = Finding::Hits(vec![Hit::new(MatchClass::Exact, "r-2")]);
        let silent = Finding::NotChecked(Reason::ServiceTimeOut);
        self.happens([
            screening(1, true),
            sent,
            screening(2, false),
            // A late word may come before the record that it belongs to.
            late(3, Database::Tdawn, hit),
            screening(3, false),
            late(2, Database::Sltd, silent),
        ]);
    }

    fn order<'a>(&'a self, out: &'a Path, records_max: u64) -> Export<'a> {
        Export {
            journal: self.storage("site"),
            environment_number: 2,
            environment: Environment::Training,
            site: SITE,
            hub: self.hub.public(),
            key: &self.site,
            out,
            records_max,
            now: now(),
        }
    }

    fn export(&self, name: &str, last: Option<&State>, since: Option<u64>) -> Exported {
        export(&self.order(&self.path(name), RECORDS_MAX), last, since).unwrap()
    }

    fn read(&self, name: &str) -> Result<Bundle, ReconcileError> {
        Bundle::read(&self.path(name), Environment::Training, |site| match site {
            SITE => Ok(self.site.public()),
            _ => Err(ReconcileError::UnknownSite(site.to_owned())),
        })
    }

    fn check(&self, name: &str) -> Result<Checked, ReconcileError> {
        check(self.read(name)?, &self.hub, 1 << 19)
    }

    /// Takes a bundle in if it fits, as the command does.
    fn import(&self, name: &str) -> Result<(Fits, Imported), ReconcileError> {
        let checked = self.check(name)?;
        let ledger = Ledger::of(self.storage("hub"), checked.header()).unwrap();
        match ledger.fits(checked.header())? {
            Fits::Known => Ok((Fits::Known, Imported::default())),
            Fits::Behind(Gap { known, from }) => Err(ReconcileError::Gap { known, from }),
            fits => Ok((fits, self.write(&checked, &ledger, None)?)),
        }
    }

    fn write(
        &self,
        checked: &Checked,
        ledger: &Ledger,
        gap: Option<Gap>,
    ) -> Result<Imported, ReconcileError> {
        let journal = self.open("hub", 99);
        let written = checked.write(&journal, ledger, &self.hub, Reference(Uuid::from_u128(5)), gap);
        journal.close().unwrap();
        written
    }

    fn records(&self, name: &str) -> Vec<Record> {
        Reader::new(self.storage(name)).unwrap().map(|read| read.unwrap().unwrap()).collect()
    }

    fn of_kind(&self, name: &str, kind: Kind) -> Vec<Record> {
        self.records(name).into_iter().filter(|record| record.kind == kind).collect()
    }
}

#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, ReconcileError>) -> &'static str {
    result.unwrap_err().code()
}

fn bytes(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}
