//! Rules of the second line that need no journal; the whole is tested by the built binary.

use postern_json::FETCH_PROBLEMS;
use postern_sdk::{Context, Personal};

use super::asked::{Asked, What};
use super::refusal::Refusal;
use super::told;

const EXCHANGE: &str =
    r#""exchange":"0198c0de-0000-7000-8000-000000000000","database":"nominal","record":"N-1""#;

fn details(more: &str) -> Result<Asked, Refusal> {
    Asked::details(format!("{{{EXCHANGE}{more}}}").as_bytes())
}

fn file(more: &str) -> Result<Asked, Refusal> {
    Asked::file(format!("{{{EXCHANGE}{more}}}").as_bytes())
}

// Proves which messages are taken: strictly, whole, of this version and with texts of a length.
#[test]
fn messages_are_strict() {
    assert!(details("").is_ok() && details(r#","version":1"#).is_ok());
    let image = file(r#","kind":"image","path":"/images/1.jpg""#).ok().unwrap();
    assert_eq!((image.what, image.path), (What::Image, Some(Personal::from("/images/1.jpg"))));
    let long = format!(r#","context":{{"site":"{}"}}"#, "x".repeat(257));
    let refused = [
        (details("").err(), None),
        (details(",").err(), Some(Refusal::Syntax)),
        (details(r#","version":2"#).err(), Some(Refusal::VersionUnknown)),
        (details(r#","kind":"image""#).err(), Some(Refusal::Content)),
        (details(r#","context":{"purpose":"x"}"#).err(), Some(Refusal::Content)),
        (details(r#","context":{"silent":false}"#).err(), Some(Refusal::Content)),
        (details(r#","context":{"end_user":""}"#).err(), Some(Refusal::TextEmpty)),
        (details(r#","context":{"end_user":"a\u0000"}"#).err(), Some(Refusal::TextCharacter)),
        (details(&long).err(), Some(Refusal::TextTooLong)),
        (file("").err(), Some(Refusal::Content)),
        (file(r#","kind":"details","path":"x""#).err(), Some(Refusal::Content)),
    ];
    for (place, (refused, expected)) in refused.into_iter().enumerate() {
        assert_eq!(refused, expected, "{place}");
    }
}

// Proves that the end user of the message goes before the screening's, and that purpose, operation and silence are the
// screening's, whatever the lane would supply.
#[test]
fn the_screening_says_why() {
    let screening = Context {
        agency: Some("Border Guard".to_owned()),
        end_user: Some(Personal::from("first")),
        site: Some("ZZA".to_owned()),
        purpose: Some("border_control".to_owned()),
        silent: true,
        ..Context::default()
    };
    let lane = Context {
        purpose: Some("other".to_owned()),
        operation: Some("other".to_owned()),
        terminal: Some("desk".to_owned()),
        ..Context::default()
    };
    let context = details("").ok().unwrap().context(&screening, &lane, "booths");
    assert_eq!((context.client.as_str(), context.end_user), ("booths", screening.end_user.clone()));
    assert_eq!((context.purpose, context.operation), (screening.purpose.clone(), None));
    assert_eq!((context.silent, context.terminal.as_deref()), (true, Some("desk")));
    let second = details(r#","context":{"end_user":"second"}"#).ok().unwrap();
    assert_eq!(second.context(&screening, &lane, "booths").end_user, Some(Personal::from("second")));
}

// Proves that a file is passed on under a type of its own only if that is one of four.
#[test]
fn media_types_are_few() {
    for (told, passed_on) in [
        ("application/pdf", "application/pdf"),
        ("Image/JPEG; q=1", "image/jpeg"),
        ("image/tiff", "image/tiff"),
        ("image/svg+xml", "application/octet-stream"),
        ("text/html", "application/octet-stream"),
        ("", "application/octet-stream"),
        ("application/pdf\r\nset-cookie: x", "application/octet-stream"),
    ] {
        assert_eq!(told::media_type(told), passed_on, "{told}");
    }
}

// Proves that the description of the interface lists each refusal with its status and title, and no other.
#[test]
fn refusals_are_described() {
    let ours = Refusal::ALL.map(|refusal| (refusal.code(), refusal.status(), refusal.title()));
    let described: Vec<_> = FETCH_PROBLEMS.iter().map(|kind| (kind.code, kind.status, kind.title)).collect();
    assert_eq!(ours.to_vec(), described);
}
