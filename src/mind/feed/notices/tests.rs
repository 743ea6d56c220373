//! Tests of the importer, on made-up notices.

use postern_sdk::Sex;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

fn imported(text: &str) -> Result<Vec<Person>, NoticesError> {
    read(text.as_bytes(), None)
}

fn red(id: &str) -> Value {
    json!({
        "entity_id": id, "forename": "LIMA", "name": "KORVATZ", "date_of_birth": "1974/08/12", "sex_id": "F",
        "nationalities": ["FR", "DE", "914"], "country_of_birth_id": "FR", "place_of_birth": "BENDOR",
        "languages_spoken_ids": ["FRE", "GER"], "height": 1.7, "weight": 61, "eyes_colors_id": ["BRO"],
        "hairs_id": null, "distinguishing_marks": "-",
        "arrest_warrants": [
            {"issuing_country_id": "FR", "charge": "made up", "charge_translation": null},
            {"issuing_country_id": "DE", "charge": "erfunden", "charge_translation": "invented"},
        ],
        "_embedded": {"links": []},
        "_links": {"self": {"href": format!("https://notices.example/notices/v1/red/{}", id.replace('/', "-"))}},
    })
}

fn with(field: &str, value: Value) -> Value {
    let mut notice = red("2020/1");
    notice[field] = value;
    notice
}

fn faults(text: &str) -> Vec<(usize, &'static str, &'static str)> {
    match imported(text) {
        Err(NoticesError::Notices { faults, .. }) => {
            faults.iter().map(|fault| (fault.record, fault.field, fault.code)).collect()
        }
        other => panic!("{other:?}"),
    }
}

// Proves that all that a red notice says arrives.
#[test]
fn red_notice() {
    let person = imported(&red("2020/123").to_string()).unwrap().remove(0);
    assert_eq!((person.id.as_str(), person.notice.as_deref()), ("2020/123", Some("RED")));
    assert_eq!(person.names[0].primary.reveal(), "KORVATZ");
    assert_eq!(person.names[0].secondary.as_ref().unwrap().reveal(), "LIMA");
    assert_eq!((person.birth, person.sex), ("1974-08-12".parse().ok(), Sex::Female));
    assert_eq!(person.nationalities, ["FRA".parse().unwrap(), "D".parse().unwrap()]);
    let details: Vec<(&str, &str)> =
        person.details.iter().map(|(name, text)| (name.as_str(), text.reveal().as_str())).collect();
    assert_eq!(
        details,
        [
            ("charges", "FR: made up; DE: invented"),
            ("country_of_birth", "FR"),
            ("eyes", "BRO"),
            ("height_m", "1.7"),
            ("languages", "FRE; GER"),
            ("nationality_codes", "914"),
            ("place_of_birth", "BENDOR"),
            ("weight_kg", "61"),
        ]
    );
}

// Proves that a yellow notice brings the name at birth as an alias, and the parents.
#[test]
fn yellow_notice() {
    let mut notice = with("_links", json!({"self": {"href": "/notices/v1/yellow/2020-1"}}));
    notice["arrest_warrants"] = Value::Null;
    notice["birth_name"] = json!("BENDOR");
    notice["father_name"] = json!("KORVATZ");
    notice["father_forename"] = json!("SANO");
    let person = imported(&notice.to_string()).unwrap().remove(0);
    assert_eq!((person.notice.as_deref(), person.names.len()), (Some("YELLOW"), 2));
    assert_eq!(person.names[1].primary.reveal(), "BENDOR");
    assert_eq!(person.details["father"].reveal(), "KORVATZ, SANO");
}

// Proves that a detail, an array, a page, lines of JSON and a mixture of them are read.
#[test]
fn every_container() {
    let page = json!({
        "total": 2, "query": {"page": 1}, "_embedded": {"notices": [red("2020/1"), red("2020/2")]}, "_links": {},
    });
    let array = json!([red("2020/3"), red("2020/4")]);
    let ids = |text: String| -> Vec<String> {
        imported(&text).unwrap().into_iter().map(|person| person.id).collect()
    };
    assert_eq!(ids(page.to_string()), ["2020/1", "2020/2"]);
    assert_eq!(ids(array.to_string()), ["2020/3", "2020/4"]);
    assert_eq!(ids(format!("{}\n{}\r\n\n", red("2020/5"), red("2020/6"))), ["2020/5", "2020/6"]);
    assert_eq!(ids(format!("\u{feff}{page:#}{array}\n{}", red("2020/5"))).len(), 5);
}

// Proves that nameless notices, names of a dash, and names of one part are taken as they are.
#[test]
fn odd_names() {
    let names = |name: Value, forename: Value| {
        let mut notice = with("name", name);
        notice["forename"] = forename;
        let person = imported(&notice.to_string()).unwrap().remove(0);
        let text = |name: &postern_sdk::Name| {
            format!("{}|{}", name.primary.reveal(), name.secondary.clone().unwrap_or_default().reveal())
        };
        person.names.iter().map(text).collect::<Vec<_>>()
    };
    for nothing in [Value::Null, json!(""), json!("-"), json!(" -- ")] {
        assert!(names(nothing.clone(), nothing.clone()).is_empty());
        assert_eq!(names(nothing.clone(), json!("LIMA")), ["LIMA|"]);
        assert_eq!(names(json!("KORVATZ"), nothing), ["KORVATZ|"]);
    }
}

// Proves which dates are read, and how.
#[test]
fn dates() {
    for (written, read) in [
        (json!("1974/08/12"), Some("1974-08-12")),
        (json!("1974/08"), Some("1974-08-XX")),
        (json!("1974"), Some("1974-XX-XX")),
        (json!(1974), Some("1974-XX-XX")),
        (json!("1974/00/00"), Some("1974-XX-XX")),
        (json!("-"), None),
        (Value::Null, None),
    ] {
        let person = imported(&with("date_of_birth", written).to_string()).unwrap().remove(0);
        assert_eq!(person.birth, read.map(|read| read.parse().unwrap()));
    }
    for written in ["1974-08-12", "1974/8/12", "1974/13/01", "2001/02/29", "74/08/12", "1974/08/12/1", "0000"]
    {
        let text = with("date_of_birth", json!(written)).to_string();
        assert_eq!(faults(&text), [(1, "date_of_birth", "date")], "{written}");
    }
}

// Proves that each fault is told by record, field and code, that one refuses all, and that none quotes the file.
#[test]
fn tells_each_fault() {
    let long = "KORVATZ ".repeat(4_000);
    let cases = [
        ("entity_id", Value::Null, "missing"),
        ("entity_id", json!("20 20"), "id"),
        ("entity_id", json!("7".repeat(65)), "id"),
        ("sex_id", json!("KORVATZ"), "sex"),
        ("name", json!(long[..2_000]), "too_long"),
        ("distinguishing_marks", json!(long), "too_long"),
    ];
    for (field, value, code) in cases {
        let text = format!("{}\n{}", red("2019/9"), with(field, value));
        let (record, found, found_code) = faults(&text)[0];
        let field = if field == "distinguishing_marks" { "marks" } else { field };
        assert_eq!((record, found, found_code), (2, field, code));
        let error = imported(&text).unwrap_err();
        assert_eq!(error.code(), "notices_faulty");
        assert!(!format!("{error} {error:?}").contains("KORVATZ"));
    }
}

// Proves that the kind of a notice must be known, and must not contradict what the caller says.
#[test]
fn colours() {
    let text = red("2020/1").to_string();
    let wrong = read(text.as_bytes(), Some(Colour::Un)).unwrap_err();
    assert_eq!(wrong.to_string(), "1 notices are faulty, the first: notice 1, field _links: colour");
    let bare = r#"{"entity_id": "2020/1", "name": "KORVATZ"}"#;
    assert_eq!(faults(bare), [(1, "_links", "colour")]);
    let un = read(bare.as_bytes(), Some(Colour::Un)).unwrap();
    assert_eq!(un[0].notice.as_deref(), Some("UN"));
}

// Proves that a notice that is there several times becomes one person that knows all, unless its records contradict.
#[test]
fn overlapping_pages() {
    let short = json!({
        "entity_id": "2020/1", "name": "KORVATS", "forename": "LIMA", "date_of_birth": "1974",
        "_links": {"self": {"href": "/red/2020-1"}},
    });
    for text in [format!("{short}\n{}", red("2020-1")), format!("{}\n{short}", red("2020/1"))] {
        let persons = imported(&text).unwrap();
        assert_eq!((persons.len(), persons[0].names.len()), (1, 2));
        assert_eq!((persons[0].birth, persons[0].sex), ("1974-08-12".parse().ok(), Sex::Female));
        assert_eq!(persons[0].details["weight_kg"].reveal(), "61");
    }
    let text = format!("{}\n{}", red("2020/1"), with("date_of_birth", json!("1975/01/01")));
    assert_eq!(faults(&text), [(2, "date_of_birth", "contradicts")]);
}

// Proves that what is not JSON, not notices, cut short or nested too deeply is refused by place, without quoting it.
#[test]
fn not_notices() {
    let page = json!([red("2020/1"), red("2020/2")]).to_string();
    for (text, code) in [
        ("", "notices_empty"),
        ("[]", "notices_empty"),
        ("KORVATZ", "notices_syntax"),
        (&page[..page.len() - 9], "notices_syntax"),
        (&format!("{page} KORVATZ"), "notices_syntax"),
        (&format!("{{\"name\": {}", "[".repeat(1_000)), "notices_shape"),
        (&format!("{{\"name\": {{\"KORVATZ\": {}", "[".repeat(1_000)), "notices_shape"),
        ("\"KORVATZ\"", "notices_shape"),
        ("[[]]", "notices_shape"),
        (&with("name", json!({"KORVATZ": 1})).to_string(), "notices_shape"),
        (&with("nationalities", json!("FR")).to_string(), "notices_shape"),
        (&with("nationalities", json!(vec!["FR"; 300])).to_string(), "notices_shape"),
        ("{\"name\": \"a\",\n \"name\": \"KORVATZ\"}", "notices_shape"),
    ] {
        let error = imported(text).unwrap_err();
        assert_eq!(error.code(), code, "{error:?}");
        assert!(!format!("{error} {error:?}").contains("KORVATZ"), "{error}");
    }
    let error = imported("{\"name\": \"a\",\n \"sex_id\": true}").unwrap_err();
    assert!(matches!(error, NoticesError::Shape { line: 2, .. }), "{error:?}");
}

// Proves that more notices or bytes than a file may hold are refused.
#[test]
fn bounded() {
    let many = format!("[{}{{}}]", "{},".repeat(NOTICES_MAX));
    assert_eq!(imported(&many).unwrap_err().code(), "notices_shape");
    assert_eq!(imported(&"{}\n".repeat(NOTICES_MAX + 1)).unwrap_err().code(), "notices_too_large");
    let endless = std::io::repeat(b' ');
    assert_eq!(read(endless, None).unwrap_err().code(), "notices_too_large");
}

/// JSON of the fields' names with values of all kinds.
fn any_notice() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        "\\PC{0,9}".prop_map(Value::from),
        "(19[0-9]{2}/[0-9]{2}/[0-9]{2}|M|F|-|FR|2020/[0-9]|/red/)".prop_map(Value::from),
        prop::collection::vec("[A-Z]{2}", 0..3).prop_map(Value::from),
    ];
    let names =
        ["entity_id", "name", "forename", "date_of_birth", "sex_id", "nationalities", "arrest_warrants"];
    prop::collection::vec((prop::sample::select(names.to_vec()), leaf), 0..7)
        .prop_map(|fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

proptest! {
    // Proves that nothing makes the importer panic, and that what it imports is sound.
    #[test]
    fn never_panics(notices in prop::collection::vec(any_notice(), 0..5), noise in "\\PC{0,20}", colour: bool) {
        let colour = colour.then_some(Colour::Red);
        let text = Value::from(notices).to_string();
        for text in [text.clone(), noise.clone(), format!("{text}{noise}")] {
            for person in read(text.as_bytes(), colour).unwrap_or_default() {
                prop_assert!(!person.id.is_empty() && person.names.len() <= 2);
            }
        }
    }
}
