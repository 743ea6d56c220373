//! The file of a bundle: written as it is sealed, and opened only after all of it was found to be the site's.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, Digest, SHA256};
use postern_sdk::Environment;
use zeroize::Zeroizing;

use super::content::Item;
use super::error::ReconcileError;
use super::header::{Header, LABEL, PREFIX_BYTES, Prefix, stream_label};
use crate::keys::{PrivateKey, PublicKey};
use crate::mind::keyring::{GenerationKey, GenerationName, KeyringError, SiteKey, SitePublic, Wrapped, wrap};
use crate::sealed::{Opener, Sealer};

/// Bytes of a bundle's file at most.
pub const FILE_BYTES_MAX: u64 = 5 << 30;

/// The dataset that a bundle's key is named by; its generation is the bundle.
const KEY_NAME: &str = "reconcile";
/// What the stream's key is derived for.
const KEY_LABEL: &str = "reconcile stream";
/// Bytes that are read at once.
const PIECE_BYTES: usize = 64 << 10;

/// A bundle's key before its header exists.
pub(super) struct NewKey {
    key: GenerationKey,
    pub(super) wrapped: Wrapped,
}

impl NewKey {
    /// A new key, wrapped to the hub.
    pub(super) fn wrapped_to(hub: &SitePublic, bundle: &str) -> Result<Self, ReconcileError> {
        let make = || {
            let key = GenerationKey::random()?;
            let wrapped = wrap(&key, hub, &GenerationName::new(KEY_NAME, bundle)?)?;
            Ok(Self { key, wrapped })
        };
        make().map_err(ReconcileError::Key)
    }
}

/// Counts and digests what goes through.
struct Digesting<W> {
    to: W,
    digest: Context,
    bytes: u64,
}

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.digest.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// A bundle that is being written. Until it is finished its file begins with zeros, and is no bundle.
pub(super) struct Writer {
    path: PathBuf,
    header: Vec<u8>,
    sealer: Option<Sealer<Digesting<BufWriter<File>>>>,
    finished: bool,
}

impl Writer {
    /// Begins a file, which must not be there yet.
    pub(super) fn create(path: &Path, header: &Header, key: &NewKey) -> Result<Self, ReconcileError> {
        let open = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        let file = open.map_err(ReconcileError::file(path))?;
        // From here on the file is ours, and goes if it is not finished.
        let mut writer = Self { path: path.to_owned(), header: header.text(), sealer: None, finished: false };
        let mut to = BufWriter::new(file);
        let begun = to.write_all(&[0; PREFIX_BYTES]).and_then(|()| to.write_all(&writer.header));
        begun.map_err(ReconcileError::file(path))?;
        let to = Digesting { to, digest: Context::new(&SHA256), bytes: 0 };
        let stream_key = Zeroizing::new(key.key.derive(KEY_LABEL));
        writer.sealer = Some(Sealer::new(to, &stream_key, &stream_label(&writer.header))?);
        Ok(writer)
    }

    /// Adds an item.
    pub(super) fn add(&mut self, item: &Item) -> Result<(), ReconcileError> {
        let sealer = self.sealer.as_mut().ok_or(ReconcileError::NotABundle)?;
        item.write(sealer).map_err(ReconcileError::file(&self.path))
    }

    /// Signs the file and makes it durable.
    pub(super) fn finish(mut self, key: &PrivateKey) -> Result<(), ReconcileError> {
        let sealer = self.sealer.take().ok_or(ReconcileError::NotABundle)?;
        self.sign(sealer.finish()?, key)?;
        self.finished = true;
        Ok(())
    }

    fn sign(&self, sealed: Digesting<BufWriter<File>>, key: &PrivateKey) -> Result<(), ReconcileError> {
        let Digesting { to, digest, bytes } = sealed;
        let mut prefix = Prefix { header_bytes: self.header.len(), sealed_bytes: bytes, signature: [0; 64] };
        prefix.signature = key.sign(LABEL, &prefix.signed(&self.header, digest.finish().as_ref()));
        let write = || {
            let file = to.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.write_all_at(&prefix.encode(), 0)?;
            file.sync_all()?;
            let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
        };
        write().map_err(ReconcileError::file(&self.path))
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.finished {
            // What is left if this fails is no bundle in any case.
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// A bundle that is the site's, whole and unchanged, and not yet opened.
#[derive(Debug)]
pub struct Bundle {
    file: File,
    path: PathBuf,
    prefix: Prefix,
    header: Header,
    text: Vec<u8>,
}

impl Bundle {
    /// Reads a bundle and makes sure that it is of the site that it names, by the key that `signer` gives for a site's name,
    /// and of this environment.
    ///
    /// # Errors
    /// [`ReconcileError`]: all that can be wrong outside of the sealed stream.
    pub fn read(
        path: &Path,
        environment: Environment,
        signer: impl FnOnce(&str) -> Result<PublicKey, ReconcileError>,
    ) -> Result<Self, ReconcileError> {
        let mut file = File::open(path).map_err(ReconcileError::file(path))?;
        let (prefix, text) = head(&mut file, path)?;
        let header = Header::parse(&text)?;
        let key = signer(&header.site)?;
        let sealed = digest(&file, prefix.sealed_bytes).map_err(ReconcileError::file(path))?;
        let signed = prefix.signed(&text, sealed.as_ref());
        if header.signer != key.id() || !key.verifies(LABEL, &signed, &prefix.signature) {
            return Err(ReconcileError::SignatureWrong);
        }
        if header.environment != environment {
            return Err(ReconcileError::Environment);
        }
        Ok(Self { file, path: path.to_owned(), prefix, header, text })
    }

    /// What it says of itself.
    pub const fn header(&self) -> &Header {
        &self.header
    }

    /// Opens the sealed stream from its beginning.
    ///
    /// # Errors
    /// [`ReconcileError::NotForThisHub`], [`ReconcileError::KeyDamaged`], [`ReconcileError::Sealed`].
    pub(super) fn open(&self, hub: &SiteKey) -> Result<impl Read + use<>, ReconcileError> {
        let name = GenerationName::new(KEY_NAME, &self.header.bundle);
        let key = name.and_then(|name| hub.unwrap(&self.header.key, &name)).map_err(|error| match error {
            KeyringError::NotForThisSite => ReconcileError::NotForThisHub,
            _ => ReconcileError::KeyDamaged,
        })?;
        let stream_key = Zeroizing::new(key.derive(KEY_LABEL));
        let from = self.sealed().map_err(ReconcileError::file(&self.path))?;
        let label = stream_label(&self.text);
        Ok(BufReader::with_capacity(PIECE_BYTES, Opener::new(from, &stream_key, &label)?))
    }

    fn sealed(&self) -> io::Result<impl Read + use<>> {
        let mut file = self.file.try_clone()?;
        file.seek(SeekFrom::Start((PREFIX_BYTES + self.text.len()) as u64))?;
        Ok(BufReader::with_capacity(PIECE_BYTES, file.take(self.prefix.sealed_bytes)))
    }
}

/// Prefix and header of a file that is as long as they say. The file is then at its sealed stream.
fn head(file: &mut File, path: &Path) -> Result<(Prefix, Vec<u8>), ReconcileError> {
    let found = file.metadata().map_err(ReconcileError::file(path))?;
    if !found.is_file() {
        return Err(ReconcileError::NotABundle);
    }
    let length = found.len();
    if length > FILE_BYTES_MAX {
        return Err(ReconcileError::EndlessData);
    }
    let mut bytes = [0; PREFIX_BYTES];
    let read = file.read_exact(&mut bytes);
    let cut = |error: io::Error| match error.kind() {
        io::ErrorKind::UnexpectedEof => ReconcileError::Truncated,
        _ => ReconcileError::File(path.to_owned(), error),
    };
    if length < PREFIX_BYTES as u64 {
        return Err(ReconcileError::Truncated);
    }
    read.map_err(cut)?;
    let prefix = Prefix::decode(&bytes)?;
    let expected = (PREFIX_BYTES + prefix.header_bytes) as u64;
    match expected.checked_add(prefix.sealed_bytes) {
        None => return Err(ReconcileError::EndlessData),
        Some(expected) if expected > FILE_BYTES_MAX => return Err(ReconcileError::EndlessData),
        Some(expected) if expected > length => return Err(ReconcileError::Truncated),
        Some(expected) if expected < length => return Err(ReconcileError::Trailing),
        Some(_) => {}
    }
    let mut text = vec![0; prefix.header_bytes];
    file.read_exact(&mut text).map_err(cut)?;
    Ok((prefix, text))
}

/// The digest of what follows in a file, of so many bytes.
fn digest(file: &File, bytes: u64) -> io::Result<Digest> {
    let mut digest = Context::new(&SHA256);
    let (mut from, mut piece) = (file.take(bytes), vec![0; PIECE_BYTES]);
    loop {
        match from.read(&mut piece) {
            Ok(0) => return Ok(digest.finish()),
            Ok(read) => digest.update(&piece[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
