//! The checked settings: what the rooms are built from.
//!
//! The written form has names and relative paths because people write it. These types have the policies and adapters
//! that are meant, durations where several rooms reckon with them, and paths that begin at the root or the working
//! folder; a table that one room alone reads ([`Find`], [`Batch`], [`Limits`], [`ServerTls`]) keeps its written form, with its paths
//! resolved. They are made by [`super::load`] alone, so whoever holds one need not check it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Context, LinkOptions, View};

pub use super::file::{
    Batch, ClientTls, Find, Framing, Instance, Limits, Log, LogFormat, LogLevel, MindHub, MindSource, Relay,
    RelayEdge, ServerTls,
};
use super::problem::Problem;
use crate::adapters::Entry;
use crate::mind::FoldSettings;
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
    /// Asking FIND later, if that is done.
    pub recheck: Option<Recheck>,
    /// Asking FIND for edges, if that is done.
    pub relay: Option<Relay>,
    /// Lists beside the lanes, if any is taken.
    pub batch: Option<Batch>,
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

/// Asking FIND later what could not be asked now.
#[derive(Clone, Debug)]
pub struct Recheck {
    /// The list of what is open.
    pub state_file: PathBuf,
    /// Questions a second at most.
    pub rate_per_s_max: u32,
    /// Questions at once at most.
    pub concurrency_max: usize,
    /// Of a hundred questions, how many are the oldest.
    pub oldest_percent: u32,
    /// How long a question is open at most.
    pub age_max: Duration,
}

/// The local copy.
#[derive(Clone, Debug)]
pub struct Mind {
    /// The folder of snapshots.
    pub folder: PathBuf,
    /// The file of the root that is believed from the start.
    pub root_file: PathBuf,
    /// The file with the country's public key.
    pub country_key_file: Option<PathBuf>,
    /// Where the site's key comes from.
    pub key: MindKey,
    /// Its ages; each policy holds the same.
    pub ages: Ages,
    /// When and how changes are folded.
    pub fold: FoldSettings,
    /// Publishes the copy, if it does.
    pub hub: Option<MindHub>,
    /// Pulls the copy, if it does.
    pub source: Option<MindSource>,
}

/// Where the site's key comes from.
#[derive(Clone, Debug)]
pub struct MindKey {
    /// The source.
    pub from: KeyFrom,
    /// Whether the key may be on the disk of the copy or the journal.
    pub allow_key_on_disk: bool,
}

/// A source of the site's key.
#[derive(Clone, Debug)]
pub enum KeyFrom {
    /// A credential of this name.
    Credential {
        /// Its name.
        name: String,
    },
    /// A file.
    File {
        /// Where it is.
        path: PathBuf,
    },
    /// An operator.
    Operator {
        /// The socket at which the key is handed over.
        socket: PathBuf,
    },
    /// A key server.
    Server(KeyServer),
}

impl KeyFrom {
    /// The source as it is written in the configuration.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Credential { .. } => "credential",
            Self::File { .. } => "file",
            Self::Operator { .. } => "operator",
            Self::Server(_) => "server",
        }
    }
}

/// A key server.
#[derive(Clone, Debug)]
pub struct KeyServer {
    /// Its name or address.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The path of this site's key.
    pub path: String,
    /// Its authority, and our certificate.
    pub tls: ClientTls,
    /// How long a request may take in all.
    pub request_timeout: Duration,
    /// How long at most is waited between two tries.
    pub retry_max: Duration,
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
