//! Documents held in little memory: ten million of them in less than a gigabyte.
//!
//! A record is 68 bytes in one array sorted by number, and four more that find it by its id. Words that few records differ in
//! stand once; an id of 32 hexadecimal digits, as the service's own are, is kept as its 16 bytes.

use std::cmp::Ordering;

use postern_sdk::{Database, DocumentNumber, DocumentType, PartialDate, State};

use super::records::DocumentRecord;

/// Codes of theft and colours of notices at most.
const WORDS_MAX: usize = 4_096;

/// Documents, found by number and by record id once they are sorted.
#[derive(Debug, Default)]
pub(super) struct Documents {
    /// Sorted by number.
    packed: Vec<Packed>,
    /// Places in `packed`, sorted by record id.
    by_id: Vec<u32>,
    /// Codes of theft and colours of notices.
    words: Vec<Box<str>>,
    /// Ids that are not 32 hexadecimal digits.
    others: Vec<Box<str>>,
}

/// Every field is made of bytes, so that there is no gap between two records.
#[derive(Clone, Copy, Debug)]
struct Packed {
    number: DocumentNumber,
    id: Id,
    issuer: Option<State>,
    doc_type: Option<DocumentType>,
    theft_country: Option<State>,
    theft_date: Option<PartialDate>,
    database: Database,
    theft_type: Word,
    notice: Word,
}

/// A place in `words`, from 1; 0 for none.
type Word = [u8; 2];

#[derive(Clone, Copy, Debug)]
enum Id {
    Hex([u8; 16]),
    /// The place in `others`.
    Other([u8; 4]),
}

impl Documents {
    pub(super) fn len(&self) -> usize {
        self.packed.len()
    }

    /// Room for so many records, so that the array is not copied while it grows.
    pub(super) fn reserve(&mut self, records: usize) {
        self.packed.reserve_exact(records);
    }

    /// Adds a record, which is found only after the next sort.
    pub(super) fn push(&mut self, record: &DocumentRecord) {
        let packed = Packed {
            number: record.number,
            id: self.packed_id(&record.record),
            issuer: record.issuer,
            doc_type: record.doc_type,
            theft_country: record.theft_country,
            theft_date: record.theft_date,
            database: record.database,
            theft_type: self.packed_word(record.theft_type.as_deref()),
            notice: self.packed_word(record.notice.as_deref()),
        };
        self.packed.push(packed);
    }

    /// All of a record.
    fn read(&self, packed: &Packed) -> DocumentRecord {
        DocumentRecord {
            database: packed.database,
            number: packed.number,
            issuer: packed.issuer,
            doc_type: packed.doc_type,
            theft_type: self.word(packed.theft_type),
            theft_date: packed.theft_date,
            theft_country: packed.theft_country,
            notice: self.word(packed.notice),
            record: self.id(packed.id).into(),
        }
    }

    /// Makes all records found.
    pub(super) fn sort(&mut self) {
        let others = &self.others;
        self.packed.sort_unstable_by(|a, b| {
            let ids = || order(others, a.id, b.id);
            (a.number, a.database).cmp(&(b.number, b.database)).then_with(ids)
        });
        self.packed.shrink_to_fit();
        let count = u32::try_from(self.packed.len()).unwrap_or(u32::MAX);
        self.by_id = (0..count).collect();
        let id = |place: &u32| self.packed[*place as usize].id;
        self.by_id.sort_unstable_by(|a, b| order(others, id(a), id(b)));
    }

    pub(super) fn by_number(&self, number: &DocumentNumber) -> impl Iterator<Item = DocumentRecord> + '_ {
        let begin = self.packed.partition_point(|record| record.number < *number);
        let count = self.packed[begin..].partition_point(|record| record.number == *number);
        self.packed[begin..begin + count].iter().map(|packed| self.read(packed))
    }

    pub(super) fn by_record(&self, id: &str) -> Option<DocumentRecord> {
        let held = |place: &u32| &self.packed[*place as usize];
        let found = self.by_id.binary_search_by(|place| match (held(place).id, hex(id)) {
            (Id::Hex(known), Some(wanted)) => known.cmp(&wanted),
            (Id::Hex(_), None) => Ordering::Less,
            (Id::Other(_), Some(_)) => Ordering::Greater,
            (Id::Other(place), None) => self.others[u32::from_le_bytes(place) as usize].as_ref().cmp(id),
        });
        found.ok().map(|at| self.read(held(&self.by_id[at])))
    }

    fn packed_id(&mut self, id: &str) -> Id {
        hex(id).map_or_else(
            || {
                self.others.push(id.into());
                Id::Other(u32::try_from(self.others.len() - 1).unwrap_or(u32::MAX).to_le_bytes())
            },
            Id::Hex,
        )
    }

    fn id(&self, id: Id) -> String {
        match id {
            Id::Hex(bytes) => crate::keys::hex(&bytes),
            Id::Other(place) => self.others[u32::from_le_bytes(place) as usize].to_string(),
        }
    }

    fn packed_word(&mut self, word: Option<&str>) -> Word {
        let Some(word) = word else { return [0; 2] };
        let known = self.words.iter().position(|known| **known == *word);
        // A feed of more words than these is no feed of codes: the rest is left out.
        let place = match known {
            Some(place) => place,
            None if self.words.len() == WORDS_MAX => return [0; 2],
            None => {
                self.words.push(word.into());
                self.words.len() - 1
            }
        };
        u16::try_from(place + 1).unwrap_or(0).to_le_bytes()
    }

    fn word(&self, word: Word) -> Option<Box<str>> {
        let place = usize::from(u16::from_le_bytes(word)).checked_sub(1)?;
        self.words.get(place).cloned()
    }
}

fn order(others: &[Box<str>], a: Id, b: Id) -> Ordering {
    let text = |place: [u8; 4]| &others[u32::from_le_bytes(place) as usize];
    match (a, b) {
        (Id::Hex(a), Id::Hex(b)) => a.cmp(&b),
        (Id::Hex(_), Id::Other(_)) => Ordering::Less,
        (Id::Other(_), Id::Hex(_)) => Ordering::Greater,
        (Id::Other(a), Id::Other(b)) => text(a).cmp(text(b)),
    }
}

/// The bytes of 32 hexadecimal digits in lower case.
fn hex(text: &str) -> Option<[u8; 16]> {
    let digits: &[u8; 32] = text.as_bytes().try_into().ok()?;
    let value = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        *byte = value(pair[0])? << 4 | value(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::super::feed;
    use super::*;

    // Proves that a record is as small as the document of this module says.
    #[test]
    fn size() {
        assert_eq!(size_of::<Packed>(), 68);
    }

    // Proves that each record is found by its number and by its id, whatever the id's kind, and comes back as it was given.
    #[test]
    fn round_trip() {
        let mut documents = Documents::default();
        let mut records: Vec<_> = feed::generate(2_000, 3).rows().map(|row| row.record().unwrap()).collect();
        for (place, record) in records.iter_mut().enumerate() {
            match place % 4 {
                0 => record.record = format!("OTHER-{place}").into(),
                1 => record.record = record.record.to_uppercase().into(),
                2 => (record.theft_type, record.issuer, record.notice) = (None, None, Some("RED".into())),
                _ => {}
            }
            documents.push(record);
        }
        documents.sort();
        for record in &records {
            assert_eq!(documents.by_record(&record.record).unwrap(), *record);
            assert!(documents.by_number(&record.number).any(|found| found == *record));
        }
        for absent in ["OTHER-1", "0123456789abcdef0123456789abcdef", "", "S"] {
            assert!(documents.by_record(absent).is_none());
        }
        assert_eq!(documents.len(), 2_000);
    }
}
