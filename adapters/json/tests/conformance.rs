//! The adapter passes the kit.

use std::path::Path;

// Proves the cases, damaged input and the contract.
#[test]
fn json_conforms() {
    let fixtures = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures"));
    let report = postern_conformance::check(&postern_json::JsonAdapter, fixtures);
    assert!(report.questions > 500 && report.faults > 5000, "{report:?}");
}
