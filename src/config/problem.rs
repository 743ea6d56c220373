//! What is wrong with a configuration, where, and what to do about it.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

/// A place in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: Arc<Path>,
    /// The line, from 1; 0 if the file as a whole is meant.
    pub line: u32,
    /// The column in characters, from 1; 0 if the file as a whole is meant.
    pub column: u32,
}

impl Place {
    /// A file as a whole.
    pub fn file(path: &Path) -> Self {
        Self { file: path.into(), line: 0, column: 0 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.file.display())?;
        if self.line == 0 { Ok(()) } else { write!(f, ":{}:{}", self.line, self.column) }
    }
}

/// Whether a problem keeps Postern from starting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// Postern does not start.
    Error,
    /// Postern starts, and something will not be as one may think.
    Warning,
}

/// One thing that is wrong with a configuration. Its text is made of keys, names and paths; it never holds a secret,
/// because secrets never stand in the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Whether it keeps Postern from starting.
    pub severity: Severity,
    /// Where it shows.
    pub place: Place,
    /// The key in full, such as `lane.gate.policy`. Empty if the file as a whole is meant.
    pub key: String,
    /// What is wrong.
    pub cause: String,
    /// What to do.
    pub remedy: String,
}

impl Problem {
    /// A problem that keeps Postern from starting.
    pub fn error(
        place: Place,
        key: impl Into<String>,
        cause: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        let severity = Severity::Error;
        Self { severity, place, key: key.into(), cause: cause.into(), remedy: remedy.into() }
    }
}

/// `postern.toml:14:10: lane.gate.policy: no policy "egate" is defined; remedy: define [policy.egate]`
impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        write!(f, "{}; remedy: {}", self.cause, self.remedy)
    }
}

impl std::error::Error for Problem {}
