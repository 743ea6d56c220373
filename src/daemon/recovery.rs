//! Opening the journal: what it tells of the last run is taken over before the first frame.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;
use uuid::Uuid;

use super::control::Orders;
use super::error::StartError;
use crate::batch::Ledger;
use crate::clock::Clock;
use crate::config::settings::Config;
use crate::engine::record::{Section, section};
use crate::engine::{Duplicates, Sent};
use crate::ids::new_id;
use crate::journal::storage::FileStorage;
use crate::journal::{Journal, Kind, Options, Position, RecordRef, Recovery};

/// Sender's ids that are remembered at most; about 100 bytes each.
const SENDER_IDS_MAX: usize = 2_000_000;

/// The file that holds the instance's id, beside the segments.
const INSTANCE_FILE: &str = "instance";

/// What the journal tells beside the window of sender's ids.
#[derive(Default)]
pub(super) struct Told {
    /// The operators' orders.
    pub(super) orders: Orders,
    /// The lists and their rows.
    pub(super) batches: Ledger,
}

/// Opens the journal of the settings, and restores the window of sender's ids, the operators' orders and the lists from it.
pub(super) fn open_journal(
    config: &Config,
    clock: &Clock,
) -> Result<(Journal, Duplicates, Told), StartError> {
    let window = SignedDuration::try_from(config.journal.duplicate_window).unwrap_or(SignedDuration::MAX);
    let duplicates = Duplicates::new(window, SENDER_IDS_MAX);
    let mut told = Told::default();
    let (journal, recovery) = open_journal_of(config, clock, |record| {
        restore(record, &duplicates, clock);
        told.orders.take(record);
        told.batches.take(record);
    })?;
    tell(&recovery);
    Ok((journal, duplicates, told))
}

/// Opens the journal of the settings; `visit` sees every sound record. What the opening found is the caller's to tell.
///
/// # Errors
/// If it can't be had: another process holds it, or it is of another environment.
pub fn open_journal_of(
    config: &Config,
    clock: &Clock,
    visit: impl FnMut(&RecordRef<'_>),
) -> Result<(Journal, Recovery), StartError> {
    let settings = &config.journal;
    let storage =
        FileStorage::create(&settings.folder).map_err(|error| in_folder(&settings.folder, error))?;
    let instance =
        instance(&settings.folder, clock.now()).map_err(|error| in_folder(&settings.folder, error))?;
    let mut options = Options::new(environment_number(config.instance.environment), instance);
    options.segment_bytes = settings.segment_bytes;
    options.gather_us_max = u32::try_from(settings.gather_max.as_micros()).unwrap_or(u32::MAX);
    let journal_clock = clock.clone();
    options.clock = Arc::new(move || nanoseconds(journal_clock.now()));
    Journal::open(Arc::new(storage), &options, visit).map_err(StartError::unavailable)
}

fn in_folder(folder: &Path, error: impl std::fmt::Display) -> StartError {
    StartError::unavailable(format_args!("the journal's folder {}: {error}", folder.display()))
}

fn nanoseconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_nanosecond()).unwrap_or_default()
}

/// The number of an environment in the journal's segments.
pub const fn environment_number(environment: Environment) -> u8 {
    match environment {
        Environment::Production => 1,
        Environment::Training => 2,
    }
}

/// The id of this instance, made when its journal is.
fn instance(folder: &Path, now: Timestamp) -> std::io::Result<Uuid> {
    let path = folder.join(INSTANCE_FILE);
    match fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| ErrorKind::InvalidData.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = new_id(now);
            let mut file = fs::File::create_new(&path)?;
            writeln!(file, "{id}")?;
            file.sync_all()?;
            fs::File::open(folder)?.sync_all()?;
            Ok(id)
        }
        Err(error) => Err(error),
    }
}

fn restore(record: &RecordRef<'_>, duplicates: &Duplicates, clock: &Clock) {
    let Ok(time) = Timestamp::from_nanosecond(record.time_ns.into()) else { return };
    clock.has_passed(time);
    if record.kind != Kind::Screening {
        return;
    }
    let position = Position { sequence: record.sequence, segment: record.segment, offset: record.offset };
    if let Some(sent) = section(record.body, Section::Sent).and_then(Sent::from_bytes) {
        duplicates.restore(sent, position, time);
    }
}

fn tell(recovery: &Recovery) {
    tracing::info!(
        records = recovery.records,
        segments = recovery.segments,
        next = recovery.next_sequence,
        closed_properly = recovery.closed_properly,
        "The journal is open."
    );
    for segment in &recovery.torn_segments {
        tracing::warn!(
            segment,
            "An unfinished write at the journal's end was cut; nothing in it had been answered."
        );
    }
    for damage in &recovery.damage {
        let (segment, offset) = (damage.segment, damage.offset);
        tracing::error!(segment, offset, cause = %damage.cause, known = damage.known, "The journal is damaged.");
    }
    metrics::gauge!("postern_journal_damaged_places").set(recovery.damage.len() as f64);
}
