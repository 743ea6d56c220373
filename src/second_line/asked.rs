//! What is posted.

use postern_sdk::{Context, Database, Personal, Reference};
use serde::{Deserialize, Serialize};

use super::refusal::Refusal;
use crate::find::{IMAGE_PATH, NOTICE_PATH, Wanted};
use crate::grants::Operation;

/// The version of the messages.
pub(super) const VERSION: u32 = 1;
/// Characters of a text at most.
const TEXT_CHARS_MAX: usize = 256;

/// What is wanted of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// All that the record says.
    Details,
    /// A notice.
    Notice,
    /// An image.
    Image,
}

impl What {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Details => "details",
            Self::Notice => "notice",
            Self::Image => "image",
        }
    }

    /// The operation that a grant must have.
    pub(super) const fn operation(self) -> Operation {
        match self {
            Self::Details => Operation::Details,
            Self::Notice | Self::Image => Operation::Images,
        }
    }

    /// The detail of a record that holds the paths of such files.
    pub(super) const fn detail(self) -> Option<&'static str> {
        match self {
            Self::Details => None,
            Self::Notice => Some(NOTICE_PATH),
            Self::Image => Some(IMAGE_PATH),
        }
    }
}

/// A message about a record in full.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedDetails {
    version: Option<u32>,
    #[serde(default)]
    context: PostedContext,
    exchange: Reference,
    database: Database,
    record: String,
}

/// A message about a file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PostedFile {
    version: Option<u32>,
    #[serde(default)]
    context: PostedContext,
    exchange: Reference,
    database: Database,
    record: String,
    kind: PostedKind,
    path: Personal<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum PostedKind {
    Notice,
    Image,
}

/// Who asks now. Purpose and silence are the screening's.
#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct PostedContext {
    agency: Option<String>,
    end_user: Option<Personal<String>>,
    site: Option<String>,
    terminal: Option<String>,
}

/// What is asked for, as it was understood.
pub(super) struct Asked {
    context: PostedContext,
    /// The screening that it belongs to.
    pub(super) exchange: Reference,
    pub(super) database: Database,
    pub(super) record: String,
    pub(super) what: What,
    /// The file's path; none of details.
    pub(super) path: Option<Personal<String>>,
}

impl Asked {
    /// Reads a message about details.
    pub(super) fn details(bytes: &[u8]) -> Result<Self, Refusal> {
        let PostedDetails { version, context, exchange, database, record } = read(bytes)?;
        Self { context, exchange, database, record, what: What::Details, path: None }.checked(version)
    }

    /// Reads a message about a file.
    pub(super) fn file(bytes: &[u8]) -> Result<Self, Refusal> {
        let PostedFile { version, context, exchange, database, record, kind, path } = read(bytes)?;
        let what = match kind {
            PostedKind::Notice => What::Notice,
            PostedKind::Image => What::Image,
        };
        Self { context, exchange, database, record, what, path: Some(path) }.checked(version)
    }

    fn checked(self, version: Option<u32>) -> Result<Self, Refusal> {
        if version.unwrap_or(VERSION) != VERSION {
            return Err(Refusal::VersionUnknown);
        }
        let PostedContext { agency, end_user, site, terminal } = &self.context;
        let end_user = end_user.as_ref().map(Personal::reveal);
        let path = self.path.as_ref().map(Personal::reveal);
        let texts = [agency.as_ref(), end_user, site.as_ref(), terminal.as_ref(), path, Some(&self.record)];
        texts.into_iter().flatten().try_for_each(|text| check(text))?;
        Ok(self)
    }

    pub(super) fn wanted(&self) -> Wanted<'_> {
        let path = self.path.as_ref().map_or("", |path| path.reveal());
        match self.what {
            What::Details => Wanted::Details,
            What::Notice => Wanted::Notice(path),
            What::Image => Wanted::Image(path),
        }
    }

    /// Who asks, where and why: what the message says of it, and else what the screening said; purpose, operation and
    /// silence are always the screening's, and the client the one that asks now.
    pub(super) fn context(&self, screening: &Context, lane: &Context, client: &str) -> Context {
        let PostedContext { agency, end_user, site, terminal } = &self.context;
        let mut context = Context {
            agency: agency.clone(),
            end_user: end_user.clone(),
            site: site.clone(),
            terminal: terminal.clone(),
            ..Context::default()
        };
        context.supply(screening);
        context.supply(lane);
        context.purpose.clone_from(&screening.purpose);
        context.operation.clone_from(&screening.operation);
        client.clone_into(&mut context.client);
        context
    }
}

fn read<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Refusal> {
    serde_json::from_slice(bytes).map_err(
        |error| {
            if error.is_data() { Refusal::Content } else { Refusal::Syntax }
        },
    )
}

fn check(text: &str) -> Result<(), Refusal> {
    match text.chars().count() {
        0 => Err(Refusal::TextEmpty),
        1..=TEXT_CHARS_MAX if text.chars().any(char::is_control) => Err(Refusal::TextCharacter),
        1..=TEXT_CHARS_MAX => Ok(()),
        _ => Err(Refusal::TextTooLong),
    }
}
