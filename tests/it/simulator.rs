//! The simulator as a process of its own: what its options say.

use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::client::{get, http};
use crate::world::{POSTERN, postern, told};

/// A simulator that ends with the test.
struct Process {
    child: Child,
    services: SocketAddr,
    admin: SocketAddr,
}

impl Process {
    fn start(arguments: &[&Path]) -> Self {
        let mut child = Command::new(POSTERN)
            .args(["sim", "--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"])
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut address = |prefix: &str| {
            let line = lines.next().unwrap().unwrap();
            line.strip_prefix(prefix).unwrap_or_else(|| panic!("{line}")).parse().unwrap()
        };
        let (services, admin) = (address("services http://"), address("admin http://"));
        Self { child, services, admin }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const NAMESPACE: &str = "urn:interpol:ws:wsp:nomtdsltd";

fn search(services: SocketAddr, number: &str) -> String {
    let body = format!(
        r#"<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Header><n:UsernameToken xmlns:n="{NAMESPACE}"><n:Username>u</n:Username><n:Password>p</n:Password></n:UsernameToken><n:UserInformation xmlns:n="{NAMESPACE}"><n:ReferenceInCountry>REF-{number}</n:ReferenceInCountry></n:UserInformation></s:Header><s:Body><n:Search xmlns:n="{NAMESPACE}"><n:DIN>{number}</n:DIN><n:NbRecord>9</n:NbRecord></n:Search></s:Body></s:Envelope>"#
    );
    let action = format!("\"{NAMESPACE}/Search\"");
    let headers = [("soapaction", action.as_str()), ("content-type", "text/xml; charset=utf-8")];
    http(services, "POST", "/find/nomtdsltd.asmx", &headers, body.as_bytes()).unwrap().text()
}

// Proves that a feed and faults come from files, that every request is in the log's file and told by pages, without its number,
// and that a file of faults with a mistake is refused by its name before anything starts.
#[test]
fn files() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let (feed, faults, log) = (path("feed.csv"), path("faults.toml"), path("log.jsonl"));
    let made = [
        "sim".as_ref(),
        "feed".as_ref(),
        "--records".as_ref(),
        "64".as_ref(),
        "--out".as_ref(),
        feed.as_path(),
    ];
    assert!(postern(made).status.success());
    let text = std::fs::read_to_string(&feed).unwrap();
    let number = text.lines().nth(1).unwrap().split(',').nth(1).unwrap();
    std::fs::write(&faults, "script = [\"TIME_OUT\"]").unwrap();
    let arguments = ["--feed".as_ref(), feed.as_path(), "--faults".as_ref(), &faults, "--log".as_ref(), &log];
    let sim = Process::start(&arguments);
    assert!(search(sim.services, number).contains("TIME_OUT"));
    assert!(search(sim.services, number).contains("NO_ERROR"));
    assert!(search(sim.services, "ZZ9999999").contains("NO_ANSWER"));
    let text = std::fs::read_to_string(&log).unwrap();
    let logged: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        logged.iter().map(|one| one["result"].as_str().unwrap()).collect::<Vec<_>>(),
        ["TIME_OUT", "NO_ERROR", "NO_ANSWER"]
    );
    assert_eq!(logged[1]["reference"], format!("REF-{number}"));
    assert!(logged[0]["about"] == logged[1]["about"] && logged[1]["about"] != logged[2]["about"]);
    let page = get(sim.admin, "/log?since=2").unwrap().json();
    assert_eq!((&page["last"], &page["latest"][0]), (&3.into(), &logged[2]));

    std::fs::write(&faults, "script = [\"TIMEOUT\"]").unwrap();
    let (code, _, err) = told(&postern(["sim".as_ref(), "--faults".as_ref(), faults.as_path()]));
    assert!(code == Some(64) && err.contains("TIMEOUT") && err.contains("faults.toml"), "{code:?} {err}");
}

// Proves that the description of the services is told for the address that is asked for, and is otherwise the one in `schemas/`.
#[test]
fn description() {
    let (code, out, err) = told(&postern(["sim", "wsdl", "--url", "https://training.example/"]));
    assert_eq!(code, Some(0), "{err}");
    assert!(out.contains("location=\"https://training.example/find/nominals.asmx\""));
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas/find.wsdl");
    let stored = std::fs::read_to_string(path).unwrap();
    assert_eq!(out.replace("https://training.example", "http://127.0.0.1:4090"), stored);
}
