//! The national systems of the demo: e-gates that send machine-readable zones over TCP, and booths that post JSON.
//!
//! Each question knows what may be answered to it while the link is up and while it is down, and every answer is held
//! against that. A question never waits for a time, only for its answer.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use postern_sdk::{Gate, Verdict};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use crate::http_client::{self, Ask};

const STX: u8 = 2;
const ETX: u8 = 3;
/// Longest answer line of an e-gate, in bytes.
const LINE_MAX: usize = 256;

/// A question to be asked.
#[derive(Clone, Debug)]
pub(super) enum Question {
    /// A zone that an e-gate read, and what the gate must be told.
    Gate {
        /// The zone, its lines joined.
        zone: String,
        /// What the gate must be told.
        expected: Gate,
    },
    /// A question of a booth, and the verdict that must come.
    Booth {
        /// The JSON document, without its id.
        subjects: String,
        /// The verdict that must come.
        expected: Verdict,
    },
}

/// What came of the questions, counted while they run.
#[derive(Default)]
pub(super) struct Tally {
    /// Answers as expected.
    pub(super) right: AtomicU64,
    /// Answers of which a hit or possible hit was expected and came.
    pub(super) hits: AtomicU64,
    /// Answers that said there is nothing where something is, or where it can't be known.
    pub(super) false_clear: AtomicU64,
    /// Other answers that were not expected.
    pub(super) wrong: AtomicU64,
    /// Questions without an answer.
    pub(super) lost: AtomicU64,
    /// The first few deviations, told without anything of the question.
    pub(super) told: Mutex<Vec<String>>,
}

impl Tally {
    /// Everything that was asked.
    pub(super) fn asked(&self) -> u64 {
        let counts = [&self.right, &self.false_clear, &self.wrong, &self.lost];
        counts.into_iter().map(|count| count.load(Ordering::Relaxed)).sum()
    }

    fn note(&self, number: usize, question: &Question, answer: &io::Result<Answered>) {
        let count = match (answer, question) {
            (Err(_), _) => &self.lost,
            (Ok(Answered::Gate(told)), Question::Gate { expected, .. }) if told == expected => &self.right,
            (Ok(Answered::Verdict(told)), Question::Booth { expected, .. }) if told == expected => {
                &self.right
            }
            (Ok(Answered::Gate(Gate::Continue) | Answered::Verdict(Verdict::NoRecord)), _) => {
                &self.false_clear
            }
            _ => &self.wrong,
        };
        count.fetch_add(1, Ordering::Relaxed);
        if !std::ptr::eq(count, &raw const self.right) {
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            if told.len() < 10 {
                told.push(format!("question {number}: expected {}, got {answer:?}", question.expected()));
            }
        } else if question.is_hit() {
            self.hits.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Question {
    fn expected(&self) -> &'static str {
        match self {
            Self::Gate { expected, .. } => expected.code(),
            Self::Booth { expected, .. } => expected.code(),
        }
    }

    /// Whether a record matches.
    pub(super) fn is_hit(&self) -> bool {
        match self {
            Self::Gate { expected, .. } => *expected == Gate::Refer,
            Self::Booth { expected, .. } => *expected <= Verdict::PossibleHit,
        }
    }
}

/// What was answered.
#[derive(Debug)]
enum Answered {
    Gate(Gate),
    Verdict(Verdict),
    Other,
}

/// Where the lanes are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lanes {
    /// The e-gates' lane.
    pub(super) gates: SocketAddr,
    /// The booths' lane.
    pub(super) booths: SocketAddr,
}

/// Asks all questions over so many e-gates and booths at once, and returns when each has its answer.
pub(super) async fn ask_all(lanes: Lanes, questions: Arc<Vec<Question>>, askers: usize, tally: Arc<Tally>) {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = JoinSet::new();
    for _ in 0..askers {
        tasks.spawn(asker(lanes, Arc::clone(&questions), Arc::clone(&next), Arc::clone(&tally)));
    }
    tasks.join_all().await;
}

async fn asker(lanes: Lanes, questions: Arc<Vec<Question>>, next: Arc<AtomicUsize>, tally: Arc<Tally>) {
    let mut gate = None;
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let Some(question) = questions.get(number) else { return };
        let answer = match question {
            Question::Gate { zone, .. } => ask_gate(&mut gate, lanes.gates, zone).await,
            Question::Booth { subjects, .. } => ask_booth(lanes.booths, subjects).await,
        };
        tally.note(number, question, &answer);
    }
}

/// Sends a zone over the e-gate's connection, which is made when there is none.
async fn ask_gate(gate: &mut Option<TcpStream>, address: SocketAddr, zone: &str) -> io::Result<Answered> {
    let mut stream = match gate.take() {
        Some(stream) => stream,
        None => {
            let stream = TcpStream::connect(address).await?;
            stream.set_nodelay(true)?;
            stream
        }
    };
    let mut frame = Vec::with_capacity(zone.len() + 2);
    frame.push(STX);
    frame.extend_from_slice(zone.as_bytes());
    frame.push(ETX);
    stream.write_all(&frame).await?;
    let line = read_frame(&mut stream).await?;
    *gate = Some(stream);
    let told = line.split(';').nth(2);
    Ok(match told {
        Some("continue") => Answered::Gate(Gate::Continue),
        Some("refer") => Answered::Gate(Gate::Refer),
        _ => Answered::Other,
    })
}

async fn read_frame(stream: &mut TcpStream) -> io::Result<String> {
    let mut frame = Vec::with_capacity(LINE_MAX);
    loop {
        if stream.read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match (frame.first(), frame.iter().position(|byte| *byte == ETX)) {
            (Some(&STX), Some(end)) => return Ok(String::from_utf8_lossy(&frame[1..end]).into_owned()),
            (Some(&STX), None) if frame.len() < LINE_MAX => {}
            _ => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

#[derive(Deserialize)]
struct Response {
    outcomes: Vec<Told>,
}

#[derive(Deserialize)]
struct Told {
    verdict: Option<Verdict>,
    #[serde(default)]
    outside_policy: bool,
}

async fn ask_booth(address: SocketAddr, subjects: &str) -> io::Result<Answered> {
    let document = format!(r#"{{"version":1,"context":{{"end_user":"officer-17"}},"subjects":{subjects}}}"#);
    let (status, body) =
        http_client::ask(address, Ask::post("/v1/screenings", Bytes::from(document))).await?;
    if status != 200 {
        return Ok(Answered::Other);
    }
    let response: Response = serde_json::from_slice(&body)?;
    let verdicts = response.outcomes.iter().filter(|told| !told.outside_policy).map(|told| told.verdict);
    // The gravest verdict of the subjects; none at all if one is missing.
    Ok(verdicts
        .min_by_key(|verdict| verdict.map_or(0, |v| v as u8 + 1))
        .flatten()
        .map_or(Answered::Other, Answered::Verdict))
}
