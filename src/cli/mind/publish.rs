//! `postern mind publish`: feeds become versions, without a person.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::MissedTickBehavior;

use super::super::{Exit, complain, runtime};
use crate::clock::Clock;
use crate::config::publish::{self, Settings};
use crate::console::{Prometheus, run_metrics};
use crate::daemon::keep_out_of_dumps;
use crate::log;
use crate::mind::feed::{Source, Watcher};

/// Threads for sources and figures; the building has its own.
const WORKERS: usize = 2;

/// Watches a folder and publishes the feeds that come.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "--config names a file of its own, as publish.toml shows it. SIGTERM and SIGINT end it at once: what \
                  was under way is repeated or finished at the next start."
)]
pub struct MindPublish {}

/// Loads the configuration and publishes until it is told to end. 78 if the configuration is wrong, 69 if it can't start.
pub(super) fn run(_args: &MindPublish, config: &Path) -> Exit {
    let settings = match publish::load(config) {
        Ok(settings) => settings,
        Err(problems) => return crate::cli::check::refused(&problems),
    };
    log::init(settings.log);
    if let Err(error) = keep_out_of_dumps() {
        complain(format_args!("core dumps can't be forbidden: {error}"));
        return Exit::Unavailable;
    }
    let metrics = Prometheus::install();
    let runtime = match runtime(WORKERS) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let exit = runtime.block_on(publish(settings, metrics));
    // A build that is under way is given up: it is begun anew at the next start.
    runtime.shutdown_background();
    exit
}

async fn publish(settings: Settings, metrics: Prometheus) -> Exit {
    let (Ok(mut terminate), Ok(mut interrupt)) =
        (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
    else {
        complain("signals can't be taken");
        return Exit::Unavailable;
    };
    match start(settings, metrics).await {
        Ok(work) => tokio::select! {
            _ = terminate.recv() => Exit::Ok,
            _ = interrupt.recv() => Exit::Ok,
            () = work => Exit::Unavailable,
        },
        Err(exit) => exit,
    }
}

/// Starts everything that the settings name, and gives the looking at the folder.
async fn start(settings: Settings, metrics: Prometheus) -> Result<impl Future<Output = ()>, Exit> {
    let clock = Clock::system();
    if let Some(address) = settings.metrics {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            complain(format_args!("metrics.listen: {address}: {error}"));
            Exit::Unavailable
        })?;
        if let Ok(address) = listener.local_addr() {
            tracing::info!(%address, "The figures are served.");
        }
        tokio::spawn(run_metrics(listener, metrics, std::future::pending()));
    }
    let mut sources = Vec::new();
    for source in settings.sources {
        let source = Source::new(source, &settings.feeds.folder, settings.feeds.environment);
        sources.push(source.map_err(|error| {
            complain(error);
            Exit::Config
        })?);
    }
    let watcher = Watcher::open(settings.feeds, clock.clone()).map_err(|error| {
        complain(format_args!("the feeds can't be watched: {error}"));
        Exit::Unavailable
    })?;
    tracing::info!("Feeds are watched.");
    for source in sources {
        tokio::spawn(source.run(clock.clone()));
    }
    Ok(look(watcher, settings.look))
}

/// Looks at the folder again and again. Ends only if a look panicked.
async fn look(mut watcher: Watcher, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let looked = tokio::task::spawn_blocking(move || {
            watcher.pass(Instant::now());
            watcher
        });
        match looked.await {
            Ok(back) => watcher = back,
            Err(_) => return tracing::error!("A look at the feeds panicked."),
        }
    }
}
