//! The file in the copy's folder that holds a generation key, wrapped to each site that may open it.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::error::KeyringError;
use super::generation::{GenerationKey, GenerationName};
use super::site::{SiteKey, SitePublic, Wrapped, wrap};

/// The folder of key files in the copy's folder.
const FOLDER: &str = "keys";

/// Sites of a key file at most.
pub const RECIPIENTS_MAX: usize = 4_096;

/// Size of a key file in bytes at most: room for all the sites.
const FILE_BYTES_MAX: u64 = 2 << 20;

/// A generation key, wrapped to each site that may open it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyFile {
    dataset: String,
    generation: String,
    wrapped: Vec<Wrapped>,
}

impl KeyFile {
    /// A key file for nobody yet.
    pub fn new(name: &GenerationName) -> Self {
        let (dataset, generation) = (name.dataset().to_owned(), name.generation().to_owned());
        Self { dataset, generation, wrapped: Vec::new() }
    }

    /// Where the key file of a generation is in a copy's folder.
    pub fn path(copy: &Path, name: &GenerationName) -> PathBuf {
        copy.join(FOLDER).join(format!("{}.{}.json", name.dataset(), name.generation()))
    }

    /// Whether a copy's folder certainly has no key file of a generation; none if that can't be told.
    pub fn is_gone(copy: &Path, name: &GenerationName) -> Option<bool> {
        Self::path(copy, name).try_exists().ok().map(|exists| !exists)
    }

    /// Reads the key file of a generation from a copy's folder.
    ///
    /// # Errors
    /// [`KeyringError::File`] if there is none, [`KeyringError::Form`] if it is not what its name says.
    pub fn read(copy: &Path, name: &GenerationName) -> Result<Self, KeyringError> {
        let path = Self::path(copy, name);
        let mut bytes = Vec::new();
        let read = File::open(&path).and_then(|file| file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes));
        read.map_err(|error| KeyringError::File(path.clone(), error))?;
        Self::parse(&bytes, name).ok_or(KeyringError::Form(path))
    }

    /// The key file of these bytes, if it is the one of this generation.
    pub fn parse(bytes: &[u8], name: &GenerationName) -> Option<Self> {
        let sound = |file: &Self| {
            file.dataset == name.dataset()
                && file.generation == name.generation()
                && file.wrapped.len() <= RECIPIENTS_MAX
        };
        let whole = bytes.len() as u64 <= FILE_BYTES_MAX;
        serde_json::from_slice(bytes).ok().filter(|file| whole && sound(file))
    }

    /// The text that is stored.
    pub fn text(&self) -> Vec<u8> {
        serde_json::to_vec_pretty(self).unwrap_or_default()
    }

    /// The generations whose key files are in a copy's folder.
    pub fn all(copy: &Path) -> Vec<GenerationName> {
        let entries = fs::read_dir(copy.join(FOLDER)).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let name = |name: String| {
            let (dataset, generation) = name.strip_suffix(".json")?.split_once('.')?;
            GenerationName::new(dataset, generation).ok()
        };
        names.filter_map(name).collect()
    }

    /// The part of it that one site needs; none if it is not wrapped to that site.
    pub fn only(&self, recipient: &str) -> Option<Self> {
        let wrapped: Vec<Wrapped> =
            self.wrapped.iter().filter(|wrapped| wrapped.recipient == recipient).cloned().collect();
        (!wrapped.is_empty()).then(|| Self { wrapped, ..self.clone() })
    }

    /// Takes in what another file of the generation holds, in place of what is here for the same sites.
    ///
    /// # Errors
    /// [`KeyringError::Name`] if it is of another generation, [`KeyringError::TooMany`].
    pub fn take_in(&mut self, other: Self) -> Result<(), KeyringError> {
        if (&other.dataset, &other.generation) != (&self.dataset, &self.generation) {
            return Err(KeyringError::Name);
        }
        for wrapped in other.wrapped {
            self.remove(&wrapped.recipient);
            self.wrapped.push(wrapped);
        }
        if self.wrapped.len() > RECIPIENTS_MAX { Err(KeyringError::TooMany) } else { Ok(()) }
    }

    /// Writes it into a copy's folder: after a crash there is the old file or the new one.
    ///
    /// # Errors
    /// [`KeyringError::File`].
    pub fn write(&self, copy: &Path) -> Result<(), KeyringError> {
        let path = Self::path(copy, &self.name()?);
        self.write_to(&path).map_err(|error| KeyringError::File(path, error))
    }

    fn write_to(&self, path: &Path) -> io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        make_folder(folder)?;
        // Temporary files are made with the mode 0600, and keep it.
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(&self.text())?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        sync(folder)
    }

    /// Wraps the generation key to one more site; to one that it is wrapped to already, anew.
    ///
    /// # Errors
    /// [`KeyringError::TooMany`], or what [`wrap`] says.
    pub fn add(&mut self, key: &GenerationKey, to: &SitePublic) -> Result<(), KeyringError> {
        let wrapped = wrap(key, to, &self.name()?)?;
        self.remove(&wrapped.recipient);
        if self.wrapped.len() >= RECIPIENTS_MAX {
            return Err(KeyringError::TooMany);
        }
        self.wrapped.push(wrapped);
        Ok(())
    }

    /// Takes a site out, by the id of its public key. False if it was not in it. Whoever kept the old file can still
    /// open this generation: only the next one is closed to the site.
    pub fn remove(&mut self, recipient: &str) -> bool {
        let before = self.wrapped.len();
        self.wrapped.retain(|wrapped| wrapped.recipient != recipient);
        self.wrapped.len() < before
    }

    /// The ids of the sites that it is wrapped to.
    pub fn recipients(&self) -> impl Iterator<Item = &str> {
        self.wrapped.iter().map(|wrapped| wrapped.recipient.as_str())
    }

    /// The generation key, if it is wrapped to this site.
    ///
    /// # Errors
    /// [`KeyringError::NotForThisSite`] or [`KeyringError::Damaged`].
    pub fn unwrap(&self, site: &SiteKey) -> Result<GenerationKey, KeyringError> {
        let id = site.public().id();
        let wrapped = self.wrapped.iter().find(|wrapped| wrapped.recipient == id);
        site.unwrap(wrapped.ok_or(KeyringError::NotForThisSite)?, &self.name()?)
    }

    /// Destroys the key file of a generation, so that nobody here opens it again. False if there was none.
    ///
    /// The file is overwritten before its name is removed. A disk may keep older blocks all the same; they hold the key
    /// wrapped, as the file did.
    ///
    /// # Errors
    /// [`KeyringError::File`] if it can't be destroyed for certain.
    pub fn destroy(copy: &Path, name: &GenerationName) -> Result<bool, KeyringError> {
        let path = Self::path(copy, name);
        destroy(&path).map_err(|error| KeyringError::File(path, error))
    }

    fn name(&self) -> Result<GenerationName, KeyringError> {
        GenerationName::new(&self.dataset, &self.generation)
    }
}

fn destroy(path: &Path) -> io::Result<bool> {
    let mut file = match OpenOptions::new().write(true).open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    let bytes = file.metadata()?.len();
    io::copy(&mut io::repeat(0).take(bytes), &mut file)?;
    file.sync_all()?;
    fs::remove_file(path)?;
    sync(path.parent().unwrap_or(Path::new(".")))?;
    Ok(true)
}

/// Makes the folder of key files for its owner alone, if it isn't there.
fn make_folder(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    folder.parent().map_or(Ok(()), sync)
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}
