//! The demo, as a visitor runs it.

use crate::world::{postern, told};

// Proves that the demo on a small copy finds every answer right and ends with 0.
#[test]
fn demo() {
    let (code, out, err) = told(&postern(["demo", "--once", "--records", "20000"]));
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(out.contains("Every answer was right."), "{out}");
}
