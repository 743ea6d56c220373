//! fst: a finite-state transducer from number to rank, and an array of the payloads; both mapped.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use fst::{Map, MapBuilder};
use memmap2::Mmap;

use crate::data::{Data, Payload};
use crate::engine::{Engine, Result, read};

const RANKS: &str = "ranks.fst";
const PAYLOADS: &str = "payloads.bin";

/// The two maps.
pub struct Fst {
    ranks: Map<Mmap>,
    payloads: Mmap,
}

impl Engine for Fst {
    const NAME: &'static str = "fst";

    fn build(data: &Data, folder: &Path) -> Result<()> {
        let mut ranks = MapBuilder::new(BufWriter::new(File::create(folder.join(RANKS))?))?;
        let mut payloads = BufWriter::new(File::create(folder.join(PAYLOADS))?);
        for ((number, payload), rank) in data.records().zip(0..) {
            ranks.insert(number, rank)?;
            payloads.write_all(&payload)?;
        }
        ranks.into_inner()?.flush()?;
        Ok(payloads.flush()?)
    }

    fn open(folder: &Path) -> Result<Self> {
        Ok(Self { ranks: Map::new(map(&folder.join(RANKS))?)?, payloads: map(&folder.join(PAYLOADS))? })
    }

    fn get(&self, number: &str) -> bool {
        let payload = |rank| self.payloads.get(rank as usize * size_of::<Payload>()..);
        self.ranks.get(number).and_then(payload).is_some_and(read)
    }
}

fn map(file: &Path) -> Result<Mmap> {
    let file = File::open(file)?;
    // SAFETY: this run wrote the file into a folder of its own, and nothing writes to it any more.
    Ok(unsafe { Mmap::map(&file) }?)
}
