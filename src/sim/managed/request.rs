//! Reading requests.

use postern_formats::xml::{Limits, Reader, Token};
use postern_sdk::{DocumentNumber, DocumentType, State};

use super::super::service::Request;
use crate::find::profile::{HeaderValue, Profile, Wisdm, WisdmOperation, WisdmValue};
use crate::find::reply::{Entry, Unreadable, flatten};

/// A request as it was read.
#[derive(Default)]
pub(super) struct Asked {
    header: Request,
    fields: Vec<(WisdmValue, String)>,
    /// The document, if one came.
    pub(super) document: Option<Entry>,
}

impl Asked {
    /// Reads the envelope of a request for an operation.
    pub(super) fn read(
        profile: &Profile,
        wisdm: &Wisdm,
        operation: &WisdmOperation,
        body: &[u8],
    ) -> Result<Self, Unreadable> {
        let names = &profile.envelope;
        let mut asked = Self::default();
        let mut reader = Reader::new(body, Limits::default())?;
        reader.root()?;
        reader.children::<Unreadable>(|reader, part| {
            if part.is(&names.header) {
                return Ok(asked.header.read_header(profile, reader)?);
            }
            if !part.is(&names.body) {
                return Ok(());
            }
            reader.children(|reader, element| {
                if element.is(&operation.operation) {
                    return asked.read_fields(wisdm, operation, reader);
                }
                Ok(())
            })
        })?;
        reader.finish()?;
        Ok(asked)
    }

    fn read_fields(
        &mut self,
        wisdm: &Wisdm,
        operation: &WisdmOperation,
        reader: &mut Reader<'_>,
    ) -> Result<(), Unreadable> {
        reader.children(|reader, field| {
            let Some(known) = operation.fields.iter().find(|known| field.is(&known.element)) else {
                return Ok(());
            };
            if known.value == WisdmValue::Document {
                return self.read_payload(wisdm, reader);
            }
            let text = reader.text_only()?.trim().to_owned();
            if !text.is_empty() {
                self.fields.push((known.value, text));
            }
            Ok(())
        })
    }

    /// A payload as elements or as text.
    fn read_payload(&mut self, wisdm: &Wisdm, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        let mut escaped = String::new();
        while let Some(token) = reader.next()? {
            match token {
                Token::Text(text) => escaped.push_str(&text),
                Token::Start(root) if root.is(&wisdm.payload.root) => self.read_document(wisdm, reader)?,
                Token::Start(_) => reader.skip()?,
                Token::End => break,
            }
        }
        if escaped.trim().is_empty() {
            return Ok(());
        }
        let mut reader = Reader::new(escaped.trim().as_bytes(), Limits::default())?;
        if reader.root()?.is(&wisdm.payload.root) {
            self.read_document(wisdm, &mut reader)?;
        }
        Ok(reader.finish()?)
    }

    fn read_document(&mut self, wisdm: &Wisdm, reader: &mut Reader<'_>) -> Result<(), Unreadable> {
        reader.children(|reader, element| {
            if element.is(&wisdm.payload.document) {
                let mut entry = Entry::default();
                flatten(reader, element, &mut String::new(), &mut entry)?;
                self.document = Some(entry);
            }
            Ok(())
        })
    }

    fn field(&self, value: WisdmValue) -> Option<&str> {
        self.fields.iter().find(|(known, _)| *known == value).map(|(_, text)| text.as_str())
    }

    /// Whether an account asks.
    pub(super) fn has_account(&self) -> bool {
        let named = |value| self.header.header(value).is_some_and(|text| !text.is_empty());
        named(HeaderValue::AccountUsername) && named(HeaderValue::AccountPassword)
    }

    /// The reference that is the request's alone.
    pub(super) fn reference(&self) -> &str {
        self.header.header(HeaderValue::ReferenceInCountry).unwrap_or_default()
    }

    /// The country that asks. INTERPOL knows it by the account; here the reference begins with it.
    pub(super) fn owner(&self) -> Option<State> {
        State::normalise(self.reference().split('-').next()?).ok()
    }

    /// The id of a record.
    pub(super) fn id(&self) -> Option<&str> {
        self.field(WisdmValue::Id)
    }

    /// The number that is searched for.
    pub(super) fn number(&self) -> Option<DocumentNumber> {
        DocumentNumber::normalise(self.field(WisdmValue::Number)?).ok()
    }

    /// The type that is searched for.
    pub(super) fn doc_type(&self, profile: &Profile) -> Option<DocumentType> {
        profile.tables.document_type(self.field(WisdmValue::DocType)?).0
    }

    /// The day until which a record is to be kept, as it was sent.
    pub(super) fn retention(&self) -> Option<&str> {
        self.field(WisdmValue::Retention)
    }

    /// Why, as it was sent.
    pub(super) fn extension_reason(&self) -> Option<&str> {
        self.field(WisdmValue::ExtensionReason)
    }

    /// The movement from which actions are told.
    pub(super) fn movement(&self) -> &str {
        self.field(WisdmValue::Movement).unwrap_or("0")
    }
}
