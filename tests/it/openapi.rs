//! The description of the API against the running server.

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use aws_lc_rs::digest::{SHA256, digest};
use postern::keys::hex;
use postern_conformance::schema::validate;
use postern_json::{PROBLEMS, TRANSPORT_PROBLEMS};
use serde_json::{Value, json};

use crate::client::{Response, absent, connect, document, get, http};
use crate::world::{Setup, World};

const PATH: &str = "/v1/screenings";
const JSON: (&str, &str) = ("content-type", "application/json");

/// A lane whose clients have tokens: one has a grant, one has none.
const TOKENS: &str = r#"[lane.tokens]
transport = "http"
listen = "127.0.0.1:0"
adapter = "json"
policy = "documents"
token_file = "tokens"
view = "full"
context = { agency = "Border Guard", end_user = "x", site = "ZZA-T1", purpose = "border_control" }
limits = { frame_bytes_max = 4096, subjects_max = 3, frame_timeout_ms = 300 }
"#;

fn stored() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/openapi.json");
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// A running server and what is known of its description.
struct Server {
    address: SocketAddr,
    api: Value,
    provoked: BTreeSet<String>,
}

impl Server {
    /// Posts, and holds the response against the description of its status.
    fn post(&mut self, status: u16, headers: &[(&str, &str)], body: &[u8]) -> Response {
        let response = http(self.address, "POST", PATH, headers, body).unwrap();
        self.check(status, &response);
        response
    }

    fn check(&mut self, status: u16, response: &Response) {
        assert_eq!(response.status, status, "{}", response.text());
        let described = &self.api["paths"][PATH]["post"]["responses"][status.to_string()];
        let media_type = response.header("content-type");
        let content = &described["content"][media_type];
        assert!(content.is_object(), "{status} is not described with {media_type}");
        let body = response.json();
        validate(&self.api, &content["schema"], &body).unwrap_or_else(|e| panic!("{status}: {e}: {body:#}"));
        self.provoked.insert(status.to_string());
        if status != 200 {
            self.provoked.insert(titled(&body));
        }
    }
}

/// The code of a problem, after a look whether its title and status are those of its type, whoever refused.
fn titled(problem: &Value) -> String {
    let code = problem["type"].as_str().unwrap().strip_prefix("urn:postern:problem:").unwrap();
    let kind = PROBLEMS.iter().chain(TRANSPORT_PROBLEMS).find(|kind| kind.code == code);
    let kind = kind.unwrap_or_else(|| panic!("{code} is not described"));
    assert_eq!((&problem["title"], &problem["status"]), (&json!(kind.title), &json!(kind.status)));
    code.to_owned()
}

// Proves that the running server describes itself as schemas/openapi.json does, and that every status that can be
// provoked from outside comes with the media type, schema and title that are described.
#[test]
fn server_is_as_described() {
    let world = World::new();
    let token = |client: &str| format!("{client}:{}\n", hex(digest(&SHA256, client.as_bytes()).as_ref()));
    let tokens = world.write("tokens", &(token("booths") + &token("stranger")));
    fs::set_permissions(tokens, fs::Permissions::from_mode(0o600)).unwrap();
    let daemon = world.start(&Setup { more: TOKENS.to_owned(), ..Setup::default() });
    let address = daemon.lane("tokens");
    let description = get(address, "/v1/openapi.json").unwrap();
    assert_eq!((description.status, description.header("content-type")), (200, "application/json"));
    assert_eq!(description.json(), stored());

    let mut server = Server { address, api: stored(), provoked: BTreeSet::new() };
    answers(&mut server, &world);
    refusals(&mut server);
    unread(&mut server);
    locked(&mut server);

    let responses = server.api["paths"][PATH]["post"]["responses"].as_object().unwrap();
    let documented: BTreeSet<&str> = responses.keys().map(String::as_str).collect();
    let missing: Vec<_> = documented.iter().filter(|status| !server.provoked.contains(**status)).collect();
    assert_eq!(missing, [&"500", &"503"], "these alone can't be provoked by a client");
    for kind in TRANSPORT_PROBLEMS {
        assert!(server.provoked.contains(kind.code), "{} was not provoked", kind.code);
    }
}

const GRANTED: (&str, &str) = ("authorization", "Bearer booths");

fn answers(server: &mut Server, world: &World) {
    let stolen = world.stolen().next().unwrap();
    let hit = document(&stolen.number, stolen.issuer.as_str(), "PAS").to_string();
    let hit = server.post(200, &[JSON, GRANTED], hit.as_bytes()).json();
    assert_eq!((&hit["gate"], &hit["outcomes"][0]["verdict"]), (&json!("refer"), &json!("hit")));
    let clear = document(&absent(1), "D", "PAS").to_string();
    let clear = server.post(200, &[JSON, GRANTED], clear.as_bytes()).json();
    assert_eq!((&clear["gate"], &clear["outcomes"][0]["complete"]), (&json!("continue"), &json!(true)));
    // The check digit of the number disagrees, so silence under it says nothing.
    let zone = crate::client::absent_zone(2).replacen("2X0000000", "2X0000001", 1);
    let incomplete = json!({ "subjects": [{ "kind": "mrz", "lines": zone }] }).to_string();
    let incomplete = server.post(200, &[JSON, GRANTED], incomplete.as_bytes()).json();
    assert_eq!(incomplete["outcomes"][0]["complete"], json!(false), "{incomplete:#}");
    assert_eq!(incomplete["gate"], json!("refer"));
}

fn refusals(server: &mut Server) {
    let question = document(&absent(3), "D", "PAS").to_string();
    let question = question.as_bytes();
    server.post(400, &[JSON, GRANTED], b"{");
    server.post(400, &[JSON, GRANTED, ("idempotency-key", "two words")], question);
    server.post(401, &[JSON], question);
    let denied = server.post(403, &[JSON, ("authorization", "Bearer stranger")], question);
    assert_eq!(denied.json()["gate"], "refer");
    server.post(413, &[JSON, GRANTED], &[b' '; 5000]);
    server.post(415, &[("content-type", "text/plain"), GRANTED], question);
    let unknown = server.post(422, &[JSON, GRANTED], br#"{"subjects":[{"kind":"ghost"}]}"#);
    assert_eq!(unknown.json()["gate"], "refer");
    let many = vec![json!({ "kind": "travel_document", "number": "1X0000001" }); 4];
    let many = server.post(422, &[JSON, GRANTED], json!({ "subjects": many }).to_string().as_bytes());
    assert_eq!(many.json()["code"], "too_many_subjects");
    let once = document(&absent(4), "D", "PAS").to_string();
    let key = ("idempotency-key", "once");
    let first = server.post(200, &[JSON, GRANTED, key], once.as_bytes());
    let again = server.post(200, &[JSON, GRANTED, key], once.as_bytes());
    assert_eq!(first.body, again.body);
}

/// What the lane answers before it has read a body.
fn unread(server: &mut Server) {
    let wrong_method = http(server.address, "PUT", PATH, &[], b"").unwrap();
    server.check(405, &wrong_method);
    assert_eq!(wrong_method.header("allow"), "POST");
    let nowhere = get(server.address, "/v2/screenings").unwrap();
    let told = (nowhere.status, nowhere.header("content-type"));
    assert_eq!(told, (404, "application/problem+json"));
    let slow = post_without_body(server.address);
    server.check(408, &slow);
}

/// Announces a body and does not send it.
fn post_without_body(address: SocketAddr) -> Response {
    let mut stream = connect(address).unwrap();
    let fields = [JSON, GRANTED, ("host", "x"), ("content-length", "9"), ("connection", "close")];
    let fields: String = fields.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    stream.write_all(format!("POST {PATH} HTTP/1.1\r\n{fields}\r\n").as_bytes()).unwrap();
    Response::read(stream).unwrap()
}

/// Too many wrong tokens from one address; the last test, because the address stays locked.
fn locked(server: &mut Server) {
    let question = document(&absent(5), "D", "PAS").to_string();
    let wrong = ("authorization", "Bearer wrong");
    for _ in 0..5 {
        server.post(401, &[JSON, wrong], question.as_bytes());
    }
    let locked = server.post(429, &[JSON, GRANTED], question.as_bytes());
    assert!(locked.header("retry-after").parse::<u64>().unwrap() > 0);
}
