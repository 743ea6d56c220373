//! The file that remembers.

use std::fs;

use super::*;

// Proves that what was accepted survives its file, that none is none, and that a crash's leftovers are no harm.
#[test]
fn survives_its_file() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(Highest::read(folder.path()).unwrap(), None);
    let mut site = Site::new();
    site.highest.write(folder.path()).unwrap();
    fs::write(folder.path().join(".highest-x"), "{").unwrap();
    assert_eq!(Highest::read(folder.path()).unwrap(), Some(site.highest.clone()));
    site.highest.accept(&claims(11));
    site.highest.write(folder.path()).unwrap();
    let read = Highest::read(folder.path()).unwrap().unwrap();
    assert_eq!((read.root(), read.of("documents").map(|accepted| accepted.version)), (1, Some(11)));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

// Proves that a file with any bit flipped, or cut anywhere, is refused or says the same: it never forgets.
#[test]
fn damage_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(HIGHEST);
    let site = Site::new();
    site.highest.write(folder.path()).unwrap();
    let good = fs::read(&path).unwrap();
    let check = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        match Highest::read(folder.path()) {
            Ok(read) => assert_eq!(read.as_ref(), Some(&site.highest)),
            Err(refusal) => assert!(["highest_damaged", "format_unknown"].contains(&refusal.code())),
        }
    };
    for bit in 0..good.len() * 8 {
        let mut flipped = good.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        check(&flipped);
    }
    for end in 0..good.len() {
        check(&good[..end]);
    }
    let lowered = String::from_utf8(good).unwrap().replace("\"version\": 10", "\"version\": 1");
    fs::write(&path, lowered).unwrap();
    refused(Highest::read(folder.path()), "highest_damaged");
    fs::write(&path, vec![b' '; 2 << 20]).unwrap();
    refused(Highest::read(folder.path()), "highest_damaged");
}

// Proves that the old file stays when the new one can't be written.
#[test]
fn a_failed_write_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let site = Site::new();
    assert!(site.highest.write(&folder.path().join("nowhere")).is_err());
    site.highest.write(folder.path()).unwrap();
    let kept = fs::read(folder.path().join(HIGHEST)).unwrap();
    fs::remove_file(folder.path().join(HIGHEST)).unwrap();
    fs::create_dir(folder.path().join(HIGHEST)).unwrap();
    assert!(site.highest.write(folder.path()).is_err());
    refused(Highest::read(folder.path()), "highest_damaged");
    fs::remove_dir(folder.path().join(HIGHEST)).unwrap();
    fs::write(folder.path().join(HIGHEST), kept).unwrap();
    assert_eq!(Highest::read(folder.path()).unwrap(), Some(site.highest));
}

// Proves that accepting never goes back, whatever it is told.
#[test]
fn accepting_never_goes_back() {
    let mut site = Site::new();
    site.highest.accept(&claims(5));
    site.highest.accept(&Claims { created: after(-9), generation: "x".into(), ..claims(10) });
    assert_eq!(site.highest.of("documents").unwrap().generation, claims(10).generation);
    site.highest.accept(&Claims { data_as_of: after(-9), ..claims(11) });
    let accepted = site.highest.of("documents").unwrap();
    assert_eq!((accepted.version, accepted.data_as_of), (11, after(-1)));
}

// Proves that a file of the other environment follows no chain of this one.
#[test]
fn wrong_environment() {
    let (boss, copy) = (key(), key());
    let make = |environment| {
        let made = Root::new(1, environment, after(1), &role(1, &[&boss]), &role(1, &[&copy])).unwrap();
        begin(&made, &[&boss]).unwrap()
    };
    let mut highest = Highest::new(&make(Environment::Training));
    refused(highest.follow(&make(Environment::Production)), "wrong_environment");
}

// Proves that a root which was accepted and is now missing or damaged is a rollback, not a return to the one before.
#[test]
fn a_lost_root_is_a_rollback() {
    let mut site = Site::new();
    let (pinned, same) = (site.chain.clone(), PrivateKey::generate().unwrap());
    site.rotate(1, &[&same]);
    refused(site.highest.follow(&pinned), "root_rollback");
    assert_eq!(site.highest.root(), 2);
}
