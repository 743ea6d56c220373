//! Crashes: a disk that stops at any operation and loses what was not synced leaves the old state or the new one.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use super::super::build::build_on;
use super::super::disk::{Disk, DiskFile, RealDisk};
use super::super::install::install_on;
use super::super::persons::build_persons_on;
use super::super::publish::build_changes_on;
use super::*;

/// A disk that stops after so many operations. Then, what was written but not synced may be lost or torn, and names that
/// were given but not synced may be taken back.
#[derive(Clone)]
struct Failing(Arc<Mutex<Platter>>);

struct Platter {
    left: usize,
    random: u64,
    /// What of a file was written since its last sync: offset and length.
    unsynced: BTreeMap<PathBuf, Vec<(u64, usize)>>,
    /// Names that were given since their folder's last sync: from, to.
    renamed: Vec<(PathBuf, PathBuf)>,
}

impl Failing {
    fn after(operations: usize, seed: u64) -> Self {
        let platter =
            Platter { left: operations, random: seed, unsynced: BTreeMap::new(), renamed: Vec::new() };
        Self(Arc::new(Mutex::new(platter)))
    }

    fn step<T>(&self, act: impl FnOnce(&mut Platter) -> io::Result<T>) -> io::Result<T> {
        let mut platter = self.0.lock().unwrap();
        if platter.left == 0 {
            return Err(io::Error::other("the power is gone"));
        }
        platter.left -= 1;
        act(&mut platter)
    }

    fn left(&self) -> usize {
        self.0.lock().unwrap().left
    }

    /// Does to the files what a power cut may do.
    fn lose_power(&self) {
        let mut platter = self.0.lock().unwrap();
        for (path, extents) in std::mem::take(&mut platter.unsynced) {
            let Ok(mut bytes) = fs::read(&path) else { continue };
            for (offset, length) in extents {
                if platter.chance() {
                    let from = (offset as usize + platter.next() as usize % length.max(1)).min(bytes.len());
                    let to = (offset as usize + length).min(bytes.len());
                    bytes[from..to].fill(0);
                }
            }
            let cut =
                if platter.chance() { platter.next() as usize % (bytes.len() + 1) } else { bytes.len() };
            fs::write(&path, &bytes[..cut]).unwrap();
        }
        for (from, to) in std::mem::take(&mut platter.renamed).into_iter().rev() {
            if platter.chance() && to.exists() && !from.exists() {
                fs::rename(to, from).unwrap();
            }
        }
    }
}

impl Platter {
    fn next(&mut self) -> u64 {
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.random >> 33
    }

    fn chance(&mut self) -> bool {
        self.next().is_multiple_of(2)
    }

    /// After a rename of a folder, what was written below it is found under the new name.
    fn moved(&mut self, from: &Path, to: &Path) {
        let unsynced = std::mem::take(&mut self.unsynced);
        let new = |path: PathBuf| path.strip_prefix(from).map(|rest| to.join(rest)).unwrap_or(path.clone());
        self.unsynced = unsynced.into_iter().map(|(path, extents)| (new(path), extents)).collect();
    }
}

impl Disk for Failing {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|_| RealDisk.create_folder(path))
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        self.step(|platter| {
            platter.unsynced.insert(path.to_owned(), Vec::new());
            let file = RealDisk.create(path)?;
            Ok(Arc::new(FailingFile { file, path: path.to_owned(), disk: self.clone() }) as Arc<dyn DiskFile>)
        })
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.step(|platter| {
            RealDisk.rename(from, to)?;
            platter.moved(from, to);
            platter.renamed.push((from.to_owned(), to.to_owned()));
            Ok(())
        })
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.step(|_| RealDisk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|_| RealDisk.remove_folder(path))
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        self.step(|platter| {
            platter.renamed.retain(|(_, to)| to.parent() != Some(path));
            RealDisk.sync_folder(path)
        })
    }
}

struct FailingFile {
    file: Arc<dyn DiskFile>,
    path: PathBuf,
    disk: Failing,
}

impl DiskFile for FailingFile {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.disk.step(|platter| {
            platter.unsynced.entry(self.path.clone()).or_default().push((offset, bytes.len()));
            self.file.write_at(bytes, offset)
        })
    }

    fn sync(&self) -> io::Result<()> {
        self.disk.step(|platter| {
            platter.unsynced.remove(&self.path);
            self.file.sync()
        })
    }
}

const UPSERT: &str = "upsert,sltd,L898902C4,UTO,PAS,,,,,,id-9";

/// Crashes `act` at each of its operations, with several seeds, each time on a new site; `check` looks at what is left.
fn crash_everywhere(
    act: impl Fn(&Site, &dyn Disk) -> bool,
    prepare: impl Fn(&Site),
    check: impl Fn(&Site, bool),
) {
    let seeds = if std::env::var_os("POSTERN_LONG").is_some() { 40 } else { 3 };
    for seed in 0..seeds {
        for operations in 0.. {
            let site = Site::new();
            prepare(&site);
            let disk = Failing::after(operations, seed * 1_000 + operations as u64);
            let done = act(&site, &disk);
            disk.lose_power();
            check(&site, done);
            if done && disk.left() > 0 {
                break;
            }
        }
    }
}

/// The newest state that opens, checked in full; none if there is none.
fn newest(site: &Site) -> Option<Copy> {
    let copy = versions(&site.folder, "documents").into_iter().find_map(|version| site.open(version).ok())?;
    copy.verify(|_, _| {}).unwrap();
    copy.self_test().unwrap();
    Some(copy)
}

// Proves that a crash at any operation of a build leaves no state, or the whole one; and that it can be built again.
#[test]
fn build_survives_crashes() {
    let text = csv(&[ROW, TDAWN]);
    crash_everywhere(
        |site, disk| site.options(1, |options| build_on(disk, text.as_bytes(), &options, |_| {}).is_ok()),
        |_| {},
        |site, done| {
            let opened = newest(site);
            assert!(opened.is_some() || !done);
            if opened.is_none() && !site.path(1).exists() {
                site.build(1, &text).unwrap();
                assert_eq!(ids(&newest(site).unwrap(), "L898902C3"), ["id-1"]);
            }
        },
    );
}

// Proves the same of persons.
#[test]
fn persons_survive_crashes() {
    let persons = persons::listed();
    crash_everywhere(
        |site, disk| site.notices(1, |options| build_persons_on(disk, &persons, &options).is_ok()),
        |_| {},
        |site, done| {
            let opened = site.open_persons(1);
            assert!(opened.is_ok() || !done);
            match opened {
                Ok(copy) => copy.self_test().unwrap(),
                Err(_) if site.persons_path(1).exists() => {}
                Err(_) => drop(site.notices(1, |options| build_persons(&persons, &options)).unwrap()),
            }
        },
    );
}

// Proves the same of a build of changes: the old state or the new one is found.
#[test]
fn change_survives_crashes() {
    let text = changes_csv(&[UPSERT.to_owned()]);
    crash_everywhere(
        |site, disk| {
            let before = site.open(1).unwrap();
            site.options(2, |options| {
                build_changes_on(disk, text.as_bytes(), &before, &options, |_| {}).is_ok()
            })
        },
        |site| drop(site.build(1, &csv(&[ROW, TDAWN])).unwrap()),
        |site, done| {
            let copy = newest(site).unwrap();
            assert!(copy.manifest().version == 2 || !done);
            let expected: &[&str] = if copy.manifest().version == 2 { &["id-9"] } else { &[] };
            assert_eq!(ids(&copy, "L898902C4"), expected);
        },
    );
}

// Proves the same of a fold: the state is found on its old base or on its new one, and can be folded again.
#[test]
fn fold_survives_crashes() {
    crash_everywhere(
        |site, disk| {
            let copy = site.open(2).unwrap();
            copy.fold_on(disk, &site.folder, FoldOptions::default(), |_, _| {}).is_ok()
        },
        |site| {
            site.build(1, &csv(&[ROW, TDAWN])).unwrap();
            site.change(2, &changes_csv(&[UPSERT.to_owned()])).unwrap();
            site.strip(2);
        },
        |site, done| {
            let copy = newest(site).unwrap();
            assert_eq!(copy.manifest().version, 2);
            assert!(copy.info().base == 2 || !done);
            assert_eq!(ids(&copy, "L898902C4"), ["id-9"]);
            copy.fold(&site.folder, FoldOptions::default(), |_, _| {}).unwrap();
            assert_eq!(newest(site).unwrap().info().base, 2);
        },
    );
}

/// Copies a version, so that it can be taken in from there.
fn carry(site: &Site, version: u64) {
    let target = carried(site, version);
    fs::create_dir(&target).unwrap();
    for entry in fs::read_dir(site.path(version)).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), target.join(entry.file_name())).unwrap();
    }
}

fn carried(site: &Site, version: u64) -> PathBuf {
    site.temporary.path().join(format!("carried-{version}"))
}

/// Crashes while a version is taken in; `here` is what of both states is there before.
fn install_with_crashes(here: impl Fn(&Site), version: u64) {
    crash_everywhere(
        |site, disk| site.opening(|opening| install_on(disk, opening, &carried(site, version))).is_ok(),
        |site| {
            site.build(1, &csv(&[ROW, TDAWN])).unwrap();
            site.change(2, &changes_csv(&[UPSERT.to_owned()])).unwrap();
            [1, 2].iter().for_each(|version| carry(site, *version));
            here(site);
        },
        |site, done| {
            let before = newest(site).map(|copy| copy.manifest().version);
            assert!(before == Some(version) || !done, "{before:?}");
            site.opening(|opening| install(opening, &carried(site, version))).unwrap();
            let copy = newest(site).unwrap();
            assert_eq!(copy.manifest().version, version);
            assert_eq!(
                copy.info().base,
                if carried(site, version).join("table.bin").exists() { version } else { 1 }
            );
            let expected: &[&str] = if version == 2 { &["id-9"] } else { &[] };
            assert_eq!(ids(&copy, "L898902C4"), expected);
            assert!(site.listing().iter().all(|name| !name.starts_with('.')), "{:?}", site.listing());
        },
    );
}

// Proves that a crash while a base is taken in leaves nothing or the whole state, and that it can be taken in again.
#[test]
fn base_is_taken_in_despite_crashes() {
    install_with_crashes(|site| fs::remove_dir_all(&site.folder).unwrap(), 1);
}

// Proves the same of a delta: the old state or the new one is served.
#[test]
fn delta_is_taken_in_despite_crashes() {
    let only_delta = |site: &Site| {
        fs::remove_dir_all(site.path(2)).unwrap();
        for name in ["table.bin", "table.tree", "ids.bin", "ids.tree"] {
            fs::remove_file(carried(site, 2).join(name)).unwrap();
        }
    };
    install_with_crashes(only_delta, 2);
}

// Proves the same of a base that is added to a state whose delta is here: it is found by one or the other.
#[test]
fn base_is_added_despite_crashes() {
    install_with_crashes(|site| site.strip(2), 2);
}
