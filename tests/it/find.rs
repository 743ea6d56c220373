//! FIND's services of a running daemon, commanded by the built binary.

use serde_json::Value;

use crate::client::{self, document, get};
use crate::world::{Daemon, Interpol, Setup, World, postern, told, until};

const SERVICE: &str = "tdawn_sltd";

/// `postern find` with these arguments, by the world's configuration.
fn find(world: &World, arguments: &[&str]) -> (Option<i32>, String, String) {
    let config = world.path("postern.toml");
    told(&postern(["find", "--config", config.to_str().unwrap()].iter().chain(arguments)))
}

/// The reason for which SLTD was not checked; empty if it was.
fn reason(world: &World, daemon: &Daemon) -> String {
    let stolen = world.stolen().next().unwrap();
    let question = document(&stolen.number, stolen.issuer.as_str(), "PAS");
    let answer = client::screen(daemon.lane("booths"), None, &question).unwrap().json();
    let databases = answer["outcomes"][0]["databases"].as_array().unwrap().clone();
    let sltd = databases.iter().find(|database| database["database"] == "sltd").unwrap();
    sltd["reason"].as_str().unwrap_or_default().to_owned()
}

fn service(daemon: &Daemon) -> Value {
    let status: Value = get(daemon.console(), "/api/status").unwrap().json();
    status["find"].as_array().unwrap().iter().find(|service| service["service"] == SERVICE).unwrap().clone()
}

// Proves that an operator holds a service open and lets it go again from the command line; that the order is shown, counted
// and still holds after the daemon was killed; and that what can't be followed is refused with its reason.
#[test]
fn an_operator_commands_services() {
    let world = World::new();
    let interpol = Interpol::of(&world);
    let setup = Setup {
        find: Some(interpol.address()),
        mode: "find",
        instance: "\ncontrol_socket = \"run/control\"",
        ..Setup::default()
    };
    let daemon = world.start(&setup);
    assert_eq!(reason(&world, &daemon), "");
    let (code, out, err) = find(&world, &["status"]);
    assert!(code == Some(0) && out.contains(&format!("{SERVICE}: closed;")), "{out}{err}");

    let words = "maintenance at INTERPOL";
    for (service, reason, expected) in [("moon", words, "unknown_service"), (SERVICE, " ", "reason")] {
        let (code, _, err) = find(&world, &["open", "--service", service, "--reason", reason]);
        assert!(code == Some(64) && err.contains(expected), "{err}");
    }
    let (code, out, err) = find(&world, &["open", "--service", SERVICE, "--reason", words]);
    assert_eq!((code, &*out), (Some(0), "done, and recorded in the journal\n"), "{err}");
    assert_eq!(reason(&world, &daemon), "breaker_open");
    assert!(!daemon.log().contains(words), "what an operator writes is not logged");
    daemon.kill();

    let daemon = world.start(&setup);
    assert_eq!(reason(&world, &daemon), "breaker_open");
    let held = service(&daemon);
    assert_eq!((&held["order"]["control"], &held["order"]["reason"]), (&"open".into(), &words.into()));
    until("the figure", || {
        let metrics = get(daemon.console(), "/metrics").unwrap().text();
        metrics.contains(&format!("postern_find_breaker_control{{service=\"{SERVICE}\"}} 2")).then_some(())
    });
    let (_, out, _) = find(&world, &["status"]);
    assert!(out.contains("held open since") && out.contains(words), "{out}");
    let (code, _, err) = find(&world, &["auto", "--service", SERVICE, "--reason", "over"]);
    assert_eq!(code, Some(0), "{err}");
    until("an answer", || (reason(&world, &daemon).is_empty()).then_some(()));
    daemon.stop();
    let (code, _, err) = find(&world, &["status"]);
    assert!(code == Some(69) && err.contains("run/control"), "{err}");

    let again = world.start(&setup);
    assert_eq!(reason(&world, &again), "");
    assert!(service(&again)["order"].is_null());
}
