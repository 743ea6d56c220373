//! The file of a bundle: a tar archive of one form, of which every byte is checked.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::item::Item;
use crate::mind::disk::{Disk as _, RealDisk};
use crate::mind::hex;
use crate::mind::trust::{Measure, Refusal};

const FORMAT: u32 = 1;
const LIST: &str = "bundle.json";
/// Most bytes of the list: room for the files of some ten thousand states.
const LIST_BYTES_MAX: u64 = 16 << 20;
/// Most bytes of one file.
const FILE_BYTES_MAX: u64 = 1 << 40;
const BLOCK: usize = 512;
/// What ends an archive.
const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];
const CHUNK: usize = 1 << 20;

/// The first entry: what follows.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    format: u32,
    files: Vec<Listed>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    name: String,
    bytes: u64,
    #[serde(with = "hex")]
    sha256: [u8; 32],
}

/// What is written into a bundle.
pub(super) enum Content {
    File(PathBuf),
    Bytes(Vec<u8>),
}

impl Content {
    fn open(&self) -> io::Result<Box<dyn Read + '_>> {
        Ok(match self {
            Self::File(path) => Box::new(File::open(path)?),
            Self::Bytes(bytes) => Box::new(bytes.as_slice()),
        })
    }
}

/// The one header that an entry can have.
fn header(name: &str, bytes: u64) -> io::Result<tar::Header> {
    let mut header = tar::Header::new_ustar();
    header.set_path(name)?;
    header.set_entry_type(tar::EntryType::Regular);
    header.set_size(bytes);
    header.set_mode(0o600);
    header.set_cksum();
    Ok(header)
}

fn padding(bytes: u64) -> usize {
    let over = (bytes % BLOCK as u64) as usize;
    if over == 0 { 0 } else { BLOCK - over }
}

/// Writes a bundle. It gets its name when all of it is written.
pub(super) fn write(
    out: &Path,
    items: &[(Item, Content)],
    told: &mut dyn FnMut(u64, u64),
) -> io::Result<u64> {
    let mut files = Vec::new();
    for (item, content) in items {
        files.push(listed(item, content)?);
    }
    let total: u64 = files.iter().map(|file| file.bytes).sum();
    let list = serde_json::to_vec(&List { format: FORMAT, files })?;
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let temporary = tempfile::NamedTempFile::new_in(folder)?;
    let mut writer = BufWriter::with_capacity(CHUNK, temporary.as_file());
    entry(&mut writer, LIST, list.len() as u64, &mut &*list)?;
    let mut written = 0;
    for (item, content) in items {
        let bytes = match content {
            Content::File(path) => fs::metadata(path)?.len(),
            Content::Bytes(bytes) => bytes.len() as u64,
        };
        entry(&mut writer, &item.name(), bytes, &mut content.open()?)?;
        written += bytes;
        told(written, total);
    }
    writer.write_all(&END)?;
    writer.flush()?;
    drop(writer);
    temporary.as_file().sync_all()?;
    temporary.persist(out).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(total)
}

fn listed(item: &Item, content: &Content) -> io::Result<Listed> {
    let (mut reader, mut context, mut bytes) = (content.open()?, Context::new(&SHA256), 0);
    let mut buffer = vec![0; CHUNK];
    loop {
        match reader.read(&mut buffer)? {
            0 => break,
            count => {
                context.update(&buffer[..count]);
                bytes += count as u64;
            }
        }
    }
    let mut sha256 = [0; 32];
    sha256.copy_from_slice(context.finish().as_ref());
    Ok(Listed { name: item.name(), bytes, sha256 })
}

fn entry(writer: &mut impl Write, name: &str, bytes: u64, content: &mut dyn Read) -> io::Result<()> {
    writer.write_all(header(name, bytes)?.as_bytes())?;
    if io::copy(&mut content.take(bytes), writer)? != bytes {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    writer.write_all(&END[..padding(bytes)])
}

/// Reads a bundle into a folder, and gives what is in it. Every byte of the bundle is checked.
///
/// # Errors
/// [`Refusal::Truncated`], [`Refusal::EndlessData`], [`Refusal::BitFlip`], [`Refusal::Format`], or
/// [`Refusal::ManifestMalformed`] if the list can't be read or names what no bundle has.
pub(super) fn read(bundle: &Path, into: &Path, told: &mut dyn FnMut(u64, u64)) -> Result<Vec<Item>, Refusal> {
    let file = File::open(bundle).map_err(Refusal::Missing)?;
    let found = file.metadata().map_err(Refusal::Missing)?.len();
    let mut reader = Bundle { reader: BufReader::with_capacity(CHUNK, file), found };
    let list = reader.list()?;
    let items: Option<Vec<Item>> = list.files.iter().map(|file| Item::of(&file.name)).collect();
    let items = items.ok_or_else(|| malformed("the list names what no bundle has"))?;
    let names: std::collections::BTreeSet<&str> = list.files.iter().map(|file| &*file.name).collect();
    if names.len() < items.len() {
        return Err(malformed("the list names something twice"));
    }
    let (total, mut done) = (list.files.iter().map(|file| file.bytes).sum(), 0);
    for (item, file) in items.iter().zip(&list.files) {
        reader.header(&file.name, file.bytes)?;
        reader.content(file, &item.path(into))?;
        done += file.bytes;
        told(done, total);
    }
    reader.zeros(END.len())?;
    Ok(items)
}

fn malformed(fault: &str) -> Refusal {
    Refusal::ManifestMalformed(format!("the bundle: {fault}"))
}

/// A bundle that is read.
struct Bundle {
    reader: BufReader<File>,
    found: u64,
}

impl Bundle {
    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Refusal> {
        self.reader.read_exact(bytes).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Refusal::Truncated { expected: self.found + 1, found: self.found }
            }
            _ => Refusal::Missing(error),
        })
    }

    /// The list, if the bundle has the size that follows from it.
    fn list(&mut self) -> Result<List, Refusal> {
        let mut first = tar::Header::new_ustar();
        self.exact(first.as_mut_bytes())?;
        let bytes = first.size().map_err(|_| malformed("it is none"))?;
        if bytes > LIST_BYTES_MAX {
            return Err(Refusal::EndlessData { limit: LIST_BYTES_MAX });
        }
        same(&first, LIST, bytes)?;
        let mut text = vec![0; bytes as usize];
        self.exact(&mut text)?;
        self.zeros(padding(bytes))?;
        let list: List = serde_json::from_slice(&text).map_err(|_| malformed("the list can't be read"))?;
        if list.format != FORMAT {
            return Err(Refusal::Format(list.format));
        }
        if serde_json::to_vec(&list).ok().as_ref() != Some(&text) {
            return Err(Refusal::BitFlip);
        }
        let size = |bytes: u64| BLOCK as u64 + bytes + padding(bytes) as u64;
        let mut expected = size(bytes) + END.len() as u64;
        for file in &list.files {
            if file.bytes > FILE_BYTES_MAX {
                return Err(Refusal::EndlessData { limit: FILE_BYTES_MAX });
            }
            expected = expected.saturating_add(size(file.bytes));
        }
        match self.found.cmp(&expected) {
            std::cmp::Ordering::Less => Err(Refusal::Truncated { expected, found: self.found }),
            std::cmp::Ordering::Equal => Ok(list),
            std::cmp::Ordering::Greater => Err(Refusal::EndlessData { limit: expected }),
        }
    }

    fn header(&mut self, name: &str, bytes: u64) -> Result<(), Refusal> {
        let mut found = tar::Header::new_ustar();
        self.exact(found.as_mut_bytes())?;
        same(&found, name, bytes)
    }

    fn zeros(&mut self, count: usize) -> Result<(), Refusal> {
        let mut found = [1; END.len()];
        self.exact(&mut found[..count])?;
        if found[..count].iter().all(|byte| *byte == 0) { Ok(()) } else { Err(Refusal::BitFlip) }
    }

    fn content(&mut self, listed: &Listed, to: &Path) -> Result<(), Refusal> {
        let io = Refusal::Missing;
        RealDisk.create_folder(to.parent().unwrap_or(Path::new("."))).map_err(io)?;
        let mut file = File::create_new(to).map_err(io)?;
        let mut measure = Measure::new(listed.bytes, listed.sha256, FILE_BYTES_MAX)?;
        let mut buffer = vec![0; CHUNK];
        while measure.left() > 0 {
            let count = usize::try_from(measure.left()).unwrap_or(CHUNK).min(CHUNK);
            self.exact(&mut buffer[..count])?;
            measure.take(&buffer[..count])?;
            file.write_all(&buffer[..count]).map_err(io)?;
        }
        measure.finish()?;
        self.zeros(padding(listed.bytes))
    }
}

fn same(found: &tar::Header, name: &str, bytes: u64) -> Result<(), Refusal> {
    let expected = header(name, bytes).map_err(Refusal::Missing)?;
    if found.as_bytes() == expected.as_bytes() { Ok(()) } else { Err(Refusal::BitFlip) }
}
