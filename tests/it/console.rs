//! The console of a running daemon, as machines and people see it.

use std::process::Command;

use crate::client::{self, Gate, absent, absent_zone, document, get, zone};
use crate::world::{Setup, World, until};

/// The series that a daemon without INTERPOL has after a few questions.
const SERIES: [&str; 9] = [
    "postern_screenings_total",
    "postern_exchange_seconds_bucket",
    "postern_refusals_total",
    "postern_lane_frames_total",
    "postern_lane_connections",
    "postern_unchecked_total",
    "postern_journal_records_total",
    "postern_journal_groups_total",
    "postern_journal_last_sync_seconds",
];

// Proves that health, metrics and the page's data are served, that the page as a browser renders it shows databases,
// modes, FIND's state, the copy's version and the latest outcomes with masked numbers, and that neither page nor metrics
// hold a number or name that was asked.
#[test]
fn first_screen() {
    let world = World::new();
    let daemon = world.start(&Setup::default());
    let stolen = world.stolen().next().unwrap();
    let mut gate = Gate::connect(daemon.lane("egates")).unwrap();
    gate.ask("c1", &zone(&stolen.number, stolen.issuer.as_str(), "PALIMPSEST<<ZENOBIA")).unwrap();
    gate.ask("c2", "no zone").unwrap();
    let booths = daemon.lane("booths");
    client::screen(booths, None, &document(&stolen.number, stolen.issuer.as_str(), "PAS")).unwrap();
    let person = serde_json::json!({ "context": { "end_user": "x" }, "subjects": [
        { "kind": "person", "primary_name": "PALIMPSEST", "secondary_name": "ZENOBIA", "birth": "1974-08-12" }
    ]});
    assert_eq!(client::screen(booths, None, &person).unwrap().status, 200);
    gate.ask("c3", &absent_zone(11)).unwrap();

    let console = daemon.console();
    assert_eq!(get(console, "/live").unwrap().text(), "live\n");
    assert_eq!(get(console, "/ready").unwrap().status, 200);
    let metrics = until("all series", || {
        let metrics = get(console, "/metrics").unwrap().text();
        SERIES.iter().all(|series| metrics.contains(series)).then_some(metrics)
    });
    let page = rendered(&world, &format!("http://{console}/"));
    let shown = [
        "SLTD",
        "TDAWN",
        "documents: mind",
        "everything: mind",
        "not configured",
        "<td>7</td>",
        "fresh",
        "egates",
        "booths",
        "training",
        "ready",
        "FIND is not configured",
        "key on disk",
    ];
    for text in shown {
        assert!(page.contains(text), "the page lacks {text}:\n{page}");
    }
    let last_two = &stolen.number[stolen.number.len() - 2..];
    assert!(page.contains(&format!("•{last_two}")) || page.contains(&format!("*{last_two}")), "{page}");
    assert!(page.contains("class=\"hit short\">hit</td>"), "{page}");
    for secret in [&*stolen.number, &absent(11), "PALIMPSEST", "ZENOBIA", "1974-08-12", "740812"] {
        assert!(!page.contains(secret) && !metrics.contains(secret), "{secret} is shown");
    }
}

/// The page's document after its script ran.
fn rendered(world: &World, url: &str) -> String {
    let data = world.path("chromium");
    let mut command = Command::new("chromium");
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"]);
    command.args(["--disable-background-networking", "--disable-component-update", "--disable-sync"]);
    command.args(["--disable-dev-shm-usage", "--virtual-time-budget=4000", "--dump-dom", url]);
    command.arg(format!("--user-data-dir={}", data.display()));
    let output = command.output().unwrap_or_else(|error| {
        panic!("this test needs chromium ({error}): run ./test, or install it");
    });
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}
