//! `postern batch`: lists that a running daemon works off beside its lanes.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use postern_sdk::{Context, Personal};
use uuid::Uuid;

use super::mind::Work;
use super::{Exit, complain, find, runtime, say};
use crate::batch::{BatchState, BatchStatus, Format, Request};
use crate::control::{self, Command, Reply};

/// How often a batch is looked at that is followed.
const LOOK: Duration = Duration::from_millis(500);

/// Hands lists over to a running daemon, and shows, cancels and fetches them.
#[derive(Clone, Debug, Args)]
#[command(
    after_help = "Run it as the daemon's user or as the administrator, on the daemon's machine. A list is asked under the grant \
                  of its client. docs/batch.md describes lists and results."
)]
pub struct Batch {
    /// What to do
    #[command(subcommand)]
    pub command: BatchCommand,
    /// The daemon's socket; left out: postern.control_socket of the configuration
    #[arg(long, global = true, value_name = "SOCKET")]
    pub socket: Option<PathBuf>,
}

/// What can be done with lists.
#[derive(Clone, Debug, Subcommand)]
pub enum BatchCommand {
    /// Hands a list over, which is copied, and writes its id
    Submit(Box<BatchSubmit>),
    /// Shows the lists that are open, and the latest that have ended: what is done, how fast, and the time left
    Status {
        /// One list alone
        #[arg(value_name = "ID")]
        batch: Option<Uuid>,
        /// Follows the list to its end
        #[arg(long, requires = "batch")]
        follow: bool,
    },
    /// Ends a list: no further row of it is asked
    Cancel {
        /// The list
        #[arg(value_name = "ID")]
        batch: Uuid,
    },
    /// Writes the results of a list as they are now
    Results {
        /// The list
        #[arg(value_name = "ID")]
        batch: Uuid,
        /// As CSV rather than JSON lines
        #[arg(long)]
        csv: bool,
        /// The file to write; left out: standard output
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
}

/// A list, and who asks about it where and why.
#[derive(Clone, Debug, Args)]
pub struct BatchSubmit {
    /// The list, which the daemon's user can read
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// How it is written; left out: by the end of its name
    #[arg(long, value_enum)]
    pub format: Option<ListFormat>,
    /// The client under whose grant is asked
    #[arg(long, value_name = "NAME")]
    pub client: String,
    /// The policy by which is asked
    #[arg(long, value_name = "NAME")]
    pub policy: String,
    /// Why is asked, as a code of the grant
    #[arg(long, value_name = "CODE")]
    pub purpose: String,
    /// The authority on whose behalf is asked
    #[arg(long, value_name = "NAME")]
    pub agency: String,
    /// The officer or office that asks
    #[arg(long, value_name = "NAME")]
    pub end_user: String,
    /// The border crossing point, port or office
    #[arg(long, value_name = "CODE")]
    pub site: String,
    /// The named operation under which is asked
    #[arg(long, value_name = "NAME")]
    pub operation: Option<String>,
    /// Records' owners must not learn of the questions
    #[arg(long)]
    pub silent: bool,
    /// Rows a second at most; left out: what the daemon allows
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
}

/// How a list is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ListFormat {
    /// A line of column names, then a row a line
    Csv,
    /// A JSON object a line
    Jsonl,
}

/// Gives the command: 64 if it can't be followed, 69 if no daemon follows it, 1 if a list that was followed ended otherwise
/// than done.
pub(super) fn run(args: &Batch, config: &Path) -> Exit {
    given(args, config).unwrap_or_else(|exit| exit)
}

fn given(args: &Batch, config: &Path) -> Result<Exit, Exit> {
    let socket = find::socket(args.socket.as_ref(), config)?;
    let daemon = Daemon { runtime: runtime(1)?, socket };
    match &args.command {
        BatchCommand::Submit(submit) => {
            let reply = daemon.ask(&Command::BatchSubmit(Box::new(request(submit)?)))?;
            let Reply::BatchTaken(status) = reply else { return Err(odd()) };
            complain(format_args!("{} rows, recorded in the journal", status.rows));
            say(status.id);
        }
        BatchCommand::Status { batch: Some(batch), follow: true } => return daemon.follow(*batch),
        BatchCommand::Status { batch, .. } => daemon.status(*batch)?.iter().for_each(tell),
        BatchCommand::Cancel { batch } => {
            daemon.ask(&Command::BatchCancel { batch: *batch })?;
            say("cancelled, and recorded in the journal");
        }
        BatchCommand::Results { batch, csv, out } => return daemon.results(*batch, *csv, out.as_deref()),
    }
    Ok(Exit::Ok)
}

fn request(submit: &BatchSubmit) -> Result<Request, Exit> {
    let by_name = submit.file.extension().and_then(|end| end.to_str().map(str::to_ascii_lowercase));
    let format = match (submit.format, by_name.as_deref()) {
        (Some(ListFormat::Csv), _) | (None, Some("csv")) => Format::Csv,
        (Some(ListFormat::Jsonl), _) | (None, Some("jsonl" | "ndjson")) => Format::Jsonl,
        _ => {
            return Err(failed(
                Exit::Usage,
                "the name says nothing of how the list is written: give --format",
            ));
        }
    };
    let file = std::path::absolute(&submit.file).map_err(|error| failed(Exit::Usage, error))?;
    let context = Context {
        client: submit.client.clone(),
        agency: Some(submit.agency.clone()),
        end_user: Some(Personal::new(submit.end_user.clone())),
        site: Some(submit.site.clone()),
        purpose: Some(submit.purpose.clone()),
        operation: submit.operation.clone(),
        silent: submit.silent,
        ..Context::default()
    };
    Ok(Request { file, format, policy: submit.policy.clone(), context, rate_per_s_max: submit.rate })
}

/// The daemon at the other end of a socket.
struct Daemon {
    runtime: tokio::runtime::Runtime,
    socket: PathBuf,
}

impl Daemon {
    fn ask(&self, command: &Command) -> Result<Reply, Exit> {
        let reply = self.runtime.block_on(control::command(&self.socket, command));
        match reply.map_err(|error| failed(Exit::Unavailable, error))? {
            Reply::Refused(code) => {
                let elsewhere = matches!(
                    &*code,
                    "not_recorded" | "ending" | "not_allowed" | "not_understood" | "batch_not_configured"
                );
                let exit = if elsewhere { Exit::Unavailable } else { Exit::Usage };
                Err(failed(exit, format_args!("the daemon refused: {code}")))
            }
            reply => Ok(reply),
        }
    }

    fn status(&self, batch: Option<Uuid>) -> Result<Vec<BatchStatus>, Exit> {
        let Reply::Batches(mut all) = self.ask(&Command::BatchStatus)? else { return Err(odd()) };
        all.retain(|status| batch.is_none_or(|batch| batch == status.id));
        if all.is_empty() && batch.is_some() {
            return Err(failed(Exit::Usage, "the daemon knows no such batch"));
        }
        Ok(all)
    }

    /// Follows a list to its end: a bar on a terminal, a line now and then elsewhere.
    fn follow(&self, batch: Uuid) -> Result<Exit, Exit> {
        let bar = Work::begin();
        loop {
            let status = self.status(Some(batch))?.pop().ok_or_else(odd)?;
            bar.at("rows", status.done(), status.rows);
            if status.state.is_final() {
                drop(bar);
                tell(&status);
                return Ok(if status.state == BatchState::Done { Exit::Ok } else { Exit::Found });
            }
            self.runtime.block_on(async { tokio::time::sleep(LOOK).await });
        }
    }

    fn results(&self, batch: Uuid, csv: bool, out: Option<&Path>) -> Result<Exit, Exit> {
        let Reply::BatchResults(paths) = self.ask(&Command::BatchResults { batch })? else {
            return Err(odd());
        };
        let path = if csv { paths.csv } else { paths.jsonl };
        let mut results = fs::File::open(&path)
            .map_err(|error| failed(Exit::Usage, format_args!("{}: {error}", path.display())))?;
        let copied = match out {
            Some(out) => crate::batch::own_file(out).and_then(|mut out| io::copy(&mut results, &mut out)),
            None => io::copy(&mut results, &mut io::stdout().lock()).and_then(|bytes| {
                io::stdout().flush()?;
                Ok(bytes)
            }),
        };
        match copied {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(failed(Exit::Usage, error)),
            _ => Ok(Exit::Ok),
        }
    }
}

fn tell(status: &BatchStatus) {
    let BatchStatus { id, name, rows, hits, refused, rate_per_s, .. } = status;
    let left = status.left_s.map_or_else(String::new, |left_s| {
        format!(", {} left", indicatif::HumanDuration(Duration::from_secs(left_s)))
    });
    say(format_args!(
        "{id} {name}: {}; {} of {rows} rows, {hits} with hits, {refused} refused, {rate_per_s} a second{left}",
        status.state.code(),
        status.done()
    ));
}

fn odd() -> Exit {
    failed(Exit::Unavailable, "the daemon's reply is not one to this command")
}

fn failed(exit: Exit, error: impl std::fmt::Display) -> Exit {
    complain(error);
    exit
}
