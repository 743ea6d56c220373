//! What can become of one request. The same words stand in a mix, in a script and beside a number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What becomes of a request, as one word: `natural`, `fault`, `hang`, `close`, `cut`, `http` with a status (`http 503`), one
/// of the words of [`Wrong`], or the code of a result by the profile's name or number (`TIME_OUT`).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub enum Act {
    /// It is answered as the records say.
    Natural,
    /// A SOAP fault, with the status 500.
    Fault,
    /// It is read, and nothing comes.
    Hang,
    /// The connection is closed without a byte.
    Close,
    /// The answer begins, and the connection is closed in its middle.
    Cut,
    /// Nothing but this HTTP status.
    Http(u16),
    /// An answer that is no good.
    Wrong(Wrong),
    /// The answer has this result. With a code of failure there is no payload.
    Result(String),
}

/// How an answer is no good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wrong {
    /// A page in HTML with the status 200, as proxies and portals have them.
    Html,
    /// The right answer, said to be JSON.
    ContentType,
    /// The right answer to another reference.
    Reference,
    /// The response of another operation.
    Operation,
    /// Two results.
    TwoResults,
    /// Bytes that are nothing.
    Garbage,
    /// No byte at all, with the status 200.
    Empty,
}

impl Wrong {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Html,
        Self::ContentType,
        Self::Reference,
        Self::Operation,
        Self::TwoResults,
        Self::Garbage,
        Self::Empty,
    ];

    /// The word.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Html => "html",
            Self::ContentType => "content_type",
            Self::Reference => "reference",
            Self::Operation => "operation",
            Self::TwoResults => "two_results",
            Self::Garbage => "garbage",
            Self::Empty => "empty",
        }
    }
}

/// The acts of one word that is their own.
const WORDS: [(&str, Act); 5] = [
    ("natural", Act::Natural),
    ("fault", Act::Fault),
    ("hang", Act::Hang),
    ("close", Act::Close),
    ("cut", Act::Cut),
];

impl From<String> for Act {
    fn from(text: String) -> Self {
        let own = WORDS.iter().find(|(word, _)| *word == text).map(|(_, act)| act.clone());
        let wrong = || Wrong::ALL.into_iter().find(|wrong| wrong.code() == text).map(Self::Wrong);
        let status = || text.strip_prefix("http ").and_then(|status| status.parse().ok()).map(Self::Http);
        own.or_else(wrong).or_else(status).unwrap_or(Self::Result(text))
    }
}

impl fmt::Display for Act {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http(status) => write!(f, "http {status}"),
            Self::Wrong(wrong) => f.write_str(wrong.code()),
            Self::Result(code) => f.write_str(code),
            own => f.write_str(WORDS.iter().find(|(_, act)| act == own).map_or("natural", |(word, _)| word)),
        }
    }
}

impl From<Act> for String {
    fn from(act: Act) -> Self {
        act.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that each word is read as the act that writes it, and any other as a result's code.
    #[test]
    fn words() {
        let wrong = Wrong::ALL.into_iter().map(Act::Wrong);
        let others = [Act::Http(503), Act::Result("TIME_OUT".into())];
        for act in WORDS.iter().map(|(_, act)| act.clone()).chain(wrong).chain(others) {
            assert_eq!(Act::from(act.to_string()), act);
        }
        assert_eq!(Act::from("http many".to_owned()), Act::Result("http many".into()));
    }
}
