//! Answers that are no good, made of good ones.

use crate::find::profile::{Operation, Profile};

use super::act::Wrong;
use super::seed::Seed;

const PAGE: &str = "<!DOCTYPE html>\n<html><head><title>Service unavailable</title></head>\
    <body><h1>Maintenance</h1><p>Please try again later.</p></body></html>\n";
/// Bytes of garbage.
const GARBAGE_BYTES: usize = 512;
/// The reference that is echoed in place of the request's.
const OTHER_REFERENCE: &str = "ANOTHER-REQUEST";

/// Whose answer is spoilt.
pub(super) struct Answered<'a> {
    pub(super) profile: &'a Profile,
    /// The operation that is answered.
    pub(super) own: Option<&'a Operation>,
    /// Another one of the service.
    pub(super) other: Option<&'a Operation>,
}

/// A body and its media type.
pub(super) type Spoilt = (Vec<u8>, String);

impl Answered<'_> {
    /// The answer as it is no good.
    pub(super) fn spoil(&self, text: String, wrong: Wrong, seed: &mut Seed) -> Spoilt {
        let media_type = self.profile.http.content_type.clone();
        match wrong {
            Wrong::Html => (PAGE.into(), "text/html; charset=utf-8".into()),
            Wrong::ContentType => (text.into_bytes(), "application/json".into()),
            Wrong::Reference => (self.other_reference(&text).into_bytes(), media_type),
            Wrong::Operation => (self.other_operation(&text).into_bytes(), media_type),
            Wrong::TwoResults => (self.twice(&text).into_bytes(), media_type),
            Wrong::Garbage => (garbage(seed), media_type),
            Wrong::Empty => (Vec::new(), media_type),
        }
    }

    fn other_reference(&self, text: &str) -> String {
        let element = &self.profile.reply.reference;
        match between(text, &format!("<{element}>"), &format!("</{element}>")) {
            Some((before, _, after)) => format!("{before}<{element}>{OTHER_REFERENCE}</{element}>{after}"),
            None => text.to_owned(),
        }
    }

    fn other_operation(&self, text: &str) -> String {
        let (Some(own), Some(other)) = (self.own, self.other) else { return text.to_owned() };
        // The longer name first: it may begin with the shorter.
        let mut names = [(&own.response, &other.response), (&own.result, &other.result)];
        names.sort_by_key(|(own, _)| std::cmp::Reverse(own.len()));
        names.into_iter().fold(text.to_owned(), |text, (own, other)| {
            text.replace(&format!("<{own}"), &format!("<{other}"))
                .replace(&format!("</{own}>"), &format!("</{other}>"))
        })
    }

    fn twice(&self, text: &str) -> String {
        let Some(operation) = self.own else { return text.to_owned() };
        let (begin, end) = (format!("<{}>", operation.result), format!("</{}>", operation.result));
        match between(text, &begin, &end) {
            Some((before, result, after)) => {
                format!("{before}{begin}{result}{end}{begin}{result}{end}{after}")
            }
            None => text.to_owned(),
        }
    }
}

/// What stands before, between and after two marks.
fn between<'a>(text: &'a str, begin: &str, end: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (before, rest) = text.split_once(begin)?;
    let (inner, after) = rest.rsplit_once(end)?;
    Some((before, inner, after))
}

fn garbage(seed: &mut Seed) -> Vec<u8> {
    (0..GARBAGE_BYTES).map(|_| u8::try_from(seed.below(256)).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "<SearchResponse xmlns=\"urn:x\"><SearchResult><resultCode>NO_ANSWER</resultCode>\
        <referenceInCountry>UTO-1</referenceInCountry></SearchResult></SearchResponse>";

    // Proves what becomes of an answer in each way.
    #[test]
    fn ways() {
        let profile = Profile::built_in();
        let service = &profile.service[0];
        let (own, other) = (Some(&service.search), Some(&service.details));
        let answered = Answered { profile: &profile, own, other };
        let spoilt = |wrong| {
            let (bytes, media_type) = answered.spoil(ANSWER.to_owned(), wrong, &mut Seed::new(1));
            (String::from_utf8_lossy(&bytes).into_owned(), media_type)
        };
        assert!(spoilt(Wrong::Html).0.contains("<html>") && spoilt(Wrong::Html).1.starts_with("text/html"));
        assert_eq!(spoilt(Wrong::ContentType), (ANSWER.to_owned(), "application/json".to_owned()));
        let reference = ANSWER.replace("UTO-1", OTHER_REFERENCE);
        assert_eq!(spoilt(Wrong::Reference).0, reference);
        let operation = ANSWER.replace("SearchRes", "DetailsRes");
        assert_eq!(spoilt(Wrong::Operation).0, operation);
        assert_eq!(spoilt(Wrong::TwoResults).0.matches("<SearchResult>").count(), 2);
        assert!(!spoilt(Wrong::Garbage).0.contains('<') || spoilt(Wrong::Garbage).0 != ANSWER);
        assert_eq!(spoilt(Wrong::Empty).0, "");
    }
}
