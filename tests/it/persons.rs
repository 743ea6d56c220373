//! Public notices by the built binary: built from JSON, shown, verified, looked up, and served for persons.

use std::fs;
use std::path::PathBuf;

use postern::clock::Clock;
use serde_json::{Value, json};

use crate::client;
use crate::world::{Daemon, Interpol, Setup, World, postern, told};

/// A lane on which persons are asked for: of FIND by default, of the copy where public notices are concerned.
const LANE: &str = r#"
[policy.persons]
databases = ["nominal", "public_notices"]
mode = "find"
find_timeout_ms = 5000

[policy.persons.modes]
public_notices = "mind"

[lane.persons]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "persons"
client = "booths"
view = "full"
deadline_ms = 20000
context = { agency = "Border Guard", site = "ZZA-T1", direction = "entry", purpose = "border_control" }
"#;

fn notice(id: &str, name: &str, forename: &str, birth: &str) -> Value {
    json!({
        "entity_id": id, "name": name, "forename": forename, "date_of_birth": birth, "nationalities": ["FR"],
        "_links": {"self": {"href": format!("https://notices.example/notices/v1/red/{id}")}},
    })
}

/// Runs the binary in the world's folder.
#[track_caller]
fn run(world: &World, code: i32, words: &[&str]) -> (String, String) {
    let words = words.iter().map(|word| match word.strip_prefix('@') {
        Some(name) => world.path(name).into_os_string(),
        None => word.into(),
    });
    let (ended, out, err) = told(&postern(words.collect::<Vec<_>>()));
    assert_eq!(ended, Some(code), "{out}{err}");
    (out, err)
}

/// Builds the world's notices from two files that overlap.
fn build(world: &World, number: &str) -> String {
    let first = notice("2020-1", "KORVATZ", "LIMA", "1974/08/12");
    world.write("first.json", &json!([first]).to_string());
    world.write("second.json", &json!([notice("2021-2", "SANOTAR", "MIRO", "1981"), first]).to_string());
    let now = Clock::system().now().to_string();
    let words = ["mind", "build", "--notices", "@first.json", "@second.json", "--out", "@mind", "--key"];
    let more = ["@publisher.key", "--to", "@site.pub", "--as-of", &now, "--environment", "training"];
    run(world, 0, &[&words[..], &more, &["--number", number]].concat()).0
}

fn place() -> [&'static str; 5] {
    ["@mind", "--root", "@root.json", "--site-key", "@site.key"]
}

fn lines(text: &str) -> Vec<Value> {
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn persons_file(world: &World) -> PathBuf {
    world.path("mind/notices/000000000001/persons.bin")
}

// Proves the commands on public notices: what is built is shown, verified and found by name, a silent lookup is not checked
// and ends with 1; a faulty file is refused by record and field; a flipped bit is refused by name; a purge ends it.
#[test]
fn commands() {
    let world = World::new();
    let built = build(&world, "1");
    assert!(built.contains("public notices: 2 records, coverage partial"), "{built}");
    let (info, _) = run(&world, 0, &[&["mind", "info", "--json"][..], &place()].concat());
    let info = lines(&info);
    assert_eq!((&info[1]["dataset"], &info[1]["records"]), (&"notices".into(), &2.into()), "{info:?}");
    let verify = [&["mind", "verify", "--json", "--dataset", "notices"][..], &place()].concat();
    assert_eq!(lines(&run(&world, 0, &verify).0)[0]["version"], 1);
    let lookup = |name: &str, birth: &str| {
        let asked = ["mind", "lookup", "--kind", "person", "--name", name, "--birth", birth, "--sex", "F"];
        lines(&run(&world, 1, &[&asked[..], &place()].concat()).0).remove(0)
    };
    let found = lookup("Korvatz, Lima", "1974-08-12");
    assert_eq!(found["finding"]["hits"][0]["record"], "2020/1", "{found}");
    assert_eq!(found["unchecked"], "copy_partial", "{found}");
    let silent = lookup("ABSENT, NOBODY", "1974-08-12");
    assert_eq!(silent["finding"]["not_checked"], "copy_partial", "{silent}");
    run(&world, 64, &[&["mind", "lookup", "--kind", "person", "X1234567"][..], &place()].concat());
    run(&world, 64, &[&["mind", "fold", "--dataset", "notices"][..], &place()].concat());

    world.write("bad.json", &json!([notice("2020-1", "KORVATZ", "LIMA", "soon")]).to_string());
    let now = Clock::system().now().to_string();
    let words = ["mind", "build", "--notices", "@bad.json", "--colour", "red", "--out", "@mind", "--key"];
    let more = ["@publisher.key", "--to", "@site.pub", "--as-of", &now, "--environment", "training"];
    let (_, err) = run(&world, 64, &[&words[..], &more].concat());
    assert!(err.contains("notice 1, field date_of_birth: date") && !err.contains("KORVATZ"), "{err}");

    let original = fs::read(persons_file(&world)).unwrap();
    let mut flipped = original.clone();
    flipped[original.len() / 2] ^= 4;
    fs::write(persons_file(&world), flipped).unwrap();
    assert_eq!(lines(&run(&world, 1, &verify).0)[0]["refused"], "bit_flip");
    fs::write(persons_file(&world), original).unwrap();
    let purge = ["mind", "purge", "--dataset", "notices", "--confirm", "notices"];
    let (purged, _) = run(&world, 0, &[&purge[..], &place()].concat());
    assert_eq!(lines(&purged)[0]["records"], 2);
    assert_eq!(lines(&run(&world, 1, &verify).0)[0]["refused"], "key_missing");
}

/// What the databases say of a person, by their names; and the verdict of all.
fn ask(daemon: &Daemon, surname: &str, given: &str) -> (Value, Value, String) {
    let question = json!({
        "version": 1,
        "context": { "end_user": "officer-17" },
        "subjects": [{ "kind": "person", "primary_name": surname, "secondary_name": given, "birth": "1974-08-12" }],
    });
    let answer = client::screen(daemon.lane("persons"), None, &question).unwrap().json();
    let outcome = &answer["outcomes"][0];
    let database = |name: &str| {
        let all = outcome["databases"].as_array().unwrap_or_else(|| panic!("{answer:#}"));
        all.iter().find(|one| one["database"] == name).unwrap_or_else(|| panic!("{answer:#}")).clone()
    };
    (database("public_notices"), database("nominal"), outcome["verdict"].as_str().unwrap().to_owned())
}

// Proves that a daemon answers a person of the notices as a possible hit, beside FIND's own word on nominals, and a person
// who is in neither as not established: the notices' silence is never no record.
#[test]
fn a_daemon_answers_persons_from_the_notices() {
    let world = World::new();
    build(&world, "1");
    let interpol = Interpol::of(&world);
    let setup = Setup { find: Some(interpol.address()), more: LANE.to_owned(), ..Setup::default() };
    let daemon = world.start(&setup);
    let (notices, nominal, verdict) = ask(&daemon, "KORVATZ", "LIMA");
    assert_eq!(notices["result"], "hits", "{notices:#}");
    let hit = &notices["hits"][0];
    assert_eq!((&hit["class"], &hit["record"]), (&"name_score".into(), &"2020/1".into()), "{notices:#}");
    assert_eq!(nominal["result"], "no_record", "{nominal:#}");
    assert_eq!(verdict, "possible_hit");
    let (notices, nominal, verdict) = ask(&daemon, "ABSENT", "NOBODY");
    assert_eq!((&notices["result"], &notices["reason"]), (&"not_checked".into(), &"copy_partial".into()));
    assert_eq!((nominal["result"].as_str(), &*verdict), (Some("no_record"), "not_established"));
}

// Proves that a state of notices that was built while the daemon runs is taken into service, and that a damaged one is
// refused by its name and leaves the one before in service.
#[test]
fn a_daemon_takes_newer_notices() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    let setup = Setup { find: Some(interpol.address()), more: LANE.to_owned(), ..Setup::default() };
    let daemon = world.start(&setup);
    let (notices, ..) = ask(&daemon, "KORVATZ", "LIMA");
    assert_eq!(notices["reason"], "copy_missing", "{notices:#}");
    build(&world, "1");
    let found = || Some(ask(&daemon, "KORVATZ", "LIMA").0).filter(|notices| notices["result"] == "hits");
    crate::world::until("the notices to be served", found);
    fs::create_dir(world.path("mind/notices/000000000002")).unwrap();
    for name in ["manifest.json", "manifest.sig", "persons.bin"] {
        let of = |version: &str| world.path(&format!("mind/notices/{version}/{name}"));
        fs::copy(of("000000000001"), of("000000000002")).unwrap();
    }
    crate::world::until("the refusal", || daemon.log().contains("copy_misplaced").then_some(()));
    assert!(found().is_some());
}
