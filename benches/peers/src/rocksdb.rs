//! RocksDB: tables written in order and ingested; bloom filters of 10 bits, blocks of 4 KiB with a hash index, no
//! compression. Opened read-only and mapped, with neither block cache nor checksums, which is its fastest form where
//! everything fits in memory.

use std::path::{Path, PathBuf};

use rocksdb::{
    BlockBasedOptions, DB, DBCompressionType, DataBlockIndexType, IngestExternalFileOptions, Options,
    ReadOptions, SstFileWriter,
};

use crate::data::Data;
use crate::engine::{Engine, Result, read};

/// The one column family.
const RECORDS: &str = "default";
const TABLE_BYTES: u64 = 256 << 20;

/// The database.
pub struct RocksDb {
    database: DB,
    reading: ReadOptions,
}

impl Engine for RocksDb {
    const NAME: &'static str = "rocksdb";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let options = options();
        let tables = write_tables(data, folder, &options)?;
        let mut ingestion = IngestExternalFileOptions::default();
        ingestion.set_move_files(true);
        Ok(DB::open(&options, folder)?.ingest_external_file_opts(&ingestion, tables)?)
    }

    fn open(folder: &Path) -> Result<Self> {
        let options = options();
        let families = [(RECORDS, options.clone())];
        let database = DB::open_cf_with_opts_for_read_only(&options, folder, families, false)?;
        let mut reading = ReadOptions::default();
        reading.set_verify_checksums(false);
        Ok(Self { database, reading })
    }

    fn get(&self, number: &str) -> bool {
        let found = self.database.get_pinned_opt(number, &self.reading);
        found.expect("what was built can be read").is_some_and(|payload| read(&payload))
    }

    fn get_batch(&self, numbers: &[&str]) -> Option<usize> {
        let records = self.database.cf_handle(RECORDS)?;
        let found = self.database.batched_multi_get_cf_opt(records, numbers, false, &self.reading);
        let payloads = found.into_iter().filter_map(|found| found.expect("what was built can be read"));
        Some(payloads.filter(|payload| read(payload)).count())
    }
}

fn options() -> Options {
    let mut blocks = BlockBasedOptions::default();
    blocks.set_block_size(4096);
    blocks.set_format_version(5);
    blocks.set_bloom_filter(10.0, false);
    blocks.set_data_block_index_type(DataBlockIndexType::BinaryAndHash);
    blocks.set_data_block_hash_ratio(0.75);
    blocks.disable_cache();
    let mut options = Options::default();
    options.create_if_missing(true);
    options.set_compression_type(DBCompressionType::None);
    options.set_allow_mmap_reads(true);
    options.set_block_based_table_factory(&blocks);
    options
}

/// Writes the records into as many tables as they need.
fn write_tables(data: &Data, folder: &Path, options: &Options) -> Result<Vec<PathBuf>> {
    let mut tables = Vec::new();
    let mut records = data.records().peekable();
    while records.peek().is_some() {
        let table = folder.join(format!("{}.ingest", tables.len()));
        let mut writer = SstFileWriter::create(options);
        writer.open(&table)?;
        while writer.file_size() < TABLE_BYTES
            && let Some((number, payload)) = records.next()
        {
            writer.put(number, payload)?;
        }
        writer.finish()?;
        tables.push(table);
    }
    Ok(tables)
}
