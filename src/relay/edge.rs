//! One edge: its share of what can be asked, and its figures.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};

use super::refusal::Refusal;
use crate::config::settings::RelayEdge;
use crate::find::relay::Question;
use crate::find::{Places, Rate};

/// A live question waits for its turn for at most this part of its time: what is left must do for INTERPOL.
const WAIT_PART: u32 = 4;

/// An edge that is served.
pub(super) struct Edge {
    name: String,
    places: Places,
    rate: Mutex<Rate>,
    figures: Mutex<Figures>,
}

#[derive(Clone, Copy, Default)]
struct Figures {
    answered: u64,
    refused: u64,
    capped: u64,
    last_asked: Option<Timestamp>,
}

/// What the console shows of an edge.
#[derive(Clone, Debug, Serialize)]
pub struct EdgeStatus {
    /// Its name.
    pub edge: String,
    /// Questions that were answered.
    pub answered: u64,
    /// Questions that were refused for another reason than the edge's share.
    pub refused: u64,
    /// Questions that were refused because the edge's share was used up.
    pub capped: u64,
    /// Questions under way.
    pub in_flight: usize,
    /// When it last asked.
    pub last_asked: Option<Timestamp>,
}

impl Edge {
    pub(super) fn new(name: &str, share: RelayEdge) -> Self {
        Self {
            name: name.to_owned(),
            places: Places::new(share.concurrency_max),
            rate: Mutex::new(Rate::new(share.rate_per_s_max, 100)),
            figures: Mutex::default(),
        }
    }

    /// A place and a turn for a question.
    ///
    /// # Errors
    /// [`Refusal::TooManyAtOnce`] or [`Refusal::RateCapped`].
    pub(super) async fn enter(
        &self,
        question: &Question,
        received: Instant,
    ) -> Result<OwnedSemaphorePermit, Refusal> {
        if question.can_wait {
            // What can wait gets what live questions leave.
            let place = self.places.take_spare().ok_or(Refusal::TooManyAtOnce)?;
            return if self.rate().take_spare(Instant::now()) { Ok(place) } else { Err(Refusal::RateCapped) };
        }
        let place = self.places.take_now().ok_or(Refusal::TooManyAtOnce)?;
        let until = received + time(question) / WAIT_PART;
        let turn = self.rate().take(Instant::now(), until).ok_or(Refusal::RateCapped)?;
        if let Some(turn) = turn {
            sleep_until(turn).await;
        }
        Ok(place)
    }

    /// Takes note of what came of a question.
    pub(super) fn note(&self, at: Timestamp, refused: Option<Refusal>) {
        let mut figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.last_asked = Some(at);
        match refused {
            None => figures.answered += 1,
            Some(refusal) if refusal.is_of_the_share() => figures.capped += 1,
            Some(_) => figures.refused += 1,
        }
    }

    pub(super) fn status(&self) -> EdgeStatus {
        let figures = *self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        EdgeStatus {
            edge: self.name.clone(),
            answered: figures.answered,
            refused: figures.refused,
            capped: figures.capped,
            in_flight: self.places.taken(),
            last_asked: figures.last_asked,
        }
    }

    fn rate(&self) -> MutexGuard<'_, Rate> {
        self.rate.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// For how long an answer is of use to the edge's lane. A minute is longer than any lane waits.
pub(super) fn time(question: &Question) -> Duration {
    Duration::from_millis(question.time_ms.min(60_000))
}
