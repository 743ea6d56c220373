//! redb: a copy-on-write B tree with a cache of its own, filled in one transaction and compacted, read in one that
//! stays open, the cache larger than the data.

use std::path::Path;

use redb::{Builder, ReadOnlyDatabase, ReadOnlyTable, ReadableDatabase, TableDefinition};

use crate::data::{Data, Payload};
use crate::engine::{Engine, Result, read};

const FILE: &str = "records.redb";
const CACHE_BYTES: usize = 8 << 30;
const RECORDS: TableDefinition<'_, &[u8], &Payload> = TableDefinition::new("records");

/// The table as one transaction sees it, and what it lies in.
pub struct Redb {
    records: ReadOnlyTable<&'static [u8], &'static Payload>,
    _database: ReadOnlyDatabase,
}

impl Engine for Redb {
    const NAME: &'static str = "redb";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let mut database = Builder::new().set_cache_size(CACHE_BYTES).create(folder.join(FILE))?;
        let transaction = database.begin_write()?;
        let mut records = transaction.open_table(RECORDS)?;
        for (number, payload) in data.records() {
            records.insert(number.as_bytes(), &payload)?;
        }
        drop(records);
        transaction.commit()?;
        database.compact()?;
        Ok(())
    }

    fn open(folder: &Path) -> Result<Self> {
        let database = Builder::new().set_cache_size(CACHE_BYTES).open_read_only(folder.join(FILE))?;
        let records = database.begin_read()?.open_table(RECORDS)?;
        Ok(Self { records, _database: database })
    }

    fn get(&self, number: &str) -> bool {
        let found = self.records.get(number.as_bytes()).expect("what was built can be read");
        found.is_some_and(|payload| read(payload.value()))
    }
}
