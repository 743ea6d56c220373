//! How well a record matches what was asked.
//!
//! Both sources look a document up by its number alone and leave issuer and type to be compared here, once: a record of
//! another type or country is then told as a weaker match instead of not being found. What is not known is never taken
//! to agree, so a question without issuer or type, or a record without them, can't make an exact match. Persons are found by
//! the likeness of their names, and graded here too.

use postern_sdk::{
    Basis, DocumentKey, DocumentNumber, DocumentType, FirearmKey, MatchClass, PartialDate, PersonKey,
    QueryKey, State, TypeRelation, VehicleKey,
};

/// The class of a record's match with the document that was asked for, within the [`ceiling`] of the query's basis.
///
/// `record_number` is the number as recorded; none if the source does not tell it, and then the source's word that the
/// number agrees makes [`MatchClass::NumberOnly`] at most. A recorded number other than the one asked for, which a
/// service with its own look-alikes may return, is a [`MatchClass::MisreadVariant`].
pub fn grade(
    asked: &DocumentKey,
    basis: Basis,
    record_number: Option<&DocumentNumber>,
    record_issuer: Option<State>,
    record_type: Option<DocumentType>,
) -> MatchClass {
    let at_most = match record_number {
        Some(number) if *number == asked.number => MatchClass::Exact,
        Some(_) => MatchClass::MisreadVariant,
        None => MatchClass::NumberOnly,
    };
    let issuer = both(asked.issuer, record_issuer).is_some_and(|(asked, record)| asked.agrees(&record));
    let doc_type = both(asked.doc_type, record_type)
        .is_some_and(|(asked, record)| asked.relation(&record) == TypeRelation::Agrees);
    let class = match (issuer, doc_type) {
        (true, true) => MatchClass::Exact,
        (true, false) => MatchClass::TypeDiffers,
        (false, true) => MatchClass::IssuerDiffers,
        (false, false) => MatchClass::NumberOnly,
    };
    class.max(at_most).max(ceiling(basis))
}

/// The class of the match of a thing's record under the identifier that was asked for. A vehicle identification number and
/// a ship's IMO number are unique in the world; a registration mark is one of its country; a firearm's serial number is one
/// of its make and model; numbers of parts repeat, so that only their owner can tell. A work of art is found by likeness.
pub fn grade_thing(asked: &QueryKey, record: &ThingRecord<'_>) -> MatchClass {
    match asked {
        QueryKey::Vehicle(VehicleKey::Vin(_)) => MatchClass::Exact,
        QueryKey::Vehicle(VehicleKey::Plate { country, .. }) => {
            match both(*country, record.country).is_some_and(|(asked, record)| asked.agrees(&record)) {
                true => MatchClass::Exact,
                false => MatchClass::IssuerDiffers,
            }
        }
        QueryKey::Firearm(key) => grade_firearm(key, record),
        QueryKey::Vessel(key) if key.serial().is_imo_number() => MatchClass::Exact,
        QueryKey::WorkOfArt(_) => MatchClass::NameScore,
        _ => MatchClass::NumberOnly,
    }
}

fn grade_firearm(key: &FirearmKey, record: &ThingRecord<'_>) -> MatchClass {
    let agrees = |asked: &Option<String>, found: Option<&str>| {
        both(asked.as_deref(), found).map(|(asked, found)| same_name(Some(asked), Some(found)))
    };
    let class = match (agrees(&key.make, record.make), agrees(&key.model, record.model)) {
        (Some(true), Some(true)) => MatchClass::Exact,
        (Some(true), _) => MatchClass::TypeDiffers,
        (_, Some(true)) => MatchClass::IssuerDiffers,
        _ => MatchClass::NumberOnly,
    };
    match agrees(&key.calibre, record.calibre) {
        Some(false) => class.max(MatchClass::TypeDiffers),
        _ => class,
    }
}

/// The best class that a match on a query of this basis can have. Only what the subject states can match exactly.
///
/// * A look-alike, or a number whose check digit failed: a misread variant.
/// * A number from the optional data, or another reading of a long number: which of the document's numbers it is, is not
///   known, as if the type were not.
/// * A visa's number as the passport's: the passport's issuer is a guess from the nationality.
/// * The other century: the birth date is a guess, so a person is found by the likeness of the name.
pub const fn ceiling(basis: Basis) -> MatchClass {
    match basis {
        Basis::Stated => MatchClass::Exact,
        Basis::OptionalData | Basis::LongNumber => MatchClass::TypeDiffers,
        Basis::VisaAsPassport => MatchClass::IssuerDiffers,
        Basis::Unreliable | Basis::Misread => MatchClass::MisreadVariant,
        Basis::OtherCentury => MatchClass::NameScore,
    }
}

/// What a thing's record says beside its number.
#[derive(Clone, Copy, Debug, Default)]
pub struct ThingRecord<'a> {
    /// The country of registration.
    pub country: Option<State>,
    /// The make.
    pub make: Option<&'a str>,
    /// The model.
    pub model: Option<&'a str>,
    /// The calibre.
    pub calibre: Option<&'a str>,
}

/// What a person's record says of the person. Personal, so it has no `Debug`.
#[derive(Clone, Copy)]
pub struct PersonRecord<'a> {
    /// Its primary identifier.
    pub name: Option<&'a str>,
    /// Its secondary identifier.
    pub forename: Option<&'a str>,
    /// The date of birth.
    pub birth: Option<PartialDate>,
    /// The numbers of documents that the person holds.
    pub documents: &'a [&'a str],
}

/// The class of a person's record: by the likeness of the name, unless name, full birth date and a document agree.
pub fn grade_person(key: &PersonKey, basis: Basis, record: &PersonRecord<'_>) -> MatchClass {
    let secondary = key.name.secondary.as_ref().map(|name| name.reveal().as_str());
    let name_agrees = !key.name.truncated
        && same_name(Some(key.name.primary.reveal()), record.name)
        && same_name(secondary, record.forename);
    let full = |date: Option<PartialDate>| date.and_then(|date| date.date());
    let stated = ceiling(basis) == MatchClass::Exact;
    let birth_agrees = stated && full(key.birth).is_some() && full(key.birth) == full(record.birth);
    let document_agrees = key.document.is_some_and(|asked| {
        record.documents.iter().any(|found| DocumentNumber::normalise(found) == Ok(asked))
    });
    match name_agrees && birth_agrees && document_agrees {
        true => MatchClass::Exact,
        false => MatchClass::NameScore,
    }
}

/// Whether two names are the same but for case and blanks.
fn same_name(a: Option<&str>, b: Option<&str>) -> bool {
    let words = |name: Option<&str>| -> Vec<String> {
        name.unwrap_or_default().split_whitespace().map(str::to_uppercase).collect()
    };
    words(a) == words(b)
}

fn both<T>(a: Option<T>, b: Option<T>) -> Option<(T, T)> {
    Some((a?, b?))
}

#[cfg(test)]
mod tests {
    use postern_sdk::{Name, Personal};

    use super::*;

    fn key(issuer: Option<&str>, doc_type: Option<&str>) -> DocumentKey {
        DocumentKey {
            number: "L898902C3".parse().unwrap(),
            issuer: issuer.map(|code| code.parse().unwrap()),
            doc_type: doc_type.map(|code| code.parse().unwrap()),
        }
    }

    fn graded(asked: &DocumentKey, basis: Basis, issuer: Option<&str>, doc_type: Option<&str>) -> MatchClass {
        let record = key(issuer, doc_type);
        grade(asked, basis, Some(&record.number), record.issuer, record.doc_type)
    }

    // Proves the four grades of a number that agrees, and that what is unknown on either side never agrees.
    #[test]
    fn issuer_and_type_grade_a_number() {
        let asked = key(Some("UTO"), Some("P"));
        let cases = [
            (Some("UTO"), Some("PAS"), MatchClass::Exact),
            (Some("UTO"), Some("IDC"), MatchClass::TypeDiffers),
            (Some("UTO"), None, MatchClass::TypeDiffers),
            (Some("FRA"), Some("DIP"), MatchClass::IssuerDiffers),
            (None, Some("PAS"), MatchClass::IssuerDiffers),
            (Some("FRA"), Some("IDC"), MatchClass::NumberOnly),
            (None, None, MatchClass::NumberOnly),
        ];
        for (issuer, doc_type, class) in cases {
            assert_eq!(graded(&asked, Basis::Stated, issuer, doc_type), class, "{issuer:?} {doc_type:?}");
        }
        let open = key(None, None);
        assert_eq!(graded(&open, Basis::Stated, Some("UTO"), Some("PAS")), MatchClass::NumberOnly);
        let no_type = key(Some("UTO"), None);
        assert_eq!(graded(&no_type, Basis::Stated, Some("UTO"), Some("PAS")), MatchClass::TypeDiffers);
    }

    // Proves that codes of one authority agree, and that a record of another or untold number is never exact.
    #[test]
    fn number_and_authority() {
        let asked = key(Some("GBN"), Some("PAS"));
        assert_eq!(graded(&asked, Basis::Stated, Some("GBR"), Some("PAS")), MatchClass::Exact);
        let other = "L8989O2C3".parse().unwrap();
        let class = |number| grade(&asked, Basis::Stated, number, asked.issuer, asked.doc_type);
        assert_eq!(class(Some(&other)), MatchClass::MisreadVariant);
        assert_eq!(class(None), MatchClass::NumberOnly);
    }

    // Proves that a match is exact only for what the subject states, and that a basis never improves a grade.
    #[test]
    fn only_the_stated_is_exact() {
        let asked = key(Some("UTO"), Some("PAS"));
        let others = [
            Basis::Unreliable,
            Basis::Misread,
            Basis::OptionalData,
            Basis::LongNumber,
            Basis::VisaAsPassport,
            Basis::OtherCentury,
        ];
        for basis in others {
            let class = graded(&asked, basis, Some("UTO"), Some("PAS"));
            assert_eq!(class, ceiling(basis));
            assert_ne!(class, MatchClass::Exact);
            let weaker = graded(&asked, basis, Some("FRA"), Some("IDC"));
            assert!(weaker >= MatchClass::NumberOnly && weaker >= class);
        }
    }

    // Proves that a person is exact only by name, full birth date and a document together.
    #[test]
    fn persons() {
        let key = PersonKey {
            name: Name {
                primary: Personal::from("ERIKSSON"),
                secondary: Some(Personal::from("ANNA MARIA")),
                truncated: false,
            },
            birth: "1974-08-12".parse().ok(),
            sex: postern_sdk::Sex::Female,
            nationality: None,
            document: "L898902C3".parse().ok(),
        };
        let record = |name, birth: &str, documents| PersonRecord {
            name: Some(name),
            forename: Some("Anna  Maria"),
            birth: birth.parse().ok(),
            documents,
        };
        let exact = record("Eriksson", "1974-08-12", &["L-898902-C3"]);
        assert_eq!(grade_person(&key, Basis::Stated, &exact), MatchClass::Exact);
        assert_eq!(grade_person(&key, Basis::OtherCentury, &exact), MatchClass::NameScore);
        for near in [
            record("ERIKSON", "1974-08-12", &["L898902C3"]),
            record("ERIKSSON", "1974-XX-XX", &["L898902C3"]),
            record("ERIKSSON", "1974-08-13", &["L898902C3"]),
            record("ERIKSSON", "1974-08-12", &[]),
            record("ERIKSSON", "1974-08-12", &["L898902C4"]),
        ] {
            assert_eq!(grade_person(&key, Basis::Stated, &near), MatchClass::NameScore);
        }
    }
}
