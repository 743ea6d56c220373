//! The window in which a sender's id is remembered.
//!
//! A sender that got no answer sends again. Within the window the second message gets the answer that the first got,
//! read from the journal, and nothing is asked twice. A duplicate is known by client and sender's id alone, never by
//! content: two travellers may well hand over the same document twice.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::digest;
use jiff::{SignedDuration, Timestamp};
use tokio::sync::watch;

use crate::journal::Position;

/// Client and sender's id, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SenderKey(pub [u8; 16]);

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
#[derive(Clone)]
enum Known {
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
    pub fn claim(&self, key: SenderKey, now: Timestamp) -> Claim {
        let mut state = lock(&self.state);
        state.forget(now, self.window, self.count_max);
        match state.known.get(&key) {
            Some(Known::Answered(position)) => Claim::Answered(*position),
            Some(Known::InFlight(done)) => Claim::Wait(done.clone()),
            None => {
                let (open, done) = watch::channel(());
                state.known.insert(key, Known::InFlight(done));
                Claim::New(InFlight { state: Arc::clone(&self.state), key, _open: open })
            }
        }
    }

    /// Takes note of an answer that the journal already holds, when it is read at start, in the order of time.
    pub fn restore(&self, key: SenderKey, position: Position, at: Timestamp) {
        let mut state = lock(&self.state);
        state.answer(key, position, at);
        state.forget(at, self.window, self.count_max);
    }
}

impl State {
    fn answer(&mut self, key: SenderKey, position: Position, at: Timestamp) {
        self.known.insert(key, Known::Answered(position));
        self.answered.push_back((at, key));
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
    key: SenderKey,
    _open: watch::Sender<()>,
}

impl InFlight {
    /// The id was answered by this record.
    pub fn answered(self, position: Position, at: Timestamp) {
        lock(&self.state).answer(self.key, position, at);
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        let mut state = lock(&self.state);
        if let Some(Known::InFlight(_)) = state.known.get(&self.key) {
            state.known.remove(&self.key);
        }
    }
}

fn lock(state: &Mutex<State>) -> std::sync::MutexGuard<'_, State> {
    state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: SenderKey = SenderKey([1; 16]);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn window() -> Duplicates {
        Duplicates::new(SignedDuration::from_secs(10), 2)
    }

    // Proves that client and id are kept apart, so that no client can name another's message.
    #[test]
    fn keys_hold_client_and_id() {
        assert_ne!(SenderKey::of("a", "bc"), SenderKey::of("ab", "c"));
        assert_eq!(SenderKey::of("a", "bc"), SenderKey::of("a", "bc"));
    }

    // Proves that a second message waits for the first, and then gets its record.
    #[tokio::test]
    async fn second_waits_for_the_first() {
        let duplicates = window();
        let Claim::New(guard) = duplicates.claim(KEY, at(0)) else { panic!("not new") };
        let Claim::Wait(mut done) = duplicates.claim(KEY, at(0)) else { panic!("not waiting") };
        guard.answered(Position::default(), at(1));
        assert!(done.changed().await.is_err());
        assert!(matches!(duplicates.claim(KEY, at(2)), Claim::Answered(_)));
    }

    // Proves that an id whose answering failed is free again, and that the window ends in time and in count.
    #[test]
    fn ids_are_forgotten() {
        let duplicates = window();
        drop(duplicates.claim(KEY, at(0)));
        assert!(matches!(duplicates.claim(KEY, at(0)), Claim::New(_)));
        duplicates.restore(KEY, Position::default(), at(0));
        assert!(matches!(duplicates.claim(KEY, at(10)), Claim::Answered(_)));
        assert!(matches!(duplicates.claim(KEY, at(11)), Claim::New(_)));
        for other in 2..=4 {
            duplicates.restore(SenderKey([other; 16]), Position::default(), at(11));
        }
        assert!(matches!(duplicates.claim(SenderKey([2; 16]), at(11)), Claim::New(_)));
        assert!(matches!(duplicates.claim(SenderKey([4; 16]), at(11)), Claim::Answered(_)));
    }
}
