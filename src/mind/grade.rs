//! How well a record of the number matches.

use postern_sdk::{DocumentKey, DocumentType, MatchClass, State, TypeRelation};

/// The class of a record under the number that was asked for, by issuer and type. What either side does not know does
/// not agree.
pub(super) fn grade(key: &DocumentKey, issuer: Option<State>, doc_type: Option<DocumentType>) -> MatchClass {
    let issuer_agrees = key.issuer.zip(issuer).is_some_and(|(asked, recorded)| asked.agrees(&recorded));
    let type_agrees = key
        .doc_type
        .zip(doc_type)
        .is_some_and(|(asked, recorded)| asked.relation(&recorded) == TypeRelation::Agrees);
    match (issuer_agrees, type_agrees) {
        (true, true) => MatchClass::Exact,
        (true, false) => MatchClass::TypeDiffers,
        (false, true) => MatchClass::IssuerDiffers,
        (false, false) => MatchClass::NumberOnly,
    }
}

#[cfg(test)]
mod tests {
    use postern_sdk::DocumentNumber;

    use super::*;

    // Proves each class, with unknown parts on either side, a wildcard, and a British code.
    #[test]
    fn classes() {
        let state = |code: &str| State::normalise(code).unwrap();
        let doc_type = |code: &str| DocumentType::normalise(code).unwrap();
        let asked = |issuer: Option<&str>, kind: Option<&str>| DocumentKey {
            number: DocumentNumber::normalise("12345").unwrap(),
            issuer: issuer.map(state),
            doc_type: kind.map(doc_type),
        };
        let class = |key: &DocumentKey| grade(key, Some(state("GBR")), Some(doc_type("PAS")));
        assert_eq!(class(&asked(Some("GBN"), Some("P"))), MatchClass::Exact);
        assert_eq!(class(&asked(Some("GBR"), Some("IDC"))), MatchClass::TypeDiffers);
        assert_eq!(class(&asked(Some("GBR"), None)), MatchClass::TypeDiffers);
        assert_eq!(class(&asked(Some("FRA"), Some("PAS"))), MatchClass::IssuerDiffers);
        assert_eq!(class(&asked(None, Some("PAS"))), MatchClass::IssuerDiffers);
        assert_eq!(class(&asked(None, None)), MatchClass::NumberOnly);
        assert_eq!(grade(&asked(Some("GBR"), Some("PAS")), None, None), MatchClass::NumberOnly);
    }
}
