//! The test vectors of `docs/copy-format.md`: what stands there is what the code makes, byte by byte.

use std::fmt::Write as _;
use std::path::Path;

use super::super::delta::Delta;
use super::super::disk::{Disk as _, RealDisk};
use super::super::entry::Entry;
use super::super::keyring::{GenerationKey, key_check};
use super::super::pages::{self, Kind as File, PAGE, Stretch};
use super::super::record::{Packer, SharedCodes, database_number};
use super::super::rows::Rows;
use super::super::seal::{Seal, blocks};
use super::super::state::StateWriter;
use super::*;
use crate::keys::hex;

const DOCUMENT: &str = include_str!("../../../docs/copy-format.md");
const GENERATION: &str = "00112233445566ff";
/// The rows of the small state: a short number with an id in hexadecimal, one of another database with an id that is
/// not, and a number that takes three blocks.
const ROWS: [&str; 3] = [
    "sltd,L898902C3,UTO,PAS,STL,2019-XX-XX,FRA,,2031-05-02,0a1b2c",
    "tdawn,A1234567,UTO,PAS,,XX74-08-12,,red,,id-2",
    "sltd,AAAABBBBCCCCDDDDEEEE,D,,LST,,,,,ffffffffffffffff",
];

fn generation_key() -> GenerationKey {
    GenerationKey::from_bytes(std::array::from_fn(|i| i as u8))
}

/// Words of hexadecimal digits under one another, with what they are in front.
fn put(block: &mut String, name: &str, bytes: &[u8]) {
    let digits = hex(bytes);
    for (line, name) in digits.as_bytes().chunks(64).zip([name].into_iter().chain(std::iter::repeat(""))) {
        writeln!(block, "    {name:<18}{}", String::from_utf8_lossy(line)).unwrap();
    }
}

fn keys() -> String {
    let key = generation_key();
    let mut block = String::new();
    for label in ["copy locator", "copy secret", "copy tag", "copy pad", "copy mark", "copy id pad"] {
        put(&mut block, label, &key.derive(label)[..16]);
    }
    put(&mut block, "key check", &key_check(&key, "documents", GENERATION));
    block
}

/// What a row becomes, and the words of the document for it.
fn row(text: &str, codes: &SharedCodes) -> (Entry, String) {
    let seal = Seal::new(&generation_key());
    let text = format!("{}\n{text}\n", COLUMNS.join(","));
    let mut rows = Rows::new(text.as_bytes(), Layout { dataset: Dataset::Documents, changes: false });
    let row = rows.next().unwrap().unwrap().unwrap();
    let packed = Packer::new(codes).pack(&row.record).unwrap();
    let secret = seal.secret(&row.identifier);
    let database = database_number(row.record.database).unwrap();
    let entry = Entry {
        locator: seal.locator(&row.identifier),
        sealed: seal.seal(&secret, packed),
        id: seal.seal_id(&secret, database, row.id),
    };
    let mut block = String::new();
    put(&mut block, "input", &blocks(&row.identifier));
    put(&mut block, "locator", &entry.locator.to_be_bytes()[2..]);
    put(&mut block, "secret", &secret.bytes());
    put(&mut block, "record", &packed.bytes());
    put(&mut block, "tag", &entry.sealed.tag.to_le_bytes());
    put(&mut block, "sealed record", &entry.sealed.body.bytes());
    put(&mut block, "mark", &entry.id.mark.to_le_bytes());
    put(&mut block, "sealed id", &[&[entry.id.length()], entry.id.body()].concat());
    let mut bytes = Vec::new();
    entry.write(&mut bytes);
    put(&mut block, "entry", &bytes);
    (entry, block)
}

fn rows() -> (Vec<Entry>, Vec<String>) {
    let codes = SharedCodes::default();
    ROWS.iter().map(|text| row(text, &codes)).unzip()
}

fn state(folder: &Path, mut entries: Vec<Entry>) -> String {
    entries.sort_by_key(Entry::key);
    let mut writer = StateWriter::create(&RealDisk, folder, entries.len() as u64).unwrap();
    entries.iter().for_each(|entry| writer.push(entry).unwrap());
    let written = writer.finish(&RealDisk, folder).unwrap();
    let table = std::fs::read(folder.join("table.bin")).unwrap();
    let ids = std::fs::read(folder.join("ids.bin")).unwrap();
    let mut block = String::new();
    put(&mut block, "page 0", &table[..40]);
    put(&mut block, "bucket 0", &table[PAGE..PAGE + 64]);
    put(&mut block, "bucket 1", &table[PAGE + 64..PAGE + 128]);
    put(&mut block, "slots", &table[2 * PAGE..2 * PAGE + 63]);
    put(&mut block, "root of the table", &written.table.root);
    put(&mut block, "index of the ids", &ids[..8]);
    put(&mut block, "ids", &ids[PAGE..PAGE + 42]);
    put(&mut block, "root of the ids", &written.ids.root);
    put(&mut block, "digest", &written.digest);
    block
}

fn delta(folder: &Path, entries: &[Entry]) -> String {
    let delta = Delta { removed: vec![entries[0].key()], added: vec![entries[1]] };
    let state = delta.write(&RealDisk, folder, 7).unwrap();
    let mut block = String::new();
    put(&mut block, "delta", &std::fs::read(folder.join("delta.bin")).unwrap());
    put(&mut block, "sha256", &state.sha256);
    block
}

/// The root over 129 pages of a table, each full of zeros: two levels.
fn tree(folder: &Path) -> String {
    let file = RealDisk.create(&File::Table.path(folder)).unwrap();
    let mut stretch = Stretch::new(File::Table, file.clone(), 0);
    stretch.put(&vec![0; 129 * PAGE]).unwrap();
    let stretches = [stretch.finish().unwrap()];
    let state = pages::finish(&RealDisk, folder, File::Table, &*file, &stretches).unwrap();
    let tree = std::fs::read(File::Table.tree_path(folder)).unwrap();
    let mut block = String::new();
    put(&mut block, "leaf 0", &tree[..32]);
    put(&mut block, "leaf 128", &tree[128 * 32..129 * 32]);
    put(&mut block, "node 0", &tree[2 * PAGE..2 * PAGE + 32]);
    put(&mut block, "node 1", &tree[2 * PAGE + 32..2 * PAGE + 64]);
    put(&mut block, "root", &state.root);
    block
}

// Proves that each test vector of the document is what the code makes of its input.
#[test]
fn the_document_tells_the_truth() {
    let folders: [_; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
    let (entries, mut blocks) = rows();
    blocks.push(keys());
    blocks.push(state(folders[0].path(), entries.clone()));
    blocks.push(delta(folders[1].path(), &entries));
    blocks.push(tree(folders[2].path()));
    let missing: Vec<&String> = blocks.iter().filter(|block| !DOCUMENT.contains(block.as_str())).collect();
    assert!(
        missing.is_empty(),
        "not in the document:\n{}",
        missing.iter().map(|b| b.as_str()).collect::<Vec<_>>().join("\n")
    );
    assert!(ROWS.iter().all(|row| DOCUMENT.contains(row)));
}
