//! Whether a configuration is judged as a whole: the example, each rule, and where its problem points.

mod key;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use postern_sdk::{
    Adapter, AdapterDescription, CONTRACT_VERSION, Exchange, Fault, FaultCode, Inbound, LinkOptions, Message,
    Reply, Stamp, Told, View,
};

use super::{ClientIdentity, Config, Framing, Problem, Severity, Wire, load, load_with, reference};
use crate::adapters::Entry;
use crate::screening::Mode;

/// An adapter that only describes itself.
struct Toy(&'static str);

impl Adapter for Toy {
    fn describe(&self) -> AdapterDescription {
        let options = BTreeMap::from([("request_id".into(), "what a request id means".into())]);
        let summary = "a toy".into();
        AdapterDescription { name: self.0.into(), summary, contract: CONTRACT_VERSION, options }
    }

    fn decode(&self, _: &[u8], _: &LinkOptions) -> Vec<Inbound> {
        vec![Inbound::Fault(Fault::new(FaultCode::EMPTY))]
    }

    fn encode(&self, _: &Exchange, _: &[Told], _: Message, _: &Stamp) -> Result<Vec<Reply>, Fault> {
        Err(Fault::new(FaultCode::UNSUPPORTED))
    }

    fn refuse(&self, _: &Fault, _: &Stamp) -> Reply {
        Reply::new("", "text/plain")
    }
}

pub(super) const TOYS: &[Entry] = &[
    Entry { name: "json", carries_context: true, make: || Arc::new(Toy("json")) },
    Entry { name: "mrz", carries_context: false, make: || Arc::new(Toy("mrz")) },
];

/// A small configuration without a problem, one key a line, to be changed by a test.
pub(super) const SOUND: &str = r#"
[postern]
name = "p"
environment = "training"
country = "FRA"
[grants]
file = "g"
bureau_key_file = "k"
[find]
base_url = "http://127.0.0.1:9"
username = "u"
password_file = "pw"
[mind]
folder = "copy"
root_file = "root.json"
key = { source = "credential" }
[policy.gate]
databases = ["sltd"]
mode = "find_then_mind"
[lane.gate]
transport = "tcp"
listen = "127.0.0.1:4001"
framing = "line"
adapter = "mrz"
policy = "gate"
client = "c"
[lane.gate.context]
agency = "a"
end_user = "e"
site = "s"
purpose = "p"
"#;

pub(super) fn loaded(folder: &Path, text: &str) -> Result<Config, Vec<Problem>> {
    let path = folder.join("postern.toml");
    fs::write(&path, text).unwrap();
    load_with(&path, TOYS)
}

/// The problems of a text, without the folder's name.
fn problems(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let found = match loaded(folder.path(), text) {
        Ok(config) => config.warnings,
        Err(problems) => problems,
    };
    let prefix = format!("{}/", folder.path().display());
    found.iter().map(|problem| problem.to_string().replace(&prefix, "")).collect()
}

/// The problems of the sound text with one piece of it replaced.
fn changed(from: &str, to: &str) -> Vec<String> {
    assert!(SOUND.contains(from), "{from}");
    problems(&SOUND.replacen(from, to, 1))
}

// Proves that the sound configuration has no problem, and resolves to durations, policies and paths of its folder.
#[test]
fn resolves() {
    let folder = tempfile::tempdir().unwrap();
    let config = loaded(folder.path(), SOUND).unwrap();
    assert_eq!(config.warnings, []);
    assert_eq!(config.journal.folder, folder.path().join("journal"));
    assert_eq!(config.journal.gather_max, Duration::from_micros(500));
    let lane = &config.lanes[0];
    assert_eq!(lane.wire, Wire::Tcp(Framing::Line));
    assert_eq!(lane.client, ClientIdentity::Lane("c".into()));
    assert_eq!(lane.adapter.name, "mrz");
    assert_eq!(lane.view, View::Gate);
    assert_eq!(lane.context.missing(), []);
    assert_eq!(config.screening_time(lane), Duration::from_millis(1_750));
    assert!(Arc::ptr_eq(&lane.policy, &config.policies["gate"]));
    assert_eq!(lane.policy.databases.values().collect::<Vec<_>>(), [&Mode::FindThenMind]);
    assert_eq!(lane.policy.ages.stop, Duration::from_secs(48 * 3_600));
}

// Proves that the problem of a policy that doesn't exist points at the value and names the remedy.
#[test]
fn points_at_the_line() {
    assert_eq!(
        changed("policy = \"gate\"", "policy = \"egate\"")[1],
        "postern.toml:25:10: lane.gate.policy: no policy \"egate\" is defined; \
         remedy: define [policy.egate] or name one of: gate"
    );
}

// Proves each rule: what is changed in the sound text, and the problem that follows.
#[test]
fn rules() {
    let cases = [
        ("[\"sltd\"]", "[]", "policy.gate.databases: a policy without a database checks nothing"),
        ("[\"sltd\"]", "[\"sltd\", \"sltd\"]", "policy.gate.databases: sltd is named twice"),
        ("[\"sltd\"]", "[\"unknown\"]", "policy.gate.databases: \"unknown\" is not known"),
        ("[\"sltd\"]", "[\"sltd\"]\nmodes.smv = \"find\"", "policy.gate.modes.smv: the policy does not ask"),
        (
            "[\"sltd\"]",
            "[\"sltd\"]\nmodes.stld = \"find\"",
            "policy.gate.modes.stld: \"stld\" is no database",
        ),
        ("[\"sltd\"]", "[\"sltd\"]\nrecheck_permille = 1001", "policy.gate.recheck_permille: it is more"),
        (
            "[\"sltd\"]",
            "[\"sltd\"]\nfind_timeout_ms = 1900",
            "warning: lane.gate.policy: find_timeout_ms (1900",
        ),
        ("framing = \"line\"", "", "lane.gate.framing: tcp needs a framing"),
        ("\"tcp\"", "\"http\"", "lane.gate.framing: http has its own framing"),
        ("\"mrz\"", "\"mzr\"", "lane.gate.adapter: there is no adapter \"mzr\"; remedy: write \"mrz\""),
        (
            "client = \"c\"",
            "client = \"c\"\noptions.x = 1",
            "lane.gate.options.x: the adapter \"mrz\" has no",
        ),
        ("client = \"c\"", "", "lane.gate.client: nothing names the client"),
        ("client = \"c\"", "client = \" \"", "lane.gate.client: the client's name is empty"),
        (
            "client = \"c\"",
            "client = \"c\"\ndeadline_ms = 250",
            "lane.gate.deadline_ms: 250 ms leave no time",
        ),
        (
            "client = \"c\"",
            "client = \"c\"\nlimits.subjects_max = 0",
            "lane.gate.limits.subjects_max: it must not",
        ),
        (
            "client = \"c\"",
            "client = \"c\"\nlimits.frame_bytes_max = 99999999",
            "lane.gate.limits.frame_bytes_max: a",
        ),
        ("client = \"c\"", "token_file = \"t\"", "lane.gate.token_file: tokens are for http only"),
        ("127.0.0.1:4001", "0.0.0.0:4001", "lane.gate.listen: anyone on the network could ask"),
        ("purpose = \"p\"", "", "lane.gate.context: the format can't carry purpose"),
        ("purpose = \"p\"", "purpose = \"\"", "lane.gate.context.purpose: it is empty"),
        ("[mind]", "[mind]\nstop_age_h = 24", "mind.warn_age_h: 24 h is not before stop_age_h (24 h)"),
        ("[mind]", "[mind]\npurge_age_h = 40", "mind.stop_age_h: 48 h is not before purge_age_h (40 h)"),
        ("key = { source = \"credential\" }", "", "mind.key: nothing says where the site's key comes from"),
        (
            "\"credential\"",
            "\"tpm\"",
            "mind.key.source: \"tpm\" is not known; remedy: write one of: credential",
        ),
        ("\"credential\"", "\"credential\", credential = \"../x\"", "mind.key.credential: \"../x\" can't be"),
        ("\"credential\"", "\"operator\", file = \"f\"", "mind.key.file: the source does not read this"),
        (
            "\"credential\"",
            "\"operator\", allow_key_on_disk = true",
            "mind.key.allow_key_on_disk: the source",
        ),
        ("\"credential\"", "\"file\"", "mind.key.file: the source needs a file"),
        (
            "\"credential\"",
            "\"file\", file = \"f\"",
            "postern.toml:16:33: mind.key.file: the key is on the disk of",
        ),
        (
            "\"credential\"",
            "\"file\", file = \"f\", allow_key_on_disk = true",
            "warning: mind.key.allow_key_on_disk: the key is on the disk of",
        ),
        ("\"credential\"", "\"server\"", "mind.key.url: the source needs the https URL"),
        (
            "\"credential\"",
            "\"server\", url = \"http://h/k\"",
            "mind.key.url: the source needs the https URL",
        ),
        (
            "\"credential\"",
            "\"server\", url = \"https://u:p@h/k\"",
            "mind.key.url: the source needs the https",
        ),
        (
            "\"credential\"",
            "\"server\", url = \"https://h/k\", tls = { ca_file = \"c\" }",
            "mind.key.tls: the key server must know who asks",
        ),
        ("\"credential\"", "\"server\", retry_s_max = 0", "mind.key.retry_s_max: it must not be zero"),
        ("http://127.0.0.1:9", "https://h:9", "find.base_url: https needs an authority"),
        ("http://127.0.0.1:9", "http://h:9", "warning: find.base_url: account and questions go"),
        ("http://127.0.0.1:9", "http://u:p@127.0.0.1:9", "find.base_url: it holds credentials"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9/find", "find.base_url: it has a path"),
        ("http://127.0.0.1:9", "ftp://127.0.0.1", "find.base_url: it is neither http nor https"),
        (
            "\"pw\"",
            "\"pw\"\ntls = { ca_file = \"c\", key_file = \"k\" }",
            "find.tls: a certificate needs its key",
        ),
        ("base_url = \"http://127.0.0.1:9\"", "", "find: nobody is named who is asked"),
        ("username = \"u\"", "", "find.username: the account has no name"),
        ("password_file = \"pw\"", "", "find.password_file: the account has no password"),
        (
            "username",
            "relay = { url = \"https://h\", tls = { ca_file = \"c\" } }\nusername",
            "find.relay: both INTERPOL and a hub are named",
        ),
        (
            "base_url = \"http://127.0.0.1:9\"",
            "relay = { url = \"https://h/x\", tls = { ca_file = \"c\" } }",
            "find.relay.url: it is not the https address of a hub",
        ),
        (
            "base_url = \"http://127.0.0.1:9\"",
            "relay = { url = \"https://h\", tls = { ca_file = \"c\" } }",
            "find.relay.tls: the hub must know which edge asks",
        ),
        (
            "base_url = \"http://127.0.0.1:9\"",
            "relay = { url = \"https://h\", tls = { ca_file = \"c\" } }",
            "find.password_file: the hub has it",
        ),
        (
            "[grants]",
            "[relay]\nlisten = \"127.0.0.1:0\"\ntls = { cert_file = \"c\", key_file = \"k\" }\n[grants]",
            "relay.tls: the hub must know which edge asks",
        ),
        (
            "[grants]",
            "[relay]\nlisten = \"127.0.0.1:0\"\ntls = { cert_file = \"c\", key_file = \"k\" }\n[grants]",
            "warning: relay.edge: no edge is named",
        ),
        (
            "[grants]",
            "[relay]\nlisten = \"127.0.0.1:4001\"\ntls = { cert_file = \"c\", key_file = \"k\" }\n[grants]",
            "relay.listen: 127.0.0.1:4001 is already the address of",
        ),
        (
            "[grants]",
            "[relay]\nlisten = \"127.0.0.1:0\"\ntls = { cert_file = \"c\", key_file = \"k\" }\n\
             [relay.edge.a]\nrate_per_s_max = 0\nconcurrency_max = 64\n[grants]",
            "relay.edge.a.rate_per_s_max: it must not be zero",
        ),
        (
            "[grants]",
            "[relay]\nlisten = \"127.0.0.1:0\"\ntls = { cert_file = \"c\", key_file = \"k\" }\n\
             [relay.edge.a]\nconcurrency_max = 64\n[grants]",
            "warning: relay.edge: the edges may have 64 questions",
        ),
        ("\"pw\"", "\"pw\"\nrecords_max = 0", "find.records_max: it must not be zero"),
        ("\"pw\"", "\"pw\"\nrate_share_percent = 0", "find.rate_share_percent: it must not be zero"),
        ("\"pw\"", "\"pw\"\nretry_percent = 101", "find.retry_percent: 101 percent is more than all"),
        ("[grants]", "[recheck]\nage_max_days = 0\n[grants]", "recheck.age_max_days: it must not be zero"),
        ("[grants]", "[batch]\nfolder = 'b'\n[grants]", "batch: there is no postern.control_socket"),
        (
            "[grants]",
            "[batch]\nfolder = 'b'\nrate_per_s_max = 0\n[grants]",
            "batch.rate_per_s_max: it must not be zero",
        ),
        (
            "[grants]",
            "[batch]\nfolder = 'b'\nrow_bytes_max = 2000000\n[grants]",
            "batch.row_bytes_max: a row can't have 2000000 bytes",
        ),
        (
            "[grants]",
            "[recheck]\noldest_share_percent = 101\n[grants]",
            "recheck.oldest_share_percent: 101 of a hundred",
        ),
        (
            "[grants]",
            "[recheck]\nconcurrency_max = 65\n[grants]",
            "recheck.concurrency_max: it is more than find.concurrency_max (64)",
        ),
        ("[grants]", "[recheck]\nenabled = false\n[grants]", "warning: recheck.enabled: what can't be asked"),
        ("\"FRA\"", "\"QQQ\"", "postern.country: QQQ is not a code"),
        ("\"FRA\"", "\"F4\"", "postern.country: \"F4\" is not a country"),
        (
            "[grants]",
            "[journal]\nsegment_bytes = 9\n[grants]",
            "journal.segment_bytes: a segment can't have 9",
        ),
        ("[grants]", "[journal]\ngather_us_max = 10001\n[grants]", "journal.gather_us_max: that is too long"),
        ("[grants]", "[console]\nlisten = \"0.0.0.0:1\"\n[grants]", "console.listen: anyone on the network"),
        (
            "[grants]",
            "[console]\nlisten = \"127.0.0.1:4001\"\n[grants]",
            "console.listen: 127.0.0.1:4001 is already",
        ),
        ("lane.gate.", "lane.other.", "lane.other.transport: the key is mandatory"),
        ("[lane.gate]", "[lane.Gate]", "lane.Gate: \"Gate\" can't be a name"),
    ];
    for (from, to, expected) in cases {
        let found = changed(from, to);
        assert!(found.iter().any(|problem| problem.contains(expected)), "{expected}\nin {found:#?}");
    }
}

// Proves that a source that a mode asks and that is not configured is a warning, and that it says what follows.
#[test]
fn absent_sources() {
    let without_mind = SOUND.replace(
        "[mind]\nfolder = \"copy\"\nroot_file = \"root.json\"\nkey = { source = \"credential\" }\n",
        "",
    );
    let found = problems(&without_mind);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("warning: policy.gate.mode: find_then_mind asks the copy too"), "{}", found[0]);
    let found = problems(&without_mind.replace("find_then_mind", "mind"));
    assert!(found[0].contains("everything will be not checked (not configured)"), "{}", found[0]);
}

// Proves that the context which a JSON message may bring is a warning, and that at most a warning stays a start.
#[test]
fn context_that_a_message_may_bring() {
    let found = changed("adapter = \"mrz\"", "adapter = \"json\"");
    assert!(found.is_empty(), "{found:#?}");
    let text = SOUND.replace("\"mrz\"", "\"json\"").replace("site = \"s\"\n", "");
    let found = problems(&text);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(found[0].contains("warning: lane.gate.context: each message must carry site"), "{}", found[0]);
}

// Proves that faults of shape and of sense are told in one run, and that none is told for what follows from another.
#[test]
fn all_at_once() {
    let text = SOUND
        .replace("mode = \"find_then_mind\"", "mode = \"fnd\"")
        .replace("framing = \"line\"", "framig = \"line\"")
        .replace("purpose = \"p\"", "");
    let found = problems(&text);
    let keys: Vec<&str> = found.iter().filter_map(|problem| problem.split(": ").nth(1)).collect();
    assert_eq!(keys, ["policy.gate.mode", "lane.gate.framing", "lane.gate.framig", "lane.gate.context"]);
}

// Proves that a value of the wrong shape is told once, and not again as missing.
#[test]
fn told_once() {
    let found = changed("framing = \"line\"", "framing = \"lin\"");
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("lane.gate.framing: \"lin\" is not known; remedy: write \"line\""),
        "{}",
        found[0]
    );
}

// Proves that conf.d is merged in the order of names, and that a key given twice is told with both places.
#[test]
fn merges_conf_d() {
    let folder = tempfile::tempdir().unwrap();
    let conf = folder.path().join("conf.d");
    fs::create_dir(&conf).unwrap();
    fs::write(conf.join("10-log.toml"), "[log]\nlevel = \"warn\"\n").unwrap();
    fs::write(conf.join("notes.txt"), "not = toml =").unwrap();
    let config = loaded(folder.path(), SOUND).unwrap();
    assert_eq!(config.log.level, super::LogLevel::Warn);
    fs::write(conf.join("20-gate.toml"), "[lane.gate]\nclient = \"d\"\n").unwrap();
    let problems = loaded(folder.path(), SOUND).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    let text = problems[0].to_string();
    assert!(text.contains("20-gate.toml:2:1: lane.gate.client: the key is already given at"), "{text}");
    assert!(text.contains("postern.toml:26:1"), "{text}");
}

// Proves that a secret which others can read is an error, and one that is its owner's alone is none.
#[test]
fn secrets_are_private() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("pw");
    fs::write(&secret, "hush").unwrap();
    for (mode, errors) in [(0o644, 1), (0o640, 1), (0o600, 0), (0o400, 0)] {
        fs::set_permissions(&secret, fs::Permissions::from_mode(mode)).unwrap();
        let found = loaded(folder.path(), SOUND).err().unwrap_or_default();
        assert_eq!(found.len(), errors, "{mode:o} {found:#?}");
    }
}

// Proves that a file that isn't there, and one that isn't TOML, are told without what only follows from that.
#[test]
fn unreadable_files() {
    let folder = tempfile::tempdir().unwrap();
    let problems = load_with(&folder.path().join("none.toml"), TOYS).unwrap_err();
    assert_eq!(problems.len(), 1, "{problems:#?}");
    assert!(problems[0].to_string().contains("none.toml: can't be read"), "{}", problems[0]);
    let found = changed("name = \"p\"", "name = \"p");
    assert!(found[0].starts_with("postern.toml:3:"), "{found:#?}");
}

// Proves that nothing is taken from the environment: what looks like a variable is text.
#[test]
fn no_interpolation() {
    let folder = tempfile::tempdir().unwrap();
    let config = loaded(folder.path(), &SOUND.replace("\"u\"", "\"${HOME}\"")).unwrap();
    assert_eq!(config.find.unwrap().username.unwrap(), "${HOME}");
}

fn example() -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("example.toml")).unwrap()
}

// Proves that the example has no error and no warning with the adapters that are built in, and is judged in under 100 ms.
#[test]
fn the_example_is_sound() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("example.toml");
    let begun = Instant::now();
    let config = load(&path).unwrap();
    assert!(begun.elapsed() < Duration::from_millis(100), "{:?}", begun.elapsed());
    assert_eq!(config.warnings, []);
    assert_eq!(config.lanes.len(), 2);
}

/// The example with every option that it shows as commented out.
fn uncommented(example: &str) -> String {
    let option = |line: &str| {
        let text = line.strip_prefix("# ")?;
        let key = text.split(" = ").next()?;
        let is_key = text.contains(" = ") && key.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        (is_key || text.starts_with('[')).then(|| text.to_owned())
    };
    example.lines().map(|line| option(line).unwrap_or_else(|| line.to_owned()) + "\n").collect()
}

// Proves that the example shows every option of every type, and that each commented one is its default.
#[test]
fn the_example_is_complete() {
    let text = uncommented(&example());
    let shown: toml::Table = text.parse().unwrap();
    let schema = schemars::schema_for!(super::file::File).to_value();
    for (definition, table) in [
        ("Instance", &shown["postern"]),
        ("Journal", &shown["journal"]),
        ("Find", &shown["find"]),
        ("ClientTls", &shown["find"]["tls"]),
        ("FindRelay", &shown["find"]["relay"]),
        ("Relay", &shown["relay"]),
        ("RelayEdge", &shown["relay"]["edge"]["airport"]),
        ("Recheck", &shown["recheck"]),
        ("Batch", &shown["batch"]),
        ("Mind", &shown["mind"]),
        ("MindKey", &shown["mind"]["key"]),
        ("MindHub", &shown["mind"]["hub"]),
        ("MindSource", &shown["mind"]["source"]),
        ("Grants", &shown["grants"]),
        ("Policy", &shown["policy"]["gate"]),
        ("LaneContext", &shown["lane"]["gate"]["context"]),
        ("Limits", &shown["lane"]["gate"]["limits"]),
        ("ServerTls", &shown["lane"]["booth"]["tls"]),
        ("Console", &shown["console"]),
        ("Log", &shown["log"]),
    ] {
        let properties = schema["$defs"][definition]["properties"].as_object().unwrap();
        for (name, property) in properties {
            let value =
                table.get(name).unwrap_or_else(|| panic!("{definition}.{name} is not in the example"));
            let default = &property["default"];
            let commented = example().contains(&format!("\n# {name} = "));
            if commented && !default.is_null() {
                assert_eq!(super::resolve::json(value), *default, "{definition}.{name}");
            }
        }
    }
    let lanes = [&shown["lane"]["gate"], &shown["lane"]["booth"]];
    for name in schema["$defs"]["Lane"]["properties"].as_object().unwrap().keys() {
        assert!(lanes.iter().any(|lane| lane.get(name).is_some()), "lane.{name} is not in the example");
    }
    for name in schema["properties"].as_object().unwrap().keys() {
        assert!(shown.contains_key(name), "{name} is not in the example");
    }
}

// Proves that docs/config.md is what the types say; POSTERN_BLESS=1 writes it anew.
#[test]
fn the_reference_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/config.md");
    let page = reference::reference();
    if std::env::var_os("POSTERN_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == page, "{} is not current: run with POSTERN_BLESS=1", path.display());
}

// Proves that no bytes make the loader panic, whatever is cut out of or put into a configuration.
#[test]
fn never_panics() {
    use proptest::prelude::*;
    let folder = tempfile::tempdir().unwrap();
    let config = ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() };
    proptest!(config, |(at in 0..SOUND.len(), cut in 0..40usize, put in "[\\[\\]{}='\"a-z0-9.\n ]{0,8}")| {
        let end = (at + cut).min(SOUND.len());
        let text = [&SOUND[..at], &put, &SOUND[end..]].concat();
        if let Err(problems) = loaded(folder.path(), &text) {
            prop_assert!(problems.iter().any(|problem| problem.severity == Severity::Error));
        }
    });
}
