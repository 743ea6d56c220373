//! Wiring and lifecycle: from checked settings to running lanes, and to a clean end.
//!
//! Everything that can fail fails before the first frame is taken: files are read, the site's key is had or waited for, the
//! journal is recovered, the copy is opened and every socket is bound. Then all lanes serve at once. At the end the order is
//! turned round: lanes stop taking, what is in flight is answered within the drain limit, and the journal is closed last.

mod batch;
mod control;
mod copy;
mod distribution;
mod error;
mod exports;
mod key;
mod lanes;
mod managed;
mod memory;
mod recheck;
mod recovery;
mod relay;
mod status;

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::batch::Office;
use crate::clock::Clock;
use crate::config::settings::{Config, Mind as MindSettings};
use crate::console::{self, Prometheus, Sources};
use crate::engine::{Shared, record_late};
use crate::find::{BreakerState, Online, Profile, Settings};
use crate::grants::Grants;
use crate::journal::Journal;
use crate::keys::PublicKey;
use crate::local_socket::LocalSocket;
use crate::mind::keyring::Vault;
use crate::mind::{Mind, MindOptions};
use crate::recheck::Figures;
use crate::relay::Desk;
use crate::screening::{Lookup, Screener};

use key::Key;
use recovery::Told;

pub use error::StartError;
pub use memory::keep_out_of_dumps;
pub use recovery::{environment_number, open_journal_of};

/// How long what is in flight has to be answered when the daemon ends.
const DRAIN_LIMIT: Duration = Duration::from_secs(10);

/// Late answers that wait to be recorded.
const LATE_MAX: usize = 4_096;

/// How often figures are sampled and the copy's folder is looked at.
const TICK: Duration = Duration::from_secs(1);

/// A running daemon.
pub struct Daemon {
    addresses: BTreeMap<String, SocketAddr>,
    console: Option<SocketAddr>,
    shared: Arc<Shared>,
    find: Option<Online>,
    shutdown: CancellationToken,
    tasks: JoinSet<()>,
}

/// What the daemon is built of.
struct Parts {
    config: Arc<Config>,
    shared: Arc<Shared>,
    find: Option<Online>,
    mind: Option<Arc<Mind>>,
    key: Option<Key>,
    rechecks: Option<Arc<Figures>>,
    relay: Option<Desk>,
    batches: Option<Arc<Office>>,
}

/// Where late answers go.
type Late = mpsc::Sender<crate::screening::Late>;

impl Daemon {
    /// Starts everything that the settings name.
    ///
    /// # Errors
    /// The first thing that can't be had, with its remedy.
    pub async fn start(config: Config, clock: Clock, metrics: Prometheus) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let bound = lanes::bind(&config).await?;
        let console = match &config.console {
            Some(console) => Some(lanes::listen("console", console.listen).await?),
            None => None,
        };
        let hub = distribution::bind(&config).await?;
        let edges = relay::bind(&config).await?;
        let commands = control::bind(&config)?;
        let (late, late_answers) = mpsc::channel(LATE_MAX);
        let (key, keeping) = key::open(&config).await?.unzip();
        let (find, mind) = (online(&config, &clock)?, open_copy(&config, &clock, key.as_ref())?);
        let asked = find.as_ref().map(Online::for_lanes);
        let copy = mind.clone().map(|mind| mind as Arc<dyn Lookup>);
        let screener = Screener::new(asked, copy, clock.clone(), late.clone());
        let (shared, Told { orders, batches }) = shared(&config, clock, screener).await?;
        if let Some(find) = &find {
            orders.follow(find);
        }
        let (rechecks, worker) = recheck::open(&config, &shared, find.as_ref()).await?.unzip();
        let relay = relay::desk(&config, &shared, find.as_ref());
        let sources = batch::Sources { find: find.as_ref(), mind: &mind, late };
        let (batches, lists) = batch::open(&config, &shared, sources, batches).await?.unzip();
        let parts = Parts { config, shared: Arc::clone(&shared), find, mind, key, rechecks, relay, batches };
        let mut daemon = Self {
            addresses: bound.iter().map(|(lane, address, _)| (lane.name.clone(), *address)).collect(),
            console: console.as_ref().and_then(|listener| listener.local_addr().ok()),
            shared: Arc::clone(&shared),
            find: parts.find.clone(),
            shutdown: CancellationToken::new(),
            tasks: JoinSet::new(),
        };
        daemon.tasks.spawn(until(daemon.shutdown.clone(), record_late(shared, late_answers)));
        if let Some(worker) = worker {
            daemon.tasks.spawn(worker.run(daemon.shutdown.clone().cancelled_owned()));
        }
        if let Some(lists) = lists {
            daemon.tasks.spawn(lists.run(daemon.shutdown.clone().cancelled_owned()));
        }
        if let Some(keeping) = keeping.flatten() {
            daemon.tasks.spawn(until(daemon.shutdown.clone(), keeping));
        }
        lanes::serve(&parts, bound, &daemon.shutdown, &mut daemon.tasks)?;
        distribution::serve(&parts, hub, &daemon.shutdown, &mut daemon.tasks)?;
        relay::serve(&parts, edges, &daemon.shutdown, &mut daemon.tasks)?;
        daemon.look_after(parts, console, metrics, commands);
        Ok(daemon)
    }

    /// The address of each lane.
    pub const fn addresses(&self) -> &BTreeMap<String, SocketAddr> {
        &self.addresses
    }

    /// The console's address.
    pub const fn console(&self) -> Option<SocketAddr> {
        self.console
    }

    /// The figures and the latest outcomes.
    pub fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// Whether FIND is configured and no service of it rests.
    pub fn find_is_asked(&self) -> bool {
        let asked = |find: &Online| find.status().iter().all(|service| service.state == BreakerState::Closed);
        self.find.as_ref().is_some_and(asked)
    }

    /// Takes no more frames, answers what is in flight, and closes the journal.
    pub async fn stop(mut self) {
        self.shutdown.cancel();
        while let Some(ended) = self.tasks.join_next().await {
            if ended.is_err() {
                tracing::error!("A task of the daemon panicked.");
            }
        }
        let journal = self.shared.journal.clone();
        match tokio::task::spawn_blocking(move || journal.close()).await {
            Ok(Ok(())) => tracing::info!("The journal is closed."),
            Ok(Err(error)) => {
                tracing::error!(%error, "The journal could not be closed; what was answered is in it.");
            }
            Err(_) => tracing::error!("The journal panicked while it was closed."),
        }
    }

    fn look_after(
        &mut self,
        parts: Parts,
        console: Option<TcpListener>,
        metrics: Prometheus,
        commands: Option<LocalSocket>,
    ) {
        let parts = Arc::new(parts);
        let addresses = self.addresses.clone();
        self.tasks.spawn(tick(Arc::clone(&parts), self.shutdown.clone()));
        if let Some(commands) = commands {
            self.tasks.spawn(until(self.shutdown.clone(), control::serve(commands, Arc::clone(&parts))));
        }
        if let (Some(mind), Some(key)) = (parts.mind.clone(), parts.key.as_ref()) {
            self.tasks.spawn(until(self.shutdown.clone(), copy::maintain(mind)));
            let unlocked = key.vault().changed();
            let shutdown = self.shutdown.clone();
            self.tasks.spawn(copy::look_when_unlocked(Arc::clone(&parts), unlocked, shutdown));
        }
        if let Some(listener) = console {
            if let Some(address) = self.console {
                tracing::info!(%address, "The console listens.");
            }
            let status = Arc::new(move || status::of(&parts, &addresses));
            let shutdown = self.shutdown.clone().cancelled_owned();
            self.tasks.spawn(async move {
                if let Err(error) = console::run(listener, Sources { status, metrics }, shutdown).await {
                    tracing::error!(%error, "The console ended.");
                }
            });
        }
    }
}

async fn until(shutdown: CancellationToken, work: impl Future<Output = ()>) {
    tokio::select! {
        () = shutdown.cancelled() => {}
        () = work => {}
    }
}

/// FIND as the settings name it, if they do. Nothing is connected before the first question.
///
/// # Errors
/// If the profile, the password or a certificate can't be used.
pub fn online(config: &Config, clock: &Clock) -> Result<Option<Online>, StartError> {
    let Some(settings) = &config.find else { return Ok(None) };
    let profile = profile_of(settings)?;
    let settings = Settings::load(settings, &config.instance).map_err(StartError::config)?;
    Online::new(settings, profile, clock.clone()).map(Some).map_err(StartError::config)
}

/// The profile that the settings name, or the one that is built in.
///
/// # Errors
/// If it can't be read or used.
pub fn profile_of(settings: &crate::config::Find) -> Result<Profile, StartError> {
    let Some(path) = &settings.profile else { return Ok(Profile::built_in()) };
    let unusable =
        |error: &dyn std::fmt::Display| StartError::config(format_args!("{}: {error}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| unusable(&error))?;
    Profile::parse(&text).map_err(|error| unusable(&error))
}

fn open_copy(config: &Config, clock: &Clock, key: Option<&Key>) -> Result<Option<Arc<Mind>>, StartError> {
    let (Some(settings), Some(key)) = (&config.mind, key) else { return Ok(None) };
    let options = mind_options(settings, config, Arc::clone(key.vault()))?;
    let (mind, opened) = Mind::open(options, clock.clone());
    copy::tell_reload(&opened);
    Ok(Some(Arc::new(mind)))
}

/// What the copy is opened with.
///
/// # Errors
/// If the country's key can't be read.
pub fn mind_options(
    settings: &MindSettings,
    config: &Config,
    vault: Arc<Vault>,
) -> Result<MindOptions, StartError> {
    let country = settings.country_key_file.as_deref().map(PublicKey::read).transpose();
    Ok(MindOptions {
        folder: settings.folder.clone(),
        root_file: settings.root_file.clone(),
        environment: config.instance.environment,
        purge: settings.ages.purge,
        vault,
        country: country.map_err(StartError::config)?,
        fold: settings.fold,
    })
}

async fn shared(
    config: &Arc<Config>,
    clock: Clock,
    screener: Screener,
) -> Result<(Arc<Shared>, Told), StartError> {
    let key = PublicKey::read(&config.grants.bureau_key_file).map_err(StartError::config)?;
    let grants =
        Grants::load(&config.grants.file, &key, config.instance.environment).map_err(StartError::config)?;
    let (config, journal_clock) = (Arc::clone(config), clock.clone());
    let opening = tokio::task::spawn_blocking(move || recovery::open_journal(&config, &journal_clock));
    let (journal, duplicates, told) = opening.await.map_err(StartError::unavailable)??;
    let shared = Shared {
        clock,
        journal,
        screener,
        grants: ArcSwap::from_pointee(grants),
        duplicates,
        recents: crate::engine::Recents::default(),
        stats: crate::engine::Stats::default(),
    };
    Ok((Arc::new(shared), told))
}

/// Samples the figures, looks at certificates, and serves a newer snapshot when one appears. A look is never broken off: what
/// it purged must come into the journal.
async fn tick(parts: Arc<Parts>, shutdown: CancellationToken) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
    let mut exports = exports::Exports::default();
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            _ = ticks.tick() => {}
        }
        parts.shared.stats.sample(parts.shared.clock.now());
        status::tell_journal(&parts.shared.journal);
        parts.key.iter().for_each(Key::tell);
        if let Some(find) = parts.find.clone() {
            // It reads files; a panic there is the find's alone.
            let _ = tokio::task::spawn_blocking(move || find.look_after()).await;
        }
        copy::look(&parts).await;
        exports.look(&parts).await;
        managed::look(&parts).await;
    }
}

/// The figures of the journal, for metrics.
fn journal_figures(journal: &Journal) -> [(&'static str, u64); 5] {
    let stats = journal.stats();
    [
        ("postern_journal_records_total", stats.records),
        ("postern_journal_groups_total", stats.groups),
        ("postern_journal_sync_microseconds_total", stats.total_sync_us),
        ("postern_journal_failed_groups_total", stats.failed_groups),
        ("postern_journal_dropped_unsynced_total", stats.dropped_unsynced),
    ]
}
