//! `postern mind info|lookup|verify|diff`: what a copy is and holds.

use clap::Args;
use jiff::Timestamp;
use postern_sdk::{
    Answer, Basis, Database, DocumentKey, DocumentNumber, FirearmKey, Name, PersonKey, Personal, Plate,
    Query, QueryKey, Serial, Sex, State, VehicleKey, VesselKey, Vin,
};

use super::super::{Exit, complain, given, say};
use super::place::{Place, by_number, dataset};
use super::progress::Work;
use super::{Failure, refused};
use crate::clock::Clock;
use crate::mind::trust::Refusal;
use crate::mind::{self, Copy, Coverage, Dataset, Info, versions};

/// Shows the datasets of a copy.
#[derive(Clone, Debug, Args)]
pub struct MindInfo {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// Tells it as JSON, a line a dataset
    #[arg(long)]
    pub json: bool,
}

/// Looks a number or a person up.
#[derive(Clone, Debug, Args)]
pub struct MindLookup {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The number, or - for standard input
    #[arg(allow_hyphen_values = true, required_unless_present = "name", conflicts_with = "name")]
    pub number: Option<String>,
    /// What is looked up: document, vin, plate, engine, firearm or vessel by its number, person by the name
    #[arg(long, value_name = "KIND", default_value = "document", value_parser = ["document", "vin", "plate", "engine", "firearm", "vessel", "person"])]
    pub kind: String,
    /// The person's surname and given names, a comma between them, or - for standard input
    #[arg(long, value_name = "SURNAME, GIVEN", allow_hyphen_values = true)]
    pub name: Option<String>,
    /// The person's date of birth: YYYY-MM-DD, with XX for what is not known
    #[arg(long, value_name = "DATE", requires = "name")]
    pub birth: Option<String>,
    /// The person's sex: F, M or X
    #[arg(long, value_name = "SEX", requires = "name", value_parser = sex)]
    pub sex: Option<Sex>,
    /// The person's nationality
    #[arg(long, value_name = "STATE", requires = "name")]
    pub nationality: Option<String>,
    /// The document's issuing state, or the plate's country
    #[arg(long, value_name = "STATE")]
    pub issuer: Option<String>,
    /// The document's type: INTERPOL's code of three letters, or P, I, V for any passport, identity document, visa
    #[arg(long = "type", value_name = "TYPE")]
    pub doc_type: Option<String>,
}

/// Verifies a copy.
#[derive(Clone, Debug, Args)]
pub struct MindVerify {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The dataset; without it all that are there
    #[arg(long, value_name = "DATASET", value_parser = dataset)]
    pub dataset: Option<Dataset>,
    /// Tells it as JSON, a line a dataset
    #[arg(long)]
    pub json: bool,
}

/// Compares two states.
#[derive(Clone, Debug, Args)]
pub struct MindDiff {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The earlier version
    pub from: u64,
    /// The later version
    pub to: u64,
    /// The dataset
    #[arg(long, value_name = "DATASET", default_value = "documents", value_parser = by_number)]
    pub dataset: Dataset,
    /// Tells it as JSON
    #[arg(long)]
    pub json: bool,
}

/// The datasets that are in a copy's folder.
fn datasets(place: &Place) -> Result<Vec<Dataset>, Failure> {
    let there = |dataset: &Dataset| !versions(&place.folder, dataset.name()).is_empty();
    let found: Vec<Dataset> = Dataset::ALL.into_iter().filter(there).collect();
    if found.is_empty() { Err(format!("{}: no dataset", place.folder.display()).into()) } else { Ok(found) }
}

/// Shows each dataset's newest state. It needs no key: a manifest is not secret.
pub(super) fn info(args: &MindInfo) -> Exit {
    let now = Clock::system().now();
    let told = (|| -> Result<(), Failure> {
        for dataset in datasets(&args.place)? {
            tell(&args.place.info(dataset)?, now, args.json);
        }
        Ok(())
    })();
    told.map_or_else(|error| refused(&error), |()| Exit::Ok)
}

/// Tells what a state says of itself.
pub(super) fn tell(info: &Info, now: Timestamp, json: bool) -> Exit {
    if json {
        say(serde_json::to_string(info).unwrap_or_default());
        return Exit::Ok;
    }
    say(format_args!(
        "dataset     {} version {}, generation {}",
        info.dataset, info.version, info.generation
    ));
    say(format_args!("environment {}", info.environment.code()));
    for (database, holding) in &info.databases {
        let coverage = if holding.coverage == Coverage::Full { "full" } else { "partial" };
        say(format_args!("database    {database}: {} records, coverage {coverage}", holding.records));
    }
    let age_h = now.duration_since(info.data_as_of).as_hours();
    say(format_args!("data as of  {:.0}, {age_h} h old", info.data_as_of));
    say(format_args!("created     {:.0}", info.created));
    say(format_args!("expires     {:.0}", info.expires));
    match info.ids_bytes {
        0 => say(format_args!("size        {} bytes of persons", info.table_bytes)),
        ids => say(format_args!("size        {} bytes of table, {ids} of record ids", info.table_bytes)),
    }
    say(format_args!("digest      {}", info.digest));
    Exit::Ok
}

/// Looks a number or a person up.
pub(super) fn lookup(args: &MindLookup) -> Exit {
    let looked_up = (|| -> Result<Exit, Failure> {
        let asked = args.number.as_deref().or(args.name.as_deref()).unwrap_or_default();
        let asked = match given(asked) {
            Ok(asked) => asked,
            Err(exit) => return Ok(exit),
        };
        match (args.kind == "person", args.name.is_some()) {
            (true, true) => return lookup_person(args, &asked),
            (false, false) => {}
            _ => return Err("a person is looked up by --kind person and --name".into()),
        }
        let key = key(args, &asked)?;
        let dataset = Dataset::of(&key).ok_or("no dataset is asked by this")?;
        Ok(tell_answers(&args.place.open(dataset, None)?, &key))
    })();
    looked_up.unwrap_or_else(|error| refused(&error))
}

fn lookup_person(args: &MindLookup, name: &str) -> Result<Exit, Failure> {
    let (surname, given) = name.split_once(',').unwrap_or((name, ""));
    let part = |text: &str| Some(text.trim()).filter(|text| !text.is_empty()).map(Personal::from);
    let key = PersonKey {
        name: Name { primary: part(surname).unwrap_or_default(), secondary: part(given), truncated: false },
        birth: args.birth.as_deref().map(str::parse).transpose()?,
        sex: args.sex.unwrap_or_default(),
        nationality: args.nationality.as_deref().map(str::parse).transpose()?,
        document: None,
    };
    let query = Query { key: QueryKey::Person(key), basis: Basis::Stated };
    let copy = args.place.open_persons()?;
    let databases: Vec<Database> = copy.manifest().databases.keys().copied().collect();
    Ok(tell_all(&copy.answer(&query, &databases, 0, Clock::system().now())))
}

fn sex(text: &str) -> Result<Sex, String> {
    match text {
        "F" => Ok(Sex::Female),
        "M" => Ok(Sex::Male),
        "X" => Ok(Sex::Unspecified),
        _ => Err("F, M or X".to_owned()),
    }
}

fn key(args: &MindLookup, number: &str) -> Result<QueryKey, Failure> {
    let issuer: Option<State> = args.issuer.as_deref().map(str::parse).transpose()?;
    Ok(match args.kind.as_str() {
        "vin" => QueryKey::Vehicle(VehicleKey::Vin(Vin::normalise(number)?)),
        "plate" => QueryKey::Vehicle(VehicleKey::Plate { plate: Plate::normalise(number)?, country: issuer }),
        "engine" => QueryKey::Vehicle(VehicleKey::Engine(Serial::normalise(number)?)),
        "firearm" => QueryKey::Firearm(FirearmKey {
            serial: Serial::normalise(number)?,
            make: None,
            model: None,
            calibre: None,
        }),
        "vessel" => QueryKey::Vessel(VesselKey::Hull(Serial::normalise(number)?)),
        _ => QueryKey::Document(DocumentKey {
            number: DocumentNumber::normalise(number)?,
            issuer,
            doc_type: args.doc_type.as_deref().map(str::parse).transpose()?,
        }),
    })
}

/// Writes what each database of a copy says of a number, as JSON: 1 if something could not be checked.
pub(in crate::cli) fn tell_answers(copy: &Copy, key: &QueryKey) -> Exit {
    let databases: Vec<Database> = copy.manifest().databases.keys().copied().collect();
    tell_all(&copy.answer(key, &databases, 0, Clock::system().now()))
}

fn tell_all(answers: &[Answer]) -> Exit {
    for answer in answers {
        say(serde_json::to_string(answer).unwrap_or_default());
    }
    let unchecked = answers.iter().any(|answer| answer.unchecked().is_some());
    if unchecked { Exit::Found } else { Exit::Ok }
}

/// Verifies the newest state of each dataset.
pub(super) fn verify(args: &MindVerify) -> Exit {
    let all = match args.dataset.map_or_else(|| datasets(&args.place), |dataset| Ok(vec![dataset])) {
        Ok(all) => all,
        Err(error) => return refused(&error),
    };
    let whole = all.into_iter().filter(|dataset| verify_dataset(args, *dataset)).count();
    if whole > 0 && args.dataset.is_none_or(|_| whole == 1) { Exit::Ok } else { Exit::Found }
}

fn verify_dataset(args: &MindVerify, dataset: Dataset) -> bool {
    let work = Work::begin();
    let verified = (|| -> Result<Info, Failure> {
        if !dataset.is_by_number() {
            // It can't be opened unless every byte is right.
            let persons = args.place.open_persons()?;
            persons.self_test()?;
            return Ok(persons.info());
        }
        let copy = args.place.open(dataset, None)?;
        copy.verify(|done, of| work.at("verifying", done, of))?;
        copy.self_test()?;
        Ok(copy.info())
    })();
    drop(work);
    let code = match &verified {
        Ok(_) => None,
        Err(error) => Some(error.downcast_ref::<Refusal>().map_or("unavailable", Refusal::code)),
    };
    match (&verified, args.json) {
        (Ok(info), false) => say(format_args!(
            "{dataset}: every byte of version {} is as it was signed, {} records",
            info.version, info.records
        )),
        (Err(error), false) => complain(format_args!("{dataset}: {error}")),
        (verified, true) => {
            let version = verified.as_ref().ok().map(|info| info.version);
            let told = serde_json::json!({ "dataset": dataset.name(), "version": version, "refused": code });
            say(told);
        }
    }
    verified.is_ok()
}

/// Counts what differs between two states.
pub(super) fn diff(args: &MindDiff) -> Exit {
    let difference = (|| -> Result<mind::Difference, Failure> {
        let open = |version| args.place.open(args.dataset, Some(version));
        Ok(mind::diff(&open(args.from)?, &open(args.to)?)?)
    })();
    match difference {
        Ok(difference) if args.json => say(serde_json::to_string(&difference).unwrap_or_default()),
        Ok(mind::Difference { same, changed, added, removed }) => {
            say(format_args!("{added} added, {changed} changed, {removed} removed, {same} the same"));
        }
        Err(error) => return refused(&error),
    }
    Exit::Ok
}
