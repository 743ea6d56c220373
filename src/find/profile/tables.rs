//! The tables of codes: how the wire writes what has a name of ours.
//!
//! INTERPOL's lists are not public in full and change. A code that no table has is not refused: it is kept as it came, and
//! counted, so that whoever looks after the profile learns of it.

use std::collections::BTreeMap;

use postern_sdk::{DocumentType, State};
use serde::Deserialize;

/// The tables. Each goes from the wire's word to ours.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Tables {
    /// Countries.
    pub countries: BTreeMap<String, State>,
    /// Types of documents.
    pub document_types: BTreeMap<String, DocumentType>,
    /// Types of theft and fraud.
    pub theft_types: BTreeMap<String, String>,
    /// Colours of notices.
    pub notices: BTreeMap<String, String>,
    /// Colours of vehicles.
    pub colours: BTreeMap<String, String>,
    /// Offences.
    pub offences: BTreeMap<String, String>,
    /// Reasons for which a record is kept longer.
    pub extension_reasons: BTreeMap<String, String>,
}

/// A table of words. Countries and types of documents are tables too, of values that have a type here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Table {
    /// See [`Tables::countries`].
    Countries,
    /// See [`Tables::document_types`].
    DocumentTypes,
    /// See [`Tables::theft_types`].
    TheftTypes,
    /// See [`Tables::notices`].
    Notices,
    /// See [`Tables::colours`].
    Colours,
    /// See [`Tables::offences`].
    Offences,
    /// See [`Tables::extension_reasons`].
    ExtensionReasons,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Countries,
        Self::DocumentTypes,
        Self::TheftTypes,
        Self::Notices,
        Self::Colours,
        Self::Offences,
        Self::ExtensionReasons,
    ];

    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Countries => "countries",
            Self::DocumentTypes => "document_types",
            Self::TheftTypes => "theft_types",
            Self::Notices => "notices",
            Self::Colours => "colours",
            Self::Offences => "offences",
            Self::ExtensionReasons => "extension_reasons",
        }
    }
}

impl Tables {
    /// The words of a table on the wire, and ours.
    pub fn words(&self, table: Table) -> BTreeMap<&str, &str> {
        fn texts(table: &BTreeMap<String, String>) -> BTreeMap<&str, &str> {
            table.iter().map(|(wire, ours)| (wire.as_str(), ours.as_str())).collect()
        }
        match table {
            Table::Countries => {
                self.countries.iter().map(|(wire, ours)| (wire.as_str(), ours.as_str())).collect()
            }
            Table::DocumentTypes => {
                self.document_types.iter().map(|(wire, ours)| (wire.as_str(), ours.as_str())).collect()
            }
            Table::TheftTypes => texts(&self.theft_types),
            Table::Notices => texts(&self.notices),
            Table::Colours => texts(&self.colours),
            Table::Offences => texts(&self.offences),
            Table::ExtensionReasons => texts(&self.extension_reasons),
        }
    }

    /// The state that the wire writes so: a word of the table, or the state's own code.
    pub fn state(&self, text: &str) -> Option<State> {
        let text = text.trim();
        match self.countries.get(text) {
            Some(state) => Some(*state),
            None => State::normalise(text).ok().filter(|_| text.len() == 3 || text == "D"),
        }
    }

    /// How the wire writes a state: by the table's word, or by its own code if the table has none.
    pub fn state_text<'a>(&'a self, state: &'a State) -> &'a str {
        self.countries.iter().find(|(_, known)| *known == state).map_or(state.as_str(), |(wire, _)| wire)
    }

    /// The type of a document that the wire writes so, and whether the table has it.
    pub fn document_type(&self, text: &str) -> (Option<DocumentType>, bool) {
        match self.document_types.get(text.trim()) {
            Some(known) => (Some(*known), true),
            None => (DocumentType::normalise(text).ok(), false),
        }
    }

    /// How the wire writes a type of document: by the table's word, or by its own code if the table has none.
    pub fn document_type_text<'a>(&'a self, code: &'a DocumentType) -> &'a str {
        self.document_types.iter().find(|(_, known)| *known == code).map_or(code.as_str(), |(wire, _)| wire)
    }

    /// Our word for one of the wire's; none if the table does not have it.
    pub fn word(&self, table: Table, text: &str) -> Option<&str> {
        let table = self.texts(table)?;
        table.get(text.trim()).map(String::as_str)
    }

    /// The wire's word for one of ours; the same if the table does not have it.
    pub fn word_text<'a>(&'a self, table: Table, ours: &'a str) -> &'a str {
        let found = self.texts(table).into_iter().flatten().find(|(_, known)| *known == ours);
        found.map_or(ours, |(wire, _)| wire)
    }

    const fn texts(&self, table: Table) -> Option<&BTreeMap<String, String>> {
        match table {
            Table::Countries | Table::DocumentTypes => None,
            Table::TheftTypes => Some(&self.theft_types),
            Table::Notices => Some(&self.notices),
            Table::Colours => Some(&self.colours),
            Table::Offences => Some(&self.offences),
            Table::ExtensionReasons => Some(&self.extension_reasons),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Profile;
    use super::*;

    // Proves that states go both ways, by number or code, and that an unknown number is no state.
    #[test]
    fn states() {
        let tables = Profile::built_in().tables;
        let germany = tables.state("155").unwrap();
        assert_eq!((germany, tables.state_text(&germany)), (State::GERMANY, "155"));
        let utopia = tables.state("UTO").unwrap();
        assert_eq!(tables.state_text(&utopia), "UTO");
        assert_eq!(tables.state("341"), None);
        assert_eq!(tables.state(""), None);
        assert_eq!(tables.state("FR"), None);
    }

    // Proves that a table's words go both ways, and that an unknown word stays what it is and is told to be unknown.
    #[test]
    fn words() {
        let mut tables = Profile::built_in().tables;
        tables.document_types.insert("101".into(), DocumentType::PASSPORT);
        tables.document_types.remove("PAS");
        tables.theft_types.insert("1".into(), "stolen".into());
        assert_eq!(tables.document_type("101"), (Some(DocumentType::PASSPORT), true));
        assert_eq!(tables.document_type_text(&DocumentType::PASSPORT), "101");
        assert_eq!(tables.document_type("QQQ"), (DocumentType::normalise("QQQ").ok(), false));
        assert_eq!(tables.document_type("??").0, None);
        assert_eq!(tables.word(Table::TheftTypes, " 1"), Some("stolen"));
        assert_eq!(tables.word(Table::TheftTypes, "9"), None);
        assert_eq!(
            (tables.word_text(Table::TheftTypes, "stolen"), tables.word_text(Table::TheftTypes, "x")),
            ("1", "x")
        );
    }
}
