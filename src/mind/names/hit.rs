//! From a person that was found to a hit.

use postern_sdk::{Basis, DocumentNumber, Hit, Name, PersonKey, Personal, Score, State};

use super::index::Match;
use crate::screening::{PersonRecord, grade_person};

/// The hit of a match, graded by the rule that all sources share.
pub fn hit(found: &Match<'_>, key: &PersonKey, basis: Basis) -> Hit {
    let person = found.person;
    let documents: Vec<&str> = person.documents.iter().map(DocumentNumber::reveal).collect();
    let class = |name: &Name| {
        let record = PersonRecord {
            name: Some(name.primary.reveal()),
            forename: name.secondary.as_ref().map(|name| name.reveal().as_str()),
            birth: person.birth,
            documents: &documents,
        };
        grade_person(key, basis, &record)
    };
    let class = person.names.iter().map(class).min().unwrap_or_else(|| class(found.name));
    let mut hit = Hit::new(class, person.id.clone());
    hit.notice = person.notice.clone();
    hit.score = Some(Score { permille: found.permille, reason: Some(Personal::from(found.reason.as_str())) });
    hit.details = person.details.clone();
    let mut detail = |name: &str, text: String| {
        if !text.is_empty() {
            hit.details.insert(name.to_owned(), Personal::from(text));
        }
    };
    detail("name", found.name.primary.reveal().clone());
    detail("forename", found.name.secondary.as_ref().map(|name| name.reveal().clone()).unwrap_or_default());
    detail("aliases", aliases(found));
    detail("birth", person.birth.and_then(text).unwrap_or_default());
    detail("sex", text(person.sex).unwrap_or_default());
    let nationalities: Vec<&str> = person.nationalities.iter().map(State::as_str).collect();
    detail("nationalities", nationalities.join("; "));
    detail("documents", documents.join("; "));
    hit
}

/// The person's other names, the given ones behind a comma.
fn aliases(found: &Match<'_>) -> String {
    let others = found.person.names.iter().filter(|name| *name != found.name);
    let text = |name: &Name| match &name.secondary {
        Some(secondary) => format!("{}, {}", name.primary.reveal(), secondary.reveal()),
        None => name.primary.reveal().clone(),
    };
    others.map(text).collect::<Vec<_>>().join("; ")
}

/// The text that a value is in JSON.
fn text(value: impl serde::Serialize) -> Option<String> {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => Some(text),
        _ => None,
    }
}
