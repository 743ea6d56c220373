//! Whether the command line says what it does, and does what it says.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use clap::{Command, Parser};
use postern_sdk::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Context, Exchange, Fault, FaultCode, Inbound, LinkOptions,
    Message, Reply, Stamp, Told,
};

use super::decode::{Decode, decode};
use super::{Cli, Exit, command};

fn each(command: &mut Command, visit: &mut dyn FnMut(&mut Command)) {
    visit(command);
    for inner in command.get_subcommands_mut() {
        each(inner, visit);
    }
}

// Proves that clap's own checks hold, that every help text renders, and that every command and option has one.
#[test]
fn everything_has_help() {
    let mut root = command();
    root.clone().debug_assert();
    root.build();
    let mut count = 0;
    each(&mut root, &mut |command| {
        let name = command.get_name().to_owned();
        assert!(!command.render_long_help().to_string().is_empty());
        assert!(command.get_about().is_some() || name == "help", "{name}");
        for argument in command.get_arguments() {
            assert!(argument.get_help().is_some(), "{name} {}", argument.get_id());
            count += 1;
        }
    });
    assert!(count > 50, "{count}");
}

// Proves that the help tells every exit code.
#[test]
fn help_tells_exit_codes() {
    let help = command().render_long_help().to_string();
    for exit in [Exit::Ok, Exit::Found, Exit::Usage, Exit::Unavailable, Exit::Config] {
        assert!(help.contains(&format!("\n  {:<3} ", exit as u8)), "{exit:?} in {help}");
    }
}

// Proves that completions and manual pages are written for every shell and subcommand.
#[test]
fn completions_and_pages() {
    use clap::ValueEnum;
    for shell in clap_complete::Shell::value_variants() {
        let mut text = Vec::new();
        clap_complete::generate(*shell, &mut command(), "postern", &mut text);
        assert!(String::from_utf8(text).unwrap().contains("completions"), "{shell}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(run(&["man", "--out", folder.path().to_str().unwrap()]), Exit::Ok);
    for page in ["postern.1", "postern-check.1", "postern-sim-feed.1", "postern-mind-build.1"] {
        let text = fs::read_to_string(folder.path().join(page)).unwrap_or_default();
        assert!(text.contains("postern"), "{page}");
    }
}

fn run(arguments: &[&str]) -> Exit {
    let all = std::iter::once(&"postern").chain(arguments);
    Cli::try_parse_from(all).unwrap_or_else(|error| panic!("{error}")).run()
}

// Proves that command lines of every subcommand are understood, and that wrong ones are not.
#[test]
fn command_lines() {
    let good = [
        "run",
        "check --live --config x.toml",
        "--config x.toml run",
        "demo --once --records 1000 --seed 7 --folder f",
        "sim --listen 127.0.0.1:0 --records 10",
        "sim feed --records 10 --seed 3 --out f.csv --plant p.csv",
        "decode --adapter mrz --strict --option request_id=\"echo\" a b",
        "query --url http://127.0.0.1:4002 document - --issuer UTO --type P",
        "query --copy f --root r --site-key k mrz P<UTO L898",
        "query --copy f person ERIKSSON --birth 1974-08",
        "query --copy f vehicle --plate - --country FRA",
        "mind build --csv a --out f --key k --as-of 2026-11-24T00:00:00Z --environment training",
        "mind lookup f - --root r --site-key k",
        "mind build --csv - --out f --key k --key l --changes --root r --site-key s --as-of 2026-11-24T00:00:00Z --environment training",
        "mind purge f --root r --confirm documents",
        "mind publish --config p.toml",
        "mind keygen --private a --public b",
        "mind root new --out r.json --environment training --root-key a --root-key b --root-threshold 2 --copy-key c --copy-threshold 1",
        "mind root new --out s.json --previous r.json --copy-key d --copy-threshold 1",
        "mind keygen --site --passphrase --private - --public b",
        "mind enrol request --public p",
        "mind enrol list f --json",
        "mind enrol approve airport f --root r --site-key k --id 0011223344556677 --public p",
        "mind revoke airport f",
        "mind export f --out b --site airport --from 7 --from vehicles=3 --json",
        "mind import b f --root r --site-key k --country-key c --json",
        "mind unlock",
        "find status --socket s",
        "find open --service sltd --reason maintenance --config x.toml",
        "find close --service sltd --reason r",
        "find auto --service sltd --reason r --socket s",
        "batch submit l.csv --client c --policy p --purpose u --agency a --end-user e --site s --rate 5 --silent",
        "batch status --socket s",
        "batch status 01a2201f-51f2-7503-ac7b-3dec0827e8aa --follow",
        "batch cancel 01a2201f-51f2-7503-ac7b-3dec0827e8aa",
        "batch results 01a2201f-51f2-7503-ac7b-3dec0827e8aa --csv --out r.csv",
        "mind unlock --key f --socket s --config x.toml",
        "journal verify f",
        "grants verify g --key k --environment training",
        "adapters --json",
        "completions bash",
        "man",
    ];
    let parse = |line: &str| Cli::try_parse_from(std::iter::once("postern").chain(line.split(' ')));
    for line in good {
        assert!(parse(line).is_ok(), "{line}: {}", parse(line).unwrap_err());
    }
    for line in [
        "",
        "walk",
        "demo --records 0",
        "decode a",
        "query document 1",
        "query --url u --copy f document 1",
        "mind root new --out r.json --environment training",
        "mind root new --out r.json --previous q.json --root-key a",
        "mind root verify",
        "mind enrol approve airport f --root r --site-key k",
        "mind revoke airport",
        "mind export f",
        "mind export f --out b --from other=3",
    ] {
        assert!(parse(line).is_err(), "{line}");
    }
}

// Proves that a configuration that is wrong, or not there, is exit 78, and wrong files are 64.
#[test]
fn exit_codes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("postern.toml");
    let path = file.to_str().unwrap();
    assert_eq!(run(&["check", "--config", path]), Exit::Config);
    fs::write(&file, "[postern]\nname = 1\n").unwrap();
    assert_eq!(run(&["check", "--config", path]), Exit::Config);
    assert_eq!(run(&["decode", "--adapter", "none", path]), Exit::Usage);
    assert_eq!(run(&["grants", "verify", path, "--key", "nowhere"]), Exit::Usage);
}

// Proves that a document can be signed and verified from the command line, and that another key does not verify it.
#[test]
fn grants_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let text = "format = 1\nnumber = 1\nenvironment = \"training\"\nissuer = \"NCB\"\n\
                issued_at = 2026-11-01T00:00:00Z\nexpires_at = 2026-12-01T00:00:00Z\n";
    fs::write(path("g"), text).unwrap();
    for name in ["a", "b"] {
        let (private, public) = (path(&format!("{name}.key")), path(&format!("{name}.pub")));
        assert_eq!(run(&["grants", "keygen", "--private", &private, "--public", &public]), Exit::Ok);
        assert_eq!(run(&["grants", "keygen", "--private", &private, "--public", &public]), Exit::Usage);
    }
    let verify =
        |key: &str| run(&["grants", "verify", &path("g"), "--key", &path(key), "--environment", "training"]);
    assert_eq!(verify("a.pub"), Exit::Found);
    assert_eq!(run(&["grants", "sign", &path("g"), "--key", &path("a.key")]), Exit::Ok);
    assert_eq!(verify("a.pub"), Exit::Ok);
    assert_eq!(verify("b.pub"), Exit::Found);
    assert_eq!(run(&["grants", "verify", &path("g"), "--key", &path("a.pub")]), Exit::Found);
}

// Proves that several people make and sign a root from the command line, replace it, and that what is not enough, out
// of order, or signed by a stranger is found.
#[test]
fn roots_from_end_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for name in ["a", "b", "c", "d"] {
        let (private, public) = (path(&format!("{name}.key")), path(&format!("{name}.pub")));
        assert_eq!(run(&["mind", "keygen", "--private", &private, "--public", &public]), Exit::Ok);
    }
    // Words that name a file have a dot, options have none.
    let root = |line: &str| {
        let words = line.split(' ').map(|word| if word.contains('.') { path(word) } else { word.to_owned() });
        let words: Vec<String> = ["mind", "root"].map(str::to_owned).into_iter().chain(words).collect();
        run(&words.iter().map(String::as_str).collect::<Vec<_>>())
    };
    let first = "new --out 1.json --environment training --root-key a.pub --root-key b.pub --root-threshold 2 \
                 --copy-key c.pub --copy-threshold";
    assert_eq!(root(&format!("{first} 2")), Exit::Found);
    assert_eq!(root(&format!("{first} 1")), Exit::Ok);
    assert_eq!(root(&format!("{first} 1")), Exit::Usage);
    assert_eq!(root("verify 1.json"), Exit::Found);
    assert_eq!(root("sign 1.json --key a.key"), Exit::Ok);
    assert_eq!(root("verify 1.json"), Exit::Found);
    assert_eq!(root("sign 1.json --key c.key"), Exit::Found);
    assert_eq!(root("sign 1.json --key b.key"), Exit::Ok);
    assert_eq!(
        (root("verify 1.json"), root("show 1.json"), root("show 1.json --json")),
        (Exit::Ok, Exit::Ok, Exit::Ok)
    );
    assert_eq!(root("new --out 2.json --previous 1.json --root-key d.pub --root-threshold 1"), Exit::Ok);
    assert_eq!(root("sign 2.json --key d.key"), Exit::Ok);
    assert_eq!(root("verify 1.json 2.json"), Exit::Found);
    assert_eq!(root("sign 2.json --key a.key"), Exit::Found);
    assert_eq!(root("sign 2.json --key a.key --previous 1.json"), Exit::Ok);
    assert_eq!(root("sign 2.json --key b.key --previous 1.json"), Exit::Ok);
    assert_eq!(root("verify 1.json 2.json"), Exit::Ok);
    assert_eq!(root("verify 2.json 1.json"), Exit::Found);
    assert_eq!(root("verify 3.json"), Exit::Usage);
    assert_eq!(root("show a.pub"), Exit::Usage);
}

/// An adapter that reads `ok` and nothing else.
struct Toy;

impl Adapter for Toy {
    fn describe(&self) -> AdapterDescription {
        let (name, summary) = ("toy".into(), "a toy".into());
        let options = [("mark".into(), "a mark".into())].into();
        AdapterDescription { name, summary, contract: CONTRACT_VERSION, options }
    }

    fn decode(&self, bytes: &[u8], options: &LinkOptions) -> Vec<Inbound> {
        if bytes != b"ok" {
            return vec![Inbound::Fault(Fault::new(FaultCode::FRAMING).at(2))];
        }
        let terminal = options.options.get("mark").map(ToString::to_string);
        let context =
            Context { site: Some("z".into()), terminal, agency: Some("a".into()), ..Context::default() };
        vec![Inbound::Query(Exchange { context, ..Exchange::default() })]
    }

    fn encode(&self, _: &Exchange, _: &[Told], _: Message, _: &Stamp) -> Result<Vec<Reply>, Fault> {
        Err(Fault::new(FaultCode::UNSUPPORTED))
    }

    fn refuse(&self, _: &Fault, _: &Stamp) -> Reply {
        Reply::new("", "text/plain")
    }
}

fn decoded(files: &[&Path], option: (&str, i32)) -> (Exit, Vec<String>, Vec<String>) {
    let args = Decode {
        adapter: "toy".into(),
        strict: false,
        options: vec![(option.0.into(), option.1.into())],
        files: files.iter().map(|file| file.to_path_buf()).collect(),
    };
    let adapter: Arc<dyn Adapter> = Arc::new(Toy);
    let (mut lines, mut faults) = (Vec::new(), Vec::new());
    let exit =
        decode(&args, &adapter, &mut |line| lines.push(line.into()), &mut |line| faults.push(line.into()));
    (exit, lines, faults)
}

// Proves that each inbound is a line of JSON with sorted keys, and that a fault is told with its offset and exit 1.
#[test]
fn decodes_to_canonical_json() {
    let folder = tempfile::tempdir().unwrap();
    let (good, bad) = (folder.path().join("good"), folder.path().join("bad"));
    fs::write(&good, "ok").unwrap();
    fs::write(&bad, "no").unwrap();
    let (exit, lines, faults) = decoded(&[&good], ("mark", 7));
    assert_eq!((exit, faults.len()), (Exit::Ok, 0));
    assert_eq!(
        lines,
        [
            r#"{"query":{"context":{"agency":"a","environment":"production","site":"z","terminal":"7"},"subjects":[]}}"#
        ]
    );
    let (exit, lines, faults) = decoded(&[&good, &bad], ("mark", 7));
    assert_eq!((exit, lines.len()), (Exit::Found, 2));
    assert_eq!(lines[1], r#"{"fault":{"code":"framing","offset":2}}"#);
    assert!(faults[0].ends_with("bad: framing at byte 2"), "{}", faults[0]);
    assert_eq!(decoded(&[&good], ("other", 1)).0, Exit::Usage);
    assert_eq!(decoded(&[Path::new("/nonexistent")], ("mark", 1)).0, Exit::Usage);
}

// Proves that a sound journal verifies, and that one with a changed byte is exit 1.
#[test]
fn verifies_a_journal() {
    use crate::journal::storage::FileStorage;
    use crate::journal::{Entry, Journal, Kind, Options};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().to_str().unwrap();
    assert_eq!(run(&["journal", "verify", "/nonexistent"]), Exit::Usage);
    let options = Options { segment_bytes: 1 << 20, ..Options::new(1, uuid::Uuid::from_u128(1)) };
    let storage = Arc::new(FileStorage::create(folder.path()).unwrap());
    let (journal, _) = Journal::open(storage, &options, |_| {}).unwrap();
    let entry = Entry::new(Kind::Screening, uuid::Uuid::from_u128(2), b"a body to be found".to_vec());
    tokio::runtime::Runtime::new().unwrap().block_on(journal.append(entry)).unwrap();
    journal.close().unwrap();
    assert_eq!(run(&["journal", "verify", path]), Exit::Ok);
    let segment = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|file| fs::read(file).unwrap().windows(6).any(|bytes| bytes == b"a body"));
    let segment = segment.unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    let at = bytes.windows(6).position(|bytes| bytes == b"a body").unwrap();
    bytes[at] ^= 1;
    fs::write(&segment, bytes).unwrap();
    assert_eq!(run(&["journal", "verify", path]), Exit::Found);
}
