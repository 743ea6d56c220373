//! A copy that the binary built, read by a program that knows the documents alone and shares no line with it.

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use jiff::SignedDuration;
use postern::clock::Clock;
use postern::mind::COLUMNS;

use crate::world::{postern, told};

/// Rows with numbers and ids of every length, dates of every form, and two numbers of so many records that their buckets
/// overflow and can't say how many slots they have.
fn feed() -> String {
    let mut text = format!("{}\n", COLUMNS.join(","));
    for n in 0..3_000_usize {
        let many = n % 4 == 0;
        let number =
            if many { format!("MANY{}", n / 1_500) } else { format!("{}{n:05}", "N".repeat(n % 21)) };
        let database = ["sltd", "tdawn", "sad"][n % 3];
        let issuer = ["", "D", "UTO", "FRA"][n % 4];
        let theft = ["", "2019-XX-XX", "XX74-08-12", "XXXX-XX-XX", "1912-01-01", "2024-02-29"][n % 6];
        let retention = ["", "1970-01-01", "2149-06-05"][n % 3];
        let width = 4 + n % 61;
        let id = if n % 2 == 0 { format!("{n:0>width$x}") } else { format!("{n:!>width$}") };
        writeln!(text, "{database},{number},{issuer},PAS,STL_{},{theft},UTO,,{retention},{id}", n % 7)
            .unwrap();
    }
    text
}

fn run(folder: &Path, command: &str) {
    let path = |word: &str| word.strip_prefix('@').map(|name| folder.join(name).display().to_string());
    let words = command.split_whitespace().map(|word| path(word).unwrap_or_else(|| word.to_owned()));
    let output = postern(words);
    assert!(output.status.success(), "{command}: {:?}", told(&output));
}

/// A python that has these packages: the one of the path, or the system's, which has the distribution's packages. Without one the
/// test is skipped, unless `POSTERN_REQUIRE` says that nothing may be.
pub(crate) fn python(packages: &str) -> Option<String> {
    let has = |python: &&str| {
        let tried = Command::new(python).args(["-c", &format!("import {packages}")]).output();
        tried.is_ok_and(|output| output.status.success())
    };
    let found = ["python3", "/usr/bin/python3"].into_iter().find(has);
    if found.is_none() {
        assert!(std::env::var_os("POSTERN_REQUIRE").is_none(), "there is no python3 with {packages}");
        #[allow(clippy::print_stderr)]
        {
            eprintln!("skipped: there is no python3 with {packages}");
        }
    }
    found.map(str::to_owned)
}

// Proves that the documents of the format tell enough, and nothing that is not so: whoever follows them alone verifies
// signature, trees and digest of a copy, and finds each record with its id and no other.
#[test]
fn a_stranger_reads_the_copy() {
    let Some(python) = python("cryptography") else { return };
    let temporary = tempfile::tempdir().unwrap();
    let folder = temporary.path();
    std::fs::write(folder.join("feed.csv"), feed()).unwrap();
    let as_of = Clock::system().now() - SignedDuration::from_hours(1);
    run(folder, "mind keygen --private @hub.key --public @hub.pub");
    run(folder, "mind keygen --private @root.key --public @root.pub");
    run(folder, "mind keygen --site --private @site.key --public @site.pub");
    run(
        folder,
        "mind root new --out @root.000001.json --environment training --root-key @root.pub --root-threshold 1 \
         --copy-key @hub.pub --copy-threshold 1",
    );
    run(folder, "mind root sign @root.000001.json --key @root.key");
    let databases = "--database sltd --database tdawn --database sad=partial";
    let keys = "--key @hub.key --to @site.pub";
    run(
        folder,
        &format!(
            "mind build --csv @feed.csv --out @copy {keys} {databases} --environment training --as-of {as_of}"
        ),
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/independent/read_copy.py");
    let output = Command::new(python)
        .arg(script)
        .args(["copy", "documents/000000000001", "root.000001.json", "site.key", "feed.csv"])
        .current_dir(folder)
        .output()
        .unwrap();
    let (code, out, err) = told(&output);
    assert_eq!((code, err.as_str()), (Some(0), ""), "{out}");
    assert!(out.starts_with("3000 rows found"), "{out}");
}
