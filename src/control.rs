//! What an operator may ask of a running daemon over its local socket, and the daemon's replies: one line of JSON each.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;
use uuid::Uuid;

use crate::batch::{BatchStatus, Paths, Request};
use crate::find::{Control, LinkStatus, ServiceStatus};
use crate::local_socket::{SocketError, connect, read_line};

/// How long a command may be, in bytes.
pub const COMMAND_BYTES_MAX: usize = 8 << 10;

/// How long a reply may be, in bytes.
const REPLY_BYTES_MAX: usize = 1 << 20;

/// How long a daemon may take to follow a command: it makes it durable first, or writes the results of a long list.
const TIME_LIMIT: Duration = Duration::from_secs(120);

/// What is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// The state of each service of FIND.
    FindStatus,
    /// Who decides from now on whether a service of FIND is asked.
    FindOrder {
        /// The profile's name of the service.
        service: String,
        /// Who decides.
        control: Control,
        /// Why. It is journaled.
        reason: String,
    },
    /// A list is to be worked off.
    BatchSubmit(Box<Request>),
    /// How the lists stand.
    BatchStatus,
    /// No further row of a list is to be asked.
    BatchCancel {
        /// Its id.
        batch: Uuid,
    },
    /// The results of a list are to be written as they are now.
    BatchResults {
        /// Its id.
        batch: Uuid,
    },
}

/// What the daemon says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reply {
    /// The command was followed, and is durable.
    Done,
    /// The state of FIND.
    Find {
        /// Each service.
        services: Vec<ServiceStatus>,
        /// The link to them.
        link: LinkStatus,
    },
    /// The list was taken, and is durable.
    BatchTaken(BatchStatus),
    /// How the lists stand.
    Batches(Vec<BatchStatus>),
    /// Where the results are.
    BatchResults(Paths),
    /// The command was not followed. The codes: `not_allowed` (run as the daemon's user or the administrator),
    /// `not_understood`, `find_not_configured`, `unknown_service`, `reason`, `not_recorded` (the journal can't be written:
    /// nothing changed), `batch_not_configured`, and those of [`BatchError`](crate::batch::BatchError).
    Refused(String),
}

/// Why a command got no reply.
#[derive(Debug)]
#[non_exhaustive]
pub enum ControlError {
    /// The socket can't be reached. Remedy: see there.
    Socket(SocketError),
    /// There was no whole reply. Remedy: see the daemon's log; ask for the status before the command is given again.
    NoReply(PathBuf, io::Error),
}

impl fmt::Display for ControlError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Socket(error) => error.fmt(f),
            Self::NoReply(path, error) => {
                write!(f, "no reply from the daemon at {}: {error}", path.display())
            }
        }
    }
}

impl std::error::Error for ControlError {}

/// Gives a command to the daemon that listens at a socket.
///
/// # Errors
/// [`ControlError`] of every kind.
pub async fn command(path: &Path, command: &Command) -> Result<Reply, ControlError> {
    let mut stream = connect(path).await.map_err(ControlError::Socket)?;
    let said = async {
        let line = serde_json::to_string(command)? + "\n";
        // Who sends us away does so before he reads; his word tells more than the broken pipe.
        let sent = stream.write_all(line.as_bytes()).await;
        let reply = read_line(&mut stream, REPLY_BYTES_MAX).await?;
        if reply.is_empty() {
            sent?;
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(serde_json::from_slice(&reply)?)
    };
    let said = timeout(TIME_LIMIT, said).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    said.map_err(|error| ControlError::NoReply(path.to_owned(), error))
}
