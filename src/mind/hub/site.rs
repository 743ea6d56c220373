//! What a hub knows of one site: its name, its keys, and whether it may have the copy.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Length of a site's name in bytes.
const NAME_BYTES_MAX: usize = 64;

/// Whether a site may have the copy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Nothing is known of it.
    Unknown,
    /// It has sent a key, which nobody has approved yet.
    Requested,
    /// It is served.
    Enrolled,
    /// It was enrolled and is not served any more.
    Revoked,
}

impl Status {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Requested => "requested",
            Self::Enrolled => "enrolled",
            Self::Revoked => "revoked",
        }
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// A public key of a site, and since when it is what it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// The line of its key file.
    pub public: String,
    /// Its id.
    pub id: String,
    /// Since when.
    pub at: Timestamp,
}

/// A key that is never wrapped to again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revoked {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// The generations that it could open, `dataset.generation`: who kept their key files still can.
    pub generations: Vec<String>,
}

/// A site. What is stored is what the operator reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    pub(super) format: u32,
    /// Its name, as its certificate says it.
    pub site: String,
    /// The key that it has sent and that nobody has approved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requested: Option<Key>,
    /// The key that generation keys are wrapped to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enrolled: Option<Key>,
    /// The keys that were revoked or replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub revoked: Vec<Revoked>,
}

impl Site {
    pub(super) fn new(site: &str) -> Self {
        Self { format: 1, site: site.to_owned(), requested: None, enrolled: None, revoked: Vec::new() }
    }

    /// Whether it may have the copy.
    pub const fn status(&self) -> Status {
        match (&self.enrolled, self.revoked.is_empty(), &self.requested) {
            (Some(_), ..) => Status::Enrolled,
            (None, false, _) => Status::Revoked,
            (None, true, Some(_)) => Status::Requested,
            (None, true, None) => Status::Unknown,
        }
    }

    /// Whether a key of it was revoked.
    pub(super) fn has_revoked(&self, id: &str) -> bool {
        self.revoked.iter().any(|revoked| revoked.id == id)
    }
}

/// Whether a site may be called so: 1 to 64 of `a-z 0-9 _ -`, so that its name is fit to be that of a file.
pub fn is_site_name(name: &str) -> bool {
    let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
    (1..=NAME_BYTES_MAX).contains(&name.len()) && name.bytes().all(fits)
}
