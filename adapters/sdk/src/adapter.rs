//! The contract that every adapter keeps, whether built in, mapped, a process or sandboxed.
//!
//! An adapter translates one native format in both directions and does nothing else. It is pure: bytes in, values out;
//! no clock, no network, no disk, no state between calls. What it would need of those, the host gives it: the time and
//! the reference in a [`Stamp`], the link's settings in [`LinkOptions`]. So each adapter can be tested on files, fuzzed,
//! replayed and sandboxed.
//!
//! The host promises in turn: it calls `encode` with one [`Told`] a subject in the order of the exchange, already
//! stripped to the client's view; it turns a fault in encoding into a refusal, never into silence; and it catches a
//! panic, which costs that message and no other.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{Environment, Exchange, Fault, Personal, Reference, Told, View};

/// The version of this contract. A host refuses an adapter of another one.
pub const CONTRACT_VERSION: u16 = 1;

/// What an adapter is, for `postern adapters` and the checks at start.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AdapterDescription {
    /// The name under which a lane's config asks for it.
    pub name: Cow<'static, str>,
    /// One line on the format.
    pub summary: Cow<'static, str>,
    /// The contract version that it was written for.
    pub contract: u16,
    /// The options that it understands, each with a line of documentation.
    pub options: BTreeMap<Cow<'static, str>, Cow<'static, str>>,
}

/// The settings of one link.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LinkOptions {
    /// Whether deviations from the format's standard are refused rather than reported.
    pub strict: bool,
    /// The adapter's own options, by the names of its description.
    pub options: BTreeMap<String, serde_json::Value>,
}

/// What the host adds to an answer or refusal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Stamp {
    /// The exchange's reference.
    pub reference: Reference,
    /// The time of the answer.
    #[schemars(with = "String")]
    pub at: Timestamp,
    /// A number that counts up a link, for formats that number their interchanges.
    pub control: u64,
    /// The client's view.
    pub view: View,
    /// Whether this is training.
    pub environment: Environment,
}

/// Whether an encoding answers a question, or brings news of one that was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// The answer.
    Answer,
    /// Unsolicited news: a late hit.
    Update,
}

/// One thing that a frame holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Inbound {
    /// A whole question.
    Query(Exchange),
    /// A part of a question; the lane assembles the parts of one key, with limits and a deadline.
    Part(Part),
    /// Something about an earlier message, or about the link.
    Control(Control),
    /// Bytes that are no message.
    Fault(Fault),
}

/// A part of a question that is sent in several frames.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Part {
    /// What the parts of one question have in common, unique on the link while they arrive.
    pub key: Personal<String>,
    /// The part's place, from 0.
    pub index: u32,
    /// Whether this is the last part by place.
    pub last: bool,
    /// What the part holds. The assembled exchange has the first part's context and all parts' subjects in order.
    pub exchange: Exchange,
}

/// Something about an earlier message, or about the link.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Control {
    /// The sender has our message of this native reference.
    Ack(Personal<String>),
    /// The sender takes back its message of this native reference.
    Cancel(Personal<String>),
    /// The sender's series of messages of this native reference is at its end.
    Close(Personal<String>),
    /// The sender asks for this text back.
    Echo(Personal<String>),
}

/// Bytes for the sender.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Reply {
    /// The message, without the lane's framing.
    pub body: Vec<u8>,
    /// The media type, for transports that carry one.
    pub content_type: Cow<'static, str>,
    /// The HTTP status, if the transport is HTTP.
    pub http_status: u16,
}

impl Reply {
    /// A message that answers (HTTP status 200).
    pub fn new(body: impl Into<Vec<u8>>, content_type: impl Into<Cow<'static, str>>) -> Self {
        Self { body: body.into(), content_type: content_type.into(), http_status: 200 }
    }
}

/// A reply holds personal data, so only its size is shown.
impl std::fmt::Debug for Reply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Reply({} bytes, {}, {})", self.body.len(), self.content_type, self.http_status)
    }
}

/// Translates one native format in both directions. See the module's document for what both sides promise.
pub trait Adapter: Send + Sync {
    /// What the adapter is.
    fn describe(&self) -> AdapterDescription;

    /// The inbounds of one frame, in order. Never empty: bytes that are nothing are a fault.
    fn decode(&self, bytes: &[u8], options: &LinkOptions) -> Vec<Inbound>;

    /// The replies to an exchange, at least one.
    ///
    /// # Errors
    /// A fault if the format can't say it; the host then refuses in the native form.
    fn encode(
        &self,
        exchange: &Exchange,
        told: &[Told],
        message: Message,
        stamp: &Stamp,
    ) -> Result<Vec<Reply>, Fault>;

    /// The native refusal: it asserts nothing and means refer.
    fn refuse(&self, fault: &Fault, stamp: &Stamp) -> Reply;

    /// The reply to a control, if the format has one.
    fn acknowledge(&self, _control: &Control, _stamp: &Stamp) -> Option<Reply> {
        None
    }
}
