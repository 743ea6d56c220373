//! LMDB (heed): a mapped B+ tree, filled in order with `APPEND`, read in one transaction that stays open.

use std::path::Path;

use heed::types::Bytes;
use heed::{Database, Env, EnvFlags, EnvOpenOptions, PutFlags, RoTxn, WithTls};

use crate::data::Data;
use crate::engine::{Engine, Result, read};

/// How much of the address space a database may take.
const MAP_BYTES: usize = 1 << 38;

type Records = Database<Bytes, Bytes>;

/// The transaction and the tree that it sees.
pub struct Lmdb {
    transaction: RoTxn<'static, WithTls>,
    records: Records,
}

impl Engine for Lmdb {
    const NAME: &'static str = "lmdb";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let environment = environment(folder, EnvFlags::empty())?;
        let mut transaction = environment.write_txn()?;
        let records: Records = environment.create_database(&mut transaction, None)?;
        for (number, payload) in data.records() {
            records.put_with_flags(&mut transaction, PutFlags::APPEND, number.as_bytes(), &payload)?;
        }
        Ok(transaction.commit()?)
    }

    fn open(folder: &Path) -> Result<Self> {
        let environment = environment(folder, EnvFlags::READ_ONLY)?;
        let transaction = environment.clone().static_read_txn()?;
        let records = environment.open_database(&transaction, None)?.ok_or("LMDB has lost the records")?;
        Ok(Self { transaction, records })
    }

    fn get(&self, number: &str) -> bool {
        let found = self.records.get(&self.transaction, number.as_bytes());
        found.expect("what was built can be read").is_some_and(read)
    }
}

fn environment(folder: &Path, flags: EnvFlags) -> Result<Env> {
    let mut options = EnvOpenOptions::new();
    options.map_size(MAP_BYTES);
    // SAFETY: the folder belongs to this run, which opens it once a process and writes to it before it reads.
    Ok(unsafe { options.flags(flags).open(folder) }?)
}
