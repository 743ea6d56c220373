//! The schemas in `schemas/` are the ones that the types generate.

use std::path::Path;

// Proves that `schemas/` is what the types say; POSTERN_BLESS=1 writes it anew.
#[test]
fn schemas_are_current() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas");
    for (name, schema) in postern_sdk::schemas() {
        let path = folder.join(format!("{name}.schema.json"));
        let text = format!("{:#}\n", schema.as_value());
        if std::env::var_os("POSTERN_BLESS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(stored == text, "{} is not current: run with POSTERN_BLESS=1", path.display());
    }
}
