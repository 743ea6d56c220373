//! How well a person's record matches what was asked. Documents are graded by the rule that all sources share,
//! [`crate::screening::grade`].

use postern_sdk::{Basis, DocumentNumber, MatchClass, PartialDate, PersonKey};

/// What a person's record says of the person.
pub(super) struct PersonRecord<'a> {
    pub(super) name: Option<&'a str>,
    pub(super) forename: Option<&'a str>,
    pub(super) birth: Option<PartialDate>,
    pub(super) documents: &'a [&'a str],
}

/// The class of a person's record: by the likeness of the name, unless name, full birth date and a document agree.
pub(super) fn person(key: &PersonKey, basis: Basis, record: &PersonRecord<'_>) -> MatchClass {
    let secondary = key.name.secondary.as_ref().map(|name| name.reveal().as_str());
    let name_agrees = !key.name.truncated
        && same_name(Some(key.name.primary.reveal()), record.name)
        && same_name(secondary, record.forename);
    let full = |date: Option<PartialDate>| date.and_then(|date| date.date());
    let birth_agrees =
        basis != Basis::OtherCentury && full(key.birth).is_some() && full(key.birth) == full(record.birth);
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

#[cfg(test)]
mod tests {
    use postern_sdk::{Name, Personal};

    use super::*;

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
        assert_eq!(person(&key, Basis::Stated, &exact), MatchClass::Exact);
        assert_eq!(person(&key, Basis::OtherCentury, &exact), MatchClass::NameScore);
        for near in [
            record("ERIKSON", "1974-08-12", &["L898902C3"]),
            record("ERIKSSON", "1974-XX-XX", &["L898902C3"]),
            record("ERIKSSON", "1974-08-13", &["L898902C3"]),
            record("ERIKSSON", "1974-08-12", &[]),
            record("ERIKSSON", "1974-08-12", &["L898902C4"]),
        ] {
            assert_eq!(person(&key, Basis::Stated, &near), MatchClass::NameScore);
        }
    }
}
