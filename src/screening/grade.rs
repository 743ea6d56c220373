//! How well a record matches what was asked.
//!
//! Both sources look a document up by its number alone and leave issuer and type to be compared here, once: a record of
//! another type or country is then told as a weaker match instead of not being found. What is not known is never taken
//! to agree, so a question without issuer or type, or a record without them, can't make an exact match.

use postern_sdk::{Basis, DocumentKey, DocumentNumber, DocumentType, MatchClass, State, TypeRelation};

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

fn both<T>(a: Option<T>, b: Option<T>) -> Option<(T, T)> {
    Some((a?, b?))
}

#[cfg(test)]
mod tests {
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
}
