//! The copy itself, through its public interface. All that this bench knows of it stands in this file.
//!
//! Unlike the others it is not handed sorted records but reads a feed, checks each line, seals, sorts, signs and hashes
//! every page. A look-up normalises the number, and what it finds is unsealed and proven to be of the number.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postern::mind::keyring::{SiteKey, Vault};
use postern::mind::trust::Root;
use postern::mind::{COLUMNS, Copy, Dataset, Identifier, Opening, Presence, open_generation};
use postern::sim::feed::Row;
use postern::sim::publisher::{COPY, Publisher, ROOT, SITE_KEY};
use postern_sdk::{DocumentNumber, Environment, State};

use crate::data::Data;
use crate::engine::{Engine, Result, files, size};

const FEED: &str = "feed.csv";
const SNAPSHOT: &str = "mind/documents/000000000001";
const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);

/// The copy.
pub struct Postern(Copy);

impl Engine for Postern {
    const NAME: &'static str = "postern";

    fn prepare(data: &Data, folder: &Path) -> Result<()> {
        let mut feed = BufWriter::new(File::create(folder.join(FEED))?);
        writeln!(feed, "{}", COLUMNS.join(","))?;
        for row in data.rows() {
            write_row(&mut feed, &row)?;
        }
        Ok(feed.flush()?)
    }

    fn build(_: &Data, folder: &Path) -> Result<()> {
        let publisher = Publisher::create(folder, Environment::Training, NOW).map_err(|error| error.to_string())?;
        let built = publisher.snapshot(File::open(folder.join(FEED))?, 1, NOW, NOW, |_| {});
        Ok(built.map(drop).map_err(|error| error.to_string())?)
    }

    fn open(folder: &Path) -> Result<Self> {
        let root = Root::parse_unverified(&std::fs::read(folder.join(ROOT))?)?;
        let vault = Vault::holding(SiteKey::read(&folder.join(SITE_KEY))?);
        let copy = folder.join(COPY);
        let opening = Opening {
            folder: &copy,
            dataset: Dataset::Documents,
            root: &root,
            environment: Environment::Training,
            generation: &|name| open_generation(&copy, &vault, Dataset::Documents.name(), name),
        };
        Ok(Self(Copy::open(&opening, 1)?))
    }

    fn get(&self, number: &str) -> bool {
        self.0.contains(&identifier(number)) == Presence::Some
    }

    fn get_batch(&self, numbers: &[&str]) -> Option<usize> {
        let asked: Vec<Identifier> = numbers.iter().map(|number| identifier(number)).collect();
        let mut found = 0;
        self.0.contains_many(&asked, |_, presence| found += usize::from(presence == Presence::Some));
        Some(found)
    }

    fn bytes(folder: &Path) -> io::Result<u64> {
        size(&snapshot_files(folder, false)?)
    }

    fn note(folder: &Path, records: usize) -> io::Result<Option<String>> {
        let ids = size(&snapshot_files(folder, true)?)? as f64 / records as f64;
        Ok(Some(format!(
            "built from a feed, the others from sorted records in memory; the feed's own record ids, which no other \
             engine keeps, take {ids:.1} bytes a record more and are part of what is resident"
        )))
    }
}

fn identifier(number: &str) -> Identifier {
    let number = DocumentNumber::normalise(number).expect("a number of the feed's shape is normal");
    Identifier::document(&number)
}

/// The files of the snapshot that hold record ids, or the others.
fn snapshot_files(folder: &Path, ids: bool) -> io::Result<Vec<PathBuf>> {
    let mut files = files(&folder.join(SNAPSHOT))?;
    files.retain(|file| file.file_stem().is_some_and(|stem| stem == "ids") == ids);
    Ok(files)
}

fn write_row(feed: &mut impl Write, row: &Row) -> io::Result<()> {
    let Row { database, number, issuer, doc_type, theft_type, theft_date, notice, retention_date, .. } = row;
    let (database, issuer, doc_type) = (database.code(), issuer.as_str(), doc_type.as_str());
    let (country, id) = (row.theft_country.as_ref().map_or("", State::as_str), &row.record_id);
    writeln!(
        feed,
        "{database},{number},{issuer},{doc_type},{theft_type},{theft_date},{country},{notice},{retention_date},{id}"
    )
}
