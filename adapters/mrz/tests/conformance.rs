//! The kit's proofs on the cases in `fixtures/cases`.

use std::path::Path;

use postern_mrz::MrzAdapter;

#[test]
fn conforms() {
    // Every case decodes and encodes as recorded, and no damaged frame panics or reads as continue.
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let report = postern_conformance::check(&MrzAdapter, &fixtures);
    assert!(report.questions > 0 && report.faults > 0);
}
