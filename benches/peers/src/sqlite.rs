//! SQLite (rusqlite, bundled): a table without row ids, filled in order in one transaction without a journal; opened
//! read-only, immutable (no locks) and mapped whole, asked with one statement that stays prepared.

use std::cell::RefCell;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Statement};

use crate::data::Data;
use crate::engine::{Engine, Result, read};

const FILE: &str = "records.sqlite";
const MAP_BYTES: i64 = 1 << 40;

/// The statement; its connection lasts as long as the process.
pub struct Sqlite(RefCell<Statement<'static>>);

impl Engine for Sqlite {
    const NAME: &'static str = "sqlite";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let mut connection = Connection::open(folder.join(FILE))?;
        connection.execute_batch(
            "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA locking_mode = EXCLUSIVE;
             CREATE TABLE records (number TEXT PRIMARY KEY, payload BLOB NOT NULL) WITHOUT ROWID;",
        )?;
        let transaction = connection.transaction()?;
        let mut insert = transaction.prepare("INSERT INTO records VALUES (?1, ?2)")?;
        for record in data.records() {
            insert.execute(record)?;
        }
        drop(insert);
        Ok(transaction.commit()?)
    }

    fn open(folder: &Path) -> Result<Self> {
        let flags =
            OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let address = format!("file:{}?immutable=1", folder.join(FILE).display());
        let connection = Box::leak(Box::new(Connection::open_with_flags(address, flags)?));
        connection.pragma_update(None, "mmap_size", MAP_BYTES)?;
        Ok(Self(RefCell::new(connection.prepare("SELECT payload FROM records WHERE number = ?1")?)))
    }

    fn get(&self, number: &str) -> bool {
        let mut statement = self.0.borrow_mut();
        let mut rows = statement.query([number]).expect("what was built can be read");
        let row = rows.next().expect("what was built can be read");
        row.is_some_and(|row| row.get_ref(0).and_then(|value| Ok(value.as_blob()?)).is_ok_and(read))
    }
}
