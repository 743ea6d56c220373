//! Who a client is.

use std::fmt;

/// How many characters a client's name has at most.
const NAME_CHARS_MAX: usize = 64;

/// By what a client is named, the strongest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IdentifiedBy {
    /// Its verified certificate.
    Certificate,
    /// Its bearer token.
    Token,
    /// The lane's config, which names whoever can connect.
    Lane,
}

impl IdentifiedBy {
    /// The stable name used in metrics and logs.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Token => "token",
            Self::Lane => "lane",
        }
    }
}

/// A client by the name that grants know it by. Never taken from a message.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientIdentity {
    /// The name: see [`is_client_name`].
    pub name: String,
    /// By what it is named.
    pub by: IdentifiedBy,
}

impl ClientIdentity {
    /// A client that a certificate, token or lane names.
    pub fn new(name: impl Into<String>, by: IdentifiedBy) -> Self {
        Self { name: name.into(), by }
    }
}

impl fmt::Display for ClientIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (by {})", self.name, self.by.code())
    }
}

/// Whether a client may be called so: 1 to 64 printable ASCII characters, no blank at either end, so that a name
/// looks the same in a grant, a certificate, a log and a metric.
pub fn is_client_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.len())
        && name.bytes().all(|b| b == b' ' || b.is_ascii_graphic())
        && !name.starts_with(' ')
        && !name.ends_with(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves which names a client may have.
    #[test]
    fn names_are_confined() {
        for good in ["egate-1", "Booth 4 / Hall B", "x", &"n".repeat(64)] {
            assert!(is_client_name(good), "{good}");
        }
        for bad in ["", " egate", "egate ", "e\ngate", "égate", &"n".repeat(65)] {
            assert!(!is_client_name(bad), "{bad}");
        }
    }
}
