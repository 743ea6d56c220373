//! What the gates were told, the journal and the simulator's log, compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::sync::Arc;

use postern::engine::LateRecord;
use postern::engine::record::{Recorded, Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader, Record};
use postern::recheck::RecheckRecord;
use postern_sdk::{Answer, Database, Finding, Source, Verdict};
use serde_json::Value;
use uuid::Uuid;

use super::{Asked, LANES, Plant, tell};
use crate::world::World;

/// What the journal holds of one screening.
#[derive(Default)]
struct Kept {
    /// The verdict of its document and who spoke for SLTD; none if no screening is on record.
    concluded: Option<(Verdict, Option<Source>)>,
    answered_hit: bool,
    late_hit: bool,
    recheck_hit: bool,
    /// Who said that SLTD has no record.
    denied_by: BTreeSet<Source>,
    /// The references in country of what FIND said.
    said: Vec<String>,
}

impl Kept {
    fn has_hit(&self) -> bool {
        self.answered_hit || self.late_hit || self.recheck_hit
    }

    fn read(&mut self, record: &Record) {
        match record.kind {
            Kind::Screening => self.screening(&Recorded::read(&record.body).unwrap()),
            Kind::LateAnswer => {
                let late: LateRecord =
                    serde_json::from_slice(section(&record.body, Section::Late).unwrap()).unwrap();
                self.late_hit |= self.take(&late.answers);
            }
            Kind::Recheck => {
                let recheck = RecheckRecord::of(record).unwrap();
                self.recheck_hit |= self.take(&recheck.answers);
            }
            _ => {}
        }
    }

    fn screening(&mut self, recorded: &Recorded) {
        let document = &recorded.outcomes[0];
        let sltd = document.databases().iter().find(|about| about.database == Database::Sltd).unwrap();
        self.concluded = Some((document.verdict(), sltd.source));
        for about in document.databases() {
            self.answered_hit |= self.take(&about.answers);
        }
    }

    /// Takes what was said; tells whether there are hits.
    fn take(&mut self, answers: &[Answer]) -> bool {
        for answer in answers {
            // Other questions of the plan are of numbers that the zone may be misread for: those are on no record.
            let asks_as_read = answer.query == 0 && answer.database == Database::Sltd;
            if asks_as_read && answer.finding == Finding::NoRecord {
                self.denied_by.insert(answer.source);
            }
            if answer.source == Source::Find && answer.finding.not_checked().is_none() {
                self.said.push(answer.reference_in_country.clone().unwrap());
            }
        }
        answers.iter().any(|answer| matches!(answer.finding, Finding::Hits(_)))
    }
}

fn journal(world: &World) -> BTreeMap<Uuid, Kept> {
    let mut kept: BTreeMap<Uuid, Kept> = BTreeMap::new();
    for record in Reader::new(Arc::new(FileStorage::at(&world.path("journal")))).unwrap() {
        let record = record.unwrap().unwrap();
        kept.entry(record.matter).or_default().read(&record);
    }
    kept
}

/// The searches that the simulator was asked, by the reference of each: the exchange, and whether it knew a record.
fn searches(world: &World) -> BTreeMap<String, (Uuid, bool)> {
    let lines = BufReader::new(File::open(world.path("sim.jsonl")).unwrap()).lines();
    let logged = lines.map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap());
    let text = |logged: &Value, key: &str| logged[key].as_str().unwrap().to_owned();
    logged
        .filter(|logged| logged["step"] == "search")
        .map(|logged| {
            let exchange = text(&logged, "exchange").parse().unwrap();
            (text(&logged, "reference"), (exchange, text(&logged, "result").starts_with("NO_ERROR")))
        })
        .collect()
}

/// Asserts that nothing was lost and that nobody said otherwise than the records are.
pub(super) fn compare(world: &World, asked: &[Asked]) {
    let journal = journal(world);
    let searches = searches(world);
    let unknown = Kept::default();
    let (mut ways, mut refused, mut plants) = ([0; 3], 0, 0);
    for asked in asked {
        let kept = journal.get(&asked.reference).unwrap_or(&unknown);
        let about = format!("{:?} {} {}", asked.plant, LANES[asked.lane].0, asked.reference);
        let Some((verdict, source)) = kept.concluded else {
            // It could not be recorded in time, so nothing was told of it but to refer.
            assert!(!asked.may_continue, "{about}: told without a record");
            refused += 1;
            continue;
        };
        assert_eq!(asked.may_continue, verdict == Verdict::NoRecord, "{about}");
        if asked.plant == Plant::Nowhere {
            assert!(!kept.has_hit(), "{about}: a hit from nowhere");
            continue;
        }
        plants += 1;
        assert!(!kept.denied_by.contains(&Source::Find), "{about}: FIND has a record");
        if asked.plant == Plant::Both {
            assert!(!asked.may_continue && kept.denied_by.is_empty(), "{about}: both have a record");
        }
        assert!(!asked.may_continue || source == Some(Source::Mind), "{about}: only the copy has no record");
        assert!(kept.has_hit(), "{about}: a hit was lost");
        // The first that told it counts.
        let told = [kept.answered_hit, kept.late_hit, kept.recheck_hit];
        ways[told.iter().position(|told| *told).unwrap()] += 1;
    }
    let [answered, late, rechecked] = ways;
    tell(&format!(
        "{plants} planted hits of {} questions: {answered} answered, {late} late, {rechecked} by recheck; {refused} questions refused",
        asked.len()
    ));
    assert!(answered > 0 && rechecked > 0);
    agree(&journal, &searches);
}

/// The journal has what the simulator knew, and the simulator was asked what the journal says was answered.
fn agree(journal: &BTreeMap<Uuid, Kept>, searches: &BTreeMap<String, (Uuid, bool)>) {
    for (reference, (exchange, _)) in searches.iter().filter(|(_, (_, is_known))| *is_known) {
        let kept = journal.get(exchange).filter(|kept| kept.concluded.is_some());
        assert!(kept.is_none_or(Kept::has_hit), "the simulator's hit was lost: {reference} of {exchange}");
    }
    for (exchange, kept) in journal {
        for reference in &kept.said {
            let asked = searches.get(reference).map(|(asked, _)| asked);
            assert_eq!(asked, Some(exchange), "FIND was not asked: {reference}");
        }
    }
}
