//! What the console shows, gathered from the rooms.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use postern_sdk::Database;

use super::{Key, Parts, journal_figures};
use crate::clock::Reading;
use crate::console::{CopyStatus, DatabaseStatus, Status};
use crate::find::Online;
use crate::journal::Journal;
use crate::mind::{Coverage, Info};
use crate::relay::Desk;
use crate::screening::Ages;

/// The status of the moment.
pub(super) fn of(parts: &Parts, addresses: &BTreeMap<String, SocketAddr>) -> Status {
    let shared = &parts.shared;
    let reading = shared.clock.read();
    let (latest, hits) = shared.recents.latest();
    Status {
        instance: parts.config.instance.name.clone(),
        version: env!("CARGO_PKG_VERSION"),
        environment: parts.config.instance.environment,
        now: reading.now,
        clock_trusted: reading.trusted,
        not_ready: not_ready(parts, reading),
        databases: databases(parts, reading),
        find: parts.find.as_ref().map(Online::status).unwrap_or_default(),
        find_link: parts.find.as_ref().map(Online::link_status).unwrap_or_default(),
        relay: parts.relay.as_ref().map(Desk::status).unwrap_or_default(),
        rechecks: parts.rechecks.as_ref().map(|figures| figures.status()),
        batches: parts.batches.as_ref().map(|batches| batches.status()).unwrap_or_default(),
        key: parts.key.as_ref().map(Key::status),
        lanes: addresses.iter().map(|(name, address)| (name.clone(), address.to_string())).collect(),
        figures: shared.stats.figures(reading.now),
        latest,
        hits,
    }
}

/// Why no answer but refer can be expected; empty if there is no such reason.
fn not_ready(parts: &Parts, reading: Reading) -> Vec<String> {
    let stats = parts.shared.journal.stats();
    let locked = parts.key.as_ref().is_some_and(|key| key.vault().is_locked());
    let reasons = [
        (parts.find.is_none() && parts.mind.is_none(), "neither FIND nor a copy is configured"),
        (parts.find.is_none() && locked, "the copy is locked until its key is given"),
        (!reading.trusted, "the clock can't be trusted"),
        (stats.failing, "the journal can't be written"),
    ];
    reasons.into_iter().filter(|(applies, _)| *applies).map(|(_, reason)| reason.to_owned()).collect()
}

fn databases(parts: &Parts, reading: Reading) -> Vec<DatabaseStatus> {
    let policies = &parts.config.policies;
    let infos = parts.mind.as_ref().map(|mind| mind.infos()).unwrap_or_default();
    let ages = parts.config.mind.as_ref().map(|mind| mind.ages).unwrap_or_default();
    let named: std::collections::BTreeSet<Database> =
        policies.values().flat_map(|policy| policy.databases.keys().copied()).collect();
    named
        .into_iter()
        .map(|database| DatabaseStatus {
            database,
            name: database.to_string(),
            modes: policies
                .iter()
                .filter_map(|(name, policy)| Some((name.clone(), policy.databases.get(&database)?.code())))
                .collect(),
            copy: infos.iter().find_map(|info| copy(info, database, reading, ages)),
        })
        .collect()
}

fn copy(info: &Info, database: Database, reading: Reading, ages: Ages) -> Option<CopyStatus> {
    let holding = info.databases.get(&database)?;
    let age = reading.age(info.data_as_of);
    let state = match age.unsigned_abs() {
        age if age >= ages.purge => "purged",
        age if age >= ages.stop => "stale",
        age if age >= ages.warn => "aged",
        _ => "fresh",
    };
    Some(CopyStatus {
        version: info.version,
        records: holding.records,
        data_as_of: info.data_as_of,
        age_s: age.as_secs(),
        state,
        full_coverage: holding.coverage == Coverage::Full,
    })
}

/// Hands the journal's figures to the metrics.
pub(super) fn tell_journal(journal: &Journal) {
    for (name, value) in journal_figures(journal) {
        metrics::counter!(name).absolute(value);
    }
    metrics::gauge!("postern_journal_last_sync_seconds").set(journal.stats().last_sync_us as f64 / 1e6);
}
