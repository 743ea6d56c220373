//! Makes a bundle of what the journal holds since the last one.

use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::rand;
use jiff::Timestamp;
use postern_sdk::{Environment, Finding, Verdict};
use serde::Serialize;
use uuid::Uuid;

use super::bundle::{NewKey, Writer};
use super::content::{Item, Returned};
use super::error::ReconcileError;
use super::header::{Header, Point, is_site_name};
use super::record::{Counts, Departure};
use super::state::State;
use super::survey::{Survey, is_returned, survey};
use crate::engine::LateRecord;
use crate::engine::record::{Body, Recorded, Section, section};
use crate::journal::storage::Storage;
use crate::journal::{Kind, Reader, Record};
use crate::keys::{PrivateKey, hex};
use crate::mind::keyring::{KeyringError, SitePublic};
use crate::screening::Follow;

/// Records of a bundle at most.
pub const RECORDS_MAX: u64 = 1_000_000;

/// What is to be exported, for whom, and to where.
pub struct Export<'a> {
    /// The journal.
    pub journal: Arc<dyn Storage>,
    /// The number of the environment in its segments.
    pub environment_number: u8,
    /// The environment.
    pub environment: Environment,
    /// The site.
    pub site: &'a str,
    /// The hub.
    pub hub: &'a SitePublic,
    /// The key that signs.
    pub key: &'a PrivateKey,
    /// The file to write, which must not be there yet.
    pub out: &'a Path,
    /// Records of the bundle at most; never more than [`RECORDS_MAX`].
    pub records_max: u64,
    /// The time.
    pub now: Timestamp,
}

/// What was exported.
#[derive(Clone, Debug, Serialize)]
pub struct Exported {
    /// The bundle; none if there was nothing new, and then there is no file.
    pub bundle: Option<String>,
    /// The record that it begins behind.
    pub from: Point,
    /// The last record of its range.
    pub to: Point,
    /// What it holds.
    pub counts: Counts,
    /// Records that are held back until they are certainly durable.
    pub held_back: u64,
    /// Whether more records follow than a bundle may hold: export again.
    pub more: bool,
    /// What the next export is to begin behind; not written yet.
    #[serde(skip)]
    pub state: Option<State>,
    /// What the journal is to say of it; not written yet.
    #[serde(skip)]
    pub departure: Option<Departure>,
}

/// Makes a bundle of the records behind one of them: that of the last export, or the one whose number is given.
///
/// # Errors
/// [`ReconcileError`]; there is no file then.
pub fn export(
    order: &Export<'_>,
    last: Option<&State>,
    since: Option<u64>,
) -> Result<Exported, ReconcileError> {
    if !is_site_name(order.site) {
        return Err(ReconcileError::SiteName);
    }
    let instance = instance(order)?;
    let from = begin(instance, last, since)?;
    let survey = survey(&order.journal, from, order.records_max.min(RECORDS_MAX))?;
    let mut exported = Exported {
        bundle: None,
        from: survey.from,
        to: survey.to.unwrap_or(survey.from),
        counts: Counts::default(),
        held_back: survey.held_back,
        more: survey.more,
        state: None,
        departure: None,
    };
    if survey.to.is_some() {
        let bundle = bundle_name()?;
        exported.counts = write(order, instance, &bundle, &survey, exported.to)?;
        let state = State { instance, bundle: bundle.clone(), made: order.now, to: exported.to };
        exported.departure = Some(Departure {
            bundle: bundle.clone(),
            site: order.site.to_owned(),
            signer: order.key.public().id(),
            made: order.now,
            from: exported.from,
            to: exported.to,
            counts: exported.counts,
        });
        (exported.bundle, exported.state) = (Some(bundle), Some(state));
    }
    Ok(exported)
}

/// The journal's instance, if it is of the environment.
fn instance(order: &Export<'_>) -> Result<Uuid, ReconcileError> {
    let reader = Reader::new(Arc::clone(&order.journal)).map_err(ReconcileError::Journal)?;
    match reader.owner() {
        Some((environment, instance)) if environment == order.environment_number => Ok(instance),
        _ => Err(ReconcileError::ForeignJournal),
    }
}

fn begin(instance: Uuid, last: Option<&State>, since: Option<u64>) -> Result<Point, ReconcileError> {
    match (since, last) {
        (Some(sequence), _) => Ok(Point { sequence, ..Point::START }),
        (None, None) => Ok(Point::START),
        (None, Some(last)) if last.instance == instance => Ok(last.to),
        (None, Some(last)) => Err(ReconcileError::JournalChanged { sequence: last.to.sequence }),
    }
}

/// 16 hexadecimal digits.
fn bundle_name() -> Result<String, ReconcileError> {
    let mut random = [0; 8];
    rand::fill(&mut random).map_err(|_| ReconcileError::Key(KeyringError::Random))?;
    Ok(hex(&random))
}

/// The second reading: writes what the first one measured.
fn write(
    order: &Export<'_>,
    instance: Uuid,
    bundle: &str,
    survey: &Survey,
    to: Point,
) -> Result<Counts, ReconcileError> {
    let key = NewKey::wrapped_to(order.hub, bundle)?;
    let header = Header {
        bundle: bundle.to_owned(),
        site: order.site.to_owned(),
        environment: order.environment,
        instance,
        made: order.now,
        from: survey.from,
        to,
        signer: order.key.public().id(),
        key: key.wrapped.clone(),
    };
    let mut writer = Writer::create(order.out, &header, &key)?;
    let mut counts = Counts { unreadable: to.sequence - survey.from.sequence, ..Counts::default() };
    let reader = Reader::from_segment(Arc::clone(&order.journal), survey.from.segment);
    let mut last = None;
    for read in reader.map_err(ReconcileError::Journal)? {
        let Ok(record) = read.map_err(ReconcileError::Journal)? else { continue };
        if record.sequence > to.sequence {
            break;
        }
        if record.sequence > survey.from.sequence {
            counts.unreadable = counts.unreadable.saturating_sub(1);
            last = Some(record.hash);
            add(&mut writer, &record, survey, &mut counts)?;
        }
    }
    if last != Some(to.hash) {
        return Err(ReconcileError::JournalChanged { sequence: to.sequence });
    }
    writer.add(&Item::End(counts))?;
    writer.finish(order.key)?;
    Ok(counts)
}

/// Writes a record, and what is still to be asked again of it.
fn add(
    writer: &mut Writer,
    record: &Record,
    survey: &Survey,
    counts: &mut Counts,
) -> Result<(), ReconcileError> {
    if !is_returned(record) {
        return Ok(());
    }
    writer.add(&Item::Record(Returned::of(record, record.body.clone())))?;
    let follow = count(counts, record.kind, &record.body);
    let open = survey.settled.open(record.matter, &follow);
    let rechecks = open_places(&open);
    if rechecks > 0 {
        counts.rechecks += rechecks;
        let body = Body::new().json(Section::Follow, &open).into_bytes();
        writer.add(&Item::Recheck(Returned::of(record, body)))?;
    }
    Ok(())
}

/// Counts a record, and gives what must follow from it.
pub(super) fn count(counts: &mut Counts, kind: Kind, body: &[u8]) -> Vec<Follow> {
    counts.records += 1;
    match kind {
        Kind::Screening => {
            counts.screenings += 1;
            let Some(recorded) = Recorded::read(body) else { return Vec::new() };
            let is_hit = |verdict| verdict <= Verdict::PossibleHit;
            counts.hits +=
                recorded.outcomes.iter().filter(|outcome| is_hit(outcome.verdict())).count() as u64;
            recorded.follow
        }
        Kind::LateAnswer => {
            let late = section(body, Section::Late).map(serde_json::from_slice::<LateRecord>);
            let is_hit = |late: &LateRecord| {
                late.answers.iter().any(|answer| matches!(answer.finding, Finding::Hits(_)))
            };
            counts.late_hits += u64::from(late.is_some_and(|late| late.is_ok_and(|late| is_hit(&late))));
            Vec::new()
        }
        _ => Vec::new(),
    }
}

/// How many questions are open.
pub(super) fn open_places(follow: &[Follow]) -> u64 {
    follow.iter().map(|follow| follow.rechecks.len() as u64).sum()
}
