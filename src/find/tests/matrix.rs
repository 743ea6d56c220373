//! The whole matrix: every service, every code of a result, every status of a block, none, one, many and too many records,
//! both styles of payload, codes as numbers and as names, in two profiles that share no name.

use postern_sdk::{FirearmKey, Plate, Serial, VehicleKey, VesselKey, Vin, WorkOfArtKey};

use super::super::profile::{Kind, Meaning, PayloadStyle, RequestValue, Service};
use super::super::{Fetched, Wanted};
use super::*;
use crate::sim::{Faults, Nominal, RunningSim, SimOptions, SimRecords, Simulator, Thing};

/// The profile that shares no name with the built-in one.
pub(super) const OTHER: &str = include_str!("../../../fixtures/find/other.toml");

const NONE: &str = "AA0000000";
const ONE: &str = "AA1111111";
const MANY: &str = "AA5555555";
/// Records of a database under [`MANY`].
const COUNT: usize = 5;

fn things(number: &str, records: usize) -> Vec<Thing> {
    let named = |value| (value, number.to_owned());
    let of = |database, values: Vec<(RequestValue, String)>, prefix: &str| -> Vec<Thing> {
        (0..records)
            .map(|place| Thing {
                database,
                values: values.clone(),
                country: "D".parse().ok(),
                theft_type: "STL",
                theft_date: "2020-01-02".parse().unwrap(),
                record: format!("{prefix}-{number}-{place}"),
            })
            .collect()
    };
    let vin = (RequestValue::Vin, format!("WVWZZZ1J{number}"));
    let vehicle = vec![vin, named(RequestValue::Plate), named(RequestValue::Engine)];
    [
        of(Database::Smv, vehicle, "V"),
        of(Database::Firearms, vec![named(RequestValue::Serial), (RequestValue::Make, "ALTA".into())], "F"),
        of(Database::Vessels, vec![named(RequestValue::Hull), named(RequestValue::Engine)], "S"),
        of(Database::WorksOfArt, vec![named(RequestValue::Title)], "A"),
    ]
    .concat()
}

fn nominals(number: &str, records: usize) -> Vec<Nominal> {
    let nominal = |place| Nominal {
        record: format!("N-{number}-{place}"),
        name: letters(number),
        forename: "ANNA".into(),
        birth: "1974-08-12".parse().unwrap(),
        notice: "RED",
    };
    (0..records).map(nominal).collect()
}

/// A surname for a number; other numbers have others from the first letter on.
fn letters(number: &str) -> String {
    number.bytes().rev().map(|byte| char::from(b'A' + byte % 26)).collect()
}

fn records() -> SimRecords {
    let header =
        "database,number,issuer,type,theft_type,theft_date,theft_country,notice,retention_date,record_id";
    let mut csv = header.to_owned();
    for (number, records) in [(ONE, 1), (MANY, COUNT)] {
        for (database, place) in
            ["sltd", "tdawn", "sad"].iter().flat_map(|one| (0..records).map(move |n| (one, n)))
        {
            csv.push_str(&format!(
                "\n{database},{number},D,PAS,STL,2020-01-02,FRA,RED,,{database}-{number}-{place}"
            ));
        }
    }
    let of = [(ONE, 1), (MANY, COUNT)];
    SimRecords::from_csv(csv.as_bytes())
        .unwrap()
        .and_things(of.iter().flat_map(|(number, records)| things(number, *records)))
        .and_nominals(of.iter().flat_map(|(number, records)| nominals(number, *records)))
}

/// The questions by which a service is asked for a number.
fn questions(kind: Kind, number: &str) -> Vec<Query> {
    let serial = || Serial::normalise(number).unwrap();
    let keys = match kind {
        Kind::Document => return vec![document(number)],
        Kind::Person => vec![QueryKey::Person(PersonKey {
            name: Name {
                primary: Personal::new(letters(number)),
                secondary: Some("ANNA".into()),
                truncated: false,
            },
            birth: "1974-08-12".parse().ok(),
            sex: Sex::Unspecified,
            nationality: None,
            document: None,
        })],
        Kind::Vehicle => vec![
            QueryKey::Vehicle(VehicleKey::Vin(Vin::normalise(&format!("WVWZZZ1J{number}")).unwrap())),
            QueryKey::Vehicle(VehicleKey::Plate {
                plate: Plate::normalise(number).unwrap(),
                country: "D".parse().ok(),
            }),
            QueryKey::Vehicle(VehicleKey::Engine(serial())),
        ],
        Kind::Firearm => {
            let (make, model) = (Some("Alta".to_owned()), None);
            vec![QueryKey::Firearm(FirearmKey { serial: serial(), make, model, calibre: None })]
        }
        Kind::Vessel => {
            vec![QueryKey::Vessel(VesselKey::Hull(serial())), QueryKey::Vessel(VesselKey::Engine(serial()))]
        }
        Kind::WorkOfArt => {
            vec![QueryKey::WorkOfArt(WorkOfArtKey { title: number.to_owned(), artist: None, category: None })]
        }
    };
    keys.into_iter().map(|key| Query { key, basis: Basis::Stated }).collect()
}

async fn simulated(profile: &Arc<Profile>) -> (RunningSim, Arc<Find>) {
    let sim = Simulator::start(SimOptions {
        records: Arc::new(records()),
        profile: Arc::clone(profile),
        ..super::simulated::options(None)
    })
    .await
    .unwrap();
    let mut settings = settings(&format!("http://{}", sim.addr));
    settings.options.breaker_failures = u32::MAX;
    let find = Find::new(settings, Arc::clone(profile), Clock::system()).unwrap();
    (sim, find)
}

fn profiles() -> [Arc<Profile>; 2] {
    let mut both = [Profile::built_in(), Profile::parse(OTHER).unwrap()];
    // The service that asks one database alone is part of the matrix too.
    both.iter_mut().flat_map(|profile| &mut profile.service).for_each(|service| service.enabled = true);
    both.map(Arc::new)
}

/// One way of behaving, and what it makes of an answer.
#[derive(Clone, Debug, Default)]
struct Way {
    result: Option<Meaning>,
    block: Option<(Database, Meaning)>,
    missing: Option<Database>,
}

fn ways(profile: &Profile, service: &Service) -> Vec<Way> {
    let mut ways = vec![Way::default()];
    ways.extend(profile.result.iter().map(|code| Way { result: Some(code.means), ..Way::default() }));
    for database in service.databases() {
        // Without any block the code speaks for the one database that was asked.
        if service.blocks.len() > 1 {
            ways.push(Way { missing: Some(database), ..Way::default() });
        }
        for code in &profile.status {
            ways.push(Way { block: Some((database, code.means)), ..Way::default() });
            // The code for a fault in one database, beside the word of the others.
            let stands = profile.result.iter().find(|code| code.blocks_stand).map(|code| code.means);
            ways.push(Way { result: stands, block: Some((database, code.means)), missing: None });
        }
    }
    ways
}

impl Way {
    fn faults(&self, profile: &Profile, payload: PayloadStyle) -> Faults {
        let named = |codes: &[super::super::profile::Code], meaning: Meaning| {
            codes.iter().find(|code| code.means == meaning).unwrap().name.clone()
        };
        Faults {
            result: self.result.map(|meaning| named(&profile.result, meaning)),
            blocks: self
                .block
                .iter()
                .map(|(database, meaning)| (*database, named(&profile.status, *meaning)))
                .collect(),
            missing: self.missing.into_iter().collect(),
            payload: Some(payload),
            numeric_codes: payload == PayloadStyle::Escaped,
            ..Faults::default()
        }
    }

    /// Whether nothing goes wrong for a database.
    fn spares(&self, database: Database, held: usize) -> bool {
        let natural = if held == 0 { Meaning::NoRecord } else { Meaning::Hits };
        let block = self.block.is_none_or(|(of, meaning)| of != database || meaning == natural);
        self.missing != Some(database) && block
    }

    /// What of a database, of which the simulator holds so many records, may be told.
    fn check(&self, told: &str, database: Database, held: usize, records_max: usize) {
        let natural = if held == 0 { Meaning::NoRecord } else { Meaning::Hits };
        let untouched = self.result.is_none_or(|result| result == natural) && self.spares(database, held);
        if told == "no_record" {
            assert_eq!(held, 0, "a record was lost");
            assert!(self.spares(database, held), "not its own word");
        }
        match held {
            _ if !untouched => {}
            0 => assert_eq!(told, "no_record"),
            held if held >= records_max => assert_eq!(told, "hits+list_truncated"),
            _ => assert_eq!(told, "hits"),
        }
        if let Some(Meaning::NotChecked(_)) = self.result {
            let own_word = held == 0 && self.spares(database, held);
            assert!(own_word || told != "no_record", "a failure became silence");
        }
    }
}

// Proves, over the whole matrix and in both profiles, that only a database's own "nothing found" is no record, that an answer
// without a fault is told as it is, and that every failure is an answer with its reason.
#[tokio::test(flavor = "multi_thread")]
async fn only_its_own_word_is_no_record() {
    for profile in profiles() {
        let (sim, find) = simulated(&profile).await;
        let mut asked = 0;
        for service in &profile.service {
            let databases: Vec<Database> = service.databases().collect();
            // One service alone, so that it is asked though another covers its databases.
            let mut alone = (*profile).clone();
            alone.service.retain(|one| one.name == service.name);
            for records_max in [3, 20] {
                let mut settings = find.settings.clone();
                settings.options.records_max = records_max;
                let find = Find::new(settings, Arc::new(alone.clone()), Clock::system()).unwrap();
                for (way, payload) in ways(&profile, service)
                    .iter()
                    .flat_map(|way| [PayloadStyle::Inline, PayloadStyle::Escaped].map(|style| (way, style)))
                {
                    sim.set_faults(way.faults(&profile, payload)).unwrap();
                    for (number, held) in [(NONE, 0), (ONE, 1), (MANY, COUNT)] {
                        for query in questions(service.kind, number) {
                            let answers = Arc::clone(&find).ask(ask(query, &databases)).await;
                            let told = told(&answers);
                            assert_eq!(told.len(), databases.len());
                            for database in &databases {
                                let told = &told[database.code()];
                                let shown =
                                    format!("{}/{}/{number}/{told}/{way:?}", profile.name, service.name);
                                let checked = std::panic::catch_unwind(|| {
                                    way.check(told, *database, held, usize::from(records_max));
                                });
                                assert!(checked.is_ok(), "{shown}");
                                asked += 1;
                            }
                        }
                    }
                }
            }
        }
        assert!(asked > 2_000, "{asked}");
        sim.shutdown().await;
    }
}

// Proves that in both profiles each kind of record comes with what it says, graded, with its details, and that a person's
// notice and image are fetched by the paths that its details give.
#[tokio::test]
async fn records_are_told_in_full() {
    for profile in profiles() {
        let (sim, find) = simulated(&profile).await;
        let name = &profile.name;
        let of = async |kind, place: usize, database| {
            let query = questions(kind, ONE).remove(place);
            let answers = Arc::clone(&find).ask(ask(query, &[database])).await;
            answers[0].finding.hits().first().cloned().unwrap_or_else(|| panic!("{name} {:?}", answers[0]))
        };
        let passport = of(Kind::Document, 0, Database::Sltd).await;
        assert_eq!(passport.class, postern_sdk::MatchClass::Exact, "{name}");
        assert_eq!(
            (passport.theft_type.as_deref(), passport.theft_country),
            (Some("STL"), "FRA".parse().ok())
        );
        assert_eq!((passport.theft_date, passport.issuer), ("2020-01-02".parse().ok(), "D".parse().ok()));
        let tdawn = of(Kind::Document, 0, Database::Tdawn).await;
        assert_eq!(tdawn.notice.as_deref(), Some("RED"), "{name}");
        for place in 0..2 {
            let vehicle = of(Kind::Vehicle, place, Database::Smv).await;
            assert_eq!(
                (vehicle.class, vehicle.theft_type.as_deref()),
                (postern_sdk::MatchClass::Exact, Some("STL"))
            );
            assert!(vehicle.remarks.is_empty(), "{name}: details came");
        }
        let firearm = of(Kind::Firearm, 0, Database::Firearms).await;
        assert_eq!(
            (firearm.class, firearm.details["make"].reveal().as_str()),
            (postern_sdk::MatchClass::TypeDiffers, "ALTA")
        );
        let person = of(Kind::Person, 0, Database::Nominal).await;
        assert_eq!(person.score.as_ref().map(|score| score.permille), Some(1000), "{name}");
        assert!(
            !person.details.contains_key(crate::find::NOTICE_PATH),
            "details of persons are asked for by people"
        );

        let context = Context { environment: Environment::Training, ..Context::default() };
        let fetch = async |wanted: Wanted<'_>| {
            let reference = Reference(uuid::Uuid::nil());
            find.fetch(Database::Nominal, &person.record, wanted, &context, reference).await.unwrap().fetched
        };
        let Ok(Fetched::Details(details)) = fetch(Wanted::Details).await else { panic!("{name}") };
        assert_eq!(
            (details.record.as_str(), details.notice.as_deref()),
            (person.record.as_str(), Some("RED"))
        );
        let path = |detail: &str| details.details[detail].reveal().clone();
        let Ok(Fetched::File(pdf)) = fetch(Wanted::Notice(&path(crate::find::NOTICE_PATH))).await else {
            panic!("{name}")
        };
        assert!(pdf.content.starts_with(b"%PDF") && pdf.media_type == "application/pdf");
        let Ok(Fetched::File(image)) = fetch(Wanted::Image(&path(crate::find::IMAGE_PATH))).await else {
            panic!("{name}")
        };
        assert!(image.content.len() > 200_000 && image.media_type == "image/jpeg", "{name}");
        assert!(matches!(fetch(Wanted::Image("/images/none.jpg")).await, Ok(Fetched::Nothing)), "{name}");
        sim.shutdown().await;
    }
}

/// Every name of the wire in a profile's text.
fn names(profile: &Profile) -> std::collections::BTreeSet<String> {
    let mut names = std::collections::BTreeSet::new();
    for service in &profile.service {
        names.extend([service.path.clone(), service.namespace.clone(), service.entry.clone()]);
        for operation in
            super::super::profile::Step::ALL.into_iter().filter_map(|step| service.operation(step))
        {
            names.extend([operation.operation.clone(), operation.response.clone(), operation.result.clone()]);
            names.extend(operation.fields.iter().map(|field| field.element.clone()));
        }
    }
    names.extend(profile.header.iter().flat_map(|block| {
        block.fields.iter().map(|field| field.element.clone()).chain([block.element.clone()])
    }));
    names.extend(profile.result.iter().chain(&profile.status).map(|code| code.name.clone()));
    names
}

// Proves that the two profiles of the matrix share no name, so that none can stand in the program.
#[test]
fn the_profiles_share_no_name() {
    let [one, other] = profiles();
    let (one, other) = (names(&one), names(&other));
    assert!(one.len() > 60 && one.len() == other.len(), "{} and {}", one.len(), other.len());
    assert_eq!(one.intersection(&other).next(), None);
}
