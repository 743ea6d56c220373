//! The watched folder: which feeds are complete, and where they go.
//!
//! It is looked at again and again rather than told of by the kernel. A look is needed anyway: at the start, for what a
//! notice was lost of, on disks of the network that give none, and to see that a feed has settled. Once a second it costs
//! the reading of one folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::fault::{Failure, Fault, Trouble};
use super::ledger::{Begun, End};
use super::name::{FeedName, Meta};
use super::settings::{FolderSettings, SignalledBy};
use crate::mind::disk::{Disk as _, RealDisk, read_small, replace_small};

const META_BYTES_MAX: u64 = 4_096;
/// Entries of the folder that are looked at, whatever they are.
const ENTRIES_MAX: usize = 100_000;
const READ_BYTES: usize = 1 << 20;

/// What tells a file from a later one of its name, and from itself while it is being written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Mark {
    inode: u64,
    pub(super) bytes: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl Mark {
    fn of(found: &fs::Metadata) -> Self {
        let (modified_s, modified_ns) = (found.mtime(), found.mtime_nsec());
        Self { inode: found.ino(), bytes: found.len(), modified_s, modified_ns }
    }
}

/// A feed in the folder.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) mark: Mark,
}

/// What a feed holds, by one reading of all of it.
pub(super) struct Content {
    pub(super) sha256: [u8; 32],
    pub(super) lines: u64,
}

/// The watched folder.
#[derive(Debug)]
pub(super) struct Inbox {
    settings: FolderSettings,
    /// Since when each feed has been as it is.
    since: BTreeMap<String, (Mark, Instant)>,
}

impl Inbox {
    /// Makes what is missing of the folders.
    pub(super) fn open(settings: FolderSettings) -> io::Result<Self> {
        let inbox = Self { settings, since: BTreeMap::new() };
        for folder in [inbox.settings.path.clone(), inbox.done(), inbox.failed()] {
            RealDisk.create_folder(&folder)?;
        }
        Ok(inbox)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.settings.path.join(name)
    }

    fn done(&self) -> PathBuf {
        self.path("done")
    }

    fn failed(&self) -> PathBuf {
        self.path("failed")
    }

    /// The feeds that are complete, and how many there are in all.
    pub(super) fn complete(&mut self, now: Instant) -> io::Result<(Vec<Found>, usize)> {
        let found = self.feeds()?;
        let before = std::mem::take(&mut self.since);
        for one in &found {
            let same = before.get(&one.name).filter(|(mark, _)| *mark == one.mark);
            self.since.insert(one.name.clone(), same.copied().unwrap_or((one.mark, now)));
        }
        let all = found.len();
        Ok((found.into_iter().filter(|one| self.is_complete(&one.name, now)).collect(), all))
    }

    fn is_complete(&self, name: &str, now: Instant) -> bool {
        let settled = |(_, since): &(Mark, Instant)| now.duration_since(*since) >= self.settings.settle;
        match self.settings.complete {
            SignalledBy::Marker => self.path(&marker(name)).is_file(),
            SignalledBy::Rename => self.since.get(name).is_some_and(settled),
        }
    }

    /// Every feed of the folder: plain files alone, so that a link can't lead elsewhere nor a pipe hold us up.
    fn feeds(&self) -> io::Result<Vec<Found>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.settings.path)?.take(ENTRIES_MAX) {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else { continue };
            let Ok(known) = entry.metadata() else { continue };
            if known.is_file() && FeedName::is_one(&name) {
                found.push(Found { name, mark: Mark::of(&known) });
            }
        }
        if found.len() > self.settings.files_max {
            // To take some of them would be to take them out of their order.
            return Err(io::Error::other(format!("{} feeds wait, more than are allowed", found.len())));
        }
        Ok(found)
    }

    /// Opens a feed, if it is still the one that was found.
    pub(super) fn read(&self, found: &Found) -> Result<File, Trouble> {
        let file = File::open(self.path(&found.name))?;
        if Mark::of(&file.metadata()?) == found.mark { Ok(file) } else { Err(Trouble::Changing) }
    }

    /// Reads a feed once, whole.
    pub(super) fn content(&self, found: &Found) -> Result<Content, Failure> {
        if found.mark.bytes > self.settings.file_bytes_max {
            return Err(Fault::TooLarge.into());
        }
        let mut file = self.read(found)?.take(found.mark.bytes + 1);
        let (mut digest, mut lines, mut last) = (Context::new(&SHA256), 0, b'\n');
        let mut buffer = vec![0; READ_BYTES];
        loop {
            let count = file.read(&mut buffer)?;
            if count == 0 {
                break;
            }
            digest.update(&buffer[..count]);
            lines += memchr::memchr_iter(b'\n', &buffer[..count]).count() as u64;
            last = buffer[count - 1];
        }
        if Mark::of(&file.into_inner().metadata()?) != found.mark {
            return Err(Trouble::Changing.into());
        }
        Ok(Content { sha256: finish(digest), lines: lines + u64::from(last != b'\n') })
    }

    /// What the sidecar of a feed says; nothing if there is none.
    pub(super) fn meta(&self, name: &str) -> Result<Meta, Failure> {
        match read_small(&self.path(&sidecar(name)), META_BYTES_MAX) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(|_| Fault::Meta.into()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Meta::default()),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => Err(Fault::Meta.into()),
            Err(error) => Err(error.into()),
        }
    }

    /// Moves a feed where it goes. After a crash it may be called again: the feed itself is moved last, and a later one of
    /// its name is not touched.
    pub(super) fn put_aside(&self, begun: &Begun) -> io::Result<()> {
        let (folder, name) = match &begun.end {
            None => return Ok(()),
            Some(End::Done(prefix)) => (self.done(), format!("{prefix}{}", begun.file)),
            Some(End::Failed(report)) => {
                let path = self.failed().join(format!("{}.report", begun.file));
                replace_small(&RealDisk, &path, report.as_bytes())?;
                (self.failed(), begun.file.clone())
            }
        };
        let from = self.path(&begun.file);
        if fs::symlink_metadata(&from).is_ok_and(|found| Mark::of(&found) == begun.mark) {
            there(fs::rename(self.path(&sidecar(&begun.file)), folder.join(sidecar(&name))))?;
            there(fs::remove_file(self.path(&marker(&begun.file))))?;
            fs::rename(from, folder.join(&name))?;
            RealDisk.sync_folder(&folder)?;
            RealDisk.sync_folder(&self.settings.path)?;
        }
        prune(&self.done(), self.settings.keep_done)?;
        prune(&self.failed(), self.settings.keep_failed)
    }
}

/// That a file is not there is no error.
fn there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn sidecar(name: &str) -> String {
    format!("{name}.meta")
}

/// The name of the file that says that a feed is complete.
pub(super) fn marker(name: &str) -> String {
    format!("{name}.done")
}

/// Removes all but the feeds that were put here last, with what is beside them.
fn prune(folder: &Path, keep: usize) -> io::Result<()> {
    let mut feeds = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().into_string().unwrap_or_default();
        if FeedName::is_one(&name) {
            let known = entry.metadata()?;
            feeds.push(((known.ctime(), known.ctime_nsec()), name));
        }
    }
    feeds.sort_unstable();
    let too_many = feeds.len().saturating_sub(keep);
    for (_, name) in feeds.iter().take(too_many) {
        for name in [sidecar(name), format!("{name}.report"), name.clone()] {
            there(fs::remove_file(folder.join(name)))?;
        }
    }
    Ok(())
}

fn finish(digest: Context) -> [u8; 32] {
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(digest.finish().as_ref());
    sha256
}

/// A feed that fails at its end if it is not what was read before, so that nothing is built of it.
pub(super) struct Checked<R> {
    input: R,
    digest: Option<Context>,
    sha256: [u8; 32],
}

impl<R> Checked<R> {
    pub(super) fn new(input: R, sha256: [u8; 32]) -> Self {
        Self { input, digest: Some(Context::new(&SHA256)), sha256 }
    }
}

impl<R: Read> Read for Checked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.input.read(buffer)?;
        if count > 0 || buffer.is_empty() {
            self.digest.iter_mut().for_each(|digest| digest.update(&buffer[..count]));
        } else if self.digest.take().is_some_and(|digest| finish(digest) != self.sha256) {
            return Err(io::Error::other("the feed changed while it was read"));
        }
        Ok(count)
    }
}
