//! The latest outcomes, masked, for the console.

use std::collections::VecDeque;
use std::sync::Mutex;

use jiff::Timestamp;
use postern_sdk::{Exchange, Outcome, Reference, Subject, Verdict};
use serde::Serialize;

/// How many are kept.
const KEPT: usize = 100;

/// One outcome as the console shows it. It holds nothing that names a person or a document.
#[derive(Clone, Debug, Serialize)]
pub struct Recent {
    /// When it was answered.
    pub at: Timestamp,
    /// The exchange's reference.
    pub reference: Reference,
    /// The lane.
    pub lane: String,
    /// The kind of the subject.
    pub kind: &'static str,
    /// The identifier, masked to its last two characters.
    pub subject: String,
    /// The verdict.
    pub verdict: Verdict,
    /// What each database said, in words.
    pub statements: Vec<String>,
    /// How long the answer took, in microseconds.
    pub elapsed_us: u64,
}

/// The latest outcomes, bounded.
#[derive(Default)]
pub struct Recents(Mutex<Ring>);

#[derive(Default)]
struct Ring {
    all: VecDeque<Recent>,
    hits: VecDeque<Recent>,
    plain_until: Option<Timestamp>,
}

impl Recents {
    /// Notes the outcomes of an exchange. Under load an outcome without a hit is noted at most every 20 ms: the page
    /// could not show more, and the lanes should not pay for it.
    pub fn note(&self, note: impl Fn() -> Vec<Recent>, is_hit: bool, now: Timestamp) {
        let mut ring = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if !is_hit && ring.plain_until.is_some_and(|until| now < until) {
            return;
        }
        ring.plain_until = Some(now + jiff::SignedDuration::from_millis(20));
        for recent in note() {
            if recent.verdict <= Verdict::PossibleHit {
                push(&mut ring.hits, recent.clone());
            }
            push(&mut ring.all, recent);
        }
    }

    /// The latest outcomes, and the latest hits, the newest first.
    pub fn latest(&self) -> (Vec<Recent>, Vec<Recent>) {
        let ring = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let newest = |queue: &VecDeque<Recent>| queue.iter().rev().cloned().collect();
        (newest(&ring.all), newest(&ring.hits))
    }
}

fn push(queue: &mut VecDeque<Recent>, recent: Recent) {
    if queue.len() == KEPT {
        queue.pop_front();
    }
    queue.push_back(recent);
}

/// The outcomes of an exchange as the console shows them.
pub(crate) fn recents(
    exchange: &Exchange,
    outcomes: &[Outcome],
    reference: Reference,
    lane: &str,
    at: Timestamp,
    elapsed_us: u64,
) -> Vec<Recent> {
    let pairs = exchange.subjects.iter().zip(outcomes).filter(|(_, outcome)| !outcome.is_outside_policy());
    pairs
        .map(|(subject, outcome)| Recent {
            at,
            reference,
            lane: lane.to_owned(),
            kind: subject.kind().code(),
            subject: masked(subject),
            verdict: outcome.verdict(),
            statements: outcome.databases().iter().map(ToString::to_string).collect(),
            elapsed_us,
        })
        .collect()
}

fn masked(subject: &Subject) -> String {
    let shown = match subject {
        Subject::TravelDocument(document) => document.number.map(|number| number.masked()),
        Subject::AdministrativeDocument(document) => document.number.map(|number| number.masked()),
        Subject::Vehicle(vehicle) => {
            vehicle.vin.map(|vin| vin.masked()).or_else(|| vehicle.plate.map(|plate| plate.masked()))
        }
        Subject::Firearm(firearm) => firearm.serial.map(|serial| serial.masked()),
        Subject::Vessel(vessel) => vessel.imo.or(vessel.hull).map(|serial| serial.masked()),
        _ => None,
    };
    shown.unwrap_or_else(|| "•••".to_owned())
}
