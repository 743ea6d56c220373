//! The rules of fields, checked before anything is sent.
//!
//! The service refuses what breaks them, one fault at a time and a request each. Here all faults of a document are told at
//! once, with a stable code, and nothing is sent.

use std::fmt;

use jiff::civil::Date;
use jiff::{Span, ToSpan};
use postern_sdk::{DocumentNumber, DocumentType, State};
use serde::Serialize;

use super::document::{Document, Draft};
use crate::find::profile::{Fraud, Profile, Table, Wisdm};

macro_rules! rules {
    ($($(#[$doc:meta])* $variant:ident, $code:literal, $field:literal, $remedy:literal;)+) => {
        /// A rule that a document breaks.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Rule {
            $($(#[$doc])* $variant,)+
        }

        impl Rule {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable name.
            pub const fn code(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// The column that breaks it.
            pub const fn field(self) -> &'static str {
                match self { $(Self::$variant => $field,)+ }
            }

            /// What to do.
            pub const fn remedy(self) -> &'static str {
                match self { $(Self::$variant => $remedy,)+ }
            }
        }
    };
}

rules! {
    /// There is no number, or it is too short, too long or of other characters.
    NumberInvalid, "number_invalid", "number", "write 5 to 25 letters and digits; others are removed";
    /// There is no type.
    TypeMissing, "type_missing", "type", "write the code of its type: PAS for a passport";
    /// The type is not in the profile's table, or stands for a whole family.
    TypeUnknown, "type_unknown", "type", "write a code of the profile's table, not P, I or V";
    /// It is not said how the document was lost.
    LossMissing, "loss_missing", "loss", "write stolen, lost, stolen_blank, revoked or invalid";
    /// The kind of loss is none, or the profile has no word for it.
    LossUnknown, "loss_unknown", "loss", "write stolen, lost, stolen_blank, revoked or invalid";
    /// The country of loss is missing.
    CountryMissing, "country_missing", "country", "write three letters; only a stolen blank has none";
    /// The country is not known.
    CountryUnknown, "country_unknown", "country", "write three letters, as in ISO 3166";
    /// A batch, and the document is no stolen blank.
    BatchNotAllowed, "batch_not_allowed", "batch", "leave it out: only stolen blanks have one";
    /// The batch is too long.
    BatchTooLong, "batch_too_long", "batch", "shorten it";
    /// The date of loss is no date.
    DateFormat, "date_format", "date", "write YYYY-MM-DD";
    /// The document was lost in the future.
    DateNotInPast, "date_not_in_past", "date", "compare it with the report";
    /// The document was lost before it was issued.
    DateBeforeIssue, "date_before_issue", "date", "compare both dates with the report";
    /// The date of issue is no date.
    IssuedFormat, "issued_format", "issued", "write YYYY-MM-DD";
    /// The document was issued in the future.
    IssuedNotInPast, "issued_not_in_past", "issued", "compare it with the document";
    /// A blank has no date of issue.
    IssuedOfBlank, "issued_of_blank", "issued", "leave it out: a blank was not issued";
    /// The date of expiry is no date.
    ExpiresFormat, "expires_format", "expires", "write YYYY-MM-DD";
    /// The document ends before it was issued.
    ExpiresBeforeIssue, "expires_before_issue", "expires", "compare both dates with the document";
    /// A blank has no date of expiry.
    ExpiresOfBlank, "expires_of_blank", "expires", "leave it out: a blank was not issued";
    /// The country's reference is too long.
    NationalReferenceTooLong, "national_reference_too_long", "national_reference", "shorten it";
    /// The bureau's reference is too long.
    NcbReferenceTooLong, "ncb_reference_too_long", "ncb_reference", "shorten it";
    /// The additional information is too long.
    InfoTooLong, "info_too_long", "info", "shorten it; it must not hold personal data";
    /// The day until which the record is kept is no date.
    KeepFormat, "keep_until_format", "keep_until", "write YYYY-MM-DD";
    /// The record would end in the past.
    KeepNotInFuture, "keep_until_not_in_future", "keep_until", "choose a later day";
    /// The record would be kept longer than its class allows.
    KeepExceedsPeriod, "keep_until_exceeds_period", "keep_until", "choose an earlier day, or leave it out";
    /// The end of a record is changed without a reason.
    ReasonMissing, "keep_reason_missing", "keep_reason", "give a word of the profile's table: purpose_not_achieved";
    /// The reason is not in the profile's table.
    ReasonUnknown, "keep_reason_unknown", "keep_reason", "give a word of the profile's table: purpose_not_achieved";
    /// The document stands in the list twice.
    Twice, "twice", "number", "leave one of the rows out";
    /// The row can't be read.
    RowUnreadable, "row_unreadable", "row", "write as many fields as the header has, in UTF-8";
    /// The kind of loss differs from the record's, and can't be changed.
    LossChanged, "loss_changed", "loss", "withdraw the record and report it anew";
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.field(), self.code(), self.remedy())
    }
}

impl Serialize for Rule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.code())
    }
}

/// The rules of a profile on a day.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The profile, for its tables.
    pub profile: &'a Profile,
    /// Its section.
    pub wisdm: &'a Wisdm,
    /// Today, in UTC.
    pub today: Date,
}

/// Gathers what is broken.
#[derive(Default)]
struct Broken(Vec<Rule>);

impl Broken {
    fn that(&mut self, holds: bool, rule: Rule) {
        if !holds {
            self.0.push(rule);
        }
    }

    /// What was read, or none with the rule that it breaks.
    fn read<T>(&mut self, read: Option<T>, rule: Rule) -> Option<T> {
        self.that(read.is_some(), rule);
        read
    }

    fn date(&mut self, text: &str, rule: Rule) -> Option<Date> {
        given(text).and_then(|text| self.read(text.parse().ok().filter(|_| text.len() == 10), rule))
    }

    /// A text of so many characters at most.
    fn text(&mut self, text: &str, chars_max: usize, rule: Rule) -> Option<String> {
        let text = given(text)?;
        self.that(text.chars().count() <= chars_max, rule);
        Some(text.to_owned())
    }
}

fn given(text: &str) -> Option<&str> {
    Some(text.trim()).filter(|text| !text.is_empty())
}

impl Rules<'_> {
    /// The document of a draft.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn check(&self, draft: &Draft) -> Result<Document, Vec<Rule>> {
        let mut broken = Broken::default();
        let number = self.number(&draft.number, &mut broken);
        let doc_type = self.doc_type(&draft.doc_type, &mut broken);
        let fraud = self.fraud(&draft.loss, &mut broken);
        let blank = fraud == Some(Fraud::StolenBlank);
        let theft_country = country(&draft.country, fraud, &mut broken);
        let batch = broken.text(&draft.batch, self.wisdm.fields.batch_max, Rule::BatchTooLong);
        broken.that(batch.is_none() || blank || fraud.is_none(), Rule::BatchNotAllowed);
        let [theft_date, issued, expires] = self.dates(draft, blank, &mut broken);
        let fields = &self.wisdm.fields;
        let national_reference =
            broken.text(&draft.national_reference, fields.reference_max, Rule::NationalReferenceTooLong);
        let ncb_reference =
            broken.text(&draft.ncb_reference, fields.reference_max, Rule::NcbReferenceTooLong);
        let additional = broken.text(&draft.info, fields.additional_max, Rule::InfoTooLong);
        let keep_until = broken.date(&draft.keep_until, Rule::KeepFormat);
        if let (Some(until), Some(doc_type), Some(fraud)) = (keep_until, doc_type, fraud) {
            self.keep(until, &doc_type, fraud, &mut broken);
        }
        let keep_reason = self.reason(&draft.keep_reason, &mut broken);
        match (number, doc_type, fraud) {
            (Some(number), Some(doc_type), Some(fraud)) if broken.0.is_empty() => Ok(Document {
                number,
                doc_type,
                fraud,
                theft_country,
                theft_date,
                batch,
                issued,
                expires,
                national_reference,
                ncb_reference,
                additional,
                keep_until,
                keep_reason,
            }),
            _ => Err(broken.0),
        }
    }

    /// The new end of a record, with the reason that a change needs.
    ///
    /// # Errors
    /// Every rule that it breaks.
    pub fn check_retention(
        &self,
        until: &str,
        reason: &str,
        kept: Option<(DocumentType, Fraud)>,
    ) -> Result<(Date, String), Vec<Rule>> {
        let mut broken = Broken::default();
        let until = broken.read(until.trim().parse().ok(), Rule::KeepFormat);
        match (until, kept) {
            (Some(until), Some((doc_type, fraud))) => self.keep(until, &doc_type, fraud, &mut broken),
            (Some(until), None) => broken.that(until > self.today, Rule::KeepNotInFuture),
            _ => {}
        }
        broken.that(given(reason).is_some(), Rule::ReasonMissing);
        let reason = self.reason(reason, &mut broken);
        match (until, reason) {
            (Some(until), Some(reason)) if broken.0.is_empty() => Ok((until, reason)),
            _ => Err(broken.0),
        }
    }

    /// A number, cleaned.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_number(&self, text: &str) -> Result<DocumentNumber, Vec<Rule>> {
        let mut broken = Broken::default();
        self.number(text, &mut broken).ok_or(broken.0)
    }

    /// A type, which is no wildcard.
    ///
    /// # Errors
    /// The rule that it breaks.
    pub fn check_type(&self, text: &str) -> Result<DocumentType, Vec<Rule>> {
        let mut broken = Broken::default();
        self.doc_type(text, &mut broken).ok_or(broken.0)
    }

    fn number(&self, text: &str, broken: &mut Broken) -> Option<DocumentNumber> {
        let fields = &self.wisdm.fields;
        let fits = |number: &DocumentNumber| {
            (fields.number_min..=fields.number_max).contains(&number.reveal().len())
        };
        broken.read(DocumentNumber::normalise(text).ok().filter(fits), Rule::NumberInvalid)
    }

    fn doc_type(&self, text: &str, broken: &mut Broken) -> Option<DocumentType> {
        let text = broken.read(given(text), Rule::TypeMissing)?;
        let known = |code: &DocumentType| self.profile.tables.document_types.values().any(|one| one == code);
        let code = DocumentType::normalise(text).ok();
        let code = code.filter(|code| code.wildcard().is_none() && known(code));
        broken.read(code, Rule::TypeUnknown)
    }

    fn fraud(&self, text: &str, broken: &mut Broken) -> Option<Fraud> {
        let text = broken.read(given(text), Rule::LossMissing)?;
        let fraud = Fraud::from_code(text).filter(|fraud| self.wisdm.fraud_text(*fraud).is_some());
        broken.read(fraud, Rule::LossUnknown)
    }

    /// The dates of loss, issue and expiry.
    fn dates(&self, draft: &Draft, blank: bool, broken: &mut Broken) -> [Option<Date>; 3] {
        let theft = broken.date(&draft.date, Rule::DateFormat);
        let issued = broken.date(&draft.issued, Rule::IssuedFormat);
        let expires = broken.date(&draft.expires, Rule::ExpiresFormat);
        let past = |date: Date| date < self.today || (self.wisdm.fields.today_is_past && date == self.today);
        broken.that(theft.is_none_or(past), Rule::DateNotInPast);
        broken.that(issued.is_none_or(past), Rule::IssuedNotInPast);
        if blank {
            broken.that(issued.is_none(), Rule::IssuedOfBlank);
            broken.that(expires.is_none(), Rule::ExpiresOfBlank);
        } else if let Some(issued) = issued {
            broken.that(theft.is_none_or(|theft| theft >= issued), Rule::DateBeforeIssue);
            broken.that(expires.is_none_or(|expires| expires > issued), Rule::ExpiresBeforeIssue);
        }
        [theft, issued, expires]
    }

    fn keep(&self, until: Date, doc_type: &DocumentType, fraud: Fraud, broken: &mut Broken) {
        broken.that(until > self.today, Rule::KeepNotInFuture);
        broken.that(until <= self.last_day(doc_type, fraud), Rule::KeepExceedsPeriod);
    }

    /// The last day until which a record that is reported today may be kept.
    pub fn last_day(&self, doc_type: &DocumentType, fraud: Fraud) -> Date {
        let years: Span = i32::from(self.wisdm.retention_years(doc_type, fraud)).years();
        self.today.saturating_add(years)
    }

    fn reason(&self, text: &str, broken: &mut Broken) -> Option<String> {
        let text = given(text)?;
        let words = self.profile.tables.words(Table::ExtensionReasons);
        broken.that(words.values().any(|word| *word == text), Rule::ReasonUnknown);
        Some(text.to_owned())
    }
}

fn country(text: &str, fraud: Option<Fraud>, broken: &mut Broken) -> Option<State> {
    match given(text) {
        Some(text) => broken.read(State::normalise(text).ok().filter(State::is_known), Rule::CountryUnknown),
        None => {
            broken.that(matches!(fraud, None | Some(Fraud::StolenBlank)), Rule::CountryMissing);
            None
        }
    }
}
