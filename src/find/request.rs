//! Building requests from the profile.

use jiff::civil::Date;
use postern_sdk::{
    Context, DocumentKey, FirearmKey, PersonKey, Personal, Query, QueryKey, Reference, VehicleKey, VesselKey,
    WorkOfArtKey,
};

use super::profile::{Absent, HeaderBlock, HeaderValue, Operation, Profile, RequestValue, Service, Step};
pub(super) use super::soap::Unwritable;
use super::soap::Writer;

/// The account that asks.
pub(super) struct Account {
    pub(super) username: String,
    pub(super) password: Personal<String>,
}

/// What stands in the header of a request.
pub(super) struct Sender<'a> {
    pub(super) account: &'a Account,
    pub(super) context: &'a Context,
    /// The reference of the exchange.
    pub(super) exchange: Reference,
    /// The reference that is this request's alone.
    pub(super) reference_in_country: &'a str,
}

/// What is asked.
#[derive(Clone, Copy)]
pub(super) enum Asked<'a> {
    /// A list; of persons, only those of the same name if `exact`.
    Search { query: &'a Query, records_max: u16, exact: bool, today: Date },
    /// A record in full.
    Details { record: &'a str },
    /// A file of a record.
    File { step: Step, record: &'a str, path: &'a str },
}

impl Asked<'_> {
    /// Which of the service's operations asks it.
    pub(super) const fn step(&self) -> Step {
        match self {
            Self::Search { exact: false, .. } => Step::Search,
            Self::Search { exact: true, .. } => Step::Exact,
            Self::Details { .. } => Step::Details,
            Self::File { step, .. } => *step,
        }
    }
}

/// The envelope of a request.
///
/// # Errors
/// A value holds a character that XML can't carry.
pub(super) fn envelope(
    profile: &Profile,
    service: &Service,
    operation: &Operation,
    asked: &Asked<'_>,
    sender: &Sender<'_>,
) -> Result<String, Unwritable> {
    wrapped(profile, &service.namespace, asked.step(), sender, |out| {
        write_operation(out, profile, service, operation, asked);
    })
}

/// An envelope with the header of a step around what is written into its body.
pub(super) fn wrapped(
    profile: &Profile,
    namespace: &str,
    step: Step,
    sender: &Sender<'_>,
    write: impl FnOnce(&mut Writer),
) -> Result<String, Unwritable> {
    let names = &profile.envelope;
    let prefixed = |name: &str| format!("soap:{name}");
    let (envelope, header, body) =
        (prefixed(&names.envelope), prefixed(&names.header), prefixed(&names.body));
    let mut out = Writer::document();
    out.open(&envelope, &[("xmlns:soap", &names.namespace)]);
    out.open(&header, &[]);
    for block in profile.header.iter().filter(|block| block.operations.contains(&step)) {
        write_header(&mut out, namespace, block, sender);
    }
    out.close(&header);
    out.open(&body, &[]);
    write(&mut out);
    out.close(&body);
    out.close(&envelope);
    out.finish()
}

/// Writes a block of the header.
pub(super) fn write_header(out: &mut Writer, namespace: &str, block: &HeaderBlock, sender: &Sender<'_>) {
    let mut attributes = vec![("xmlns", namespace)];
    attributes.extend(block.attributes.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    out.open(&block.element, &attributes);
    for field in &block.fields {
        if let Some(value) = header_value(field.value, sender) {
            out.leaf(&field.element, &value);
        }
    }
    out.close(&block.element);
}

fn header_value(value: HeaderValue, sender: &Sender<'_>) -> Option<String> {
    let Sender { account, context, exchange, reference_in_country } = sender;
    match value {
        HeaderValue::AccountUsername => Some(account.username.clone()),
        HeaderValue::AccountPassword => Some(account.password.reveal().clone()),
        HeaderValue::EndUser => context.end_user.as_ref().map(|user| user.reveal().clone()),
        HeaderValue::ReferenceInCountry => Some((*reference_in_country).to_owned()),
        HeaderValue::ExchangeReference => Some(exchange.to_string()),
        HeaderValue::Agency => context.agency.clone(),
        HeaderValue::Site => context.site.clone(),
        HeaderValue::Terminal => context.terminal.clone(),
        HeaderValue::Purpose => context.purpose.clone(),
        HeaderValue::Operation => context.operation.clone(),
        HeaderValue::Crossing => context.crossing.as_ref().map(|crossing| crossing.reveal().clone()),
    }
}

fn write_operation(
    out: &mut Writer,
    profile: &Profile,
    service: &Service,
    operation: &Operation,
    asked: &Asked<'_>,
) {
    out.open(&operation.operation, &[("xmlns", &service.namespace)]);
    for field in &operation.fields {
        let value =
            Some(field.value).filter(|_| field.send).and_then(|value| request_value(profile, asked, value));
        match value {
            Some(value) => out.leaf(&field.element, &value),
            None if field.absent == Absent::Empty => out.leaf(&field.element, ""),
            None => {}
        }
    }
    out.close(&operation.operation);
}

fn request_value(profile: &Profile, asked: &Asked<'_>, value: RequestValue) -> Option<String> {
    let (query, today) = match (asked, value) {
        (Asked::Details { record } | Asked::File { record, .. }, RequestValue::Record) => {
            return Some((*record).to_owned());
        }
        (Asked::File { path, .. }, RequestValue::Path) => return Some((*path).to_owned()),
        (Asked::Search { records_max, .. }, RequestValue::RecordsMax) => {
            return Some(records_max.to_string());
        }
        (Asked::Search { query, today, .. }, _) => (query, today),
        _ => return None,
    };
    match &query.key {
        QueryKey::Document(key) => document_value(profile, key, value),
        QueryKey::Person(key) => person_value(profile, key, *today, value),
        QueryKey::Vehicle(key) => vehicle_value(profile, key, value),
        QueryKey::Firearm(key) => firearm_value(key, value),
        QueryKey::Vessel(key) => vessel_value(key, value),
        QueryKey::WorkOfArt(key) => work_of_art_value(key, value),
        _ => None,
    }
}

fn document_value(profile: &Profile, key: &DocumentKey, value: RequestValue) -> Option<String> {
    let tables = &profile.tables;
    match value {
        RequestValue::Number => Some(key.number.reveal().to_owned()),
        RequestValue::Issuer => key.issuer.map(|issuer| tables.state_text(&issuer.authority()).to_owned()),
        RequestValue::DocType => key.doc_type.map(|code| tables.document_type_text(&code).to_owned()),
        _ => None,
    }
}

fn person_value(profile: &Profile, key: &PersonKey, today: Date, value: RequestValue) -> Option<String> {
    // The age that a year of birth leaves open by one.
    let age = |years: i16| {
        let year = key.birth.filter(|birth| birth.date().is_none())?.full_year()?;
        Some((today.year() - year - years).max(0).to_string())
    };
    match value {
        RequestValue::Name => Some(key.name.primary.reveal().clone()),
        RequestValue::Forename => key.name.secondary.as_ref().map(|name| name.reveal().clone()),
        RequestValue::Birth => key.birth.and_then(|birth| profile.date_text(&birth)),
        RequestValue::AgeMin => age(1),
        RequestValue::AgeMax => age(0),
        _ => None,
    }
}

fn vehicle_value(profile: &Profile, key: &VehicleKey, value: RequestValue) -> Option<String> {
    match (key, value) {
        (VehicleKey::Vin(vin), RequestValue::Vin) => Some(vin.reveal().to_owned()),
        (VehicleKey::Plate { plate, .. }, RequestValue::Plate) => Some(plate.reveal().to_owned()),
        (VehicleKey::Plate { country, .. }, RequestValue::Issuer) => {
            country.map(|country| profile.tables.state_text(&country).to_owned())
        }
        (VehicleKey::Engine(engine), RequestValue::Engine) => Some(engine.reveal().to_owned()),
        _ => None,
    }
}

fn firearm_value(key: &FirearmKey, value: RequestValue) -> Option<String> {
    match value {
        RequestValue::Serial => Some(key.serial.reveal().to_owned()),
        RequestValue::Make => key.make.clone(),
        RequestValue::Model => key.model.clone(),
        RequestValue::Calibre => key.calibre.clone(),
        _ => None,
    }
}

fn vessel_value(key: &VesselKey, value: RequestValue) -> Option<String> {
    let serial = match (key, value) {
        (VesselKey::Imo(serial), RequestValue::Imo)
        | (VesselKey::Hull(serial), RequestValue::Hull)
        | (VesselKey::Engine(serial), RequestValue::Engine) => serial,
        _ => return None,
    };
    Some(serial.reveal().to_owned())
}

fn work_of_art_value(key: &WorkOfArtKey, value: RequestValue) -> Option<String> {
    match value {
        RequestValue::Title => Some(key.title.clone()),
        RequestValue::Artist => key.artist.clone(),
        RequestValue::Category => key.category.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use postern_formats::xml::{Limits, Reader, Token};
    use postern_sdk::{Basis, Name};

    use super::*;

    fn account() -> Account {
        Account { username: "acct&1".into(), password: Personal::from("p<w>") }
    }

    fn document() -> Query {
        let key = DocumentKey {
            number: "L898902C3".parse().unwrap(),
            issuer: "D".parse().ok(),
            doc_type: "P".parse().ok(),
        };
        Query { key: QueryKey::Document(key), basis: Basis::Stated }
    }

    fn search(query: &Query, records_max: u16) -> Asked<'_> {
        Asked::Search { query, records_max, exact: false, today: Date::constant(2026, 3, 1) }
    }

    /// The texts of the request by their elements.
    fn texts(profile: &Profile, service: &Service, asked: &Asked<'_>) -> Vec<(String, String)> {
        let account = account();
        let context = Context { end_user: Some(Personal::from("o'neil")), ..Context::default() };
        let exchange = Reference(uuid::Uuid::nil());
        let sender = Sender { account: &account, context: &context, exchange, reference_in_country: "UTO-1" };
        let operation = service.operation(asked.step()).unwrap();
        let text = envelope(profile, service, operation, asked, &sender).unwrap();
        let mut reader = Reader::new(text.as_bytes(), Limits::default()).unwrap();
        let mut open = Vec::new();
        let mut texts = Vec::new();
        let mut last_was_start = false;
        while let Some(token) = reader.next().unwrap() {
            let is_text = matches!(token, Token::Text(_));
            match token {
                Token::Start(ref element) => open.push(element.local().to_owned()),
                Token::Text(ref text) => {
                    texts.push((open.last().unwrap().clone(), text.to_string()));
                }
                Token::End => {
                    let closed = open.pop().unwrap();
                    if last_was_start {
                        texts.push((closed, String::new()));
                    }
                    last_was_start = false;
                    continue;
                }
            }
            last_was_start = !is_text;
        }
        texts
    }

    fn value<'a>(texts: &'a [(String, String)], element: &str) -> Option<&'a str> {
        texts.iter().find(|(name, _)| name == element).map(|(_, text)| text.as_str())
    }

    // Proves that a document's search sends the number alone, with issuer and type open, under escaped headers.
    #[test]
    fn document_search() {
        let profile = Profile::built_in();
        let query = document();
        let asked = search(&query, 20);
        let texts = texts(&profile, &profile.service[0], &asked);
        let expected = [
            ("DIN", "L898902C3"),
            ("CountryOfRegistration", ""),
            ("TypeOfDocument", ""),
            ("NbRecord", "20"),
            ("Username", "acct&1"),
            ("Password", "p<w>"),
            ("ReferenceInCountry", "UTO-1"),
            ("EnquiriesReference", "00000000-0000-0000-0000-000000000000"),
        ];
        for (element, text) in expected {
            assert_eq!(value(&texts, element), Some(text), "{element}");
        }
        assert!(texts.contains(&("Username".into(), "o'neil".into())));
    }

    // Proves that a profile can narrow the search.
    #[test]
    fn narrowed_search() {
        let mut profile = Profile::built_in();
        profile.service[0].search.fields.iter_mut().for_each(|field| field.send = true);
        let query = document();
        let texts = texts(&profile, &profile.service[0], &search(&query, 1));
        assert_eq!(value(&texts, "CountryOfRegistration"), Some("155"));
        assert_eq!(value(&texts, "TypeOfDocument"), Some("P"));
    }

    // Proves that a person's search sends a full birth date only, and that details go by the record's id.
    #[test]
    fn person_search_and_details() {
        let profile = Profile::built_in();
        let nominal = profile
            .service
            .iter()
            .find(|service| service.kind == super::super::profile::Kind::Person)
            .unwrap();
        let mut key = PersonKey {
            name: Name { primary: Personal::from("ERIKSSON"), secondary: None, truncated: false },
            birth: "1974-08-12".parse().ok(),
            sex: postern_sdk::Sex::Female,
            nationality: None,
            document: None,
        };
        for (birth, sent) in [("1974-08-12", Some("19740812")), ("1974-XX-XX", None)] {
            key.birth = birth.parse().ok();
            let query = Query { key: QueryKey::Person(key.clone()), basis: Basis::Stated };
            let texts = texts(&profile, nominal, &search(&query, 20));
            assert_eq!(value(&texts, "Name"), Some("ERIKSSON"));
            assert_eq!(value(&texts, "Forename"), None);
            assert_eq!(value(&texts, "DateOfBirth"), sent);
            let ages = (value(&texts, "AgeMin"), value(&texts, "AgeMax"));
            assert_eq!(ages, if sent.is_some() { (None, None) } else { (Some("51"), Some("52")) });
        }
        let texts = texts(&profile, nominal, &Asked::Details { record: "R-7" });
        assert_eq!(value(&texts, "NominalSearchItemId"), Some("R-7"));
    }

    // Proves that a value which XML can't carry is refused rather than sent otherwise.
    #[test]
    fn unwritable_values() {
        let profile = Profile::built_in();
        let account = account();
        let context = Context { end_user: Some(Personal::from("a\u{1}")), ..Context::default() };
        let exchange = Reference(uuid::Uuid::nil());
        let sender = Sender { account: &account, context: &context, exchange, reference_in_country: "UTO-1" };
        let asked = Asked::Details { record: "R" };
        let service = &profile.service[0];
        assert_eq!(envelope(&profile, service, &service.details, &asked, &sender), Err(Unwritable));
    }
}
