//! Connections to INTERPOL's gateway: made within a deadline, used again, and replaced before they grow old.
//!
//! A connection is asked for with the time by which it must stand, which comes from the lane's budget: nothing is begun
//! that can't be answered in time. An old connection is not used again, so that a changed address or certificate of the
//! other side counts within that age; when our own files of TLS change, it counts at once.

mod connect;
mod resolve;

#[cfg(test)]
mod tests;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::client::conn::http1::SendRequest;
use jiff::Timestamp;
use postern_sdk::Reason;
use tokio::time::{Instant, timeout_at};

use crate::tls::{Looked, WatchedClient};

use connect::Connector;
pub(super) use connect::{ConnectError, Target};
pub(super) use resolve::{Resolve, System};

/// How long an idle connection is kept: below the two minutes after which servers of this kind close theirs.
const IDLE_MAX: Duration = Duration::from_secs(60);

/// Connections to one gateway.
pub(super) struct Link {
    connector: Connector,
    idle: Mutex<Idle>,
    idle_max: usize,
    age_max: Duration,
}

#[derive(Default)]
struct Idle {
    connections: Vec<Connection>,
    /// Connections of an earlier generation were made with other files of TLS.
    generation: u64,
}

/// A connection that a request may take.
pub(super) struct Connection {
    pub(super) sender: SendRequest<Full<Bytes>>,
    /// Whether it carried a request before, and so may have been closed meanwhile.
    pub(super) reused: bool,
    born: Instant,
    since: Instant,
    generation: u64,
}

/// How old connections may become, and how many are kept.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkLimits {
    pub(super) connect_timeout: Duration,
    pub(super) age_max: Duration,
    pub(super) idle_max: usize,
}

impl Link {
    pub(super) fn new(
        target: Target,
        tls: Option<WatchedClient>,
        resolver: Box<dyn Resolve>,
        limits: LinkLimits,
    ) -> Self {
        Self {
            connector: Connector::new(target, tls, resolver, limits.connect_timeout),
            idle: Mutex::default(),
            idle_max: limits.idle_max,
            age_max: limits.age_max,
        }
    }

    /// A connection that stands by the deadline.
    ///
    /// # Errors
    /// Why there is none. Nothing was sent.
    pub(super) async fn connection(&self, deadline: Instant) -> Result<Connection, ConnectError> {
        while let Some(mut connection) = self.take() {
            // The answer before this one was read to its end, so this waits for a task to run and no more.
            if let Ok(Ok(())) = timeout_at(deadline, connection.sender.ready()).await {
                connection.reused = true;
                return Ok(connection);
            }
        }
        let (generation, born) = (self.lock().generation, Instant::now());
        let sender = self.connector.connect(deadline).await?;
        Ok(Connection { sender, reused: false, born, since: born, generation })
    }

    /// Keeps a connection whose answer was read to its end.
    pub(super) fn keep(&self, mut connection: Connection) {
        connection.since = Instant::now();
        let mut idle = self.lock();
        if self.is_good(&connection, idle.generation) && idle.connections.len() < self.idle_max {
            idle.connections.push(connection);
        }
    }

    fn take(&self) -> Option<Connection> {
        let mut idle = self.lock();
        while let Some(connection) = idle.connections.pop() {
            if self.is_good(&connection, idle.generation) {
                return Some(connection);
            }
        }
        None
    }

    fn is_good(&self, connection: &Connection, generation: u64) -> bool {
        let now = Instant::now();
        !connection.sender.is_closed()
            && connection.generation == generation
            && now < connection.born + self.age_max
            && now < connection.since + IDLE_MAX
    }

    /// Closes connections that are not to be used again, and looks at the files of TLS.
    pub(super) fn look_after(&self, now: Timestamp) -> Looked {
        let looked = self.connector.tls().map_or(Looked::Nothing, |tls| tls.look(now));
        let mut idle = self.lock();
        if let Looked::Replaced = looked {
            idle.generation += 1;
        }
        let generation = idle.generation;
        idle.connections.retain(|connection| self.is_good(connection, generation));
        looked
    }

    /// The client side of TLS, if there is one.
    pub(super) const fn tls(&self) -> Option<&WatchedClient> {
        self.connector.tls()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Idle> {
        // What is behind the lock is right after every statement, so a panic elsewhere does not spoil it.
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A connection that could not be used, and what that says.
impl From<&ConnectError> for Reason {
    fn from(error: &ConnectError) -> Self {
        match error {
            ConnectError::Certificate(_) => Self::CertificateRefused,
            ConnectError::Deadline => Self::Deadline,
            ConnectError::Failed => Self::Transport,
        }
    }
}
