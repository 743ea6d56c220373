//! Maps a file into memory: the one place of the copy where the compiler is asked for trust.
//!
//! A mapping is shared between processes, costs nothing to open and lets the kernel drop pages under pressure, which
//! is why the copy lives in one. Rust can't know that nobody changes the bytes under it, so the promise is made here,
//! and nowhere else.

#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::ops::Deref;
use std::path::Path;

use memmap2::{Advice, Mmap};

/// A file of a snapshot, mapped for reading in random order.
#[derive(Debug)]
pub(super) struct Map(Mmap);

impl Map {
    /// Maps the file if it has exactly `bytes` bytes.
    ///
    /// # Errors
    /// What the system says; [`io::ErrorKind::InvalidData`] if the size is another one.
    pub(super) fn open(path: &Path, bytes: u64) -> io::Result<Self> {
        let file = File::open(path)?;
        if file.metadata()?.len() != bytes {
            return Err(io::ErrorKind::InvalidData.into());
        }
        // SAFETY: a mapping is sound as long as nobody changes or cuts the file while it lasts. Snapshots are written
        // under a temporary name, synced, and only then renamed to the name that is opened here; nothing in Postern
        // opens them for writing afterwards, a new state is a new file, and unlinking leaves the mapping intact. The
        // folder is created with access for its owner alone. The mapping is read-only, and no reference into it
        // outlives `self`. An administrator who overwrites the file in place breaks this promise, as with every
        // mapped database: bytes that changed before a page's first touch fail its hash.
        let map = unsafe { Mmap::map(&file)? };
        map.advise(Advice::Random)?;
        Ok(Self(map))
    }

    /// Asks the processor to fetch the cache line at an offset, without waiting for it. Offsets beyond the end do nothing.
    #[inline]
    pub(super) fn prefetch(&self, offset: usize) {
        #[cfg(target_arch = "x86_64")]
        if let Some(byte) = self.0.get(offset) {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            // SAFETY: a prefetch has no effect that the program can see, and the address is that of a byte of the map.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(byte).cast()) };
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = offset;
    }
}

impl Deref for Map {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.0
    }
}
