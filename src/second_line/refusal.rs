//! Why nothing is given.

use postern_sdk::{Reason, Reference, Reply};
use serde_json::json;

/// Why nothing is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The message is no JSON. Remedy: mend the sender.
    Syntax,
    /// A field is unknown, repeated, missing, or of another type. Remedy: compare the message with the description of the
    /// interface.
    Content,
    /// The message is of a version that this one does not know. Remedy: send version 1.
    VersionUnknown,
    /// A text is empty. Remedy: leave the field out, or fill it.
    TextEmpty,
    /// A text has more than 256 characters. Remedy: shorten it.
    TextTooLong,
    /// A text has control characters. Remedy: mend the sender.
    TextCharacter,
    /// Agency, end user, site or purpose are nowhere to be had. Remedy: name them, or let the lane's configuration supply them.
    ContextIncomplete,
    /// No grant of the client has the operation for this database, site and purpose. Remedy: ask the bureau for it.
    Denied,
    /// The lane or the grant does not let the client see all. Remedy: use a lane of the second line, with the view `full`.
    ViewNotFull,
    /// The screening is not in this instance's journal, is another client's, or did not hit this record. Remedy: screen, and
    /// take reference and record from the answer.
    RecordNotInScreening,
    /// The record does not name this file, as far as the screening's answers and fetched details say. Remedy: fetch the details first.
    FileNotOfRecord,
    /// The screening was silent, and the service is not confirmed to be. Remedy: none by machine; ask the bureau.
    SilentNotAvailable,
    /// No service has the database, or it has no such operation. Remedy: configure it.
    NotConfigured,
    /// The service has no such record or file any more. Remedy: screen again.
    NothingFound,
    /// The service did not give it, for this reason. Remedy: try again later, if it passes.
    NotFetched(Reason),
    /// The journal could not be read or written, and nothing was asked. Remedy: see the journal.
    Unable,
    /// INTERPOL was asked, and what came of it could not be recorded, so it is not told. Remedy: see the journal.
    Unrecorded,
    /// Something failed inside Postern. Remedy: report it.
    Internal,
}

impl Refusal {
    /// Each kind once.
    pub const ALL: [Self; 18] = [
        Self::Syntax,
        Self::Content,
        Self::VersionUnknown,
        Self::TextEmpty,
        Self::TextTooLong,
        Self::TextCharacter,
        Self::ContextIncomplete,
        Self::Denied,
        Self::ViewNotFull,
        Self::RecordNotInScreening,
        Self::FileNotOfRecord,
        Self::SilentNotAvailable,
        Self::NotConfigured,
        Self::NothingFound,
        Self::NotFetched(Reason::Transport),
        Self::Unable,
        Self::Unrecorded,
        Self::Internal,
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        self.kind().0
    }

    /// The HTTP status.
    pub const fn status(self) -> u16 {
        self.kind().1
    }

    /// What is wrong, in words.
    pub const fn title(self) -> &'static str {
        self.kind().2
    }

    const fn kind(self) -> (&'static str, u16, &'static str) {
        match self {
            Self::Syntax => ("json_syntax", 400, "the message is no JSON"),
            Self::Content => {
                ("json_content", 422, "a field is unknown, repeated, missing, or of another type")
            }
            Self::VersionUnknown => ("version_unknown", 422, "the version of the format is not known"),
            Self::TextEmpty => ("text_empty", 422, "the text is empty; leave the field out if there is none"),
            Self::TextTooLong => ("text_too_long", 422, "the text is longer than 256 characters"),
            Self::TextCharacter => ("text_character", 422, "the text has control characters"),
            Self::ContextIncomplete => {
                ("context_incomplete", 422, "the context lacks agency, end user, site or purpose")
            }
            Self::Denied => ("denied", 403, "the client has no grant"),
            Self::ViewNotFull => ("view_not_full", 403, "the lane or the grant does not show records"),
            Self::RecordNotInScreening => (
                "record_not_in_screening",
                403,
                "no screening of the client with this reference hit the record",
            ),
            Self::FileNotOfRecord => {
                ("file_not_of_record", 403, "the record does not name the file, as far as it was fetched")
            }
            Self::SilentNotAvailable => {
                ("silent_not_available", 409, "the screening was silent and the service may not be")
            }
            Self::NotConfigured => ("not_configured", 409, "no service gives this of the database"),
            Self::NothingFound => ("nothing_found", 404, "the service has no such record or file"),
            Self::NotFetched(_) => ("not_fetched", 502, "the service did not give it"),
            Self::Unable => ("unable_to_answer", 503, "the answer could not be made durable in time"),
            Self::Unrecorded => {
                ("unrecorded", 503, "it was asked for, and what came of it could not be recorded")
            }
            Self::Internal => ("internal", 500, "something failed inside Postern"),
        }
    }

    /// The problem document.
    pub(super) fn reply(self, reference: Reference) -> Reply {
        let mut problem = json!({
            "type": format!("urn:postern:problem:{}", self.code()),
            "title": self.title(), "status": self.status(), "code": self.code(), "reference": reference,
        });
        if let Self::NotFetched(reason) = self {
            problem["reason"] = reason.code().into();
        }
        Reply { http_status: self.status(), ..Reply::new(problem.to_string(), "application/problem+json") }
    }
}

impl From<Reason> for Refusal {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::SilentNotAvailable => Self::SilentNotAvailable,
            Reason::NotConfigured => Self::NotConfigured,
            other => Self::NotFetched(other),
        }
    }
}
