//! What can be made to go wrong, at run time.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

use postern_sdk::Database;
use serde::{Deserialize, Serialize};

use crate::find::Profile;
use crate::find::profile::PayloadStyle;

use super::act::Act;
use super::latency::Latency;
use super::schedule::{self, Scheduled};
use super::server::{MANAGED, TABLES};

/// Entries of a list or table at most.
const ENTRIES_MAX: usize = 10_000;

/// How the simulator behaves. What is left out is as by default: nothing goes wrong.
///
/// Of one request this becomes, the first that is said: its number's act, the script's next, one of the mix, `result`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// How long each answer is held back, in milliseconds.
    pub latency_ms: u64,
    /// How long each answer is held back beyond that.
    pub latency: Option<Latency>,
    /// The share of requests that fail with a SOAP fault, 0 to 1; which ones, the seed says.
    pub error_rate: f64,
    /// The share of requests of which this becomes; with `error_rate` at most 1. Which ones, the seed says.
    pub mix: BTreeMap<Act, f64>,
    /// What becomes of the requests from now on, one after another.
    pub script: Vec<Act>,
    /// Whether the script begins again at its end; otherwise requests are then answered as the rest says.
    pub script_repeats: bool,
    /// What becomes of requests about a number (`X1234567`), or about those that begin so (`X12*`). It is what a search finds
    /// by: a number or a name, its upper-case letters and digits.
    pub numbers: BTreeMap<String, Act>,
    /// How many bytes of an answer are sent in a second.
    pub drip_bytes_per_s: Option<u64>,
    /// How many bytes of an answer are sent before it is cut; two thirds of it if left out.
    pub cut_after_bytes: Option<u64>,
    /// The code that every result has, by the profile's name or number. With a code of failure there is no payload.
    pub result: Option<String>,
    /// The status of a database's block, by the profile's name or number. With a status of failure it has no records.
    pub blocks: BTreeMap<Database, String>,
    /// The databases whose block is missing.
    pub missing: BTreeSet<Database>,
    /// Whether nothing is answered at all.
    pub outage: Option<Outage>,
    /// Whether answers break off in the middle, while the connection goes on.
    pub truncated: bool,
    /// How the payload is written, if not as the profile says.
    pub payload: Option<PayloadStyle>,
    /// Whether codes are written as numbers rather than names.
    pub numeric_codes: bool,
    /// Outages of the whole link, counted from when this is set. Not in a service's table.
    pub schedule: Vec<Scheduled>,
    /// After how many seconds the schedule begins again; left out: it does not. Not in a service's table.
    pub schedule_every_s: Option<f64>,
    /// How a service behaves, by the profile's name of it: as its table here says, and not as the rest does.
    pub services: BTreeMap<String, Faults>,
}

/// How nothing is answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outage {
    /// Connections are closed, old and new.
    Refuse,
    /// Connections are accepted, and nothing comes.
    Hang,
}

impl Outage {
    /// The word.
    pub(super) const fn code(self) -> &'static str {
        match self {
            Self::Refuse => "refuse",
            Self::Hang => "hang",
        }
    }
}

/// What of the faults can't be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultsError(String);

impl fmt::Display for FaultsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for FaultsError {}

fn must(is: bool, otherwise: impl Into<String>) -> Result<(), FaultsError> {
    if is { Ok(()) } else { Err(FaultsError(otherwise.into())) }
}

impl Faults {
    /// Faults from the text of a file in TOML.
    ///
    /// # Errors
    /// Where the text is no TOML, or not of faults.
    pub fn parse(text: &str) -> Result<Self, FaultsError> {
        toml::from_str(text).map_err(|error| FaultsError(error.to_string()))
    }

    /// Whether the profile knows every code, and every share and time can be.
    ///
    /// # Errors
    /// What can't be, by its name.
    pub fn check(&self, profile: &Profile) -> Result<(), FaultsError> {
        self.check_answers(profile)?;
        schedule::check(&self.schedule, self.schedule_every_s).map_err(|what| FaultsError(what.into()))?;
        for (name, faults) in &self.services {
            let known = [TABLES, MANAGED].contains(&name.as_str())
                || profile.service.iter().any(|service| service.name == *name);
            must(known, no(name, "service"))?;
            let plain = faults.services.is_empty() && faults.schedule.is_empty();
            must(plain, format!("services.{name}: services and schedule can't stand in a service's table"))?;
            faults
                .check_answers(profile)
                .map_err(|FaultsError(what)| FaultsError(format!("services.{name}: {what}")))?;
        }
        Ok(())
    }

    fn check_answers(&self, profile: &Profile) -> Result<(), FaultsError> {
        self.check_shares()?;
        let result = |code: &str| must(profile.result_code(code).is_some(), no(code, "result"));
        self.result.as_deref().map_or(Ok(()), result)?;
        for act in self.mix.keys().chain(&self.script).chain(self.numbers.values()) {
            match act {
                Act::Result(code) => result(code)?,
                Act::Http(status) => {
                    must((200..1000).contains(status), format!("{act}: no answer has such a status"))?;
                }
                _ => {}
            }
        }
        for status in self.blocks.values() {
            must(profile.status_code(status).is_some(), no(status, "status"))?;
        }
        let lists = [self.mix.len(), self.script.len(), self.numbers.len()];
        must(lists.iter().all(|count| *count <= ENTRIES_MAX), "a list or table is too long")?;
        let normal = |number: &String| {
            number
                .strip_suffix('*')
                .unwrap_or(number)
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte.is_ascii_uppercase())
        };
        must(self.numbers.keys().all(normal), "numbers: only upper-case letters and digits, and * at the end")
    }

    fn check_shares(&self) -> Result<(), FaultsError> {
        must((0.0..=1.0).contains(&self.error_rate), "error_rate is not between 0 and 1")?;
        let share = |share: &f64| (0.0..=1.0).contains(share);
        must(self.mix.values().all(share), "mix: a share is not between 0 and 1")?;
        // A little more than 1 is the inexactness of the sum.
        must(self.error_rate + self.mix.values().sum::<f64>() < 1.000_001, "the shares are more than 1")?;
        must(self.latency.is_none_or(|latency| latency.is_sound()), "latency can't be so distributed")?;
        must(self.drip_bytes_per_s != Some(0), "drip_bytes_per_s is 0")
    }

    /// How a service behaves.
    pub(super) fn of(&self, service: &str) -> &Self {
        self.services.get(service).unwrap_or(self)
    }

    /// What becomes of requests about this: of the number itself, or of the longest that it begins with.
    pub(super) fn of_number(&self, number: &str) -> Option<&Act> {
        if self.numbers.is_empty() {
            return None;
        }
        let begins = |length: usize| self.numbers.get(&format!("{}*", number.get(..length)?));
        self.numbers.get(number).or_else(|| (0..=number.len()).rev().find_map(begins))
    }

    /// What becomes of the request that drew this share.
    pub(super) fn of_share(&self, mut drawn: f64) -> Act {
        let shares = std::iter::once((&Act::Fault, &self.error_rate)).chain(&self.mix);
        for (act, share) in shares {
            if drawn < *share {
                return act.clone();
            }
            drawn -= share;
        }
        Act::Natural
    }

    /// Whether nothing is answered so long after it was set, and after how long that may change.
    pub(super) fn outage_at(&self, elapsed: Duration) -> (Option<Outage>, Option<Duration>) {
        match self.outage {
            Some(outage) => (Some(outage), None),
            None => schedule::at(&self.schedule, self.schedule_every_s, elapsed),
        }
    }
}

fn no(text: &str, what: &str) -> String {
    format!("{text}: the profile has no such {what}")
}

#[cfg(test)]
mod tests {
    use super::super::act::Wrong;
    use super::*;

    const FILE: &str = r#"
        latency = { kind = "lognormal", p50_ms = 200, p99_ms = 5000 }
        error_rate = 0.1
        script = ["TIME_OUT", "http 503", "natural"]
        schedule = [{ after_s = 60, for_s = 10.5, outage = "refuse" }]
        schedule_every_s = 300
        mix = { hang = 0.05, html = 0.01, "http 502" = 0.02 }
        numbers = { "X12*" = "cut", X1234567 = "TOO_MANY_ANSWER" }
        [services.nominal]
        drip_bytes_per_s = 100
    "#;

    // Proves that a file and an admin request say the same, and that what is told is what was set.
    #[test]
    fn file_and_request() {
        let faults = Faults::parse(FILE).unwrap();
        faults.check(&Profile::built_in()).unwrap();
        assert_eq!(faults.script[1], Act::Http(503));
        assert_eq!(faults.of("nominal").drip_bytes_per_s, Some(100));
        assert_eq!(faults.of("smv"), &faults);
        let json = serde_json::to_string(&faults).unwrap();
        assert_eq!(serde_json::from_str::<Faults>(&json).unwrap(), faults);
        assert_eq!(serde_json::from_str::<Faults>("{}").unwrap(), Faults::default());
    }

    // Proves that the example in the documents can be.
    #[test]
    fn documented() {
        let page = include_str!("../../docs/simulator.md");
        let example = page.split("```toml\n# A bad day").nth(1).unwrap().split("```").next().unwrap();
        let faults = Faults::parse(&format!("# {example}")).unwrap();
        faults.check(&Profile::built_in()).unwrap();
        assert_eq!((faults.schedule.len(), faults.mix.len(), faults.services.len()), (1, 3, 1));
    }

    // Proves that each mistake is refused by name.
    #[test]
    fn mistakes() {
        let told = |text: &str| {
            Faults::parse(text).and_then(|faults| faults.check(&Profile::built_in())).unwrap_err().to_string()
        };
        for (text, said) in [
            ("error_rate = 1.5", "error_rate"),
            ("error_rate = 0.6\nmix = { hang = 0.6 }", "more than 1"),
            ("mix = { hang = -0.1 }", "mix"),
            ("script = [\"TIMEOUT\"]", "TIMEOUT"),
            ("mix = { \"http 42\" = 0.1 }", "http 42"),
            ("numbers = { \"x1\" = \"cut\" }", "numbers"),
            ("blocks = { sltd = \"MAYBE\" }", "MAYBE"),
            ("latency = { kind = \"fixed\", ms = -1 }", "latency"),
            ("drip_bytes_per_s = 0", "drip"),
            ("schedule = [{ after_s = -1, for_s = 1, outage = \"hang\" }]", "schedule"),
            ("[services.nomnal]\nlatency_ms = 1", "nomnal"),
            ("[services.nominal]\nresult = \"X\"", "services.nominal: X"),
            ("[services.nominal.services.smv]", "services and schedule"),
            ("lateny_ms = 1", "lateny_ms"),
        ] {
            assert!(told(text).contains(said), "{text}: {}", told(text));
        }
    }

    // Proves that shares are as wide as they say, in the order of error rate and mix, and that the rest is natural.
    #[test]
    fn shares() {
        let mix = BTreeMap::from([(Act::Hang, 0.25), (Act::Wrong(Wrong::Html), 0.25)]);
        let faults = Faults { error_rate: 0.25, mix, ..Faults::default() };
        let acts = [0.0, 0.24, 0.26, 0.49, 0.51, 0.74, 0.76, 0.99].map(|drawn| faults.of_share(drawn));
        let html = Act::Wrong(Wrong::Html);
        let [fault, hang, natural] = [Act::Fault, Act::Hang, Act::Natural];
        assert_eq!(acts, [&fault, &fault, &hang, &hang, &html, &html, &natural, &natural].map(Clone::clone));
    }

    // Proves that the number itself goes before what it begins with, and the longer beginning before the shorter.
    #[test]
    fn numbers() {
        let numbers = [("X1*", "cut"), ("X12*", "hang"), ("X123", "fault"), ("*", "close")];
        let numbers = numbers.map(|(number, act)| (number.to_owned(), Act::from(act.to_owned()))).into();
        let faults = Faults { numbers, ..Faults::default() };
        for (number, act) in [("X123", Act::Fault), ("X1234", Act::Hang), ("X1", Act::Cut), ("Y", Act::Close)]
        {
            assert_eq!(faults.of_number(number), Some(&act), "{number}");
        }
        assert_eq!(Faults::default().of_number("X123"), None);
    }
}
