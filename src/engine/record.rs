//! What the journal's record of a screening holds.
//!
//! A record's body is a row of sections, each a tag, a length and bytes, so that one part can be read without the others
//! (a duplicate needs the reply alone), native messages stay byte for byte what they were, and a later version can add
//! a section that this one skips. Numbers are little-endian.
//!
//! ```text
//! body     = section*
//! section  = tag u16, reserved u16 (0), length u32, bytes
//! ```

use jiff::Timestamp;
use postern_sdk::{Exchange, Outcome, Reference, Reply, View};
use serde::{Deserialize, Serialize};

use crate::screening::Follow;

/// The kind of a section. The list is open: a reader skips what it does not know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Section {
    /// Client, sender's id and question, hashed ([`super::Sent`]): a duplicate is found by it.
    Sent = 1,
    /// [`Trip`] as JSON.
    Trip = 2,
    /// The [`Exchange`] as JSON.
    Exchange = 3,
    /// The outcomes of the subjects, in order, as JSON.
    Outcomes = 4,
    /// What must follow for each subject, in order, as JSON.
    Follow = 5,
    /// One reply: HTTP status u16, length of the media type u16, the media type, the body. Once a reply, in order.
    Reply = 6,
    /// The native message as it arrived.
    Native = 7,
    /// A [`postern_sdk::Fault`] as JSON, in the record of a refusal.
    Fault = 8,
    /// A [`super::late::LateRecord`] as JSON.
    Late = 9,
    /// A [`crate::mind::Purged`] as JSON: the certificate that a dataset's key was destroyed.
    Purge = 10,
    /// A [`crate::reconcile::Origin`] as JSON, in a record that came from a site: it stands before the original's sections.
    Origin = 11,
    /// A [`crate::reconcile::Import`] as JSON, in the administrative record of a bundle that was taken in.
    Import = 12,
    /// A [`crate::reconcile::Departure`] as JSON, in the administrative record of a bundle that was made.
    Departure = 13,
    /// A [`crate::recheck::RecheckRecord`] as JSON.
    Recheck = 14,
    /// A [`crate::find::Order`] as JSON: an operator's order to the breaker of a service.
    FindOrder = 15,
    /// A [`crate::wisdm::Note`] as JSON, in the administrative record of managing the country's own records.
    Managed = 16,
    /// A [`crate::batch::BatchRecord`] as JSON: a step of a batch or of one of its rows.
    Batch = 17,
    /// A [`crate::relay::RelayRecord`] as JSON.
    Relay = 18,
    /// A [`crate::second_line::FetchNote`] as JSON: that a record in full or one of its files was fetched, or refused.
    Fetch = 19,
}

/// Where a message came in and when it passed which point. Times are UTC.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// The exchange's reference.
    pub reference: Reference,
    /// The lane's name.
    pub lane: String,
    /// How much the client was told.
    pub view: View,
    /// When the last byte of the question came in.
    pub received: Timestamp,
    /// When the first database was asked.
    pub asked: Timestamp,
    /// When the outcome stood.
    pub answered: Timestamp,
    /// Size of the native message in bytes.
    pub native_bytes: u32,
    /// Whether the clock could be trusted.
    pub clock_trusted: bool,
}

/// Builds a body section by section in one buffer.
pub struct Body(Vec<u8>);

impl Default for Body {
    fn default() -> Self {
        Self::new()
    }
}

impl Body {
    /// An empty body.
    pub fn new() -> Self {
        Self(Vec::with_capacity(2_048))
    }

    /// Adds a section of bytes.
    #[must_use]
    pub fn bytes(mut self, section: Section, bytes: &[u8]) -> Self {
        self.section(section, |body| body.extend_from_slice(bytes));
        self
    }

    /// Adds a section that is JSON.
    #[must_use]
    pub fn json(mut self, section: Section, value: &impl Serialize) -> Self {
        self.section(section, |body| {
            serde_json::to_writer(body, value)
                .expect("the vocabulary has no map with keys that are not strings");
        });
        self
    }

    /// Adds a reply.
    #[must_use]
    pub fn reply(mut self, reply: &Reply) -> Self {
        self.section(Section::Reply, |body| {
            let media_type = reply.content_type.as_bytes();
            let media_type = &media_type[..media_type.len().min(usize::from(u16::MAX))];
            body.extend_from_slice(&reply.http_status.to_le_bytes());
            body.extend_from_slice(&(media_type.len() as u16).to_le_bytes());
            body.extend_from_slice(media_type);
            body.extend_from_slice(&reply.body);
        });
        self
    }

    fn section(&mut self, section: Section, write: impl FnOnce(&mut Vec<u8>)) {
        self.0.extend_from_slice(&(section as u16).to_le_bytes());
        self.0.extend_from_slice(&[0; 2]);
        let length_at = self.0.len();
        self.0.extend_from_slice(&[0; 4]);
        write(&mut self.0);
        let length =
            u32::try_from(self.0.len() - length_at - 4).expect("the journal refuses bodies of 16 MiB");
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_le_bytes());
    }

    /// The body.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// The sections of a body, with their tags. It ends at the first that is cut.
pub fn sections(body: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut rest = body;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<8>()?;
        let tag = u16::from_le_bytes([head[0], head[1]]);
        let length = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
        let (bytes, tail) = tail.split_at_checked(usize::try_from(length).ok()?)?;
        rest = tail;
        Some((tag, bytes))
    })
}

/// The first section of a kind.
pub fn section(body: &[u8], wanted: Section) -> Option<&[u8]> {
    sections(body).find(|(tag, _)| *tag == wanted as u16).map(|(_, bytes)| bytes)
}

/// The replies of a record, in order.
pub fn replies(body: &[u8]) -> Vec<Reply> {
    sections(body)
        .filter(|(tag, _)| *tag == Section::Reply as u16)
        .filter_map(|(_, bytes)| reply(bytes))
        .collect()
}

fn reply(bytes: &[u8]) -> Option<Reply> {
    let (head, rest) = bytes.split_first_chunk::<4>()?;
    let (media_type, body) = rest.split_at_checked(usize::from(u16::from_le_bytes([head[2], head[3]])))?;
    let mut reply = Reply::new(body, std::str::from_utf8(media_type).ok()?.to_owned());
    reply.http_status = u16::from_le_bytes([head[0], head[1]]);
    Some(reply)
}

/// A screening as it is read back from a record.
#[derive(Debug)]
pub struct Recorded {
    /// Where it came in, and when it passed which point.
    pub trip: Trip,
    /// The question.
    pub exchange: Exchange,
    /// The outcomes of its subjects.
    pub outcomes: Vec<Outcome>,
    /// What must follow.
    pub follow: Vec<Follow>,
    /// What was answered.
    pub replies: Vec<Reply>,
}

impl Recorded {
    /// Reads the body of a record of the kind `Screening`. None if a section is missing or can't be read.
    pub fn read(body: &[u8]) -> Option<Self> {
        fn json<'a, T: Deserialize<'a>>(body: &'a [u8], wanted: Section) -> Option<T> {
            serde_json::from_slice(section(body, wanted)?).ok()
        }
        Some(Self {
            trip: json(body, Section::Trip)?,
            exchange: json(body, Section::Exchange)?,
            outcomes: json(body, Section::Outcomes)?,
            follow: json(body, Section::Follow)?,
            replies: replies(body),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that replies survive byte for byte, media type and status included, among other sections.
    #[test]
    fn replies_survive() {
        let mut refusal = Reply::new(vec![0, 0xff, b'<'], "application/octet-stream");
        refusal.http_status = 503;
        let body = Body::new()
            .bytes(Section::Sent, &[7; 16])
            .reply(&refusal)
            .json(Section::Outcomes, &Vec::<Outcome>::new())
            .reply(&Reply::new("P1", "text/plain"))
            .into_bytes();
        assert_eq!(replies(&body), [refusal, Reply::new("P1", "text/plain")]);
        assert_eq!(section(&body, Section::Sent), Some(&[7; 16][..]));
        assert_eq!(section(&body, Section::Outcomes), Some(&b"[]"[..]));
    }

    // Proves that a body cut at any byte is read as far as it goes, without a panic.
    #[test]
    fn cut_bodies_are_read_as_far_as_they_go() {
        let body =
            Body::new().reply(&Reply::new("one", "text/plain")).reply(&Reply::new("two", "t")).into_bytes();
        for cut in 0..body.len() {
            assert!(replies(&body[..cut]).len() <= 1, "{cut}");
        }
    }
}
