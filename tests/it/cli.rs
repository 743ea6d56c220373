//! The command line: exit codes and what is written, for situations that happen.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::{absent, absent_zone, http, zone};
use crate::world::{Interpol, POSTERN, Setup, World, postern, told, verify_journal};

/// Runs the binary with words and paths and gives exit code, output and errors.
fn run(words: &str, paths: &[&Path]) -> (i32, String, String) {
    let words = words.split_whitespace().map(|word| match word.strip_prefix('@') {
        Some(index) => paths[index.parse::<usize>().unwrap()].as_os_str().to_owned(),
        None => word.into(),
    });
    let (code, out, err) = told(&postern(words));
    (code.expect("the process was killed"), out, err)
}

/// The same, when the exit code is known.
#[track_caller]
fn expect(code: i32, words: &str, paths: &[&Path]) -> (String, String) {
    let (told, out, err) = run(words, paths);
    assert_eq!(told, code, "postern {words}\n{out}{err}");
    (out, err)
}

// Proves that a wrong command line is 64, that help is 0, and that both tell what there is.
#[test]
fn usage() {
    let (_, err) = expect(64, "", &[]);
    assert!(err.contains("Usage"), "{err}");
    expect(64, "no-such-command", &[]);
    expect(64, "demo --records 5", &[]);
    expect(64, "decode --adapter no-such /dev/null", &[]);
    let (help, _) = expect(0, "--help", &[]);
    assert!(help.contains("78  the configuration is wrong"), "{help}");
    let (version, _) = expect(0, "--version", &[]);
    assert!(version.contains(env!("CARGO_PKG_VERSION")));
}

// Proves that the example is a good configuration, that an unknown key is 78 with file, line, column and remedy, and
// that a file that isn't there is 78.
#[test]
fn check() {
    let world = World::new();
    let example = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("example.toml")).unwrap();
    let good = world.write("example.toml", &example);
    let (out, _) = expect(0, "check --config @0", &[&good]);
    assert!(out.contains("config"), "{out}");
    let line = 1 + example.lines().position(|line| line.starts_with("databases = ")).unwrap();
    let bad = world.write("bad.toml", &example.replacen("\ndatabases = ", "\ndatabase = ", 1));
    let (out, _) = expect(78, "check --config @0", &[&bad]);
    let place = format!("{}:{line}:1: ", bad.display());
    let told = out.lines().find(|told| told.starts_with(&place)).unwrap_or_else(|| panic!("{place}\n{out}"));
    assert!(told.contains("policy.gate.database") && told.contains("; remedy: "), "{told}");
    assert!(told.contains("databases"), "{told}");
    expect(78, "run --config @0", &[&bad]);
    expect(78, "check --config @0", &[Path::new("/no/such/file.toml")]);
}

// Proves that a daemon whose address is taken, or whose journal is in use, ends with 69 and says so; that SIGTERM ends a
// daemon with 0; and that its journal is then closed.
#[test]
fn run_needs_address_and_journal() {
    let world = World::new();
    let daemon = world.start(&Setup::default());
    let (config, address) = (world.path("postern.toml"), daemon.lane("egates").to_string());
    let text = fs::read_to_string(&config).unwrap();
    let taken = world.write("taken.toml", &text.replacen("127.0.0.1:0", &address, 1));
    let (_, err) = expect(69, "run --config @0", &[&taken]);
    assert!(err.contains("egates") && err.contains(&address), "{err}");
    let (_, err) = expect(69, "run --config @0", &[&config]);
    assert!(err.contains("journal"), "{err}");
    assert_eq!(daemon.stop().code(), Some(0));
    let (code, out, err) = verify_journal(&world.path("journal"));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!out.contains("not closed"), "{out}");
}

// Proves that a good message decodes to canonical JSON with 0, and that a bad one is told with its offset and 1.
#[test]
fn decode() {
    let world = World::new();
    let zone = zone("L898902C3", "UTO", "ERIKSSON<<ANNA<MARIA");
    let good = world.write("good.txt", &format!("#booth-1;{zone}"));
    let (out, err) = expect(0, "decode --adapter mrz @0", &[&good]);
    assert_eq!((out.lines().count(), &*err), (1, ""));
    let mut inbound: Value = serde_json::from_str(&out).unwrap();
    inbound.sort_all_objects();
    assert_eq!(inbound.to_string(), out.trim_end(), "sorted and without blanks");
    assert!(out.contains("L898902C3") && out.contains("booth-1"), "{out}");
    let bad = world.write("bad.txt", &zone.replacen("P<UTO", "P<U*O", 1));
    let (out, err) = expect(1, "decode --adapter mrz @0 @1", &[&good, &bad]);
    assert_eq!(out.lines().count(), 2);
    let fault: Value = serde_json::from_str(out.lines().nth(1).unwrap()).unwrap();
    assert!(fault.to_string().contains(r#""offset":3"#), "{fault}");
    assert!(err.contains("bad.txt") && !err.contains("ERIKSSON"), "{err}");
    expect(64, "decode --adapter mrz @0", &[&world.path("no-such-file")]);
}

/// A feed, its plants by expectation, and a copy, all made by the binary.
struct Copy {
    world: World,
    folder: PathBuf,
    root: PathBuf,
    site: PathBuf,
    plants: BTreeMap<String, Vec<Vec<String>>>,
}

impl Copy {
    fn build() -> Self {
        let world = World::new();
        let [feed, plant, private, key, folder, root] =
            ["cli.csv", "plant.csv", "cli.key", "cli.pub", "copy", "cli.json"].map(|name| world.path(name));
        let [site, site_pub] = ["cli-site.key", "cli-site.pub"].map(|name| world.path(name));
        expect(0, "sim feed --records 20000 --seed 5 --out @0 --plant @1", &[&feed, &plant]);
        expect(0, "mind keygen --private @0 --public @1", &[&private, &key]);
        expect(0, "mind keygen --site --private @0 --public @1", &[&site, &site_pub]);
        let words = "mind root new --out @0 --environment training --root-key @1 --root-threshold 1 --copy-key @1 \
                     --copy-threshold 1";
        expect(0, words, &[&root, &key]);
        expect(0, "mind root sign @0 --key @1", &[&root, &private]);
        let now = postern::clock::Clock::system().now().to_string();
        let words =
            format!("mind build --csv @0 --out @1 --key @2 --to @3 --as-of {now} --environment training");
        let (built, _) = expect(0, &words, &[&feed, &folder, &private, &site_pub]);
        assert!(built.contains("coverage full"), "{built}");
        let mut plants: BTreeMap<String, Vec<Vec<String>>> = BTreeMap::new();
        for line in fs::read_to_string(plant).unwrap().lines().skip(1) {
            let fields: Vec<String> = line.split(',').map(str::to_owned).collect();
            plants.entry(fields[4].clone()).or_default().push(fields);
        }
        Self { world, folder, root, site, plants }
    }

    /// The folder, the root and the site's key.
    fn files(&self) -> [&Path; 3] {
        [&self.folder, &self.root, &self.site]
    }

    /// What each database says of a number, as JSON.
    #[track_caller]
    fn lookup(&self, number: &str, issuer: &str, doc_type: &str) -> Vec<Value> {
        let words =
            format!("mind lookup @0 {number} --root @1 --site-key @2 --issuer {issuer} --type {doc_type}");
        let (out, _) = expect(0, &words, &self.files());
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}

// Proves the copy's commands on a synthetic feed: build, info and verify; that each planted number is found as its file
// of plants says and an absent one is not; that `query --copy` says the same; and that a flipped bit is noticed.
#[test]
fn mind() {
    let copy = Copy::build();
    let (info, _) = expect(0, "mind info @0 --root @1", &copy.files());
    assert!(info.contains("version 1") && info.contains("training"), "{info}");
    assert_eq!(copy.plants.len(), 5, "every expectation is planted");
    for (expected, plants) in &copy.plants {
        for plant in plants.iter().take(4) {
            let [number, issuer, doc_type, database, _] = &plant[..] else { panic!("{plant:?}") };
            let answers = copy.lookup(number, issuer, doc_type);
            let text = serde_json::to_string(&answers).unwrap();
            let answer = answers.iter().find(|answer| answer["database"] == **database);
            let answer = answer.unwrap_or_else(|| panic!("{database} is silent: {text}")).to_string();
            assert!(answer.contains(&format!("\"{expected}\"")), "{expected}: {text}");
        }
    }
    let exact = &copy.plants["exact"][0];
    let document = format!("document {} --issuer {} --type {}", exact[0], exact[1], exact[2]);
    let words = format!("query --copy @0 --root @1 --site-key @2 {document}");
    let (out, _) = expect(0, &words, &copy.files());
    assert!(out.contains(r#""exact""#), "{out}");
    let words = format!("query --copy @0 --root @1 --site-key @2 mrz {}", absent_zone(4));
    let (out, _) = expect(0, &words, &copy.files());
    assert!(!out.contains("hits") && out.contains("no_record"), "{out}");
    expect(64, "query --copy @0 --root @1 --site-key @2 person X", &copy.files());
    expect(64, "mind info @0 --root @1", &[&copy.folder, &copy.world.path("root.json")]);
    expect(0, "mind verify @0 --root @1 --site-key @2", &copy.files());
    let largest =
        files(&copy.folder).into_iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap();
    flip_bit(&largest);
    expect(1, "mind verify @0 --root @1 --site-key @2", &copy.files());
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Flips one bit in the middle of what a file holds.
fn flip_bit(file: &Path) {
    let mut bytes = fs::read(file).unwrap();
    let content = bytes.iter().rposition(|byte| *byte != 0).unwrap();
    bytes[content / 2] ^= 8;
    let mut permissions = fs::metadata(file).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o600);
    fs::set_permissions(file, permissions).unwrap();
    fs::write(file, bytes).unwrap();
}

// Proves that `query` asks a running daemon about a zone, a document, a person and a vehicle: 0 for a complete outcome,
// 1 where a database could not be asked, 69 if nobody is there; and that a flipped bit in the journal is found.
#[test]
fn query() {
    let world = World::new();
    let daemon = world.start(&Setup::default());
    let url = format!("http://{}", daemon.lane("booths"));
    let ask = |code, subject: &str| {
        let (out, _) = expect(code, &format!("query --url {url} --end-user officer-1 {subject}"), &[]);
        serde_json::from_str::<Value>(&out).unwrap()
    };
    let stolen = world.stolen().next().unwrap();
    let hit = ask(0, &format!("document {} --issuer {} --type PAS", stolen.number, stolen.issuer));
    assert_eq!(hit["outcomes"][0]["verdict"], "hit", "{hit:#}");
    let clear = ask(0, &format!("document {} --issuer D --type PAS", absent(6)));
    assert_eq!((&clear["gate"], &clear["outcomes"][0]["verdict"]), (&"continue".into(), &"no_record".into()));
    let zone = ask(1, &format!("mrz {}", absent_zone(7)));
    assert_eq!(zone["outcomes"].as_array().unwrap().len(), 2, "document and person: {zone:#}");
    let person = ask(1, "person SPECIMEN --given JO --birth 1980-05-17");
    assert_eq!(person["outcomes"][0]["verdict"], "not_established", "{person:#}");
    let vehicle = ask(1, "vehicle --plate ZZ123A --country UTO");
    assert_eq!(vehicle["outcomes"][0]["verdict"], "not_established", "{vehicle:#}");
    assert_eq!(vehicle["gate"], "refer");
    let database = &vehicle["outcomes"][0]["databases"][0];
    assert_eq!((&database["result"], &database["reason"]), (&"not_checked".into(), &"copy_missing".into()));
    daemon.stop();
    expect(69, &format!("query --url {url} --end-user x document {}", absent(8)), &[]);
    expect(64, "query document X", &[]);

    let journal = world.path("journal");
    expect(0, "journal verify --config @0", &[&world.path("postern.toml")]);
    let segments = files(&journal).into_iter().filter(|file| file.extension().is_some_and(|e| e == "seg"));
    flip_bit(&segments.min().unwrap());
    let (code, _, err) = verify_journal(&journal);
    assert_eq!(code, Some(1));
    assert!(err.contains("segment"), "{err}");
    expect(64, "journal verify @0", &[Path::new("/no/such/folder")]);
}

// Proves that what is listed and generated for people is there: adapters, completions, manual pages.
#[test]
fn listings() {
    let (out, _) = expect(0, "adapters", &[]);
    assert!(out.contains("mrz") && out.contains("json") && out.contains("request_id"), "{out}");
    let (out, _) = expect(0, "adapters --json", &[]);
    assert!(out.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
    let (out, _) = expect(0, "completions bash", &[]);
    assert!(out.contains("_postern") && out.contains("journal"), "no completions");
    let (out, _) = expect(0, "man", &[]);
    assert!(out.contains(".TH postern"), "{out}");
    let folder = tempfile::tempdir().unwrap();
    expect(0, "man --out @0", &[folder.path()]);
    assert!(files(folder.path()).len() > 12);
}

/// A process that ends with the test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

// Proves that the simulator runs as a process, serves a daemon, and obeys its admin: with FIND down the copy answers.
#[test]
fn simulator() {
    let world = World::new();
    let mut child = Command::new(POSTERN)
        .args(["sim", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--records", "2000"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    let _simulator = Process(child);
    let mut address = |prefix: &str| {
        let line = lines.next().unwrap().unwrap();
        line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}")).parse().unwrap()
    };
    let (services, admin) = (address("services http://"), address("admin http://"));
    let setup = Setup { find: Some(services), mode: "find_then_mind", ..Setup::default() };
    let daemon = world.start(&setup);
    let url = format!("http://{}", daemon.lane("booths"));
    let source = || {
        let words = format!("query --url {url} --end-user x document {} --issuer D", absent(9));
        let (out, _) = expect(0, &words, &[]);
        serde_json::from_str::<Value>(&out).unwrap()["outcomes"][0]["databases"][0]["source"].clone()
    };
    assert_eq!(source(), "find");
    let json = [("content-type", "application/json")];
    let put = |faults: &[u8]| http(admin, "PUT", "/faults", &json, faults).unwrap().status;
    assert_eq!(put(br#"{"outage":"refuse"}"#), 200);
    assert_eq!(source(), "mind");
    let (out, _) = expect(1, &format!("query --url {url} --end-user x vehicle --plate ZZ123A"), &[]);
    let vehicle: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(vehicle["outcomes"][0]["databases"][0]["reason"], "transport", "{vehicle:#}");
    assert_eq!(put(br#"{"error_rate":2}"#), 422);
    assert_eq!(put(b"{}"), 200);
    assert_eq!(source(), "find");
}

// Proves that the built-in profile is shown and good, that a copy of it with a mistake is told by key, that two profiles are
// compared key by key, and that a live service's tables are compared with the profile's.
#[test]
fn profiles() {
    let world = World::new();
    let (shown, _) = expect(0, "profile show", &[]);
    let copy = world.write("profile.toml", &shown);
    let (out, _) = expect(0, "profile check @0", &[&copy]);
    assert!(out.contains("nominal") && out.lines().next().unwrap().starts_with("interpol edition"), "{out}");
    expect(0, "profile diff @0", &[&copy]);
    let bad = world.write("bad.toml", &shown.replacen("depth = 24", "depth = 1", 1));
    let (_, err) = expect(1, "profile check @0", &[&bad]);
    assert!(err.contains("limits.depth"), "{err}");
    let other = shown.replacen("STL = \"STL\"", "STX = \"STL\"", 1).replacen("edition = 1", "edition = 2", 1);
    let other = world.write("other.toml", &other);
    let (out, _) = expect(1, "profile diff @0", &[&other]);
    let differences = ["edition: 2 here, 1 there", "theft_types.STX: \"STL\" here, absent there"];
    assert!(differences.iter().all(|difference| out.contains(difference)), "{out}");
    assert_eq!(out.lines().count(), 3, "{out}");

    let interpol = Interpol::of(&world);
    let config = world.configure(&Setup { find: Some(interpol.address()), ..Setup::default() });
    let (out, _) = expect(0, "profile probe --config @0", &[&config]);
    assert!(out.contains("theft_types: as the service tells it"), "{out}");
    let text = fs::read_to_string(&config).unwrap();
    let text = text.replacen("[find]\n", &format!("[find]\nprofile = {other:?}\n"), 1);
    let config = world.write("other-profile.toml", &text);
    let (out, _) = expect(1, "profile probe --json --config @0", &[&config]);
    assert!(out.contains(r#""missing":{"STL":"STL"}"#) && out.contains(r#""unknown":["STX"]"#), "{out}");
}
