//! Listening: handshakes, and the limits on connections, requests and bytes.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use postern_sdk::Environment;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::enrolment::Sites;
use super::respond;
use super::stall::Stalling;
use crate::clock::Clock;
use crate::config::settings::MindHub;
use crate::tls::{Server, Speaks, TlsError};

/// How long accepting rests after an error that is ours.
const REST: Duration = Duration::from_millis(100);
/// How long a connection may be silent between requests.
const IDLE_LIMIT: Duration = Duration::from_secs(60);
/// How large a request's head may be, in bytes.
const HEAD_BYTES_MAX: usize = 8 << 10;
const HEADERS_MAX: usize = 32;
/// The window in which requests are counted.
const WINDOW: Duration = Duration::from_secs(60);

/// A hub: serves the copy of a folder to the sites that are enrolled.
pub struct Hub {
    pub(super) folder: PathBuf,
    pub(super) environment: Environment,
    pub(super) sites: Sites,
    pub(super) clock: Clock,
    pub(super) settings: MindHub,
    tls: Server,
    used: Mutex<BTreeMap<String, Used>>,
}

/// What a site uses now.
#[derive(Default)]
struct Used {
    connections: usize,
    requests: u32,
    since: Option<Instant>,
}

impl std::fmt::Debug for Hub {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Hub").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Hub {
    /// A hub of the copy in a folder.
    ///
    /// # Errors
    /// If certificates or key can't be used.
    pub fn new(
        folder: PathBuf,
        settings: MindHub,
        environment: Environment,
        clock: Clock,
    ) -> Result<Self, TlsError> {
        let tls = Server::from_config(&settings.tls, environment, Speaks::Http)?;
        let sites = Sites::of(&folder);
        Ok(Self { folder, environment, sites, clock, settings, tls, used: Mutex::default() })
    }

    /// Serves until `shutdown` ends. What is on its way then is cut: a site goes on where it was.
    pub async fn run(self: Arc<Self>, listener: TcpListener, shutdown: impl Future<Output = ()>) {
        let room = Arc::new(Semaphore::new(self.settings.connections_max));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => return,
                Some(ended) = connections.join_next() => if ended.is_err() {
                    tracing::error!("A connection's task of the hub panicked.");
                },
                accepted = listener.accept() => match accepted {
                    Ok((stream, peer)) => match Arc::clone(&room).try_acquire_owned() {
                        Ok(place) => {
                            let hub = Arc::clone(&self);
                            connections.spawn(async move {
                                let _place = place;
                                hub.serve(stream, peer).await;
                            });
                        }
                        Err(_) => metrics::counter!("postern_hub_refused_connections_total").increment(1),
                    },
                    Err(error) => {
                        tracing::error!(%error, "The hub can't accept a connection.");
                        sleep(REST).await;
                    }
                },
            }
        }
    }

    async fn serve(self: Arc<Self>, stream: TcpStream, peer: SocketAddr) {
        if stream.set_nodelay(true).is_err() {
            return;
        }
        let (stream, site) = match self.tls.accept(stream).await {
            Ok((stream, Some(site))) => (stream, site),
            Ok((_, None)) => return,
            Err(error) => {
                respond::count("tls_handshake");
                tracing::warn!(%peer, %error, "A TLS handshake with the hub failed.");
                return;
            }
        };
        let Some(_place) = Place::take(&self, &site) else {
            metrics::counter!("postern_hub_refused_connections_total").increment(1);
            return;
        };
        let stream = Stalling::new(stream, Duration::from_millis(self.settings.write_timeout_ms));
        let (hub, site) = (Arc::clone(&self), Arc::<str>::from(site));
        let service = service_fn(move |request| {
            let (hub, site) = (Arc::clone(&hub), Arc::clone(&site));
            async move { Ok::<_, Infallible>(respond::respond(hub, site, request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(IDLE_LIMIT)
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .serve_connection(TokioIo::new(stream), service);
        if let Err(error) = connection.await {
            tracing::debug!(%peer, %error, "A connection with the hub ended early.");
        }
    }

    fn used(&self) -> MutexGuard<'_, BTreeMap<String, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The name under which a site's use is counted: all that are not enrolled share one, so that the list is bounded.
    fn counted(&self, site: &str) -> String {
        if self.sites.admitted(site).is_ok() { site.to_owned() } else { String::new() }
    }

    /// Whether the site may make one more request now.
    pub(super) fn may_ask(&self, site: &str) -> bool {
        let (counted, now) = (self.counted(site), Instant::now());
        let mut used = self.used();
        let used = used.entry(counted).or_default();
        if used.since.is_none_or(|since| now.duration_since(since) >= WINDOW) {
            (used.since, used.requests) = (Some(now), 0);
        }
        used.requests += 1;
        used.requests <= self.settings.requests_per_minute_max
    }
}

/// A connection that is counted for a site.
struct Place {
    hub: Arc<Hub>,
    counted: String,
}

impl Place {
    fn take(hub: &Arc<Hub>, site: &str) -> Option<Self> {
        let counted = hub.counted(site);
        let mut all = hub.used();
        let used = all.entry(counted.clone()).or_default();
        if used.connections >= hub.settings.connections_per_site_max {
            return None;
        }
        used.connections += 1;
        metrics::gauge!("postern_hub_connections").increment(1.0);
        Some(Self { hub: Arc::clone(hub), counted })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Some(used) = self.hub.used().get_mut(&self.counted) {
            used.connections -= 1;
        }
        metrics::gauge!("postern_hub_connections").decrement(1.0);
    }
}
