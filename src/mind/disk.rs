//! The few things that the copy asks of a disk when it writes, as a trait, so that a test can put a disk beneath it that
//! stops at any operation and loses what was not synced.
//!
//! The contract is POSIX's: written is not durable until [`DiskFile::sync`] returned, and a name is not durable until
//! [`Disk::sync_folder`] of its folder returned. Reading goes to the system directly.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, OpenOptionsExt as _};
use std::path::Path;
use std::sync::Arc;

/// A disk to write to.
pub(super) trait Disk: Send + Sync {
    /// Makes a folder, for its owner alone. One that is there already is no error.
    fn create_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes a file, for its owner alone, that must not be there yet.
    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>>;
    /// Renames a file or folder, in place of a file of the new name.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;
    /// Removes a file.
    fn remove_file(&self, path: &Path) -> io::Result<()>;
    /// Removes a folder with all that is in it.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;
    /// Makes the names in a folder durable.
    fn sync_folder(&self, path: &Path) -> io::Result<()>;
}

/// A file that is written.
pub(super) trait DiskFile: Send + Sync {
    /// Writes all bytes at this offset.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes what was written durable.
    fn sync(&self) -> io::Result<()>;
}

/// The machine's own disk.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RealDisk;

impl Disk for RealDisk {
    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
    }

    fn create(&self, path: &Path) -> io::Result<Arc<dyn DiskFile>> {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_folder(&self, path: &Path) -> io::Result<()> {
        File::open(path)?.sync_all()
    }
}

impl DiskFile for File {
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_all()
    }
}

/// Writes a small file and syncs it; its name is durable after the folder's sync.
pub(super) fn write_small(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let file = disk.create(path)?;
    file.write_at(content, 0)?;
    file.sync()
}

/// Writes a small file in place of one that may be there, so that either the old or the new content is found.
pub(super) fn replace_small(disk: &dyn Disk, path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut name = std::ffi::OsString::from(".new-");
    name.push(path.file_name().unwrap_or_default());
    let temporary = folder.join(name);
    if temporary.exists() {
        disk.remove_file(&temporary)?;
    }
    write_small(disk, &temporary, content)?;
    disk.rename(&temporary, path)?;
    disk.sync_folder(folder)
}

/// Reads a small file, of at most `bytes_max` bytes.
pub(super) fn read_small(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    use std::io::Read as _;
    let file = File::open(path)?;
    if file.metadata()?.len() > bytes_max {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut content = Vec::new();
    file.take(bytes_max).read_to_end(&mut content)?;
    Ok(content)
}
