//! What is wrong with a message.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::Personal;

/// A stable, lower-case name of what is wrong, such as `mrz_length`. It never holds anything of the message.
///
/// Each adapter documents its own codes; those of the host are constants here.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct FaultCode(Cow<'static, str>);

impl FaultCode {
    /// The answer could not be made durable in time: unable to answer, refer.
    pub const UNABLE: Self = Self::new("unable_to_answer");
    /// Too many messages are in flight.
    pub const BUSY: Self = Self::new("busy");
    /// The client has no grant.
    pub const DENIED: Self = Self::new("denied");
    /// The sender's id stands for another question within the window.
    pub const SENDER_ID_REUSED: Self = Self::new("sender_id_reused");
    /// The frame is larger than the lane allows.
    pub const TOO_LARGE: Self = Self::new("frame_too_large");
    /// The bytes don't follow the lane's framing.
    pub const FRAMING: Self = Self::new("framing");
    /// The context lacks a field without which nothing is asked.
    pub const CONTEXT: Self = Self::new("context_incomplete");
    /// The message asks about nothing.
    pub const EMPTY: Self = Self::new("no_subject");
    /// The message asks about more subjects than the lane allows.
    pub const TOO_MANY_SUBJECTS: Self = Self::new("too_many_subjects");
    /// A control or part that the lane can't serve.
    pub const UNSUPPORTED: Self = Self::new("unsupported");
    /// Something failed inside Postern.
    pub const INTERNAL: Self = Self::new("internal");

    /// A code known when the adapter is compiled.
    pub const fn new(code: &'static str) -> Self {
        Self(Cow::Borrowed(code))
    }

    /// A code that an adapter without Rust gives: kept if it is 1 to 64 of `[a-z0-9_]`, else `adapter_fault`.
    pub fn given(code: &str) -> Self {
        let fits = (1..=64).contains(&code.len())
            && code.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
        if fits { Self(Cow::Owned(code.to_owned())) } else { Self::new("adapter_fault") }
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FaultCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is wrong with a message, and where. It never holds anything of the message that could be personal in clear.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Fault {
    /// What is wrong.
    pub code: FaultCode,
    /// The byte offset in the message at which it shows, if it shows at one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The field that is wrong, by its name in the format's documentation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<Cow<'static, str>>,
    /// The sender's id of the message, if it could still be read, so that the refusal can carry it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sender_id: Option<String>,
    /// What the adapter needs to refuse in the native form.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub native: BTreeMap<String, Personal<String>>,
}

impl Fault {
    /// A fault of which only the code is known.
    pub const fn new(code: FaultCode) -> Self {
        Self { code, offset: None, field: None, sender_id: None, native: BTreeMap::new() }
    }

    /// The fault at a byte offset.
    #[must_use]
    pub fn at(mut self, offset: usize) -> Self {
        self.offset = u64::try_from(offset).ok();
        self
    }

    /// The fault in a field.
    #[must_use]
    pub fn field(mut self, field: impl Into<Cow<'static, str>>) -> Self {
        self.field = Some(field.into());
        self
    }

    /// The fault of a message with this sender's id.
    #[must_use]
    pub fn of(mut self, sender_id: Option<String>) -> Self {
        self.sender_id = sender_id;
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)?;
        if let Some(field) = &self.field {
            write!(f, " in {field}")?;
        }
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that a code from outside can't carry content, and how a fault reads.
    #[test]
    fn given_codes_are_confined() {
        assert_eq!(FaultCode::given("bad_date").as_str(), "bad_date");
        for code in ["", "Bad Date", "ERIKSSON<<ANNA", &"x".repeat(65)] {
            assert_eq!(FaultCode::given(code).as_str(), "adapter_fault");
        }
        let fault = Fault::new(FaultCode::given("bad_date")).field("birth").at(17);
        assert_eq!(fault.to_string(), "bad_date in birth at byte 17");
    }
}
