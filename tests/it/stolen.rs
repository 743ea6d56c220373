//! A stolen disk: what stands on a site's disk without the operator's key tells nothing of what the copy holds.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use base64::prelude::{BASE64_STANDARD, Engine};
use postern::clock::Clock;
use postern::keys::hex;
use postern::mind::COLUMNS;
use postern::mind::keyring::SiteKey;
use postern::sim::feed::Row;
use serde_json::json;

use crate::client::{Gate, absent_zone, get, screen, zone};
use crate::world::{POSTERN, Setup, World, postern, told, until};

/// Bytes of a needle: numbers are at least as long, and by chance no disk of this size holds any.
const NEEDLE: usize = 8;
/// One record of so many is looked for.
const STRIDE: usize = 7;

type Needle = [u8; NEEDLE];

fn begin(bytes: &[u8]) -> Option<Needle> {
    bytes.get(..NEEDLE)?.try_into().ok()
}

/// Whether bytes are varied enough that they stand nowhere by chance, as a row of zeros does.
fn telling(needle: &Needle) -> bool {
    needle.iter().collect::<HashSet<_>>().len() > 3
}

/// The forms in which a thief would look for a text: as it is, in lower case, in two bytes a letter, from its end, in
/// hexadecimal digits, in Base64 at each of its places, and by the digests that anybody can take.
fn forms(text: &str) -> Vec<Needle> {
    let lower = text.to_lowercase();
    let wide: Vec<u8> = text.bytes().flat_map(|byte| [byte, 0]).collect();
    let back: String = text.chars().rev().collect();
    let mut forms = vec![begin(text.as_bytes()), begin(lower.as_bytes()), begin(&wide), begin(&wide[1..])];
    forms.extend([begin(back.as_bytes()), begin(hex(text.as_bytes()).as_bytes())]);
    for place in 0..3 {
        let padded = [&[0; 2][..place], text.as_bytes()].concat();
        // The first letters depend on what stands before, the last on what comes after.
        forms.push(begin(
            &BASE64_STANDARD.encode(&padded).as_bytes()[if place == 0 { 0 } else { place + 1 }..],
        ));
    }
    for plain in [text, &lower] {
        let digests = [&SHA1_FOR_LEGACY_USE_ONLY, &SHA256].map(|kind| digest(kind, plain.as_bytes()));
        for digest in digests {
            forms.push(begin(digest.as_ref()));
            forms.push(begin(hex(digest.as_ref()).as_bytes()));
        }
    }
    forms.into_iter().flatten().filter(telling).collect()
}

/// Every needle that stands anywhere in the bytes.
fn found(needles: &HashSet<Needle>, bytes: &[u8]) -> HashSet<Needle> {
    bytes.windows(NEEDLE).filter_map(begin).filter(|window| needles.contains(window)).collect()
}

/// The files below a folder.
fn files(folder: &Path, all: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.metadata() {
            Ok(metadata) if metadata.is_dir() => files(&path, all),
            Ok(metadata) if metadata.is_file() => all.push(path),
            _ => {}
        }
    }
}

fn carry(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            carry(&from, &to);
        } else {
            fs::copy(&from, &to).unwrap();
        }
    }
}

/// A hub with a snapshot, changes and notices.
fn hub() -> World {
    let hub = World::new();
    let now = Clock::system().now();
    let rows = (0..40)
        .map(|n| format!("\nupsert,sltd,FRESH{n:04},UTO,PAS,STL,2026-01-02,UTO,,2036-01-02,fresh-{n:06}"));
    let changes = format!("change,{}{}\n", COLUMNS.join(","), rows.collect::<String>());
    hub.publisher().changes(changes.as_bytes(), 8, now, now).unwrap();
    for name in ["table.bin", "table.tree", "ids.bin", "ids.tree"] {
        fs::remove_file(hub.path(&format!("mind/documents/000000000008/{name}"))).unwrap();
    }
    hub.write(
        "notices.json",
        &json!([{ "entity_id": "2020/123456", "name": "KORVATZINSKAYA", "forename": "LIMANTHEA",
                  "date_of_birth": "1974/08/12", "sex_id": "F", "nationalities": ["UT"] }])
        .to_string(),
    );
    let words = ["mind", "build", "--notices", "@notices.json", "--colour", "red", "--out", "@mind", "--key"];
    let more =
        ["@publisher.key", "--to", "@site.pub", "--as-of", &now.to_string(), "--environment", "training"];
    let arguments = words.iter().chain(&more).map(|word| match word.strip_prefix('@') {
        Some(name) => hub.path(name),
        None => word.into(),
    });
    let (code, _, err) = told(&postern(arguments));
    assert_eq!(code, Some(0), "{err}");
    hub
}

/// What the copy holds and nobody asked about: numbers and record ids of documents, and who is sought.
fn planted(hub: &World) -> Vec<String> {
    let plain = |text: &String| text.len() >= NEEDLE;
    let rows = hub.feed.rows().step_by(STRIDE);
    let texts = rows.flat_map(|Row { number, record_id, .. }| [number.to_string(), record_id]);
    let fresh = (0..40).flat_map(|n| [format!("FRESH{n:04}"), format!("fresh-{n:06}")]);
    let person =
        ["KORVATZINSKAYA", "LIMANTHEA", "2020/123456", "1974-08-12", "1974/08/12"].map(str::to_owned);
    texts.chain(fresh).chain(person).filter(plain).collect()
}

// Proves that on the disk of a site whose key an operator gives, after it answered, hit, took changes and was cut off, no
// record that it holds is found by a search, in any form that a thief could look for; that what it was asked and hit stands
// nowhere but in the journal; and that nobody can probe the copy without the key.
#[test]
fn a_stolen_disk_tells_nothing() {
    let hub = hub();
    let site = hub.edge();
    carry(&hub.path("mind"), &site.path("mind"));
    let key = r#"source = "operator", socket = "run/unlock""#.to_owned();
    let daemon = site.launch(
        Command::new(POSTERN),
        &Setup { key, level: "trace", mind: "fold_changes = 20", ..Setup::default() },
    );
    let socket = site.path("run/unlock");
    let unlock = ["mind", "unlock", "--socket"].map(Path::new);
    let arguments = unlock.into_iter().chain([&*socket, Path::new("--key")]);
    let (code, _, err) = told(&postern(arguments.chain([&*hub.path("site.key")])));
    assert_eq!(code, Some(0), "{err}");
    let ready = || get(daemon.console(), "/ready").ok().filter(|ready| ready.status == 200);
    until("the daemon to be ready", ready);
    // A record that is not among those that are looked for.
    let asked = hub
        .stolen()
        .find(|row| row.number.len() >= NEEDLE && !planted(&hub).contains(&row.number.to_string()));
    let asked = asked.unwrap().number.to_string();
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    assert!(gate.ask("hit", &zone(&asked, "D", "STOLEN<<DOCUMENT")).unwrap().contains("refer"));
    for n in 0..50 {
        gate.ask(&format!("absent-{n}"), &absent_zone(n)).unwrap();
    }
    screen(daemon.lane("booths"), None, &json!({ "subjects": [{ "kind": "mrz", "lines": "broken" }] }))
        .unwrap();
    until("the fold", || site.path("mind/documents/000000000008/table.bin").exists().then_some(()));
    daemon.kill();

    let texts = planted(&hub);
    assert!(texts.len() > 2_000, "{}", texts.len());
    let needles: HashSet<Needle> = texts.iter().flat_map(|text| forms(text)).collect();
    let here = fs::read(hub.path("feed.csv")).unwrap();
    assert!(found(&needles, &here).len() > 2_000, "the search finds what is there");
    let everything: Vec<u8> = needles.iter().flatten().copied().collect();
    assert_eq!(found(&needles, &everything).len(), needles.len());

    let mut image = Vec::new();
    files(&site.path(""), &mut image);
    assert!(image.iter().any(|path| path.ends_with("000000000008/table.bin")));
    assert!(image.iter().any(|path| path.starts_with(site.path("journal"))));
    let of_asked: HashSet<Needle> = forms(&asked).into_iter().collect();
    for path in &image {
        let bytes = fs::read(path).unwrap();
        let stands = found(&needles, &bytes);
        let shown: Vec<_> = stands.iter().map(|needle| needle.escape_ascii().to_string()).collect();
        assert!(stands.is_empty(), "{shown:?} stand in {}", path.display());
        if !path.starts_with(site.path("journal")) {
            assert!(found(&of_asked, &bytes).is_empty(), "what was asked stands in {}", path.display());
        }
    }
    probe(&site, &asked);
}

/// Asks the copy on the disk, with a key that anybody can make.
fn probe(site: &World, number: &str) {
    let thief = SiteKey::generate().unwrap();
    thief.write(&site.path("thief.key")).unwrap();
    let (mind, root, key) = (site.path("mind"), site.path("root.json"), site.path("thief.key"));
    let words =
        [Path::new("mind"), Path::new("lookup"), &mind, Path::new(number), Path::new("--root"), &root];
    let (code, out, err) = told(&postern(words.into_iter().chain([Path::new("--site-key"), &key])));
    assert_ne!(code, Some(0), "{out}");
    // Its key is wrapped to other sites only.
    assert!(err.contains("the site's enrolment was revoked"), "{out}{err}");
}
