//! The checked settings: what the rooms are built from.
//!
//! The written form has milliseconds, names and relative paths because people write it; these types have durations,
//! policies and paths that begin at the root or the working folder. They are made by [`super::load`] alone, so whoever
//! holds one need not check it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Context, Environment, LinkOptions, State, View};

pub use super::file::{Framing, Log, LogFormat, LogLevel};
use super::problem::Problem;
use crate::adapters::Entry;
use crate::screening::{Ages, Policy};

/// The whole configuration, checked.
#[derive(Clone, Debug)]
pub struct Config {
    /// The file that it was loaded from.
    pub file: PathBuf,
    /// This instance.
    pub instance: Instance,
    /// The journal.
    pub journal: Journal,
    /// INTERPOL online, if it is asked.
    pub find: Option<Find>,
    /// The local copy, if there is one.
    pub mind: Option<Mind>,
    /// What the bureau grants.
    pub grants: GrantFiles,
    /// The policies by name.
    pub policies: BTreeMap<String, Arc<Policy>>,
    /// The lanes in the order of their names.
    pub lanes: Vec<Lane>,
    /// The operations console, if there is one.
    pub console: Option<Console>,
    /// The operational log.
    pub log: Log,
    /// What will not be as one may think.
    pub warnings: Vec<Problem>,
}

/// This instance.
#[derive(Clone, Debug)]
pub struct Instance {
    /// A name for people.
    pub name: String,
    /// Production or training.
    pub environment: Environment,
    /// The country that asks.
    pub country: State,
    /// How many worker threads serve lanes; none: one a core.
    pub workers: Option<usize>,
}

/// The journal.
#[derive(Clone, Debug)]
pub struct Journal {
    /// Its folder.
    pub folder: PathBuf,
    /// Size of a segment in bytes.
    pub segment_bytes: u64,
    /// How long at most a commit waits for others to share its sync.
    pub gather_max: Duration,
    /// How much of a lane's deadline is kept back for the commit.
    pub commit_budget: Duration,
    /// How long a sender's id is remembered.
    pub duplicate_window: Duration,
}

/// INTERPOL online.
#[derive(Clone, Debug)]
pub struct Find {
    /// The profile; none: the one that is built in.
    pub profile: Option<PathBuf>,
    /// `http://host:port` or `https://host:port`, without a slash at its end.
    pub base_url: String,
    /// The service account's name.
    pub username: String,
    /// The file that holds its password.
    pub password_file: PathBuf,
    /// The authority and our certificate, for `https`.
    pub tls: Option<ClientTls>,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How many requests may be under way at once.
    pub concurrency_max: usize,
    /// How many requests a second the account allows; none: no cap.
    pub rate_per_s_max: Option<u32>,
    /// How many records a search asks for.
    pub records_max: u16,
    /// After how many failures in a row the breaker opens.
    pub breaker_failures: u32,
    /// How long an open breaker rests.
    pub breaker_rest: Duration,
}

/// The authority that a server's certificate must come from, and our own certificate with its key.
#[derive(Clone, Debug)]
pub struct ClientTls {
    /// The authority, PEM.
    pub ca_file: PathBuf,
    /// Our certificate chain and its key, PEM.
    pub identity: Option<Identity>,
}

/// A certificate chain and its key, PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The certificate chain.
    pub cert_file: PathBuf,
    /// The key.
    pub key_file: PathBuf,
}

/// The local copy.
#[derive(Clone, Debug)]
pub struct Mind {
    /// The folder of snapshots.
    pub folder: PathBuf,
    /// The file with the publisher's public key.
    pub publisher_key_file: PathBuf,
    /// Its ages; each policy holds the same.
    pub ages: Ages,
}

/// What the bureau grants.
#[derive(Clone, Debug)]
pub struct GrantFiles {
    /// The signed document.
    pub file: PathBuf,
    /// The file with the bureau's public key.
    pub bureau_key_file: PathBuf,
}

/// How bytes arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wire {
    /// A stream over TCP with frames of this kind.
    Tcp(Framing),
    /// HTTP/1.1 requests.
    Http,
}

/// One connection to a national system.
#[derive(Clone, Debug)]
pub struct Lane {
    /// Its name.
    pub name: String,
    /// The address to listen at; port 0: any free port.
    pub listen: SocketAddr,
    /// How bytes arrive.
    pub wire: Wire,
    /// The adapter of the native format.
    pub adapter: &'static Entry,
    /// The settings for the adapter.
    pub options: LinkOptions,
    /// Which databases are asked, and how.
    pub policy: Arc<Policy>,
    /// How long an answer may take.
    pub deadline: Duration,
    /// How much the client sees at most.
    pub view: View,
    /// How the client is known.
    pub client: ClientIdentity,
    /// The certificate that the lane shows.
    pub tls: Option<ServerTls>,
    /// What the native format lacks of the context, with the environment, and the client where the lane names it.
    pub context: Context,
    /// The limits of the lane.
    pub limits: Limits,
}

/// How the client of a lane is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientIdentity {
    /// The common name of its certificate.
    Certificate,
    /// Its token, by this file.
    Token(PathBuf),
    /// The lane names it. The address is of the loopback interface.
    Lane(String),
}

/// The certificate that a server shows, and the authority of its clients' certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerTls {
    /// Certificate chain and key, PEM.
    pub identity: Identity,
    /// The authority that every client's certificate must come from.
    pub client_ca_file: Option<PathBuf>,
}

/// The limits of a lane; none is zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Size of a frame or body in bytes.
    pub frame_bytes_max: usize,
    /// Connections at once.
    pub connections_max: usize,
    /// Frames of one connection that are being answered at once.
    pub in_flight_max: usize,
    /// Subjects of one message.
    pub subjects_max: usize,
    /// How long a frame may take from its first byte to its last.
    pub frame_timeout: Duration,
    /// How long a connection may be silent between frames.
    pub idle_timeout: Duration,
    /// How long a client may take to read an answer.
    pub write_timeout: Duration,
}

/// The operations console.
#[derive(Clone, Debug)]
pub struct Console {
    /// The address to listen at.
    pub listen: SocketAddr,
    /// The certificate, and the authority of operators' certificates.
    pub tls: Option<ServerTls>,
}

impl Config {
    /// The longest that a lane's source may be asked: its deadline less the commit budget.
    pub fn screening_time(&self, lane: &Lane) -> Duration {
        lane.deadline.saturating_sub(self.journal.commit_budget)
    }
}
