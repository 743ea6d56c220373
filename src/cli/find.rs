//! `postern find`: the services of a running daemon, and who decides whether they are asked.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::{Exit, complain, runtime, say};
use crate::config;
use crate::control::{self, Command, Reply};
use crate::find::{Control, LinkStatus, ServiceStatus};

/// Shows the services of FIND of a running daemon, and opens and closes their breakers.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Run it as the daemon's user or as the administrator, on the daemon's machine. Each order is recorded in the \
                  journal before it has any effect, and holds after a restart until another takes its place."
)]
pub struct Find {
    /// What to do
    #[command(subcommand)]
    pub command: FindCommand,
    /// The daemon's socket; left out: postern.control_socket of the configuration
    #[arg(long, global = true, value_name = "SOCKET")]
    pub socket: Option<PathBuf>,
}

/// What can be done with services.
#[derive(Clone, Debug, Subcommand)]
pub enum FindCommand {
    /// Shows each service: its breaker, who decides about it, its last answer and failure
    Status,
    /// Holds a service open: it is not asked until another order comes
    Open(FindOrder),
    /// Holds a service closed: it is asked however often it fails
    Close(FindOrder),
    /// Lets the breaker decide again
    Auto(FindOrder),
}

/// An order.
#[derive(Clone, Debug, Args)]
pub struct FindOrder {
    /// The profile's name of the service, as `postern find status` shows it
    #[arg(long, value_name = "NAME")]
    pub service: String,
    /// Why, in one line without personal data: it stands in journal and console
    #[arg(long, value_name = "TEXT")]
    pub reason: String,
}

/// Gives the command: 64 if it can't be followed, 69 if no daemon follows it.
pub(super) fn run(args: &Find, config: &Path) -> Exit {
    given(args, config).unwrap_or_else(|exit| exit)
}

fn given(args: &Find, config: &Path) -> Result<Exit, Exit> {
    let socket = socket(args.socket.as_ref(), config)?;
    let reply = runtime(1)?.block_on(control::command(&socket, &command(&args.command)));
    match reply.map_err(|error| failed(Exit::Unavailable, error))? {
        Reply::Done => say("done, and recorded in the journal"),
        Reply::Find { services, link } => tell(&services, &link),
        Reply::Refused(code) => {
            let exit =
                if matches!(&*code, "unknown_service" | "reason") { Exit::Usage } else { Exit::Unavailable };
            return Err(failed(exit, format_args!("the daemon refused: {code}")));
        }
        _ => return Err(failed(Exit::Unavailable, "the daemon's reply is not one to this command")),
    }
    Ok(Exit::Ok)
}

fn command(command: &FindCommand) -> Command {
    let order = |order: &FindOrder, control| Command::FindOrder {
        service: order.service.clone(),
        control,
        reason: order.reason.clone(),
    };
    match command {
        FindCommand::Status => Command::FindStatus,
        FindCommand::Open(of) => order(of, Control::Open),
        FindCommand::Close(of) => order(of, Control::Closed),
        FindCommand::Auto(of) => order(of, Control::Auto),
    }
}

/// The socket that was given, or that of the configuration.
pub(super) fn socket(given: Option<&PathBuf>, config: &Path) -> Result<PathBuf, Exit> {
    if let Some(socket) = given {
        return Ok(socket.clone());
    }
    let config = config::load(config).map_err(|problems| super::check::refused(&problems))?;
    let none = "the configuration has no postern.control_socket: set it, or give --socket";
    config.instance.control_socket.ok_or_else(|| failed(Exit::Usage, none))
}

fn tell(services: &[ServiceStatus], link: &LinkStatus) {
    for service in services {
        let order = service.order.as_ref().map_or_else(String::new, |order| {
            format!(", held {} since {}: {}", order.control.code(), order.at, order.reason)
        });
        let failure = service.last_error.map_or_else(|| "none".to_owned(), |reason| reason.to_string());
        say(format_args!(
            "{}: {}{order}; failures in a row {}, last failure {failure}, under way {}",
            service.service,
            service.state.code(),
            service.failures,
            service.in_flight
        ));
    }
    for ends in &link.certificates {
        say(format_args!("{}: ends {} (in {} days)", ends.what.code(), ends.at, ends.days));
    }
    if link.files_refused {
        say("certificates: the new files can't be used, the ones before are");
    }
}

fn failed(exit: Exit, error: impl std::fmt::Display) -> Exit {
    complain(error);
    exit
}
