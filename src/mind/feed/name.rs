//! What a feed is, by its name, and what its sidecar says of it.
//!
//! `<dataset>[.changes|.differences].<anything>.csv`, and `notices.<anything>.json`. When the data was extracted is the
//! last word before the ending if it is a time in the form `20260301T104200Z`, or stands in the sidecar
//! `<name>.meta`, which counts more.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde::Deserialize;

use crate::mind::Dataset;

/// Longest name in bytes: room for what is put before and after it.
const NAME_BYTES_MAX: usize = 180;
/// The form of a time in a name.
const TIME_FORM: &str = "%Y%m%dT%H%M%SZ";

/// What a feed is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feed {
    /// Records that are found by number, in CSV.
    Records(Dataset, Build),
    /// All public notices, in the JSON that [`super::notices`] reads: they become the next state of the persons in
    /// [`Dataset::Notices`], a snapshot in a new generation.
    Notices,
}

impl Feed {
    /// The dataset of which it becomes a version.
    pub const fn dataset(self) -> Dataset {
        match self {
            Self::Records(dataset, _) => dataset,
            Self::Notices => Dataset::Notices,
        }
    }

    /// How the next state is built from it.
    pub const fn build(self) -> Build {
        match self {
            Self::Records(_, build) => build,
            Self::Notices => Build::Snapshot,
        }
    }
}

/// What the rows of a feed are, and so how the next state is built from them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Build {
    /// All records: a snapshot, which begins a new generation.
    Snapshot,
    /// Changes of the newest state.
    Changes,
    /// All records: what differs from the newest state becomes its change.
    Differences,
}

impl Build {
    /// Whether the rows are all records, so that nothing that came before is missed.
    pub const fn is_full(self) -> bool {
        !matches!(self, Self::Changes)
    }

    /// The word in a name, none for a snapshot.
    const fn word(self) -> &'static str {
        match self {
            Self::Snapshot => "",
            Self::Changes => ".changes",
            Self::Differences => ".differences",
        }
    }
}

/// The name of a feed, read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedName {
    /// What it is of.
    pub feed: Feed,
    /// When the data was extracted, if the name says it.
    pub as_of: Option<Timestamp>,
}

impl FeedName {
    /// Whether a file can be a feed at all: others in the folder (sidecars, what is being written) are left alone.
    pub fn is_one(name: &str) -> bool {
        !name.starts_with('.') && (name.ends_with(".csv") || name.ends_with(".json"))
    }

    /// Reads a name. None if it is not of the form.
    pub fn parse(name: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
        if name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) {
            return None;
        }
        let (stem, ending) = name.rsplit_once('.')?;
        let (first, rest) = stem.split_once('.')?;
        let (feed, rest) = match (first, ending) {
            // Notices are never changes, and what is called so must not be taken for all of them.
            ("notices", "json") => match build_of(rest)? {
                (Build::Snapshot, rest) => (Feed::Notices, rest),
                _ => return None,
            },
            (first, "csv") => {
                let dataset = Dataset::from_name(first).filter(|dataset| dataset.is_by_number())?;
                let (build, rest) = build_of(rest)?;
                (Feed::Records(dataset, build), rest)
            }
            _ => return None,
        };
        let last = rest.rsplit('.').next().filter(|last| !last.is_empty())?;
        Some(Self { feed, as_of: time(last) })
    }

    /// The name of a feed that is fetched from a source.
    pub fn of_source(dataset: Dataset, build: Build, source: &str, as_of: Timestamp) -> String {
        let ending = if dataset.is_by_number() { "csv" } else { "json" };
        format!("{dataset}{}.{source}.{}.{ending}", build.word(), as_of.strftime(TIME_FORM))
    }
}

fn build_of(rest: &str) -> Option<(Build, &str)> {
    match rest.split_once('.') {
        Some(("changes", rest)) => Some((Build::Changes, rest)),
        Some(("differences", rest)) => Some((Build::Differences, rest)),
        _ if rest == "changes" || rest == "differences" => None,
        _ => Some((Build::Snapshot, rest)),
    }
}

fn time(word: &str) -> Option<Timestamp> {
    let time = DateTime::strptime(TIME_FORM, word).ok()?;
    TimeZone::UTC.to_timestamp(time).ok()
}

/// What a sidecar says of a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Meta {
    /// When the data was extracted.
    pub(super) as_of: Option<Timestamp>,
    /// How many days after that the state's silence still says something.
    pub(super) expires_days: Option<u32>,
    /// The digest of the feed: SHA-256 in hexadecimal digits.
    pub(super) sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves which names are feeds, of what, and of what time.
    #[test]
    fn names() {
        let parsed = |name| FeedName::parse(name).map(|name| (name.feed, name.as_of.map(|t| t.to_string())));
        let records = |dataset, build| Feed::Records(dataset, build);
        let time = Some("2026-03-01T10:42:00Z".to_owned());
        for (name, expected) in [
            ("documents.20260301.csv", Some((records(Dataset::Documents, Build::Snapshot), None))),
            (
                "documents.20260301T104200Z.csv",
                Some((records(Dataset::Documents, Build::Snapshot), time.clone())),
            ),
            ("vehicles.changes.a.b.csv", Some((records(Dataset::Vehicles, Build::Changes), None))),
            (
                "vessels.differences.hub.20260301T104200Z.csv",
                Some((records(Dataset::Vessels, Build::Differences), time.clone())),
            ),
            ("notices.red.json", Some((Feed::Notices, None))),
            ("notices.20260301T104200Z.json", Some((Feed::Notices, time.clone()))),
            ("notices.changes.20260301T104200Z.json", None),
            ("notices.json", None),
            ("documents.csv", None),
            ("documents.changes.csv", None),
            ("documents..csv", None),
            ("persons.1.csv", None),
            ("notices.red.csv", None),
            ("notices.changes.red.csv", None),
            ("documents.1.json", None),
            ("documents.a b.csv", None),
            ("documents.20261301T104200Z.csv", Some((records(Dataset::Documents, Build::Snapshot), None))),
        ] {
            assert_eq!(parsed(name), expected, "{name}");
        }
        assert!(FeedName::parse(&format!("documents.{}.csv", "a".repeat(NAME_BYTES_MAX))).is_none());
    }

    // Proves that what a source's feed is called says what it is, and of what time.
    #[test]
    fn of_source() {
        let as_of: Timestamp = "2026-03-01T10:42:00Z".parse().unwrap();
        for build in [Build::Snapshot, Build::Changes, Build::Differences] {
            let name = FeedName::of_source(Dataset::Firearms, build, "ncb", as_of);
            let expected = FeedName { feed: Feed::Records(Dataset::Firearms, build), as_of: Some(as_of) };
            assert_eq!(FeedName::parse(&name), Some(expected), "{name}");
            assert!(FeedName::is_one(&name));
        }
        let name = FeedName::of_source(Dataset::Notices, Build::Snapshot, "ncb", as_of);
        assert_eq!(FeedName::parse(&name), Some(FeedName { feed: Feed::Notices, as_of: Some(as_of) }));
    }

    // Proves that sidecars, hidden files and files that are being written are not feeds.
    #[test]
    fn not_feeds() {
        for name in
            ["documents.a.csv.meta", "documents.a.csv.done", "documents.a.csv.part", ".documents.a.csv"]
        {
            assert!(!FeedName::is_one(name), "{name}");
        }
    }
}
