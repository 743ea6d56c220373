//! The copy itself, through its public interface. All that this bench knows of it stands in this file.
//!
//! Unlike the others it is not handed sorted records but reads a feed, checks each line, sorts, signs and hashes every
//! page. A look-up normalises the number and builds whole answers of two databases.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use postern::keys::{PrivateKey, PublicKey};
use postern::mind::{BuildOptions, COLUMNS, Copy, Coverage, build};
use postern::sim::feed::Row;
use postern_sdk::{Database, DocumentKey, DocumentNumber, Environment, State};

use crate::data::Data;
use crate::engine::{Engine, Result, files, size};

const FEED: &str = "feed.csv";
const PUBLISHER: &str = "publisher.pem";
const SNAPSHOT: &str = "documents/000000000001";
const DATABASES: [Database; 2] = [Database::Sltd, Database::Tdawn];
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
        let signing_key = PrivateKey::generate()?;
        signing_key.public().write(&folder.join(PUBLISHER))?;
        let options = BuildOptions {
            folder: folder.to_owned(),
            dataset: "documents".to_owned(),
            version: 1,
            data_as_of: NOW,
            created: NOW,
            expires: NOW + SignedDuration::from_hours(24),
            environment: Environment::Training,
            coverage: DATABASES.map(|database| (database, Coverage::Full)).into(),
            signing_key: &signing_key,
        };
        let feed = BufReader::with_capacity(1 << 20, File::open(folder.join(FEED))?);
        build(feed, &options, |_| {})?;
        Ok(())
    }

    fn open(folder: &Path) -> Result<Self> {
        let publisher = PublicKey::read(&folder.join(PUBLISHER))?;
        Ok(Self(Copy::open(&folder.join(SNAPSHOT), &publisher, Environment::Training)?))
    }

    fn get(&self, number: &str) -> bool {
        let number = DocumentNumber::normalise(number).expect("a number of the feed's shape is normal");
        let key = DocumentKey { number, issuer: None, doc_type: None };
        let answers = self.0.answer(&key, &DATABASES, 0, NOW);
        answers.iter().any(|answer| !answer.finding.hits().is_empty())
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
