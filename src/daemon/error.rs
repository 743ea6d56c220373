//! Why the daemon can't start.

use std::fmt;

/// Why the daemon can't start. The text says what to do.
#[derive(Debug)]
pub struct StartError {
    kind: Kind,
    text: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// The configuration, or a file that it names, can't be used. Remedy: mend it; `postern check` tells the rest.
    Config,
    /// Something outside is not there: an address is taken, the journal is in use. Remedy: free it and start again.
    Unavailable,
}

impl StartError {
    /// Something of the configuration.
    pub fn config(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Config, text: error.to_string() }
    }

    /// Something outside.
    pub fn unavailable(error: impl fmt::Display) -> Self {
        Self { kind: Kind::Unavailable, text: error.to_string() }
    }

    /// Whether the configuration, or a file that it names, can't be used. Otherwise something outside is not there.
    pub const fn is_config(&self) -> bool {
        matches!(self.kind, Kind::Config)
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl std::error::Error for StartError {}
