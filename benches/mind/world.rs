//! A publisher with a copy of a synthetic feed.

use std::collections::BTreeMap;
use std::fs;
use std::hint::black_box;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use postern::keys::PrivateKey;
use postern::mind::trust::{Refusal, RoleKeys, Root};
use postern::mind::{
    BuildError, BuildOptions, COLUMNS, Copy, Coverage, Dataset, Generation, Identifier, Manifest, Opening,
    build, build_changes,
};
use postern::sim::feed::{self, Feed};
use postern_sdk::{Database, Environment};

const NOW: Timestamp = Timestamp::constant(1_795_500_000, 0);

pub(crate) struct World {
    _temporary: tempfile::TempDir,
    folder: PathBuf,
    key: PrivateKey,
    root: Root,
    generation: Arc<Generation>,
    coverage: BTreeMap<Database, Coverage>,
    feed: Feed,
    records: u64,
}

impl World {
    pub(crate) fn new(records: u64) -> Result<Self, Box<dyn std::error::Error>> {
        let key = PrivateKey::generate()?;
        let keys = RoleKeys { threshold: 1, keys: vec![key.public()] };
        let expires = NOW + SignedDuration::from_hours(24 * 365);
        let temporary =
            tempfile::tempdir_in(std::env::var_os("POSTERN_BENCH_DIR").unwrap_or_else(|| "/var/tmp".into()))?;
        Ok(Self {
            folder: temporary.path().join("copy"),
            _temporary: temporary,
            root: Root::new(1, Environment::Training, expires, &keys, &keys)?,
            key,
            generation: Arc::new(Generation::random()?),
            coverage: [(Database::Sltd, Coverage::Full), (Database::Tdawn, Coverage::Full)].into(),
            feed: feed::generate(records, 1),
            records,
        })
    }

    pub(crate) const fn records(&self) -> u64 {
        self.records
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    fn options<T>(&self, version: u64, with: impl FnOnce(BuildOptions<'_>) -> T) -> T {
        with(BuildOptions {
            folder: &self.folder,
            dataset: Dataset::Documents,
            version,
            data_as_of: NOW,
            created: NOW,
            expires: NOW + SignedDuration::from_hours(24),
            environment: Environment::Training,
            coverage: &self.coverage,
            signers: &[&self.key],
            generation: &self.generation,
        })
    }

    /// Builds version 1 from the feed, which is made while it is read.
    pub(crate) fn build(&self) -> Result<Manifest, BuildError> {
        let rows = Rows { feed: &self.feed, next: 0, end: self.records, buffer: header(), at: 0 };
        self.options(1, |options| build(rows, &options, |_| {}))
    }

    /// Builds version 2 by so many changes, half of them new records, half of them withdrawals.
    pub(crate) fn change(&self, before: &Copy, changes: u64) -> Result<(), BuildError> {
        let mut text = format!("change,{}", COLUMNS.join(","));
        let step = (self.records / changes * 2).max(1);
        for n in 0..changes / 2 {
            let row = self.feed.row(n * step % self.records);
            let (database, number, id) = (row.database.code(), &row.number, &row.record_id);
            text.push_str(&format!("\nwithdraw,{database},{number},,,,,,,,{id}"));
            text.push_str(&format!("\nupsert,sltd,NW{n:08},UTO,PAS,STL,2026-01-02,UTO,,2036-01-02,new{n}"));
        }
        self.options(2, |options| build_changes(text.as_bytes(), before, &options, |_| {})).map(drop)
    }

    /// Takes the base of a version away, so that it is reached by its delta.
    pub(crate) fn strip(&self, version: u64) -> io::Result<()> {
        let folder = self.folder.join(format!("documents/{version:012}"));
        ["table.bin", "table.tree", "ids.bin", "ids.tree"]
            .iter()
            .try_for_each(|name| fs::remove_file(folder.join(name)))
    }

    fn opening<T>(&self, with: impl FnOnce(&Opening<'_>) -> T) -> T {
        with(&Opening {
            folder: &self.folder,
            dataset: Dataset::Documents,
            root: &self.root,
            environment: Environment::Training,
            generation: &|_| Ok(Arc::clone(&self.generation)),
        })
    }

    pub(crate) fn open(&self, version: u64) -> Result<Copy, Refusal> {
        self.opening(|opening| Copy::open(opening, version))
    }

    pub(crate) fn advance(&self, copy: &Copy, version: u64) -> Result<Copy, Refusal> {
        self.opening(|opening| copy.advance(opening, version))
    }

    /// Numbers of the feed, drawn from all over it.
    pub(crate) fn hits(&self, count: usize) -> Vec<Identifier> {
        // The golden ratio spreads them evenly, and in step with nothing else that is drawn.
        let place = |n: u64| {
            let drawn = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            ((u128::from(drawn) * u128::from(self.records)) >> 64) as u64
        };
        (0..count as u64).map(|n| identifier(&self.feed.row(place(n)).number)).collect()
    }

    /// Numbers that no feed has.
    pub(crate) fn misses(&self, count: usize) -> Vec<Identifier> {
        (0..count).map(|n| identifier(&format!("ZZ{n:07}"))).collect()
    }

    pub(crate) fn locators(&self, asked: &[Identifier]) {
        for identifier in asked {
            black_box(self.generation.locator(black_box(identifier)));
        }
    }

    pub(crate) fn locators_batched(&self, asked: &[Identifier]) {
        let mut locators = [0; 64];
        for asked in asked.chunks(64) {
            self.generation.locators(asked, &mut locators);
            black_box(&locators);
        }
    }
}

fn identifier(number: &str) -> Identifier {
    Identifier::document(&number.parse().expect("a generated number is normal"))
}

fn header() -> Vec<u8> {
    format!("{}\n", COLUMNS.join(",")).into_bytes()
}

/// The feed as a reader.
struct Rows<'a> {
    feed: &'a Feed,
    next: u64,
    end: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Read for Rows<'_> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.buffer.len() && self.next < self.end {
            self.buffer.clear();
            self.at = 0;
            let until = (self.next + 4096).min(self.end);
            self.feed.write_rows(self.next..until, &mut self.buffer)?;
            self.next = until;
        }
        let count = (&self.buffer[self.at..]).read(to)?;
        self.at += count;
        Ok(count)
    }
}
