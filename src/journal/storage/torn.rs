//! A disk in memory that fails on command: a test aid, public because other rooms' tests stand on it too.
//!
//! It keeps what is durable apart from what was merely written. At a chosen operation it "loses power": of
//! the writes since each file's last sync any subset survives, each whole, not at all, up to any byte, or
//! with any of its 512-byte sectors missing, and of the renames since the last directory sync a prefix. A
//! sync that fails behaves as ext4 does: the pages count as clean, part of them never reaches the disk, and
//! the next sync returns success.

mod platter;

use super::{Storage, StorageFile};
use platter::{Change, Dice, Inode};
use std::any::Any;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// The disk. Clones share it. Only operations that change something are counted: create, write, `sync_data`,
/// `set_len`, rename, remove, `sync_dir`.
#[derive(Clone, Default)]
pub struct TornStorage {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    disk: Mutex<Disk>,
    /// Signalled when held syncs may go on.
    released: Condvar,
    /// Signalled when a sync begins to wait.
    held: Condvar,
}

#[derive(Default)]
struct Disk {
    files: Vec<Inode>,
    /// Names as the running process sees them, and as they are on the platter.
    names: BTreeMap<String, usize>,
    durable_names: BTreeMap<String, usize>,
    unsynced_names: Vec<NameChange>,
    operations: u64,
    crash_at: Option<u64>,
    crashed: bool,
    faults: Vec<(u64, i32)>,
    failing_sync: Option<i32>,
    failing_growth: Option<i32>,
    hold_syncs: bool,
    held_syncs: usize,
    locked: bool,
    seed: u64,
}

#[derive(Clone)]
enum NameChange {
    Link(String, usize),
    Rename(String, String),
    Remove(String),
}

impl TornStorage {
    /// An empty disk without faults; `seed` decides what survives a crash or a failed sync.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let storage = Self::default();
        storage.disk().seed = seed;
        storage
    }

    fn disk(&self) -> MutexGuard<'_, Disk> {
        self.shared.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of changing operations so far.
    #[must_use]
    pub fn operations(&self) -> u64 {
        self.disk().operations
    }

    /// Loses power in the operation of this number (from 0): it and all later ones fail.
    pub fn crash_at(&self, operation: u64) {
        self.disk().crash_at = Some(operation);
    }

    /// Whether the power is gone.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.disk().crashed
    }

    /// Lets the operation of this number (from 0) fail with this errno (5 is EIO, 28 is ENOSPC), and only it.
    pub fn fail_at(&self, operation: u64, errno: i32) {
        self.disk().faults.push((operation, errno));
    }

    /// Lets every sync of data fail with this errno, or none.
    pub fn fail_syncs(&self, errno: Option<i32>) {
        self.disk().failing_sync = errno;
    }

    /// Lets every create and every write that lengthens a file fail with this errno, or none: a full disk.
    pub fn fail_growth(&self, errno: Option<i32>) {
        self.disk().failing_growth = errno;
    }

    /// Makes syncs of data wait until [`Self::release_syncs`].
    pub fn hold_syncs(&self) {
        self.disk().hold_syncs = true;
    }

    /// Lets held syncs go on.
    pub fn release_syncs(&self) {
        self.disk().hold_syncs = false;
        self.shared.released.notify_all();
    }

    /// Returns when a sync is being held.
    pub fn wait_for_held_sync(&self) {
        let mut disk = self.disk();
        while disk.held_syncs == 0 {
            disk = self.shared.held.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The disk after the power came back: what was durable, and of the rest what the seed lets survive. The
    /// old handle is dead.
    #[must_use]
    pub fn restart(&self) -> Self {
        let mut disk = self.disk();
        disk.crashed = true;
        let mut dice = Dice(disk.seed);
        let kept = dice.below(disk.unsynced_names.len() + 1);
        let mut names = disk.durable_names.clone();
        for change in &disk.unsynced_names[..kept] {
            apply_name(&mut names, change);
        }
        let files = disk.files.iter().map(|inode| Inode::settled(inode.survivor(&mut dice))).collect();
        let fresh = Self::new(dice.next());
        *fresh.disk() =
            Disk { files, durable_names: names.clone(), names, seed: dice.next(), ..Disk::default() };
        fresh
    }

    /// The bytes of a file as the process sees them.
    #[must_use]
    pub fn contents(&self, name: &str) -> Option<Vec<u8>> {
        let disk = self.disk();
        disk.names.get(name).map(|inode| disk.files[*inode].current.clone())
    }

    /// Puts bytes into a file, durably and behind the journal's back: rot, or an operator's mistake.
    pub fn overwrite(&self, name: &str, bytes: &[u8]) {
        let mut disk = self.disk();
        if let Some(inode) = disk.names.get(name).copied() {
            disk.files[inode] = Inode::settled(bytes.to_vec());
        }
    }

    /// A disk of its own with the same durable content, without faults.
    #[must_use]
    pub fn copy(&self) -> Self {
        let disk = self.disk();
        let fresh = Self::new(disk.seed);
        *fresh.disk() = Disk {
            files: disk.files.iter().map(|inode| Inode::settled(inode.current.clone())).collect(),
            names: disk.names.clone(),
            durable_names: disk.names.clone(),
            seed: disk.seed,
            ..Disk::default()
        };
        fresh
    }

    /// Counts one changing operation and says whether it is to fail.
    fn begin(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let mut disk = self.disk();
        let operation = disk.operations;
        disk.operations += 1;
        if disk.crash_at == Some(operation) {
            disk.crashed = true;
        }
        disk.alive()?;
        match disk.faults.iter().find(|(at, _)| *at == operation) {
            Some((_, errno)) => Err(io::Error::from_raw_os_error(*errno)),
            None => Ok(disk),
        }
    }

    fn handle(&self, inode: usize) -> Arc<dyn StorageFile> {
        Arc::new(TornFile { storage: self.clone(), inode })
    }

    fn name_change(&self, change: NameChange) -> io::Result<()> {
        let mut disk = self.begin()?;
        apply_name(&mut disk.names, &change);
        disk.unsynced_names.push(change);
        Ok(())
    }
}

fn apply_name(names: &mut BTreeMap<String, usize>, change: &NameChange) {
    match change {
        NameChange::Link(name, inode) => {
            names.insert(name.clone(), *inode);
        }
        NameChange::Rename(from, to) => {
            if let Some(inode) = names.remove(from) {
                names.insert(to.clone(), inode);
            }
        }
        NameChange::Remove(name) => {
            names.remove(name);
        }
    }
}

impl Disk {
    fn alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the power is gone")) } else { Ok(()) }
    }

    fn find(&self, name: &str) -> io::Result<usize> {
        self.alive()?;
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

/// Gives the lock back.
struct LockGuard(TornStorage);

impl Drop for LockGuard {
    fn drop(&mut self) {
        self.0.disk().locked = false;
    }
}

impl Storage for TornStorage {
    fn lock(&self) -> io::Result<Box<dyn Any + Send>> {
        let mut disk = self.disk();
        if disk.locked {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        disk.locked = true;
        Ok(Box::new(LockGuard(self.clone())))
    }

    fn list(&self) -> io::Result<Vec<String>> {
        let disk = self.disk();
        disk.alive()?;
        Ok(disk.names.keys().cloned().collect())
    }

    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let mut disk = self.begin()?;
        if let Some(errno) = disk.failing_growth {
            return Err(io::Error::from_raw_os_error(errno));
        }
        let inode = disk.files.len();
        disk.files.push(Inode::default());
        let link = NameChange::Link(name.to_owned(), inode);
        apply_name(&mut disk.names, &link);
        disk.unsynced_names.push(link);
        drop(disk);
        Ok(self.handle(inode))
    }

    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        let inode = self.disk().find(name)?;
        Ok(self.handle(inode))
    }

    fn open_writable(&self, name: &str) -> io::Result<Arc<dyn StorageFile>> {
        self.open(name)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk().find(from)?;
        self.name_change(NameChange::Rename(from.to_owned(), to.to_owned()))
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.disk().find(name)?;
        self.name_change(NameChange::Remove(name.to_owned()))
    }

    fn sync_dir(&self) -> io::Result<()> {
        let mut disk = self.begin()?;
        disk.durable_names = disk.names.clone();
        disk.unsynced_names.clear();
        Ok(())
    }
}

struct TornFile {
    storage: TornStorage,
    inode: usize,
}

impl StorageFile for TornFile {
    fn len(&self) -> io::Result<u64> {
        let disk = self.storage.disk();
        disk.alive()?;
        Ok(disk.files[self.inode].current.len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let disk = self.storage.disk();
        disk.alive()?;
        let rest = disk.files[self.inode].current.get(offset as usize..).unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let change = Change::Write { offset: offset as usize, bytes: bytes.to_vec() };
        let mut disk = match self.storage.begin() {
            Ok(disk) => disk,
            Err(error) => return self.interrupted(change, error),
        };
        let growing = disk.files[self.inode].current.len() < offset as usize + bytes.len();
        if let Some(errno) = disk.failing_growth.filter(|_| growing) {
            return Err(io::Error::from_raw_os_error(errno));
        }
        disk.files[self.inode].change(change);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.wait_while_held();
        let outcome = self.storage.begin().and_then(|disk| match disk.failing_sync {
            Some(errno) => Err(io::Error::from_raw_os_error(errno)),
            None => Ok(disk),
        });
        match outcome {
            Ok(mut disk) => disk.files[self.inode].synced(),
            Err(error) => return self.sync_failed(error),
        }
        Ok(())
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.storage.begin()?.files[self.inode].change(Change::SetLen(bytes as usize));
        Ok(())
    }
}

impl TornFile {
    /// The power went in the middle of a write: it is among the writes that may survive in part.
    fn interrupted(&self, change: Change, error: io::Error) -> io::Result<()> {
        let mut disk = self.storage.disk();
        if disk.crash_at.is_some_and(|at| at + 1 == disk.operations) {
            disk.files[self.inode].unsynced.push(change);
        }
        Err(error)
    }

    /// A sync failed on a living disk: the pages count as clean, and what did not reach the platter never will.
    fn sync_failed(&self, error: io::Error) -> io::Result<()> {
        let mut disk = self.storage.disk();
        if !disk.crashed {
            let mut dice = Dice(disk.seed ^ disk.operations);
            let inode = &mut disk.files[self.inode];
            inode.durable = inode.survivor(&mut dice);
            inode.unsynced.clear();
        }
        Err(error)
    }

    fn wait_while_held(&self) {
        let mut disk = self.storage.disk();
        disk.held_syncs += usize::from(disk.hold_syncs);
        let counted = disk.hold_syncs;
        self.storage.shared.held.notify_all();
        while disk.hold_syncs && !disk.crashed {
            disk = self.storage.shared.released.wait(disk).unwrap_or_else(PoisonError::into_inner);
        }
        disk.held_syncs -= usize::from(counted);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn synced_bytes_survive_and_unsynced_ones_may_not() {
        // Over many seeds: what was synced is always there after a crash; of an unsynced write every fate
        // occurs.
        let mut fates = std::collections::BTreeSet::new();
        for seed in 0..200 {
            let storage = TornStorage::new(seed);
            let file = storage.create("a").unwrap();
            file.write_at(&[1; 1024], 0).unwrap();
            file.sync_data().unwrap();
            storage.sync_dir().unwrap();
            file.write_at(&[2; 1024], 1024).unwrap();
            let after = storage.restart().contents("a").unwrap();
            assert_eq!(after[..1024], [1; 1024]);
            fates.insert((after.len(), after.get(1024) == Some(&2)));
        }
        assert!(
            fates.contains(&(1024, false)) && fates.contains(&(2048, true)) && fates.contains(&(2048, false))
        );
        assert!(fates.len() > 4);
    }

    #[test]
    fn a_second_sync_after_a_failed_one_lies() {
        // After a failed sync the next returns success although the bytes are lost: the trap that the journal
        // must avoid.
        let lost = (0..50).any(|seed| {
            let storage = TornStorage::new(seed);
            let file = storage.create("a").unwrap();
            storage.sync_dir().unwrap();
            file.write_at(&[7; 600], 0).unwrap();
            storage.fail_syncs(Some(5));
            assert!(file.sync_data().is_err());
            storage.fail_syncs(None);
            file.sync_data().unwrap();
            storage.restart().contents("a").unwrap() != [7; 600]
        });
        assert!(lost);
    }
}
