//! The few things that the journal asks of a disk, as a trait, so that a test can put a disk beneath it that
//! tears, drops and reorders.
//!
//! The contract is POSIX's, taken at its word: written is not durable until [`StorageFile::sync_data`]
//! returned, and a name is not durable until [`Storage::sync_dir`] returned. After a failed sync nothing is
//! known of any write since the last good one, and asking again proves nothing.

mod file;
pub mod torn;

pub use file::FileStorage;

use std::any::Any;
use std::io;
use std::sync::Arc;

/// A folder of segments. Names are plain file names; errors are the storage's own.
pub trait Storage: Send + Sync {
    /// Takes the folder for this process until the guard is dropped.
    ///
    /// # Errors
    /// [`io::ErrorKind::WouldBlock`] if another holds it.
    fn lock(&self) -> io::Result<Box<dyn Any + Send>>;
    /// All names in the folder, in no order.
    ///
    /// # Errors
    /// What the storage says.
    fn list(&self) -> io::Result<Vec<String>>;
    /// Makes an empty file for reading and writing, in place of one of that name.
    ///
    /// # Errors
    /// What the storage says.
    fn create(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;
    /// Opens an existing file for reading only.
    ///
    /// # Errors
    /// What the storage says; [`io::ErrorKind::NotFound`] if there is none.
    fn open(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;
    /// Opens an existing file for reading and writing.
    ///
    /// # Errors
    /// What the storage says; [`io::ErrorKind::NotFound`] if there is none.
    fn open_writable(&self, name: &str) -> io::Result<Arc<dyn StorageFile>>;
    /// Renames a file.
    ///
    /// # Errors
    /// What the storage says.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    ///
    /// # Errors
    /// What the storage says.
    fn remove(&self, name: &str) -> io::Result<()>;
    /// Makes all names durable.
    ///
    /// # Errors
    /// What the storage says.
    fn sync_dir(&self) -> io::Result<()>;
}

/// One open file.
pub trait StorageFile: Send + Sync {
    /// The file's length in bytes.
    ///
    /// # Errors
    /// What the storage says.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file is empty.
    ///
    /// # Errors
    /// What the storage says.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
    /// Reads as many bytes as there are from this offset, at most `buffer`'s length; 0 is the end of the file.
    ///
    /// # Errors
    /// What the storage says.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes at this offset, lengthening the file as needed.
    ///
    /// # Errors
    /// What the storage says; part of the bytes may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes all earlier writes to this file durable.
    ///
    /// # Errors
    /// What the storage says. Never call it again on the same file after an error.
    fn sync_data(&self) -> io::Result<()>;
    /// Cuts or lengthens the file (with zeros).
    ///
    /// # Errors
    /// What the storage says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;
}
