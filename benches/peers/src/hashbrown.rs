//! hashbrown: the hash table that Rust's own is, in memory. Number and payload lie inline, 36 bytes; the default hash.
//!
//! What it builds is a plain file of the records; opening reads that into the table, as a start would have to.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use hashbrown::HashMap;

use crate::data::{Data, Payload};
use crate::engine::{Engine, Result, read};
use crate::number::{LEN, Number};

const FILE: &str = "records.bin";
const RECORD: usize = LEN + size_of::<Payload>();

/// The table.
pub struct Hashbrown(HashMap<Number, Payload>);

impl Engine for Hashbrown {
    const NAME: &'static str = "hashbrown";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let mut file = BufWriter::new(File::create(folder.join(FILE))?);
        for (number, payload) in data.records() {
            file.write_all(Number::of(number)?.padded())?;
            file.write_all(&payload)?;
        }
        Ok(file.flush()?)
    }

    fn open(folder: &Path) -> Result<Self> {
        let file = File::open(folder.join(FILE))?;
        let records = file.metadata()?.len() as usize / RECORD;
        let mut file = BufReader::with_capacity(1 << 20, file);
        let mut table = HashMap::with_capacity(records);
        for _ in 0..records {
            let (mut number, mut payload) = ([0; LEN], Payload::default());
            file.read_exact(&mut number)?;
            file.read_exact(&mut payload)?;
            table.insert(Number::from_padded(number), payload);
        }
        Ok(Self(table))
    }

    fn get(&self, number: &str) -> bool {
        Number::new(number).and_then(|number| self.0.get(&number)).is_some_and(|payload| read(payload))
    }
}
