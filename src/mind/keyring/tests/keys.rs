//! Generation keys, wrapping, key files, passphrases.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use super::super::generation::KEY_BYTES;
use super::super::sealed::{Cost, seal_at};
use super::super::*;
use super::name;
use crate::keys::{hex, unhex};

const GENERATION: &str = "00112233445566ff";

fn counting() -> GenerationKey {
    GenerationKey::from_bytes(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

fn bytes<const N: usize>(digits: &str) -> [u8; N] {
    unhex(digits).unwrap().try_into().unwrap()
}

fn site(fill: u8) -> SiteKey {
    SiteKey::parse(&format!("x25519-private:{}\n", hex(&[fill; KEY_BYTES]))).unwrap()
}

// Proves the construction by vectors that were made with another implementation (docs/keys.md tells them).
#[test]
fn vectors() {
    let key = counting();
    assert_eq!(hex(&key.derive("table")), "395993598c803ffcb4aa16fd9e9fea11e1a1480403133acec8284b82c661440d");
    assert_eq!(hex(&key_check(&key, "documents", GENERATION)), "ce388ae804e8e043f5e08ea4cc03a790");
    let site = site(7);
    assert_eq!(site.public().id(), "0f6d2553ff0c0f44");
    let wrapped = Wrapped {
        recipient: site.public().id(),
        ephemeral: bytes("57db4b359f23ae5e146e4e2512056704722506348c150c14753d0c933d04d421"),
        sealed: bytes(
            "5fb78ed0cbddb529c49306ca245b1591ef7cc156340e4d133bb8012e9d1a7988d559b69ff944f07384a91808919b11a0",
        ),
    };
    let unwrapped = site.unwrap(&wrapped, &name("documents", GENERATION)).unwrap();
    assert_eq!(unwrapped.derive("table"), key.derive("table"));
}

// Proves that a wrapped key opens for its site, dataset and generation alone, and that no flipped bit opens.
#[test]
fn wrapping_is_bound() {
    let (site, key) = (SiteKey::generate().unwrap(), GenerationKey::random().unwrap());
    let documents = name("documents", GENERATION);
    let wrapped = wrap(&key, site.public(), &documents).unwrap();
    assert_eq!(site.unwrap(&wrapped, &documents).unwrap().derive("x"), key.derive("x"));
    let code = |site: &SiteKey, wrapped: &Wrapped, name: &GenerationName| {
        site.unwrap(wrapped, name).err().map(|error| error.code())
    };
    assert_eq!(code(&self::site(1), &wrapped, &documents), Some("key_not_for_this_site"));
    assert_eq!(code(&site, &wrapped, &name("vehicles", GENERATION)), Some("key_damaged"));
    assert_eq!(code(&site, &wrapped, &name("documents", "00112233445566fe")), Some("key_damaged"));
    let renamed = Wrapped { recipient: self::site(1).public().id(), ..wrapped.clone() };
    assert_eq!(code(&self::site(1), &renamed, &documents), Some("key_damaged"));
    for bit in 0..8 * (KEY_BYTES + 16) {
        let mut changed = wrapped.clone();
        changed.sealed[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(code(&site, &changed, &documents), Some("key_damaged"), "bit {bit} of the sealed key");
    }
    for bit in 0..8 * KEY_BYTES {
        let mut changed = wrapped.clone();
        changed.ephemeral[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(code(&site, &changed, &documents), Some("key_damaged"), "bit {bit} of the ephemeral key");
    }
    assert_ne!(wrap(&key, site.public(), &documents).unwrap(), wrapped, "each wrapping is new");
    let low_order = SitePublic::from_bytes([0; KEY_BYTES]);
    assert_eq!(wrap(&key, &low_order, &documents).err().map(|error| error.code()), Some("recipient_invalid"));
}

// Proves that keys of other labels, and checks of other keys, datasets and generations, differ.
#[test]
fn keys_are_separate() {
    let (one, other) = (counting(), GenerationKey::from_bytes([1; KEY_BYTES]));
    assert_ne!(one.derive("a"), one.derive("b"));
    assert_ne!(one.derive("a"), other.derive("a"));
    let check = key_check(&one, "documents", GENERATION);
    assert_ne!(check, key_check(&other, "documents", GENERATION));
    assert_ne!(check, key_check(&one, "vehicles", GENERATION));
    assert_ne!(check, key_check(&one, "documents", "00112233445566fe"));
    assert_ne!(GenerationKey::random().unwrap().derive("a"), GenerationKey::random().unwrap().derive("a"));
}

// Proves that no key can be printed by mistake.
#[test]
fn keys_are_masked() {
    let (site, vault) = (site(0xab), Vault::holding(site(0xab)));
    let key = GenerationKey::from_bytes([0xab; KEY_BYTES]);
    let told = format!("{site:?} {key:?} {vault:?} {key:#?}");
    assert!(!told.contains("abab") && !told.contains("171"), "{told}");
    assert!(told.contains(&site.public().id()), "{told}");
}

// Proves that names which could lead out of the folder or mean two things are none.
#[test]
fn names() {
    for (dataset, generation) in [
        ("", GENERATION),
        ("../documents", GENERATION),
        ("a.b", GENERATION),
        ("documents", "00112233445566FF"),
        ("documents", "00112233445566f"),
        ("documents", "../../../../../x"),
        (&"d".repeat(65), GENERATION),
    ] {
        let refused = GenerationName::new(dataset, generation).err().map(|error| error.code());
        assert_eq!(refused, Some("key_name_invalid"), "{dataset} {generation}");
    }
}

// Proves that a key file gives its key to each site that was added and to none that was removed, that it is its owner's
// alone, that nothing else is left in its folder, and that a destroyed one is gone.
#[test]
fn key_files() {
    let copy = tempfile::tempdir().unwrap();
    let (documents, key) = (name("documents", GENERATION), GenerationKey::random().unwrap());
    let sites: Vec<SiteKey> = (1..=3).map(site).collect();
    let mut file = KeyFile::new(&documents);
    for site in &sites {
        file.add(&key, site.public()).unwrap();
        file.add(&key, site.public()).unwrap();
    }
    assert_eq!(file.recipients().count(), 3, "added twice is there once");
    assert!(file.remove(&sites[1].public().id()) && !file.remove(&sites[1].public().id()));
    file.write(copy.path()).unwrap();
    file.write(copy.path()).unwrap();
    let path = KeyFile::path(copy.path(), &documents);
    assert_eq!(path, copy.path().join(format!("keys/documents.{GENERATION}.json")));
    let mode = |path: &std::path::Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
    let again = KeyFile::read(copy.path(), &documents).unwrap();
    assert_eq!(again, file);
    for site in [&sites[0], &sites[2]] {
        assert_eq!(again.unwrap(site).unwrap().derive("x"), key.derive("x"));
    }
    assert_eq!(again.unwrap(&sites[1]).err().map(|error| error.code()), Some("key_not_for_this_site"));
    assert!(KeyFile::destroy(copy.path(), &documents).unwrap());
    assert!(!path.exists());
    assert!(!KeyFile::destroy(copy.path(), &documents).unwrap());
    let gone = KeyFile::read(copy.path(), &documents).err().map(|error| error.code());
    assert_eq!(gone, Some("key_file_unreadable"));
}

// Proves that a file of another name, with anything more in it, cut, or endless is refused by name.
#[test]
fn malformed_key_files() {
    let copy = tempfile::tempdir().unwrap();
    let documents = name("documents", GENERATION);
    let mut file = KeyFile::new(&documents);
    file.add(&counting(), site(1).public()).unwrap();
    file.write(copy.path()).unwrap();
    let path = KeyFile::path(copy.path(), &documents);
    let text = fs::read_to_string(&path).unwrap();
    let refused = |text: &str| {
        fs::write(&path, text).unwrap();
        KeyFile::read(copy.path(), &documents).err().map(|error| error.code())
    };
    assert_eq!(refused(&text), None);
    let malformed = Some("key_file_malformed");
    assert_eq!(refused(&text.replace("documents", "vehicles")), malformed);
    assert_eq!(refused(&text.replace("66ff", "66fe")), malformed);
    assert_eq!(refused(&text.replacen('{', "{\"more\": 1,", 1)), malformed);
    assert_eq!(refused(&text[..text.len() / 2]), malformed);
    assert_eq!(refused(""), malformed);
    assert_eq!(refused(&format!("{text}{}", " ".repeat(2 << 20))), malformed);
}

// Proves that a site's key survives its file, that the file is its owner's alone and never overwritten, and that the keys
// of other kinds are none of a site.
#[test]
fn site_key_files() {
    let folder = tempfile::tempdir().unwrap();
    let (private, public) = (folder.path().join("site.key"), folder.path().join("site.pub"));
    let key = SiteKey::generate().unwrap();
    key.write(&private).unwrap();
    key.public().write(&public).unwrap();
    assert!(key.write(&private).is_err());
    assert_eq!(fs::metadata(&private).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(SiteKey::read(&private).unwrap().public(), key.public());
    assert_eq!(&SitePublic::read(&public).unwrap(), key.public());
    assert!(SiteKey::read(&public).is_err() && SitePublic::read(&private).is_err());
    let signing = folder.path().join("signing.key");
    crate::keys::PrivateKey::generate().unwrap().write(&signing).unwrap();
    assert!(SiteKey::read(&signing).is_err());
    fs::write(&signing, "x".repeat(1 << 20)).unwrap();
    assert!(SiteKey::read(&signing).is_err());
}

// Proves that a key under a passphrase opens with that one alone, that a changed line opens nothing, and that a line which
// would cost too much is not even tried.
#[test]
fn passphrases() {
    let (key, words) = (SiteKey::generate().unwrap(), "correct horse battery");
    let line = seal_at(Cost { memory_kib: 64, passes: 1 }, &key, words).unwrap();
    assert!(is_sealed(&line) && !line.contains(key.line().unwrap().trim().split(':').nth(1).unwrap()));
    assert_eq!(unseal(&line, words).unwrap().public(), key.public());
    let code = |line: &str, words: &str| unseal(line, words).err().map(|error| error.code());
    assert_eq!(code(&line, "correct horse batterY"), Some("passphrase_wrong"));
    assert_eq!(code(&line.replace(":64:", ":65:"), words), Some("passphrase_wrong"));
    let mut digits: Vec<char> = line.trim().chars().collect();
    let last = digits.len() - 1;
    digits[last] = if digits[last] == '0' { '1' } else { '0' };
    assert_eq!(code(&digits.into_iter().collect::<String>(), words), Some("passphrase_wrong"));
    for odd in
        [line.replace(":64:", ":4000000000:"), line.replace(":1:", ":17:"), format!("{}:00", line.trim())]
    {
        assert_eq!(code(&odd, words), Some("key_damaged"), "{odd}");
    }
    assert_eq!(code("x25519-sealed:64:1::", words), Some("passphrase_wrong"));
    assert_eq!(seal(&key, "too short").err().map(|error| error.code()), Some("passphrase_wrong"));
}
