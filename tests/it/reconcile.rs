//! A site without a link and its hub, by the built binary: answered, exported, carried, taken in.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use postern::engine::record::{Recorded, Section, section};
use postern::journal::storage::FileStorage;
use postern::journal::{Kind, Reader, Record};
use postern::recheck::{PlaceState, RecheckRecord};
use postern::reconcile::{Departure, Origin};
use postern::screening::Follow;
use serde_json::Value;

use crate::client::{self, Gate, absent_zone, document, zone};
use crate::world::{Daemon, Interpol, Setup, World, postern, told, until, verify_journal};

/// A site, and the files of its hub beside it.
struct Sites {
    world: World,
    setup: Setup,
}

impl Sites {
    fn new() -> Self {
        let world = World::new();
        // INTERPOL as a site without a link has it: nobody is there.
        let find = Some(([127, 0, 0, 1], 1).into());
        // What is asked again in vain is recorded too; the journal is to stand still between two exports.
        let more = "[recheck]\nenabled = false\n".to_owned();
        let setup = Setup { find, mode: "find_then_mind", more, ..Setup::default() };
        world.configure(&setup);
        let site = fs::read_to_string(world.path("postern.toml")).unwrap();
        world.write("hub.toml", &site.replacen("folder = \"journal\"", "folder = \"hub-journal\"", 1));
        fs::create_dir(world.path("sites")).unwrap();
        let sites = Self { world, setup };
        sites.expect(0, "mind keygen --site --private @ --public @", &["hub.key", "hub.pub"]);
        sites.expect(0, "mind keygen --private @ --public @", &["sign.key", "sites/it.pub"]);
        sites
    }

    /// Runs the binary; each @ stands for a file of the world, in order.
    #[track_caller]
    fn run(&self, words: &str, files: &[&str]) -> (Option<i32>, String, String) {
        let mut files = files.iter().map(|name| self.world.path(name));
        let argument = |word: &str| match word {
            "@" => files.next().unwrap(),
            word => PathBuf::from(word),
        };
        told(&postern(words.split(' ').map(argument).collect::<Vec<_>>()))
    }

    #[track_caller]
    fn expect(&self, exit: i32, words: &str, files: &[&str]) -> (String, String) {
        let (code, out, err) = self.run(words, files);
        assert_eq!(code, Some(exit), "{words}: {out}{err}");
        (out, err)
    }

    #[track_caller]
    fn export(&self, out: &str) -> Value {
        let words = "reconcile export --config @ --out @ --hub-pub @ --signing-key @ --json";
        let (told, _) = self.expect(0, words, &["postern.toml", out, "hub.pub", "sign.key"]);
        serde_json::from_str(&told).unwrap()
    }

    /// Exports the screenings that there are into `first`, once the writer's mark vouches for the last of them, which it
    /// does after moments of rest.
    fn export_all(&self, screenings: u64) -> Value {
        until("everything to be exported", || {
            let exported = self.export("first");
            if exported["counts"]["screenings"] == screenings {
                return Some(exported);
            }
            fs::remove_file(self.world.path("first")).ok()?;
            fs::remove_file(self.world.path("journal/exported.json")).ok()?;
            None
        })
    }

    #[track_caller]
    fn import(&self, exit: i32, bundle: &str) -> Value {
        let words = "reconcile import --config @ @ --hub-key @ --sites @ --json";
        let (told, _) = self.expect(exit, words, &["hub.toml", bundle, "hub.key", "sites"]);
        serde_json::from_str(&told).unwrap()
    }

    fn records(&self, journal: &str) -> Vec<Record> {
        let storage = Arc::new(FileStorage::at(&self.world.path(journal)));
        Reader::new(storage).unwrap().map(|read| read.unwrap().unwrap()).collect()
    }

    /// Whether the site's journal says that a bundle was made.
    fn departed(&self, exported: &Value) -> bool {
        let departures = self.of_kind("journal", Kind::Administrative).into_iter().filter_map(|record| {
            serde_json::from_slice::<Departure>(section(&record.body, Section::Departure)?).ok()
        });
        let mut same = departures.filter(|departure| departure.bundle == exported["bundle"]);
        let told = |departure: Departure| serde_json::to_value(departure.counts).unwrap();
        same.next().is_some_and(|departure| told(departure) == exported["counts"]) && same.next().is_none()
    }

    fn of_kind(&self, journal: &str, kind: Kind) -> Vec<Record> {
        self.records(journal).into_iter().filter(|record| record.kind == kind).collect()
    }
}

/// Screens stolen passports and absent ones from two sides.
fn traffic(world: &World, daemon: &Daemon, from: usize) {
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    for (n, stolen) in world.stolen().skip(from).take(3).enumerate() {
        let id = format!("g{from}-{n}");
        let zone = zone(&stolen.number, stolen.issuer.as_str(), "SPECIMEN<<JO");
        gate.ask(&id, &zone).unwrap();
        gate.ask(&format!("a{from}-{n}"), &absent_zone((from + n) as u64)).unwrap();
        let question = document(&stolen.number, stolen.issuer.as_str(), "PAS");
        assert_eq!(client::screen(daemon.lane("booths"), Some(&id), &question).unwrap().status, 200);
    }
}

fn follow(body: &[u8]) -> Vec<Follow> {
    serde_json::from_slice(section(body, Section::Follow).unwrap()).unwrap()
}

/// The open questions by exchange.
fn rechecks<'a>(records: impl IntoIterator<Item = &'a Record>) -> BTreeMap<String, usize> {
    let count = |record: &Record| follow(&record.body).iter().map(|follow| follow.rechecks.len()).sum();
    let counted = records.into_iter().map(|record| (record.matter.to_string(), count(record)));
    counted.filter(|(_, count)| *count > 0).collect()
}

fn holds(path: &Path, text: &str) -> bool {
    fs::read(path).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

// Proves the whole way: a daemon without a link answers from its copy and is exported while it runs and after it was
// killed; the hub has every screening byte for byte, the counts agree on both sides, and every open recheck is there; a
// second import changes nothing, a daemon that holds the journal is in its way; a gap and a changed bundle are refused;
// both journals verify, and the daemon starts on the hub's.
#[test]
fn a_site_without_a_link() {
    let sites = Sites::new();
    let (world, setup) = (&sites.world, &sites.setup);
    let daemon = world.start(setup);
    traffic(world, &daemon, 0);
    let exported = sites.export_all(9);
    until("the daemon to journal the export", || sites.departed(&exported).then_some(()));
    let since = "reconcile export --config @ --out @ --hub-pub @ --signing-key @ --since 0";
    sites.expect(0, since, &["postern.toml", "again", "hub.pub", "sign.key"]);
    traffic(world, &daemon, 3);
    daemon.kill();
    world.start(setup).stop();
    let second = sites.export("second");
    assert!(second["journaled"] == true && sites.departed(&second), "no daemon held the journal");
    let counts = |exported: &Value, what: &str| exported["counts"][what].as_u64().unwrap();
    assert!(counts(&exported, "hits") >= 6 && counts(&exported, "rechecks") > 0, "{exported}");
    for stolen in world.stolen().take(6) {
        assert!(
            !holds(&world.path("first"), &stolen.number) && !holds(&world.path("second"), &stolen.number)
        );
    }

    assert_eq!(sites.import(1, "second")["code"], "gap");
    assert!(!world.path("hub-journal").exists(), "nothing is written by a refused bundle");
    let imported = sites.import(0, "first");
    assert_eq!((&imported["outcome"], &imported["counts"]), (&"imported".into(), &exported["counts"]));
    // The second goes on behind the one that was made last, which may hold the first one's departure besides.
    sites.import(0, "again");
    assert_eq!(sites.import(0, "second")["counts"], second["counts"]);

    let recorded = |journal: &str, kind: Kind| -> BTreeMap<String, Vec<u8>> {
        let replies = |record: Record| {
            let screening = Recorded::read(&record.body).unwrap();
            (record.matter.to_string(), screening.replies[0].body.clone())
        };
        sites.of_kind(journal, kind).into_iter().map(replies).collect()
    };
    let at_site = recorded("journal", Kind::Screening);
    assert_eq!(at_site.len(), 18);
    assert_eq!(recorded("hub-journal", Kind::Reconciled), at_site);
    assert_eq!(counts(&exported, "screenings") + counts(&second, "screenings"), 18);
    let open = rechecks(&sites.of_kind("hub-journal", Kind::Recheck));
    assert_eq!(open, rechecks(&sites.of_kind("journal", Kind::Screening)));
    let told = counts(&exported, "rechecks") + counts(&second, "rechecks");
    assert_eq!(open.values().sum::<usize>() as u64, told);
    let origins = sites.of_kind("hub-journal", Kind::Reconciled);
    let origin = |record: &Record| -> Origin {
        serde_json::from_slice(section(&record.body, Section::Origin).unwrap()).unwrap()
    };
    assert!(origins.iter().all(|record| origin(record).site == "it"));

    let before = sites.records("hub-journal").len();
    for bundle in ["first", "again", "second"] {
        assert_eq!(sites.import(0, bundle)["outcome"], "already_imported", "{bundle}");
    }
    assert_eq!(sites.records("hub-journal").len(), before);
    let mut changed = fs::read(world.path("second")).unwrap();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    fs::write(world.path("changed"), changed).unwrap();
    assert_eq!(sites.import(1, "changed")["code"], "signature_wrong");
    for journal in ["journal", "hub-journal"] {
        let (code, out, err) = verify_journal(&world.path(journal));
        assert_eq!(code, Some(0), "{journal}: {out}{err}");
    }
    the_hub_runs(&sites);
}

/// The hub's daemon starts on the journal, and is in the way of an import while it runs.
fn the_hub_runs(sites: &Sites) {
    let world = &sites.world;
    let site = world.start(&sites.setup);
    traffic(world, &site, 6);
    site.stop();
    sites.export("third");
    fs::rename(world.path("journal"), world.path("site-journal")).unwrap();
    fs::rename(world.path("hub-journal"), world.path("journal")).unwrap();
    let hub = world.start(&sites.setup);
    let words = "reconcile import --config @ @ --hub-key @ --site-pub @";
    let files = ["postern.toml", "third", "hub.key", "sites/it.pub"];
    let (_, err) = sites.expect(69, words, &files);
    assert!(err.contains("in use"), "{err}");
    hub.stop();
    let (out, _) = sites.expect(0, words, &files);
    assert!(out.contains("9 screenings") && out.contains("open rechecks"), "{out}");
    let (out, _) = sites.expect(0, words, &files);
    assert!(out.contains("already_imported"), "{out}");
    the_hub_asks_again(sites);
}

/// The hub's daemon asks INTERPOL what its sites could not.
fn the_hub_asks_again(sites: &Sites) {
    let world = &sites.world;
    let interpol = Interpol::of(world);
    let more = "[recheck]\nrate_per_s_max = 500\n".to_owned();
    let setup = Setup { find: Some(interpol.address()), mode: "find_then_mind", more, ..Setup::default() };
    let hub = world.start(&setup);
    until("the site's questions to be asked", || {
        let status = client::get(hub.console(), "/api/status").unwrap().json()["rechecks"].clone();
        (status["open"] == 0 && status["asked"].as_u64()? > 0).then_some(())
    });
    hub.stop();
    let answered: Vec<RecheckRecord> =
        sites.of_kind("journal", Kind::Recheck).iter().filter_map(RecheckRecord::of).collect();
    let places = answered.iter().flat_map(|record| &record.places);
    let owed: usize =
        rechecks(sites.of_kind("journal", Kind::Recheck).iter().filter(is_of_site)).values().sum();
    assert_eq!(places.filter(|place| place.state == PlaceState::Answered).count(), owed);
}

fn is_of_site(record: &&Record) -> bool {
    section(&record.body, Section::Origin).is_some()
}
