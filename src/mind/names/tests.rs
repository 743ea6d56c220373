//! Tests of the search as a whole: what it finds, what it does not, and how it orders and explains.

use postern_sdk::{Basis, MatchClass, Name, PersonKey, Personal, Reason, Sex};
use proptest::prelude::*;

use super::*;
use crate::sim::persons::{Change, asked, generate};

fn name(primary: &str, secondary: &str) -> Name {
    let secondary = (!secondary.is_empty()).then(|| Personal::from(secondary));
    Name { primary: primary.into(), secondary, truncated: false }
}

fn person(id: &str, names: &[(&str, &str)], birth: &str) -> Person {
    Person {
        id: id.to_owned(),
        names: names.iter().map(|(primary, secondary)| name(primary, secondary)).collect(),
        birth: birth.parse().ok(),
        ..Person::default()
    }
}

fn key(primary: &str, secondary: &str, birth: &str) -> PersonKey {
    PersonKey {
        name: name(primary, secondary),
        birth: birth.parse().ok(),
        sex: Sex::Unspecified,
        nationality: None,
        document: None,
    }
}

fn index(persons: &[Person]) -> NameIndex {
    NameIndex::build(persons.to_vec()).unwrap()
}

/// The likeness of the one listed person to the one asked about, 0 if it is not told.
fn likeness(listed: (&str, &str), asked: (&str, &str)) -> u16 {
    permille(&key(asked.0, asked.1, ""), &person("1", &[listed], ""))
}

fn permille(key: &PersonKey, person: &Person) -> u16 {
    let index = index(std::slice::from_ref(person));
    let found = index.search(key, 10);
    assert_eq!(found.incomplete, None);
    found.matches.first().map_or(0, |found| found.permille)
}

// Proves that scripts, spellings, order, joined words, initials and wrong letters don't hide a person.
#[test]
fn finds_names_of_many_hands() {
    for (listed, asked) in [
        (("Müller", "Jörg"), ("MUELLER", "JOERG")),
        (("Щербаков", "Юрий"), ("SHCHERBAKOV", "IURII")),
        (("Παπαδόπουλος", "Γεώργιος"), ("PAPADOPOULOS", "GEORGIOS")),
        (("خالد", "محمد"), ("KHALED", "MOHAMMED")),
        (("عبد الرحمن", "يوسف"), ("ABD AL RAHMAN", "YOUSSEF")),
        (("习", "远明"), ("XI", "YUANMING")),
        (("Nguyễn", "Văn Đức"), ("NGUYEN", "VAN DUC")),
        (("Korvatz", "Lima Sano"), ("LIMA SANO", "KORVATZ")),
        (("de la Korva", "Lima"), ("DELAKORVA", "LIMA")),
        (("Korvatz", "Jean-Lima"), ("KORVATZ", "JEANLIMA")),
        (("O’Korva", "Lima"), ("OKORVA", "LIMA")),
        (("Korvatz", "Lima Sano"), ("KORVATZ", "LIMA")),
        (("Korvatz", "Lima"), ("KORVATZ", "LIMA SANO")),
        (("Korvatz", "Lima"), ("KORVATZ", "L")),
        (("Korvatz", "L."), ("KORVATZ", "LIMA")),
        (("Korvatz", "Limano"), ("KOVRATZ", "LIMENO")),
        (("Korvatz", ""), ("KORVATZ", "")),
    ] {
        let found = likeness(listed, asked);
        assert!(found >= TOLD_PERMILLE, "{listed:?} {asked:?}: {found}");
    }
}

// Proves that what two names have in common by chance does not bring them together.
#[test]
fn keeps_strangers_apart() {
    for (listed, asked) in [
        (("Korvatz", "Lima"), ("KORVATZ", "BENDOR")),
        (("Korvatz", "Lima"), ("BENDOR", "LIMA")),
        (("Korvatz", "Lima"), ("KORVATZ", "")),
        (("Korvatz", ""), ("KORVATZ", "LIMA")),
        (("Korvatz", "Lima"), ("KORVATZ", "B")),
        (("van der Korva", "Lima"), ("VAN DER BENDOR", "SANO")),
        (("al Korva", "Lima"), ("AL KORVA", "SANO")),
        (("خالد", "محمد"), ("BENDOR", "SANO")),
    ] {
        assert_eq!(likeness(listed, asked), 0, "{listed:?} {asked:?}");
    }
}

// Proves that a cut name finds what it is the beginning of, in either part, and that the same name uncut does not.
#[test]
fn truncated_names() {
    let listed = person("1", &[("Korvatzendorova", "Limasandra Benedora")], "");
    for (primary, secondary) in
        [("KORVATZENDOROVA", "LIMASAN"), ("KORVATZEND", "LIMASANDRA"), ("KORVATZE", "LIMASANDRA BENE")]
    {
        let mut key = key(primary, secondary, "");
        assert_eq!(permille(&key, &listed), 0, "{primary} {secondary}");
        key.name.truncated = true;
        assert!(permille(&key, &listed) >= 850, "{primary} {secondary}");
    }
}

// Proves that the birth date orders persons of one name, and that one that contradicts hides all but the same name.
#[test]
fn birth_dates_order() {
    let listed: Vec<Person> = ["1974-08-12", "1974-XX-XX", "", "1974-12-08", "1950-01-01"]
        .iter()
        .zip(1..)
        .map(|(birth, id): (_, u8)| person(&id.to_string(), &[("Korvatz", "Lima")], birth))
        .collect();
    let index = index(&listed);
    let ids = |key: &PersonKey| -> String {
        index.search(key, 10).matches.iter().map(|found| found.person.id.as_str()).collect()
    };
    assert_eq!(ids(&key("KORVATZ", "LIMA", "1974-08-12")), "12345");
    assert_eq!(ids(&key("KORVAZZ", "LIMA", "1974-08-12")), "1234");
}

// Proves that a family name alone is told with the whole birth date only.
#[test]
fn one_word_needs_the_birth_date() {
    let listed = person("1", &[("Korvatz", "Lima")], "1974-08-12");
    assert!(permille(&key("KORVATZ", "", "1974-08-12"), &listed) >= TOLD_PERMILLE);
    assert_eq!(permille(&key("KORVATZ", "", "1974-XX-XX"), &listed), 0);
}

// Proves that nationality raises and that sex lowers.
#[test]
fn nationality_and_sex() {
    let mut listed = person("1", &[("Korvatz", "Lima")], "1974-XX-XX");
    listed.nationalities = vec!["UTO".parse().unwrap()];
    listed.sex = Sex::Female;
    let score = |nationality: &str, sex| {
        let mut key = key("KORVATZ", "LIMO", "1974-08-12");
        key.nationality = nationality.parse().ok();
        key.sex = sex;
        permille(&key, &listed)
    };
    let unknown = score("", Sex::Unspecified);
    assert!(score("UTO", Sex::Female) > unknown);
    assert!(score("FRA", Sex::Female) < unknown);
    assert!(score("", Sex::Male) < unknown);
    assert_eq!(score("", Sex::Female), unknown);
}

// Proves that a person with aliases is told once, by the best name, and that the explanation says so without any name.
#[test]
fn aliases_and_reasons() {
    let listed = person("1", &[("Bendor", "Sano"), ("Korvatz", "Lima"), ("Korvats", "Lima")], "1974-08-12");
    let index = index(&[listed]);
    let found = index.search(&key("KORVATZ", "LINA", "1974-08-12"), 10);
    assert_eq!(found.matches.len(), 1);
    let reason = &found.matches[0].reason;
    assert_eq!(reason, "2 of 2 names agree, 1 letter differs; an alias; birth date agrees");
    assert_eq!(found.matches[0].name, &name("Korvatz", "Lima"));
    let debug = format!("{found:?} {index:?}").to_uppercase();
    for secret in ["KORVATZ", "LIMA", "1974"] {
        assert!(!debug.contains(secret), "{debug}");
    }
}

// Proves that what a limit cuts, and a name that can't be asked, is told as incomplete; and that none is too wide here.
#[test]
fn incomplete_is_told() {
    let listed: Vec<Person> = (0..5).map(|id| person(&id.to_string(), &[("Korvatz", "Lima")], "")).collect();
    let index = index(&listed);
    let found = |key, limit| {
        let found = index.search(&key, limit);
        (found.matches.len(), found.incomplete)
    };
    assert_eq!(found(key("KORVATZ", "LIMA", ""), 5), (5, None));
    assert_eq!(found(key("KORVATZ", "LIMA", ""), 4), (4, Some(Reason::ListTruncated)));
    assert_eq!(found(key("-", "", ""), 5), (0, Some(Reason::IdentifierMissing)));
}

// Proves that a search that would look at too many names says so.
#[test]
fn too_wide_is_told() {
    let listed: Vec<Person> = (0..100_001).map(|_| person("1", &[("Korvatz", "Lima")], "")).collect();
    let index = index(&listed);
    assert_eq!(index.search(&key("KORVATZ", "LIMA", ""), 5).incomplete, Some(Reason::TooMany));
}

// Proves that an index without persons, or with nameless ones, answers, and that the latter are counted.
#[test]
fn empty_and_nameless() {
    assert!(index(&[]).search(&key("KORVATZ", "LIMA", ""), 5).matches.is_empty());
    let index = index(&[
        person("1", &[], ""),
        person("2", &[("-", "")], ""),
        person("3", &[("Korvatz", "Lima")], ""),
    ]);
    assert_eq!(index.nameless(), 2);
    assert_eq!(index.search(&key("KORVATZ", "LIMA", ""), 5).matches[0].person.id, "3");
}

// Proves that more than an index takes is refused.
#[test]
fn bounded() {
    let mut listed = person("1", &[], "");
    listed.names = vec![name("Korvatz", "Lima"); NAMES_MAX + 1];
    assert_eq!(NameIndex::build(vec![listed]).unwrap_err(), TooMany);
}

// Proves that a hit is a possible one by name, and exact by name, full birth date and a document together; and what it
// says.
#[test]
fn hits() {
    let mut listed = person("2020/1", &[("Korvatz", "Lima"), ("Bendor", "")], "1974-08-12");
    listed.documents = vec!["L898902C3".parse().unwrap()];
    listed.notice = Some("RED".to_owned());
    listed.details.insert("charges".to_owned(), Personal::from("made up"));
    let index = index(&[listed]);
    let hit_of = |key: &PersonKey, basis| hit(&index.search(key, 1).matches[0], key, basis);
    let mut key = key("KORVATZ", "LIMA", "1974-08-12");
    let possible = hit_of(&key, Basis::Stated);
    assert_eq!((possible.class, possible.is_certain()), (MatchClass::NameScore, false));
    assert_eq!((possible.record.as_str(), possible.notice.as_deref()), ("2020/1", Some("RED")));
    let score = possible.score.unwrap();
    assert_eq!((score.permille, score.reason.unwrap().reveal().is_empty()), (1000, false));
    let detail = |name: &str| possible.details[name].reveal().as_str();
    assert_eq!((detail("name"), detail("forename"), detail("aliases")), ("Korvatz", "Lima", "Bendor"));
    assert_eq!((detail("birth"), detail("charges")), ("1974-08-12", "made up"));
    key.document = "L898902C3".parse().ok();
    assert_eq!(hit_of(&key, Basis::Stated).class, MatchClass::Exact);
    assert_eq!(hit_of(&key, Basis::OtherCentury).class, MatchClass::NameScore);
}

// Proves that persons survive their file, that it shows nothing, and that another key, or an end cut off, is refused.
#[test]
fn persons_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PERSONS_FILE);
    let persons = generate(2_000, 1);
    write(&path, &persons, &[1; 32]).unwrap();
    assert_eq!(read(&path, &[1; 32]).unwrap(), persons);
    assert_eq!(read(&path, &[2; 32]).unwrap_err().code(), "sealed_wrong_key");
    assert_eq!(write(&path, &persons, &[1; 32]).unwrap_err().code(), "sealed_io");
    let bytes = std::fs::read(&path).unwrap();
    assert!(!bytes.windows(9).any(|part| part == b"P-0000001"));
    std::fs::write(&path, &bytes[..bytes.len() - 70_000]).unwrap();
    assert_eq!(read(&path, &[1; 32]).unwrap_err().code(), "sealed_truncated");
}

// Proves that a record that is too long is refused by number, and that nothing is left behind.
#[test]
fn persons_file_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PERSONS_FILE);
    let mut persons = generate(3, 1);
    persons[1].id = "7".repeat(1 << 20);
    let error = write(&path, &persons, &[1; 32]).unwrap_err();
    assert_eq!((error.code(), error.to_string().contains("person 2")), ("persons_too_long", true));
    assert!(!path.exists());
}

// Proves that of generated persons nearly all are found through each change to their names, and no others crowd them out.
#[test]
fn recall_and_precision() {
    let persons = generate(3_000, 7);
    let index = index(&persons);
    for change in Change::ALL {
        let (mut first, mut told) = (0, 0);
        for (person, seed) in persons.iter().zip(0..).step_by(10) {
            let found = index.search(&asked(person, change, true, seed), 20);
            first += u32::from(found.matches.first().is_some_and(|found| found.person.id == person.id));
            told += found.matches.len();
        }
        let least = match change {
            Change::None | Change::Order | Change::Joined => 299,
            Change::Letter | Change::Initial | Change::Cut => 285,
            Change::Missing | Change::Letters => 240,
        };
        assert!(first >= least, "{change:?}: {first} of 300");
        assert!(told <= 330, "{change:?}: {told} told for 300");
    }
}

// Proves that persons who are not listed are hardly ever told.
#[test]
fn strangers_are_not_told() {
    let index = index(&generate(3_000, 7));
    let strangers = generate(1_000, 8);
    let told = strangers.iter().zip(0..).filter(|(person, seed)| {
        !index.search(&asked(person, Change::None, true, *seed), 20).matches.is_empty()
    });
    let told = told.count();
    assert!(told <= 10, "{told}");
}

/// A word of few letters, so that many are alike, or of any.
fn any_word() -> impl Strategy<Value = String> {
    prop_oneof![6 => "[ABHKMS]{1,9}", 1 => "(AL|DE|VAN|J)", 1 => "[محدبس]{2,5}", 1 => "\\PC{0,6}"]
}

fn any_name() -> impl Strategy<Value = Name> {
    let words = || prop::collection::vec(any_word(), 0..4).prop_map(|words| words.join(" "));
    (words(), prop::option::of(words()), any::<bool>()).prop_map(|(primary, secondary, truncated)| Name {
        primary: primary.into(),
        secondary: secondary.map(Personal::from),
        truncated,
    })
}

fn any_birth() -> impl Strategy<Value = Option<postern_sdk::PartialDate>> {
    "(19|XX)7[0-2]-0[1-2]-(0[1-2]|XX)".prop_map(|text| text.parse().ok())
}

proptest! {
    // Proves that the index finds exactly what comparing every name finds, whatever the names are.
    #[test]
    fn search_finds_what_scan_finds(
        listed in prop::collection::vec((prop::collection::vec(any_name(), 0..3), any_birth()), 0..30),
        asked in any_name(),
        birth in any_birth(),
        limit in 0..40_usize,
    ) {
        let person = |(names, birth)| Person { names, birth, ..Person::default() };
        let index = NameIndex::build(listed.into_iter().map(person).collect()).unwrap();
        let key = PersonKey { name: asked, birth, sex: Sex::Female, nationality: None, document: None };
        let (search, scan) = (index.search(&key, limit), index.scan(&key, limit));
        prop_assert_eq!(search.incomplete, scan.incomplete);
        let told = |found: &Found<'_>| -> Vec<(*const Person, u16, String)> {
            found.matches.iter().map(|m| (std::ptr::from_ref(m.person), m.permille, m.reason.clone())).collect()
        };
        prop_assert_eq!(told(&search), told(&scan));
        for found in &search.matches {
            prop_assert!((TOLD_PERMILLE..=1000).contains(&found.permille));
            prop_assert_eq!(hit(found, &key, Basis::Stated).class, MatchClass::NameScore);
        }
    }
}
