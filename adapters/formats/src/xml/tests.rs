use proptest::prelude::*;

use super::*;

const SAMPLE: &str = concat!(
    "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<!-- a comment -->\n",
    "<s:Envelope xmlns:s=\"urn:x\"><s:Body Version='1.1'>a&amp;b<![CDATA[<raw>]]>&#x41;<e/>tail\r\n",
    "<n:m xmlns:n=\"urn:y\" n:id=\"7&quot;8\">text</n:m></s:Body></s:Envelope>\n"
);

fn read(bytes: &[u8]) -> Result<Vec<String>, XmlError> {
    read_within(bytes, Limits::default())
}

fn read_within(bytes: &[u8], limits: Limits) -> Result<Vec<String>, XmlError> {
    let mut reader = Reader::new(bytes, limits)?;
    let mut seen = Vec::new();
    while let Some(token) = reader.next()? {
        seen.push(match token {
            Token::Start(element) => {
                let attributes = element.attributes.iter().map(|a| format!(" {}={}", a.local(), a.value));
                format!("<{}{}>", element.local(), attributes.collect::<String>())
            }
            Token::End => "</>".to_owned(),
            Token::Text(text) => text.into_owned(),
        });
    }
    Ok(seen)
}

fn kind(document: &str) -> Option<XmlErrorKind> {
    read(document.as_bytes()).err().map(|error| error.kind)
}

// Proves what a document reads as: text whole across references, sections and line ends, an empty tag as start and end.
#[test]
fn reads_a_document() {
    let expected = [
        "<Envelope s=urn:x>",
        "<Body Version=1.1>",
        "a&b<raw>A",
        "<e>",
        "</>",
        "tail\n",
        "<m n=urn:y id=7\"8>",
        "text",
        "</>",
        "</>",
        "</>",
    ];
    assert_eq!(read(SAMPLE.as_bytes()).unwrap(), expected);
    assert_eq!(read(format!("\u{feff}{SAMPLE}").as_bytes()).unwrap(), expected);
}

// Proves that a document that was cut is refused, wherever it was cut.
#[test]
fn refuses_every_truncation() {
    for document in
        [SAMPLE.to_owned(), format!("\u{feff}{SAMPLE}"), "<a b='c'>&lt;</a>".to_owned(), "<a/>".into()]
    {
        let end = document.trim_end().len();
        for cut in 0..end {
            assert!(read(&document.as_bytes()[..cut]).is_err(), "cut at {cut} of {end}");
        }
        assert!(read(&document.as_bytes()[..end]).is_ok());
    }
}

// Proves that each refusal has its own kind.
#[test]
fn refuses_by_kind() {
    use XmlErrorKind as K;
    let cases = [
        ("<a/><b/>", K::SecondRoot),
        ("<a></a><a>", K::SecondRoot),
        ("<a/>text", K::OutsideRoot),
        ("text<a/>", K::OutsideRoot),
        ("<a/>&amp;", K::OutsideRoot),
        ("<a/><![CDATA[x]]>", K::OutsideRoot),
        ("<a>", K::Unclosed),
        ("<a><b></a>", K::Mismatch),
        ("</a>", K::Mismatch),
        ("<a></b>", K::Mismatch),
        ("", K::NoRoot),
        ("  <!-- x -->", K::NoRoot),
        ("<!DOCTYPE a><a/>", K::DocumentType),
        ("<!DOCTYPE a [<!ENTITY e 'x'>]><a>&e;</a>", K::DocumentType),
        ("<a>&e;</a>", K::Reference),
        ("<a>&#0;</a>", K::Reference),
        ("<a>&#x1F;</a>", K::Reference),
        ("<a>&#xD800;</a>", K::Reference),
        ("<a>&#x110000;</a>", K::Reference),
        ("<a>&#99999999999;</a>", K::Reference),
        ("<a>&#+65;</a>", K::Reference),
        ("<a>&#;</a>", K::Reference),
        ("<a>& b</a>", K::Reference),
        ("<a b='&e;'/>", K::Reference),
        ("<a b='&amp'/>", K::Reference),
        ("<a b='<'/>", K::Syntax),
        ("<a>]]></a>", K::Syntax),
        ("<a><!-- -- --></a>", K::Syntax),
        ("<a><!-- x ---></a>", K::Syntax),
        ("<a b='1' b='2'/>", K::DuplicateAttribute),
        ("<a b='1'c='2'/>", K::Syntax),
        ("<a b=1/>", K::Syntax),
        ("<a b/>", K::Syntax),
        ("<a 1='2'/>", K::Syntax),
        ("<1a/>", K::Syntax),
        ("<a:b:c/>", K::Syntax),
        ("<:a/>", K::Syntax),
        ("< a/>", K::Syntax),
        ("<>x</>", K::Syntax),
        ("<?php x?><a/>", K::Instruction),
        ("<a><?x y?></a>", K::Instruction),
        (" <?xml version='1.0'?><a/>", K::Declaration),
        ("<a><?xml version='1.0'?></a>", K::Declaration),
        ("<?xml version='1.1'?><a/>", K::Declaration),
        ("<?xml encoding='utf-8'?><a/>", K::Declaration),
        ("<?xml version='1.0' encoding='iso-8859-1'?><a/>", K::Encoding),
        ("<a>\u{0}</a>", K::Character),
        ("<a>\u{1b}</a>", K::Character),
        ("<a>\u{ffff}</a>", K::Character),
        ("<a>\u{fffe}</a>", K::Character),
    ];
    for (document, expected) in cases {
        assert_eq!(kind(document), Some(expected), "{document:?}");
    }
}

// Proves that what is unusual and well-formed is read.
#[test]
fn accepts_the_well_formed() {
    for document in [
        "<a\n b = 'c'\t/>",
        "<a ></a >",
        "<a>\u{fffd}\u{efff}\u{10ffff}</a>",
        "<é b:ü='1'/>",
        "<a>]] &gt; ]]&gt;</a>",
        "<?xml version=\"1.0\" standalone='yes' ?><a/>",
        "<a b='>'/>",
        "<a b='\"/>' c=\"'\">x</a>",
        "<a/>\n<!-- after -->\n",
        "<a><![CDATA[]]></a>",
        "<a><![CDATA[ ]] > ]]></a>",
    ] {
        assert_eq!(kind(document), None, "{document:?}");
    }
}

// Proves that bytes which are not UTF-8 are refused at their offset.
#[test]
fn refuses_other_encodings() {
    let error = read(b"<a>\xff</a>").unwrap_err();
    assert_eq!((error.kind, error.offset), (XmlErrorKind::Encoding, 3));
    let utf16: Vec<u8> = "<a/>".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert!(read(&utf16).is_err());
}

// Proves each limit at its edge.
#[test]
fn keeps_limits() {
    let limits = Limits { bytes_max: 64, depth_max: 3, attributes_max: 2, text_bytes_max: 5 };
    let kind = |document: &str| read_within(document.as_bytes(), limits).err().map(|error| error.kind);
    assert_eq!(kind("<a><b><c/></b></a>"), None);
    assert_eq!(kind("<a><b><c><d/></c></b></a>"), Some(XmlErrorKind::TooDeep));
    assert_eq!(kind("<a b='1' c='2'/>"), None);
    assert_eq!(kind("<a b='1' c='2' d='3'/>"), Some(XmlErrorKind::TooManyAttributes));
    assert_eq!(kind("<a>12345</a>"), None);
    assert_eq!(kind("<a>12&amp;45</a>"), None);
    assert_eq!(kind("<a>123456</a>"), Some(XmlErrorKind::TextTooLong));
    assert_eq!(kind("<a>12345&amp;</a>"), Some(XmlErrorKind::TextTooLong));
    assert_eq!(kind(&format!("<a>{}</a>", " ".repeat(60))), Some(XmlErrorKind::TooLarge));
}

// Proves that offsets point into the bytes that were given, a byte order mark counted.
#[test]
fn offsets_are_of_the_input() {
    assert_eq!(read(b"<a>&e;</a>").unwrap_err().offset, 3);
    assert_eq!(read("\u{feff}<a>&e;</a>".as_bytes()).unwrap_err().offset, 6);
    assert_eq!(read(b"<a b='1' b='2'/>").unwrap_err().offset, 9);
    assert_eq!(read(b"<a/><b/>").unwrap_err().offset, 4);
    assert_eq!(read(b"<a b='1' c='&e;'/>").unwrap_err().offset, 12);
}

// Proves that an error is final.
#[test]
fn an_error_stays() {
    let mut reader = Reader::new(b"<a>&e;</a>", Limits::default()).unwrap();
    reader.next().unwrap();
    let error = reader.next().unwrap_err();
    assert_eq!(reader.next().unwrap_err(), error);
}

// Proves the walk: children by local name, what is not read is skipped and still checked.
#[test]
fn walks_children() {
    let document = b"<x:a><b>one</b>noise<c><d>two</d><e/></c><b><f/>cut</b></x:a>";
    let mut reader = Reader::new(document, Limits::default()).unwrap();
    assert!(reader.root().unwrap().is("a"));
    let mut seen = Vec::new();
    let walked = reader.children::<XmlError>(|reader, child| {
        seen.push(match child.local() {
            "b" => reader.text_only().map_or_else(|error| error.code().to_owned(), String::from),
            other => other.to_owned(),
        });
        Ok(())
    });
    walked.unwrap();
    reader.finish().unwrap();
    assert_eq!(seen, ["one", "c", "xml_unexpected_element"]);
}

// Proves that codes are unique and that no error text holds anything of the document.
#[test]
fn errors_tell_nothing() {
    let codes: std::collections::BTreeSet<_> = XmlErrorKind::ALL.iter().map(|kind| kind.code()).collect();
    assert_eq!(codes.len(), XmlErrorKind::ALL.len());
    let error = read(b"<SECRET>&SECRET;</SECRET>").unwrap_err();
    assert!(!format!("{error} {error:?} {}", error.code()).contains("SECRET"));
}

proptest! {
    // Proves that no bytes make the reader panic, and that it comes to an end.
    #[test]
    fn never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes);
    }

    // Proves the same of text that looks like markup.
    #[test]
    fn never_panics_on_markup(text in "[<>/!?a-c='\"&;#x0-9 \\[\\]\\-CDAT:\u{e9}\r\n]{0,80}") {
        let _ = read(text.as_bytes());
        let _ = read(format!("<a>{text}</a>").as_bytes());
        let _ = read(format!("<a b='{text}'/>").as_bytes());
    }

    // Proves that escaped text reads back as itself, in an element and in an attribute.
    #[test]
    fn escaping_round_trips(text in "[ -~\t\r\n\u{80}-\u{2fff}\u{10000}-\u{10fff}]{0,40}") {
        let mut escaped = String::new();
        escape_into(&text, &mut escaped).unwrap();
        let document = format!("<a b=\"{escaped}\">{escaped}</a>");
        let mut reader = Reader::new(document.as_bytes(), Limits::default()).unwrap();
        let root = reader.root().unwrap();
        prop_assert_eq!(root.attribute("b"), Some(text.as_str()));
        prop_assert_eq!(reader.text_only().unwrap(), text.as_str());
        reader.finish().unwrap();
    }
}
