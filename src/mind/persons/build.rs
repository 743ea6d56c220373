//! Builds a state of persons.

use std::io::{self, BufWriter, Write};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use zeroize::Zeroizing;

use super::KEY_LABEL;
use super::manifest::{FORMAT, PersonsFile, PersonsManifest};
use crate::mind::build::{BuildError, BuildOptions};
use crate::mind::disk::{Disk, DiskFile, RealDisk};
use crate::mind::folder::version_name;
use crate::mind::manifest::{Coverage, Holding};
use crate::mind::names::{self, PERSONS_FILE, Person};

/// How much is written at once.
const BUFFER: usize = 1 << 17;

/// Builds a state of persons: all of it becomes visible by one rename, or none.
///
/// # Errors
/// Any [`BuildError`]; nothing is left behind then.
pub fn build_persons(persons: &[Person], options: &BuildOptions<'_>) -> Result<PersonsManifest, BuildError> {
    build_persons_on(&RealDisk, persons, options)
}

pub(in crate::mind) fn build_persons_on(
    disk: &dyn Disk,
    persons: &[Person],
    options: &BuildOptions<'_>,
) -> Result<PersonsManifest, BuildError> {
    check(persons, options)?;
    let workshop = options.begin(disk)?;
    let path = workshop.path().join(PERSONS_FILE);
    let key = Zeroizing::new(options.generation.key().derive(KEY_LABEL));
    let to = BufWriter::with_capacity(BUFFER, Measured::new(disk.create(&path)?));
    let file = names::seal(to, persons, &key)?.get_mut().finish()?;
    let manifest = manifest(persons.len() as u64, file, options);
    manifest.write(disk, workshop.path(), options.signers)?;
    workshop.publish(&version_name(options.version))?;
    Ok(manifest)
}

fn check(persons: &[Person], options: &BuildOptions<'_>) -> Result<(), BuildError> {
    let fault = if options.dataset.is_by_number() {
        "the dataset is not one of persons"
    } else if options.coverage.values().any(|coverage| *coverage == Coverage::Full) {
        "public notices are a part of what there is: their coverage is partial"
    } else if options.coverage.len() > 1 {
        "persons are of one database"
    } else if persons.is_empty() {
        "there is no person"
    } else {
        return Ok(());
    };
    Err(BuildError::Options(fault))
}

fn manifest(records: u64, persons: PersonsFile, options: &BuildOptions<'_>) -> PersonsManifest {
    let holding = Holding { coverage: Coverage::Partial, records };
    PersonsManifest {
        format: FORMAT,
        dataset: options.dataset.name().to_owned(),
        version: options.version,
        generation: options.generation.name().to_owned(),
        environment: options.environment,
        databases: options.coverage.keys().map(|database| (*database, holding)).collect(),
        records,
        data_as_of: options.data_as_of,
        created: options.created,
        expires: options.expires,
        persons,
        key_check: options.generation.check(options.dataset.name()),
    }
}

/// A file on a disk, with the digest of what was written to it.
struct Measured {
    file: Arc<dyn DiskFile>,
    bytes: u64,
    context: Context,
}

impl Measured {
    fn new(file: Arc<dyn DiskFile>) -> Self {
        Self { file, bytes: 0, context: Context::new(&SHA256) }
    }

    /// Syncs the file and tells what it is.
    fn finish(&mut self) -> io::Result<PersonsFile> {
        self.file.sync()?;
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(self.context.clone().finish().as_ref());
        Ok(PersonsFile { bytes: self.bytes, sha256 })
    }
}

impl Write for Measured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_at(bytes, self.bytes)?;
        self.bytes += bytes.len() as u64;
        self.context.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
