//! Takes a state in that was made elsewhere: from a folder that was fetched or carried here.
//!
//! Nothing of it is believed before the manifest's signatures are checked, nothing is read beyond what the manifest says,
//! and nothing is visible before every byte was checked. Taking the same state in twice changes nothing.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::base::Base;
use super::copy::Opening;
use super::delta::DELTA;
use super::disk::{Disk, RealDisk, read_small, write_small};
use super::folder::{Workshop, dataset_folder, version_folder, version_name};
use super::manifest::{MANIFEST, MANIFEST_BYTES_MAX, Manifest, SIGNATURE, SIGNATURE_BYTES_MAX};
use super::pages::Kind;
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

/// Takes the state in `source` into the copy's folder: its manifest, and its base or delta or both. The state is not
/// served before it is opened and admitted.
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
    let text = read_small(&source.join(MANIFEST), MANIFEST_BYTES_MAX).map_err(Refusal::Missing)?;
    let signatures = read_small(&source.join(SIGNATURE), SIGNATURE_BYTES_MAX).map_err(Refusal::Missing)?;
    let manifest = opening.accepts(Manifest::parse(&text, &signatures, opening.root)?)?;
    let version = manifest.version;
    let target = version_folder(opening.folder, &manifest.dataset, version);
    let here = Here::of(&target, &text)?;
    let base = Base::is_in(source) && !here.base;
    let delta = manifest.delta.as_ref().filter(|_| source.join(DELTA).exists() && !here.delta);
    if !base && delta.is_none() {
        let nothing = !here.base && !here.delta;
        let missing = || Refusal::Missing(io::ErrorKind::NotFound.into());
        return if nothing { Err(missing()) } else { Ok(Installed::Known(version)) };
    }
    let io = Refusal::Missing;
    let name = format!("install-{}", version_name(version));
    let parent = dataset_folder(opening.folder, &manifest.dataset);
    let workshop = Workshop::create(disk, &parent, &name).map_err(io)?;
    let mut files = Vec::new();
    if let Some(delta) = delta {
        let measure = Measure::new(delta.bytes, delta.sha256, super::delta::DELTA_BYTES_MAX)?;
        copy_measured(disk, &source.join(DELTA), &workshop.path().join(DELTA), measure)?;
        files.push(DELTA);
    }
    if base {
        for (kind, state) in [(Kind::Ids, &manifest.ids), (Kind::Table, &manifest.table)] {
            for (name, bytes) in [(kind.tree_name(), state.tree_bytes()), (kind.name(), state.bytes)] {
                copy_exactly(disk, &source.join(name), &workshop.path().join(name), bytes)?;
                files.push(name);
            }
        }
        let copied = Base::open(workshop.path(), &manifest)?;
        copied.table.file().verify()?;
        copied.ids.verify()?;
    }
    if here.manifest {
        workshop.move_into(&target, &files).map_err(io)?;
    } else {
        write_small(disk, &workshop.path().join(MANIFEST), &text).map_err(io)?;
        write_small(disk, &workshop.path().join(SIGNATURE), &signatures).map_err(io)?;
        workshop.publish(&version_name(version)).map_err(io)?;
    }
    Ok(Installed::New(version))
}

/// What of a state is here already.
struct Here {
    manifest: bool,
    base: bool,
    delta: bool,
}

impl Here {
    fn of(target: &Path, text: &[u8]) -> Result<Self, Refusal> {
        let path = target.join(MANIFEST);
        if !path.exists() {
            return Ok(Self { manifest: false, base: false, delta: false });
        }
        if read_small(&path, MANIFEST_BYTES_MAX).map_err(Refusal::Missing)? != text {
            return Err(Refusal::MixAndMatch(
                "the version is here already and says something else of itself",
            ));
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
    let mut input = File::open(from).map_err(io)?;
    let output = disk.create(to).map_err(io)?;
    let mut buffer = vec![0; CHUNK];
    let mut offset = 0;
    loop {
        let count = input.read(&mut buffer).map_err(io)?;
        if count == 0 {
            break;
        }
        check(&buffer[..count])?;
        output.write_at(&buffer[..count], offset).map_err(io)?;
        offset += count as u64;
    }
    output.sync().map_err(io)
}
