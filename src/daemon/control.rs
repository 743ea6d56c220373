//! Following operators' commands, which come over the local socket.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::sync::Mutex;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::{Parts, StartError, batch};
use crate::config::settings::Config;
use crate::control::{COMMAND_BYTES_MAX, Command, Reply};
use crate::engine::{Body, Section};
use crate::find::{Control, Online, Order};
use crate::ids::new_id;
use crate::journal::{Entry, Kind, RecordRef};
use crate::local_socket::{LocalSocket, is_trusted, read_line};

/// How long a command may take to arrive, and a reply to be taken.
const TIME_LIMIT: Duration = Duration::from_secs(5);

/// Commands that are being followed at once.
const COMMANDS_MAX: usize = 8;

/// The latest order to each service, as the journal holds it.
#[derive(Default)]
pub(super) struct Orders(BTreeMap<String, Order>);

impl Orders {
    /// Takes note of a record of the journal.
    pub(super) fn take(&mut self, record: &RecordRef<'_>) {
        if record.kind != Kind::Administrative {
            return;
        }
        let section = crate::engine::record::section(record.body, Section::FindOrder);
        if let Some(Ok(order)) = section.map(serde_json::from_slice::<Order>) {
            self.0.insert(order.service.clone(), order);
        }
    }

    /// Follows those that still hold.
    pub(super) fn follow(self, find: &Online) {
        for order in self.0.into_values().filter(|order| order.control != Control::Auto) {
            let (service, control) = (order.service.clone(), order.control);
            if let Err(error) = find.follow(order) {
                let (control, code) = (control.code(), error.code());
                tracing::warn!(
                    service,
                    control,
                    code,
                    "An operator's order in the journal can't be followed."
                );
            }
        }
    }
}

/// Listens where the settings say, if they do.
pub(super) fn bind(config: &Config) -> Result<Option<LocalSocket>, StartError> {
    let bind = |path: &std::path::PathBuf| LocalSocket::bind(path).map_err(StartError::unavailable);
    config.instance.control_socket.as_ref().map(bind).transpose()
}

/// Follows commands for as long as the daemon runs.
pub(super) async fn serve(socket: LocalSocket, parts: Arc<Parts>) {
    // One order after the other, so that the one which the journal holds last is the one in force.
    let ordering = Arc::new(Mutex::new(()));
    let mut commands = JoinSet::new();
    loop {
        let (stream, uid) = socket.accept().await;
        if commands.len() >= COMMANDS_MAX {
            commands.join_next().await;
        }
        commands.spawn(follow(stream, uid, Arc::clone(&parts), Arc::clone(&ordering)));
    }
}

async fn follow(mut stream: UnixStream, uid: Option<u32>, parts: Arc<Parts>, ordering: Arc<Mutex<()>>) {
    let reply = match (is_trusted(uid), uid) {
        (true, Some(uid)) => match timeout(TIME_LIMIT, read_line(&mut stream, COMMAND_BYTES_MAX)).await {
            Ok(Ok(line)) => followed(&line, uid, &parts, &ordering).await,
            _ => return,
        },
        _ => {
            tracing::warn!(uid, "A command was given by a user who may not.");
            refused("not_allowed")
        }
    };
    let mut line = serde_json::to_vec(&reply).expect("a reply has no map with keys that are not strings");
    line.push(b'\n');
    // Who does not wait for the reply does not need it.
    let _ = timeout(TIME_LIMIT, stream.write_all(&line)).await;
}

pub(super) fn refused(code: &str) -> Reply {
    Reply::Refused(code.to_owned())
}

async fn followed(line: &[u8], uid: u32, parts: &Parts, ordering: &Mutex<()>) -> Reply {
    let Ok(command) = serde_json::from_slice::<Command>(line) else { return refused("not_understood") };
    match (command, &parts.find) {
        (Command::FindStatus, Some(find)) => {
            Reply::Find { services: find.status(), link: find.link_status() }
        }
        (Command::FindOrder { service, control, reason }, Some(find)) => {
            let _one = ordering.lock().await;
            let order = Order { service, control, reason, at: parts.shared.clock.now(), uid };
            ordered(order, find, parts).await
        }
        (Command::FindStatus | Command::FindOrder { .. }, None) => refused("find_not_configured"),
        (command, _) => match &parts.batches {
            Some(batches) => batch::followed(command, batches, uid).await,
            None => refused("batch_not_configured"),
        },
    }
}

/// Makes an order durable, then follows it.
async fn ordered(order: Order, find: &Online, parts: &Parts) -> Reply {
    if let Err(error) = find.check_order(&order) {
        return refused(error.code());
    }
    let body = Body::new().json(Section::FindOrder, &order).into_bytes();
    let entry = Entry::new(Kind::Administrative, new_id(order.at), body);
    if parts.shared.journal.append(entry).await.is_err() {
        return refused("not_recorded");
    }
    find.follow(order).map_or_else(|error| refused(error.code()), |()| Reply::Done)
}
