//! What the built binary asks of the system, seen from outside: no reply before its sync returned.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Command;

use crate::client::{self, Gate, absent, absent_zone, document, field};
use crate::world::{Daemon, POSTERN, Setup, World, until};

/// The binary under strace, which writes to a file of the world. The tracer is the grandchild, so that the daemon itself
/// is the process that is told to end.
fn strace(world: &World, inject: Option<&str>) -> (Command, PathBuf) {
    let probe = Command::new("strace").arg("-V").output();
    assert!(
        probe.is_ok_and(|probe| probe.status.success()),
        "this test needs strace: run ./test, or install it"
    );
    let trace = world.path("trace");
    let mut command = Command::new("strace");
    command.args(["-D", "-f", "-yy", "-ttt", "-s", "65535", "-o"]).arg(&trace);
    command.args(["-e", "trace=fdatasync,fsync,write,pwrite64,writev,pwritev,sendto,sendmsg"]);
    if let Some(inject) = inject {
        command.args(["-e", inject]);
    }
    command.arg(POSTERN);
    (command, trace)
}

/// The whole trace, once the tracer has seen the daemon's end.
fn ended(daemon: Daemon, trace: &PathBuf) -> Vec<Call> {
    let pid = daemon.pid();
    daemon.stop();
    let end = format!("{pid} ");
    let text = until("the trace's end", || {
        let text = std::fs::read_to_string(trace).ok()?;
        text.lines().any(|line| line.starts_with(&end) && line.contains("+++ exited with")).then_some(text)
    });
    calls(&text)
}

/// A system call of the trace.
#[derive(Debug)]
struct Call {
    name: String,
    /// Everything that stands between the parentheses, in strace's writing.
    arguments: String,
    /// Whether it returned without an error; `None` if it never did.
    succeeded: Option<bool>,
    /// The lines of the trace at which it began and returned. A thread that a call wakes runs only after the tracer has
    /// seen that call return, so the order of lines is the order of cause and effect.
    began: usize,
    returned: usize,
}

impl Call {
    /// The file behind the descriptor that is the first argument, as strace shows it.
    fn file(&self) -> &str {
        let from = self.arguments.find('<').map_or(0, |at| at + 1);
        let to = self.arguments.find(", ").unwrap_or(self.arguments.len());
        self.arguments[..to].trim_end_matches('>').get(from..).unwrap_or_default()
    }

    fn is_segment(&self) -> bool {
        self.file().ends_with(".seg")
    }

    fn is_record_write(&self) -> bool {
        self.name.starts_with("pwrite") && self.is_segment()
    }

    fn is_sync(&self) -> bool {
        self.name == "fdatasync" && self.is_segment()
    }

    fn is_socket_write(&self) -> bool {
        self.file().starts_with("TCP:")
    }
}

/// Reads `pid time name(arguments) = result`, where a call may be cut in two by other threads' calls.
fn calls(trace: &str) -> Vec<Call> {
    const CUT: &str = " <unfinished ...>";
    let mut calls: Vec<Call> = Vec::new();
    let mut open: Vec<(&str, usize)> = Vec::new();
    for (number, line) in trace.lines().enumerate() {
        let mut words = line.splitn(2, char::is_whitespace);
        let (Some(thread), Some(rest)) = (words.next(), words.next()) else { continue };
        let Some((_time, rest)) = rest.trim_start().split_once(' ') else { continue };
        if let Some(resumed) = rest.strip_prefix("<... ") {
            let Some(at) = open.iter().rposition(|(of, _)| *of == thread) else { continue };
            let call = &mut calls[open.remove(at).1];
            let tail = resumed.split_once(" resumed>").map_or("", |(_, tail)| tail);
            let (more, succeeded) = result(tail);
            call.arguments.push_str(more);
            (call.succeeded, call.returned) = (succeeded, number);
        } else if let Some((name, rest)) = rest.split_once('(') {
            let (arguments, succeeded) = match rest.strip_suffix(CUT) {
                Some(arguments) => {
                    open.push((thread, calls.len()));
                    (arguments, None)
                }
                None => result(rest),
            };
            let (name, arguments) = (name.to_owned(), arguments.to_owned());
            calls.push(Call { name, arguments, succeeded, began: number, returned: number });
        }
    }
    calls
}

/// Splits `arguments) = result`.
fn result(text: &str) -> (&str, Option<bool>) {
    let Some((arguments, result)) = text.rsplit_once(" = ") else { return (text, None) };
    let arguments = arguments.trim_end().trim_end_matches(')');
    (arguments, Some(!result.starts_with('-') && !result.starts_with('?')))
}

/// Text as strace writes it.
fn as_traced(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The sync that made a reply's record durable before the reply was written; says why if there is none.
fn sync_before(calls: &[Call], reply: &str) -> Result<usize, String> {
    let reply = as_traced(reply);
    let holds = |call: &&Call| call.arguments.contains(&reply);
    let sent: Vec<&Call> = calls.iter().filter(|call| call.is_socket_write()).filter(holds).collect();
    let [sent] = sent[..] else { return Err(format!("{} writes to a socket", sent.len())) };
    let written =
        calls.iter().filter(|call| call.is_record_write() && call.returned < sent.began).filter(holds);
    for write in written {
        let synced = calls.iter().find(|call| {
            call.is_sync()
                && call.file() == write.file()
                && call.began > write.returned
                && call.returned < sent.began
        });
        if let Some(synced) = synced.filter(|sync| sync.succeeded == Some(true)) {
            return Ok(synced.began);
        }
    }
    Err("no sync between the record and the reply".to_owned())
}

// Proves that the reading of a trace finds a sync that is cut in two, and finds fault with one that is missing, failed,
// of another file, or begun too early or ended too late.
#[test]
fn a_missing_sync_is_noticed() {
    let write = r#"7 1.1 pwrite64(9</j/01.seg>, "..P1;a;continue..", 17, 4096) = 17"#;
    let sync = "7 1.2 fdatasync(9</j/01.seg>) = 0";
    let [begun, resumed] =
        ["7 1.2 fdatasync(9</j/01.seg> <unfinished ...>", "7 1.4 <... fdatasync resumed>) = 0"];
    let send = r#"8 1.3 sendto(5<TCP:[127.0.0.1:1->127.0.0.1:2]>, "\2P1;a;continue\3", 13, 0, NULL, 0) = 13"#;
    let judged = |lines: &[&str]| sync_before(&calls(&lines.join("\n")), "P1;a;continue").is_ok();
    assert!(judged(&[write, sync, send]));
    assert!(judged(&[write, begun, "9 1.25 fsync(3</x>) = 0", resumed, send]));
    let (failed, other) = (sync.replace("= 0", "= -1 EIO (x)"), sync.replace("01.seg", "02.seg"));
    let wrong: [&[&str]; 7] = [
        &[write, send],
        &[write, send, sync],
        &[sync, write, send],
        &[write, begun, send, resumed],
        &[begun, write, resumed, send],
        &[write, &failed, send],
        &[write, &other, send],
    ];
    for lines in wrong {
        assert!(!judged(lines), "{lines:#?}");
    }
}

// Proves by the system calls of the real binary that every reply on a TCP and on an HTTP lane is written to its socket
// only after an fdatasync of the journal returned that began after the reply's record was written.
#[test]
fn no_reply_before_its_sync() {
    let world = World::new();
    let (command, trace) = strace(&world, None);
    let daemon = world.start_as(command, &Setup::default());
    let mut replies = Vec::new();
    let mut gates: Vec<Gate> = (0..3).map(|_| Gate::connect(daemon.lane("egates")).unwrap()).collect();
    for round in 0..10 {
        for (n, gate) in gates.iter_mut().enumerate() {
            gate.send(&format!("t{round}-{n}"), &absent_zone(round * 3 + n as u64)).unwrap();
        }
        for gate in &mut gates {
            replies.push(gate.receive().unwrap());
        }
        let question = document(&absent(500 + round), "D", "PAS");
        replies.push(client::screen(daemon.lane("booths"), None, &question).unwrap().text());
    }
    drop(gates);
    let calls = ended(daemon, &trace);
    let syncs: BTreeSet<usize> = replies
        .iter()
        .map(|reply| sync_before(&calls, reply).unwrap_or_else(|wrong| panic!("{wrong}: {reply}")))
        .collect();
    assert!(syncs.len() >= 20, "one sync for each question of a round at most: {}", syncs.len());
    // Nothing else was told: each reply on the wire is one of those.
    let on_the_wire: usize = calls
        .iter()
        .filter(|call| call.is_socket_write())
        .map(|call| call.arguments.matches("P1;").count() + call.arguments.matches("\\\"message\\\"").count())
        .sum();
    assert_eq!(on_the_wire, replies.len());
}

// Proves that what could not be synced is never answered but referred, that the segment of the failed sync is not synced
// again, that the console says that the instance isn't ready, and that later questions are answered again.
#[test]
fn failed_sync_refers() {
    let world = World::new();
    // More syncs than the start needs; both attempts of several groups fail.
    let (command, trace) = strace(&world, Some("inject=fdatasync:error=EIO:when=12..15"));
    let daemon = world.start_as(command, &Setup::default());
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    let (mut answered, mut referred, mut number) = (Vec::new(), 0, 0);
    let mut ask = || {
        number += 1;
        let reply = gate.ask(&format!("e{number}"), &absent_zone(number)).unwrap();
        let is_answer = field(&reply, 2) == "continue";
        if is_answer {
            answered.push(reply);
        } else {
            assert_eq!((field(&reply, 2), field(&reply, 4)), ("refer", "-"), "{reply}");
            referred += 1;
        }
        is_answer
    };
    until("a question that is referred", || (!ask()).then_some(()));
    let not_ready = client::get(daemon.console(), "/ready").unwrap();
    assert_eq!(not_ready.status, 503, "{}", not_ready.text());
    assert!(not_ready.text().contains("journal"), "{}", not_ready.text());
    until("an answer after the failure", || ask().then_some(()));
    assert!(ask());
    until("ready", || (client::get(daemon.console(), "/ready").ok()?.status == 200).then_some(()));
    let calls = ended(daemon, &trace);
    assert!(referred > 0);
    for reply in &answered {
        sync_before(&calls, reply).unwrap_or_else(|wrong| panic!("{wrong}: {reply}"));
    }
    let failed: Vec<&Call> =
        calls.iter().filter(|call| call.is_sync() && call.succeeded == Some(false)).collect();
    assert!(failed.len() >= 2, "{failed:?}");
    for failure in failed {
        let again =
            |call: &&Call| call.is_sync() && call.file() == failure.file() && call.began > failure.returned;
        assert!(calls.iter().find(again).is_none(), "{} was synced again", failure.file());
    }
    let (code, out, err) = crate::world::verify_journal(&world.path("journal"));
    assert_eq!(code, Some(0), "{out}{err}");
}
