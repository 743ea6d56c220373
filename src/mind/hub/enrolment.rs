//! Which sites may have the copy: a small file a site, in the folder `sites` of the copy.
//!
//! The file is what counts: the hub reads it at each request, so that a revocation takes effect at once, whoever wrote it.
//! Changes are made under a lock, because a build that wraps a new generation's key and a revocation may come together.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;

use super::site::{Key, Revoked, Site, Status, is_site_name};
use crate::mind::copy::{Generation, Opening};
use crate::mind::dataset::Dataset;
use crate::mind::disk::{RealDisk, read_small, replace_small};
use crate::mind::folder::versions;
use crate::mind::install::lock;
use crate::mind::keyring::{GenerationName, KeyFile, KeyringError, RECIPIENTS_MAX, SitePublic, Vault};
use crate::mind::serve::open_generation;
use crate::mind::state_manifest::StateManifest;
use crate::mind::trust::{Refusal, Root};

const FOLDER: &str = "sites";
const LOCK: &str = ".lock";
const FILE_BYTES_MAX: u64 = 1 << 20;
/// How many keys of one site are remembered as revoked.
const REVOKED_MAX: usize = 100;

/// Why a site can't be enrolled or revoked.
#[derive(Debug)]
#[non_exhaustive]
pub enum EnrolError {
    /// The name can't be a site's. Remedy: issue its certificate with a common name of 1 to 64 of a-z, 0-9, `_`, `-`.
    Name(String),
    /// What was sent is no public key of a site. Remedy: send the file that `postern mind keygen --site` made.
    Key,
    /// Nothing is known of the site, or it has requested nothing. Remedy: let it request its enrolment.
    Unknown(String),
    /// The key that was requested has another id than was compared. Remedy: compare anew, by telephone.
    OtherKey(String),
    /// The key was revoked once. Remedy: let the site make a new pair.
    KeyRevoked(String),
    /// The key is another site's. Remedy: each site makes its own pair.
    KeyTaken(String),
    /// There are too many sites, or too many keys of one were revoked. Remedy: remove the files of those that are gone.
    TooMany,
    /// A site's file can't be read or written. Remedy: see the system's words.
    File(PathBuf, io::Error),
    /// A site's file is damaged. Remedy: restore it; the site is not served until then.
    Damaged(PathBuf),
    /// A key file can't be changed. Remedy: see the words, and do the same again.
    Keyring(KeyringError),
}

impl EnrolError {
    /// The stable name.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name(_) => "site_name",
            Self::Key => "site_key_malformed",
            Self::Unknown(_) => "site_unknown",
            Self::OtherKey(_) => "site_key_other",
            Self::KeyRevoked(_) => "site_key_revoked",
            Self::KeyTaken(_) => "site_key_taken",
            Self::TooMany => "too_many_sites",
            Self::File(..) => "site_file_unreadable",
            Self::Damaged(_) => "site_file_damaged",
            Self::Keyring(error) => error.code(),
        }
    }
}

impl fmt::Display for EnrolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => write!(f, "{name:?} can't be a site's name: 1 to 64 of a-z, 0-9, _ and -"),
            Self::Key => f.write_str("that is no public key of a site"),
            Self::Unknown(site) => write!(f, "nothing was requested by {site}"),
            Self::OtherKey(id) => write!(f, "the key that was requested has the id {id}: compare it anew"),
            Self::KeyRevoked(id) => write!(f, "key {id} was revoked: the site must make a new pair"),
            Self::KeyTaken(site) => write!(f, "the key is that of {site}: each site makes its own pair"),
            Self::TooMany => f.write_str("there are too many sites, or too many revoked keys of one"),
            Self::File(path, error) => write!(f, "{}: {error}", path.display()),
            Self::Damaged(path) => write!(f, "{}: not the file of a site", path.display()),
            Self::Keyring(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for EnrolError {}

impl From<KeyringError> for EnrolError {
    fn from(error: KeyringError) -> Self {
        Self::Keyring(error)
    }
}

/// The sites of a hub's copy.
#[derive(Clone, Debug)]
pub struct Sites {
    copy: PathBuf,
}

/// The generations of the newest state of each dataset, opened: what is wrapped to a site that is enrolled.
///
/// # Errors
/// The [`Refusal`] of a state that can't be believed, or whose key is not here: a wrong key must not be wrapped.
pub fn current_generations(
    copy: &Path,
    root: &Root,
    vault: &Vault,
) -> Result<Vec<(GenerationName, Arc<Generation>)>, Refusal> {
    let mut generations = Vec::new();
    for dataset in Dataset::ALL {
        let Some(version) = versions(copy, dataset.name()).first().copied() else { continue };
        let key = |name: &str| open_generation(copy, vault, dataset.name(), name);
        let opening =
            Opening { folder: copy, dataset, root, environment: root.environment, generation: &key };
        let manifest = StateManifest::read(&opening, &opening.path(version))?;
        let generation = key(manifest.generation())?;
        if !manifest.is_opened_by(&generation) {
            return Err(Refusal::KeyWrong);
        }
        let name = GenerationName::new(dataset.name(), manifest.generation());
        generations.push((name.map_err(|_| Refusal::KeyWrong)?, generation));
    }
    Ok(generations)
}

/// The lock under which sites and key files are changed; let go of when it is dropped.
#[derive(Debug)]
pub struct Locked(#[allow(dead_code, reason = "held for its drop")] File);

impl Sites {
    /// The sites of the copy in a folder.
    pub fn of(copy: &Path) -> Self {
        Self { copy: copy.to_owned() }
    }

    fn folder(&self) -> PathBuf {
        self.copy.join(FOLDER)
    }

    fn path(&self, site: &str) -> PathBuf {
        self.folder().join(format!("{site}.json"))
    }

    /// Waits until nobody else changes sites or wraps keys.
    ///
    /// # Errors
    /// [`EnrolError::File`].
    pub fn lock(&self) -> Result<Locked, EnrolError> {
        let locked = lock(&self.folder(), LOCK);
        locked.map(Locked).map_err(|error| EnrolError::File(self.folder().join(LOCK), error))
    }

    /// What is known of a site.
    ///
    /// # Errors
    /// [`EnrolError::Name`], [`EnrolError::File`] or [`EnrolError::Damaged`].
    pub fn get(&self, site: &str) -> Result<Option<Site>, EnrolError> {
        if !is_site_name(site) {
            return Err(EnrolError::Name(site.to_owned()));
        }
        let path = self.path(site);
        let text = match read_small(&path, FILE_BYTES_MAX) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EnrolError::File(path, error)),
        };
        let read = serde_json::from_slice::<Site>(&text).ok();
        read.filter(|read| read.format == 1 && read.site == site).map(Some).ok_or(EnrolError::Damaged(path))
    }

    /// All sites in the order of their names.
    ///
    /// # Errors
    /// As [`get`](Self::get), or [`EnrolError::TooMany`].
    pub fn all(&self) -> Result<Vec<Site>, EnrolError> {
        let entries = fs::read_dir(self.folder()).into_iter().flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names
            .filter_map(|name| name.strip_suffix(".json").map(str::to_owned))
            .filter(|name| is_site_name(name))
            .collect();
        if names.len() > RECIPIENTS_MAX {
            return Err(EnrolError::TooMany);
        }
        names.sort_unstable();
        names.iter().filter_map(|name| self.get(name).transpose()).collect()
    }

    fn write(&self, site: &Site) -> Result<(), EnrolError> {
        let path = self.path(&site.site);
        let text =
            serde_json::to_vec_pretty(site).map_err(|error| EnrolError::File(path.clone(), error.into()))?;
        replace_small(&RealDisk, &path, &text).map_err(|error| EnrolError::File(path, error))
    }

    /// Takes a site's public key down, for somebody to approve. The key that it is enrolled with stays in force.
    ///
    /// # Errors
    /// [`EnrolError`] of the name or the key.
    pub fn request(&self, site: &str, public: &SitePublic, now: Timestamp) -> Result<Site, EnrolError> {
        let _locked = self.lock()?;
        let known = self.get(site)?;
        if known.is_none() && self.all()?.len() >= RECIPIENTS_MAX {
            return Err(EnrolError::TooMany);
        }
        let mut known = known.unwrap_or_else(|| Site::new(site));
        self.check_key(&known, public)?;
        let id = public.id();
        let is = |key: &Option<Key>| key.as_ref().is_some_and(|key| key.id == id);
        if !is(&known.enrolled) && !is(&known.requested) {
            known.requested = Some(Key { public: public.line(), id, at: now });
            self.write(&known)?;
        }
        Ok(known)
    }

    /// Whether a key may be this site's: it was never revoked and is no other's.
    fn check_key(&self, site: &Site, public: &SitePublic) -> Result<(), EnrolError> {
        let id = public.id();
        for other in self.all()? {
            if other.has_revoked(&id) {
                return Err(EnrolError::KeyRevoked(id));
            }
            if other.site != site.site && other.enrolled.is_some_and(|key| key.id == id) {
                return Err(EnrolError::KeyTaken(other.site));
            }
        }
        Ok(())
    }

    /// Enrols a site with the key that it requested, whose id somebody has compared, and wraps these generations' keys
    /// to it. Doing it again changes nothing, and finishes what was cut.
    ///
    /// # Errors
    /// [`EnrolError`]; the site may be enrolled without all its keys then, until the same is done again.
    pub fn approve(
        &self,
        site: &str,
        id: &str,
        generations: &[(GenerationName, Arc<Generation>)],
        now: Timestamp,
    ) -> Result<Site, EnrolError> {
        let _locked = self.lock()?;
        let mut known = self.get(site)?.ok_or_else(|| EnrolError::Unknown(site.to_owned()))?;
        let asked = known.requested.as_ref().or(known.enrolled.as_ref());
        let asked = asked.ok_or_else(|| EnrolError::Unknown(site.to_owned()))?.clone();
        if asked.id != id {
            return Err(EnrolError::OtherKey(asked.id));
        }
        let public = SitePublic::parse(&asked.public).filter(|public| public.id() == asked.id);
        let public = public.ok_or_else(|| EnrolError::Damaged(self.path(site)))?;
        self.check_key(&known, &public)?;
        if let Some(replaced) = known.enrolled.take().filter(|key| key.id != asked.id) {
            self.note_revoked(&mut known, &replaced.id, now)?;
        }
        known.requested = None;
        known.enrolled = Some(Key { at: now, ..asked });
        self.write(&known)?;
        self.close(&known)?;
        for (name, generation) in generations {
            let mut file = KeyFile::read(&self.copy, name)?;
            file.add(generation.key(), &public)?;
            file.write(&self.copy)?;
        }
        Ok(known)
    }

    /// Revokes a site: from now on it is not served, nothing is wrapped to its key, and what was is taken out. Doing it
    /// again changes nothing, and finishes what was cut.
    ///
    /// # Errors
    /// [`EnrolError`]; if only key files are left to be changed, the site is revoked already.
    pub fn revoke(&self, site: &str, now: Timestamp) -> Result<Site, EnrolError> {
        let _locked = self.lock()?;
        let mut known = self.get(site)?.ok_or_else(|| EnrolError::Unknown(site.to_owned()))?;
        for key in [known.enrolled.take(), known.requested.take()].into_iter().flatten() {
            self.note_revoked(&mut known, &key.id, now)?;
        }
        self.write(&known)?;
        self.close(&known)?;
        Ok(known)
    }

    /// Notes a key as revoked, with what it can open.
    fn note_revoked(&self, site: &mut Site, id: &str, now: Timestamp) -> Result<(), EnrolError> {
        if site.revoked.len() >= REVOKED_MAX {
            return Err(EnrolError::TooMany);
        }
        let opens = |name: &GenerationName| {
            KeyFile::read(&self.copy, name).is_ok_and(|file| file.recipients().any(|one| one == id))
        };
        let names = KeyFile::all(&self.copy).into_iter().filter(opens);
        let generations = names.map(|name| format!("{}.{}", name.dataset(), name.generation())).collect();
        site.revoked.push(Revoked { id: id.to_owned(), at: now, generations });
        Ok(())
    }

    /// Takes a site's revoked keys out of every key file.
    fn close(&self, site: &Site) -> Result<(), EnrolError> {
        for name in KeyFile::all(&self.copy) {
            let mut file = KeyFile::read(&self.copy, &name)?;
            let removed = site.revoked.iter().filter(|revoked| file.remove(&revoked.id)).count();
            if removed > 0 {
                file.write(&self.copy)?;
            }
        }
        Ok(())
    }

    /// The keys of the enrolled sites, to be wrapped to.
    ///
    /// # Errors
    /// [`EnrolError`] if a site's file can't be read: a site must not be forgotten in silence.
    pub fn enrolled(&self) -> Result<Vec<SitePublic>, EnrolError> {
        let keys = self.all()?.into_iter().filter_map(|site| Some((site.enrolled?, site.site)));
        keys.map(|(key, site)| {
            let public = SitePublic::parse(&key.public).filter(|public| public.id() == key.id);
            public.ok_or_else(|| EnrolError::Damaged(self.path(&site)))
        })
        .collect()
    }

    /// Makes sure that a key was never revoked.
    ///
    /// # Errors
    /// [`EnrolError::KeyRevoked`], or as [`all`](Self::all).
    pub fn check_never_revoked(&self, public: &SitePublic) -> Result<(), EnrolError> {
        let id = public.id();
        let revoked = self.all()?.iter().any(|site| site.has_revoked(&id));
        if revoked { Err(EnrolError::KeyRevoked(id)) } else { Ok(()) }
    }

    /// The sites that were revoked and could open a generation: they still can if they kept its key.
    ///
    /// # Errors
    /// As [`all`](Self::all).
    pub fn could_open(&self, dataset: &str, generation: &str) -> Result<Vec<String>, EnrolError> {
        let name = format!("{dataset}.{generation}");
        let sites = self.all()?.into_iter();
        let could = sites.filter(|site| site.revoked.iter().any(|one| one.generations.contains(&name)));
        Ok(could.map(|site| site.site).collect())
    }

    /// The id of the key of a site that may have the copy, or why it may not.
    ///
    /// # Errors
    /// Its [`Status`].
    pub fn admitted(&self, site: &str) -> Result<String, Status> {
        // What can't be read is not served.
        let known = self.get(site).ok().flatten().ok_or(Status::Unknown)?;
        let status = known.status();
        known.enrolled.map(|key| key.id).ok_or(status)
    }
}
