//! Whether a publisher's configuration is judged as a whole.

use std::fs;

use super::*;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn example() -> String {
    fs::read_to_string(Path::new(ROOT).join("publish.toml")).unwrap()
}

fn problems(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    fs::write(&path, text).unwrap();
    let told = load(&path).err().unwrap_or_default();
    told.iter().map(ToString::to_string).collect()
}

// Proves that the example is sound, also with each commented option in force, and that these are the defaults.
#[test]
fn the_example_is_sound() {
    assert_eq!(problems(&example()), Vec::<String>::new());
    let option = |line: &str| Some(line.strip_prefix("# ")?.to_owned()).filter(|line| line.contains(" = "));
    let all: String =
        example().lines().map(|line| option(line).unwrap_or_else(|| line.to_owned()) + "\n").collect();
    let written = |text: &str| serde_json::to_value(toml::from_str::<File>(text).unwrap()).unwrap();
    assert_eq!(written(&all), written(&example()));
    for key in Shape::of::<File>().root()["$defs"].as_object().unwrap().values() {
        for option in key["properties"].as_object().into_iter().flatten().map(|(name, _)| name) {
            assert!(
                all.contains(&format!("{option} = ")) || all.contains(&format!(".{option}]")),
                "{option}"
            );
        }
    }
}

// Proves that each rule tells its problem at its place.
#[test]
fn rules() {
    for (from, to, told) in [
        ("[dataset.documents]", "[dataset.persons]", "dataset.persons: there is no dataset"),
        ("sltd = \"full\"", "smv = \"full\"", "does not hold smv"),
        ("https://feeds", "http://feeds", "source.bureau.url: not the https URL"),
        ("https://feeds", "https://u@feeds", "source.bureau.url: not the https URL"),
        ("key_file = \"secrets/publisher-key.pem\"", "", "source.bureau.tls: the server must know who asks"),
        ("127.0.0.1:4081", "0.0.0.0:4081", "metrics.listen: others could read"),
        ("[\"secrets/publisher.key\"]", "[]", "copy.signing_key_files: there is no key"),
        ("[\"pki/hub.pub\", \"pki/airport.pub\"]", "[]", "dataset.documents.recipients: nobody"),
        ("# shrink_percent_max = 20", "shrink_percent_max = 101", "feeds.shrink_percent_max: it is more"),
        (
            "# settle_ms",
            "setle_ms",
            "feeds.setle_ms: the key is not known; remedy: remove it, or write \"settle_ms\"",
        ),
        ("[source.bureau", "[source.Bureau", "the name becomes part of file names"),
        (
            "dataset = \"documents\"",
            "dataset = \"vessels\"",
            "source.bureau.dataset: the dataset is not published",
        ),
        (
            "[dataset.documents.databases]",
            "[dataset.notices]\nrecipients = [\"a.pub\"]\ndatabases = { public_notices = \"full\" }\n[dataset.documents.databases]",
            "dataset.notices.databases: what is public is a part",
        ),
        (
            "dataset = \"documents\"",
            "dataset = \"notices\"",
            "source.bureau.rows: a feed of notices is all of them",
        ),
        ("# interval_s = 900", "interval_s = 0", "source.bureau: a time is zero"),
    ] {
        let text = example().replace(from, to);
        assert!(text != example(), "{from}");
        let found = problems(&text);
        assert!(found.iter().any(|problem| problem.contains(told)), "{told} in {found:#?}");
    }
}

// Proves that notices are published in part where nothing is said of their databases, and fetched whole.
#[test]
fn notices_are_a_part() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("p.toml");
    let text = example()
        .replace("[dataset.documents.databases]\nsltd = \"full\"\ntdawn = \"full\"\n", "")
        .replace("[dataset.documents]", "[dataset.notices]")
        .replace(
            "dataset = \"documents\"\nrows = \"differences\"",
            "dataset = \"notices\"\nrows = \"snapshot\"",
        );
    fs::write(&path, text).unwrap();
    let settings = load(&path).unwrap();
    let coverage = &settings.feeds.datasets[&Dataset::Notices].coverage;
    assert_eq!(*coverage, [(Database::PublicNotices, Coverage::Partial)].into());
    assert_eq!((settings.sources[0].dataset, settings.sources[0].build), (Dataset::Notices, Build::Snapshot));
}

// Proves that docs/publish-config.md is what the types say; POSTERN_BLESS=1 writes it anew.
#[test]
fn the_reference_is_current() {
    let path = Path::new(ROOT).join("docs/publish-config.md");
    let page = crate::config::reference::publish_reference();
    if std::env::var_os("POSTERN_BLESS").is_some() {
        fs::write(&path, &page).unwrap();
    }
    assert!(fs::read_to_string(&path).unwrap_or_default() == page, "run with POSTERN_BLESS=1");
}
