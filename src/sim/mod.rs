//! A pocket INTERPOL for evaluation, training and tests.
//!
//! It serves the same services as INTERPOL from synthetic records, by the same profile that the client uses, over HTTP or
//! HTTPS, and can be made to be slow, wrong or gone while it runs. It is of the environment `training`: the certificates
//! that it makes for itself are refused in production.

mod act;
mod admin;
mod answer;
mod body;
mod documents;
mod faults;
pub mod feed;
mod files;
mod latency;
mod log;
mod managed;
mod nominals;
pub mod persons;
pub mod pki;
pub mod publisher;
mod records;
mod schedule;
mod seed;
mod server;
mod service;
mod shared;
mod spoil;
mod tables;
mod things;
mod wsdl;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::clock::Clock;
use crate::find::Profile;

pub use crate::find::profile::PayloadStyle;
pub use act::{Act, Wrong};
pub use faults::{Faults, FaultsError, Outage};
pub use latency::Latency;
pub use log::{LogView, Logged};
pub use nominals::Nominal;
pub use records::{DocumentRecord, FeedError, SimRecords};
pub use schedule::Scheduled;
pub use things::Thing;
pub use wsdl::wsdl;

use pki::Identity;
use shared::Shared;

/// How a simulator runs.
#[derive(Clone, Debug)]
pub struct SimOptions {
    /// Where the services listen. Port 0: any free port.
    pub listen: SocketAddr,
    /// Where the admin endpoint listens, if it does. It has no access control.
    pub admin_listen: Option<SocketAddr>,
    /// The server's certificate and the authority of clients; without it plain HTTP.
    pub tls: Option<SimTls>,
    /// What it knows.
    pub records: Arc<SimRecords>,
    /// Decides which requests fail.
    pub seed: u64,
    /// The wire format.
    pub profile: Arc<Profile>,
    /// The time in its answers.
    pub clock: Clock,
}

/// The simulator's side of mutual TLS.
#[derive(Clone, Debug)]
pub struct SimTls {
    /// What it shows.
    pub identity: Identity,
    /// The authority of clients' certificates, PEM: every client must show one.
    pub client_ca_pem: String,
}

/// Why a simulator can't start.
#[derive(Debug)]
pub enum StartError {
    /// An address can't be listened at.
    Listen(SocketAddr, std::io::Error),
    /// A certificate or key can't be used.
    Tls(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Listen(address, error) => write!(f, "the simulator can't listen at {address}: {error}"),
            Self::Tls(what) => write!(f, "the simulator's certificate can't be used: {what}"),
        }
    }
}

impl std::error::Error for StartError {}

/// Starts simulators.
#[derive(Debug)]
pub struct Simulator;

/// A simulator that runs until it is shut down or dropped.
pub struct RunningSim {
    /// Where the services listen.
    pub addr: SocketAddr,
    /// Where the admin endpoint listens.
    pub admin_addr: Option<SocketAddr>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Simulator {
    /// Starts a simulator. It listens when this returns.
    ///
    /// # Errors
    /// An address or certificate that can't be used.
    pub async fn start(options: SimOptions) -> Result<RunningSim, StartError> {
        let tls = options.tls.as_ref().map(acceptor).transpose()?;
        let (listener, addr) = listen(options.listen).await?;
        let shared = Arc::new(Shared::new(options.profile, options.records, options.clock, options.seed));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let mut admin_addr = None;
        if let Some(admin_listen) = options.admin_listen {
            let (listener, addr) = listen(admin_listen).await?;
            admin_addr = Some(addr);
            let (router, stop) = (admin::router(Arc::clone(&shared)), stop.clone());
            tasks.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    _ended = std::future::IntoFuture::into_future(axum::serve(listener, router)) => {}
                }
            });
        }
        tasks.spawn({
            let (shared, stop) = (Arc::clone(&shared), stop.clone());
            async move { stop.run_until_cancelled(shared.keep_schedule()).await.unwrap_or_default() }
        });
        tasks.spawn(server::serve(listener, Arc::clone(&shared), tls, stop.clone(), tasks.clone()));
        Ok(RunningSim { addr, admin_addr, shared, stop, tasks })
    }
}

impl RunningSim {
    /// How it behaves now.
    pub fn faults(&self) -> Faults {
        self.shared.faults()
    }

    /// Makes it behave otherwise from now on.
    ///
    /// # Errors
    /// A share or time that can't be, or a code or service that the profile does not know.
    pub fn set_faults(&self, faults: Faults) -> Result<(), FaultsError> {
        self.shared.set_faults(faults)
    }

    /// What it was asked: the counts of all requests, and the latest.
    pub fn log(&self) -> LogView {
        self.shared.log_since(0)
    }

    /// The same, of the latest only those after a number.
    pub fn log_since(&self, number: u64) -> LogView {
        self.shared.log_since(number)
    }

    /// Writes every request from now on to a file, a line of JSON each.
    pub fn log_to(&self, file: std::fs::File) {
        self.shared.log_to(file);
    }

    /// How many records the countries manage.
    pub fn managed(&self) -> usize {
        self.shared.managed().len()
    }

    /// Stops it and waits until every connection is closed.
    pub async fn shutdown(self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Drop for RunningSim {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let failed = |error| StartError::Listen(address, error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    Ok((listener, bound))
}

fn acceptor(tls: &SimTls) -> Result<TlsAcceptor, StartError> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    for authority in certificates(&tls.client_ca_pem)? {
        roots.add(authority).map_err(refused)?;
    }
    let clients = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider))
        .build()
        .map_err(refused)?;
    let key = PrivateKeyDer::from_pem_slice(tls.identity.key_pem.as_bytes()).map_err(refused)?;
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(refused)?
        .with_client_cert_verifier(clients)
        .with_single_cert(certificates(&tls.identity.cert_pem)?, key)
        .map_err(refused)?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

fn certificates(pem: &str) -> Result<Vec<CertificateDer<'static>>, StartError> {
    CertificateDer::pem_slice_iter(pem.as_bytes()).collect::<Result<_, _>>().map_err(refused)
}

fn refused(error: impl fmt::Display) -> StartError {
    StartError::Tls(error.to_string())
}

#[cfg(test)]
mod tests;
