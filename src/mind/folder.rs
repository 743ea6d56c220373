//! Where things are in the folder of a copy.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dataset::Dataset;
use super::disk::{Disk, RealDisk};
use super::state_manifest::has_base;

/// The name of a version's folder.
pub(super) fn version_name(version: u64) -> String {
    format!("{version:012}")
}

/// The folder of a dataset.
pub(super) fn dataset_folder(folder: &Path, dataset: &str) -> PathBuf {
    folder.join(dataset)
}

/// The folder of a version of a dataset.
pub(super) fn version_folder(folder: &Path, dataset: &str, version: u64) -> PathBuf {
    dataset_folder(folder, dataset).join(version_name(version))
}

/// The versions that are in a dataset's folder, the newest first.
pub fn versions(folder: &Path, dataset: &str) -> Vec<u64> {
    let entries = fs::read_dir(dataset_folder(folder, dataset)).into_iter().flatten();
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let version = |name: String| name.parse().ok().filter(|version| version_name(*version) == name);
    let mut versions: Vec<u64> = names.filter_map(version).collect();
    versions.sort_unstable_by(|a, b| b.cmp(a));
    versions
}

/// Removes the states that are older than the base before this one, which is kept in case this one turns out to be damaged.
/// What can't be removed now is removed the next time.
pub(super) fn prune(folder: &Path, dataset: Dataset, base: u64) {
    let state = |version: &u64| version_folder(folder, dataset.name(), *version);
    let all = versions(folder, dataset.name());
    let mut before = all.iter().filter(|version| **version < base);
    let Some(kept) = before.find(|version| has_base(dataset, &state(version))) else { return };
    for version in all.iter().filter(|version| *version < kept) {
        if let Err(error) = RealDisk.remove_folder(&state(version)) {
            tracing::warn!(version, %error, "An old state of the copy can't be removed.");
        }
    }
}

/// A folder in which something is made, under a name that nobody reads, until it is ready.
pub(super) struct Workshop<'a> {
    disk: &'a dyn Disk,
    path: PathBuf,
    parent: PathBuf,
}

impl<'a> Workshop<'a> {
    /// Makes the folder, in place of one that a crash left behind.
    pub(super) fn create(disk: &'a dyn Disk, parent: &Path, name: &str) -> io::Result<Self> {
        disk.create_folder(parent)?;
        Self::sweep(disk, parent, name)?;
        let path = Self::place(parent, name);
        disk.create_folder(&path)?;
        Ok(Self { disk, path, parent: parent.to_owned() })
    }

    /// Removes what a crash left behind of one that was made under this name.
    pub(super) fn sweep(disk: &dyn Disk, parent: &Path, name: &str) -> io::Result<()> {
        let path = Self::place(parent, name);
        if path.exists() { disk.remove_folder(&path) } else { Ok(()) }
    }

    fn place(parent: &Path, name: &str) -> PathBuf {
        parent.join(format!(".building-{name}"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes all of it visible under its name, by one rename between two syncs of folders.
    pub(super) fn publish(self, name: &str) -> io::Result<()> {
        self.disk.sync_folder(&self.path)?;
        self.disk.rename(&self.path, &self.parent.join(name))?;
        self.disk.sync_folder(&self.parent)?;
        match self.parent.parent() {
            Some(above) if !above.as_os_str().is_empty() => self.disk.sync_folder(above),
            _ => Ok(()),
        }
    }

    /// Moves files into the folder of a version that is visible already; the last of them counts.
    pub(super) fn move_into(self, folder: &Path, files: &[&str]) -> io::Result<()> {
        self.disk.sync_folder(&self.path)?;
        for file in files {
            self.disk.rename(&self.path.join(file), &folder.join(file))?;
            self.disk.sync_folder(folder)?;
        }
        Ok(())
    }
}

/// What was not made visible is removed. After a crash, the next workshop of the name does it.
impl Drop for Workshop<'_> {
    fn drop(&mut self) {
        if self.path.exists() {
            let _ = self.disk.remove_folder(&self.path);
        }
    }
}
