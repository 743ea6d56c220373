//! What answers mean, judged without a network.

use super::super::{not_checked, reply};
use super::*;

/// What an answer says of both databases, judged without a network.
fn judged(body: &str) -> (String, String) {
    let find = find(settings("http://localhost:1"));
    let line = find.line(&find.services[0]);
    let ask = ask(document("L898902C3"), BOTH);
    let answers = match reply::read(&find.profile, &line.service.search, body.as_bytes()) {
        Ok(reply) => line.answers_of(&ask, BOTH, &reply),
        Err(unreadable) => not_checked(&ask, BOTH, unreadable.into()).collect(),
    };
    let told = told(&answers);
    (told["sltd"].clone(), told["tdawn"].clone())
}

/// A block as written by hand: name, status if any, and how many records.
fn block(name: &str, status: Option<&str>, records: usize) -> String {
    let status = status.map_or(String::new(), |status| format!("<status_id>{status}</status_id>"));
    let record = |index| {
        format!(
            "<document item_id='R{index}'><nr>L898902C3</nr><type_id>PAS</type_id>\
             <country_of_issuance_id>155</country_of_issuance_id></document>"
        )
    };
    format!("<origin><name>{name}</name>{status}{}</origin>", (0..records).map(record).collect::<String>())
}

fn answer(code: &str, blocks: &[String], escaped: bool) -> String {
    let payload = match blocks {
        [] => String::new(),
        blocks => format!("<IPSGDatas><datas><search>{}</search></datas></IPSGDatas>", blocks.concat()),
    };
    let payload = if escaped { payload.replace('<', "&lt;").replace('>', "&gt;") } else { payload };
    format!(
        "<e:Envelope xmlns:e='http://schemas.xmlsoap.org/soap/envelope/'><e:Body><SearchResponse><SearchResult>\
         <resultCode>{code}</resultCode><xmlData>{payload}</xmlData>\
         </SearchResult></SearchResponse></e:Body></e:Envelope>"
    )
}

// Proves the rules of the first promise on answers written by hand: code × block × payload style × number of records.
#[test]
fn only_its_own_word_is_no_record() {
    let sltd = |status, records| block("IPSG", status, records);
    let tdawn = |status, records| block("IPSG.NOMTD", status, records);
    let malformed = "malformed_answer";
    let cases: Vec<(&str, Vec<String>, &str, &str)> = vec![
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("1"), 0)], "hits", "no_record"),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("0"), 1)], "hits", "hits"),
        ("0", vec![sltd(None, 1), tdawn(None, 1)], "hits", "hits"),
        ("0", vec![sltd(Some("1"), 0), tdawn(Some("0"), 1)], "no_record", "hits"),
        // A block that is missing, empty without a word, or contradicts itself or the code.
        ("0", vec![sltd(Some("0"), 1)], "hits", "block_missing"),
        ("0", vec![tdawn(Some("0"), 1)], "block_missing", "hits"),
        ("0", vec![sltd(Some("0"), 1), tdawn(None, 0)], "hits", malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("0"), 0)], "hits", malformed),
        ("0", vec![sltd(Some("1"), 1), tdawn(Some("1"), 0)], "hits+malformed_answer", "no_record"),
        ("0", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], malformed, malformed),
        ("0", vec![], malformed, malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("9"), 0)], "hits", malformed),
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("1"), 0), tdawn(Some("3"), 0)], "hits", "unexpected_error"),
        // One block that failed.
        ("0", vec![sltd(Some("0"), 1), tdawn(Some("3"), 0)], "hits", "unexpected_error"),
        ("0", vec![sltd(Some("7"), 0), tdawn(Some("0"), 1)], "service_time_out", "hits"),
        ("0", vec![sltd(Some("6"), 1), tdawn(Some("1"), 0)], "hits+other_error", "no_record"),
        ("1", vec![sltd(Some("5"), 0), tdawn(Some("1"), 0)], "access_denied", "no_record"),
        // Nothing found.
        ("1", vec![], "no_record", "no_record"),
        ("1", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], "no_record", "no_record"),
        ("1", vec![sltd(None, 0), tdawn(None, 0)], "no_record", "no_record"),
        ("1", vec![sltd(Some("1"), 0)], "no_record", "block_missing"),
        ("1", vec![sltd(Some("0"), 0), tdawn(Some("1"), 0)], malformed, "no_record"),
        ("1", vec![sltd(Some("1"), 1), tdawn(Some("1"), 0)], "hits+malformed_answer", malformed),
        ("1", vec![block("MIND", Some("1"), 0)], "block_missing", "block_missing"),
        // Records in a block of nobody.
        ("0", vec![sltd(Some("0"), 1), block("MIND", None, 1), tdawn(Some("1"), 0)], "hits", malformed),
        // Lists that reach the limit of three.
        ("0", vec![sltd(Some("0"), 3), tdawn(Some("1"), 0)], "hits+list_truncated", "list_truncated"),
        ("0", vec![sltd(Some("0"), 2), tdawn(Some("0"), 1)], "hits+list_truncated", "hits+list_truncated"),
        ("0", vec![sltd(Some("0"), 2), tdawn(Some("1"), 0)], "hits", "no_record"),
        // Codes of failure: blocks are believed only beside an error in another source database.
        ("2", vec![], "invalid_search", "invalid_search"),
        ("3", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], "unexpected_error", "unexpected_error"),
        ("4", vec![sltd(Some("0"), 1)], "hits+too_many", "too_many"),
        ("5", vec![], "access_denied", "access_denied"),
        ("6", vec![sltd(Some("1"), 0), tdawn(Some("6"), 0)], "no_record", "other_error"),
        ("6", vec![sltd(None, 0)], "other_error", "other_error"),
        ("6", vec![], "other_error", "other_error"),
        ("7", vec![], "service_time_out", "service_time_out"),
        ("8", vec![sltd(Some("1"), 0), tdawn(Some("1"), 0)], malformed, malformed),
        ("", vec![], malformed, malformed),
    ];
    for (code, blocks, sltd, tdawn) in cases {
        for escaped in [false, true] {
            let body = answer(code, &blocks, escaped);
            assert_eq!(
                judged(&body),
                (sltd.into(), tdawn.into()),
                "code {code} escaped {escaped}: {blocks:?}"
            );
        }
    }
}

// Proves that an answer which was cut anywhere, in either payload style, never says that there is no record.
#[test]
fn cut_answers_say_nothing() {
    for (code, blocks) in
        [("1", vec![]), ("0", vec![block("IPSG", Some("0"), 1), block("IPSG.NOMTD", Some("1"), 0)])]
    {
        for escaped in [false, true] {
            let body = answer(code, &blocks, escaped);
            for cut in 0..body.len() {
                assert_eq!(judged(&body[..cut]), ("malformed_answer".into(), "malformed_answer".into()));
            }
        }
    }
}

// Proves that an escaped payload which was cut by the service, within a whole envelope, says nothing.
#[test]
fn cut_payloads_say_nothing() {
    let payload = answer("1", &[block("IPSG", Some("1"), 0), block("IPSG.NOMTD", Some("1"), 0)], true);
    let begin = payload.find("<xmlData>").unwrap() + "<xmlData>".len();
    let end = payload.find("</xmlData>").unwrap();
    for cut in begin + 1..end {
        let body = format!("{}{}", &payload[..cut], &payload[end..]);
        assert_eq!(judged(&body).0, "malformed_answer", "{}", cut - begin);
    }
}

// Proves that what is no result of the operation says nothing: faults, other roots, two results, two codes.
#[test]
fn other_envelopes_say_nothing() {
    let none = answer("1", &[], false);
    let doubled = none.replace("<SearchResult>", "<SearchResult><resultCode>1</resultCode>");
    let twice = none
        .replace("</SearchResult>", "</SearchResult><SearchResult><resultCode>1</resultCode></SearchResult>");
    let cases = [
        (fixture("fault"), "unexpected_error"),
        (fixture("search-error-text"), "unexpected_error"),
        ("<html><body>Service Unavailable</body></html>".to_owned(), "malformed_answer"),
        (none.replace("SearchResult", "OtherResult"), "malformed_answer"),
        (doubled, "malformed_answer"),
        (twice, "malformed_answer"),
        (none.replace("<xmlData>", "<xmlData>no records"), "malformed_answer"),
        (format!("{none}{none}"), "malformed_answer"),
    ];
    for (body, reason) in cases {
        assert_eq!(judged(&body), (reason.into(), reason.into()), "{body}");
    }
}

proptest::proptest! {
    // Proves that no bytes in place of others make the reading of an answer panic.
    #[test]
    fn mutated_answers_never_panic(at in 0usize..4096, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 1..8)) {
        let profile = Profile::built_in();
        for name in ["search-hit-inline", "search-hits-escaped", "search-none", "search-error-text"] {
            let mut body = fixture(name).into_bytes();
            let begin = at % body.len();
            let end = (begin + bytes.len()).min(body.len());
            body.splice(begin..end, bytes.iter().copied());
            let _ = reply::read(&profile, &profile.service[0].search, &body);
        }
    }
}
