//! What an answer means for a database. This is where FIND keeps the first promise.
//!
//! A combined search has one code for the whole and a block for each database. A database has no record only by its own
//! word: its block's status says so, or the code says so for the whole and nothing in the answer speaks against it. What
//! is missing, failed or contradictory leaves the database unchecked, and a record that is there is never dropped for it.

use postern_sdk::{Database, Reason};

use super::profile::{Meaning, Profile, Service};
use super::reply::{Block, Entry, Reply};

/// What an answer means for one database.
#[derive(Debug)]
pub(super) enum Judged<'a> {
    /// Records, and why beside them the rest is not checked, if so.
    Hits(Vec<&'a Entry>, Option<Reason>),
    /// The database's own word that nothing was found.
    NoRecord,
    /// Nothing is known.
    NotChecked(Reason),
}

/// An answer with its codes understood.
pub(super) struct Judge<'a> {
    profile: &'a Profile,
    service: &'a Service,
    /// What the code says of the whole.
    overall: Meaning,
    blocks_stand: bool,
    blocks: &'a [Block],
    /// Whether the payload could be read.
    readable: bool,
    /// Records in all blocks together.
    entries: usize,
    /// Whether the list may have been cut.
    truncated: bool,
    /// Whether there are records in a block of no database that is known.
    stray: bool,
}

/// What a block says of itself.
enum Own {
    /// There is no block.
    Absent,
    /// A block without a status.
    Mute,
    /// A status that says nothing was found.
    Nothing,
    /// A status that says something was found.
    Something,
    /// A status of failure, or one that is not known.
    Failed(Reason),
}

impl<'a> Judge<'a> {
    /// Understands an answer to a search for at most `records_max` records.
    pub(super) fn new(
        profile: &'a Profile,
        service: &'a Service,
        reply: &'a Reply,
        records_max: u16,
    ) -> Self {
        let code = reply.code.as_deref().and_then(|code| profile.result_code(code));
        let blocks = reply.blocks.as_deref().unwrap_or_default();
        let entries = blocks.iter().map(|block| block.entries.len()).sum();
        let mut judge = Self {
            profile,
            service,
            overall: code.map_or(Meaning::NotChecked(Reason::MalformedAnswer), |code| code.means),
            blocks_stand: code.is_some_and(|code| code.blocks_stand),
            blocks,
            readable: reply.blocks.is_some(),
            entries,
            truncated: entries >= usize::from(records_max),
            stray: false,
        };
        judge.stray =
            blocks.iter().any(|block| judge.database_of(block).is_none() && !block.entries.is_empty());
        judge
    }

    /// What the code says of the whole.
    pub(super) const fn overall(&self) -> Meaning {
        self.overall
    }

    /// What the answer means for a database.
    pub(super) fn of(&self, database: Database) -> Judged<'a> {
        let blocks: Vec<&Block> =
            self.blocks.iter().filter(|block| self.database_of(block) == Some(database)).collect();
        let own = self.own_word(&blocks);
        let entries: Vec<&Entry> = blocks.iter().flat_map(|block| &block.entries).collect();
        if !entries.is_empty() {
            return Judged::Hits(entries, self.beside_hits(&own));
        }
        match self.silence(&own) {
            Ok(()) => Judged::NoRecord,
            Err(reason) => Judged::NotChecked(reason),
        }
    }

    fn database_of(&self, block: &Block) -> Option<Database> {
        let name = block.name.as_deref()?;
        self.service.blocks.iter().find(|known| known.name == name).map(|known| known.database)
    }

    /// What the blocks of one database say of themselves; of several the one that says least.
    fn own_word(&self, blocks: &[&Block]) -> Own {
        let mut word = Own::Absent;
        for block in blocks {
            let said = match block.status.as_deref() {
                None => Own::Mute,
                Some(status) => match self.profile.status_code(status).map(|code| code.means) {
                    Some(Meaning::NoRecord) => Own::Nothing,
                    Some(Meaning::Hits) => Own::Something,
                    Some(Meaning::NotChecked(reason)) => Own::Failed(reason),
                    None => Own::Failed(Reason::MalformedAnswer),
                },
            };
            word = match (word, said) {
                (Own::Failed(reason), _) | (_, Own::Failed(reason)) => Own::Failed(reason),
                (Own::Absent, said) => said,
                (Own::Nothing, Own::Nothing) => Own::Nothing,
                (Own::Something, Own::Something) => Own::Something,
                // Two blocks of one database that don't say the same leave open which to believe.
                _ => Own::Failed(Reason::MalformedAnswer),
            };
        }
        word
    }

    /// Why, beside records, the rest of the database is not checked.
    fn beside_hits(&self, own: &Own) -> Option<Reason> {
        match (self.overall, own) {
            (_, Own::Failed(reason)) => Some(*reason),
            (_, Own::Nothing) | (Meaning::NoRecord, _) => Some(Reason::MalformedAnswer),
            (Meaning::NotChecked(reason), _) => Some(reason),
            (Meaning::Hits, _) if self.truncated => Some(Reason::ListTruncated),
            (Meaning::Hits, _) => None,
        }
    }

    /// Whether the silence of a database means that it has no record.
    fn silence(&self, own: &Own) -> Result<(), Reason> {
        let contradiction = Err(Reason::MalformedAnswer);
        let own_failure = match own {
            Own::Failed(reason) => Some(*reason),
            _ => None,
        };
        match self.overall {
            Meaning::NotChecked(_) if self.blocks_stand && matches!(own, Own::Nothing) && !self.stray => {
                if self.truncated {
                    Err(Reason::ListTruncated)
                } else {
                    Ok(())
                }
            }
            Meaning::NotChecked(reason) => Err(own_failure.unwrap_or(reason)),
            _ if !self.readable => contradiction,
            _ if own_failure.is_some() => Err(own_failure.unwrap_or(Reason::MalformedAnswer)),
            _ if self.stray => contradiction,
            Meaning::Hits => self.silence_among_hits(own),
            Meaning::NoRecord => self.silence_of_all(own),
        }
    }

    /// The code says that something was found, in another database then.
    fn silence_among_hits(&self, own: &Own) -> Result<(), Reason> {
        match own {
            _ if self.entries == 0 => Err(Reason::MalformedAnswer),
            // The limit may be of all databases together, and have been used up by another one.
            _ if self.truncated => Err(Reason::ListTruncated),
            Own::Nothing => Ok(()),
            Own::Absent => Err(Reason::BlockMissing),
            _ => Err(Reason::MalformedAnswer),
        }
    }

    /// The code says that nothing was found at all.
    fn silence_of_all(&self, own: &Own) -> Result<(), Reason> {
        match own {
            _ if self.entries > 0 => Err(Reason::MalformedAnswer),
            Own::Nothing | Own::Mute => Ok(()),
            // Without any block the code speaks for all; beside another's block the missing one was perhaps not asked.
            Own::Absent if self.blocks.is_empty() => Ok(()),
            Own::Absent => Err(Reason::BlockMissing),
            _ => Err(Reason::MalformedAnswer),
        }
    }
}
