//! What a state answers.

use postern_sdk::{MatchClass, Plate, Reason, Remark, Serial, VehicleKey, VesselKey, Vin};

use super::*;
use crate::sim::feed::Expected;

// Proves that each record of a feed is found with all its fields, one by one and in batches, and that absent numbers are
// no record.
#[test]
fn every_record_is_found() {
    let site = Site::new();
    let feed = feed::generate(30_000, 11);
    let manifest = site.build(1, &feed_csv(30_000, 11)).unwrap();
    assert_eq!(manifest.records, 30_000);
    let copy = site.open(1).unwrap();
    copy.self_test().unwrap();
    for row in feed.rows() {
        let found = findings(&copy, &key(&row.number, Some(row.issuer), Some(row.doc_type)));
        let hit = found[&row.database].hits().iter().find(|hit| hit.record == row.record_id).unwrap();
        assert_eq!(hit.class, MatchClass::Exact);
        assert_eq!((hit.issuer, hit.doc_type), (Some(row.issuer), Some(row.doc_type)));
        assert_eq!(hit.theft_type.as_deref().unwrap_or(""), row.theft_type);
        assert_eq!(hit.theft_date, row.theft_date.parse().ok());
        assert_eq!(hit.theft_country, row.theft_country);
        assert_eq!(hit.notice.as_deref().unwrap_or(""), row.notice);
        assert_eq!(hit.details["retention_date"].reveal(), &row.retention_date);
        assert_eq!(hit.identifier.as_ref().unwrap().reveal(), &row.number);
    }
    let absent = |n: u64| format!("ZZZZ{n:08}");
    for n in 0..10_000 {
        let found = findings(&copy, &number(&absent(n)));
        assert_eq!(found[&Database::Sltd], Finding::NoRecord);
        assert_eq!(found[&Database::Tdawn], Finding::NoRecord);
        assert_eq!(found[&Database::Sad], Finding::NotChecked(Reason::CopyMissing));
    }
    let mixed: Vec<Identifier> = (0..30_000)
        .map(|n| if n % 3 == 0 { absent(n) } else { feed.row(n).number })
        .map(|number| Identifier::document(&number.parse().unwrap()))
        .collect();
    let mut told = 0;
    copy.contains_many(&mixed, |place, presence| {
        assert_eq!(presence == Presence::Some, place % 3 != 0);
        told += 1;
    });
    assert_eq!(told, mixed.len());
    let mut last = 0;
    copy.verify(|done, _| last = done).unwrap();
    assert!(last <= 30_000);
}

// Proves that each planted question of the simulator's feed is answered as it must be.
#[test]
fn plants_are_answered() {
    let site = Site::new();
    let feed = feed::generate(20_000, 5);
    site.build(1, &feed_csv(20_000, 5)).unwrap();
    let copy = site.open(1).unwrap();
    for plant in feed.plant(300) {
        let found = findings(&copy, &key(&plant.number, Some(plant.issuer), Some(plant.doc_type)));
        let class = found[&plant.database].hits().first().map(|hit| hit.class);
        let expected = match plant.expected {
            Expected::Exact => Some(MatchClass::Exact),
            Expected::TypeDiffers => Some(MatchClass::TypeDiffers),
            Expected::IssuerDiffers => Some(MatchClass::IssuerDiffers),
            Expected::NumberOnly => Some(MatchClass::NumberOnly),
            Expected::NoRecord => None,
        };
        assert_eq!(class, expected);
    }
}

// Proves that the records of one number come back together, the best first, more of them than a bucket can count, and
// also those that say the same and differ in their ids alone.
#[test]
fn records_of_a_number_come_together() {
    let site = Site::new();
    let issuers: Vec<String> = (0..300_u16)
        .map(|i| format!("A{}{}", (b'A' + (i / 26) as u8) as char, (b'A' + (i % 26) as u8) as char))
        .collect();
    let mut rows: Vec<String> = issuers
        .iter()
        .enumerate()
        .map(|(i, issuer)| format!("sltd,0000000,{issuer},PAS,,,,,,r{i}"))
        .collect();
    rows.extend(
        [TDAWN, "tdawn,0000000,UTO,PAS,,,,blue,,x", "tdawn,0000000,UTO,PAS,,,,blue,,y"].map(str::to_owned),
    );
    site.build(1, &csv(&rows.iter().map(String::as_str).collect::<Vec<_>>())).unwrap();
    let copy = site.open(1).unwrap();
    copy.verify(|_, _| {}).unwrap();
    let asked = key("000-0000", Some(State::normalise(&issuers[77]).unwrap()), Some(DocumentType::PASSPORT));
    let found = findings(&copy, &asked);
    let hits = found[&Database::Sltd].hits();
    assert_eq!(hits.len(), 300);
    assert_eq!((hits[0].class, hits[0].record.as_str()), (MatchClass::Exact, "r77"));
    assert!(hits[1..].iter().all(|hit| hit.class == MatchClass::IssuerDiffers));
    let mut twins: Vec<&str> = found[&Database::Tdawn].hits().iter().map(|hit| hit.record.as_str()).collect();
    twins.sort_unstable();
    assert_eq!(twins, ["x", "y"]);
}

// Proves that partial coverage and expiry never make silence evidence, and that matches are still told.
#[test]
fn silence_needs_coverage() {
    let mut site = Site::new();
    site.coverage.insert(Database::Sltd, Coverage::Partial);
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    let copy = site.open(1).unwrap();
    let absent = findings(&copy, &number("12345678"));
    assert_eq!(absent[&Database::Sltd], Finding::NotChecked(Reason::CopyPartial));
    assert_eq!(absent[&Database::Tdawn], Finding::NoRecord);
    assert_eq!(findings(&copy, &number("L898902C3"))[&Database::Sltd].hits().len(), 1);
    let partial = copy.answer(&number("L898902C3"), &[Database::Sltd], 0, NOW);
    assert_eq!(partial[0].unchecked, Some(Reason::CopyPartial));
    let late = copy.answer(&number("A1234567"), &[Database::Tdawn], 0, after(24 * 30));
    assert_eq!(late[0].finding.hits()[0].remarks, [Remark::StaleCopy]);
    assert_eq!(late[0].unchecked, Some(Reason::CopyStale));
    let late = copy.answer(&number("12345678"), &[Database::Tdawn], 0, after(24 * 30));
    assert_eq!(late[0].finding, Finding::NotChecked(Reason::CopyStale));
}

// Proves that things are found by each of their identifiers, graded by what is unique, and never by another kind's.
#[test]
fn things_are_found() {
    let mut site = Site::new();
    site.coverage = [(Database::Smv, Coverage::Full)].into();
    let layout = Layout { dataset: Dataset::Vehicles, changes: false };
    let rows = [
        "smv,vin,1M8GDM9AXKP042788,UTO,CAR,STL,2024-03-01,FRA,,,v1",
        "smv,plate,AB-123-CD,UTO,CAR,STL,2024-03-01,FRA,,,v1",
        "smv,engine,EN0042788,UTO,CAR,STL,2024-03-01,FRA,,,v1",
        "smv,part,GEARBOX77,UTO,GBX,STL,2024-03-01,FRA,,,v1",
    ];
    let text = format!("{}\n{}\n", layout.header(), rows.join("\n"));
    site.options(1, |options| {
        let options = BuildOptions { dataset: Dataset::Vehicles, ..options };
        build(text.as_bytes(), &options, |_| {}).unwrap();
    });
    let copy =
        site.opening(|opening| Copy::open(&Opening { dataset: Dataset::Vehicles, ..*opening }, 1).unwrap());
    let vin = |text: &str| VehicleKey::Vin(Vin::normalise(text).unwrap());
    let plate = |text: &str, country: Option<&str>| VehicleKey::Plate {
        plate: Plate::normalise(text).unwrap(),
        country: country.map(|code| code.parse().unwrap()),
    };
    let engine = |text: &str| VehicleKey::Engine(Serial::normalise(text).unwrap());
    let class = |key: VehicleKey| {
        let answers = copy.answer(&QueryKey::Vehicle(key), &[Database::Smv], 0, NOW);
        answers[0].finding.hits().first().map(|hit| (hit.class, hit.record.clone()))
    };
    let v1 = |class| Some((class, "v1".to_owned()));
    assert_eq!(class(vin("1M8GDM9AXKP042788")), v1(MatchClass::Exact));
    assert_eq!(class(plate("AB 123 CD", Some("UTO"))), v1(MatchClass::Exact));
    assert_eq!(class(plate("AB 123 CD", Some("FRA"))), v1(MatchClass::IssuerDiffers));
    assert_eq!(class(plate("AB 123 CD", None)), v1(MatchClass::IssuerDiffers));
    assert_eq!(class(engine("EN0042788")), v1(MatchClass::NumberOnly));
    assert_eq!(class(engine("GEARBOX77")), v1(MatchClass::NumberOnly));
    assert_eq!(class(engine("1M8GDM9AXKP042788")), None);
    assert_eq!(class(vin("1M8GDM9AXKP042789")), None);
}

// Proves that a ship is found by its IMO number however query and feed write it.
#[test]
fn ships_are_found_by_their_imo_number() {
    let site = Site { coverage: [(Database::Vessels, Coverage::Full)].into(), ..Site::new() };
    let layout = Layout { dataset: Dataset::Vessels, changes: false };
    let text =
        format!("{}\nvessels,imo,9074729,,,,,,,,s1\nvessels,imo,IMO 9319466,,,,,,,,s2\n", layout.header());
    site.options(1, |options| {
        let options = BuildOptions { dataset: Dataset::Vessels, ..options };
        build(text.as_bytes(), &options, |_| {}).unwrap();
    });
    let copy =
        site.opening(|opening| Copy::open(&Opening { dataset: Dataset::Vessels, ..*opening }, 1).unwrap());
    for (asked, id) in [("IMO 9074729", "s1"), ("9074729", "s1"), ("imo9319466", "s2"), ("9319466", "s2")] {
        let key = QueryKey::Vessel(VesselKey::Imo(Serial::normalise(asked).unwrap()));
        let answers = copy.answer(&key, &[Database::Vessels], 0, NOW);
        let hit = answers[0].finding.hits().first().map(|hit| (hit.class, hit.record.as_str()));
        assert_eq!(hit, Some((MatchClass::Exact, id)), "{asked}");
    }
}

// Proves that one faulty line, a record twice, or a database that is not there refuses the feed, and leaves nothing.
#[test]
fn nothing_is_half_imported() {
    let site = Site::new();
    let faults = |text: &str| match site.build(1, text) {
        Err(BuildError::Rows { faults, more: 0 }) => {
            faults.iter().map(|fault| (fault.line, fault.code)).collect::<Vec<_>>()
        }
        other => panic!("{other:?}"),
    };
    assert_eq!(faults(&csv(&[ROW, "sltd,12,UTO,PAS,,,,,,x", TDAWN])), [(3, "identifier_too_short")]);
    assert_eq!(faults(&csv(&[ROW, TDAWN, ROW, TDAWN])), [(4, "duplicate_record"), (5, "duplicate_record")]);
    assert_eq!(faults(&csv(&[ROW, "sad,X1234567,UTO,DRV,,,,,,x"])), [(3, "database_undeclared")]);
    assert_eq!(faults("no header\n")[0], (1, "header"));
    assert!(matches!(site.build(1, &csv(&[ROW])), Err(BuildError::Empty(Database::Tdawn))));
    let many: Vec<String> =
        (0..10_001).map(|n| format!("sltd,0000000,,,,,,,,{n}")).chain([TDAWN.to_owned()]).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    assert!(matches!(site.build(1, &csv(&many)), Err(BuildError::NumberTooFrequent)));
    assert!(site.listing().is_empty());
    site.build(1, &csv(&[ROW, TDAWN])).unwrap();
    assert!(matches!(site.build(1, &csv(&[ROW, TDAWN])), Err(BuildError::VersionExists(1))));
    assert_eq!(site.listing(), ["000000000001"]);
}

// Proves that the files of a state hold none of its numbers, ids or codes in the clear, and that another key finds nothing
// and is refused.
#[test]
fn the_folder_tells_nothing() {
    let site = Site::new();
    let feed = feed::generate(2_000, 3);
    site.build(1, &feed_csv(2_000, 3)).unwrap();
    for name in site.path(1).read_dir().unwrap() {
        let path = name.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        for row in feed.rows() {
            for secret in [&row.number, &row.record_id] {
                assert!(memchr::memmem::find(&bytes, secret.as_bytes()).is_none(), "{}", path.display());
            }
        }
    }
    let other = Arc::new(Generation::new(site.generation.name(), keyring::GenerationKey::random().unwrap()));
    let refused = site.opening(|opening| {
        let generation = |_: &str| Ok(Arc::clone(&other));
        Copy::open(&Opening { generation: &generation, ..*opening }, 1).map(drop)
    });
    assert!(matches!(refused, Err(Refusal::KeyWrong)));
    let refused = site.opening(|opening| {
        Copy::open(&Opening { generation: &|_| Err(Refusal::KeyMissing), ..*opening }, 1).map(drop)
    });
    assert!(matches!(refused, Err(Refusal::KeyMissing)));
}
