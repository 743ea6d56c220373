//! The window in which a sender's id is remembered.
//!
//! A sender that got no answer sends again. Within the window the second message gets the answer that the first got,
//! read from the journal, and nothing is asked twice. A duplicate is known by client and sender's id, never by content:
//! the same document may well be handed over twice. The other way round content speaks: the same id on another question
//! is a sender whose counter has wrapped, and to give it the recorded answer would be to answer about another traveller.
//! It is refused.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use postern_sdk::Subject;
use tokio::sync::watch;

use crate::journal::Position;

/// Client and sender's id, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SenderKey([u8; 16]);

/// What a message asks about, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content([u8; 8]);

/// A sender's id and what was asked under it: 24 bytes in the journal's record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// Client and sender's id.
    pub key: SenderKey,
    /// What was asked.
    pub content: Content,
}

impl Sent {
    /// The form of the journal's record.
    pub fn to_bytes(self) -> [u8; 24] {
        let mut bytes = [0; 24];
        bytes[..16].copy_from_slice(&self.key.0);
        bytes[16..].copy_from_slice(&self.content.0);
        bytes
    }

    /// Reads the form of the journal's record.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (key, content) = bytes.split_first_chunk()?;
        Some(Self { key: SenderKey(*key), content: Content(content.try_into().ok()?) })
    }
}

impl Content {
    /// What these subjects ask. The same question sent again with another time of sending is the same content.
    pub fn of(subjects: &[Subject]) -> Self {
        let written = serde_json::to_vec(subjects).unwrap_or_default();
        let hash = digest::digest(&digest::SHA256, &written);
        Self(*hash.as_ref().first_chunk().expect("a SHA-256 hash has 32 bytes"))
    }
}

impl SenderKey {
    /// The key of a client's id.
    pub fn of(client: &str, sender_id: &str) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        context.update(&(client.len() as u64).to_le_bytes());
        context.update(client.as_bytes());
        context.update(sender_id.as_bytes());
        let hash = context.finish();
        Self(*hash.as_ref().first_chunk().expect("a SHA-256 hash has 32 bytes"))
    }
}

/// What is known of a sender's id.
struct Known {
    content: Content,
    state: Progress,
}

enum Progress {
    /// It is being answered; the channel closes when it is done.
    InFlight(watch::Receiver<()>),
    /// Its answer is this record of the journal.
    Answered(Position),
}

/// What to do with a message.
pub enum Claim {
    /// It is new: answer it, and keep the guard until then.
    New(InFlight),
    /// It is being answered: wait until the channel closes and claim again.
    Wait(watch::Receiver<()>),
    /// It was answered by this record.
    Answered(Position),
    /// The id stands for another question: refuse.
    Reused,
}

/// The window. Its size is bounded in time and in count; the oldest ids are forgotten first.
pub struct Duplicates {
    state: Arc<Mutex<State>>,
    window: SignedDuration,
    count_max: usize,
}

#[derive(Default)]
struct State {
    known: HashMap<SenderKey, Known>,
    answered: VecDeque<(Timestamp, SenderKey)>,
}

impl Duplicates {
    /// A window of this length that remembers at most `count_max` ids.
    pub fn new(window: SignedDuration, count_max: usize) -> Self {
        Self { state: Arc::default(), window, count_max }
    }

    /// Claims an id for answering.
    pub fn claim(&self, sent: Sent, now: Timestamp) -> Claim {
        let mut state = lock(&self.state);
        state.forget(now, self.window, self.count_max);
        match state.known.get(&sent.key) {
            Some(known) if known.content != sent.content => Claim::Reused,
            Some(Known { state: Progress::Answered(position), .. }) => Claim::Answered(*position),
            Some(Known { state: Progress::InFlight(done), .. }) => Claim::Wait(done.clone()),
            None => {
                let (open, done) = watch::channel(());
                state
                    .known
                    .insert(sent.key, Known { content: sent.content, state: Progress::InFlight(done) });
                Claim::New(InFlight { state: Arc::clone(&self.state), sent, _open: open })
            }
        }
    }

    /// Takes note of an answer that the journal already holds, when it is read at start, in the order of time.
    pub fn restore(&self, sent: Sent, position: Position, at: Timestamp) {
        let mut state = lock(&self.state);
        state.answer(sent, position, at);
        state.forget(at, self.window, self.count_max);
    }
}

impl State {
    fn answer(&mut self, sent: Sent, position: Position, at: Timestamp) {
        self.known.insert(sent.key, Known { content: sent.content, state: Progress::Answered(position) });
        self.answered.push_back((at, sent.key));
    }

    fn forget(&mut self, now: Timestamp, window: SignedDuration, count_max: usize) {
        while let Some((at, key)) = self.answered.front() {
            if now.duration_since(*at) <= window && self.answered.len() <= count_max {
                return;
            }
            self.known.remove(key);
            self.answered.pop_front();
        }
    }
}

/// An id that is being answered. Dropped without [`answered`](Self::answered), the id is free again.
pub struct InFlight {
    state: Arc<Mutex<State>>,
    sent: Sent,
    _open: watch::Sender<()>,
}

impl InFlight {
    /// The id, and what is asked under it.
    pub const fn sent(&self) -> Sent {
        self.sent
    }

    /// The id was answered by this record.
    pub fn answered(self, position: Position, at: Timestamp) {
        lock(&self.state).answer(self.sent, position, at);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(Known { state: Progress::InFlight(_), .. }) = state.known.get(&self.sent.key) {
            state.known.remove(&self.sent.key);
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const POSITION: Position = Position { sequence: 1, segment: 1, offset: 4_096 };

    fn sent(id: u8) -> Sent {
        Sent { key: SenderKey([id; 16]), content: Content([1; 8]) }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window() -> Duplicates {
        Duplicates::new(SignedDuration::from_secs(10), 2)
    }

    // Proves that client and id are kept apart, so that no client can name another's message, and the written form.
    #[test]
    fn keys_hold_client_and_id() {
        assert_ne!(SenderKey::of("a", "bc"), SenderKey::of("ab", "c"));
        assert_eq!(SenderKey::of("a", "bc"), SenderKey::of("a", "bc"));
        assert_eq!(Sent::from_bytes(&sent(9).to_bytes()), Some(sent(9)));
        assert_eq!(Sent::from_bytes(&[0; 23]), None);
    }

    // Proves that a second message waits for the first, and then gets its record.
    #[tokio::test]
    async fn second_waits_for_the_first() {
        let duplicates = window();
        let Claim::New(guard) = duplicates.claim(sent(1), at(0)) else { panic!("not new") };
        let Claim::Wait(mut done) = duplicates.claim(sent(1), at(0)) else { panic!("not waiting") };
        guard.answered(POSITION, at(1));
        assert!(done.changed().await.is_err());
        assert!(matches!(duplicates.claim(sent(1), at(2)), Claim::Answered(_)));
    }

    // Proves that an id never answers for another question, neither while the first is answered nor after.
    #[test]
    fn another_question_is_no_duplicate() {
        let duplicates = window();
        let other = Sent { content: Content([2; 8]), ..sent(1) };
        let Claim::New(guard) = duplicates.claim(sent(1), at(0)) else { panic!("not new") };
        assert!(matches!(duplicates.claim(other, at(0)), Claim::Reused));
        guard.answered(POSITION, at(1));
        assert!(matches!(duplicates.claim(other, at(2)), Claim::Reused));
    }

    // Proves that an id whose answering failed is free again, and that the window ends in time and in count.
    #[test]
    fn ids_are_forgotten() {
        let duplicates = window();
        drop(duplicates.claim(sent(1), at(0)));
        assert!(matches!(duplicates.claim(sent(1), at(0)), Claim::New(_)));
        duplicates.restore(sent(1), POSITION, at(0));
        assert!(matches!(duplicates.claim(sent(1), at(10)), Claim::Answered(_)));
        assert!(matches!(duplicates.claim(sent(1), at(11)), Claim::New(_)));
        for other in 2..=4 {
            duplicates.restore(sent(other), POSITION, at(11));
        }
        assert!(matches!(duplicates.claim(sent(2), at(11)), Claim::New(_)));
        assert!(matches!(duplicates.claim(sent(4), at(11)), Claim::Answered(_)));
    }
}
