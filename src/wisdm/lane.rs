//! Reports and withdrawals from a lane over HTTP, by a client whose grant has the operation `report`.
//!
//! `POST /v1/documents` and `POST /v1/documents/withdraw`, in JSON. What is about to be asked of INTERPOL stands in the
//! journal before it is asked, and what came of it before it is told. An answer takes as long as the service does, up to the
//! profile's time limit: nobody waits at a gate for it.

use std::sync::Arc;

use postern_sdk::{Context, Database, Fault, Personal, Reference, Reply};
use serde::Deserialize;
use serde_json::{Value, json};

use super::client::{Done, Wisdm};
use super::document::Draft;
use super::error::WisdmError;
use super::note::{Note, Stage};
use super::request::Sender;
use super::rules::Rule;
use crate::engine::Shared;
use crate::engine::record::{Body, Section};
use crate::grants::{Decision, Operation};
use crate::ids::new_id;
use crate::journal::{Entry, Kind};
use crate::lane::{Frame, Handled, Handler, Handling, Receipt};

/// What is done with a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// It is reported.
    Report,
    /// Its record is withdrawn.
    Withdraw,
}

impl Act {
    const fn code(self) -> &'static str {
        match self {
            Self::Report => "report",
            Self::Withdraw => "withdraw",
        }
    }
}

/// Answers reports or withdrawals of one lane.
#[derive(Clone)]
pub struct DocumentsHandler {
    /// What all lanes share.
    pub shared: Arc<Shared>,
    /// The service.
    pub wisdm: Arc<Wisdm>,
    /// What the messages lack of the context.
    pub context: Context,
    /// What is done.
    pub act: Act,
}

/// A message.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Posted {
    #[serde(default)]
    context: PostedContext,
    #[serde(default)]
    document: Draft,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PostedContext {
    agency: Option<String>,
    end_user: Option<Personal<String>>,
    site: Option<String>,
    terminal: Option<String>,
    purpose: Option<String>,
}

/// Why nothing was done, or perhaps not.
enum Refused {
    /// The message: its status and stable name.
    Message(u16, &'static str),
    Rules(Vec<Rule>),
    Service(WisdmError),
}

impl From<Vec<Rule>> for Refused {
    fn from(rules: Vec<Rule>) -> Self {
        Self::Rules(rules)
    }
}

impl From<WisdmError> for Refused {
    fn from(error: WisdmError) -> Self {
        Self::Service(error)
    }
}

impl Handler for DocumentsHandler {
    fn handle(&self, frame: Frame) -> Handling {
        let handler = self.clone();
        Box::pin(async move {
            let reference = Reference(new_id(handler.shared.clock.now()));
            let reply = match handler.answer(&frame, reference).await {
                Ok(told) => reply(200, &told),
                Err(refused) => refused.reply(reference),
            };
            Handled { replies: vec![reply], ..Handled::default() }
        })
    }

    fn sent(&self, _receipt: Receipt, _written: bool) {}

    fn refuse(&self, fault: Fault, _client: Option<&str>) -> Reply {
        reply(500, &json!({ "outcome": "refused", "code": fault.code.as_str() }))
    }
}

impl DocumentsHandler {
    async fn answer(&self, frame: &Frame, reference: Reference) -> Result<Value, Refused> {
        let Posted { context, document } =
            serde_json::from_slice(&frame.bytes).map_err(|_| Refused::Message(400, "malformed"))?;
        let sender = Sender { context: self.context_of(context, frame), exchange: reference };
        if !sender.context.missing().is_empty() {
            return Err(Refused::Message(422, "context"));
        }
        self.admit(&sender.context, &document)?;
        match self.act {
            Act::Report => self.report(&document, &sender).await,
            Act::Withdraw => self.withdraw(&document, &sender).await,
        }
    }

    fn context_of(&self, posted: PostedContext, frame: &Frame) -> Context {
        let PostedContext { agency, end_user, site, terminal, purpose } = posted;
        let mut context = Context { agency, end_user, site, terminal, purpose, ..Context::default() };
        context.supply(&self.context);
        context.client.clone_from(&frame.client.name);
        context
    }

    /// Whether the client may manage documents of this type. One without a type may be of either database.
    fn admit(&self, context: &Context, draft: &Draft) -> Result<(), Refused> {
        let section = self.wisdm.section();
        let databases = match self.wisdm.rules().check_type(&draft.doc_type) {
            Ok(code) if section.is_administrative(&code) => vec![Database::Sad],
            Ok(_) => vec![Database::Sltd],
            Err(_) => vec![Database::Sltd, Database::Sad],
        };
        let grants = self.shared.grants.load();
        match grants.decide(context, Operation::Report, databases, self.shared.clock.read()) {
            Decision::Granted { barred, .. } if barred.is_empty() => Ok(()),
            _ => {
                tracing::warn!(client = context.client, "A client may not manage documents.");
                Err(Refused::Message(403, "denied"))
            }
        }
    }

    async fn report(&self, draft: &Draft, sender: &Sender) -> Result<Value, Refused> {
        let document = self.wisdm.rules().check(draft)?;
        self.note(sender, Stage::Asked, Vec::new(), None).await?;
        let done = self.wisdm.report(&document, sender).await;
        let records: Vec<String> = done.iter().filter_map(|done| done.told.clone()).collect();
        self.note(sender, Stage::Ended, records, Some(done.as_ref().map(drop_told))).await?;
        let done = done?;
        Ok(told("reported", sender, &done.told, &done))
    }

    async fn withdraw(&self, draft: &Draft, sender: &Sender) -> Result<Value, Refused> {
        let number = self.wisdm.rules().check_number(&draft.number)?;
        let doc_type = match draft.doc_type.as_str() {
            "" => None,
            text => Some(self.wisdm.rules().check_type(text)?),
        };
        let held = self.wisdm.find(&number, doc_type.as_ref(), sender).await?;
        let records = vec![held.id.clone()];
        self.note(sender, Stage::Asked, records.clone(), None).await?;
        let done = self.wisdm.withdraw(&held.id, sender).await;
        self.note(sender, Stage::Ended, records, Some(done.as_ref().map(drop_told))).await?;
        let done = done?;
        Ok(told("withdrawn", sender, &Some(held.id), &done))
    }

    /// Writes a note into the journal, and returns when it is durable.
    async fn note(
        &self,
        sender: &Sender,
        stage: Stage,
        records: Vec<String>,
        ended: Option<Result<Done<()>, &WisdmError>>,
    ) -> Result<(), Refused> {
        let done = ended.as_ref().and_then(|ended| ended.as_ref().ok());
        let note = Note {
            matter: sender.exchange.0,
            stage,
            at: self.shared.clock.now(),
            environment: sender.context.environment,
            operation: self.act.code().to_owned(),
            end_user: sender.context.end_user.clone().unwrap_or_else(|| Personal::from("")),
            records,
            reference_in_country: done.map(|done| done.reference_in_country.clone()),
            request_id: done.and_then(|done| done.request_id.clone()),
            list: None,
            count: None,
            outcome: ended.map(|ended| ended.map_or_else(WisdmError::code, |_| "done").to_owned()),
        };
        let body = Body::new().json(Section::Managed, &note).into_bytes();
        let entry = Entry::new(Kind::Administrative, new_id(note.at), body);
        let written = self.shared.journal.append(entry).await;
        written
            .map(drop)
            .map_err(|_| Refused::Message(503, if stage == Stage::Asked { "unable" } else { "unrecorded" }))
    }
}

fn drop_told<T>(done: &Done<T>) -> Done<()> {
    let Done { reference_in_country, request_id, .. } = done;
    Done { told: (), reference_in_country: reference_in_country.clone(), request_id: request_id.clone() }
}

fn told<T>(outcome: &str, sender: &Sender, id: &Option<String>, done: &Done<T>) -> Value {
    json!({
        "outcome": outcome, "reference": sender.exchange, "id": id,
        "reference_in_country": done.reference_in_country, "request_id": done.request_id,
    })
}

impl Refused {
    fn reply(&self, reference: Reference) -> Reply {
        match self {
            Self::Message(status, code) => reply(
                *status,
                &json!({ "outcome": "refused", "reference": reference, "code": code, "in_doubt": *code == "unrecorded" }),
            ),
            Self::Rules(rules) => {
                let body = json!({ "outcome": "refused", "reference": reference, "code": "rules_broken", "rules": rules, "in_doubt": false });
                reply(422, &body)
            }
            Self::Service(error) => {
                let status = if matches!(error, WisdmError::Failed { .. } | WisdmError::Unusable(_)) {
                    502
                } else {
                    409
                };
                let body = json!({ "outcome": "refused", "reference": reference, "code": error.code(), "in_doubt": error.in_doubt() });
                reply(status, &body)
            }
        }
    }
}

fn reply(status: u16, body: &Value) -> Reply {
    let mut reply = Reply::new(body.to_string(), "application/json");
    reply.http_status = status;
    reply
}
