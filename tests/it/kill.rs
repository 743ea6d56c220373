//! `kill -9` under load.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

use postern::engine::record::Recorded;
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader};

use crate::client::{self, Gate, absent, absent_zone, document, field};
use crate::world::{Daemon, Setup, World, until, verify_journal};

/// E-gates that ask at once, and how many questions each has under way.
const GATES: u64 = 4;
const PIPELINED: usize = 16;
/// Booths that ask at once.
const BOOTHS: u64 = 3;
/// Answers of a round before the daemon is killed.
const ANSWERS: usize = 400;
/// Repeated questions of each kind after a restart.
const REPEATS: usize = 5;

/// How a question was asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Gate,
    Booth,
}

/// A question, and the reply if one came whole.
#[derive(Clone, Debug)]
struct Asked {
    way: Way,
    id: String,
    number: u64,
    reply: Option<Vec<u8>>,
}

// Proves, round after round on one journal, that a daemon killed under load has every answer that a client received
// in its journal byte for byte, that the chain verifies, that the next daemon answers a repeated id with the recorded
// reply, and that it answers fresh questions.
#[test]
fn kill_under_load() {
    let rounds = if std::env::var_os("POSTERN_LONG").is_some() { 200 } else { 5 };
    let world = World::new();
    let (mut asked, mut before) = (Vec::new(), HashMap::new());
    for round in 0..rounds {
        let daemon = world.start(&Setup::default());
        repeat(&daemon, &asked, &before);
        asked = load(daemon, round);
        let received = asked.iter().filter(|asked| asked.reply.is_some()).count();
        assert!(received >= ANSWERS, "{received}");
        let (code, out, err) = verify_journal(&world.path("journal"));
        assert_eq!(code, Some(0), "{out}{err}");
        before = recorded(&world.path("journal"));
        for asked in &asked {
            let Some(reply) = &asked.reply else { continue };
            assert_eq!(before.get(&asked.id), Some(reply), "round {round}, {}", asked.id);
        }
    }
}

/// Asks from all sides until enough is answered, and kills the daemon in the midst of it.
fn load(daemon: Daemon, round: u64) -> Vec<Asked> {
    let answers = Arc::new(AtomicUsize::new(0));
    let gate = |n| {
        let (address, answers) = (daemon.lane("egates"), Arc::clone(&answers));
        thread::spawn(move || gate(address, &format!("g{round}-{n}"), n, &answers))
    };
    let booth = |n| {
        let (address, answers) = (daemon.lane("booths"), Arc::clone(&answers));
        thread::spawn(move || booth(address, &format!("b{round}-{n}"), n, &answers))
    };
    let askers: Vec<JoinHandle<Vec<Asked>>> = (0..GATES).map(gate).chain((0..BOOTHS).map(booth)).collect();
    // A little more each round, so that the blow falls at another place of the segment.
    let enough = ANSWERS + (round as usize * 37) % 200;
    until("answers under load", || (answers.load(Ordering::Relaxed) >= enough).then_some(()));
    daemon.kill();
    askers.into_iter().flat_map(|asker| asker.join().unwrap()).collect()
}

/// An e-gate that keeps questions under way until its connection breaks.
fn gate(address: SocketAddr, name: &str, n: u64, answers: &AtomicUsize) -> Vec<Asked> {
    let mut gate = Gate::connect(address).unwrap();
    let mut asked: Vec<Asked> = Vec::new();
    let mut answered = 0;
    loop {
        while asked.len() - answered < PIPELINED {
            let number = n + GATES * asked.len() as u64;
            let id = format!("{name}-{}", asked.len());
            let sent = gate.send(&id, &absent_zone(number));
            asked.push(Asked { way: Way::Gate, id, number, reply: None });
            if sent.is_err() {
                break;
            }
        }
        let Ok(reply) = gate.receive() else { return asked };
        assert_eq!((field(&reply, 1), field(&reply, 2)), (&*asked[answered].id, "continue"), "{reply}");
        asked[answered].reply = Some(reply.into_bytes());
        answered += 1;
        answers.fetch_add(1, Ordering::Relaxed);
    }
}

/// A booth that asks one question after the other until nobody answers.
fn booth(address: SocketAddr, name: &str, n: u64, answers: &AtomicUsize) -> Vec<Asked> {
    let mut asked = Vec::new();
    loop {
        let number = 1_000 + n + BOOTHS * asked.len() as u64;
        let id = format!("{name}-{}", asked.len());
        let response = client::screen(address, Some(&id), &document(&absent(number), "D", "PAS"));
        let reply = response.ok().map(|response| {
            assert_eq!(response.status, 200, "{}", response.text());
            answers.fetch_add(1, Ordering::Relaxed);
            response.body
        });
        let over = reply.is_none();
        asked.push(Asked { way: Way::Booth, id, number, reply });
        if over {
            return asked;
        }
    }
}

/// The replies that the journal holds, by the sender's id.
fn recorded(folder: &Path) -> HashMap<String, Vec<u8>> {
    let mut recorded = HashMap::new();
    for record in Reader::new(Arc::new(FileStorage::at(folder))).unwrap() {
        let record = record.unwrap().unwrap_or_else(|damage| panic!("{damage:?}"));
        if record.kind != Kind::Screening {
            continue;
        }
        let screening = Recorded::read(&record.body).unwrap();
        let [reply] = &screening.replies[..] else { panic!("{} replies", screening.replies.len()) };
        let id = screening.exchange.context.sender_id.unwrap();
        let before = recorded.insert(id, reply.body.clone());
        assert!(before.is_none(), "a sender's id was screened twice");
    }
    recorded
}

/// Repeats questions of the run before: what is recorded comes again, the rest is answered now.
fn repeat(daemon: &Daemon, asked: &[Asked], recorded: &HashMap<String, Vec<u8>>) {
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    for way in [Way::Gate, Way::Booth] {
        let of_way = || asked.iter().rev().filter(|asked| asked.way == way);
        let received = of_way().filter(|asked| asked.reply.is_some()).take(REPEATS);
        let unheard = of_way().filter(|asked| asked.reply.is_none()).take(REPEATS);
        for asked in received.chain(unheard) {
            let again = ask(daemon, &mut gate, asked);
            match recorded.get(&asked.id) {
                Some(reply) => assert!(again == *reply, "{} was answered anew", asked.id),
                None => assert!(asked.reply.is_none() && !again.is_empty(), "{}", asked.id),
            }
        }
    }
}

fn ask(daemon: &Daemon, gate: &mut Gate, asked: &Asked) -> Vec<u8> {
    match asked.way {
        Way::Gate => gate.ask(&asked.id, &absent_zone(asked.number)).unwrap().into_bytes(),
        Way::Booth => {
            let question = document(&absent(asked.number), "D", "PAS");
            client::screen(daemon.lane("booths"), Some(&asked.id), &question).unwrap().body
        }
    }
}
