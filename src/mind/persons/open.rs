//! A state of persons, opened: all of it checked, and indexed by name.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use postern_sdk::{Name, PersonKey};
use zeroize::Zeroizing;

use super::KEY_LABEL;
use super::manifest::PersonsManifest;
use crate::mind::copy::{Generation, Opening};
use crate::mind::manifest::Info;
use crate::mind::names::{self, NameIndex, PERSONS_FILE, Person, PersonsError};
use crate::mind::trust::{Measure, Refusal};
use crate::sealed::SealedError;

/// How many persons are asked for by the self-test.
const ASKED: usize = 64;
/// How many may be told before the one who was asked for.
const TOLD_MAX: usize = 256;
/// Up to so many names a search takes no longer than a look-up may that others wait for.
const PROMPT_NAMES_MAX: usize = 25_000;

/// A state of persons that is open. It never changes: what comes later is another one.
pub struct PersonsCopy {
    pub(super) manifest: PersonsManifest,
    /// From when on its matches are stale: when the state expires, or the root under which it was signed.
    expires: Timestamp,
    pub(super) index: NameIndex,
}

impl fmt::Debug for PersonsCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PersonsCopy({} {})", self.manifest.dataset, self.manifest.version)
    }
}

impl PersonsCopy {
    /// Opens a version: every byte of it is checked.
    ///
    /// # Errors
    /// Any [`Refusal`] but those of what was accepted before.
    pub fn open(opening: &Opening<'_>, version: u64) -> Result<Self, Refusal> {
        Self::of(opening, PersonsManifest::read(opening, version)?)
    }

    /// Opens the state of a manifest that was read.
    pub(in crate::mind) fn of(opening: &Opening<'_>, manifest: PersonsManifest) -> Result<Self, Refusal> {
        let generation = (opening.generation)(&manifest.generation)?;
        if generation.check(&manifest.dataset) != manifest.key_check {
            return Err(Refusal::KeyWrong);
        }
        let persons = read(&opening.path(manifest.version).join(PERSONS_FILE), &manifest, &generation)?;
        if persons.len() as u64 != manifest.records {
            return Err(Refusal::ManifestMalformed("there are not as many persons as it says".to_owned()));
        }
        let index = NameIndex::build(persons).map_err(|_| Refusal::Damaged)?;
        Ok(Self { expires: manifest.expires.min(opening.root.expires), manifest, index })
    }

    /// What the state says of itself.
    pub const fn manifest(&self) -> &PersonsManifest {
        &self.manifest
    }

    /// What may be told of the state.
    pub fn info(&self) -> Info {
        self.manifest.info()
    }

    /// Whether its matches are stale.
    pub fn expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Whether a search is so short that others may wait for it.
    pub const fn is_prompt(&self) -> bool {
        self.index.names() <= PROMPT_NAMES_MAX
    }

    /// Asks for some of its own persons by their names.
    ///
    /// # Errors
    /// [`Refusal::SelfTest`] if one is not found.
    pub fn self_test(&self) -> Result<(), Refusal> {
        let persons = self.index.persons();
        let step = persons.len().div_ceil(ASKED).max(1);
        let mut asked = persons.iter().step_by(step).filter_map(|one| Some((one, one.names.first()?)));
        if asked.all(|(person, name)| self.finds(person, name)) { Ok(()) } else { Err(Refusal::SelfTest) }
    }

    /// Whether a person is found by a name of its own, or a limit is in the way and is told.
    fn finds(&self, person: &Person, name: &Name) -> bool {
        let key = PersonKey {
            name: name.clone(),
            birth: person.birth,
            sex: person.sex,
            nationality: person.nationalities.first().copied(),
            document: None,
        };
        let found = self.index.search(&key, TOLD_MAX);
        found.incomplete.is_some() || found.matches.iter().any(|one| std::ptr::eq(one.person, person))
    }
}

/// Reads the file of persons: it is as its manifest says to the last byte, or why it is refused.
fn read(path: &Path, manifest: &PersonsManifest, generation: &Generation) -> Result<Vec<Person>, Refusal> {
    let key = Zeroizing::new(generation.key().derive(KEY_LABEL));
    let file = File::open(path).map_err(Refusal::Missing)?;
    let mut measured = Measured { from: file, measure: manifest.measure()?, refused: None };
    let persons = names::open(io::BufReader::with_capacity(1 << 17, &mut measured), &key);
    measured.finish()?;
    persons.map_err(refusal)
}

/// Why a file of persons that is what its manifest says can't be read.
fn refusal(error: PersonsError) -> Refusal {
    match error {
        PersonsError::Sealed(SealedError::Io(error)) => Refusal::from_io(error),
        PersonsError::Sealed(SealedError::WrongKey | SealedError::WrongLabel) => Refusal::KeyWrong,
        _ => Refusal::Damaged,
    }
}

/// A file that is measured as it is read.
struct Measured {
    from: File,
    measure: Measure,
    refused: Option<Refusal>,
}

impl Measured {
    /// Reads what is left, so that the file is named for what it is even if its reader gave it up.
    fn finish(mut self) -> Result<(), Refusal> {
        let rest = io::copy(&mut self, &mut io::sink());
        match (self.refused, rest) {
            (Some(refusal), _) => Err(refusal),
            (None, Err(error)) => Err(Refusal::Missing(error)),
            (None, Ok(_)) => self.measure.finish(),
        }
    }
}

impl Read for Measured {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.refused.is_some() {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let count = self.from.read(buffer)?;
        self.measure.take(&buffer[..count]).map_err(|refusal| {
            self.refused = Some(refusal);
            io::Error::from(io::ErrorKind::InvalidData)
        })?;
        Ok(count)
    }
}
