//! The service as a command asks it, and the notes that it leaves for the journal.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postern_sdk::{Context, Personal};
use serde_json::json;
use tokio::runtime::Runtime;

use super::super::{Exit, check, complain, runtime, say};
use super::{Wisdm as Arguments, WisdmCommand};
use crate::clock::Clock;
use crate::config::{self, Config};
use crate::daemon;
use crate::find::Settings;
use crate::wisdm::init::matter;
use crate::wisdm::rules::Rule;
use crate::wisdm::{Note, Sender, Speed, Stage, Wisdm, WisdmError, leave_note};

/// Why a command could not do its work.
pub(super) enum Failure {
    /// It was told already.
    Told(Exit),
    /// Rules are broken: nothing was sent.
    Rules(Vec<Rule>),
    /// The service did not do it, or perhaps not.
    Service(WisdmError),
    /// Something else: the exit code, its stable name and its text.
    Other(Exit, &'static str, String),
}

impl Failure {
    /// Something of the command line, or a file that it names.
    pub(super) fn usage(code: &'static str, error: impl std::fmt::Display) -> Self {
        Self::Other(Exit::Usage, code, error.to_string())
    }

    /// Tells it.
    pub(super) fn tell(&self, as_json: bool) -> Exit {
        let (exit, code) = match self {
            Self::Told(exit) => return *exit,
            Self::Rules(_) => (Exit::Found, "rules_broken"),
            Self::Service(error @ WisdmError::Failed { .. }) => (Exit::Unavailable, error.code()),
            Self::Service(error @ WisdmError::Unusable(_)) => (Exit::Unavailable, error.code()),
            Self::Service(error) => (Exit::Found, error.code()),
            Self::Other(exit, code, _) => (*exit, *code),
        };
        if as_json {
            let rules: &[Rule] = if let Self::Rules(rules) = self { rules } else { &[] };
            let in_doubt = matches!(self, Self::Service(error) if error.in_doubt());
            say(json!({ "outcome": "refused", "code": code, "rules": rules, "in_doubt": in_doubt }));
        }
        match self {
            Self::Told(_) => {}
            Self::Rules(rules) => rules.iter().for_each(complain),
            Self::Service(error) => complain(format_args!("{error} ({code})")),
            Self::Other(_, _, text) => complain(format_args!("{text} ({code})")),
        }
        exit
    }
}

impl From<WisdmError> for Failure {
    fn from(error: WisdmError) -> Self {
        Self::Service(error)
    }
}

impl From<Vec<Rule>> for Failure {
    fn from(rules: Vec<Rule>) -> Self {
        Self::Rules(rules)
    }
}

/// The service as a command asks it.
pub(super) struct Session {
    pub(super) wisdm: Wisdm,
    pub(super) sender: Sender,
    pub(super) json: bool,
    clock: Clock,
    journal: PathBuf,
    end_user: Personal<String>,
    runtime: Runtime,
}

impl Session {
    /// Loads the configuration. Nothing is connected yet.
    pub(super) fn open(args: &Arguments, path: &Path) -> Result<Self, Failure> {
        let config = config::load(path).map_err(|problems| Failure::Told(check::refused(&problems)))?;
        let who = &args.who;
        let Some(end_user) = who.end_user.as_deref().filter(|name| !name.trim().is_empty()) else {
            return Err(Failure::usage("end_user_missing", "say who does it: --end-user NAME"));
        };
        let unavailable = |error| Failure::Other(Exit::Unavailable, "memory", format!("{error}"));
        daemon::keep_out_of_dumps().map_err(unavailable)?;
        let clock = Clock::system();
        let context = Context {
            environment: config.instance.environment,
            agency: who.agency.clone(),
            end_user: Some(Personal::from(end_user)),
            purpose: who.purpose.clone(),
            ..Context::default()
        };
        Ok(Self {
            wisdm: service(&config, &args.command, &clock)?,
            sender: Sender { context, exchange: matter(&clock) },
            json: who.json,
            clock,
            journal: config.journal.folder,
            end_user: Personal::from(end_user),
            runtime: runtime(2).map_err(Failure::Told)?,
        })
    }

    /// Waits for a request.
    pub(super) fn wait<T>(&self, request: impl Future<Output = T>) -> T {
        self.runtime.block_on(request)
    }

    /// A note of this command.
    pub(super) fn note(&self, operation: &str, stage: Stage) -> Note {
        Note {
            matter: self.sender.exchange.0,
            stage,
            at: self.clock.now(),
            environment: self.sender.context.environment,
            operation: operation.to_owned(),
            end_user: self.end_user.clone(),
            records: Vec::new(),
            reference_in_country: None,
            request_id: None,
            list: None,
            count: None,
            outcome: None,
        }
    }

    /// Leaves a note for the journal. What is not noted is not done; where no journal is, that is said.
    pub(super) fn leave(&self, note: &Note) -> Result<(), Failure> {
        if !self.journal.is_dir() {
            if note.stage == Stage::Asked {
                complain(format_args!("no journal at {}: this is recorded nowhere", self.journal.display()));
            }
            return Ok(());
        }
        leave_note(&self.journal, note).map_err(|error| {
            let text = format!("a note can't be left in {}: {error}", self.journal.display());
            Failure::Other(Exit::Unavailable, "journal", text)
        })
    }

    /// Leaves the note of how it ended. The work is done; that it is not recorded is said aloud.
    pub(super) fn leave_end(&self, note: &Note) {
        if let Err(failure) = self.leave(note) {
            failure.tell(false);
        }
    }
}

fn service(config: &Config, command: &WisdmCommand, clock: &Clock) -> Result<Wisdm, Failure> {
    let wrong = |error: &dyn std::fmt::Display| Failure::Other(Exit::Config, "config", error.to_string());
    let options = config.find.as_ref().ok_or_else(|| wrong(&"find: not configured; add the table"))?;
    let profile = daemon::profile_of(options).map_err(|error| wrong(&error))?;
    let settings = Settings::load(options, &config.instance).map_err(|error| wrong(&error))?;
    let speed = match command {
        WisdmCommand::Bulk(args) => Speed {
            concurrency_max: usize::try_from(args.concurrency).unwrap_or(1),
            rate_per_s_max: args.rate,
        },
        _ => Speed::default(),
    };
    Wisdm::new(settings, Arc::new(profile), clock.clone(), speed).map_err(|error| wrong(&error))
}
