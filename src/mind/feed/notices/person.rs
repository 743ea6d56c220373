//! From a notice to a person.

use postern_sdk::{Details, Name, PartialDate, Personal, Sex, State};

use super::Colour;
use super::json::{Notice, Text, Texts, Warrant};
use crate::mind::names::Person;

/// Longest id.
const ID_MAX: usize = 64;
/// Longest name in characters.
const NAME_MAX: usize = 256;
/// Longest text in bytes.
const TEXT_MAX: usize = 16 << 10;

/// What is wrong with a notice, by field and code.
pub(super) type Fault = (&'static str, &'static str);

/// A person, and the kind of notice that told of them.
pub(super) struct Imported {
    pub(super) colour: Colour,
    pub(super) person: Person,
}

/// Reads a notice.
pub(super) fn import(notice: &Notice, colour: Option<Colour>) -> Result<Imported, Fault> {
    let colour = colour_of(notice, colour)?;
    let mut details = details(notice)?;
    let person = Person {
        id: id(notice)?,
        names: names(notice)?,
        birth: said(notice.date_of_birth.as_ref(), "date_of_birth")?.map(date).transpose()?,
        sex: sex(notice)?,
        nationalities: nationalities(notice, &mut details)?,
        documents: Vec::new(),
        notice: Some(colour.code().to_owned()),
        details,
    };
    Ok(Imported { colour, person })
}

/// Adds what a further record of the same notice says. What contradicts it is a fault.
pub(super) fn merge(person: &mut Person, other: Person) -> Result<(), Fault> {
    if let Some((a, b)) = person.birth.zip(other.birth)
        && !a.may_equal(&b)
    {
        return Err(("date_of_birth", "contradicts"));
    }
    let known = person.birth.and_then(|birth| birth.date()).is_some();
    person.birth = if known { person.birth } else { other.birth.or(person.birth) };
    if person.sex == Sex::Unspecified {
        person.sex = other.sex;
    }
    add(&mut person.names, other.names);
    add(&mut person.nationalities, other.nationalities);
    for (name, text) in other.details {
        person.details.entry(name).or_insert(text);
    }
    Ok(())
}

fn add<T: PartialEq>(to: &mut Vec<T>, more: Vec<T>) {
    for one in more {
        if !to.contains(&one) {
            to.push(one);
        }
    }
}

/// What a field says; none for what the service writes where there is nothing.
fn said<'a>(text: Option<&'a Text>, field: &'static str) -> Result<Option<&'a str>, Fault> {
    let text = text.map(|text| text.0.trim()).filter(|text| !text.chars().all(|c| matches!(c, '-' | '.')));
    match text {
        Some(text) if text.len() > TEXT_MAX => Err((field, "too_long")),
        text => Ok(text),
    }
}

fn id(notice: &Notice) -> Result<String, Fault> {
    let id = said(notice.entity_id.as_ref(), "entity_id")?.ok_or(("entity_id", "missing"))?;
    let fits = id.len() <= ID_MAX && id.bytes().all(|byte| byte.is_ascii_graphic());
    // Paths write `-` for the `/` of the id.
    if fits { Ok(id.replace('-', "/")) } else { Err(("entity_id", "id")) }
}

/// What the caller says, or the notice's own link, or what only one kind has. Caller and link must agree.
fn colour_of(notice: &Notice, told: Option<Colour>) -> Result<Colour, Fault> {
    let href = notice.links.as_ref().and_then(|links| links.0.own.as_ref()?.0.href.as_ref());
    let of_segment = |segment: &str| match segment {
        "red" => Some(Colour::Red),
        "yellow" => Some(Colour::Yellow),
        "un" => Some(Colour::Un),
        _ => None,
    };
    let linked = href.and_then(|href| href.0.split('/').find_map(of_segment));
    let implied = || match (&notice.arrest_warrants, &notice.un_reference) {
        (Some(_), _) => Some(Colour::Red),
        (None, Some(_)) => Some(Colour::Un),
        (None, None) => None,
    };
    match (told, linked) {
        (Some(told), Some(linked)) if told != linked => Err(("_links", "colour")),
        (told, linked) => told.or(linked).or_else(implied).ok_or(("_links", "colour")),
    }
}

/// The name, then the name at birth. Some notices have neither.
fn names(notice: &Notice) -> Result<Vec<Name>, Fault> {
    let name = part(notice.name.as_ref(), "name")?;
    let forename = part(notice.forename.as_ref(), "forename")?;
    let born = part(notice.birth_name.as_ref(), "birth_name")?;
    let whole = |primary: &str, secondary: Option<&str>| Name {
        primary: primary.into(),
        secondary: secondary.map(Personal::from),
        truncated: false,
    };
    let main = match (name, forename) {
        (Some(name), forename) => Some(whole(name, forename)),
        (None, Some(forename)) => Some(whole(forename, None)),
        (None, None) => None,
    };
    let born = born.map(|born| whole(born, forename)).filter(|born| main.as_ref() != Some(born));
    Ok(main.into_iter().chain(born).collect())
}

fn part<'a>(text: Option<&'a Text>, field: &'static str) -> Result<Option<&'a str>, Fault> {
    match said(text, field)? {
        Some(name) if name.chars().count() > NAME_MAX => Err((field, "too_long")),
        name => Ok(name),
    }
}

/// `YYYY/MM/DD`, `YYYY/MM` or `YYYY`, with zeros for what is not known.
fn date(text: &str) -> Result<PartialDate, Fault> {
    let mut parts = text.split('/');
    let parsed = number(parts.next(), 4)
        .flatten()
        .zip(number(parts.next(), 2))
        .zip(number(parts.next(), 2))
        .filter(|_| parts.next().is_none())
        .and_then(|((year, month), day)| {
            let [month, day] = [month, day].map(|part| part.unwrap_or("XX"));
            format!("{year}-{month}-{day}").parse().ok()
        });
    parsed.ok_or(("date_of_birth", "date"))
}

/// So many digits; none within if there are none, or zeros only.
fn number(part: Option<&str>, digits: usize) -> Option<Option<&str>> {
    let Some(part) = part else { return Some(None) };
    let fits = part.len() == digits && part.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| Some(part).filter(|part| part.bytes().any(|digit| digit != b'0')))
}

fn sex(notice: &Notice) -> Result<Sex, Fault> {
    match said(notice.sex_id.as_ref(), "sex_id")? {
        Some("M") => Ok(Sex::Male),
        Some("F") => Ok(Sex::Female),
        Some("U") | None => Ok(Sex::Unspecified),
        Some(_) => Err(("sex_id", "sex")),
    }
}

/// The nationalities. A code that is no state's stays a detail, because the person must still be found.
fn nationalities(notice: &Notice, details: &mut Details) -> Result<Vec<State>, Fault> {
    let (mut states, mut others) = (Vec::new(), Vec::new());
    for code in all(notice.nationalities.as_ref(), "nationalities")? {
        match State::normalise(code) {
            Ok(state) if !states.contains(&state) => states.push(state),
            Ok(_) => {}
            Err(_) => others.push(code),
        }
    }
    keep(details, "nationality_codes", others.join("; "));
    Ok(states)
}

fn all<'a>(texts: Option<&'a Texts>, field: &'static str) -> Result<Vec<&'a str>, Fault> {
    let texts = texts.map(|texts| texts.0.as_slice()).unwrap_or_default();
    texts.iter().filter_map(|text| said(Some(text), field).transpose()).collect()
}

fn keep(details: &mut Details, name: &str, text: String) {
    if !text.is_empty() {
        details.insert(name.to_owned(), Personal::from(text));
    }
}

/// What else a notice says, by the names under which it is told.
fn details(notice: &Notice) -> Result<Details, Fault> {
    let mut details = Details::new();
    let singles = [
        ("place_of_birth", &notice.place_of_birth),
        ("country_of_birth", &notice.country_of_birth_id),
        ("height_m", &notice.height),
        ("weight_kg", &notice.weight),
        ("marks", &notice.distinguishing_marks),
        ("date_of_event", &notice.date_of_event),
        ("place_of_event", &notice.place),
        ("country_of_event", &notice.country),
        ("un_reference", &notice.un_reference),
        ("un_resolution", &notice.un_resolution),
    ];
    for (name, text) in singles {
        keep(&mut details, name, said(text.as_ref(), name)?.unwrap_or_default().to_owned());
    }
    let lists = [
        ("languages", &notice.languages_spoken_ids),
        ("eyes", &notice.eyes_colors_id),
        ("hair", &notice.hairs_id),
    ];
    for (name, texts) in lists {
        keep(&mut details, name, all(texts.as_ref(), name)?.join("; "));
    }
    let parents = [
        ("father", &notice.father_name, &notice.father_forename),
        ("mother", &notice.mother_name, &notice.mother_forename),
    ];
    for (parent, name, forename) in parents {
        let parts = [said(name.as_ref(), parent)?, said(forename.as_ref(), parent)?];
        keep(&mut details, parent, parts.into_iter().flatten().collect::<Vec<_>>().join(", "));
    }
    let warrants = notice.arrest_warrants.as_ref().map(|warrants| warrants.0.as_slice()).unwrap_or_default();
    let charges = warrants.iter().map(|warrant| charge(&warrant.0)).collect::<Result<Vec<_>, _>>()?;
    keep(&mut details, "charges", charges.join("; "));
    Ok(details)
}

/// Who wants the person, and for what, in translation if there is one.
fn charge(warrant: &Warrant) -> Result<String, Fault> {
    let issuer = said(warrant.issuing_country_id.as_ref(), "arrest_warrants")?;
    let charge = said(warrant.charge.as_ref(), "arrest_warrants")?;
    let translation = said(warrant.charge_translation.as_ref(), "arrest_warrants")?;
    let parts = [issuer, translation.or(charge)];
    Ok(parts.into_iter().flatten().collect::<Vec<_>>().join(": "))
}
