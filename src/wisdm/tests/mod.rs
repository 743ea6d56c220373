//! The management of records: its rules, the reading of answers, and the client against the simulator.

mod lists;
mod replies;
mod rules;
mod simulated;

use std::sync::Arc;

use jiff::civil::Date;
use postern_sdk::{Context, Environment, Personal, Reference};

use super::rules::Rules;
use super::*;
use crate::clock::Clock;
use crate::find::{Profile, Settings};
use crate::sim::{RunningSim, SimOptions, SimRecords, Simulator};

const TODAY: Date = Date::constant(2026, 3, 1);

fn rules_of(profile: &Profile) -> Rules<'_> {
    Rules { profile, wisdm: profile.wisdm.as_ref().unwrap(), today: TODAY }
}

/// A stolen passport that keeps every rule.
fn stolen(number: &str) -> Draft {
    Draft {
        number: number.to_owned(),
        doc_type: "PAS".to_owned(),
        loss: "stolen".to_owned(),
        country: "FRA".to_owned(),
        date: "2025-11-30".to_owned(),
        issued: "2020-01-02".to_owned(),
        expires: "2030-01-01".to_owned(),
        national_reference: "N-1".to_owned(),
        info: "stolen from a car".to_owned(),
        ..Draft::default()
    }
}

fn document(wisdm: &Wisdm, draft: &Draft) -> Document {
    wisdm.rules().check(draft).unwrap()
}

fn sender() -> Sender {
    let context = Context {
        environment: Environment::Training,
        end_user: Some(Personal::from("clerk")),
        ..Context::default()
    };
    Sender { context, exchange: Reference(uuid::Uuid::nil()) }
}

fn clock() -> Clock {
    Clock::from_fn(|| jiff::tz::Offset::UTC.to_timestamp(TODAY.at(12, 0, 0, 0)).unwrap())
}

async fn simulated(profile: Profile) -> (RunningSim, Wisdm) {
    let profile = Arc::new(profile);
    let sim = Simulator::start(SimOptions {
        listen: "127.0.0.1:0".parse().unwrap(),
        admin_listen: None,
        tls: None,
        records: Arc::new(SimRecords::default()),
        seed: 7,
        profile: Arc::clone(&profile),
        clock: clock(),
    })
    .await
    .unwrap();
    let wisdm = client(&sim, profile);
    (sim, wisdm)
}

fn settings(sim: &RunningSim) -> Settings {
    let folder = tempfile::tempdir().unwrap();
    let password = folder.path().join("password");
    std::fs::write(&password, "secret").unwrap();
    let find = format!(
        "base_url = 'http://{}'\nusername = 'acct'\npassword_file = '{}'\nbreaker_failures = 1000000",
        sim.addr,
        password.display()
    );
    let instance = "name = 'x'\nenvironment = 'training'\ncountry = 'UTO'";
    Settings::load(&toml::from_str(&find).unwrap(), &toml::from_str(instance).unwrap()).unwrap()
}

fn client(sim: &RunningSim, profile: Arc<Profile>) -> Wisdm {
    Wisdm::new(settings(sim), profile, clock(), Speed { concurrency_max: 16, rate_per_s_max: 0 }).unwrap()
}
