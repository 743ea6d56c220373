//! Reads a feed with all processors: cut into pieces at line ends, parsed, packed and sealed by several threads.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::sync::{Mutex, PoisonError, mpsc};

use postern_sdk::Database;

use super::build::BuildError;
use super::entry::Entry;
use super::identifier::Identifier;
use super::manifest::Coverage;
use super::record::{Packer, SharedCodes, database_number};
use super::rows::{LINE_MAX, Layout, RowError, Rows};
use super::seal::Seal;
use super::self_test::Sample;

/// How much of a feed a thread takes at once.
const PIECE: usize = 2 << 20;
/// Pieces that wait for a thread.
const WAITING: usize = 4;
/// Most threads.
const THREADS_MAX: usize = 16;
/// Most faults that are reported one by one.
const FAULTS_MAX: usize = 100;

/// A record as it was read.
pub(super) struct Taken {
    pub(super) entry: Entry,
    pub(super) line: u64,
    pub(super) database: Database,
    pub(super) withdraws: bool,
}

/// How a feed is read.
pub(super) struct FeedReader<'a> {
    pub(super) layout: Layout,
    pub(super) seal: &'a Seal,
    pub(super) codes: &'a SharedCodes,
    pub(super) coverage: &'a BTreeMap<Database, Coverage>,
}

/// What was learnt of a feed while it was read.
#[derive(Default)]
pub(super) struct Learnt {
    pub(super) faults: Faults,
    pub(super) records: BTreeMap<Database, u64>,
    pub(super) sample: Sample,
}

/// The faults of a feed: the first by line, and how many more.
#[derive(Debug, Default)]
pub(super) struct Faults {
    first: Vec<RowError>,
    more: u64,
}

impl Faults {
    pub(super) fn add(&mut self, fault: RowError) {
        self.first.push(fault);
        if self.first.len() >= 2 * FAULTS_MAX {
            self.cut();
        }
    }

    fn join(&mut self, other: Self) {
        self.first.extend(other.first);
        self.more += other.more;
        self.cut();
    }

    fn cut(&mut self) {
        self.first.sort_unstable_by_key(|fault| fault.line);
        self.more += self.first.len().saturating_sub(FAULTS_MAX) as u64;
        self.first.truncate(FAULTS_MAX);
    }

    /// Whether there is none.
    pub(super) const fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// # Errors
    /// [`BuildError::Rows`] if there are any.
    pub(super) fn refuse(mut self) -> Result<(), BuildError> {
        self.cut();
        if self.first.is_empty() {
            return Ok(());
        }
        Err(BuildError::Rows { faults: self.first, more: self.more })
    }
}

/// A piece of a feed, and how many lines stand before it.
struct Piece {
    bytes: Vec<u8>,
    lines_before: u64,
}

impl FeedReader<'_> {
    /// Reads a feed to its end. Each of several threads makes a sink by `sink` and hands its records to it; `progress` is
    /// told how many bytes were read.
    pub(super) fn read<S>(
        &self,
        input: impl Read,
        sink: impl Fn() -> S + Sync,
        take: impl Fn(&mut S, Taken) -> Result<(), BuildError> + Sync,
        done: impl Fn(S) + Sync,
        mut progress: impl FnMut(u64),
    ) -> Result<Learnt, BuildError> {
        let threads = std::thread::available_parallelism().map_or(1, usize::from).min(THREADS_MAX);
        let (send, receive) = mpsc::sync_channel::<Piece>(WAITING);
        let receive = Mutex::new(receive);
        std::thread::scope(|scope| {
            let work = || {
                let mut sink = sink();
                let mut learnt = Learnt::default();
                let mut packer = Packer::new(self.codes);
                loop {
                    let piece = receive.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    let Ok(piece) = piece else { break };
                    self.work(&piece, &mut packer, &mut learnt, |taken| take(&mut sink, taken))?;
                }
                done(sink);
                Ok::<_, BuildError>(learnt)
            };
            let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
            let mut cutter = Cutter::new(input);
            let mut failed = None;
            loop {
                match cutter.next() {
                    Ok(Some(piece)) => match send.send(piece) {
                        Ok(()) => progress(cutter.read),
                        // Every worker has failed, which is told below.
                        Err(_) => break,
                    },
                    Ok(None) => break,
                    Err(error) => {
                        failed = Some(BuildError::Io(error));
                        break;
                    }
                }
            }
            drop(send);
            let mut learnt = Learnt::default();
            for worker in workers {
                match worker.join() {
                    Ok(Ok(part)) => learnt.join(part),
                    Ok(Err(error)) => failed = failed.or(Some(error)),
                    Err(panic) => std::panic::resume_unwind(panic),
                }
            }
            failed.map_or(Ok(learnt), Err)
        })
    }

    fn work(
        &self,
        piece: &Piece,
        packer: &mut Packer<'_>,
        learnt: &mut Learnt,
        mut take: impl FnMut(Taken) -> Result<(), BuildError>,
    ) -> Result<(), BuildError> {
        let mut rows = Rows::after(&piece.bytes[..], self.layout, piece.lines_before);
        while let Some(row) = rows.next()? {
            let row = match row {
                Ok(row) if self.coverage.contains_key(&row.record.database) => row,
                Ok(row) => {
                    let code = "database_undeclared";
                    learnt.faults.add(RowError { line: row.line, column: Some("database"), code });
                    continue;
                }
                Err(fault) => {
                    learnt.faults.add(fault);
                    continue;
                }
            };
            let packed = packer.pack(&row.record).map_err(|full| BuildError::TooManyCodes(full.0))?;
            let database = row.record.database;
            let entry = self.seal_row(&row.identifier, packed, database, row.id);
            learnt.sample.offer(&row.identifier, database, &entry, !row.withdraws);
            *learnt.records.entry(database).or_default() += 1;
            take(Taken { entry, line: row.line, database, withdraws: row.withdraws })?;
        }
        Ok(())
    }

    fn seal_row(
        &self,
        identifier: &Identifier,
        packed: super::seal::Packed,
        database: Database,
        id: &str,
    ) -> Entry {
        let secret = self.seal.secret(identifier);
        Entry {
            locator: self.seal.locator(identifier),
            sealed: self.seal.seal(&secret, packed),
            id: self.seal.seal_id(&secret, database_number(database).unwrap_or(0), id),
        }
    }
}

impl Learnt {
    fn join(&mut self, other: Self) {
        self.faults.join(other.faults);
        self.sample.join(other.sample);
        for (database, records) in other.records {
            *self.records.entry(database).or_default() += records;
        }
    }
}

/// Cuts a feed into pieces at line ends, in bounded memory however long a line is.
struct Cutter<R> {
    input: R,
    carry: Vec<u8>,
    lines: u64,
    read: u64,
    skipping: bool,
    ended: bool,
}

impl<R: Read> Cutter<R> {
    const fn new(input: R) -> Self {
        Self { input, carry: Vec::new(), lines: 0, read: 0, skipping: false, ended: false }
    }

    fn next(&mut self) -> io::Result<Option<Piece>> {
        while !self.ended {
            let mut bytes = std::mem::take(&mut self.carry);
            self.fill(&mut bytes)?;
            if !self.ended {
                let whole = memchr::memrchr(b'\n', &bytes).map_or(0, |at| at + 1);
                self.carry = bytes.split_off(whole);
                self.begin_skipping();
            }
            if !bytes.is_empty() {
                let lines_before = self.lines;
                self.lines += memchr::memchr_iter(b'\n', &bytes).count() as u64;
                return Ok(Some(Piece { bytes, lines_before }));
            }
        }
        Ok(None)
    }

    /// Reads a piece more.
    fn fill(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let before = bytes.len();
        bytes.reserve_exact(PIECE);
        let count = self.input.by_ref().take(PIECE as u64).read_to_end(bytes)?;
        self.read += count as u64;
        self.ended = count < PIECE;
        if self.skipping {
            let end = memchr::memchr(b'\n', &bytes[before..]);
            bytes.drain(before..before + end.unwrap_or(count));
            self.skipping = end.is_none();
        }
        Ok(())
    }

    /// Of a line that is too long only the beginning is kept, which tells that it is.
    fn begin_skipping(&mut self) {
        if self.carry.len() > LINE_MAX + 2 {
            self.carry.truncate(LINE_MAX + 2);
            self.skipping = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that pieces end at line ends, know their lines, and that an endless line is cut in bounded memory.
    #[test]
    fn cuts_at_lines() {
        let long = "x".repeat(3 * PIECE);
        let text = format!("head\n{}\n{long}\n{}last", "row\n".repeat(PIECE / 3), "end\n".repeat(10));
        let mut cutter = Cutter::new(text.as_bytes());
        let mut joined = Vec::new();
        while let Some(piece) = cutter.next().unwrap() {
            assert_eq!(memchr::memchr_iter(b'\n', &joined).count() as u64, piece.lines_before);
            assert!(piece.bytes.len() <= PIECE + LINE_MAX + 2);
            joined.extend(piece.bytes);
        }
        let expected = text.replace(&long, &"x".repeat(LINE_MAX + 2));
        assert_eq!(String::from_utf8(joined).unwrap(), expected);
    }
}
