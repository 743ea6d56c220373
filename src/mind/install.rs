//! Takes a state in that was made elsewhere: from a folder that was fetched or carried here.
//!
//! Nothing of it is believed before the manifest's signatures are checked, nothing is read beyond what the manifest says,
//! and nothing is visible before every byte was checked. Taking the same state in twice changes nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::base::Base;
use super::copy::Opening;
use super::delta::{DELTA, Delta};
use super::disk::{Disk, RealDisk, read_small, write_small};
use super::folder::{Workshop, dataset_folder, version_folder, version_name};
use super::manifest::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, SIGNATURE, read_signed};
use super::names::PERSONS_FILE;
use super::persons::PersonsManifest;
use super::state_manifest::StateManifest;
use super::trust::{Measure, Refusal};

/// How much is copied at once.
const CHUNK: usize = 1 << 20;

/// What came of taking a state in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Installed {
    /// It is here now.
    New(u64),
    /// All that came was here already.
    Known(u64),
}

/// Takes the state in `source` into the copy's folder: its manifest, and its base or delta or both, or its persons. The
/// state is not served before it is opened and admitted.
///
/// # Errors
/// The [`Refusal`] of the first thing that is wrong; nothing is left behind then.
pub fn install(opening: &Opening<'_>, source: &Path) -> Result<Installed, Refusal> {
    install_on(&RealDisk, opening, source)
}

pub(super) fn install_on(
    disk: &dyn Disk,
    opening: &Opening<'_>,
    source: &Path,
) -> Result<Installed, Refusal> {
    let _locked = lock(opening.folder, ".install.lock").map_err(Refusal::Missing)?;
    let (text, signatures) = read_signed(source)?;
    if !opening.dataset.is_by_number() {
        let manifest = PersonsManifest::parse(&text, &signatures, opening)?;
        return install_persons(disk, opening, source, &manifest, (&text, &signatures));
    }
    let manifest = opening.accepts(Manifest::parse(&text, &signatures, opening.root)?)?;
    let version = manifest.version;
    let target = version_folder(opening.folder, &manifest.dataset, version);
    let here = Here::of(&target, &text)?;
    let base = match Base::is_in(source) && !here.base {
        true => Base::files(&manifest)?.to_vec(),
        false => Vec::new(),
    };
    let delta = manifest.delta.as_ref().filter(|_| source.join(DELTA).exists() && !here.delta);
    let io = Refusal::Missing;
    let name = format!("install-{}", version_name(version));
    let parent = dataset_folder(opening.folder, &manifest.dataset);
    if base.is_empty() && delta.is_none() {
        if !here.base && !here.delta {
            return Err(Refusal::Missing(io::ErrorKind::NotFound.into()));
        }
        // A crash after the last file had moved in leaves the folder that it came from.
        Workshop::sweep(disk, &parent, &name).map_err(io)?;
        return Ok(Installed::Known(version));
    }
    let workshop = Workshop::create(disk, &parent, &name).map_err(io)?;
    let mut files = Vec::new();
    if let Some(delta) = delta {
        let measure = Measure::new(delta.bytes, delta.sha256, super::delta::DELTA_BYTES_MAX)?;
        copy_measured(disk, &source.join(DELTA), &workshop.path().join(DELTA), measure)?;
        files.push(DELTA);
    }
    for (name, bytes) in &base {
        copy_exactly(disk, &source.join(name), &workshop.path().join(name), *bytes)?;
        files.push(name);
    }
    if !base.is_empty() {
        check_base(workshop.path(), &manifest)?;
    }
    if here.manifest {
        workshop.move_into(&target, &files).map_err(io)?;
    } else {
        publish(disk, workshop, version, (&text, &signatures))?;
    }
    Ok(Installed::New(version))
}

/// The same for persons: one file, whose digest the manifest says.
fn install_persons(
    disk: &dyn Disk,
    opening: &Opening<'_>,
    source: &Path,
    manifest: &PersonsManifest,
    signed: (&[u8], &[u8]),
) -> Result<Installed, Refusal> {
    let version = manifest.version;
    let target = opening.path(version);
    let is_known = is_known(&target, signed.0)?;
    let parent = dataset_folder(opening.folder, &manifest.dataset);
    let name = format!("install-{}", version_name(version));
    if is_known && target.join(PERSONS_FILE).exists() {
        Workshop::sweep(disk, &parent, &name).map_err(Refusal::Missing)?;
        return Ok(Installed::Known(version));
    }
    let workshop = Workshop::create(disk, &parent, &name).map_err(Refusal::Missing)?;
    let (from, to) = (source.join(PERSONS_FILE), workshop.path().join(PERSONS_FILE));
    copy_measured(disk, &from, &to, manifest.measure()?)?;
    if is_known {
        workshop.move_into(&target, &[PERSONS_FILE]).map_err(Refusal::Missing)?;
    } else {
        publish(disk, workshop, version, signed)?;
    }
    Ok(Installed::New(version))
}

/// Adds manifest and signatures to what was checked, and makes all of it visible.
fn publish(
    disk: &dyn Disk,
    workshop: Workshop<'_>,
    version: u64,
    (text, signatures): (&[u8], &[u8]),
) -> Result<(), Refusal> {
    write_small(disk, &workshop.path().join(MANIFEST), text)
        .and_then(|()| write_small(disk, &workshop.path().join(SIGNATURE), signatures))
        .and_then(|()| workshop.publish(&version_name(version)))
        .map_err(Refusal::Missing)
}

/// Whether the version is here already, and says the same of itself.
fn is_known(target: &Path, text: &[u8]) -> Result<bool, Refusal> {
    let path = target.join(MANIFEST);
    if !path.exists() {
        return Ok(false);
    }
    match read_small(&path, MANIFEST_BYTES_MAX).map_err(Refusal::Missing)? == text {
        true => Ok(true),
        false => Err(Refusal::MixAndMatch("the version is here already and says something else of itself")),
    }
}

/// Waits until no other process takes something into the folder: a pull and an operator may come together. The lock ends
/// when what is given is dropped.
pub(super) fn lock(folder: &Path, name: &str) -> io::Result<File> {
    RealDisk.create_folder(folder)?;
    let file = File::options().create(true).write(true).truncate(false).open(folder.join(name))?;
    file.lock()?;
    Ok(file)
}

/// Checks every byte of a state as [`install`] does, and changes nothing. None of it need be here; what is here already
/// must say the same of itself.
///
/// # Errors
/// As [`install`].
pub(super) fn check(opening: &Opening<'_>, source: &Path) -> Result<StateManifest, Refusal> {
    let (text, signatures) = read_signed(source)?;
    let state = StateManifest::parse(&text, &signatures, opening)?;
    is_known(&opening.path(state.version()), &text)?;
    match &state {
        StateManifest::Numbers(manifest) => check_files(source, manifest)?,
        StateManifest::Persons(manifest) => check_persons(source, manifest)?,
    }
    Ok(state)
}

fn check_files(source: &Path, manifest: &Manifest) -> Result<(), Refusal> {
    let delta = manifest.delta.as_ref().filter(|_| source.join(DELTA).exists());
    if let Some(delta) = delta {
        Delta::read(source, delta)?;
    }
    if Base::is_in(source) {
        check_base(source, manifest)?;
    } else if delta.is_none() {
        return Err(Refusal::Missing(io::ErrorKind::NotFound.into()));
    }
    Ok(())
}

/// Checks every byte of the file of persons, as it is sealed.
fn check_persons(source: &Path, manifest: &PersonsManifest) -> Result<(), Refusal> {
    let mut measure = manifest.measure()?;
    let file = File::open(source.join(PERSONS_FILE)).map_err(Refusal::Missing)?;
    each_piece(file, |piece| measure.take(piece))?;
    measure.finish()
}

/// Checks every byte of a base.
pub(super) fn check_base(folder: &Path, manifest: &Manifest) -> Result<(), Refusal> {
    let base = Base::open(folder, manifest)?;
    base.table.file().verify()?;
    Ok(base.ids.verify()?)
}

/// What of a state is here already.
struct Here {
    manifest: bool,
    base: bool,
    delta: bool,
}

impl Here {
    fn of(target: &Path, text: &[u8]) -> Result<Self, Refusal> {
        if !is_known(target, text)? {
            return Ok(Self { manifest: false, base: false, delta: false });
        }
        Ok(Self { manifest: true, base: Base::is_in(target), delta: target.join(DELTA).exists() })
    }
}

/// Copies a file whose size and hash are known, and syncs it.
fn copy_measured(disk: &dyn Disk, from: &Path, to: &Path, mut measure: Measure) -> Result<(), Refusal> {
    copy_pieces(disk, from, to, |piece| measure.take(piece))?;
    measure.finish()
}

/// Copies a file whose size is known, and syncs it; what it holds is checked afterwards.
fn copy_exactly(disk: &dyn Disk, from: &Path, to: &Path, bytes: u64) -> Result<(), Refusal> {
    let mut found = 0;
    copy_pieces(disk, from, to, |piece| {
        found += piece.len() as u64;
        if found > bytes { Err(Refusal::EndlessData { limit: bytes }) } else { Ok(()) }
    })?;
    if found < bytes { Err(Refusal::Truncated { expected: bytes, found }) } else { Ok(()) }
}

fn copy_pieces(
    disk: &dyn Disk,
    from: &Path,
    to: &Path,
    mut check: impl FnMut(&[u8]) -> Result<(), Refusal>,
) -> Result<(), Refusal> {
    let io = Refusal::Missing;
    let input = File::open(from).map_err(io)?;
    let output = disk.create(to).map_err(io)?;
    let mut offset = 0;
    each_piece(input, |piece| {
        check(piece)?;
        output.write_at(piece, offset).map_err(io)?;
        offset += piece.len() as u64;
        Ok(())
    })?;
    output.sync().map_err(io)
}

fn each_piece(mut input: File, mut each: impl FnMut(&[u8]) -> Result<(), Refusal>) -> Result<(), Refusal> {
    let mut buffer = vec![0; CHUNK];
    loop {
        match input.read(&mut buffer).map_err(Refusal::Missing)? {
            0 => return Ok(()),
            count => each(&buffer[..count])?,
        }
    }
}
